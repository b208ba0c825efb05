//! Each component is bound to exactly the variables that docs/configuration.md gives it, and secrets are marked.
//!
//! That page is generated from the table in `crates/jit-control/src/settings/variables.rs`, and a test there holds it
//! current, so what is checked here against the page is checked against the table.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{DocumentMut, Item, TableLike};

use super::applications::components;
use super::fault::Findings;
use super::tree::Tree;
use crate::manifest::MANIFESTS;
use crate::workspace::Workspace;

const REFERENCE: &str = "docs/configuration.md";

/// A variable as the reference has it.
#[derive(Debug, PartialEq, Eq)]
struct Variable {
    is_secret: bool,
    components: BTreeSet<String>,
}

/// Checks spin.toml; the other manifest is equal, as `applications.rs` holds.
pub(super) fn check(_: &Workspace, tree: &Tree, findings: &mut Findings) {
    check_tree(tree, findings);
}

fn check_tree(tree: &Tree, findings: &mut Findings) {
    let variables = read(tree.text(REFERENCE).unwrap_or_default());
    if variables.is_empty() {
        return findings.file(REFERENCE, "has no table of variables", "write what `jitr reference` prints");
    }
    let Some(Ok(document)) = tree.text(MANIFESTS[0]).map(str::parse::<DocumentMut>) else { return };
    check_declared(&document, &variables, findings);
    for (name, component) in components(&document) {
        check_bound(name, component, &variables, findings);
    }
}

/// Reads the table whose first column is called Variable.
fn read(reference: &str) -> BTreeMap<String, Variable> {
    let rows = reference.lines().map(|line| line.trim().trim_matches('|').split(" | ").map(str::trim));
    let mut rows =
        rows.map(Iterator::collect::<Vec<_>>).skip_while(|cells| cells.first() != Some(&"Variable"));
    let Some(header) = rows.next() else { return BTreeMap::new() };
    let column = |name: &str| header.iter().position(|cell| *cell == name);
    let (Some(secret), Some(components)) = (column("Secret"), column("Components")) else {
        return BTreeMap::new();
    };
    rows.skip(1)
        .take_while(|cells| cells.len() == header.len())
        .map(|cells| {
            let components = cells[components].split(',').map(|name| name.trim().to_owned()).collect();
            (
                cells[0].trim_matches('`').to_owned(),
                Variable { is_secret: cells[secret] == "yes", components },
            )
        })
        .collect()
}

fn check_declared(document: &DocumentMut, variables: &BTreeMap<String, Variable>, findings: &mut Findings) {
    let declared: BTreeMap<&str, &Item> = document
        .get("variables")
        .and_then(Item::as_table_like)
        .into_iter()
        .flat_map(TableLike::iter)
        .collect();
    for name in declared.keys().filter(|name| !variables.contains_key(**name)) {
        findings.file(
            MANIFESTS[0],
            format!("variable `{name}` is not in {REFERENCE}"),
            "declare it in settings/variables.rs",
        );
    }
    for (name, variable) in variables {
        let Some(item) = declared.get(name.as_str()) else {
            findings.file(
                MANIFESTS[0],
                format!("variable `{name}` is missing"),
                "declare it under [variables]",
            );
            continue;
        };
        let is_secret = item.get("secret").and_then(Item::as_bool).unwrap_or_default();
        if is_secret != variable.is_secret {
            let what = format!("variable `{name}` has secret = {is_secret}");
            findings.file(MANIFESTS[0], what, format!("write secret = {}", variable.is_secret));
        }
    }
}

fn check_bound(
    component: &str,
    item: &Item,
    variables: &BTreeMap<String, Variable>,
    findings: &mut Findings,
) {
    let bound: BTreeMap<&str, &Item> =
        item.get("variables").and_then(Item::as_table_like).into_iter().flat_map(TableLike::iter).collect();
    let due =
        |name: &str| variables.get(name).is_some_and(|variable| variable.components.contains(component));
    for (name, value) in &bound {
        if !due(name) {
            let what = format!("component `{component}` is bound to `{name}`, which is not its own");
            findings.file(MANIFESTS[0], what, "remove it, or name the component in settings/variables.rs");
        }
        let template = format!("{{{{ {name} }}}}");
        if value.as_str() != Some(template.as_str()) {
            let what = format!("component `{component}` gives `{name}` another value");
            findings.file(MANIFESTS[0], what, format!("write \"{template}\""));
        }
    }
    for name in variables.keys().filter(|name| due(name) && !bound.contains_key(name.as_str())) {
        let what = format!("component `{component}` is not bound to `{name}`");
        findings.file(MANIFESTS[0], what, "bind it under the same name");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# Configuration

| Key | Type |
|---|---|
| `name` | text |

| Variable | Range | Secret | Components | Meaning |
|---|---|---|---|---|
| `key` | 1 to 2 | yes | scaleup, registrar | A key. |
| `url` | any | no | registrar | An address. |

More.
";

    const MANIFEST: &str = r#"
[variables]
key = { default = "", secret = true }
url = { default = "x" }
[component.scaleup.variables]
key = "{{ key }}"
[component.registrar.variables]
key = "{{ key }}"
url = "{{ url }}"
[component.webhook]
"#;

    fn faults(page: &str, manifest: &str) -> Vec<String> {
        let mut findings = Findings::default();
        check_tree(&Tree::of(&[(REFERENCE, page), (MANIFESTS[0], manifest)]), &mut findings);
        findings.shown()
    }

    #[test]
    fn the_table_of_the_page_is_read() {
        let variables = read(PAGE);
        assert_eq!(variables.len(), 2);
        let components = ["scaleup", "registrar"].map(str::to_owned).into();
        assert_eq!(variables["key"], Variable { is_secret: true, components });
    }

    #[test]
    fn exactly_the_own_variables_are_bound() {
        assert_eq!(faults(PAGE, MANIFEST), Vec::<String>::new());
        for (change, to, expected) in [
            ("[component.webhook]", "[component.webhook.variables]\nkey = \"{{ key }}\"", "not its own"),
            ("url = \"{{ url }}\"", "", "is not bound to `url`"),
            ("url = \"{{ url }}\"", "url = \"{{ key }}\"", "gives `url` another value"),
            (", secret = true", "", "secret = false"),
            ("url = { default = \"x\" }", "", "variable `url` is missing"),
            ("url = { default = \"x\" }", "url = {}\nnew = {}", "`new` is not in"),
        ] {
            let manifest = MANIFEST.replacen(change, to, 1);
            assert_ne!(manifest, MANIFEST);
            let faults = faults(PAGE, &manifest);
            assert!(faults.len() == 1 && faults[0].contains(expected), "{expected}: {faults:?}");
        }
    }

    #[test]
    fn a_page_without_the_table_is_a_fault_rather_than_no_check() {
        assert_eq!(faults("# Configuration\n", MANIFEST).len(), 1);
        assert_eq!(faults(&PAGE.replace("Secret", "Hidden"), MANIFEST).len(), 1);
    }
}
