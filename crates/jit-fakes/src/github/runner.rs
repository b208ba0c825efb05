//! Runners and JIT configs as data. Not in it: who gets which job (`assign.rs`), the agent's requests (`agent.rs`).

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::ids::{AccountId, GroupId, JobId, RepositoryId, RunnerId};

/// Where a runner is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// In an organisation; its group decides which repositories it serves.
    Organization(AccountId),
    /// In one repository.
    Repository(RepositoryId),
}

/// Why a registration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Somebody called DELETE.
    Deleted,
    /// Its one job ended.
    JobEnded,
    /// No agent used its JIT config in time.
    NeverConnected,
    /// It was connected and got no job in time.
    Idle,
    /// Its agent was lost in mid-job.
    Lost,
}

#[derive(Clone, Debug)]
pub(super) struct Runner {
    pub(super) id: RunnerId,
    pub(super) name: String,
    pub(super) scope: Scope,
    pub(super) group: GroupId,
    /// Lower case, in the order they were asked for.
    pub(super) labels: Vec<String>,
    pub(super) label_set: BTreeSet<String>,
    pub(super) minted_at: Timestamp,
    pub(super) connected_at: Option<Timestamp>,
    /// Since when it is connected and has no job.
    pub(super) idle_since: Option<Timestamp>,
    pub(super) last_seen: Option<Timestamp>,
    pub(super) session: Option<String>,
    pub(super) job: Option<JobId>,
    pub(super) ran: Option<JobId>,
    /// Its job ended without its agent; it is shown busy until it is removed.
    pub(super) stuck: bool,
    pub(super) watched: bool,
    pub(super) removed: Option<(Timestamp, Removal)>,
}

impl Runner {
    pub(super) fn is_live(&self) -> bool {
        self.removed.is_none()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.job.is_some() || self.stuck
    }
}
