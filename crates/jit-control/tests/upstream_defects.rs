//! The defects found in the project that this one follows, as far as the shell could bring them back: a test for each shows its
//! absence. Where the others are is said in jit-domain's test of the same name.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Request, StatusCode};
use jit_control::effects::memory::MemoryEffects;
use jit_control::effects::memory::interleave::{Task, interleave};
use jit_control::effects::{Effects as _, SendError};
use jit_control::ledger::key_value::KeyValueLedger;
use jit_control::settings::{Component, ScaleupSettings, WebhookSettings};
use jit_control::shell::Shell;
use jit_control::start::Start;
use jit_control::stored::Stored as _;
use jit_control::{configuration, scaleup, webhook};
use jit_domain::class::Class;
use jit_domain::ids::JobId;
use jit_domain::job::{Job, JobPhase};
use jit_domain::policy::Policy;
use jit_domain::time::Timestamp;
use sha2::Sha256;

const SECRET: &str = "a-webhook-secret-of-some-length-0123456789";
const CONFIGURATION: &str = include_str!("../../../config/jit-runners.toml");

fn policy() -> Policy {
    configuration::parse(CONFIGURATION).expect("the configuration that is shipped is valid")
}

fn variable(name: &str) -> Option<String> {
    Some(match name {
        "github_webhook_secret" => SECRET.to_owned(),
        "claim_key" => "k1:0123456789abcdef0123456789abcdef0123456789abcdef".to_owned(),
        "cron_token" => "a-cron-token-of-some-length-0123456789".to_owned(),
        "public_url" => "https://runners.example.com/".to_owned(),
        "scaleup_aws_access_key_id" => "AKIAEXAMPLE".to_owned(),
        "scaleup_aws_secret_access_key" => "a-secret-access-key-0123456789".to_owned(),
        _ => return None,
    })
}

/// A delivery with GitHub's own payload of a queued job, for the default pool, signed as GitHub signs.
fn delivery(job: u64, now: Timestamp) -> Request<Vec<u8>> {
    let example = include_str!("../../jit-github/tests/payloads/workflow_job.queued.1.json");
    let mut payload: serde_json::Value = serde_json::from_str(example).expect("GitHub's example is JSON");
    payload["workflow_job"]["id"] = job.into();
    payload["workflow_job"]["labels"] = serde_json::json!(["Self-Hosted", "LINUX"]);
    let now = jiff::Timestamp::from_millisecond(i64::try_from(now.as_ms()).expect("a time of this age"));
    payload["workflow_job"]["created_at"] = now.expect("a time of this age").to_string().into();
    payload["repository"]["private"] = true.into();
    payload["repository"]["visibility"] = "private".into();
    payload["organization"] = serde_json::json!({ "login": "Codertocat", "id": 4 });
    let body = payload.to_string().into_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key will do");
    mac.update(&body);
    Request::post("https://runners.example.com/webhook")
        .header("X-GitHub-Event", "workflow_job")
        .header("X-GitHub-Delivery", format!("delivery-of-{job}"))
        .header("X-Hub-Signature-256", format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
        .body(body)
        .expect("a request")
}

fn deliver(effects: &MemoryEffects, job: u64) -> StatusCode {
    let effects = effects.another();
    let settings = WebhookSettings::read(variable).expect("webhook's variables");
    let request = delivery(job, effects.now());
    let shell =
        Shell::new(&effects, Component::Webhook, policy(), None).expect("records and messages are here");
    effects.run(webhook::receive(&shell, &settings, &request)).expect("no crash").reply.status()
}

async fn drain(effects: &MemoryEffects) -> scaleup::Summary {
    let settings = ScaleupSettings::read(variable).expect("scaleup's variables");
    let shell =
        Shell::new(effects, Component::Scaleup, policy(), None).expect("records and messages are here");
    scaleup::run(&shell, &settings).await.expect("a drain")
}

/// A world whose cloud never answers, and the bodies of the requests that it got.
fn world() -> (MemoryEffects, Rc<RefCell<Vec<String>>>) {
    let effects = MemoryEffects::new(7);
    let sent = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&sent);
    effects.answer(move |request| {
        assert_eq!(request.uri().host(), Some("ec2.us-east-1.amazonaws.com"), "scaleup asks the cloud alone");
        seen.borrow_mut().push(String::from_utf8(request.into_body()).expect("a form"));
        Err(SendError::Unknown("no reply".to_owned()))
    });
    (effects, sent)
}

fn open<T: jit_control::stored::Stored>(effects: &MemoryEffects) -> Vec<T> {
    let effects = effects.another();
    let shell =
        Shell::new(&effects, Component::Scaleup, policy(), None).expect("records and messages are here");
    let read = effects.run(shell.open::<T>()).expect("no crash").expect("a listing");
    read.into_iter().map(|versioned| versioned.value).collect()
}

