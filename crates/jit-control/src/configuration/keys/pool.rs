//! The tables of a pool: `[[pool]]` and what stands in it.

use std::time::Duration;

use jit_domain::group::UnknownWidth;
use jit_domain::ids::{
    Cloud, EventName, ImageId, Login, MachineType, PoolName, Region, RepositoryName, RunnerGroupId, SubnetId,
};
use jit_domain::policy::{
    CapacityType, DiskType, ImageKind, Paused, PoolScope, PublicAddress, UnansweredHook, Wish,
};

use crate::configuration::form::{Flag, Integer, List, Span, Text, Word};
use crate::configuration::key::{Key, Table, Times, default, optional, required};
use crate::configuration::shapes::{self, Encrypted};

/// `[[pool]]`.
pub(crate) static TABLE: Table = Table {
    name: "pool",
    header: "[[pool]]",
    times: Times::Many { min: 1, max: 64 },
    meaning: "Is a rule from labels to machines, with limits. \
              The first pool of the file that fits a job takes it: the job's labels are all among the pool's, \
              besides at most one that names a machine type of the pool.",
    keys: &[
        &NAME,
        &LABELS,
        &SCOPE,
        &REPOSITORIES,
        &RUNNER_GROUP_ID,
        &DEFAULT_MACHINE_TYPE,
        &UNANSWERED_HOOK,
        &UNKNOWN_WIDTH,
        &PAUSED,
    ],
    tables: &[&allow::TABLE, &caps::TABLE, &offering::TABLE, &image::TABLE, &machine::TABLE, &ages::TABLE],
};

pub(crate) static NAME: Key<Text<PoolName>> =
    required("name", shapes::POOL_NAME, "Names the pool in records, tags and logs; no other pool has it.");

/// A runner takes at most 100 labels, and a job may add a machine type to the pool's:
/// <https://docs.github.com/en/rest/actions/self-hosted-runners> (generate-jitconfig).
pub(crate) static LABELS: Key<List<Text<String>>> = required(
    "labels",
    List { of: shapes::LABEL, min: 1, max: 99 },
    "Are the labels that the pool's runners can carry, without regard to case and order.",
);

pub(crate) static SCOPE: Key<Word<PoolScope>> = default(
    "scope",
    shapes::SCOPE,
    "\"organisation\"",
    "Is where runners are registered. Repositories of a user, who has no organisation, need `repository`.",
);

pub(crate) static REPOSITORIES: Key<List<Text<RepositoryName>>> = default(
    "repositories",
    List { of: shapes::REPOSITORY, min: 0, max: 1000 },
    "[]",
    "Lists the repositories that the pool serves; an empty list serves each that the GitHub App sees.",
);

pub(crate) static RUNNER_GROUP_ID: Key<Integer<RunnerGroupId>> = default(
    "runner_group_id",
    shapes::RUNNER_GROUP,
    "1",
    "Is the runner group that runners join; 1 is the default group. \
     A group of its own, open to selected repositories only, is what keeps others out.",
);

pub(crate) static DEFAULT_MACHINE_TYPE: Key<Text<MachineType>> = optional(
    "default_machine_type",
    shapes::MACHINE_TYPE,
    "any that the offerings list, in their order",
    "Is the machine type of a job that names none.",
);

pub(crate) static UNANSWERED_HOOK: Key<Word<UnansweredHook>> = default(
    "unanswered_hook",
    shapes::UNANSWERED_HOOK,
    "\"refuse\"",
    "Says what becomes of a job when its instance asks the registrar whether the job may run and gets no verdict \
     within a minute: `refuse` fails it before its first step, `allow` lets it run.",
);

pub(crate) static UNKNOWN_WIDTH: Key<Word<UnknownWidth>> = default(
    "unknown_width",
    shapes::UNKNOWN_WIDTH,
    "\"probe\"",
    "Says what becomes of a matrix when its workflow file does not say how many of its jobs GitHub runs at once, or cannot be read: \
     `probe` launches for four of them and for more as these start, `full` launches for all, which is faster for matrices \
     that run at once and dearer for those that don't.",
);

