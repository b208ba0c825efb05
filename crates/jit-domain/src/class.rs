//! A class (jobs that need the same runner), its batches and their tries.
//! When a batch is born and how a try ends is decided in `decide/scaleup.rs`.

use std::collections::BTreeSet;
use std::fmt;

use crate::ids::{
    BatchId, ClassKey, Digest, InstallationId, InstanceKey, Login, PoolName, RepositoryName, RunnerGroupId,
    digest,
};
use crate::labels::LabelSet;
use crate::policy::{Machine, MachineSelection, Offering};
use crate::reason::Reason;
use crate::time::Timestamp;

/// Where a runner is registered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// At an organisation.
    Organisation(Login),
    /// At one repository.
    Repository(RepositoryName),
}

impl Scope {
    /// The organisation or owner behind the scope.
    pub fn owner(&self) -> Login {
        match self {
            Self::Organisation(login) => login.clone(),
            Self::Repository(name) => name.owner(),
        }
    }

    /// Whether a runner that is registered here may be given a job of that repository.
    pub fn reaches(&self, repository: &RepositoryName) -> bool {
        match self {
            Self::Organisation(login) => repository.owner() == *login,
            Self::Repository(name) => repository == name,
        }
    }

    /// Reads back what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains('/') {
            RepositoryName::parse(text).map(Self::Repository)
        } else {
            (!text.is_empty()).then(|| Self::Organisation(Login::new(text)))
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organisation(login) => login.fmt(f),
            Self::Repository(name) => name.fmt(f),
        }
    }
}

/// What makes jobs one class: they need the same runner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassIdentity {
    /// The installation that may register the runner.
    pub installation: InstallationId,
    /// Where it is registered.
    pub scope: Scope,
    /// Its runner group.
    pub runner_group: RunnerGroupId,
    /// The pool that pays for it.
    pub pool: PoolName,
    /// The machine asked for.
    pub machine: MachineSelection,
    /// The labels it gets, exactly the job's.
    pub labels: LabelSet,
}

impl ClassIdentity {
    /// The key: 32 hexadecimal digits of SHA-256 over all parts.
    pub fn key(&self) -> ClassKey {
        let Self { installation, scope, runner_group, pool, machine, labels } = self;
        let text = digest(&[
            "class/1",
            &installation.to_string(),
            &scope.to_string(),
            &runner_group.to_string(),
            pool.as_str(),
            machine.as_str(),
            &labels.to_string(),
        ]);
        ClassKey::new(&text[..32])
    }
}

/// A class's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// What the class is.
    pub identity: ClassIdentity,
    /// Number of batches ever born.
    pub generation: u64,
    /// Batches that are open, or closed for less than 24 h.
    pub batches: Vec<Batch>,
    /// After slots lapsed: no batch is born before this.
    pub next_launch_at: Option<Timestamp>,
    /// How often in a row slots lapsed; it doubles the wait.
    pub lapses: u32,
    /// Why its jobs wait, as of the last decision; none when it has none or launches for all of them.
    pub wait: Option<Reason>,
}

impl Class {
    /// A class that has launched nothing.
    pub fn new(identity: ClassIdentity) -> Self {
        Self { identity, generation: 0, batches: Vec::new(), next_launch_at: None, lapses: 0, wait: None }
    }

    /// The id of the batch that would be born as generation `generation`.
    pub fn batch_id(key: &ClassKey, generation: u64) -> BatchId {
        BatchId::new(&digest(&["batch/1", key.as_str(), &generation.to_string()])[..32])
    }

    /// The batch of that id, if it is still kept.
    pub fn batch(&self, id: &BatchId) -> Option<&Batch> {
        self.batches.iter().find(|b| &b.id == id)
    }

    /// The place of try `n` of a batch, if both are still kept.
    pub fn place(&self, batch: &BatchId, n: u32) -> Option<&Offering> {
        let batch = self.batch(batch)?;
        batch.place(batch.try_of(n)?)
    }

    /// Batches that may still launch.
    pub fn open_batches(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter().filter(|b| b.closed.is_none())
    }
}

