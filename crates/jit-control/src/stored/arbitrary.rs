//! Strategies for the domain's types, for property tests of everything that stores or sends them.
//! Texts hold what JSON must escape, and letters outside ASCII.

use std::collections::BTreeMap;
use std::time::Duration;

use jit_domain::class::{Batch, Class, ClassIdentity, Closed, Outcome, Scope, Template, Try};
use jit_domain::decide::runner_group::GroupFault;
use jit_domain::group::{Group, Narrowed, Taken, Width};
use jit_domain::ids::{
    BatchId, ClassKey, Cloud, Digest, GroupKey, ImageId, InstallationId, InstanceKey, JobId, Login,
    MachineType, PoolName, Region, RepositoryName, RunId, RunnerGroupId, RunnerId, RunnerName, SubnetId,
};
use jit_domain::instance::{Instance, InstancePhase, Mint, Stage};
use jit_domain::job::{Job, JobPhase, RunnerRef, Visibility};
use jit_domain::labels::LabelSet;
use jit_domain::policy::{
    CapacityType, DiskEncryption, DiskType, Image, ImageKind, Machine, MachineSelection, Offering,
    PublicAddress,
};
use jit_domain::pool::{
    BootSamples, Breaker, GroupLook, LaunchCount, OfferingHealth, PoolRecord, Reservation, Unhealthy,
};
use jit_domain::reason::Reason;
use jit_domain::time::Timestamp;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{GhostScope, GhostScopes};

/// Any text, also empty.
pub(crate) fn text() -> impl Strategy<Value = String> {
    "[ -~äß\"\\\\\n\u{1f980}]{0,12}"
}

/// A text such as ids are made of.
pub(crate) fn word() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9._-]{0,15}"
}

pub(crate) fn timestamp() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp::from_ms)
}

pub(crate) fn repository() -> impl Strategy<Value = RepositoryName> {
    "[a-z0-9-]{1,10}/[a-z0-9_-]{1,10}".prop_map(|name| RepositoryName::parse(&name).unwrap())
}

pub(crate) fn login() -> impl Strategy<Value = Login> {
    "[A-Za-z0-9-]{1,12}".prop_map(|login| Login::new(&login))
}

pub(crate) fn instance_key() -> impl Strategy<Value = InstanceKey> {
    (word(), "[a-z0-9/-]{1,20}").prop_map(|(region, id)| InstanceKey {
        cloud: Cloud::Aws,
        region: Region::new(region),
        id,
    })
}

pub(crate) fn class_key() -> impl Strategy<Value = ClassKey> {
    "[0-9a-f]{32}".prop_map(ClassKey::new)
}

pub(crate) fn stage() -> impl Strategy<Value = Stage> {
    select(&Stage::ALL)
}

fn labels() -> impl Strategy<Value = LabelSet> {
    vec(text(), 0..4).prop_map(|labels| labels.iter().collect())
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![login().prop_map(Scope::Organisation), repository().prop_map(Scope::Repository)]
}

fn reason() -> impl Strategy<Value = Reason> {
    use Reason::*;
    let plain = [
        InstanceOnItsWay,
        PoolCap,
        OrganisationCap,
        Paused,
        NoOffering,
        ImageNotResolved,
        Filled,
        NoNeed,
        BatchTooOld,
        GivenUp,
        JobFinished,
        NeverClaimed,
        NotNeeded,
        GoneFromCloud,
        NotOurs,
        ListingNotBelieved,
    ];
    prop_oneof![
        select(plain.to_vec()),
        group_fault().prop_map(|fault| RunnerGroup { fault }),
        option::of(stage()).prop_map(|stage| PoolFailing { stage }),
        timestamp().prop_map(|until| WaitsAfterLapse { until }),
        text().prop_map(|code| InsufficientCapacity { code }),
        text().prop_map(|code| Quota { code }),
        text().prop_map(|code| Throttled { code }),
        text().prop_map(|code| Refused { code }),
    ]
}

pub(crate) fn visibility() -> impl Strategy<Value = Option<Visibility>> {
    option::of(select(vec![Visibility::Private, Visibility::Public]))
}

prop_compose! {
    pub(crate) fn group()(
        (key, stem, installation, repository) in (word(), text(), any::<u64>(), repository()),
        (run, pool, born_at) in (any::<u64>(), text(), timestamp()),
        width in prop_oneof![
            option::of(timestamp()).prop_map(|asked_at| Width::Awaited { asked_at }),
            Just(Width::Unknown),
            any::<u32>().prop_map(Width::Known),
        ],
        (probe, proven, open) in (any::<u32>(), any::<u32>(), any::<u32>()),
        narrowed in option::of((any::<u32>(), timestamp()).prop_map(|(to, at)| Narrowed { to, at })),
        taken in (timestamp(), any::<u32>()).prop_map(|(since, count)| Taken { since, count }),
        running in btree_map(any::<u64>().prop_map(JobId), timestamp(), 0..4),
        (changed_at, durations) in (timestamp(), vec(any::<u32>(), 0..4)),
    ) -> Group {
        let durations = durations.into_iter().map(|ms| Duration::from_millis(ms.into())).collect();
        Group {
            key: GroupKey::new(key),
            stem,
            installation: InstallationId(installation),
            repository,
            run: RunId(run),
            pool: PoolName::new(pool),
            born_at,
            width,
            probe,
            proven,
            taken,
            narrowed,
            open,
            running,
            changed_at,
            durations,
        }
    }
}

