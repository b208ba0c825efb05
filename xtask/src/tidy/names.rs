//! One name in five places: a function's component, shell, decision, scenarios and host test. A place that holds nothing is none.
//! Not here: the manifests, which name it a sixth time; they are in `applications.rs`.

use std::collections::BTreeSet;

use super::fault::Findings;
use super::tree::Tree;
use crate::workspace::{FUNCTIONS, Workspace};

/// The most lines of a component's entry point: decode the trigger, call jit-control, encode the reply.
const ENTRY_LINES_MAX: usize = 100;

/// Where the host tests are declared.
const HOST_TESTS: &str = "crates/jit-sim/tests/components.rs";

/// Checks the six functions and whatever else is among the components.
pub(super) fn check(_: &Workspace, tree: &Tree, findings: &mut Findings) {
    let functions: BTreeSet<&str> = FUNCTIONS.into_iter().chain(tree.folders("components")).collect();
    for function in functions {
        check_places(function, tree, findings);
        check_entry(function, tree, findings);
    }
}

fn check_places(function: &str, tree: &Tree, findings: &mut Findings) {
    let files = [
        (format!("components/{function}/src/lib.rs"), "entry point"),
        (format!("crates/jit-control/src/{function}.rs"), "shell"),
        (format!("crates/jit-domain/src/decide/{function}.rs"), "decision"),
        (format!("crates/jit-sim/tests/components/{function}.rs"), "host test"),
    ];
    for (path, role) in files {
        if !tree.has(&path) {
            findings.file(
                &path,
                format!("the {role} of {function} is missing"),
                "one name is in five places; write it",
            );
        }
    }
    let host_test = format!("crates/jit-sim/tests/components/{function}.rs");
    if tree.text(&host_test).is_some_and(|text| !text.contains("#[test]")) {
        findings.file(&host_test, "has no test", "write one: the built component, in jit-host");
    }
    let declared =
        tree.text(HOST_TESTS).is_some_and(|text| text.lines().any(|line| line == format!("mod {function};")));
    if !declared {
        findings.file(
            HOST_TESTS,
            format!("does not declare `mod {function};`"),
            "else its tests are never run",
        );
    }
    let scenarios = format!("crates/jit-domain/tests/scenarios/{function}");
    if !tree.paths(&scenarios).any(|path| path.ends_with(".toml")) {
        let what = format!("{function} has no scenario");
        findings.file(&scenarios, what, "write one: state, events and now in, actions and reasons out");
    }
}

fn check_entry(function: &str, tree: &Tree, findings: &mut Findings) {
    for (path, text) in tree.texts(&format!("components/{function}/src")) {
        let lines = text.lines().count();
        if lines > ENTRY_LINES_MAX {
            let what = format!("{lines} lines, at most {ENTRY_LINES_MAX}");
            findings.file(path, what, "move what is no decoding or encoding to jit-control");
        }
        if !path.ends_with("/src/lib.rs") {
            findings.file(path, "a component is its entry point only", "move it to jit-control");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [&str; 5] = [
        "components/{}/src/lib.rs",
        "crates/jit-control/src/{}.rs",
        "crates/jit-domain/src/decide/{}.rs",
        "crates/jit-domain/tests/scenarios/{}/one.toml",
        "crates/jit-sim/tests/components/{}.rs",
    ];

    /// A tree where all six are in five places, without one of them, and with some files more or others.
    fn faults(without: &str, more: &[(&str, &str)]) -> Vec<String> {
        let all = FUNCTIONS.iter().flat_map(|function| PLACES.map(|place| place.replace("{}", function)));
        let files: Vec<String> =
            all.filter(|path| path != without && !more.iter().any(|(other, _)| other == path)).collect();
        let declared: String = FUNCTIONS.iter().map(|function| format!("mod {function};\n")).collect();
        let mut files: Vec<_> = files.iter().map(|path| (path.as_str(), "#[test]\n")).collect();
        files.extend(more.iter().copied());
        if !more.iter().any(|(path, _)| *path == HOST_TESTS) {
            files.push((HOST_TESTS, &declared));
        }
        let tree = Tree::of(&files);
        let mut findings = Findings::default();
        for function in FUNCTIONS.into_iter().chain(tree.folders("components")).collect::<BTreeSet<_>>() {
            check_places(function, &tree, &mut findings);
            check_entry(function, &tree, &mut findings);
        }
        findings.shown()
    }

    #[test]
    fn each_of_the_five_places_is_missed() {
        assert_eq!(faults("", &[]), Vec::<String>::new());
        for place in PLACES {
            for function in FUNCTIONS {
                let missing = place.replace("{}", function);
                let faults = faults(&missing, &[]);
                assert_eq!(faults.len(), 1, "{faults:?}");
                assert!(missing.starts_with(faults[0].split(':').next().unwrap()), "{faults:?}");
            }
        }
    }

    #[test]
    fn a_seventh_component_needs_its_places_too() {
        let faults = faults("", &[("components/newcomer/src/lib.rs", "")]);
        assert_eq!(faults.len(), 5, "{faults:?}");
    }

    #[test]
    fn a_place_that_holds_nothing_is_none() {
        let test = "crates/jit-sim/tests/components/webhook.rs";
        for more in [
            (test, "//! Nothing.\n"),
            (HOST_TESTS, "mod scaleup;\nmod lifecycle;\nmod scaledown;\nmod rebalancer;\nmod registrar;\n"),
        ] {
            assert_eq!(faults("", &[more]).len(), 1, "{more:?}");
        }
        let scenario = "crates/jit-domain/tests/scenarios/webhook/one.toml";
        let prose = ("crates/jit-domain/tests/scenarios/webhook/README.md", "");
        assert_eq!(faults(scenario, &[prose]).len(), 1);
    }

    #[test]
    fn an_entry_point_is_short_and_alone() {
        let lines = "//\n".repeat(101);
        let faults = faults(
            "components/webhook/src/lib.rs",
            &[("components/webhook/src/lib.rs", &lines), ("components/webhook/src/more.rs", "")],
        );
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("101 lines"), "{faults:?}");
    }
}
