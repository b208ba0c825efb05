//! Runs the programs of jit-sim on freshly built components.
//! Not here: what they show and measure; that is `crates/jit-sim`.

use std::path::Path;

use anyhow::{Context as _, Result};

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
        Program::Demo => {}
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

/// Runs the demo under a real `spin up`; without a `spin` it says that it did not.
pub(crate) fn spin(workspace: &Workspace, path: Option<&Path>) -> Result<()> {
    let Some(path) = path else {
        println!("test-spin: spin=skipped");
        return Ok(());
    };
    let path = path.canonicalize().with_context(|| format!("no spin at {}", path.display()))?;
    let path = path.to_str().context("the path of spin is not UTF-8")?.to_owned();
    run(workspace, Program::Demo, &["--spin".to_owned(), path])
}
