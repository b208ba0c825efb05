//! Spin's two manifests: equal but for schedules, each function in them, exact hosts of the shipped configuration.
//! Not here: variables; they are in `variables.rs`.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::fault::Findings;
use super::tree::Tree;
use crate::components;
use crate::manifest::{self, Addresses, CONFIGURATION, MANIFESTS};
use crate::workspace::{FUNCTIONS, Workspace};

const MEND: &str = "run `cargo xtask manifest`";

/// Checks both manifests.
pub(super) fn check(_: &Workspace, tree: &Tree, findings: &mut Findings) {
    check_tree(tree, findings);
}

fn check_tree(tree: &Tree, findings: &mut Findings) {
    let mut documents = Vec::new();
    for path in MANIFESTS {
        match tree.text(path).map(str::parse::<DocumentMut>) {
            Some(Ok(document)) => {
                check_components(path, &document, findings);
                check_hosts(path, tree, findings);
                documents.push(document);
            }
            Some(Err(_)) => findings.file(path, "is not TOML", "mend it"),
            None => findings.file(path, "is missing", "write it"),
        }
    }
    if let [with_cron, without] = documents.as_slice() {
        check_equal(with_cron, without, findings);
        check_cron(with_cron, without, findings);
    }
}

/// The value below each path, however a table is written.
pub(super) fn flatten(document: &DocumentMut) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    flatten_table("", document.as_table(), &mut values);
    values
}

/// The components of a manifest.
pub(super) fn components(document: &DocumentMut) -> BTreeMap<&str, &Item> {
    let table = document.get("component").and_then(Item::as_table_like);
    table.into_iter().flat_map(TableLike::iter).collect()
}

/// The hosts that a component may call, as far as they are text.
pub(super) fn hosts(component: &Item) -> Vec<&str> {
    let list = component.get("allowed_outbound_hosts").and_then(Item::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn flatten_table(prefix: &str, table: &dyn TableLike, values: &mut BTreeMap<String, String>) {
    for (key, item) in table.iter() {
        let path = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
        match item {
            Item::ArrayOfTables(tables) => {
                for (index, table) in tables.iter().enumerate() {
                    flatten_table(&format!("{path}[{index}]"), table, values);
                }
            }
            Item::Table(table) => flatten_table(&path, table, values),
            Item::Value(value) => flatten_value(&path, value, values),
            Item::None => {}
        }
    }
}

fn flatten_value(path: &str, value: &Value, values: &mut BTreeMap<String, String>) {
    match value {
        Value::InlineTable(table) => flatten_table(path, table, values),
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                flatten_value(&format!("{path}[{index}]"), value, values);
            }
        }
        Value::String(text) => {
            values.insert(path.to_owned(), text.value().clone());
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            values.insert(path.to_owned(), value.to_string().trim().to_owned());
        }
    }
}

fn check_components(path: &str, document: &DocumentMut, findings: &mut Findings) {
    let components = components(document);
    let known = BTreeSet::from(FUNCTIONS);
    for function in known.iter().filter(|function| !components.contains_key(*function)) {
        findings.file(path, format!("has no component `{function}`"), "add it");
    }
    for (name, component) in components {
        if !known.contains(name) {
            findings.file(
                path,
                format!("component `{name}` is none of the functions"),
                "give it the function's name",
            );
        }
        let source = components::source(name);
        if component.get("source").and_then(Item::as_str).map(std::path::Path::new) != Some(source.as_path())
        {
            let remedy = format!("write source = \"{}\"", source.display());
            findings.file(path, format!("component `{name}` is not taken from where it is built"), remedy);
        }
        for host in hosts(component).into_iter().filter(|host| host.contains('*')) {
            let what = format!("component `{name}` may call any host of `{host}`");
            findings.file(path, what, "name each host; `cargo xtask manifest` does");
        }
    }
}

/// The hosts are those of the shipped configuration.
fn check_hosts(path: &str, tree: &Tree, findings: &mut Findings) {
    let (Some(is), Some(configuration)) = (tree.text(path), tree.text(CONFIGURATION)) else {
        return findings.file(CONFIGURATION, "is missing", "write it");
    };
    match manifest::with_hosts(is, configuration, Addresses::default()) {
        Ok(should) if should == is => {}
        Ok(_) => findings.file(path, format!("allows other hosts than {CONFIGURATION} needs"), MEND),
        Err(error) => findings.file(path, format!("hosts cannot be derived: {error:#}"), MEND),
    }
}

fn check_equal(with_cron: &DocumentMut, without: &DocumentMut, findings: &mut Findings) {
    let is_cron = |path: &str| path.starts_with("trigger.cron");
    let mut with_cron = flatten(with_cron);
    with_cron.retain(|path, _| !is_cron(path));
    let without = flatten(without);
    let paths: BTreeSet<&String> = with_cron.keys().chain(without.keys()).collect();
    for path in paths.into_iter().filter(|path| with_cron.get(*path) != without.get(*path)) {
        let what = format!("`{path}` is not as in {}", MANIFESTS[0]);
        findings.file(MANIFESTS[1], what, "only cron triggers may differ; make the two equal");
    }
}

