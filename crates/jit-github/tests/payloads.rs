//! Recorded payloads: every `workflow_job` example that Octokit publishes is read, and read correctly.
//!
//! Not here: payloads made up for one rule, which stand beside the code.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jit_github::webhook::{Action, WorkflowJobEvent, signature};
use jit_github::{Conclusion, InstallationId, JobId, Repository, RunId, RunnerId, Status};

fn payloads() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/payloads");
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().replace("workflow_job.", "");
            (name, fs::read(&path).unwrap())
        })
        .collect()
}

fn event(name: &str) -> WorkflowJobEvent {
    WorkflowJobEvent::parse(&payloads()[name]).unwrap()
}

#[test]
fn all_eight_examples_are_read_and_agree_with_their_own_text() {
    let payloads = payloads();
    assert_eq!(payloads.len(), 8);
    for (name, bytes) in payloads {
        let event = WorkflowJobEvent::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let text: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let job = &text["workflow_job"];
        assert_eq!(event.action.as_str(), text["action"], "{name}");
        assert!(!matches!(event.action, Action::Other(_)), "{name}");
        assert_eq!(event.job.id.0, job["id"].as_u64().unwrap(), "{name}");
        assert_eq!(event.job.run_id.0, job["run_id"].as_u64().unwrap(), "{name}");
        assert_eq!(event.job.status.as_str(), job["status"], "{name}");
        assert_eq!(
            event.job.conclusion.as_ref().map(Conclusion::as_str),
            job["conclusion"].as_str(),
            "{name}"
        );
        assert_eq!(event.job.runner_id.map(|id| id.0), job["runner_id"].as_u64(), "{name}");
        assert_eq!(event.job.runner_name.as_deref(), job["runner_name"].as_str(), "{name}");
        assert_eq!(event.installation.map(|id| id.0), text["installation"]["id"].as_u64(), "{name}");
        assert_eq!(event.sender.as_deref(), text["sender"]["login"].as_str(), "{name}");
        let labels: Vec<&str> =
            job["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap()).collect();
        assert_eq!(event.job.labels, labels, "{name}");
        // In two examples, edited by hand, the owner is not the one in the full name: both are kept as they are.
        let repository = Repository::parse(&event.repository.full_name).unwrap();
        assert_eq!(repository.to_string(), text["repository"]["full_name"], "{name}");
        assert_eq!(event.repository.owner, text["repository"]["owner"]["login"], "{name}");
    }
}

#[test]
fn an_old_payload_without_the_newer_fields_is_read() {
    let event = event("in_progress.1");
    assert_eq!(event.action, Action::InProgress);
    assert_eq!(
        (event.job.id, event.job.run_id, event.job.run_attempt),
        (JobId(2832853555), RunId(940463255), 1)
    );
    assert_eq!((event.job.head_branch, event.job.workflow_name, event.job.created_at), (None, None, None));
    assert_eq!(event.job.started_at, Some("2021-06-15T19:22:27Z".parse().unwrap()));
    assert_eq!(
        (event.job.runner_id, event.job.runner_name.as_deref()),
        (Some(RunnerId(1)), Some("my runner"))
    );
    assert_eq!((event.organization.as_deref(), event.installation), (Some("octo-org"), None));
    assert!(event.repository.private);
}

#[test]
fn a_completed_job_has_its_conclusion_and_times() {
    let event = event("completed.1");
    assert_eq!((event.action, event.job.status), (Action::Completed, Status::Completed));
    assert_eq!(event.job.conclusion, Some(Conclusion::Failure));
    assert_eq!(event.job.completed_at, Some("2021-08-05T10:38:16Z".parse().unwrap()));
}

#[test]
fn a_job_under_a_deployment_rule_is_queued_by_its_action_and_waiting_by_its_status() {
    let event = event("queued.2");
    assert_eq!((event.action, event.job.status), (Action::Queued, Status::Waiting));
    assert_eq!((event.job.runner_id, event.job.runner_group_name), (None, None));
    assert_eq!(event.job.labels, ["self-hosted", "k8s"]);
    assert_eq!(event.installation, Some(InstallationId(23154469)));
}

#[test]
fn a_signature_holds_for_the_bytes_of_a_payload_and_for_no_other_spelling_of_it() {
    let secrets = ["development".into()];
    for (name, bytes) in payloads() {
        let header = signature::sign(&bytes, &secrets[0]);
        assert_eq!(signature::verify(&bytes, Some(&header), &secrets), Ok(()), "{name}");
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let respelled = serde_json::to_vec(&value).unwrap();
        assert!(signature::verify(&respelled, Some(&header), &secrets).is_err(), "{name}");
    }
}