pub(crate) static PAUSED: Key<Flag<Paused>> = default(
    "paused",
    shapes::PAUSED,
    "false",
    "Stops launching for this pool; its jobs wait, and what runs is served to its end.",
);

/// `[pool.allow]`.
pub(crate) mod allow {
    use super::*;

    pub(crate) static TABLE: Table = Table {
        name: "allow",
        header: "[pool.allow]",
        times: Times::Once,
        meaning: "Are the rules about which jobs of its repositories the pool runs. \
                  A job that breaks one launches nothing, and fails before its first step should GitHub give it to a runner \
                  of the pool all the same.",
        keys: &[&ORGANISATIONS, &EVENTS, &ACTORS, &FORKS, &PUBLIC_REPOSITORIES],
        tables: &[],
    };

    pub(crate) static ORGANISATIONS: Key<List<Text<Login>>> = default(
        "organisations",
        List { of: shapes::LOGIN, min: 0, max: 1000 },
        "[]",
        "Lists the organisations and users whose repositories the pool serves; an empty list serves all.",
    );

    pub(crate) static EVENTS: Key<List<Text<EventName>>> = default(
        "events",
        List { of: shapes::EVENT, min: 0, max: 100 },
        "[]",
        "Lists the events that may start a run; an empty list allows all. A reusable workflow has the event of its caller.",
    );

    pub(crate) static ACTORS: Key<List<Text<Login>>> = default(
        "actors",
        List { of: shapes::ACTOR, min: 0, max: 1000 },
        "[]",
        "Lists who may start a run, and start it again; an empty list allows everybody.",
    );

    pub(crate) static FORKS: Key<Flag<Wish>> = default(
        "forks",
        shapes::WISH,
        "false",
        "Allows runs of changes that come from forks, which anybody who can read the repository may propose.",
    );

    pub(crate) static PUBLIC_REPOSITORIES: Key<Flag<Wish>> = default(
        "public_repositories",
        shapes::WISH,
        "false",
        "Allows jobs of public repositories. GitHub advises against self-hosted runners for them.",
    );
}

/// `[pool.caps]`.
pub(crate) mod caps {
    use super::*;

    pub(crate) static TABLE: Table = Table {
        name: "caps",
        header: "[pool.caps]",
        times: Times::Once,
        meaning: "Are ceilings; at one of them jobs wait.",
        keys: &[&INSTANCES, &INSTANCES_PER_ORGANISATION, &INSTANCES_PER_REPOSITORY, &LAUNCHES_PER_HOUR],
        tables: &[],
    };

    pub(crate) static INSTANCES: Key<Integer<u32>> = required(
        "instances",
        shapes::count(100_000, "instances"),
        "Is the most instances that the pool has at one time.",
    );

    pub(crate) static INSTANCES_PER_ORGANISATION: Key<Integer<u32>> = optional(
        "instances_per_organisation",
        shapes::count(100_000, "instances"),
        "no such ceiling",
        "Is the most instances that the pool has at one time for one organisation or user.",
    );

    pub(crate) static INSTANCES_PER_REPOSITORY: Key<Integer<u32>> = optional(
        "instances_per_repository",
        shapes::count(100_000, "instances"),
        "no such ceiling",
        "Is the most instances that the pool has at one time for one repository; \
         it needs `scope = \"repository\"`, as a runner of an organisation belongs to no repository.",
    );

    pub(crate) static LAUNCHES_PER_HOUR: Key<Integer<u32>> = optional(
        "launches_per_hour",
        shapes::count(1_000_000, "instances"),
        "no such ceiling",
        "Is the most instances that the pool launches in any 60 minutes.",
    );
}

/// `[[pool.offering]]`.
pub(crate) mod offering {
    use super::*;

    pub(crate) static TABLE: Table = Table {
        name: "offering",
        header: "[[pool.offering]]",
        times: Times::Many { min: 1, max: 32 },
        meaning: "Is a block of places to launch, the best block first. \
                  All spot places of the pool are tried before the first on-demand one.",
        keys: &[&CLOUD, &REGION, &SUBNETS, &MACHINE_TYPES, &CAPACITY_TYPES],
        tables: &[],
    };

