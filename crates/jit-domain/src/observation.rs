//! What one event of GitHub says about a workflow job.
//! Its form on the wire is in jit-control's `message.rs`; how it moves a job's record is in `decide/lifecycle.rs`.

use crate::ids::{InstallationId, JobId, Login, PoolName, RepositoryName, RunId};
use crate::job::{RunnerRef, Visibility};
use crate::labels::LabelSet;
use crate::time::Timestamp;

/// A `workflow_job` event, or the same facts read from the jobs API. It is a hint: late, doubled or out of order.
/// The fields are those of <https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_job>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What happened.
    pub action: Action,
    /// GitHub's id of the job.
    pub job: JobId,
    /// Its run.
    pub run: RunId,
    /// The run's attempt, from 1.
    pub attempt: u32,
    /// The job's name, for people.
    pub name: String,
    /// The labels it asks for.
    pub labels: LabelSet,
    /// The installation that told us.
    pub installation: InstallationId,
    /// Its repository.
    pub repository: RepositoryName,
    /// The organisation that owns the repository; none for a user's.
    pub organisation: Option<Login>,
    /// Who can see the repository; none when the jobs API said it.
    pub visibility: Option<Visibility>,
    /// Who caused the event: for `queued`, who started the run or started it again. None when the jobs API said it.
    pub sender: Option<Login>,
    /// The pool that the labels matched on arrival; none when none did, as for foreign jobs that started or ended.
    pub pool: Option<PoolName>,
    /// The runner that GitHub named; none while there is none, and for a job that ended without one.
    pub runner: Option<RunnerRef>,
    /// GitHub's conclusion; none until completed.
    pub conclusion: Option<String>,
    /// When GitHub made the job.
    pub created_at: Timestamp,
    /// When it happened: GitHub's `started_at` or `completed_at`, else when we received it.
    pub at: Timestamp,
    /// When we received it.
    pub received_at: Timestamp,
}

/// What an event says happened to its job. The order is the only way a job goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// GitHub waits for an approval or a gate.
    Waiting,
    /// It wants a runner.
    Queued,
    /// A runner has it.
    InProgress,
    /// It is over.
    Completed,
}

impl Action {
    /// All actions in order.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Queued, Self::InProgress, Self::Completed];

    /// GitHub's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
        }
    }

    /// Reads the word back; none for any other.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::Action;

    #[test]
    fn actions_keep_their_words_and_the_order_in_which_a_job_goes() {
        assert!(Action::ALL.iter().all(|a| Action::parse(a.as_str()) == Some(*a)));
        assert!(Action::ALL.windows(2).all(|w| w[0] < w[1]));
        assert_eq!(Action::parse("requested"), None);
    }
}
