//! Secrets in Secrets Manager: one call for who needs it, and deliveries that are signed with the current or the previous version.

use std::cell::RefCell;
use std::rc::Rc;

use futures::future::join_all;
use http::StatusCode;
use jit_github::webhook::{EVENT_HEADER, SIGNATURE_HEADER, signature};

use super::*;
use crate::effects::memory::MemoryEffects;
use crate::effects::{Request, Response};
use crate::settings::{Component, Settings, WebhookSettings};
use crate::shell::Shell;
use crate::webhook;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:webhook-AbCdEf";

fn variable(name: &str) -> Option<String> {
    let value = match name {
        "github_webhook_secret_arn" => ARN,
        "webhook_aws_access_key_id" => "AKIAWEBHOOK",
        "webhook_aws_secret_access_key" => "secret",
        _ => return None,
    };
    Some(value.to_owned())
}

fn settings() -> WebhookSettings {
    WebhookSettings::read(variable).expect("the settings are valid")
}

fn stored() -> StoredSecret {
    match settings().secrets {
        crate::settings::WebhookSecrets::Stored(stored) => stored,
        crate::settings::WebhookSecrets::Values(_) => panic!("it is in Secrets Manager"),
    }
}

/// Secrets Manager with these versions; counts what was asked for.
fn manager(current: Option<&str>, previous: Option<&str>) -> (MemoryEffects, Rc<RefCell<Vec<String>>>) {
    let effects = MemoryEffects::new(1);
    let asked = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&asked);
    let (current, previous) = (current.map(str::to_owned), previous.map(str::to_owned));
    effects.answer(move |request: Request| {
        assert_eq!(request.uri(), "https://secretsmanager.eu-west-1.amazonaws.com/");
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let value = if body.contains("AWSCURRENT") { &current } else { &previous };
        log.borrow_mut().push(body);
        let (status, body) = match value {
            Some(value) => (200, serde_json::json!({ "ARN": ARN, "SecretString": value })),
            None => (400, serde_json::json!({ "__type": "ResourceNotFoundException" })),
        };
        Ok(http::Response::builder()
            .status(status)
            .body(body.to_string().into_bytes())
            .expect("it is a reply"))
    });
    (effects, asked)
}

fn ping(signature: Option<&str>) -> Request {
    let mut request = http::Request::post("/webhook").header(EVENT_HEADER, "ping");
    if let Some(signature) = signature {
        request = request.header(SIGNATURE_HEADER, signature);
    }
    request.body(b"{}".to_vec()).expect("it is a request")
}

fn deliver(effects: &MemoryEffects, request: &Request) -> Response {
    let text = include_str!("../../../../../config/jit-runners.toml");
    let policy = crate::configuration::parse(text).expect("the configuration is valid");
    let shell = Shell::new(effects, Component::Webhook, policy, None).expect("messages are here");
    let settings = settings();
    effects.run(webhook::receive(&shell, &settings, request)).expect("nothing crashes").reply
}

#[test]
fn a_delivery_is_verified_with_the_current_version_and_else_with_the_previous() {
    for (secret, status, calls) in
        [("new", StatusCode::OK, 1), ("old", StatusCode::OK, 2), ("forged", StatusCode::UNAUTHORIZED, 2)]
    {
        let (effects, asked) = manager(Some("new\n"), Some("old"));
        let header = signature::sign(b"{}", &secret.into());
        assert_eq!(deliver(&effects, &ping(Some(&header))).status(), status, "{secret}");
        assert_eq!(asked.borrow().len(), calls, "{secret}");
    }
}

#[test]
fn without_a_previous_version_the_current_one_alone_counts() {
    let (effects, asked) = manager(Some("new"), None);
    let header = signature::sign(b"{}", &"old".into());
    assert_eq!(deliver(&effects, &ping(Some(&header))).status(), StatusCode::UNAUTHORIZED);
    assert_eq!(asked.borrow().len(), 2);
}

#[test]
fn what_can_be_no_signature_costs_no_call() {
    for header in [None, Some("sha256=short"), Some("sha1=0000")] {
        let (effects, asked) = manager(Some("new"), None);
        assert_eq!(deliver(&effects, &ping(header)).status(), StatusCode::UNAUTHORIZED);
        assert!(asked.borrow().is_empty(), "{header:?}");
    }
}

#[test]
fn a_secret_that_cannot_be_read_leaves_the_delivery_to_githubs_log() {
    for current in [None, Some("")] {
        let (effects, _) = manager(current, None);
        let header = signature::sign(b"{}", &"new".into());
        assert_eq!(deliver(&effects, &ping(Some(&header))).status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(effects.logged()[0].contains("\"level\":\"error\"") && effects.logged()[0].contains(ARN));
    }
}

#[test]
fn who_needs_it_at_once_shares_one_call_and_nothing_of_it_is_printed() {
    let (effects, asked) = manager(Some(" TELLTALE\n"), None);
    let (stored, clone) = (stored(), stored().clone());
    let all = [&stored, &stored, &stored].map(|secret| secret.current(&effects));
    for secret in effects.run(join_all(all)).expect("nothing crashes") {
        assert_eq!(secret.expect("it is there").expose_secret(), "TELLTALE");
    }
    assert_eq!(asked.borrow().len(), 1);
    assert!(!format!("{stored:?}{clone:?}").contains("TELLTALE"));
}

#[test]
fn a_secret_is_in_one_place_and_needs_rights() {
    let faults =
        |get: &dyn Fn(&str) -> Option<String>| WebhookSettings::read(get).expect_err("it is a fault");
    let both = faults(&|name| variable(name).or((name == "github_webhook_secret").then(|| "s".to_owned())));
    assert!(both[0].to_string().contains("github_webhook_secret, of which only one may be"), "{both:?}");
    let previous =
        faults(&|name| variable(name).or((name == "github_webhook_secret_previous").then(|| "s".to_owned())));
    assert_eq!(previous[0].path, "github_webhook_secret_previous");
    let without = faults(&|name| variable(name).filter(|_| name == "github_webhook_secret_arn"));
    assert!(without[0].to_string().contains("but webhook_aws_access_key_id is not"), "{without:?}");
    let none = faults(&|_| None);
    assert_eq!(none[0].path, "github_webhook_secret");
    assert!(Settings::read(Component::Webhook, variable).is_ok());
}
