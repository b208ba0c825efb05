//! webhook's answers to a delivery, one row for each code and each cause, with what it put into the queues: nothing unless it says
//! that it accepted.

use http::{Method, Request as Builder};
use jit_control::effects::{Request, Response};
use jit_control::settings::Component;
use jit_github::webhook::{EVENT_HEADER, SIGNATURE_HEADER, signature};
use jit_sim::world::WEBHOOK_SECRET;
use secrecy::SecretString;
use serde_json::{Value, json};

use self::Host::{Configured, Sound, WithoutStore};
use self::Signed::{Right, Unsigned, With};
use crate::stage::Stage;

/// Now, and the age at which a queued job is stale.
const NOW: &str = "2026-11-21T00:00:00Z";
const STALE: &str = "2026-11-19T22:59:59Z";
const ALMOST_STALE: &str = "2026-11-19T23:00:00Z";
const ANOTHER_SECRET: &str = "another webhook secret";

/// How a delivery is signed.
#[derive(Clone, Copy)]
enum Signed {
    /// As GitHub signs.
    Right,
    /// With another secret.
    With(&'static str),
    /// Not at all.
    Unsigned,
}

/// What the function finds itself in.
#[derive(Clone, Copy)]
enum Host {
    /// Everything works.
    Sound,
    /// The store fails.
    WithoutStore,
    /// Another text in place of the first in the configuration.
    Configured(&'static str, &'static str),
}

/// When, the method, the event, the signature, the body, the host, then status, what the body says, and the queue.
type Row<'a> = (&'a str, (Method, &'a str, Signed, Vec<u8>, Host), u16, &'a str, Option<&'a str>);

/// Plays each row in a world of its own.
#[track_caller]
fn check(rows: Vec<Row<'_>>) {
    let mut wrong = Vec::new();
    for (when, (method, event, signed, body, host), status, said, queue) in rows {
        let mut stage = Stage::new();
        if let Configured(from, to) = host {
            stage.configuration = stage.configuration.map(|text| text.replacen(from, to, 1));
        }
        let request = delivery(method, event, signed, body);
        let reply = match host {
            WithoutStore => stage.call_without_store(Component::Webhook, Some(request)),
            Sound | Configured(..) => stage.call(Component::Webhook, Some(request)),
        };
        let queued: Vec<String> = stage.effects.keys();
        let prefix = queue.map(|queue| format!("q/{queue}/"));
        let is_queued = match &prefix {
            Some(prefix) => matches!(&queued[..], [key] if key.starts_with(prefix.as_str())),
            None => queued.is_empty(),
        };
        if reply.status() != status || text(&reply).trim_end() != said || !is_queued {
            wrong.push(format!("{when}: {}, {:?}, {queued:?}", reply.status(), text(&reply)));
        }
        assert!(stage.sent.borrow().is_empty(), "{when}: webhook asks nobody: {:?}", stage.sent.borrow());
    }
    assert!(wrong.is_empty(), "{} not as told:\n{}", wrong.len(), wrong.join("\n"));
}

fn text(reply: &Response) -> String {
    String::from_utf8_lossy(reply.body()).into_owned()
}

fn delivery(method: Method, event: &str, signed: Signed, body: Vec<u8>) -> Request {
    let request = Builder::builder().method(method).uri("/webhook").header(EVENT_HEADER, event);
    let sign = |secret: &str| signature::sign(&body, &SecretString::from(secret));
    let request = match signed {
        Right => request.header(SIGNATURE_HEADER, sign(WEBHOOK_SECRET)),
        With(secret) => request.header(SIGNATURE_HEADER, sign(secret)),
        Unsigned => request,
    };
    request.body(body).unwrap()
}

/// A POST of a `workflow_job` event, signed, where everything works.
fn job(body: Vec<u8>) -> (Method, &'static str, Signed, Vec<u8>, Host) {
    (Method::POST, "workflow_job", Right, body, Sound)
}

/// The same on another host.
fn on(host: Host, body: Vec<u8>) -> (Method, &'static str, Signed, Vec<u8>, Host) {
    (Method::POST, "workflow_job", Right, body, host)
}

/// GitHub's own example of a queued job, made now for the shipped pool, with changes: pointers and their values.
fn payload(changes: &[(&str, Value)]) -> Vec<u8> {
    let example = include_str!("../../../jit-github/tests/payloads/workflow_job.queued.1.json");
    let mut payload: Value = serde_json::from_str(example).unwrap();
    payload["organization"] = json!({ "login": "Codertocat", "id": 4 });
    payload["repository"]["private"] = json!(true);
    payload["workflow_job"]["labels"] = json!(["Self-Hosted", "LINUX"]);
    payload["workflow_job"]["created_at"] = json!(NOW);
    for (pointer, value) in changes {
        *payload.pointer_mut(pointer).unwrap() = value.clone();
    }
    payload.to_string().into_bytes()
}

const OWNERS: &str = "served_owners = []";

#[test]
fn every_delivery_has_the_answer_of_what_is_wrong_with_it() {
    let created = |at: &str| payload(&[("/workflow_job/created_at", json!(at))]);
    let acted =
        |action: &str| payload(&[("/action", json!(action)), ("/workflow_job/status", json!(action))]);
    let labels = |labels: Value| payload(&[("/workflow_job/labels", labels)]);
    let right = || payload(&[]);
    let installation = "installation.id is missing: the delivery must come from a GitHub App, not from a repository's webhook";
    let name = "repository.full_name is not `owner/name`";
    let public = "refused: the pool refuses public repositories, see `pool.allow.public_repositories`";
    let (stale, nothing) = (
        "ignored: the job was queued more than 25 hours ago",
        "ignored: an action that says nothing about runners",
    );
    check(vec![
        ("a queued job", job(right()), 202, "accepted", Some("jobs")),
        ("a waiting job", job(acted("waiting")), 202, "accepted", Some("jobs")),
        ("a job that began", job(acted("in_progress")), 202, "accepted", Some("lifecycle")),
        ("a job that ended", job(acted("completed")), 202, "accepted", Some("lifecycle")),
        ("an action of no meaning here", job(acted("requested")), 200, nothing, None),
        ("just young enough", job(created(ALMOST_STALE)), 202, "accepted", Some("jobs")),
        ("stale", job(created(STALE)), 200, stale, None),
        ("no pool's labels", job(labels(json!(["ubuntu-latest"]))), 202, "no pool", None),
        ("no labels", job(labels(json!([]))), 202, "no pool", None),
        ("a public repository", job(payload(&[("/repository/private", json!(false))])), 202, public, None),
        (
            "an actor of no list",
            on(Configured("[pool.allow]", "[pool.allow]\nactors = [\"mona\"]"), right()),
            202,
            "refused: the pool does not allow runs that codertocat started, see `pool.allow.actors`",
            None,
        ),
        (
            "an owner not served",
            on(Configured(OWNERS, "served_owners = [\"octo-org\"]"), right()),
            202,
            "not served",
            None,
        ),
        (
            "an owner served",
            on(Configured(OWNERS, "served_owners = [\"codertocat\"]"), right()),
            202,
            "accepted",
            Some("jobs"),
        ),
        ("no app's delivery", job(payload(&[("/installation", Value::Null)])), 400, installation, None),
        ("no repository's name", job(payload(&[("/repository/full_name", json!("app"))])), 400, name, None),
        ("the queue refuses", on(WithoutStore, right()), 503, "the queue refused; redeliver later", None),
        (
            "a configuration that is not valid",
            on(Configured("[deployment]", "[deploy]"), right()),
            503,
            "the configuration is not valid; `jitr check` says why",
            None,
        ),
    ]);
}

#[test]
fn each_look_comes_before_the_next() {
    let long = || vec![b'x'; (1 << 20) + 1];
    let (post, get) = (|| Method::POST, || Method::GET);
    let stale_of_another = || payload(&[("/workflow_job/created_at", json!(STALE))]);
    let without_pool = || payload(&[("/workflow_job/labels", json!(["ubuntu-latest"]))]);
    let others = || Configured(OWNERS, "served_owners = [\"octo-org\"]");
    let (no_signature, method) = ("the signature does not hold", "only POST is answered here");
    let size = "the body is longer than 1 MiB";
    check(vec![
        ("method before size", (get(), "workflow_job", Unsigned, long(), Sound), 405, method, None),
        ("size before signature", (post(), "workflow_job", Unsigned, long(), Sound), 413, size, None),
        (
            "the longest",
            (post(), "push", Right, vec![b'x'; 1 << 20], Sound),
            200,
            "ignored: not a workflow_job event",
            None,
        ),
        (
            "signature before event",
            (post(), "ping", Unsigned, b"{}".to_vec(), Sound),
            401,
            no_signature,
            None,
        ),
        (
            "another's signature",
            (post(), "ping", With(ANOTHER_SECRET), b"{}".to_vec(), Sound),
            401,
            no_signature,
            None,
        ),
        (
            "signature before JSON",
            (post(), "workflow_job", Unsigned, b"{".to_vec(), Sound),
            401,
            no_signature,
            None,
        ),
        ("ping before JSON", (post(), "ping", Right, b"{".to_vec(), Sound), 200, "pong", None),
        (
            "event before JSON",
            (post(), "push", Right, b"{".to_vec(), Sound),
            200,
            "ignored: not a workflow_job event",
            None,
        ),
        (
            "age before owner",
            on(others(), stale_of_another()),
            200,
            "ignored: the job was queued more than 25 hours ago",
            None,
        ),
        ("owner before labels", on(others(), without_pool()), 202, "not served", None),
    ]);
}

#[test]
fn a_body_that_is_no_event_is_told_what_is_wrong_with_it() {
    for (body, said) in [("{", "EOF"), (r#"{"action":"queued"}"#, "workflow_job"), ("[]", "workflow_job")] {
        let stage = Stage::new();
        let request = delivery(Method::POST, "workflow_job", Right, body.as_bytes().to_vec());
        let reply = stage.call(Component::Webhook, Some(request));
        assert_eq!(reply.status(), 400, "{body}");
        assert!(text(&reply).contains(said), "{body}: {}", text(&reply));
        assert_eq!(stage.effects.keys(), Vec::<String>::new(), "{body}");
    }
}

#[test]
fn the_secret_before_is_taken_while_it_is_set() {
    for (previous, status) in [(None, 401), (Some(ANOTHER_SECRET), 202)] {
        let mut stage = Stage::new();
        let name = "github_webhook_secret_previous".to_owned();
        stage.variables.extend(previous.map(|secret| (name, secret.to_owned())));
        let request = delivery(Method::POST, "workflow_job", With(ANOTHER_SECRET), payload(&[]));
        assert_eq!(stage.call(Component::Webhook, Some(request)).status(), status, "{previous:?}");
    }
}

#[test]
fn each_of_github_s_own_examples_has_its_answer() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../jit-github/tests/payloads");
    let mut answers = Vec::new();
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "json") {
            let stage = Stage::new();
            let body = std::fs::read(&file).unwrap();
            let reply =
                stage.call(Component::Webhook, Some(delivery(Method::POST, "workflow_job", Right, body)));
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            let short: String = text(&reply).chars().take(12).collect();
            answers.push((
                name,
                reply.status().as_u16(),
                short.trim_end().to_owned(),
                stage.effects.keys().len(),
            ));
        }
    }
    answers.sort();
    let told: Vec<(&str, u16, &str, usize)> = answers
        .iter()
        .map(|(name, status, said, keys)| (name.as_str(), *status, said.as_str(), *keys))
        .collect();
    assert_eq!(
        told,
        [
            ("workflow_job.completed.1", 400, "installation", 0),
            ("workflow_job.completed.2", 400, "installation", 0),
            ("workflow_job.in_progress.1", 400, "installation", 0),
            ("workflow_job.in_progress.2", 202, "no pool", 0),
            ("workflow_job.in_progress.3", 202, "no pool", 0),
            ("workflow_job.queued.1", 200, "ignored: the", 0),
            ("workflow_job.queued.2", 200, "ignored: the", 0),
            ("workflow_job.waiting.1", 200, "ignored: the", 0),
        ]
    );
}
