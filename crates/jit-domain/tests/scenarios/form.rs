//! The form of a scenario file: what a person writes. How it becomes records is in `world.rs`, what the steps do in `run.rs`.
//! All times are whole seconds from the scenario's start; negative ones lie before it.

use serde::Deserialize;

/// One scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What it shows, in a sentence or two.
    pub(crate) about: String,
    #[serde(default)]
    pub(crate) policy: Policy,
    /// None means one pool with every default.
    #[serde(default)]
    pub(crate) pool: Vec<Pool>,
    #[serde(default)]
    pub(crate) job: Vec<Job>,
    #[serde(default)]
    pub(crate) instance: Vec<Instance>,
    #[serde(default)]
    pub(crate) breaker: Vec<Breaker>,
    #[serde(default)]
    pub(crate) unhealthy: Vec<Unhealthy>,
    /// Images of us-east-1 whose names could not be resolved.
    #[serde(default)]
    pub(crate) unresolved: Vec<String>,
    pub(crate) run: Run,
    /// What the steps print; rewritten by `UPDATE=1`.
    #[serde(default)]
    pub(crate) expected: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    #[serde(default)]
    pub(crate) lines: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Policy {
    pub(crate) paused: bool,
    pub(crate) served_installations: Vec<u64>,
    pub(crate) served_owners: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Pool {
    pub(crate) name: String,
    pub(crate) labels: Vec<String>,
    pub(crate) scope: String,
    pub(crate) repositories: Vec<String>,
    pub(crate) subnets: Vec<String>,
    pub(crate) machine_types: Vec<String>,
    pub(crate) default_machine_type: Option<String>,
    pub(crate) capacity_types: Vec<String>,
    /// `baked`, `stock`, or `none` for a pool without an image.
    pub(crate) image: String,
    pub(crate) instances: u32,
    pub(crate) per_organisation: Option<u32>,
    pub(crate) per_repository: Option<u32>,
    pub(crate) per_hour: Option<u32>,
    pub(crate) paused: bool,
    /// Matrices of unknown width are admitted whole.
    pub(crate) full: bool,
}

impl Default for Pool {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
        Self {
            name: "default".into(),
            labels: texts(&["self-hosted", "linux", "x64", "gpu"]),
            scope: "organisation".into(),
            repositories: Vec::new(),
            subnets: texts(&["subnet-a"]),
            machine_types: texts(&["c6i.xlarge"]),
            default_machine_type: None,
            capacity_types: texts(&["spot", "on-demand"]),
            image: "baked".into(),
            instances: 1000,
            per_organisation: None,
            per_repository: None,
            per_hour: None,
            paused: false,
            full: false,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    pub(crate) id: u64,
    /// This many jobs, with ids from `id` on.
    #[serde(default = "one")]
    pub(crate) count: u64,
    #[serde(default = "queued")]
    pub(crate) phase: String,
    #[serde(default = "labels")]
    pub(crate) labels: Vec<String>,
    #[serde(default = "repository")]
    pub(crate) repository: String,
    #[serde(default = "pool")]
    pub(crate) pool: String,
    #[serde(default = "run")]
    pub(crate) run: u64,
    #[serde(default)]
    pub(crate) created: i64,
    #[serde(default)]
    pub(crate) moved: i64,
    pub(crate) asked: Option<i64>,
    pub(crate) permit: Option<String>,
    /// The matrix that they are of; none for jobs of their own.
    pub(crate) matrix: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instance {
    pub(crate) id: String,
    #[serde(default = "launched")]
    pub(crate) phase: String,
    #[serde(default = "labels")]
    pub(crate) labels: Vec<String>,
    #[serde(default = "repository")]
    pub(crate) repository: String,
    #[serde(default = "pool")]
    pub(crate) pool: String,
    #[serde(default)]
    pub(crate) launched: i64,
    pub(crate) booted: Option<i64>,
    pub(crate) claimed: Option<i64>,
    pub(crate) waiting: Option<i64>,
    /// Times of its registrations.
    #[serde(default)]
    pub(crate) mints: Vec<i64>,
    pub(crate) job: Option<u64>,
    pub(crate) busy: Option<i64>,
    pub(crate) unwanted: Option<i64>,
    pub(crate) stage: Option<String>,
    pub(crate) retired: Option<i64>,
    #[serde(default)]
    pub(crate) reports: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Breaker {
    /// Natural key of the offering.
    pub(crate) offering: String,
    pub(crate) failures: u32,
    pub(crate) next: Option<i64>,
    pub(crate) stage: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unhealthy {
    pub(crate) offering: String,
    pub(crate) until: i64,
    #[serde(default)]
    pub(crate) streak: u32,
}

/// One thing that happens.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Step {
    /// Time passes.
    Wait { s: u64 },
    /// The configuration changes.
    Configure { pause: Option<bool>, remove_pool: Option<String> },
    /// scaleup decides; its writes are applied.
    Plan {},
    /// A cloud answers a try; the class, the records and the health of the place follow.
    Reply(Reply),
    /// An instance without a record claims or is found by its tags.
    Adopt { batch: u64, r#try: u32, id: String },
    /// The records of instances that ended are closed, and what they held of the caps is given back.
    Release {
        #[serde(default)]
        ended: Vec<String>,
    },
    /// An instance claims. `lose` lost permits first; `config` is the runner id of the config that it gets.
    Claim { id: String, config: Option<u64> },
    /// GitHub was asked about the registration of an instance that claims again.
    Look { id: String, seen: String },
    /// An instance reports.
    Report { id: String, stage: String },
    /// The webhook decides on an event; nothing is applied.
    Deliver(Event),
    /// An event reaches the ledger.
    Event(Event),
    /// Each event on each phase.
    EventTable {},
    /// rebalancer weighs one instance; its write is applied.
    Weigh { id: String, cloud: String, runner: String },
    /// Each cloud view and runner view on one instance; nothing is applied.
    WeighTable { id: String },
    /// Which runs are asked about; these are then marked as asked.
    Ask {},
    /// scaledown sweeps a listing; its writes are applied.
    Sweep { listed: Vec<Listed> },
    /// scaledown looks for ghosts.
    Ghosts { registered: Vec<Registered>, live: Vec<String>, asked: bool },
    /// What the open jobs teach of their groups, and which of them may run; the groups' records are applied.
    Learn {},
    /// The workflow file was read: it says how many jobs of each group run at once, or nothing.
    Width { known: Option<u32> },
    /// Which retired instances lifecycle terminates.
    Terminate {},
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    /// The generation of its batch.
    pub(crate) batch: u64,
    pub(crate) r#try: u32,
    #[serde(default)]
    pub(crate) launched: Vec<String>,
    #[serde(default)]
    pub(crate) ended: Vec<String>,
    /// A reason's code.
    pub(crate) refused: Option<String>,
    #[serde(default)]
    pub(crate) unknown: bool,
    #[serde(default)]
    pub(crate) mismatch: bool,
    /// The class was written, and the invocation ended before the instances' records were.
    #[serde(default)]
    pub(crate) cut_off: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) action: String,
    pub(crate) job: u64,
    #[serde(default = "labels")]
    pub(crate) labels: Vec<String>,
    #[serde(default = "repository")]
    pub(crate) repository: String,
    /// False for a user's repository.
    #[serde(default = "yes")]
    pub(crate) organisation: bool,
    #[serde(default = "installation")]
    pub(crate) installation: u64,
    pub(crate) runner: Option<String>,
    pub(crate) conclusion: Option<String>,
    #[serde(default)]
    pub(crate) created: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) launched: i64,
    pub(crate) batch: Option<String>,
    #[serde(default)]
    pub(crate) has_place: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registered {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) activity: String,
}

fn one() -> u64 {
    1
}

fn yes() -> bool {
    true
}

fn run() -> u64 {
    7
}

fn installation() -> u64 {
    42
}

fn queued() -> String {
    "queued".into()
}

fn launched() -> String {
    "launched".into()
}

fn labels() -> Vec<String> {
    ["self-hosted", "linux", "x64"].map(str::to_owned).to_vec()
}

fn repository() -> String {
    "octo/app".into()
}

fn pool() -> String {
    "default".into()
}
