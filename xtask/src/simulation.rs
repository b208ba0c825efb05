//! Runs the programs of jit-sim on freshly built components.
//! Not here: what they show and measure; that is `crates/jit-sim`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::python::Python;
use crate::workspace::Workspace;
use crate::{command, components};

/// Our own host, which stands in where there is no Spin.
pub(crate) const OWN_HOST: &str = "jit-host";

/// A program of jit-sim.
#[derive(Clone, Copy)]
pub(crate) enum Program {
    /// A matrix of jobs from webhook to an empty cloud.
    Demo,
    /// Requests per second, times, sizes, calls and points.
    Bench,
    /// Worlds from their seeds.
    Sim,
    /// Long sequential workflows, as a file has them.
    Scenario,
}

impl Program {
    const fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Bench => "bench",
            Self::Sim => "sim",
            Self::Scenario => "scenario",
        }
    }
}

/// The programs of the workspace, as somebody built them.
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// Builds those of these names.
    pub(crate) fn build(workspace: &Workspace, names: &[&str]) -> Result<Self> {
        // No `-p`: which features dependencies get depends on what is built beside, so all builds name the same.
        let mut cargo = command::cargo(&workspace.root);
        cargo.args(["build", "--quiet", "--locked"]).args(names.iter().flat_map(|name| ["--bin", name]));
        command::run(&mut cargo)?;
        Ok(Self::in_target(workspace))
    }

    /// Those that lie there since the tests ran, which build every program that a test may start. Built again without what
    /// only tests ask of dependencies, they would take minutes more.
    pub(crate) fn of_tests(workspace: &Workspace) -> Self {
        Self::in_target(workspace)
    }

    fn in_target(workspace: &Workspace) -> Self {
        Self(workspace.target.join("debug"))
    }

    /// Where a program is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// Builds the components, then runs a program on them.
pub(crate) fn run(workspace: &Workspace, program: Program, arguments: &[String]) -> Result<()> {
    components::build(workspace)?;
    match program {
        Program::Demo | Program::Sim | Program::Scenario => {}
        Program::Bench => components::build_probe(workspace)?,
    }
    start(workspace, &Programs::build(workspace, &[program.name()])?, program, arguments)
}

/// Runs a program on the components that are built.
pub(crate) fn start(
    workspace: &Workspace,
    programs: &Programs,
    program: Program,
    arguments: &[String],
) -> Result<()> {
    let mut command = Command::new(programs.path(program.name()));
    command::run(command.current_dir(&workspace.root).args(arguments))
}

/// Plays worlds natively. Built by itself, so that nobody waits for wasmtime, which they do not need.
pub(crate) fn simulate(workspace: &Workspace, program: Program, arguments: &[String]) -> Result<()> {
    let mut cargo = command::cargo(&workspace.root);
    cargo.args(["run", "--quiet", "--package", "jit-sim", "--no-default-features", "--bin", program.name()]);
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
    in_program(workspace, &Programs::build(workspace, &[Program::Demo.name()])?, path).map(drop)
}

/// Runs the demo on the components that are built, in a program that takes `up` as Spin does, and says which program it was.
pub(crate) fn in_program(workspace: &Workspace, programs: &Programs, path: &Path) -> Result<Spin> {
    let path = path.canonicalize().with_context(|| format!("no program at {}", path.display()))?;
    let arguments =
        ["--spin".to_owned(), path.to_str().context("the program's path is not UTF-8")?.to_owned()];
    start(workspace, programs, Program::Demo, &arguments)?;
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
            on_moto(workspace, &Programs::build(workspace, &[Program::Demo.name(), OWN_HOST])?, &python)
        }
        Err(error) => {
            println!("demo: aws=skipped: moto is not to be had: {error:#}");
            Ok(())
        }
    }
}

/// Runs the demo on the components that are built, in our own host, with moto in AWS's place.
pub(crate) fn on_moto(workspace: &Workspace, programs: &Programs, python: &Python) -> Result<()> {
    let text = |path: PathBuf| path.into_os_string().into_string().ok().context("a path is not UTF-8");
    let (host, server) = (text(programs.path(OWN_HOST))?, text(python.moto())?);
    start(workspace, programs, Program::Demo, &["--spin".to_owned(), host, "--moto".to_owned(), server])
}
