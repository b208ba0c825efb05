//! A workflow job as the ledger knows it, and its phase table. How observations reach it is in `decide/lifecycle.rs`.

use crate::ids::{
    ClassKey, InstallationId, InstanceKey, JobId, Login, PoolName, RepositoryName, RunId, RunnerId,
    RunnerName,
};
use crate::labels::LabelSet;
use crate::reason::Reason;
use crate::time::Timestamp;

/// Where a job is on its way. The order is the only way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobPhase {
    /// GitHub waits for an approval or a gate; no demand.
    Waiting,
    /// Wants a runner, now or once its group may run it.
    Queued,
    /// A runner has it.
    InProgress,
    /// Over, whatever its conclusion. Kept as a tombstone, so that a late event changes nothing.
    Completed,
}

impl JobPhase {
    /// The word used in records and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Queued, Self::InProgress, Self::Completed]
            .into_iter()
            .find(|p| p.as_str() == word)
    }
}

/// Who can see a repository; an internal one counts as private, as in GitHub's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visibility {
    /// Those who were invited.
    Private,
    /// Everybody, who can propose changes too.
    Public,
}

impl Visibility {
    /// What GitHub's `private` says.
    pub const fn of(private: bool) -> Self {
        if private { Self::Private } else { Self::Public }
    }

    /// The word used in records and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Private, Self::Public].into_iter().find(|v| v.as_str() == word)
    }
}

/// The runner that GitHub named for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerRef {
    /// GitHub's id; none when the event had 0 or nothing.
    pub id: Option<RunnerId>,
    /// The registration's name.
    pub name: RunnerName,
}

impl RunnerRef {
    /// The runner that GitHub names by id and name. A job without one has null for both, or 0 and an empty name; an id without
    /// a name is kept, as registrations are known by id too.
    pub fn named(id: Option<RunnerId>, name: Option<&str>) -> Option<Self> {
        let id = id.filter(|id| id.0 != 0);
        let name = name.unwrap_or_default();
        (id.is_some() || !name.is_empty()).then(|| Self { id, name: RunnerName::new(name) })
    }
}

/// A job's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// GitHub's id.
    pub id: JobId,
    /// Its run.
    pub run: RunId,
    /// The run's attempt, from 1.
    pub attempt: u32,
    /// Its name, for people.
    pub name: String,
    /// The installation that told us.
    pub installation: InstallationId,
    /// Its repository.
    pub repository: RepositoryName,
    /// The organisation that owns the repository; none for a user's.
    pub organisation: Option<Login>,
    /// Who can see its repository, as GitHub said when it was queued; none when only the jobs API told of it.
    pub visibility: Option<Visibility>,
    /// What it asks for.
    pub labels: LabelSet,
    /// The pool that took it.
    pub pool: PoolName,
    /// Its class.
    pub class: ClassKey,
    /// Its phase.
    pub phase: JobPhase,
    /// The instance that was given a JIT config on account of this job. A count, not a pairing.
    pub permit: Option<InstanceKey>,
    /// Who runs or ran it.
    pub runner: Option<RunnerRef>,
    /// When GitHub made it.
    pub created_at: Timestamp,
    /// When we first saw it.
    pub seen_at: Timestamp,
    /// When its phase last moved.
    pub moved_at: Timestamp,
    /// When GitHub was last asked about this one job.
    pub asked_at: Option<Timestamp>,
    /// GitHub's conclusion once completed.
    pub conclusion: Option<String>,
    /// Why it waits, as of the last decision.
    pub wait: Option<Reason>,
}

impl Job {
    /// Whether the record still needs watching.
    pub fn is_open(&self) -> bool {
        self.phase != JobPhase::Completed
    }
}

#[cfg(test)]
mod tests {
    use super::JobPhase;

    #[test]
    fn phases_are_ordered_as_a_job_goes() {
        let way = [JobPhase::Waiting, JobPhase::Queued, JobPhase::InProgress, JobPhase::Completed];
        assert!(way.windows(2).all(|w| w[0] < w[1]));
        assert!(way.iter().all(|p| JobPhase::parse(p.as_str()) == Some(*p)));
    }
}
