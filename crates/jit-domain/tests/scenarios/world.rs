//! From the form of a scenario to the records that decisions take. What the steps do to them is in `run.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jit_domain::class::{Class, ClassIdentity};
use jit_domain::decide::allow::Facts;
use jit_domain::decide::breaker;
use jit_domain::decide::scaleup::{Health, Stamp};
use jit_domain::decide::supply::Observed;
use jit_domain::decide::webhook::{Wanted, identify, identify_job};
use jit_domain::group::{Group, UnknownWidth};
use jit_domain::ids::*;
use jit_domain::instance::{Instance, InstancePhase, Mint, Stage};
use jit_domain::job::{Job, JobPhase};
use jit_domain::policy::*;
use jit_domain::pool::{Breaker, PoolRecord, Unhealthy};
use jit_domain::reason::Reason;
use jit_domain::time::Timestamp;

use crate::form;

/// When every scenario starts.
pub(crate) const START: Timestamp = Timestamp::from_s(1_000_000);

/// The records of a scenario as they are now.
pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) jobs: BTreeMap<JobId, Job>,
    pub(crate) classes: BTreeMap<ClassKey, Class>,
    pub(crate) instances: BTreeMap<InstanceKey, Instance>,
    pub(crate) groups: BTreeMap<GroupKey, Group>,
    pub(crate) pools: BTreeMap<PoolName, PoolRecord>,
    pub(crate) health: Health,
    pub(crate) unresolved: BTreeSet<(Region, ImageId)>,
    pub(crate) now: Timestamp,
}

impl World {
    /// Makes the records of a scenario's form.
    pub(crate) fn new(form: &form::Scenario) -> Self {
        let pools = match form.pool.as_slice() {
            [] => vec![pool(&form::Pool::default())],
            pools => pools.iter().map(pool).collect(),
        };
        let mut world = Self {
            policy: policy(&form.policy, pools),
            jobs: BTreeMap::new(),
            classes: BTreeMap::new(),
            instances: BTreeMap::new(),
            groups: BTreeMap::new(),
            pools: BTreeMap::new(),
            health: Health::new(),
            unresolved: form
                .unresolved
                .iter()
                .map(|id| (Region::new("us-east-1"), ImageId::new(id.as_str())))
                .collect(),
            now: START,
        };
        form.job.iter().for_each(|job| world.add_jobs(job));
        form.instance.iter().for_each(|instance| world.add_instance(instance));
        form.breaker.iter().for_each(|breaker| world.add_breaker(breaker));
        form.unhealthy.iter().for_each(|place| world.add_unhealthy(place));
        world
    }

    /// Open jobs with their classes, and open instances: what a function reads before it decides.
    pub(crate) fn open(&self) -> (Vec<(ClassIdentity, Job)>, Vec<Instance>) {
        let open = self.jobs.values().filter(|job| job.is_open());
        let jobs = open
            .filter_map(|job| identify_job(&self.policy, job).map(|class| (class, job.clone())))
            .collect();
        (jobs, self.instances.values().filter(|i| i.is_open()).cloned().collect())
    }

