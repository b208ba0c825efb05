//! Runs other programs: shown before they run, with their own output, or quietly for what they print.
//! Not here: which programs, and what their failure means.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The cargo that started us, else the one on the path, working at the root of the workspace.
///
/// It is not told of our own package, as the cargo that started us did: build scripts that look at these variables would run
/// again, and all that depends on them be built again, whenever a person's own cargo and ours take turns.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root);
    for (name, _) in env::vars_os().filter(|(name, _)| is_of_our_package(name)) {
        command.env_remove(name);
    }
    command
}

/// Whether cargo sets a variable for the package that it runs:
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-crates>.
fn is_of_our_package(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
}

/// Shows a command, runs it with its output where ours goes, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", shown(command));
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs a command quietly and gives what it printed; fails with the last thing that it complained of.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let complaint = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word why");
        bail!("`{}` failed: {}: {}", shown(command), output.status, complaint.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no UTF-8", shown(command)))
}

/// Whether a command can be run at all and succeeds; for asking whether a tool is there.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The command as a person would type it: the program without its folder, and its arguments.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut shown = program.to_string_lossy().into_owned();
    for argument in command.get_args() {
        shown.push(' ');
        shown.push_str(&argument.to_string_lossy());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_its_last_complaint() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo first >&2; echo last >&2; exit 3"]);
        let error = format!("{:#}", output(&mut command).unwrap_err());
        assert!(error.contains("sh -c") && error.contains("last") && !error.ends_with("first"), "{error}");
        assert!(run(&mut command).is_err());
        assert!(!succeeds(&mut command));
    }

    #[test]
    fn a_cargo_of_ours_is_told_nothing_of_our_own_package() {
        let cargo = cargo(Path::new("."));
        // Cargo sets the variable for tests, too.
        assert!(env::var_os("CARGO_MANIFEST_DIR").is_some());
        let removed = |name: &str| cargo.get_envs().any(|(known, value)| known == name && value.is_none());
        assert!(removed("CARGO_MANIFEST_DIR") && removed("CARGO_PKG_NAME"));
        assert!(!removed("CARGO_TARGET_DIR") && !removed("PATH"));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_and_not_a_panic() {
        let mut command = Command::new("no-such-program-anywhere");
        assert!(run(&mut command).is_err());
        assert!(output(&mut command).is_err());
        assert!(!succeeds(&mut command));
    }
}
