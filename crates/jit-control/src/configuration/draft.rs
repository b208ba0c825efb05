//! The file as it was read: each key by itself right, or marked as wrong. Nothing here looks at two keys together.

use std::time::Duration;

use jit_domain::group::UnknownWidth;
use jit_domain::ids::{
    Cloud, Digest, EventName, ImageId, InstallationId, Login, MachineType, PoolName, Region, RepositoryName,
    RunnerGroupId, SubnetId,
};
use jit_domain::policy::{
    CapacityType, DiskType, ImageKind, Paused, PoolScope, PublicAddress, UnansweredHook, Wish,
};

use super::fault::{Located, Place, Read};
use super::keys::{deployment, pool};
use super::section::Section;
use super::shapes::{Backend, Encrypted};

/// A key that is required or has a default.
pub(super) type Value<T> = Read<Located<T>>;
/// A key that may be left out.
pub(super) type Maybe<T> = Read<Option<Located<T>>>;
/// A list.
pub(super) type Values<T> = Value<Vec<Located<T>>>;

/// The whole file.
pub(super) struct Draft {
    pub(super) deployment: DeploymentDraft,
    pub(super) agent: AgentDraft,
    pub(super) storage: StorageDraft,
    pub(super) pools: Read<Vec<PoolDraft>>,
}

/// `[deployment]`.
pub(super) struct DeploymentDraft {
    pub(super) name: Value<String>,
    pub(super) runner_prefix: Value<String>,
    pub(super) paused: Value<Paused>,
    pub(super) served_owners: Values<Login>,
    pub(super) served_installations: Values<InstallationId>,
}

/// `[agent]`.
pub(super) struct AgentDraft {
    pub(super) place: Place,
    pub(super) version: Value<String>,
    pub(super) url: Maybe<String>,
    pub(super) sha256: Maybe<Digest>,
}

/// `[storage]`.
pub(super) struct StorageDraft {
    pub(super) place: Place,
    pub(super) backend: Value<Backend>,
    pub(super) region: Maybe<Region>,
    pub(super) account: Maybe<String>,
    pub(super) name: Maybe<String>,
}

/// `[[pool]]`.
pub(super) struct PoolDraft {
    pub(super) place: Place,
    pub(super) name: Value<PoolName>,
    pub(super) labels: Values<String>,
    pub(super) scope: Value<PoolScope>,
    pub(super) repositories: Values<RepositoryName>,
    pub(super) allow: AllowDraft,
    pub(super) runner_group: Value<RunnerGroupId>,
    pub(super) default_machine_type: Maybe<MachineType>,
    pub(super) unanswered_hook: Value<UnansweredHook>,
    pub(super) unknown_width: Value<UnknownWidth>,
    pub(super) paused: Value<Paused>,
    pub(super) caps: CapsDraft,
    pub(super) offerings: Read<Vec<OfferingDraft>>,
    pub(super) images: Read<Vec<ImageDraft>>,
    pub(super) machine: MachineDraft,
    pub(super) ages: AgesDraft,
}

/// `[pool.allow]`.
pub(super) struct AllowDraft {
    pub(super) organisations: Values<Login>,
    pub(super) events: Values<EventName>,
    pub(super) actors: Values<Login>,
    pub(super) forks: Value<Wish>,
    pub(super) public_repositories: Value<Wish>,
}

/// `[pool.caps]`.
pub(super) struct CapsDraft {
    pub(super) instances: Value<u32>,
    pub(super) instances_per_organisation: Maybe<u32>,
    pub(super) instances_per_repository: Maybe<u32>,
    pub(super) launches_per_hour: Maybe<u32>,
}

/// `[[pool.offering]]`.
pub(super) struct OfferingDraft {
    pub(super) cloud: Value<Cloud>,
    pub(super) region: Value<Region>,
    pub(super) subnets: Values<SubnetId>,
    pub(super) machine_types: Values<MachineType>,
    pub(super) capacity_types: Values<CapacityType>,
}

/// `[[pool.image]]`.
pub(super) struct ImageDraft {
    pub(super) place: Place,
    pub(super) cloud: Value<Cloud>,
    pub(super) region: Value<Region>,
    pub(super) id: Value<ImageId>,
    pub(super) kind: Value<ImageKind>,
    pub(super) machine_types: Values<MachineType>,
}

/// `[pool.machine]`.
pub(super) struct MachineDraft {
    pub(super) place: Place,
    pub(super) security_groups: Values<String>,
    pub(super) instance_profile: Maybe<String>,
    pub(super) disk: DiskDraft,
    pub(super) public_address: Value<PublicAddress>,
}

/// The keys of `[pool.machine]` that are about the root disk.
pub(super) struct DiskDraft {
    pub(super) root_device: Maybe<String>,
    pub(super) gib: Maybe<u32>,
    pub(super) kind: Maybe<DiskType>,
    pub(super) iops: Maybe<u32>,
    pub(super) throughput_mibs: Maybe<u32>,
    pub(super) encrypted: Value<Encrypted>,
    pub(super) kms_key: Maybe<String>,
}

/// `[pool.ages]`.
pub(super) struct AgesDraft {
    pub(super) unclaimed_max: Value<Duration>,
    pub(super) waiting_max: Value<Duration>,
    pub(super) job_max: Value<Duration>,
}

