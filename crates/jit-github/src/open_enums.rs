//! Words that GitHub uses for states, as enums that keep a word they do not know.
//!
//! Not here: what a state means to us.

use std::fmt;

use serde::Deserialize;

macro_rules! open_enum {
    ($(#[$documentation:meta])* $name:ident { $($(#[$variant_documentation:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(from = "String")]
        pub enum $name {
            $($(#[$variant_documentation])* $variant,)*
            /// A word that this crate does not know, as GitHub wrote it.
            Other(String),
        }

        impl $name {
            /// Returns GitHub's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)*
                    _ => Self::Other(text),
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::from(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

open_enum! {
    /// What a `workflow_job` delivery reports.
    ///
    /// <https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_job>
    Action {
        /// The job waits for a runner; all legs of a matrix report it at once.
        Queued = "queued",
        /// The job waits for an approval or a deployment rule; may be sent twice.
        Waiting = "waiting",
        /// A runner works on the job.
        InProgress = "in_progress",
        /// The job ended, for whatever reason, perhaps without ever having had a runner.
        Completed = "completed",
    }
}

open_enum! {
    /// The status of a workflow run or of a workflow job.
    ///
    /// <https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository>
    Status {
        /// Ready for a runner.
        Queued = "queued",
        /// At work.
        InProgress = "in_progress",
        /// Ended; the conclusion says how.
        Completed = "completed",
        /// Held by a deployment rule.
        Waiting = "waiting",
        /// Created and not yet looked at.
        Requested = "requested",
        /// Held by a concurrency group or an approval.
        Pending = "pending",
    }
}

impl Status {
    /// The statuses of runs that can hold queued jobs; list the jobs of all of them.
    pub const OPEN: [Status; 4] = [Status::Queued, Status::InProgress, Status::Pending, Status::Waiting];
}

open_enum! {
    /// How a workflow run or a workflow job ended.
    ///
    /// <https://docs.github.com/en/rest/actions/workflow-jobs#get-a-job-for-a-workflow-run>
    Conclusion {
        /// Every step passed.
        Success = "success",
        /// A step failed, or GitHub failed the job.
        Failure = "failure",
        /// Neither good nor bad.
        Neutral = "neutral",
        /// Somebody, or a limit, cancelled it.
        Cancelled = "cancelled",
        /// A condition left it out.
        Skipped = "skipped",
        /// It ran longer than it may.
        TimedOut = "timed_out",
        /// It waits for a person.
        ActionRequired = "action_required",
        /// GitHub gave it up as too old.
        Stale = "stale",
        /// The workflow file could not be started.
        StartupFailure = "startup_failure",
    }
}

open_enum! {
    /// Whether a runner's agent is connected.
    ///
    /// <https://docs.github.com/en/rest/actions/self-hosted-runners#get-a-self-hosted-runner-for-an-organization>
    Connection {
        /// The agent is connected.
        Online = "online",
        /// The agent is not connected, or was never.
        Offline = "offline",
    }
}

open_enum! {
    /// The event that a delivery reports, as its `X-GitHub-Event` header names it.
    ///
    /// <https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers>
    Event {
        /// Sent once when a webhook is set up.
        Ping = "ping",
        /// A workflow job changed.
        WorkflowJob = "workflow_job",
    }
}

open_enum! {
    /// How much an App may do with one kind of thing.
    ///
    /// <https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app>
    Access {
        /// Look only.
        Read = "read",
        /// Look and change.
        Write = "write",
        /// Look, change and administer.
        Admin = "admin",
    }
}

impl serde::Serialize for Access {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_not_known_is_kept_as_it_was_written() {
        let status = Status::from("Resting");
        assert_eq!(status, Status::Other("Resting".to_owned()));
        assert_eq!(status.to_string(), "Resting");
    }

    #[test]
    fn each_known_word_survives_the_way_there_and_back() {
        for word in ["queued", "in_progress", "completed", "waiting", "requested", "pending"] {
            let status = Status::from(word);
            assert_eq!(status.as_str(), word);
            assert!(!matches!(status, Status::Other(_)), "{word}");
        }
    }
}
