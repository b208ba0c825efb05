//! The forms that are already out there. Each file in `tests/stored/` must still be read as the value beside its name
//! here, and be what that value is written as, so that the release before can read it too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use jit_domain::class::{Batch, Class, ClassIdentity, Closed, Outcome, Scope, Template, Try};
use jit_domain::decide::runner_group::GroupFault;
use jit_domain::group::{Group, Narrowed, Taken, Width};
use jit_domain::ids::{
    BatchId, ClassKey, Cloud, Digest, ImageId, InstallationId, InstanceKey, JobId, Login, MachineType,
    PoolName, Region, RepositoryName, RunId, RunnerGroupId, RunnerId, RunnerName, SubnetId,
};
use jit_domain::instance::{Instance, InstancePhase, Mint, Stage};
use jit_domain::job::{Job, JobPhase, RunnerRef, Visibility};
use jit_domain::policy::{
    CapacityType, DiskEncryption, DiskType, Image, ImageKind, Machine, MachineSelection, Offering,
    PublicAddress,
};
use jit_domain::pool::{
    BootSamples, Breaker, GroupLook, LaunchCount, OfferingHealth, PoolRecord, Reservation, Unhealthy,
};
use jit_domain::reason::Reason;
use jit_domain::time::Timestamp;
use serde_json::Value;

use crate::stored::{
    BudgetPause, ConfigVerdict, Cursor, GhostScope, GhostScopes, Lease, Schedule, SealedToken, Stored,
};

/// A file, what it must be read as and what that is written as.
pub(crate) struct Golden {
    /// Name in `tests/stored/`, without `.json`.
    pub(crate) name: String,
    /// What the value is written as.
    pub(crate) written: Vec<u8>,
    reads: Box<Reads>,
}

/// Reads a file's bytes and says how they differ from the value.
type Reads = dyn Fn(&[u8]) -> Result<(), String>;

impl Golden {
    /// The file of that name, which holds `value`, written as `written` and read by `read`.
    pub(crate) fn new<T: PartialEq + std::fmt::Debug + 'static, E: std::fmt::Debug + 'static>(
        name: impl Into<String>,
        value: T,
        written: Vec<u8>,
        read: fn(&[u8]) -> Result<T, E>,
    ) -> Self {
        let reads = move |bytes: &[u8]| match read(bytes) {
            Ok(found) if found == value => Ok(()),
            other => Err(format!("read as {other:?}\ninstead of {value:?}")),
        };
        Self { name: name.into(), written, reads: Box::new(reads) }
    }

    fn stored<T: Stored + PartialEq + std::fmt::Debug + 'static>(name: impl Into<String>, value: T) -> Self {
        let written = value.encode();
        Self::new(name, value, written, T::decode)
    }

    /// Compares the file with the value, both ways.
    pub(crate) fn check(&self) {
        let path = folder().join(format!("{}.json", self.name));
        let written: Value = serde_json::from_slice(&self.written).unwrap();
        let Ok(bytes) = std::fs::read(&path) else {
            panic!("no file {}.json; it would be:\n{written:#}", self.name)
        };
        (self.reads)(&bytes).unwrap_or_else(|fault| panic!("{}: {fault}", self.name));
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), written, "{}", self.name);
    }
}

#[test]
fn every_form_that_is_out_there_is_still_read_and_still_written() {
    all().iter().for_each(Golden::check);
}

#[test]
fn every_file_belongs_to_a_value() {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let messages = crate::message::tests::golden();
    assert_eq!(files, all().into_iter().chain(messages).map(|g| g.name).collect());
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/stored")
}

