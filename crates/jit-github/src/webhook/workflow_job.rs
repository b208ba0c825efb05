//! The payload of a `workflow_job` delivery.
//!
//! Not here: its signature, which comes first, and whether we care.
//!
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_job>

use serde::Deserialize;

use crate::error::printable;
use crate::ids::{InstallationId, RepositoryId};
use crate::jobs::WorkflowJob;
use crate::open_enums::Action;
use crate::wire::{self, Account};

/// A payload that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("payload is not a workflow_job event: at {path} (line {line}, column {column}): {reason}")]
pub struct PayloadError {
    /// The path to the element, such as `workflow_job.run_id`; `.` is the payload itself.
    pub path: String,
    /// What is wrong with it, shortened.
    pub reason: String,
    /// The line, from 1; 0 if unknown.
    pub line: usize,
    /// The column, from 1; 0 if unknown.
    pub column: usize,
}

/// One change of one workflow job, as GitHub reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowJobEvent {
    /// What happened. It can differ from the job's status: a job under a deployment rule is `queued` and has the status `waiting`.
    pub action: Action,
    /// The job as it was then.
    pub job: WorkflowJob,
    /// The repository whose workflow it is.
    pub repository: EventRepository,
    /// The organisation's login; `None` if the repository belongs to a user.
    pub organization: Option<String>,
    /// The installation that the delivery is for; `None` if a webhook of the repository or organisation sent it, not an App.
    pub installation: Option<InstallationId>,
    /// The login of whoever caused the event.
    pub sender: Option<String>,
}

/// The repository of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRepository {
    /// Its id, which survives renaming.
    pub id: RepositoryId,
    /// `owner/name`; check it with [`Repository::parse`](crate::Repository::parse).
    pub full_name: String,
    /// The owner's login.
    pub owner: String,
    /// Whether it is private; internal repositories count as private.
    pub private: bool,
    /// Whether it is itself a fork. Whether the *change* comes from a fork is not in the payload.
    pub fork: bool,
}

impl WorkflowJobEvent {
    /// Reads a payload. Unknown fields are ignored; optional ones may be missing, null or empty.
    ///
    /// ```
    /// use jit_github::webhook::{Action, WorkflowJobEvent};
    /// let event = WorkflowJobEvent::parse(br#"{
    ///     "action": "queued",
    ///     "workflow_job": {"id": 7, "run_id": 5, "name": "build", "status": "queued", "head_sha": "e3103f8", "labels": ["self-hosted"]},
    ///     "repository": {"id": 3, "full_name": "octo-org/app", "owner": {"login": "octo-org"}, "private": true, "fork": false}
    /// }"#)?;
    /// assert_eq!(event.action, Action::Queued);
    /// assert_eq!(event.job.labels, ["self-hosted"]);
    ///
    /// let error = WorkflowJobEvent::parse(br#"{"action": "queued", "workflow_job": {"id": "7"}}"#).unwrap_err();
    /// assert_eq!(error.path, "workflow_job.id");
    /// # Ok::<(), jit_github::webhook::PayloadError>(())
    /// ```
    ///
    /// # Errors
    /// [`PayloadError`] says where the payload is wrong and how. Answer 400; repeating the delivery is useless.
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let event: Wire = wire::read(payload).map_err(|fault| PayloadError {
            path: printable(&fault.path),
            reason: printable(&fault.words),
            line: fault.line,
            column: fault.column,
        })?;
        Ok(Self {
            action: event.action,
            job: event.workflow_job,
            repository: EventRepository {
                id: event.repository.id,
                full_name: event.repository.full_name,
                owner: event.repository.owner.login,
                private: event.repository.private,
                fork: event.repository.fork,
            },
            organization: event.organization,
            installation: event.installation.map(|installation| installation.id).filter(|id| id.0 != 0),
            sender: event.sender,
        })
    }
}

#[derive(Deserialize)]
struct Wire {
    action: Action,
    workflow_job: WorkflowJob,
    repository: WireRepository,
    #[serde(default, deserialize_with = "wire::optional_login")]
    organization: Option<String>,
    installation: Option<WireInstallation>,
    #[serde(default, deserialize_with = "wire::optional_login")]
    sender: Option<String>,
}

