//! Runs the programs of jit-sim on freshly built components.
//! Not here: what they show and measure; that is `crates/jit-sim`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::python::Python;
use crate::workspace::Workspace;
use crate::{command, components};

/// A program of jit-sim.
#[derive(Clone, Copy)]
pub(crate) enum Program {
    /// A matrix of jobs from webhook to an empty cloud.
    Demo,
    /// Requests per second, times, sizes, calls and points.
    Bench,
    /// Worlds from their seeds.
    Sim,
}

impl Program {
    const fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Bench => "bench",
            Self::Sim => "sim",
        }
    }
}

/// Builds the components, then runs a program on them.
pub(crate) fn run(workspace: &Workspace, program: Program, arguments: &[String]) -> Result<()> {
    components::build(workspace)?;
    match program {
        Program::Demo | Program::Sim => {}
        Program::Bench => components::build_probe(workspace)?,
    }
    start(workspace, program, arguments)
}

/// Runs a program on the components that are built.
/// No `-p`: with the workspace's default members cargo picks the same features as for the tests, and builds nothing twice.
pub(crate) fn start(workspace: &Workspace, program: Program, arguments: &[String]) -> Result<()> {
    let mut cargo = command::cargo(&workspace.root);
    cargo.args(["run", "--quiet", "--bin", program.name(), "--"]).args(arguments);
    command::run(&mut cargo)
}

/// Plays worlds natively. Built by itself, so that nobody waits for wasmtime, which they do not need.
pub(crate) fn simulate(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut cargo = command::cargo(&workspace.root);
    cargo.args([
        "run",
        "--quiet",
        "--package",
        "jit-sim",
        "--no-default-features",
        "--bin",
        Program::Sim.name(),
    ]);
    command::run(cargo.arg("--").args(arguments))
}

/// What a run in a program says about Spin.
#[derive(Clone, Copy)]
pub(crate) enum Spin {
    /// The program was Spin, and the demo came to its end in it.
    Passed,
    /// Spin was not run: there was no program, or another one.
    Skipped,
}

impl Spin {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
        }
    }
}

/// Builds the components and runs the demo in a `spin`; without one it says that it did not.
pub(crate) fn spin(workspace: &Workspace, path: Option<&Path>) -> Result<()> {
    let Some(path) = path else {
        println!("test-spin: spin={}", Spin::Skipped.as_str());
        return Ok(());
    };
    components::build(workspace)?;
    in_program(workspace, path).map(drop)
}

/// Runs the demo on the components that are built, in a program that takes `up` as Spin does, and says which program it was.
pub(crate) fn in_program(workspace: &Workspace, path: &Path) -> Result<Spin> {
    let path = path.canonicalize().with_context(|| format!("no program at {}", path.display()))?;
    let arguments =
        ["--spin".to_owned(), path.to_str().context("the program's path is not UTF-8")?.to_owned()];
    start(workspace, Program::Demo, &arguments)?;
    let said = command::output(Command::new(&path).arg("--version"))?;
    let version = said.lines().next().unwrap_or_default().trim();
    let spin = if version.starts_with("spin ") { Spin::Passed } else { Spin::Skipped };
    println!("test-spin: spin={} program=\"{version}\"", spin.as_str());
    Ok(spin)
}

/// Builds the components and runs the demo on moto; without a Python that has it, says that it did not.
pub(crate) fn moto(workspace: &Workspace) -> Result<()> {
    match Python::set_up(workspace) {
        Ok(python) => {
            components::build(workspace)?;
            on_moto(workspace, &python)
        }
        Err(error) => {
            println!("demo: aws=skipped: moto is not to be had: {error:#}");
            Ok(())
        }
    }
}

/// Runs the demo on the components that are built, in our own host, with moto in AWS's place.
pub(crate) fn on_moto(workspace: &Workspace, python: &Python) -> Result<()> {
    let text = |path: PathBuf| path.into_os_string().into_string().ok().context("a path is not UTF-8");
    let (host, server) = (text(own_host(workspace)?)?, text(python.moto())?);
    start(workspace, Program::Demo, &["--spin".to_owned(), host, "--moto".to_owned(), server])
}

/// Builds our own host, which stands in where there is no Spin.
/// No `-p`, for the same reason as in [`start`].
pub(crate) fn own_host(workspace: &Workspace) -> Result<PathBuf> {
    command::run(command::cargo(&workspace.root).args(["build", "--quiet", "--bin", "jit-host"]))?;
    Ok(workspace.target.join("debug").join("jit-host"))
}