/// Every stored type in every phase.
pub(crate) fn all() -> Vec<Golden> {
    let mut all = Vec::new();
    for phase in [JobPhase::Waiting, JobPhase::Queued, JobPhase::InProgress, JobPhase::Completed] {
        all.push(Golden::stored(format!("job-{}", phase.as_str()), job(phase)));
    }
    let seen = Job { visibility: Some(Visibility::Private), ..job(JobPhase::Queued) };
    all.push(Golden::stored("job-queued-visibility", seen));
    for (name, phase) in [
        ("launched", InstancePhase::Launched),
        ("minting", InstancePhase::Minting),
        ("claimed", InstancePhase::Claimed),
        ("busy", InstancePhase::Busy),
        ("retired", InstancePhase::Retired { at: at(90), reason: Reason::JobFinished }),
    ] {
        all.push(Golden::stored(format!("instance-{name}"), instance(phase)));
    }
    all.push(Golden::stored("instance-ended", ended_instance()));
    all.push(Golden::stored("class-idle", class()));
    all.push(Golden::stored("class-launching", class_with_every_outcome()));
    all.push(Golden::stored("class-lapsed", lapsed_class()));
    for (name, encryption) in [
        ("class-disk", DiskEncryption::AccountKey),
        ("class-disk-key", DiskEncryption::Key("alias/runner-disks".into())),
    ] {
        all.push(Golden::stored(name, class_with_disk(encryption)));
    }
    for (name, width) in [
        ("group-awaited", Width::Awaited { asked_at: Some(at(1)) }),
        ("group-unknown", Width::Unknown),
        ("group-known", Width::Known(2)),
    ] {
        all.push(Golden::stored(name, group(width)));
    }
    all.push(Golden::stored("pool", pool()));
    let looks = [
        ("octo", Some(GroupFault::Repository(RepositoryName::parse("octo/app").unwrap()))),
        ("other", Some(GroupFault::AllRepositories)),
        ("third", None),
    ];
    let groups = looks.map(|(login, fault)| (Login::new(login), GroupLook { at: at(5), fault })).into();
    all.push(Golden::stored("pool-groups", PoolRecord { groups, ..PoolRecord::default() }));
    all.push(Golden::stored("offering", offering_health()));
    let lease = Lease { holder: "7f3a".into(), until: at(25), is_asked: false };
    all.push(Golden::stored("lease-asked", Lease { is_asked: true, ..lease.clone() }));
    all.push(Golden::stored("lease", lease));
    all.push(Golden::stored("schedule-running", Schedule { ran_at: at(1), ended_at: None }));
    all.push(Golden::stored("schedule", Schedule { ran_at: at(1), ended_at: Some(at(2)) }));
    all.push(Golden::stored("cursor", Cursor("page=3".into())));
    let digest = Digest::new("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    let valid = ConfigVerdict { digest: digest.clone(), faults: Vec::new(), at: at(3) };
    all.push(Golden::stored("config-valid", valid));
    let faults = vec!["line 3: pool `a` has no offering".into(), "line 9: unknown key `lables`".into()];
    all.push(Golden::stored("config-faults", ConfigVerdict { digest, faults, at: at(3) }));
    all.push(Golden::stored("token", SealedToken { sealed: vec![0, 127, 255, 64], expires_at: at(3600) }));
    all.push(Golden::stored("budget-pause", BudgetPause { until: at(60) }));
    let ghost = |scope| GhostScope { installation: InstallationId(42), scope, at: at(7) };
    let scopes = vec![
        ghost(Scope::Organisation(Login::new("octo"))),
        ghost(Scope::Repository(RepositoryName::parse("octo/app").unwrap())),
    ];
    all.push(Golden::stored("ghost-scopes", GhostScopes { scopes }));
    all
}

/// Seconds after the moment at which the files begin.
pub(crate) fn at(s: u64) -> Timestamp {
    Timestamp::from_ms(1_760_000_000_250) + Duration::from_secs(s)
}

fn key(id: &str) -> InstanceKey {
    InstanceKey { cloud: Cloud::Aws, region: Region::new("us-east-1"), id: id.into() }
}

/// A job of that phase with all that it knows by then.
pub(crate) fn job(phase: JobPhase) -> Job {
    let has_runner = phase >= JobPhase::InProgress;
    let is_over = phase == JobPhase::Completed;
    Job {
        id: JobId(29_679_449_526),
        run: RunId(10_101_010),
        attempt: 2,
        name: "test (ubuntu, \"1.95\")".into(),
        installation: InstallationId(42),
        repository: RepositoryName::parse("octo/app").unwrap(),
        organisation: Some(Login::new("octo")),
        visibility: None,
        labels: ["self-hosted", "linux", "x64"].iter().collect(),
        pool: PoolName::new("default"),
        class: class().identity.key(),
        phase,
        permit: (phase == JobPhase::Queued).then(|| key("i-0123456789abcdef0")),
        runner: has_runner.then(|| RunnerRef {
            id: Some(RunnerId(771)),
            name: RunnerName::new("jit-i-0123456789abcdef0-1"),
        }),
        created_at: at(0),
        seen_at: at(1),
        moved_at: at(2),
        asked_at: has_runner.then(|| at(4)),
        conclusion: is_over.then(|| "success".into()),
        wait: match phase {
            JobPhase::Waiting => Some(Reason::WaitsForApproval),
            JobPhase::Queued => Some(Reason::PoolFailing { stage: Some(Stage::Booted) }),
            JobPhase::InProgress | JobPhase::Completed => None,
        },
    }
}

fn group(width: Width) -> Group {
    let job = job(JobPhase::InProgress);
    Group {
        key: Group::key_of(&job).unwrap(),
        stem: "test".into(),
        installation: job.installation,
        repository: job.repository.clone(),
        run: job.run,
        pool: job.pool.clone(),
        born_at: at(0),
        width,
        probe: 4,
        proven: 0,
        taken: Taken { since: at(1), count: 1 },
        narrowed: (width == Width::Unknown).then(|| Narrowed { to: 1, at: at(3) }),
        open: 37,
        running: BTreeMap::from([(job.id, at(2))]),
        changed_at: at(2),
        durations: vec![Duration::from_secs(360)],
    }
}

fn offering(subnet: &str, capacity_type: CapacityType, kind: ImageKind) -> Offering {
    Offering {
        cloud: Cloud::Aws,
        region: Region::new("us-east-1"),
        subnet: SubnetId::new(subnet),
        machine_type: MachineType::new("c6i.4xlarge"),
        capacity_type,
        image: Image { id: ImageId::new("ami-0abcdef1234567890"), kind },
    }
}

/// An instance of that phase with all that it knows by then.
pub(crate) fn instance(phase: InstancePhase) -> Instance {
    let rank = phase.rank();
    let name = RunnerName::new("jit-i-0123456789abcdef0-1");
    let runner = (rank >= 2).then_some(RunnerId(771));
    Instance {
        key: key("i-0123456789abcdef0"),
        batch: BatchId::new("0f0e0d0c0b0a09080706050403020100"),
        try_n: 1,
        class: class().identity.key(),
        pool: PoolName::new("default"),
        installation: InstallationId(42),
        scope: Scope::Organisation(Login::new("octo")),
        offering: offering("subnet-a", CapacityType::Spot, ImageKind::Baked),
        phase,
        launched_at: at(3),
        booted_at: (rank >= 1).then(|| at(30)),
        claimed_at: (rank >= 1).then(|| at(33)),
        waiting_since: (rank >= 1).then(|| at(34)),
        mints: if rank >= 1 { vec![Mint { n: 1, name, at: at(40), runner }] } else { Vec::new() },
        permit: (rank == 2).then_some(JobId(29_679_449_526)),
        job: (rank >= 3).then_some(JobId(29_679_449_526)),
        busy_since: (rank >= 3).then(|| at(50)),
        unwanted_since: (rank >= 4).then(|| at(80)),
        stage: (rank >= 3).then_some(Stage::JobStarted),
        reports: u32::from(rank),
        ended_at: None,
    }
}

fn ended_instance() -> Instance {
    let retired = InstancePhase::Retired { at: at(90), reason: Reason::GoneFromCloud };
    Instance { ended_at: Some(at(95)), ..instance(retired) }
}

/// A class that never launched.
pub(crate) fn class() -> Class {
    Class::new(ClassIdentity {
        installation: InstallationId(42),
        scope: Scope::Organisation(Login::new("octo")),
        runner_group: RunnerGroupId(1),
        pool: PoolName::new("default"),
        machine: MachineSelection::Default,
        labels: ["self-hosted", "linux", "x64"].iter().collect(),
    })
}

fn template() -> Template {
    Template {
        offerings: vec![
            offering("subnet-a", CapacityType::Spot, ImageKind::Baked),
            offering("subnet-b", CapacityType::OnDemand, ImageKind::Stock),
        ],
        machine: Machine {
            security_groups: vec!["sg-1".into(), "sg-2".into()],
            instance_profile: Some("jit-runner".into()),
            disk_gib: Some(80),
            root_device: Some("/dev/sda1".into()),
            public_address: PublicAddress::No,
            ..Machine::default()
        },
        tags: vec![("jit-deployment".into(), "prod".into()), ("cost".into(), "ci".into())],
        user_data: Digest::new("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"),
        claim_key: "k1".into(),
        agent_version: "2.336.0".into(),
    }
}

/// A class with a closed batch whose tries have had every outcome, and an open one.
pub(crate) fn class_with_every_outcome() -> Class {
    let outcomes = [
        Outcome::Refused {
            reason: Reason::InsufficientCapacity { code: "InsufficientInstanceCapacity".into() },
        },
        Outcome::Launched { count: 2 },
        Outcome::Unknown { since: at(7) },
        Outcome::Mismatch { looked_at: None },
        Outcome::Mismatch { looked_at: Some(at(9)) },
        Outcome::Open,
    ];
    let tries = outcomes.into_iter().zip(1..).map(|(outcome, n)| Try {
        n,
        offering: n % 2,
        count: 3,
        born_at: at(2),
        sent_at: (outcome != Outcome::Open).then(|| at(3)),
        token_expires_at: at(1802),
        is_doubtful: matches!(outcome, Outcome::Unknown { .. }),
        outcome,
    });
    let closed = Batch {
        id: BatchId::new("0f0e0d0c0b0a09080706050403020100"),
        born_at: at(2),
        slots: 4,
        template: template(),
        tries: tries.collect(),
        instances: [key("i-0123456789abcdef0"), key("i-0123456789abcdef1")].into(),
        closed: Some(Closed { at: at(302), reason: Reason::BatchTooOld }),
    };
    let open = Batch {
        id: BatchId::new("000102030405060708090a0b0c0d0e0f"),
        born_at: at(310),
        slots: 1,
        template: Template { machine: Machine::default(), tags: Vec::new(), ..template() },
        tries: Vec::new(),
        instances: BTreeSet::new(),
        closed: None,
    };
    Class { generation: 2, batches: vec![closed, open], ..class() }
}

/// A class that launches onto a disk of its own kind.
fn class_with_disk(disk_encryption: DiskEncryption) -> Class {
    let machine = Machine {
        disk_type: Some(DiskType::Gp3),
        disk_iops: Some(6_000),
        disk_throughput_mibs: Some(500),
        disk_encryption,
        ..template().machine
    };
    let batch = Batch {
        id: BatchId::new("000102030405060708090a0b0c0d0e0f"),
        born_at: at(310),
        slots: 1,
        template: Template { machine, ..template() },
        tries: Vec::new(),
        instances: BTreeSet::new(),
        closed: None,
    };
    Class { generation: 1, batches: vec![batch], ..class() }
}

fn lapsed_class() -> Class {
    let identity = ClassIdentity {
        scope: Scope::Repository(RepositoryName::parse("octo/app").unwrap()),
        machine: MachineSelection::Named(MachineType::new("c6i.4xlarge")),
        ..class().identity
    };
    let wait = Some(Reason::WaitsAfterLapse { until: at(60) });
    Class { generation: 5, next_launch_at: Some(at(60)), lapses: 2, wait, ..Class::new(identity) }
}

fn pool() -> PoolRecord {
    let class_key = ClassKey::new("00112233445566778899aabbccddeeff");
    let reservation = Reservation {
        class: class_key,
        scope: Scope::Repository(RepositoryName::parse("octo/app").unwrap()),
        slots: 4,
        at: at(2),
    };
    let failing = Breaker { failures: 3, stage: Some(Stage::AgentStarted), next_at: Some(at(120)) };
    let unheard = Breaker { failures: 1, stage: None, next_at: None };
    let durations = vec![Duration::from_millis(41_250), Duration::from_secs(38)];
    PoolRecord {
        reservations: BTreeMap::from([(BatchId::new("0f0e0d0c0b0a09080706050403020100"), reservation)]),
        launches: vec![LaunchCount { at: at(2), slots: 4 }],
        breakers: BTreeMap::from([("ami-1|2.336.0|aws/us-east-1".into(), failing), ("x".into(), unheard)]),
        boots: BTreeMap::from([(ImageId::new("ami-1"), BootSamples { durations, until: at(40) })]),
        groups: BTreeMap::new(),
    }
}

fn offering_health() -> OfferingHealth {
    let place = offering("subnet-a", CapacityType::Spot, ImageKind::Baked).key();
    OfferingHealth { unhealthy: BTreeMap::from([(place, Unhealthy { until: at(30), streak: 2 })]) }
}