    pub(crate) static CLOUD: Key<Word<Cloud>> = default("cloud", shapes::CLOUD, "\"aws\"", "Is the cloud.");

    pub(crate) static REGION: Key<Text<Region>> =
        required("region", shapes::REGION, "Is the cloud's region.");

    pub(crate) static SUBNETS: Key<List<Text<SubnetId>>> = required(
        "subnets",
        List { of: shapes::SUBNET, min: 1, max: 32 },
        "Are the subnets, one or more for each zone; batches begin with each in turn.",
    );

    pub(crate) static MACHINE_TYPES: Key<List<Text<MachineType>>> = required(
        "machine_types",
        List { of: shapes::MACHINE_TYPE, min: 1, max: 32 },
        "Are the machine types, the best first; a job may name one of them as a label.",
    );

    pub(crate) static CAPACITY_TYPES: Key<List<Word<CapacityType>>> = default(
        "capacity_types",
        List { of: shapes::CAPACITY_TYPE, min: 1, max: 2 },
        "[\"spot\", \"on-demand\"]",
        "Are the capacity types that may be used; spot comes before on-demand in whatever order they stand.",
    );
}

/// `[[pool.image]]`.
pub(crate) mod image {
    use super::*;

    pub(crate) static TABLE: Table = Table {
        name: "image",
        header: "[[pool.image]]",
        times: Times::Many { min: 1, max: 64 },
        meaning: "Is the image of a region, for all machine types or for some. \
                  Every region and machine type of the offerings needs one.",
        keys: &[&CLOUD, &REGION, &ID, &KIND, &MACHINE_TYPES],
        tables: &[],
    };

    pub(crate) static CLOUD: Key<Word<Cloud>> = default("cloud", shapes::CLOUD, "\"aws\"", "Is the cloud.");

    pub(crate) static REGION: Key<Text<Region>> =
        required("region", shapes::REGION, "Is the region that has the image.");

    pub(crate) static ID: Key<Text<ImageId>> = required(
        "id",
        shapes::IMAGE,
        "Is the image's id in that region, or the parameter that holds it. \
         A parameter is read when instances are about to be launched.",
    );

    pub(crate) static KIND: Key<Word<ImageKind>> = required(
        "kind",
        shapes::IMAGE_KIND,
        "Says whether the agent is in the image (`baked`) or is installed at each boot (`stock`).",
    );

    pub(crate) static MACHINE_TYPES: Key<List<Text<MachineType>>> = default(
        "machine_types",
        List { of: shapes::MACHINE_TYPE, min: 0, max: 32 },
        "[]",
        "Are the machine types that use this image; an empty list means all that no other image of the region names.",
    );
}

/// `[pool.machine]`.
pub(crate) mod machine {
    use super::*;

    pub(crate) static TABLE: Table = Table {
        name: "machine",
        header: "[pool.machine]",
        times: Times::Once,
        meaning: "Is what each instance of the pool gets besides its place.",
        keys: &[
            &SECURITY_GROUPS,
            &INSTANCE_PROFILE,
            &DISK_GIB,
            &DISK_TYPE,
            &DISK_IOPS,
            &DISK_THROUGHPUT_MIBS,
            &DISK_ENCRYPTED,
            &DISK_KMS_KEY,
            &ROOT_DEVICE,
            &PUBLIC_ADDRESS,
        ],
        tables: &[],
    };

    /// At most 16 groups on one interface, the highest that the quota can be raised to:
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.
    pub(crate) static SECURITY_GROUPS: Key<List<Text<String>>> = default(
        "security_groups",
        List { of: shapes::SECURITY_GROUP, min: 0, max: 16 },
        "[]",
        "Are the security groups; none means the default group of the subnet's VPC. \
         Instances need no way in, and out only HTTPS and DNS.",
    );

    pub(crate) static INSTANCE_PROFILE: Key<Text<String>> = optional(
        "instance_profile",
        shapes::INSTANCE_PROFILE,
        "not allowed with `aws`",
        "Is the ARN of the instance profile whose role proves to the registrar which instance it talks to. \
         The role is named like the profile and needs no permission.",
    );

