//! One name in five places: a function's component, shell, decision, scenarios and host test.
//! Not here: the manifests, which name it a sixth time; they are in `applications.rs`.

use std::collections::BTreeSet;

use super::fault::Findings;
use super::tree::Tree;
use crate::workspace::{FUNCTIONS, Workspace};

/// The most lines of a component's entry point: decode the trigger, call jit-control, encode the reply.
const ENTRY_LINES_MAX: usize = 100;

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
    let scenarios = format!("crates/jit-domain/tests/scenarios/{function}");
    if tree.paths(&scenarios).next().is_none() {
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

    /// A tree where all six are in five places, without one of them, and with one file more.
    fn faults(without: &str, more: &[(&str, &str)]) -> Vec<String> {
        let all = FUNCTIONS.iter().flat_map(|function| PLACES.map(|place| place.replace("{}", function)));
        let files: Vec<String> = all.filter(|path| path != without).collect();
        let files: Vec<_> =
            files.iter().map(|path| (path.as_str(), "")).chain(more.iter().copied()).collect();
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
        assert_eq!(faults.len(), 4, "{faults:?}");
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