prop_compose! {
    pub(crate) fn job()(
        (id, run, attempt, name) in (any::<u64>(), any::<u64>(), any::<u32>(), text()),
        (installation, repository, organisation) in (any::<u64>(), repository(), option::of(login())),
        (labels, pool, class) in (labels(), text(), class_key()),
        visibility in visibility(),
        phase in select(vec![
            JobPhase::Waiting, JobPhase::Queued, JobPhase::InProgress, JobPhase::Completed,
        ]),
        permit in option::of(instance_key()),
        runner in option::of((option::of(any::<u64>()), text())),
        (created_at, seen_at, moved_at) in (timestamp(), timestamp(), timestamp()),
        (asked_at, conclusion, wait) in (option::of(timestamp()), option::of(text()), option::of(reason())),
    ) -> Job {
        Job {
            id: JobId(id),
            run: RunId(run),
            attempt,
            name,
            installation: InstallationId(installation),
            repository,
            organisation,
            visibility,
            labels,
            pool: PoolName::new(pool),
            class,
            phase,
            permit,
            runner: runner.map(|(id, name)| RunnerRef { id: id.map(RunnerId), name: RunnerName::new(name) }),
            created_at,
            seen_at,
            moved_at,
            asked_at,
            conclusion,
            wait,
        }
    }
}

prop_compose! {
    fn offering()(
        (region, subnet, machine_type, image) in (word(), word(), word(), word()),
        capacity_type in select(vec![CapacityType::Spot, CapacityType::OnDemand]),
        kind in select(vec![ImageKind::Baked, ImageKind::Stock]),
    ) -> Offering {
        Offering {
            cloud: Cloud::Aws,
            region: Region::new(region),
            subnet: SubnetId::new(subnet),
            machine_type: MachineType::new(machine_type),
            capacity_type,
            image: Image { id: ImageId::new(image), kind },
        }
    }
}

prop_compose! {
    fn machine()(
        security_groups in vec(word(), 0..3),
        (instance_profile, root_device) in (option::of(text()), option::of(text())),
        (disk_gib, disk_iops, disk_throughput_mibs) in
            (option::of(any::<u32>()), option::of(any::<u32>()), option::of(any::<u32>())),
        disk_type in option::of(select(DiskType::ALL.to_vec())),
        disk_encryption in prop_oneof![
            Just(DiskEncryption::AsImage),
            Just(DiskEncryption::AccountKey),
            text().prop_map(DiskEncryption::Key),
        ],
        public_address in select(vec![PublicAddress::AsSubnet, PublicAddress::Yes, PublicAddress::No]),
    ) -> Machine {
        Machine {
            security_groups,
            instance_profile,
            disk_gib,
            disk_type,
            disk_iops,
            disk_throughput_mibs,
            disk_encryption,
            root_device,
            public_address,
        }
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Open),
        any::<u32>().prop_map(|count| Outcome::Launched { count }),
        reason().prop_map(|reason| Outcome::Refused { reason }),
        timestamp().prop_map(|since| Outcome::Unknown { since }),
        option::of(timestamp()).prop_map(|looked_at| Outcome::Mismatch { looked_at }),
    ]
}

prop_compose! {
    fn one_try()(
        (n, offering, count) in any::<(u32, u32, u32)>(),
        (born_at, sent_at, token_expires_at) in (timestamp(), option::of(timestamp()), timestamp()),
        (outcome, is_doubtful) in (outcome(), any::<bool>()),
    ) -> Try {
        Try { n, offering, count, born_at, sent_at, token_expires_at, outcome, is_doubtful }
    }
}

prop_compose! {
    fn batch()(
        (id, born_at, slots) in (word(), timestamp(), any::<u32>()),
        (offerings, machine, tags) in (vec(offering(), 0..3), machine(), vec((text(), text()), 0..3)),
        (user_data, claim_key, agent_version) in (word(), text(), text()),
        (tries, instances) in (vec(one_try(), 0..3), btree_set(instance_key(), 0..3)),
        closed in option::of((timestamp(), reason())),
    ) -> Batch {
        let user_data = Digest::new(user_data);
        Batch {
            id: BatchId::new(id),
            born_at,
            slots,
            template: Template { offerings, machine, tags, user_data, claim_key, agent_version },
            tries,
            instances,
            closed: closed.map(|(at, reason)| Closed { at, reason }),
        }
    }
}

