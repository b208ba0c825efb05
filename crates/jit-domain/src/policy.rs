//! What the user wishes: pools, their offerings, caps and ages. Parsing and defaults are in jit-control's configuration.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::group::UnknownWidth;
use crate::ids::{
    Cloud, Digest, ImageId, InstallationId, Login, MachineType, PoolName, Region, RepositoryName,
    RunnerGroupId, SubnetId,
};
use crate::labels::LabelSet;

mod allow;
mod machine;

pub use allow::{Allow, Wish};
pub use machine::{DiskEncryption, DiskType, Machine, PublicAddress};

/// The whole configuration, valid in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Name of this deployment; it tags what we launch, and a sweep touches nothing tagged otherwise.
    pub deployment: String,
    /// First part of each runner's name.
    pub runner_prefix: String,
    /// Who may use this deployment.
    pub served: Served,
    /// The pools in the order of the file; the first that fits a job takes it.
    pub pools: Vec<Pool>,
    /// Whether launching is paused everywhere.
    pub paused: Paused,
    /// What every instance is started with.
    pub agent: Agent,
    /// Where records and messages are kept.
    pub storage: Storage,
}

impl Policy {
    /// The pool of that name; none when the configuration no longer has it.
    pub fn pool(&self, name: &PoolName) -> Option<&Pool> {
        self.pools.iter().find(|p| &p.name == name)
    }

    /// All regions in which a pool may launch, each once.
    pub fn regions(&self) -> BTreeSet<(Cloud, Region)> {
        self.pools.iter().flat_map(|p| p.offerings.iter().map(|o| (o.cloud, o.region.clone()))).collect()
    }
}

/// Where records and messages are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// In the host's own key-value store: one host, no cloud.
    #[default]
    KeyValue,
    /// In a table and queues of AWS.
    Aws(AwsStorage),
}

/// A DynamoDB table and SQS queues, all in one region of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsStorage {
    /// Their region.
    pub region: Region,
    /// The account that owns the queues; twelve digits.
    pub account: String,
    /// The table's name, and the beginning of the queues' names.
    pub name: String,
}

/// Whether launching is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Paused {
    /// Launches go on.
    #[default]
    No,
    /// Nothing new is launched; what runs is served to its end.
    Yes,
}

/// The installations and owners that are served; an empty set means that any is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Installation ids.
    pub installations: BTreeSet<InstallationId>,
    /// Organisations and users.
    pub owners: BTreeSet<Login>,
}

/// GitHub's runner program as every instance runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Version, such as `2.336.0`.
    pub version: String,
    /// Where a stock image gets it; none when every image is baked, as a baked one has it and checked it then.
    pub download: Option<AgentDownload>,
}

/// Where the agent is downloaded, and what proves that it is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentDownload {
    /// Address of the archive.
    pub url: String,
    /// SHA-256 of the archive, in hexadecimal, lower case.
    pub sha256: Digest,
}

/// A rule from a label set to machines, with limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: PoolName,
    /// The labels its runners can carry. A job fits when its labels are among these, and at most one machine type more.
    pub labels: LabelSet,
    /// Where its runners are registered.
    pub scope: PoolScope,
    /// The repositories it serves; empty means each that the App sees.
    pub repositories: BTreeSet<RepositoryName>,
    /// Which of the jobs of those repositories its runners may run.
    pub allow: Allow,
    /// The runner group its runners join.
    pub runner_group: RunnerGroupId,
    /// Its ceilings.
    pub caps: Caps,
    /// Where to launch, best first.
    pub offerings: Vec<OfferingRule>,
    /// The machine type of a job that names none; none means any the offerings list, in their order.
    pub default_machine_type: Option<MachineType>,
    /// The image of each region, for machine types that have none of their own.
    pub images: Vec<ImageRule>,
    /// What else a launch needs.
    pub machine: Machine,
    /// The three age limits.
    pub ages: Ages,
    /// What becomes of a job that the registrar was asked about in vain.
    pub unanswered_hook: UnansweredHook,
    /// What becomes of a matrix whose width nobody says.
    pub unknown_width: UnknownWidth,
    /// Whether launching is paused for this pool.
    pub paused: Paused,
}

