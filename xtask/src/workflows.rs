//! Workflows, ours and those that `jitr plan` writes: read by actionlint, which has ShellCheck read their scripts, and run by act.
//!
//! act wants Docker for all but jobs that run on its own machine, so the last run of a small chain is run there for real, and the rest is
//! only planned by it. Not here: whether the scripts do what they should; jit-cli's tests run each of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::command;
use crate::python::Python;
use crate::reference::PROGRAM;
use crate::simulation::Programs;
use crate::steps::Outcome;
use crate::workspace::Workspace;

/// Our own.
const OURS: &str = ".github/workflows";
/// Those that jitr wrote, and what it wrote them from.
const WRITTEN: &str = "crates/jit-cli/tests/plan";
/// act's settings: jobs run on this machine, not in containers. Without a file of settings it asks on a terminal, and waits.
const SETTINGS: &str = "--platform=ubuntu-latest=-self-hosted\n--platform=linux=-self-hosted\n";
/// The source of the chain that act runs.
const PLAIN: &str = "crates/jit-cli/tests/plan/plain.yml";
/// Its last batch: what starts another would ask GitHub.
const LAST: &str = "2";
/// What the last batch of the chain must have printed: its item, and the end of the whole.
const EXPECTED: [&str; 2] = ["item 3", "all 2 batches ran, and no item failed"];

/// Reads all, and runs what can be run; without the two programs it says that it did not.
pub(crate) fn check(workspace: &Workspace, programs: &Programs, python: Option<&Python>) -> Result<Outcome> {
    let Some(python) = python else {
        return Ok(Outcome::Skipped("actionlint and act are not installed".to_owned()));
    };
    let mut actionlint = Command::new(python.program("actionlint"));
    actionlint.current_dir(&workspace.root).arg("-shellcheck").arg(python.program("shellcheck"));
    command::run(actionlint.args(files(&workspace.root)?))?;
    for arguments in [&["--recheck"][..], &[]] {
        run(workspace, programs, python, arguments)?;
    }
    Ok(Outcome::Passed)
}

fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in [OURS, WRITTEN] {
        for entry in fs::read_dir(root.join(folder)).with_context(|| format!("cannot read {folder}"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "yml") {
                files.push(path.strip_prefix(root).map(Path::to_owned).unwrap_or(path));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Writes a workflow into a repository of its own, and has act list it; then act runs a chain. A recheck asks GitHub for
/// the runs before it, and pushes to it, so that act only lists it.
fn run(workspace: &Workspace, programs: &Programs, python: &Python, arguments: &[&str]) -> Result<()> {
    let is_recheck = !arguments.is_empty();
    let folder = workspace.target.join("act");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(&folder).args(["-c", "user.name=xtask", "-c", "user.email=xtask@localhost"]);
        command::output(git.args(arguments))
    };
    git(&["init", "--quiet", "--initial-branch=main"])?;
    let workflows = folder.join(OURS);
    let mut jitr = Command::new(programs.path(PROGRAM));
    jitr.args(["plan", PLAIN, "--job-minutes=25", "--limit=60m", "--out"]).arg(&workflows).args(arguments);
    command::output(jitr.current_dir(&workspace.root))?;
    fs::write(folder.join(".actrc"), SETTINGS).context("cannot write act's settings")?;
    git(&["add", "."])?;
    git(&["commit", "--quiet", "--message=plan"])?;
    let act = |arguments: &[&str]| {
        let mut act = Command::new(python.program("act"));
        // It keeps what it fetches below the home folder.
        act.current_dir(&folder)
            .env("HOME", &folder)
            .env("XDG_CONFIG_HOME", &folder)
            .env("XDG_CACHE_HOME", &folder);
        command::output(act.arg("workflow_dispatch").args(arguments))
    };
    let listed = act(&["--list"])?;
    let jobs = ["jitr-batch", "items", "jitr-next"];
    for job in &jobs[..if is_recheck { 2 } else { 3 }] {
        if !listed.contains(job) {
            bail!("act does not list the job `{job}`:\n{listed}");
        }
    }
    if is_recheck {
        println!("act: listed the recheck; not run: it asks GitHub, and pushes to it");
        return Ok(());
    }
    let batch = format!("batch={LAST}");
    let ran = act(&["--input", &batch, "--input", "chain=", "--input", "failed="])?;
    for expected in EXPECTED {
        if !ran.contains(expected) {
            bail!("act did not print `{expected}`:\n{ran}");
        }
    }
    println!(
        "act: ran the last batch of a chain on this machine; not run: in containers, which takes Docker"
    );
    Ok(())
}
