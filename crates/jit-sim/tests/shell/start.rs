//! A configuration or variables that are not valid: no function has any effect then, but for the verdict in the ledger.

use std::collections::{BTreeMap, BTreeSet};

use jit_control::effects::Request;
use jit_control::settings::Component;
use jit_control::settings::variables::{Need, VARIABLES, Variable};
use jit_control::stored::{ConfigVerdict, Stored as _};

use crate::stage::{Stage, post};

/// Requests that a function answers when all is well, besides its schedule.
fn requests(component: Component) -> Vec<Option<Request>> {
    let get = |path: &str| Some(http::Request::get(path).body(Vec::new()).unwrap());
    match component {
        Component::Webhook => vec![Some(post("/webhook", b"{}".to_vec()))],
        Component::Registrar => vec![
            Some(post("/v1/claim", b"{}".to_vec())),
            Some(post("/v1/report", b"{}".to_vec())),
            get("/healthz"),
        ],
        Component::Scaleup | Component::Lifecycle | Component::Scaledown | Component::Rebalancer => {
            vec![None, Some(post("/nudge", Vec::new())), get("/cron?t=cron-token-of-a-world")]
        }
    }
}

fn store(stage: &Stage) -> BTreeMap<String, Option<Vec<u8>>> {
    stage.effects.keys().into_iter().map(|key| (key.clone(), stage.effects.value(&key))).collect()
}

/// Makes a valid file another one, or none.
type Breaking = fn(String) -> Result<String, String>;

/// A world with work for every function: one job waits in its queue, for another an instance is launched and retired, and a third
/// is open.
fn busy() -> Stage {
    let stage = Stage::new();
    stage.launch(2);
    stage.queue(1);
    stage.deliver();
    stage.wait(600);
    stage.sent.borrow_mut().clear();
    stage
}

/// Calls a function in every way and checks that it says 503, sends nothing, and writes its verdict alone.
#[track_caller]
fn check(stage: &Stage, component: Component, because: &str) {
    let before = store(stage);
    for request in requests(component) {
        let shown =
            format!("{component:?} because of {because}, asked by {:?}", request.as_ref().map(Request::uri));
        assert_eq!(stage.call(component, request).status(), 503, "{shown}");
        assert!(stage.sent.borrow().is_empty(), "{shown}: {:?}", stage.sent.borrow());
    }
    let after = store(stage);
    let record = format!("config/{}", component.as_str());
    let touched: BTreeSet<&String> = before
        .keys()
        .chain(after.keys())
        .filter(|key| before.get(*key) != after.get(*key) && !key.contains(&record))
        .collect();
    assert!(touched.is_empty(), "{component:?} because of {because} touched {touched:?}");
    let has_verdict = after.contains_key(&format!("r/{}", ConfigVerdict::key(component.as_str())));
    assert_eq!(has_verdict, component != Component::Webhook, "{component:?} because of {because}");
}

#[test]
fn a_file_that_is_not_valid_stops_every_function() {
    let broken: [(&str, Breaking); 4] = [
        ("no file", |_| Err("no such file".to_owned())),
        ("no TOML", |text| Ok(text + "\n[")),
        ("an unknown key", |text| Ok(text.replace("paused = false", "pause = false"))),
        ("a pool without a place", |text| {
            Ok(text.replace(
                "subnets = [\"subnet-0123456789abcdef0\", \"subnet-0fedcba9876543210\"]",
                "subnets = []",
            ))
        }),
    ];
    for (because, break_it) in broken {
        for component in Component::ALL {
            let mut stage = busy();
            stage.configuration = stage.configuration.and_then(break_it);
            check(&stage, component, because);
        }
    }
}

#[test]
fn a_variable_that_is_missing_stops_every_function_that_is_bound_to_it() {
    let mut tried = BTreeSet::new();
    // One of two: the secret itself, or where it is kept.
    let is_a_secret = |name: &str| ["github_private_key", "github_webhook_secret"].contains(&name);
    let is_wanted = |variable: &Variable| variable.need == Need::Required || is_a_secret(variable.name);
    for variable in VARIABLES.iter().filter(|variable| is_wanted(variable)) {
        for component in variable.components {
            let mut stage = busy();
            stage.variables.remove(variable.name).unwrap();
            check(&stage, *component, variable.name);
            tried.insert(*component);
        }
    }
    assert_eq!(tried, Component::ALL.into(), "each function was stopped");
}

#[test]
fn once_it_is_mended_the_next_call_does_what_was_waiting() {
    let mut stage = busy();
    let valid = stage.configuration.clone();
    assert_eq!(stage.world.borrow().aws.instances().count(), 2);
    stage.configuration = Err("no such file".to_owned());
    assert_eq!(stage.call(Component::Scaleup, None).status(), 503);
    stage.configuration = valid;
    stage.tick(Component::Scaleup);
    assert!(stage.world.borrow().aws.instances().count() > 2, "the message was still there");
}

#[test]
fn who_has_no_cron_token_learns_nothing_of_the_configuration_and_causes_no_write() {
    for component in [Component::Scaleup, Component::Lifecycle, Component::Scaledown, Component::Rebalancer] {
        let mut stage = busy();
        stage.configuration = Err("no such file".to_owned());
        let before = store(&stage);
        for path in ["/cron", "/cron?t=wrong"] {
            let request = http::Request::get(path).body(Vec::new()).unwrap();
            assert_eq!(stage.call(component, Some(request)).status(), 401, "{component:?} {path}");
        }
        assert!(store(&stage) == before && stage.sent.borrow().is_empty(), "{component:?}");
    }
}
