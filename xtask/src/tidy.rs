//! Holds the architecture and the house rules, and tells all faults at once, each with file and remedy.
//!
//! Not here: what the compiler, clippy and rustfmt hold; and that docs/configuration.md is current, which takes
//! the built `jitr` (`reference.rs`).

use anyhow::{Result, bail};

use crate::workspace::Workspace;

mod applications;
mod arrows;
mod bans;
mod built;
mod fault;
mod manifests;
mod names;
mod paths;
mod policies;
mod rust;
mod text;
mod tree;
mod variables;

use fault::{Fault, Findings};
use tree::Tree;

#[cfg(test)]
pub(crate) use policies::PLACEHOLDERS;

/// A check: what it says of the whole tree.
type Check = fn(&Workspace, &Tree, &mut Findings);

/// The checks that need nothing built, with the name that a summary gives them.
const CHECKS: &[(&str, Check)] = &[
    ("arrows", arrows::check),
    ("bans", bans::check),
    ("names", names::check),
    ("manifests", manifests::check),
    ("applications", applications::check),
    ("variables", variables::check),
    ("policies", policies::check),
    ("text", text::check),
];

/// Checks what is written.
pub(crate) fn sources(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(&workspace.root)?;
    conclude(&look(workspace, &tree), &tree, "")
}

/// Checks what is written and what is built.
pub(crate) fn built(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(&workspace.root)?;
    let mut findings = look(workspace, &tree);
    built::check(&workspace.root, &tree, &mut findings);
    conclude(&findings, &tree, ",built")
}

/// Makes what is built the committed state.
pub(crate) fn bless(workspace: &Workspace) -> Result<()> {
    built::bless(&workspace.root, &Tree::read(&workspace.root)?)
}

fn look(workspace: &Workspace, tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for (_, check) in CHECKS {
        check(workspace, tree, &mut findings);
    }
    findings
}

fn conclude(findings: &Findings, tree: &Tree, more: &str) -> Result<()> {
    for note in &findings.notes {
        println!("note: {note}");
    }
    let mut faults: Vec<&Fault> = findings.faults.iter().collect();
    faults.sort();
    for fault in &faults {
        println!("fault: {fault}");
    }
    let names: Vec<_> = CHECKS.iter().map(|(name, _)| *name).collect();
    let (files, faults, notes) = (tree.len(), faults.len(), findings.notes.len());
    println!("tidy: files={files} checks={}{more} faults={faults} notes={notes}", names.join(","));
    if faults > 0 {
        bail!("tidy found {faults} faults");
    }
    Ok(())
}