#[derive(Deserialize)]
struct WireRepository {
    id: RepositoryId,
    full_name: String,
    owner: Account,
    private: bool,
    fork: bool,
}

#[derive(Deserialize)]
struct WireInstallation {
    id: InstallationId,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn payload() -> Value {
        json!({
            "action": "queued",
            "workflow_job": {"id": 7, "run_id": 5, "name": "n", "status": "queued", "head_sha": "e3", "labels": ["a"]},
            "repository": {"id": 3, "full_name": "o/r", "owner": {"login": "o"}, "private": true, "fork": false},
        })
    }

    fn parse(payload: &Value) -> Result<WorkflowJobEvent, PayloadError> {
        WorkflowJobEvent::parse(payload.to_string().as_bytes())
    }

    #[test]
    fn ids_of_0_and_empty_texts_mean_none() {
        let mut payload = payload();
        payload["workflow_job"]["runner_id"] = json!(0);
        payload["workflow_job"]["runner_group_id"] = json!(0);
        payload["workflow_job"]["runner_name"] = json!("");
        payload["workflow_job"]["conclusion"] = json!("");
        payload["workflow_job"]["completed_at"] = json!("");
        payload["installation"] = json!({"id": 0});
        let event = parse(&payload).unwrap();
        assert_eq!((event.job.runner_id, event.job.runner_group_id), (None, None));
        assert_eq!((&event.job.runner_name, &event.job.conclusion), (&None, &None));
        assert_eq!((event.job.completed_at, event.installation), (None, None));
    }

    #[test]
    fn null_stands_for_missing_wherever_a_field_is_optional() {
        let optional = [
            "run_attempt",
            "conclusion",
            "head_branch",
            "workflow_name",
            "created_at",
            "started_at",
            "completed_at",
            "runner_id",
            "runner_name",
            "runner_group_id",
            "runner_group_name",
        ];
        let mut with_nulls = payload();
        for field in optional {
            with_nulls["workflow_job"][field] = Value::Null;
        }
        for field in ["organization", "installation", "sender"] {
            with_nulls[field] = Value::Null;
        }
        assert_eq!(parse(&with_nulls), parse(&payload()));
        assert_eq!(parse(&payload()).unwrap().job.run_attempt, 1);
    }

    #[test]
    fn an_error_says_where_and_what() {
        let wrong = |pointer: &str, value: Value| {
            let mut payload = payload();
            *payload.pointer_mut(pointer).unwrap() = value;
            parse(&payload).unwrap_err()
        };
        assert_eq!(wrong("/workflow_job/labels/0", json!(1)).path, "workflow_job.labels[0]");
        assert_eq!(wrong("/workflow_job/run_id", json!(-1)).path, "workflow_job.run_id");
        let error = wrong("/repository/owner", json!({}));
        assert_eq!(error.path, "repository.owner");
        assert!(error.to_string().contains("missing field `login`"), "{error}");
        assert_eq!(WorkflowJobEvent::parse(b"[").unwrap_err().line, 1);
        assert!(WorkflowJobEvent::parse(b"").is_err());
        assert!(WorkflowJobEvent::parse(b"{} x").is_err());
    }

    #[test]
    fn an_error_is_short_even_if_the_payload_is_long() {
        let mut payload = payload();
        payload["workflow_job"]["id"] = json!("x".repeat(100_000));
        assert!(parse(&payload).unwrap_err().to_string().len() < 600);
    }

    #[test]
    fn an_action_that_is_not_known_is_kept() {
        let mut payload = payload();
        payload["action"] = json!("paused");
        assert_eq!(parse(&payload).unwrap().action, Action::Other("paused".to_owned()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = WorkflowJobEvent::parse(&bytes);
        }

        #[test]
        fn a_payload_that_was_cut_short_is_refused(cut in 0usize..200) {
            let text = payload().to_string();
            let cut = cut % text.len();
            prop_assert!(WorkflowJobEvent::parse(&text.as_bytes()[..cut]).is_err());
        }
    }
}
