//! Test values that read as a sentence. Compiled for tests only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::class::{ClassIdentity, Scope};
use crate::group::{Group, Taken, Width};
use crate::ids::*;
use crate::instance::Instance;
use crate::job::{Job, JobPhase, Visibility};
use crate::labels::LabelSet;
use crate::policy::*;
use crate::time::Timestamp;

pub(crate) const NOW: Timestamp = Timestamp::from_s(1_000_000);

pub(crate) fn labels() -> LabelSet {
    ["self-hosted", "linux", "x64"].iter().collect()
}

pub(crate) fn image() -> Image {
    Image { id: ImageId::new("ami-1"), kind: ImageKind::Baked }
}

pub(crate) fn pool(name: &str) -> Pool {
    let region = Region::new("us-east-1");
    Pool {
        name: PoolName::new(name),
        labels: labels(),
        scope: PoolScope::Organisation,
        repositories: BTreeSet::new(),
        allow: Allow::default(),
        runner_group: RunnerGroupId(1),
        caps: Caps {
            instances: 1000,
            instances_per_organisation: None,
            instances_per_repository: None,
            launches_per_hour: None,
        },
        offerings: vec![OfferingRule {
            cloud: Cloud::Aws,
            region: region.clone(),
            subnets: vec![SubnetId::new("subnet-a"), SubnetId::new("subnet-b")],
            machine_types: vec![MachineType::new("c6i.xlarge"), MachineType::new("c6i.4xlarge")],
            capacity_types: vec![CapacityType::Spot, CapacityType::OnDemand],
        }],
        default_machine_type: Some(MachineType::new("c6i.xlarge")),
        images: vec![ImageRule { cloud: Cloud::Aws, region, machine_types: BTreeSet::new(), image: image() }],
        machine: Machine::default(),
        ages: Ages {
            unclaimed_max: Duration::from_secs(20 * 60),
            waiting_max: Duration::from_secs(6 * 3600),
            job_max: Duration::from_secs(24 * 3600),
        },
        unanswered_hook: UnansweredHook::Refuse,
        unknown_width: crate::group::UnknownWidth::Probe,
        paused: Paused::No,
    }
}

pub(crate) fn class_identity() -> ClassIdentity {
    ClassIdentity {
        installation: InstallationId(42),
        scope: Scope::Organisation(Login::new("octo")),
        runner_group: RunnerGroupId(1),
        pool: PoolName::new("default"),
        machine: MachineSelection::Default,
        labels: labels(),
    }
}

pub(crate) fn queued_job(id: u64) -> Job {
    Job {
        id: JobId(id),
        run: RunId(7),
        attempt: 1,
        name: format!("test-{id}"),
        installation: InstallationId(42),
        repository: RepositoryName::parse("octo/app").unwrap(),
        organisation: Some(Login::new("octo")),
        visibility: Some(Visibility::Private),
        labels: labels(),
        pool: PoolName::new("default"),
        class: class_identity().key(),
        phase: JobPhase::Queued,
        permit: None,
        runner: None,
        created_at: NOW,
        seen_at: NOW,
        moved_at: NOW,
        asked_at: None,
        conclusion: None,
        wait: None,
    }
}

pub(crate) fn instance(id: &str) -> Instance {
    let key = InstanceKey { cloud: Cloud::Aws, region: Region::new("us-east-1"), id: id.into() };
    let offering = pool("default").expand(&MachineSelection::Default, 0).remove(0);
    Instance::launched(key, &class_identity(), (BatchId::new("batch-1"), 1, NOW), offering)
}

pub(crate) fn group() -> Group {
    let job = Job { name: "test (1)".into(), ..queued_job(1) };
    Group {
        key: Group::key_of(&job).unwrap(),
        stem: "test".into(),
        installation: job.installation,
        repository: job.repository,
        run: job.run,
        pool: job.pool,
        born_at: NOW,
        width: Width::Unknown,
        probe: 4,
        proven: 0,
        taken: Taken { since: NOW, count: 0 },
        narrowed: None,
        open: 2,
        running: BTreeMap::new(),
        changed_at: NOW,
        durations: Vec::new(),
    }
}

pub(crate) fn policy() -> Policy {
    Policy {
        deployment: "test".into(),
        runner_prefix: "jit".into(),
        served: Served::default(),
        pools: vec![pool("default")],
        paused: Paused::No,
        agent: Agent { version: "2.336.0".into(), download: None },
        storage: Storage::KeyValue,
    }
}

pub(crate) fn observation(action: crate::observation::Action, id: u64) -> crate::observation::Observation {
    let job = queued_job(id);
    crate::observation::Observation {
        action,
        job: job.id,
        run: job.run,
        attempt: 1,
        name: job.name,
        labels: job.labels,
        installation: job.installation,
        repository: job.repository,
        organisation: job.organisation,
        visibility: job.visibility,
        sender: Some(Login::new("mona")),
        pool: Some(job.pool),
        runner: None,
        conclusion: None,
        created_at: NOW,
        at: NOW,
        received_at: NOW,
    }
}
