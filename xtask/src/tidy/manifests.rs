//! Cargo manifests: versions and lints are declared once, at the root.
//! Not here: who depends on whom; that is `arrows.rs`.

use toml_edit::{DocumentMut, Item, TableLike};

use super::fault::Findings;
use super::tree::Tree;
use crate::workspace::Workspace;

/// The tables that hold dependencies.
const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Checks each member's manifest, and that there is one lockfile.
pub(super) fn check(workspace: &Workspace, tree: &Tree, findings: &mut Findings) {
    for package in &workspace.packages {
        let path = format!("{}/Cargo.toml", package.folder);
        if let Some(text) = tree.text(&path) {
            check_member(&path, text, findings);
        }
    }
    check_lockfiles(tree, findings);
}

fn check_lockfiles(tree: &Tree, findings: &mut Findings) {
    if !tree.has("Cargo.lock") {
        findings.file("Cargo.lock", "is missing", "commit it: CI builds what was tested");
    }
    for path in tree.paths("").filter(|path| path.ends_with("/Cargo.lock")) {
        findings.file(path, "a second lockfile", "make the package a member of the workspace");
    }
}

fn check_member(path: &str, text: &str, findings: &mut Findings) {
    let Ok(document) = text.parse::<DocumentMut>() else {
        findings.file(path, "is not TOML", "mend it");
        return;
    };
    let inherits = |item: Option<&Item>| {
        item.and_then(|item| item.get("workspace")).and_then(Item::as_bool).unwrap_or_default()
    };
    if !inherits(document.get("lints")) {
        findings.file(path, "does not have the workspace's lints", "add `[lints]` with `workspace = true`");
    }
    let root: &dyn TableLike = document.as_table();
    let targets = root.get("target").and_then(Item::as_table_like);
    let targets =
        targets.into_iter().flat_map(TableLike::iter).filter_map(|(_, target)| target.as_table_like());
    for table in std::iter::once(root).chain(targets) {
        let lists = DEPENDENCIES.iter().filter_map(|name| table.get(name)?.as_table_like());
        for (name, dependency) in lists.flat_map(TableLike::iter) {
            if !inherits(Some(dependency)) {
                let remedy =
                    "declare the version in the root's [workspace.dependencies], here `workspace = true`";
                findings.file(path, format!("declares `{name}` itself"), remedy);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> usize {
        let mut findings = Findings::default();
        check_member("crates/a/Cargo.toml", text, &mut findings);
        findings.faults.len()
    }

    #[test]
    fn a_member_inherits_versions_and_lints() {
        let lints = "[lints]\nworkspace = true\n";
        let sound = "[dependencies]\na.workspace = true\nb = { workspace = true, features = [] }\n\
                     [target.'cfg(unix)'.dependencies]\nc.workspace = true\n";
        assert_eq!(faults(&format!("{lints}{sound}")), 0);
        assert_eq!(faults(sound), 1);
        assert_eq!(faults(&format!("{lints}[dependencies]\na = \"1\"\n")), 1);
        assert_eq!(faults(&format!("{lints}[dev-dependencies]\na = {{ path = \"../a\" }}\n")), 1);
        assert_eq!(faults(&format!("{lints}[target.'cfg(unix)'.dependencies]\na = \"1\"\n")), 1);
        assert_eq!(faults("["), 1);
    }

    #[test]
    fn there_is_one_lockfile() {
        for (files, expected) in [
            (&[("Cargo.lock", "")][..], 0),
            (&[("Cargo.lock", ""), ("crates/a/Cargo.lock", "")], 1),
            (&[("crates/a/Cargo.lock", "")], 2),
        ] {
            let mut findings = Findings::default();
            check_lockfiles(&Tree::of(files), &mut findings);
            assert_eq!(findings.faults.len(), expected);
        }
    }
}