fn parameter<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

#[test]
fn u06_a_cloud_that_is_not_served_yet_cannot_be_configured() {
    let place = CONFIGURATION.replace("cloud = \"aws\"", "cloud = \"gcp\"");
    let storage = CONFIGURATION.replace("backend = \"key-value\"", "backend = \"gcp\"");
    for (text, key) in [(place, "pool[0].offering[0].cloud"), (storage, "storage.backend")] {
        assert_ne!(text, CONFIGURATION);
        let faults = configuration::parse(&text).expect_err("nothing could run there");
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(
            told.iter().any(|fault| fault.contains(key) && fault.contains("not supported yet")),
            "{told:?}"
        );
    }
}

#[test]
fn u01_what_webhook_sends_scaleup_takes() {
    let (effects, sent) = world();
    assert_eq!(deliver(&effects, 11), StatusCode::ACCEPTED);
    let drain_of = effects.another();
    let summary = effects.run(drain(&drain_of)).expect("no crash");
    assert_eq!(summary.messages, 1);
    let jobs = open::<Job>(&effects);
    assert_eq!(jobs.iter().map(|j| (j.id, j.phase)).collect::<Vec<_>>(), [(JobId(11), JobPhase::Queued)]);
    assert_eq!(jobs[0].installation.0, 3_456_996, "the installation came along");
    assert_eq!(sent.borrow().len(), 1, "and the job is launched for");
}

#[test]
fn u10_doubled_deliveries_and_racing_drains_launch_one_instance() {
    for seed in 0..40_usize {
        let (effects, sent) = world();
        assert_eq!(deliver(&effects, 11), StatusCode::ACCEPTED);
        assert_eq!(deliver(&effects, 11), StatusCode::ACCEPTED);
        let racers = [effects.another(), effects.another(), effects.another()];
        let tasks = racers.iter().map(|racer| Task::new(racer, drain(racer))).collect();
        let mut step = seed;
        interleave(tasks, |options| {
            step = step.wrapping_mul(31).wrapping_add(17);
            (step / 7) % options
        });
        let sent = sent.borrow();
        let tokens: BTreeSet<_> =
            sent.iter().map(|body| parameter(body, "ClientToken").map(str::to_owned)).collect();
        assert_eq!(tokens.len(), 1, "seed {seed}: one launch, however often it was sent: {sent:?}");
        assert!(sent.iter().all(|body| parameter(body, "MaxCount") == Some("1")), "seed {seed}: {sent:?}");
        let classes = open::<Class>(&effects);
        assert_eq!(classes.iter().map(|c| c.generation).sum::<u64>(), 1, "seed {seed}");
    }
}

#[test]
fn u12_a_fault_of_the_settings_is_forgotten_once_it_is_mended() {
    let effects = MemoryEffects::new(7);
    let text = Ok(CONFIGURATION.to_owned());
    let start = Start { effects: &effects, component: Component::Scaleup, text: &text };
    let without_key = |name: &str| variable(name).filter(|_| name != "claim_key");
    let faults = start.read(|| ScaleupSettings::read(without_key)).expect_err("a variable is missing");
    assert!(faults.iter().any(|fault| fault.contains("claim_key")), "{faults:?}");
    assert_eq!(start.refuse(&faults).status(), StatusCode::SERVICE_UNAVAILABLE);
    effects.run(start.note(&KeyValueLedger::new(&effects), &faults)).expect("no crash").expect("a write");
    assert!(
        start.read(|| ScaleupSettings::read(variable)).is_ok(),
        "the next invocation reads everything again"
    );
    let later = effects.another();
    let start = Start { effects: &later, component: Component::Scaleup, text: &text };
    effects.run(start.note(&KeyValueLedger::new(&later), &[])).expect("no crash").expect("a write");
    let shell =
        Shell::new(&later, Component::Scaleup, policy(), None).expect("records and messages are here");
    let key = jit_control::stored::ConfigVerdict::key(Component::Scaleup.as_str());
    let verdict = effects.run(shell.read::<jit_control::stored::ConfigVerdict>(&key)).expect("no crash");
    assert_eq!(verdict.expect("a read").expect("a verdict").value.faults, Vec::<String>::new());
}

#[test]
fn u18_a_launch_is_sent_at_the_time_of_the_delivery() {
    let (effects, sent) = world();
    let arrived = effects.now();
    assert_eq!(deliver(&effects, 11), StatusCode::ACCEPTED);
    let drain_of = effects.another();
    effects.run(drain(&drain_of)).expect("no crash");
    assert_eq!((sent.borrow().len(), effects.now()), (1, arrived), "no clock had to move");
}
