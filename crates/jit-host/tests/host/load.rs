//! Applications that do not start, and why.

use std::collections::BTreeMap;

use jit_host::{Host, LoadError, Options};

use crate::support::{folder, probe};

fn load(edit: impl Fn(String) -> String, variables: &[(&str, &str)]) -> Result<Host, LoadError> {
    let folder = folder(edit);
    let variables: BTreeMap<_, _> =
        variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Host::load(&folder.path().join("spin.toml"), Options { variables, ..Options::default() })
}

fn error(edit: impl Fn(String) -> String, variables: &[(&str, &str)]) -> String {
    match load(edit, variables) {
        Ok(_) => panic!("it starts"),
        Err(error) => error.to_string(),
    }
}

const GIVEN: (&str, &str) = ("given", "x");

#[test]
fn a_required_variable_without_a_value_is_named_with_its_line() {
    let error = error(|manifest| manifest, &[]);
    assert!(error.contains("line 5: required variable `given` has no value"), "{error}");
}

#[test]
fn a_host_that_is_wrong_once_filled_in_is_refused_without_showing_the_value() {
    let error = error(|manifest| manifest, &[GIVEN, ("api", "https://se*cret")]);
    assert!(error.contains("an allowed outbound host of `probe`"), "{error}");
    assert!(!error.contains("cret"), "{error}");
}

#[test]
fn faults_of_the_manifest_are_all_named() {
    let error =
        error(|manifest| manifest.replace("environment", "env").replace("\"bare\"", "\"bar\""), &[GIVEN]);
    assert!(error.contains("unknown key `env`") && error.contains("unknown component `bar`"), "{error}");
}

#[test]
fn a_component_that_is_missing_or_no_component_is_named() {
    let missing = error(|manifest| manifest.replacen("jit_host_probe", "gone", 1), &[GIVEN]);
    assert!(missing.contains("gone.wasm"), "{missing}");
    let path = probe().to_str().unwrap().to_owned();
    let text = error(move |manifest| manifest.replacen(&path, "one.txt", 1), &[GIVEN]);
    assert!(text.contains("cannot run component `probe`"), "{text}");
}

#[test]
fn missing_files_are_named() {
    let error = error(|manifest| manifest.replace("one.txt", "nine.txt"), &[GIVEN]);
    assert!(error.contains("nine.txt"), "{error}");
}

#[test]
fn a_component_is_inspected_by_its_names() {
    let interfaces = jit_host::inspect(&std::fs::read(probe()).unwrap()).unwrap();
    let exports: Vec<_> = interfaces.exports.iter().map(String::as_str).collect();
    assert_eq!(exports, ["handle-cron-event", "wasi:http/incoming-handler@0.2.0"]);
    for name in ["fermyon:spin/key-value@2.0.0", "wasi:keyvalue/atomics@0.2.0-draft2"] {
        assert!(interfaces.imports.contains(name), "{name} is not in {interfaces:?}");
    }
}
