//! Programs of other makers from npm, which the model of GitHub is held to: Prism and Octokit's packages.
//! Not here: what is checked with them; those tests look for the packages themselves.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::command;
use crate::steps::Outcome;
use crate::workspace::Workspace;

/// Where the packages are declared.
const FOLDER: &str = "crates/jit-fakes/tests/npm";

/// Installs the packages; the tests use them when they are there.
///
/// # Errors
/// The packages are not declared as they should be. That they cannot be had is no failure of the project's.
pub(crate) fn set_up(workspace: &Workspace) -> Result<Outcome> {
    let folder = workspace.root.join(FOLDER);
    let declared = fs::read_to_string(folder.join("package.json"));
    let declared = declared.with_context(|| format!("cannot read {FOLDER}/package.json"))?;
    let oldest = oldest_node(&declared).with_context(|| format!("{FOLDER}/package.json names no Node"))?;
    let version = |program| command::output(Command::new(program).arg("--version")).ok();
    if let Some(why) = missing(version("node").as_deref(), version("npm").as_deref(), oldest) {
        return Ok(Outcome::Skipped(why));
    }
    let mut npm = Command::new("npm");
    // No package needs a script of its own to be installed, so none may run one. What is kept from before is as good as the
    // registry's: the lock file has the digest of each.
    npm.args(["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]).current_dir(folder);
    Ok(match command::run(&mut npm) {
        Ok(()) => Outcome::Passed,
        Err(error) => Outcome::Skipped(format!("its packages are not to be had: {error:#}")),
    })
}

/// The oldest Node, by its first number, that a `package.json` names as `>=20`.
fn oldest_node(declared: &str) -> Option<u32> {
    let declared: Value = serde_json::from_str(declared).ok()?;
    declared["engines"]["node"].as_str()?.strip_prefix(">=")?.trim().parse().ok()
}

/// Why nothing can be installed that could be used; none if it can. The tests skip for the same reasons, and say so to nobody.
fn missing(node: Option<&str>, npm: Option<&str>, oldest: u32) -> Option<String> {
    let Some(node) = node else { return Some("node is not installed".to_owned()) };
    let node = node.trim();
    let major = node.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < oldest) {
        return Some(format!("node {node} is older than {oldest}"));
    }
    npm.is_none().then(|| "npm is not installed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_the_packages_do_not_run_on_is_a_reason_to_skip() {
        for (node, npm, why) in [
            (Some("v20.0.0\n"), Some("10.1.0"), None),
            (Some("v22.4.1"), Some("10.1.0"), None),
            (Some("v100.0.0"), Some("10.1.0"), None),
            (Some("v18.20.4\n"), Some("10.1.0"), Some("node v18.20.4 is older than 20")),
            (Some("nonsense"), Some("10.1.0"), Some("node nonsense is older than 20")),
            (Some("v20.0.0"), None, Some("npm is not installed")),
            (None, Some("10.1.0"), Some("node is not installed")),
            (None, None, Some("node is not installed")),
        ] {
            assert_eq!(missing(node, npm, 20).as_deref(), why, "{node:?} {npm:?}");
        }
    }

    #[test]
    fn the_packages_and_the_tests_that_use_them_name_the_same_oldest_node() {
        let declared = include_str!("../../crates/jit-fakes/tests/npm/package.json");
        let oldest = oldest_node(declared).unwrap();
        let tests = include_str!("../../crates/jit-fakes/tests/npm/node.rs");
        assert!(tests.contains(&format!("const NODE_MIN: u32 = {oldest};")), "{oldest}");
        assert_eq!(oldest_node(r#"{"engines":{"node":"20"}}"#), None);
    }
}
