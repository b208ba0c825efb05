#![doc = include_str!("../README.md")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod boot;
mod checks;
mod command;
mod components;
mod emulator;
mod getting_started;
mod manifest;
mod npm;
mod python;
mod reference;
mod shell;
mod simulation;
mod steps;
mod tidy;
mod workflows;
mod workspace;

use workspace::Workspace;

/// The project's automation. The Makefile calls it; it calls everything else.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds the six components for wasm32-wasip2 and prints their sizes.
    Components,
    /// Holds the architecture: all faults at once, each with file and remedy.
    Tidy {
        /// Looks at the built components too: imports, exports, allowed hosts, sizes.
        #[arg(long)]
        built: bool,
        /// Writes what the built components are to xtask/components.toml, to be committed.
        #[arg(long, conflicts_with = "built")]
        bless: bool,
    },
    /// Writes the allowed hosts of the configured regions into spin.toml and spin-http.toml.
    Manifest(manifest::Options),
    /// Runs everything that CI runs, in its order.
    Test,
    /// Formatting, clippy, tidy and the reference: what can be said without running any function.
    Lint,
    /// Runs the demo on the built components.
    Demo {
        /// What the demo itself takes.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Runs the demo with moto in AWS's place, each component under its shipped policy.
    Moto,
    /// Runs the instance's script in a real shell on the built components; needs root.
    Boot {
        /// What the cases themselves take: `--only <part of a name>`, `--verbose`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measures the built components.
    Bench {
        /// What the benchmark itself takes.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Plays worlds from their seeds, natively, and says what did not hold.
    Sim {
        /// What the simulator itself takes: `--seeds 200`, or `--seed 7` for one world with its timeline.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Plays long sequential workflows, natively, and says which goals were missed.
    Scenario {
        /// What the scenario itself takes: `--only <part of a name>`, or `--case <name>` for one case with its timeline.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Runs the demo in a program, over sockets and in real time.
    Spin {
        /// The `spin` to run, or what takes `up` as it does; without it nothing is run, and the result says so.
        path: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match command {
        Command::Components => components::build(&workspace),
        Command::Tidy { built: false, bless: false } => {
            tidy::sources(&workspace)?;
            checks::reference(&workspace)
        }
        Command::Tidy { built: true, .. } => tidy::built(&workspace),
        Command::Tidy { bless: true, .. } => tidy::bless(&workspace),
        Command::Manifest(options) => manifest::run(&workspace, &options),
        Command::Test => checks::test(&workspace),
        Command::Lint => checks::lint(&workspace),
        Command::Demo { arguments } => simulation::run(&workspace, simulation::Program::Demo, &arguments),
        Command::Moto => simulation::moto(&workspace),
        Command::Boot { arguments } => boot::run(&workspace, &arguments),
        Command::Bench { arguments } => simulation::run(&workspace, simulation::Program::Bench, &arguments),
        Command::Sim { arguments } => simulation::simulate(&workspace, simulation::Program::Sim, &arguments),
        Command::Scenario { arguments } => {
            simulation::simulate(&workspace, simulation::Program::Scenario, &arguments)
        }
        Command::Spin { path } => simulation::spin(&workspace, path.as_deref()),
    }
}