    /// Decides something on what is open now.
    pub(crate) fn decide<T>(&self, decision: impl FnOnce(&Observed<'_>) -> T) -> T {
        let (jobs, instances) = self.open();
        let ended = self.instances.values().filter(|i| !i.is_open()).map(|i| i.key.clone()).collect();
        decision(&Observed {
            policy: &self.policy,
            jobs: &jobs,
            classes: &self.classes,
            instances: &instances,
            unrecorded: &BTreeSet::new(),
            ended: &ended,
            groups: &self.groups,
            pools: &self.pools,
            now: self.now,
        })
    }

    /// What batches are stamped with.
    pub(crate) fn stamp(&self) -> Stamp {
        let digest = |p: &Pool| (p.name.clone(), Digest::new("user-data"));
        Stamp {
            user_data: self.policy.pools.iter().map(digest).collect(),
            claim_key: "key-1".into(),
            unresolved: self.unresolved.clone(),
        }
    }

    /// The class of jobs with these labels; made where there is none.
    pub(crate) fn class_of(&mut self, labels: &[String], repository: &str, pool: &str) -> ClassKey {
        let repository = RepositoryName::parse(repository).expect("a repository's name");
        let (labels, owner) = (labels.iter().collect(), repository.owner());
        let wanted = Wanted {
            installation: InstallationId(42),
            repository: &repository,
            organisation: Some(&owner),
            labels: &labels,
            facts: Facts { repository: Some(repository.clone()), ..Facts::default() },
        };
        let found = identify(&self.policy, &wanted).ok();
        let identity = found.filter(|i| i.pool.as_str() == pool).expect("labels that fit the pool");
        let key = identity.key();
        self.classes.entry(key.clone()).or_insert_with(|| Class::new(identity));
        key
    }

    fn add_jobs(&mut self, form: &form::Job) {
        let repository = RepositoryName::parse(&form.repository).expect("a repository's name");
        for id in form.id..form.id + form.count {
            let mut job = Job {
                id: JobId(id),
                run: RunId(form.run),
                attempt: 1,
                name: form
                    .matrix
                    .as_ref()
                    .map_or_else(|| format!("test-{id}"), |stem| format!("{stem} ({id})")),
                installation: InstallationId(42),
                repository: repository.clone(),
                organisation: Some(repository.owner()),
                visibility: None,
                labels: form.labels.iter().collect(),
                pool: PoolName::new(&form.pool),
                class: ClassKey::new("unset"),
                phase: JobPhase::parse(&form.phase).expect("a job's phase"),
                permit: form.permit.as_deref().map(instance_key),
                runner: None,
                created_at: at(form.created),
                seen_at: at(form.created),
                moved_at: at(form.moved),
                asked_at: form.asked.map(at),
                conclusion: None,
                wait: None,
            };
            job.class = identify_job(&self.policy, &job).map_or(job.class, |class| class.key());
            self.jobs.insert(job.id, job);
        }
    }

    fn add_instance(&mut self, form: &form::Instance) {
        let class = self.class_of(&form.labels, &form.repository, &form.pool);
        let identity = self.classes[&class].identity.clone();
        let pool = self.policy.pool(&identity.pool).expect("a pool of the scenario");
        let key = instance_key(&form.id);
        let mint = |(n, time): (u32, &i64)| Mint {
            n,
            name: Mint::name(&self.policy.runner_prefix, &key, n),
            at: at(*time),
            runner: Some(RunnerId(u64::from(n) + 70)),
        };
        let instance = Instance {
            batch: BatchId::new("batch-of-the-scenario"),
            try_n: 1,
            class,
            pool: identity.pool,
            installation: identity.installation,
            scope: identity.scope,
            offering: pool.expand(&identity.machine, 0).remove(0),
            phase: instance_phase(&form.phase, form.retired),
            launched_at: at(form.launched),
            booted_at: form.booted.map(at),
            claimed_at: form.claimed.map(at),
            waiting_since: form.waiting.map(at),
            mints: (1..).zip(&form.mints).map(mint).collect(),
            permit: None,
            job: form.job.map(JobId),
            busy_since: form.busy.map(at),
            unwanted_since: form.unwanted.map(at),
            stage: form.stage.as_deref().map(stage),
            reports: form.reports,
            ended_at: None,
            key,
        };
        self.instances.insert(instance.key.clone(), instance);
    }

    /// The offering of that natural key in the first pool, whatever machine it is asked for.
    fn offering(&self, key: &str) -> Offering {
        let pool = &self.policy.pools[0];
        let named = pool.machine_types().into_iter().map(|m| MachineSelection::Named(m.clone()));
        let mut all = named.chain([MachineSelection::Default]).flat_map(|m| pool.expand(&m, 0));
        all.find(|o| o.key() == key).expect("an offering of the first pool")
    }

    fn add_breaker(&mut self, form: &form::Breaker) {
        let kind = breaker::key(&self.offering(&form.offering), &self.policy.agent.version);
        let stage = form.stage.as_deref().map(stage);
        let known = Breaker { failures: form.failures, stage, next_at: form.next.map(at) };
        self.pools.entry(self.policy.pools[0].name.clone()).or_default().breakers.insert(kind, known);
    }

    fn add_unhealthy(&mut self, form: &form::Unhealthy) {
        let offering = self.offering(&form.offering);
        let region = self.health.entry((offering.cloud, offering.region.clone())).or_default();
        region.unhealthy.insert(offering.key(), Unhealthy { until: at(form.until), streak: form.streak });
    }
}

/// Seconds from the scenario's start.
pub(crate) fn at(s: i64) -> Timestamp {
    Timestamp::from_s(START.as_s().checked_add_signed(s).expect("a time after the epoch"))
}

/// An instance id in the one region that scenarios have.
pub(crate) fn instance_key(id: &str) -> InstanceKey {
    InstanceKey { cloud: Cloud::Aws, region: Region::new("us-east-1"), id: id.to_owned() }
}

/// A stage by its word.
pub(crate) fn stage(word: &str) -> Stage {
    Stage::parse(word).expect("a stage")
}

fn instance_phase(word: &str, retired: Option<i64>) -> InstancePhase {
    match word {
        "launched" => InstancePhase::Launched,
        "minting" => InstancePhase::Minting,
        "claimed" => InstancePhase::Claimed,
        "busy" => InstancePhase::Busy,
        reason => {
            let reason = Reason::parse(reason, None).expect("a phase, or the reason of a retirement");
            InstancePhase::Retired { at: at(retired.unwrap_or(0)), reason }
        }
    }
}

fn policy(form: &form::Policy, pools: Vec<Pool>) -> Policy {
    Policy {
        deployment: "test".into(),
        runner_prefix: "jit".into(),
        served: Served {
            installations: form.served_installations.iter().copied().map(InstallationId).collect(),
            owners: form.served_owners.iter().map(|owner| Login::new(owner)).collect(),
        },
        pools,
        paused: paused(form.paused),
        agent: Agent { version: "2.336.0".into(), download: None },
        storage: Storage::KeyValue,
    }
}

/// Whether launching is paused.
pub(crate) fn paused(is_paused: bool) -> Paused {
    if is_paused { Paused::Yes } else { Paused::No }
}

fn pool(form: &form::Pool) -> Pool {
    let region = Region::new("us-east-1");
    let image = |kind| ImageRule {
        cloud: Cloud::Aws,
        region: region.clone(),
        machine_types: BTreeSet::new(),
        image: Image { id: ImageId::new("ami-1"), kind },
    };
    Pool {
        name: PoolName::new(&form.name),
        labels: form.labels.iter().collect(),
        scope: match form.scope.as_str() {
            "organisation" => PoolScope::Organisation,
            "repository" => PoolScope::Repository,
            other => panic!("no scope: {other}"),
        },
        repositories: form.repositories.iter().map(|r| RepositoryName::parse(r).expect("a name")).collect(),
        allow: Allow::default(),
        runner_group: RunnerGroupId(1),
        caps: Caps {
            instances: form.instances,
            instances_per_organisation: form.per_organisation,
            instances_per_repository: form.per_repository,
            launches_per_hour: form.per_hour,
        },
        offerings: vec![OfferingRule {
            cloud: Cloud::Aws,
            region: region.clone(),
            subnets: form.subnets.iter().map(SubnetId::new).collect(),
            machine_types: form.machine_types.iter().map(MachineType::new).collect(),
            capacity_types: form
                .capacity_types
                .iter()
                .map(|c| CapacityType::parse(c).expect("a type"))
                .collect(),
        }],
        default_machine_type: form.default_machine_type.as_ref().map(MachineType::new),
        images: match form.image.as_str() {
            "baked" => vec![image(ImageKind::Baked)],
            "stock" => vec![image(ImageKind::Stock)],
            "none" => Vec::new(),
            other => panic!("no kind of image: {other}"),
        },
        machine: Machine::default(),
        ages: Ages {
            unclaimed_max: Duration::from_secs(20 * 60),
            waiting_max: Duration::from_secs(6 * 3600),
            job_max: Duration::from_secs(24 * 3600),
        },
        unanswered_hook: UnansweredHook::Refuse,
        unknown_width: if form.full { UnknownWidth::Full } else { UnknownWidth::Probe },
        paused: paused(form.paused),
    }
}