prop_compose! {
    pub(crate) fn class()(
        (installation, scope, runner_group, pool) in (any::<u64>(), scope(), any::<u64>(), text()),
        (machine, labels) in (option::of(word()), labels()),
        (generation, batches) in (any::<u64>(), vec(batch(), 0..3)),
        (next_launch_at, lapses, wait) in (option::of(timestamp()), any::<u32>(), option::of(reason())),
    ) -> Class {
        let machine = machine.map_or(MachineSelection::Default, |m| MachineSelection::Named(MachineType::new(m)));
        let identity = ClassIdentity {
            installation: InstallationId(installation),
            scope,
            runner_group: RunnerGroupId(runner_group),
            pool: PoolName::new(pool),
            machine,
            labels,
        };
        Class { identity, generation, batches, next_launch_at, lapses, wait }
    }
}

fn instance_phase() -> impl Strategy<Value = InstancePhase> {
    prop_oneof![
        Just(InstancePhase::Launched),
        Just(InstancePhase::Minting),
        Just(InstancePhase::Claimed),
        Just(InstancePhase::Busy),
        (timestamp(), reason()).prop_map(|(at, reason)| InstancePhase::Retired { at, reason }),
    ]
}

prop_compose! {
    fn mint()(
        (n, name, at, runner) in (any::<u32>(), text(), timestamp(), option::of(any::<u64>())),
    ) -> Mint {
        Mint { n, name: RunnerName::new(name), at, runner: runner.map(RunnerId) }
    }
}

prop_compose! {
    pub(crate) fn instance()(
        (key, batch, try_n, class) in (instance_key(), word(), any::<u32>(), class_key()),
        (pool, installation, scope, offering) in (text(), any::<u64>(), scope(), offering()),
        (phase, launched_at) in (instance_phase(), timestamp()),
        (booted_at, claimed_at, waiting_since) in
            (option::of(timestamp()), option::of(timestamp()), option::of(timestamp())),
        (mints, permit, job) in (vec(mint(), 0..3), option::of(any::<u64>()), option::of(any::<u64>())),
        (busy_since, unwanted_since, ended_at) in
            (option::of(timestamp()), option::of(timestamp()), option::of(timestamp())),
        (stage, reports) in (option::of(stage()), any::<u32>()),
    ) -> Instance {
        Instance {
            key,
            batch: BatchId::new(batch),
            try_n,
            class,
            pool: PoolName::new(pool),
            installation: InstallationId(installation),
            scope,
            offering,
            phase,
            launched_at,
            booted_at,
            claimed_at,
            waiting_since,
            mints,
            permit: permit.map(JobId),
            job: job.map(JobId),
            busy_since,
            unwanted_since,
            stage,
            reports,
            ended_at,
        }
    }
}

fn reservations() -> impl Strategy<Value = BTreeMap<BatchId, Reservation>> {
    let reservation = (class_key(), scope(), any::<u32>(), timestamp())
        .prop_map(|(class, scope, slots, at)| Reservation { class, scope, slots, at });
    btree_map(word().prop_map(BatchId::new), reservation, 0..3)
}

fn breakers() -> impl Strategy<Value = BTreeMap<String, Breaker>> {
    let breaker = (any::<u32>(), option::of(stage()), option::of(timestamp()))
        .prop_map(|(failures, stage, next_at)| Breaker { failures, stage, next_at });
    btree_map(text(), breaker, 0..3)
}

fn boots() -> impl Strategy<Value = BTreeMap<ImageId, BootSamples>> {
    let samples = (vec(any::<u32>(), 0..4), timestamp()).prop_map(|(ms, until)| BootSamples {
        durations: ms.into_iter().map(|ms| Duration::from_millis(ms.into())).collect(),
        until,
    });
    btree_map(word().prop_map(ImageId::new), samples, 0..3)
}

fn group_fault() -> impl Strategy<Value = GroupFault> {
    let plain = [GroupFault::Missing, GroupFault::PublicRepositories, GroupFault::AllRepositories];
    prop_oneof![select(plain.to_vec()), repository().prop_map(GroupFault::Repository)]
}

fn groups() -> impl Strategy<Value = BTreeMap<Login, GroupLook>> {
    let look = (timestamp(), option::of(group_fault())).prop_map(|(at, fault)| GroupLook { at, fault });
    btree_map(login(), look, 0..3)
}

pub(crate) fn pool_record() -> impl Strategy<Value = PoolRecord> {
    let launch = (timestamp(), any::<u32>()).prop_map(|(at, slots)| LaunchCount { at, slots });
    (reservations(), vec(launch, 0..3), breakers(), boots(), groups()).prop_map(
        |(reservations, launches, breakers, boots, groups)| PoolRecord {
            reservations,
            launches,
            breakers,
            boots,
            groups,
        },
    )
}

pub(crate) fn offering_health() -> impl Strategy<Value = OfferingHealth> {
    let unhealthy = (timestamp(), any::<u32>()).prop_map(|(until, streak)| Unhealthy { until, streak });
    btree_map(text(), unhealthy, 0..4).prop_map(|unhealthy| OfferingHealth { unhealthy })
}

pub(crate) fn ghost_scopes() -> impl Strategy<Value = GhostScopes> {
    let ghost = (any::<u64>(), scope(), timestamp()).prop_map(|(installation, scope, at)| GhostScope {
        installation: InstallationId(installation),
        scope,
        at,
    });
    vec(ghost, 0..3).prop_map(|scopes| GhostScopes { scopes })
}