    /// 16 TiB is the largest gp3 volume that all regions have:
    /// <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html>.
    pub(crate) static DISK_GIB: Key<Integer<u32>> = optional(
        "disk_gib",
        Integer { min: 8, ..shapes::count(16_384, "GiB") },
        "as large as the image's",
        "Is the size of the root disk; it needs `root_device`, as do the other keys of the disk.",
    );

    pub(crate) static DISK_TYPE: Key<Word<DiskType>> =
        optional("disk_type", shapes::DISK_TYPE, "as the image's", "Is the kind of the root disk.");

    /// From the least of `io1` and `io2` to the most of `io2`; each kind's own bounds are in `check/disk.rs`.
    pub(crate) static DISK_IOPS: Key<Integer<u32>> = optional(
        "disk_iops",
        Integer { min: 100, ..shapes::count(256_000, "operations a second") },
        "3000 with `gp3`; `io1` and `io2` need it",
        "Is how many operations a second the root disk has provisioned; it needs a `disk_type` of `gp3`, `io1` or `io2`.",
    );

    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html>
    pub(crate) static DISK_THROUGHPUT_MIBS: Key<Integer<u32>> = optional(
        "disk_throughput_mibs",
        Integer { min: 125, ..shapes::count(2_000, "MiB a second") },
        "125 with `gp3`",
        "Is the throughput that the root disk has provisioned; it needs a `disk_type` of `gp3`.",
    );

    pub(crate) static DISK_ENCRYPTED: Key<Flag<Encrypted>> = default(
        "disk_encrypted",
        shapes::DISK_ENCRYPTED,
        "false",
        "Says whether the root disk is encrypted always; `false` leaves that to the image and to the account's own setting.",
    );

    pub(crate) static DISK_KMS_KEY: Key<Text<String>> = optional(
        "disk_kms_key",
        shapes::KMS_KEY,
        "the key that the account uses for disks",
        "Is the KMS key that encrypts the root disk; it needs `disk_encrypted`, and scaleup needs rights on it, \
         which `infra/aws/policies/README.md` lists. \
         EC2 looks at the key after it has answered, so that a wrong one shows as instances that end at once.",
    );

    pub(crate) static ROOT_DEVICE: Key<Text<String>> = optional(
        "root_device",
        shapes::ROOT_DEVICE,
        "not needed without a key of the disk",
        "Is the name of the image's root device, as the image's description shows it.",
    );

    pub(crate) static PUBLIC_ADDRESS: Key<Word<PublicAddress>> = default(
        "public_address",
        shapes::PUBLIC_ADDRESS,
        "\"as-subnet\"",
        "Says whether instances get a public address.",
    );
}

/// `[pool.ages]`.
pub(crate) mod ages {
    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;

    pub(crate) static TABLE: Table = Table {
        name: "ages",
        header: "[pool.ages]",
        times: Times::Once,
        meaning: "Are the three age limits of an instance.",
        keys: &[&UNCLAIMED_MAX, &WAITING_MAX, &JOB_MAX],
        tables: &[],
    };

    pub(crate) static UNCLAIMED_MAX: Key<Span> = default(
        "unclaimed_max",
        Span { min: Duration::from_secs(2 * MINUTE), max: Duration::from_secs(HOUR) },
        "\"20m\"",
        "Is the longest time from launch until the instance asks for work the first time; then it powers off.",
    );

    pub(crate) static WAITING_MAX: Key<Span> = default(
        "waiting_max",
        Span { min: Duration::from_secs(MINUTE), max: Duration::from_secs(24 * HOUR) },
        "\"6h\"",
        "Is the longest time that an instance waits for work; then it powers off.",
    );

    /// GitHub ends a self-hosted job after 5 days: <https://docs.github.com/en/actions/reference/limits>. Two hours more
    /// leave its end to GitHub.
    pub(crate) static JOB_MAX: Key<Span> = default(
        "job_max",
        Span { min: Duration::from_secs(5 * MINUTE), max: Duration::from_secs((5 * 24 + 2) * HOUR) },
        "\"24h\"",
        "Is the longest time that a job runs; GitHub itself ends it after 5 days.",
    );
}
