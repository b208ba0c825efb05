//! Runs every scenario file under `scenarios/<function>/`: records, events and times in; decisions and reasons out.
//! `UPDATE=1 cargo test -p jit-domain --test scenarios` rewrites the expected part of each file; read the difference then.
//! Properties that hold for all worlds are not here but in `properties.rs`.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "scenarios/admissions.rs"]
mod admissions;
#[path = "scenarios/claims.rs"]
mod claims;
#[path = "scenarios/form.rs"]
mod form;
#[path = "scenarios/run.rs"]
mod run;
#[path = "scenarios/show.rs"]
mod show;
#[path = "scenarios/sweeps.rs"]
mod sweeps;
#[path = "scenarios/tables.rs"]
mod tables;
#[path = "scenarios/world.rs"]
mod world;

const EXPECTED: &str = "\n[expected]\n";

fn files(function: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(function);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of a function")
        .map(|entry| entry.expect("a file of the folder").path())
        .collect();
    assert!(
        files.iter().all(|f| f.extension().is_some_and(|e| e == "toml")),
        "only scenarios belong in {function}/"
    );
    files.sort();
    files
}

/// Runs all scenarios of a function and reports every one that differs, not only the first.
fn check(function: &str) {
    let files = files(function);
    assert!(files.len() >= 2, "{function} has too few scenarios");
    let mut differing = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).expect("a readable scenario");
        let scenario: form::Scenario =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(scenario.about.ends_with('.'), "{}: `about` is a sentence", file.display());
        let told = run::run(&scenario);
        if std::env::var_os("UPDATE").is_some() {
            let kept = text.split(EXPECTED).next().unwrap_or_default().trim_end();
            fs::write(file, format!("{kept}\n{EXPECTED}lines = '''\n{told}'''\n"))
                .expect("a writable scenario");
        } else if told != scenario.expected.lines {
            let expected = scenario.expected.lines;
            differing.push(format!("{}\n--- expected\n{expected}--- now\n{told}", file.display()));
        }
    }
    assert!(differing.is_empty(), "{} scenarios differ:\n{}", differing.len(), differing.join("\n"));
}

#[test]
fn webhook_decides_as_its_scenarios_say() {
    check("webhook");
}

#[test]
fn admission_decides_as_its_scenarios_say() {
    check("admission");
}

#[test]
fn scaleup_decides_as_its_scenarios_say() {
    check("scaleup");
}

#[test]
fn lifecycle_decides_as_its_scenarios_say() {
    check("lifecycle");
}

#[test]
fn rebalancer_decides_as_its_scenarios_say() {
    check("rebalancer");
}

#[test]
fn scaledown_decides_as_its_scenarios_say() {
    check("scaledown");
}

#[test]
fn registrar_decides_as_its_scenarios_say() {
    check("registrar");
}

#[test]
fn a_scenario_with_an_unknown_key_or_step_is_refused() {
    for faulty in [
        "surprise = 1\n[run]\nsteps = []",
        "[run]\nsteps = [{ do = 'plan', x = 1 }]",
        "[run]\nsteps = [{ do = 'fly' }]",
    ] {
        assert!(toml::from_str::<form::Scenario>(&format!("about = ''\n{faulty}")).is_err(), "{faulty}");
    }
}
