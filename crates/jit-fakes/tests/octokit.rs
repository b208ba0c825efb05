//! Holds signatures and payloads of webhooks to Octokit's own packages, if they are installed.
//! Not in it: what the control plane does with a delivery; jit-sim's tests run the built component on the same payloads.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jit_fakes::github::{Delivery, GitHub, JobSpec, RepositorySelection, Settings, Visibility, WorkflowSpec};
use jit_github::webhook::signature::{self, SignatureError};
use jit_github::webhook::{Action, SIGNATURE_HEADER, WorkflowJobEvent};
use jwt_simple::prelude::RS256KeyPair;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

#[path = "npm/node.rs"]
mod node;

/// A script that does not come back is an error, not a long test.
const RUN_MAX: Duration = Duration::from_secs(120);

/// Not ASCII only, and with a space: whoever encodes it otherwise is found out.
const SECRET: &str = "It's a sécret to everybody";

/// An example of Octokit's with Octokit's signature of it.
struct Example {
    action: String,
    payload: Vec<u8>,
    signature: String,
}

/// Says why nothing can be checked here, if so.
async fn skipped() -> bool {
    for package in ["@octokit/webhooks-examples", "@octokit/webhooks-methods"] {
        if let Some(reason) = node::missing(package).await {
            println!("skipped: {reason}");
            return true;
        }
    }
    false
}

/// Runs the script beside the packages and returns the lines that it prints.
async fn octokit(task: &str, input: String) -> Vec<Value> {
    let mut command = node::node();
    command.arg(node::file("octokit.mjs")).arg(task);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = async {
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // The script reads everything before it prints, so writing first cannot block for ever.
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        child.wait_with_output().await.unwrap()
    };
    let output = tokio::time::timeout(RUN_MAX, run).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn examples() -> Vec<Example> {
    let text = |line: &Value, field: &str| line[field].as_str().unwrap().to_owned();
    let lines = octokit("examples", SECRET.to_owned()).await;
    let example = |line: &Value| Example {
        action: text(line, "action"),
        payload: STANDARD.decode(text(line, "payload")).unwrap(),
        signature: text(line, "signature"),
    };
    lines.iter().map(example).collect()
}

#[tokio::test]
async fn we_believe_octokits_signatures_and_read_its_examples() {
    if skipped().await {
        return;
    }
    let secrets = ["another".into(), SECRET.into()];
    let examples = examples().await;
    assert_eq!(examples.len(), 8);
    for Example { action, mut payload, signature } in examples {
        assert_eq!(signature::verify(&payload, Some(&signature), &secrets), Ok(()), "{action}");
        // The two sign alike, so what stands elsewhere of payloads that we signed holds for Octokit's signatures.
        assert_eq!(signature::sign(&payload, &secrets[1]), signature, "{action}");
        let event = WorkflowJobEvent::parse(&payload).unwrap();
        assert_eq!(event.action.as_str(), action);
        assert!(!matches!(event.action, Action::Other(_)), "{action}");
        let stranger = signature::verify(&payload, Some(&signature), &secrets[..1]);
        assert_eq!(stranger, Err(SignatureError::Mismatch), "{action}");
        payload.push(b' ');
        let altered = signature::verify(&payload, Some(&signature), &secrets);
        assert_eq!(altered, Err(SignatureError::Mismatch), "{action}");
    }
}

#[tokio::test]
async fn the_committed_payloads_are_octokits_examples_unchanged() {
    if skipped().await {
        return;
    }
    let mut numbers = BTreeMap::<String, u32>::new();
    let mut published = BTreeMap::<String, Value>::new();
    for example in examples().await {
        let number = numbers.entry(example.action.clone()).or_default();
        *number += 1;
        let name = format!("workflow_job.{}.{number}.json", example.action);
        published.insert(name, serde_json::from_slice(&example.payload).unwrap());
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../jit-github/tests/payloads");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let committed = files
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
        })
        .collect::<BTreeMap<String, Value>>();
    assert_eq!(committed.keys().collect::<Vec<_>>(), published.keys().collect::<Vec<_>>());
    for (name, example) in &published {
        assert_eq!(committed[name], *example, "{name}");
    }
}

/// The deliveries of a job that is queued and then cancelled.
fn deliveries() -> Vec<Delivery> {
    let start = Timestamp::UNIX_EPOCH;
    let pem = RS256KeyPair::generate(2048).unwrap().public_key().to_pem().unwrap();
    let settings = Settings::new(1, 1, &pem, SecretString::from(SECRET));
    let mut github = GitHub::new(settings, start).unwrap();
    let organization = github.add_organization("octo-org");
    let repository = github.add_repository(organization, "octo-repo", Visibility::Private);
    github.install(organization, RepositorySelection::All);
    let spec = WorkflowSpec::new("Bäume", vec![JobSpec::new("build", &["linux"])]);
    let run = github.start_run(start, repository, spec).unwrap();
    github.cancel(start, run);
    github.take_deliveries()
}

#[tokio::test]
async fn octokit_believes_the_deliveries_of_the_model() {
    if skipped().await {
        return;
    }
    let mut lines = String::new();
    let mut expected = Vec::new();
    for delivery in deliveries() {
        let mut headers = delivery.headers.iter();
        let (_, signature) = headers.find(|(name, _)| *name == SIGNATURE_HEADER).unwrap();
        let mut body = delivery.body.clone();
        body.push(b' ');
        let whole = &delivery.body;
        for (secret, payload, verdict) in
            [(SECRET, whole, true), (SECRET, &body, false), ("another", whole, false)]
        {
            let line =
                json!({ "secret": secret, "payload": STANDARD.encode(payload), "signature": signature });
            lines.push_str(&format!("{line}\n"));
            expected.push(json!(verdict));
        }
    }
    assert_eq!(expected.len(), 6, "a job that is cancelled while it waits is told of twice");
    assert_eq!(octokit("verify", lines).await, expected);
}