impl Pool {
    /// Whether the pool serves a repository.
    pub fn serves(&self, repository: &RepositoryName) -> bool {
        self.repositories.is_empty() || self.repositories.contains(repository)
    }

    /// Whether an instance of the pool may boot from an image without our script, so that user data has to bring it.
    pub fn boots_stock(&self) -> bool {
        self.images.iter().any(|rule| rule.image.kind == ImageKind::Stock)
    }

    /// Machine types that the pool lists, each once.
    pub fn machine_types(&self) -> BTreeSet<&MachineType> {
        self.offerings.iter().flat_map(|o| &o.machine_types).collect()
    }

    /// The image for a machine type in a region: the rule for that type, else the one for all types.
    pub fn image(&self, cloud: Cloud, region: &Region, machine_type: &MachineType) -> Option<&Image> {
        let here = || self.images.iter().filter(|r| r.cloud == cloud && &r.region == region);
        here()
            .find(|r| r.machine_types.contains(machine_type))
            .or_else(|| here().find(|r| r.machine_types.is_empty()))
            .map(|r| &r.image)
    }

    /// All launch places for a selection, best first: each capacity type over all rules, machine types and subnets
    /// before the next capacity type. `turn` rotates the subnets, so that batches spread over the zones.
    pub fn expand(&self, selection: &MachineSelection, turn: u64) -> Vec<Offering> {
        let mut expanded = Vec::new();
        for capacity_type in [CapacityType::Spot, CapacityType::OnDemand] {
            for rule in self.offerings.iter().filter(|r| r.capacity_types.contains(&capacity_type)) {
                for machine_type in rule.machine_types.iter().filter(|t| self.selects(selection, t)) {
                    self.expand_subnets(rule, machine_type, capacity_type, turn, &mut expanded);
                }
            }
        }
        expanded
    }

    fn selects(&self, selection: &MachineSelection, candidate: &MachineType) -> bool {
        match selection {
            MachineSelection::Named(wanted) => wanted == candidate,
            MachineSelection::Default => self.default_machine_type.as_ref().is_none_or(|d| d == candidate),
        }
    }

    fn expand_subnets(
        &self,
        rule: &OfferingRule,
        machine_type: &MachineType,
        capacity_type: CapacityType,
        turn: u64,
        into: &mut Vec<Offering>,
    ) {
        let Some(image) = self.image(rule.cloud, &rule.region, machine_type) else { return };
        let count = rule.subnets.len();
        for i in 0..count {
            let at = (usize::try_from(turn % count as u64).unwrap_or(0) + i) % count;
            into.push(Offering {
                cloud: rule.cloud,
                region: rule.region.clone(),
                subnet: rule.subnets[at].clone(),
                machine_type: machine_type.clone(),
                capacity_type,
                image: image.clone(),
            });
        }
    }
}

/// Where a pool's runners are registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolScope {
    /// At the organisation that owns the job's repository; the documented default.
    Organisation,
    /// At the job's repository.
    Repository,
}

/// Ceilings; none means without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Live instances of the pool.
    pub instances: u32,
    /// Live instances of the pool for one organisation.
    pub instances_per_organisation: Option<u32>,
    /// Live instances of the pool for one repository; counts only repository-scoped classes.
    pub instances_per_repository: Option<u32>,
    /// Instances launched in any 60 minutes.
    pub launches_per_hour: Option<u32>,
}

/// One block of launch places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferingRule {
    /// The cloud.
    pub cloud: Cloud,
    /// The region.
    pub region: Region,
    /// Subnets, at least one.
    pub subnets: Vec<SubnetId>,
    /// Machine types, best first, at least one.
    pub machine_types: Vec<MachineType>,
    /// Capacity types, at least one.
    pub capacity_types: Vec<CapacityType>,
}

