//! The instance's script in a real shell, on the built components; `crates/jit-sim/src/boot.rs` has the cases.
//! Not here: what they show.

use std::process::Command;

use anyhow::Result;

use crate::simulation::{OWN_HOST, Programs};
use crate::steps::Outcome;
use crate::workspace::Workspace;
use crate::{command, components};

/// The program of jit-sim that runs the cases.
const PROGRAM: &str = "boot";

/// Builds the components and runs the cases; where they cannot be run, says so.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    components::build(workspace)?;
    let programs = Programs::build(workspace, &[PROGRAM, OWN_HOST])?;
    if let Outcome::Skipped(why) = start(workspace, &programs, arguments)? {
        println!("boot: skipped: {why}");
    }
    Ok(())
}

/// Runs the cases on the components that are built, in a network namespace, for they need the metadata service's address.
pub(crate) fn start(workspace: &Workspace, programs: &Programs, arguments: &[String]) -> Result<Outcome> {
    let program = programs.path(PROGRAM);
    let missing = command::output(Command::new(&program).arg("--missing"))?;
    if !missing.is_empty() {
        return Ok(Outcome::Skipped(missing));
    }
    let mut cases = Command::new("unshare");
    cases.current_dir(&workspace.root).args(["--net", "--"]).arg(&program);
    command::run(cases.arg("--program").arg(programs.path(OWN_HOST)).args(arguments))?;
    Ok(Outcome::Passed)
}