/// One launch decision for a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Hash of class and generation.
    pub id: BatchId,
    /// When it was decided.
    pub born_at: Timestamp,
    /// Instances it may have, 1 to 256.
    pub slots: u32,
    /// Everything that its requests are made of, fixed at birth.
    pub template: Template,
    /// Its requests, in the order in which they were decided.
    pub tries: Vec<Try>,
    /// Instances that took a slot.
    pub instances: BTreeSet<InstanceKey>,
    /// When and why it stopped launching.
    pub closed: Option<Closed>,
}

impl Batch {
    /// Slots without an instance, also those of doubtful tries.
    pub fn free_slots(&self) -> u32 {
        self.slots.saturating_sub(u32::try_from(self.instances.len()).unwrap_or(u32::MAX))
    }

    /// Slots that a doubtful try may have filled without our knowing.
    pub fn doubtful_slots(&self) -> u32 {
        let doubtful =
            self.tries.iter().filter(|t| matches!(t.outcome, Outcome::Unknown { .. }) && t.is_doubtful);
        doubtful.map(|t| t.count).sum::<u32>().min(self.free_slots())
    }

    /// Slots that count as supply: free, not doubtful, and the batch still launches.
    pub fn open_slots(&self) -> u32 {
        match self.closed {
            Some(_) => 0,
            None => self.free_slots() - self.doubtful_slots(),
        }
    }

    /// When it last may have launched anything.
    pub fn active_at(&self) -> Timestamp {
        self.tries.iter().filter_map(|t| t.sent_at).fold(self.born_at, Timestamp::max)
    }

    /// The try of number `n`.
    pub fn try_of(&self, n: u32) -> Option<&Try> {
        self.tries.iter().find(|t| t.n == n)
    }

    /// The place that a try is launched at; none if it names no offering of this batch.
    pub fn place(&self, attempt: &Try) -> Option<&Offering> {
        self.template.offerings.get(usize::try_from(attempt.offering).ok()?)
    }
}

/// When and why a batch stopped launching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// What all requests of a batch are made of. Nothing else may enter a request: not the clock, the current
/// configuration or the current release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The places to try, in order; a try names its place by index.
    pub offerings: Vec<Offering>,
    /// What a launch needs besides its place.
    pub machine: Machine,
    /// Tags of instance and volume besides batch and try.
    pub tags: Vec<(String, String)>,
    /// The user data's text without the boot token, by digest; the text is kept in the ledger while the batch is open.
    pub user_data: Digest,
    /// Which claim key signs the boot tokens.
    pub claim_key: String,
    /// Version of the agent that the user data names.
    pub agent_version: String,
}

/// One request to a cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Its number in the batch, from 1.
    pub n: u32,
    /// Its place: an index into the template's offerings.
    pub offering: u32,
    /// Instances asked for.
    pub count: u32,
    /// When it was decided.
    pub born_at: Timestamp,
    /// When it was last sent, or is being sent; none before the first time.
    pub sent_at: Option<Timestamp>,
    /// When its boot token ends: 30 min after its birth.
    pub token_expires_at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// Set when the outcome stayed unknown for 2 min: its slots leave supply, and the gap may be launched elsewhere.
    pub is_doubtful: bool,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Decided; whether it was sent is not known until a reply is recorded. Anyone may repeat it after 60 s.
    Open,
    /// The cloud answered with instances.
    Launched {
        /// How many.
        count: u32,
    },
    /// The cloud refused; nothing was launched.
    Refused {
        /// Why.
        reason: Reason,
    },
    /// No reply, or one that settles nothing. Only the same request with the same token can tell.
    Unknown {
        /// Since when.
        since: Timestamp,
    },
    /// The token was used with other parameters: what it launched must be found by tag.
    Mismatch {
        /// First look that found no instance by tag.
        looked_at: Option<Timestamp>,
    },
}

/// The idempotency token of a try: at most 64 characters, the same for ever.
pub fn client_token(batch: &BatchId, offering: u32, place: &Offering, n: u32) -> String {
    digest(&["try/1", batch.as_str(), &offering.to_string(), place.subnet.as_str(), &n.to_string()])
}
