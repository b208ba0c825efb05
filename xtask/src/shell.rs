//! Shell scripts: read by ShellCheck, and formatted as shfmt writes them.
//! Not here: whether they do what they should; `boot.rs` has the instance's script run.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::command;
use crate::python::Python;
use crate::steps::Outcome;
use crate::workspace::Workspace;

/// Where scripts lie that an instance, or its stand-in, runs: all POSIX shell, indented by tabs.
const FOLDERS: [&str; 2] = ["packer/boot", "crates/jit-sim/src/boot"];
/// A script without a name's ending.
const WITHOUT_ENDING: &str = "boot";
/// As FOLDERS' scripts are written: `case` patterns are indented, as everything else by one tab.
const FORMAT: [&str; 6] = ["--diff", "--language-dialect", "posix", "--indent", "0", "--case-indent"];

/// Reads all scripts; without the two programs it says that it did not.
pub(crate) fn check(workspace: &Workspace, python: Option<&Python>) -> Result<Outcome> {
    let Some(python) = python else {
        return Ok(Outcome::Skipped("shellcheck and shfmt are not installed".to_owned()));
    };
    let scripts = scripts(workspace)?;
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(python.program(program));
        command::run(command.current_dir(&workspace.root).args(arguments).args(&scripts))
    };
    run("shellcheck", &["--shell", "sh"])?;
    run("shfmt", &FORMAT)?;
    Ok(Outcome::Passed)
}

fn scripts(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut scripts = Vec::new();
    for folder in FOLDERS {
        let entries = fs::read_dir(workspace.root.join(folder));
        for entry in entries.with_context(|| format!("cannot read {folder}"))? {
            let name = PathBuf::from(entry?.file_name());
            if name.extension().is_some_and(|ending| ending == "sh") || name.as_os_str() == WITHOUT_ENDING {
                scripts.push(PathBuf::from(folder).join(name));
            }
        }
    }
    scripts.sort();
    if !scripts.iter().any(|script| script.ends_with("packer/boot/boot")) {
        bail!("the instance's script is not where it is looked for");
    }
    Ok(scripts)
}