/// Spin does not start an application whose component has a cron trigger and may call a neighbour by chaining.
fn check_cron(with_cron: &DocumentMut, without: &DocumentMut, findings: &mut Findings) {
    let triggers = |document: &DocumentMut| -> Vec<String> {
        let values = flatten(document);
        let is_name = |path: &str| path.starts_with("trigger.cron[") && path.ends_with(".component");
        values.into_iter().filter(|(path, _)| is_name(path)).map(|(_, name)| name).collect()
    };
    let scheduled = triggers(with_cron);
    if scheduled.is_empty() {
        findings.file(MANIFESTS[0], "has no cron trigger", "schedule the functions that run by time");
    }
    if !triggers(without).is_empty() {
        findings.file(MANIFESTS[1], "has cron triggers", "it is for hosts without them; remove them");
    }
    for (name, component) in components(with_cron) {
        let chains = hosts(component).iter().any(|host| host.contains(".spin.internal"));
        if chains && scheduled.iter().any(|scheduled| scheduled == name) {
            let what = format!("component `{name}` has a cron trigger and names a `*.spin.internal` host");
            findings.file(MANIFESTS[0], what, "Spin refuses that; reach others through the queue");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRON: &str = "[[trigger.cron]]\ncomponent = \"scaleup\"\ncron_expression = \"0 * * * * *\"\n";

    /// A sound manifest without cron triggers.
    fn sound() -> String {
        let mut manifest = "[variables]\ngithub_api_url = { default = \"https://api.github.com\" }\n\
                            aws_endpoint_url = { default = \"\" }\n"
            .to_owned();
        for function in FUNCTIONS {
            manifest.push_str(&format!(
                "[component.{function}]\nsource = \"{}\"\nallowed_outbound_hosts = []\n",
                components::source(function).display()
            ));
        }
        manifest::with_hosts(&manifest, CONFIG, Addresses::default()).unwrap()
    }

    const CONFIG: &str = "[[pool]]\n[[pool.offering]]\nregion = \"us-east-1\"\n";

    fn faults(with_cron: &str, without: &str) -> Vec<String> {
        let mut findings = Findings::default();
        let tree =
            Tree::of(&[("spin.toml", with_cron), ("spin-http.toml", without), (CONFIGURATION, CONFIG)]);
        check_tree(&tree, &mut findings);
        findings.shown()
    }

    #[test]
    fn two_manifests_that_differ_by_their_schedules_are_sound() {
        let without = sound();
        assert_eq!(
            faults(&format!("{CRON}{without}"), &format!("# About.\n{without}")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn any_other_difference_is_a_fault() {
        let without = sound();
        let with_cron = format!("{CRON}{without}");
        for (change, to) in
            [("default = \"\"", "default = \"x\""), ("[variables]", "[x]\ny = 1\n[variables]")]
        {
            let faults = faults(&with_cron, &without.replacen(change, to, 1));
            assert!(faults.iter().any(|fault| fault.contains("is not as in")), "{change}: {faults:?}");
        }
        assert!(!faults(&without, &without).is_empty());
        assert!(!faults(&with_cron, &with_cron).is_empty());
    }

    #[test]
    fn wildcards_stale_hosts_other_sources_and_missing_components_are_faults() {
        let without = sound();
        for (change, to, expected) in [
            (
                "https://api.github.com\", \"https://ec2",
                "https://*.github.com\", \"https://ec2",
                "may call any host",
            ),
            ("ec2.us-east-1", "ec2.us-east-2", "allows other hosts"),
            ("release/webhook.wasm", "debug/webhook.wasm", "not taken from where it is built"),
            ("[component.webhook]", "[component.webhooks]", "has no component `webhook`"),
        ] {
            let changed = without.replace(change, to);
            assert_ne!(changed, without, "{change}");
            let faults = faults(&format!("{CRON}{changed}"), &changed);
            assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected}: {faults:?}");
        }
    }

    #[test]
    fn a_component_on_a_schedule_chains_to_nobody() {
        let without = sound();
        let with_cron = format!("{}{without}", CRON.replace("scaleup", "webhook"));
        let faults = faults(&with_cron, &without);
        assert!(faults.len() == 1 && faults[0].contains("`webhook` has a cron trigger"), "{faults:?}");
    }

    #[test]
    fn a_manifest_that_is_missing_or_broken_is_a_fault() {
        assert!(!faults("[", &sound()).is_empty());
        let mut findings = Findings::default();
        check_tree(&Tree::of(&[]), &mut findings);
        assert_eq!(findings.faults.len(), 2);
    }
}