impl Draft {
    /// Reads the whole file.
    pub(super) fn read(root: &Section<'_>) -> Self {
        let deployment = root.section(&deployment::TABLE);
        let agent = root.section(&deployment::agent::TABLE);
        let storage = root.section(&deployment::storage::TABLE);
        Self {
            deployment: DeploymentDraft {
                name: deployment.get(&deployment::NAME),
                runner_prefix: deployment.get(&deployment::RUNNER_PREFIX),
                paused: deployment.get(&deployment::PAUSED),
                served_owners: deployment.get(&deployment::SERVED_OWNERS),
                served_installations: deployment.get(&deployment::SERVED_INSTALLATIONS),
            },
            agent: AgentDraft {
                version: agent.get(&deployment::agent::VERSION),
                url: agent.optional(&deployment::agent::URL),
                sha256: agent.optional(&deployment::agent::SHA256),
                place: agent.place,
            },
            storage: StorageDraft {
                backend: storage.get(&deployment::storage::BACKEND),
                region: storage.optional(&deployment::storage::REGION),
                account: storage.optional(&deployment::storage::ACCOUNT),
                name: storage.optional(&deployment::storage::NAME),
                place: storage.place,
            },
            pools: root.sections(&pool::TABLE).map(|pools| pools.into_iter().map(PoolDraft::read).collect()),
        }
    }
}

impl PoolDraft {
    fn read(section: Section<'_>) -> Self {
        let offerings = section.sections(&pool::offering::TABLE);
        let images = section.sections(&pool::image::TABLE);
        Self {
            name: section.get(&pool::NAME),
            labels: section.get(&pool::LABELS),
            scope: section.get(&pool::SCOPE),
            repositories: section.get(&pool::REPOSITORIES),
            allow: AllowDraft::read(&section.section(&pool::allow::TABLE)),
            runner_group: section.get(&pool::RUNNER_GROUP_ID),
            default_machine_type: section.optional(&pool::DEFAULT_MACHINE_TYPE),
            unanswered_hook: section.get(&pool::UNANSWERED_HOOK),
            unknown_width: section.get(&pool::UNKNOWN_WIDTH),
            paused: section.get(&pool::PAUSED),
            caps: CapsDraft::read(&section.section(&pool::caps::TABLE)),
            offerings: offerings.map(|all| all.iter().map(OfferingDraft::read).collect()),
            images: images.map(|all| all.into_iter().map(ImageDraft::read).collect()),
            machine: MachineDraft::read(section.section(&pool::machine::TABLE)),
            ages: AgesDraft::read(&section.section(&pool::ages::TABLE)),
            place: section.place,
        }
    }
}

impl AllowDraft {
    fn read(section: &Section<'_>) -> Self {
        use pool::allow::*;
        Self {
            organisations: section.get(&ORGANISATIONS),
            events: section.get(&EVENTS),
            actors: section.get(&ACTORS),
            forks: section.get(&FORKS),
            public_repositories: section.get(&PUBLIC_REPOSITORIES),
        }
    }
}

impl CapsDraft {
    fn read(section: &Section<'_>) -> Self {
        use pool::caps::*;
        Self {
            instances: section.get(&INSTANCES),
            instances_per_organisation: section.optional(&INSTANCES_PER_ORGANISATION),
            instances_per_repository: section.optional(&INSTANCES_PER_REPOSITORY),
            launches_per_hour: section.optional(&LAUNCHES_PER_HOUR),
        }
    }
}

impl OfferingDraft {
    fn read(section: &Section<'_>) -> Self {
        use pool::offering::*;
        Self {
            cloud: section.get(&CLOUD),
            region: section.get(&REGION),
            subnets: section.get(&SUBNETS),
            machine_types: section.get(&MACHINE_TYPES),
            capacity_types: section.get(&CAPACITY_TYPES),
        }
    }
}

impl ImageDraft {
    fn read(section: Section<'_>) -> Self {
        use pool::image::*;
        Self {
            cloud: section.get(&CLOUD),
            region: section.get(&REGION),
            id: section.get(&ID),
            kind: section.get(&KIND),
            machine_types: section.get(&MACHINE_TYPES),
            place: section.place,
        }
    }
}

impl MachineDraft {
    fn read(section: Section<'_>) -> Self {
        use pool::machine::*;
        Self {
            security_groups: section.get(&SECURITY_GROUPS),
            instance_profile: section.optional(&INSTANCE_PROFILE),
            disk: DiskDraft {
                root_device: section.optional(&ROOT_DEVICE),
                gib: section.optional(&DISK_GIB),
                kind: section.optional(&DISK_TYPE),
                iops: section.optional(&DISK_IOPS),
                throughput_mibs: section.optional(&DISK_THROUGHPUT_MIBS),
                encrypted: section.get(&DISK_ENCRYPTED),
                kms_key: section.optional(&DISK_KMS_KEY),
            },
            public_address: section.get(&PUBLIC_ADDRESS),
            place: section.place,
        }
    }
}

impl AgesDraft {
    fn read(section: &Section<'_>) -> Self {
        use pool::ages::*;
        Self {
            unclaimed_max: section.get(&UNCLAIMED_MAX),
            waiting_max: section.get(&WAITING_MAX),
            job_max: section.get(&JOB_MAX),
        }
    }
}