/// One place to launch: everything that decides which hardware is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offering {
    /// The cloud.
    pub cloud: Cloud,
    /// The region.
    pub region: Region,
    /// The subnet, and with it the zone.
    pub subnet: SubnetId,
    /// The machine type.
    pub machine_type: MachineType,
    /// Spot or on-demand.
    pub capacity_type: CapacityType,
    /// The image to start.
    pub image: Image,
}

impl Offering {
    /// The natural key of its health: what can run out, without the image.
    pub fn key(&self) -> String {
        let Self { cloud, region, subnet, machine_type, capacity_type, image: _ } = self;
        format!("{}/{region}/{subnet}/{machine_type}/{}", cloud.as_str(), capacity_type.as_str())
    }

    /// The key of the quota that its instances count against, in the health of its region. EC2 counts vCPUs in each region by itself,
    /// for spot and on-demand instances apart, and for each of some groups of instance families; the subnet does not matter.
    ///
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html#ec2-on-demand-instances-limits>,
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html> (read 2026-11-22)
    pub fn quota_key(&self) -> String {
        let Self { cloud, region, subnet: _, machine_type, capacity_type, image: _ } = self;
        let group = quota_group(machine_type.as_str());
        format!("{}/{region}/quota/{group}/{}", cloud.as_str(), capacity_type.as_str())
    }
}

/// The group of instance families whose vCPUs one quota counts; a family that is in none stands for itself.
fn quota_group(machine_type: &str) -> &str {
    const STANDARD: [&str; 10] = ["a", "c", "d", "h", "i", "im", "is", "m", "r", "t"];
    let end = machine_type.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(machine_type.len());
    match &machine_type[..end] {
        family if STANDARD.contains(&family) || family == "z" => "standard",
        "g" | "gr" | "vt" => "g-and-vt",
        family => family,
    }
}

/// Spot or on-demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CapacityType {
    /// Spare capacity, taken back at short notice.
    Spot,
    /// Kept until we end it.
    OnDemand,
}

impl CapacityType {
    /// The word used in configuration, keys and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::OnDemand => "on-demand",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "spot" => Some(Self::Spot),
            "on-demand" => Some(Self::OnDemand),
            _ => None,
        }
    }
}

/// Which image goes with which machine types in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRule {
    /// The cloud.
    pub cloud: Cloud,
    /// The region.
    pub region: Region,
    /// The machine types it is for; empty means all others.
    pub machine_types: BTreeSet<MachineType>,
    /// The image.
    pub image: Image,
}

/// A machine image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Whether the agent and tools are baked in, which decides how long a boot may take at first.
    pub kind: ImageKind,
}

/// Baked or stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageKind {
    /// Made by our Packer template: the agent is there.
    Baked,
    /// A distribution's own: the boot script installs everything.
    Stock,
}

/// The three age limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    /// Longest time from launch to the first 200 or 202.
    pub unclaimed_max: Duration,
    /// Longest time an instance waits at 202.
    pub waiting_max: Duration,
    /// Longest time a job may run.
    pub job_max: Duration,
}

/// What becomes of a job when the registrar, asked whether it may run, gives no verdict within a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnansweredHook {
    /// It fails before its first step: a rule that can be silenced is none.
    #[default]
    Refuse,
    /// It runs. The runner group alone keeps foreign jobs away then.
    Allow,
}

impl UnansweredHook {
    /// The word used in configuration and replies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Allow => "allow",
        }
    }
}

/// The machine type that a job asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MachineSelection {
    /// The pool's default.
    Default,
    /// One that the job names as a label.
    Named(MachineType),
}

impl MachineSelection {
    /// The word used in keys: the machine type, or nothing for the default.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Default => "",
            Self::Named(machine_type) => machine_type.as_str(),
        }
    }
}
