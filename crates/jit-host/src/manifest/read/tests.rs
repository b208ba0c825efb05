//! A whole manifest, and each fault with its line.

use proptest::prelude::*;

use super::*;

const GOOD: &str = r#"spin_manifest_version = 2

[application]
name = "jit-runners"
version = "0.1.0"
authors = ["one"]

[variables]
github_api_url = { default = "https://api.github.com" }
token = { required = true, secret = true }

[[trigger.http]]
route = "/webhook"
component = "webhook"

[[trigger.http]]
route = { private = true }
component = "scaleup"

[[trigger.cron]]
component = "scaleup"
cron_expression = "*/10 * * * * *"

[component.webhook]
source = "webhook.wasm"
allowed_outbound_hosts = ["http://scaleup.spin.internal"]
key_value_stores = ["default"]
[component.webhook.build]
command = "cargo build"

[component.scaleup]
source = "scaleup.wasm"
allowed_outbound_hosts = ["{{ github_api_url }}", "http://127.0.0.1:9"]
environment = { LANG = "C" }
files = [{ source = "config", destination = "/config" }]
[component.scaleup.variables]
auth = "Bearer {{ token }}"
"#;

fn faults(text: &str) -> Vec<String> {
    match manifest(text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.to_string().lines().map(str::to_owned).collect(),
    }
}

/// The faults after one change to the good manifest.
fn faults_with(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    faults(&GOOD.replacen(from, to, 1))
}

#[test]
fn a_good_manifest_is_read_whole() {
    let manifest = manifest(GOOD).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("jit-runners", "0.1.0"));
    assert_eq!(manifest.variables["token"].source, VariableSource::Required);
    assert_eq!(manifest.http_triggers[0].route, Route::Exact("/webhook".into()));
    assert_eq!(manifest.http_triggers[1].route, Route::Private);
    assert_eq!(manifest.cron_triggers[0].component, "scaleup");
    let scaleup = &manifest.components["scaleup"];
    assert_eq!(scaleup.source, Path::new("scaleup.wasm"));
    assert_eq!(scaleup.environment["LANG"], "C");
    assert_eq!(scaleup.files[0].destination, Path::new("/config"));
    assert_eq!(scaleup.variables["auth"].variables().collect::<Vec<_>>(), ["token"]);
    assert_eq!(manifest.components["webhook"].key_value_stores, ["default"]);
}

#[test]
fn an_unknown_key_is_named_with_its_table_and_line() {
    assert_eq!(faults_with("LANG", "LANG2"), [""; 0]);
    assert_eq!(
        faults_with("key_value_stores", "key_value_store"),
        ["line 27: unknown key `key_value_store` in [component.webhook]"]
    );
    assert_eq!(faults_with("authors", "author"), ["line 6: unknown key `author` in [application]"]);
    assert_eq!(
        faults_with("[[trigger.cron]]", "[[trigger.sqs]]"),
        ["line 20: unknown key `sqs` in [trigger]"]
    );
}

#[test]
fn all_faults_are_found_at_once() {
    let text = GOOD
        .replacen("= 2", "= 1", 1)
        .replacen("required = true, ", "", 1)
        .replacen("component = \"webhook\"", "component = \"webhok\"", 1)
        .replacen("*/10 * * * * *", "* * *", 1)
        .replacen("http://127.0.0.1:9", "http://*:9", 1);
    let faults = faults(&text);
    let lines: Vec<_> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["line 1", "line 10", "line 13", "line 22", "line 33"], "{faults:#?}");
}

#[test]
fn a_wrong_type_is_a_fault() {
    assert_eq!(
        faults_with("[\"default\"]", "\"default\""),
        ["line 27: `key_value_stores` must be an array of strings, not string, in [component.webhook]"]
    );
    assert_eq!(faults_with("= 2", "= \"2\"").len(), 1);
}

#[test]
fn templates_may_name_declared_variables_only() {
    assert_eq!(
        faults_with("{{ token }}", "{{ tokn }}"),
        ["line 37: `auth` names the undeclared variable `tokn` in [component.scaleup]"]
    );
}

#[test]
fn a_component_with_a_schedule_cannot_chain() {
    let faults = faults_with("\"http://127.0.0.1:9\"", "\"http://scaleup.spin.internal\"");
    assert_eq!(faults, ["line 33: `scaleup` has a cron trigger and cannot call other components"]);
}

#[test]
fn a_chained_component_needs_an_http_trigger() {
    let faults = faults_with("http://scaleup.spin.internal", "http://nobody.spin.internal");
    assert_eq!(faults.len(), 1);
    assert!(faults[0].contains("no HTTP trigger leads to `nobody`"), "{faults:?}");
}

#[test]
fn a_route_is_taken_once() {
    assert_eq!(
        faults_with("{ private = true }", "\"/webhook\""),
        ["line 17: route `/webhook` is taken twice"]
    );
}

#[test]
fn a_destination_cannot_leave_the_components_root() {
    for destination in ["config", "/a/../b", "../x"] {
        assert_eq!(faults_with("\"/config\"", &format!("{destination:?}")).len(), 1, "{destination}");
    }
}

#[test]
fn a_text_that_is_not_toml_is_refused_with_its_line() {
    let faults = faults("spin_manifest_version = 2\n[application\n");
    assert!(faults[0].starts_with("line 2"), "{faults:?}");
}

proptest! {
    #[test]
    fn reading_never_panics(text in ".*") {
        let _ = manifest(&text);
    }

    #[test]
    fn cutting_the_manifest_short_never_panics(end in 0..GOOD.len()) {
        let _ = manifest(&GOOD[..end]);
    }
}
