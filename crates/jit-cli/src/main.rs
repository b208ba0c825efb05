#![doc = include_str!("../README.md")]
//! This file reads the arguments and prints; what `check` finds is in `check.rs`, what `plan` writes in `plan.rs`.

mod check;
mod plan;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::check::Verdict;

/// The operator's command line of jit-runners.
#[derive(Parser)]
#[command(name = "jitr", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Reports everything that is wrong with the configuration; fails if anything is
    Check {
        /// The configuration file
        #[arg(long, value_name = "FILE", default_value = "config/jit-runners.toml")]
        config: PathBuf,
        /// Looks at the variables of all components too, as `SPIN_VARIABLE_<NAME>` in the environment
        #[arg(long)]
        env: bool,
    },
    /// Cuts a sequential matrix into batches that each fit into a run, and writes the workflow that runs them
    Plan(plan::Arguments),
    /// Prints the reference of all keys and variables, which is docs/configuration.md
    Reference,
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Check { config, env } => {
            let text = std::fs::read_to_string(&config);
            let mut verdict = Verdict::of_file(&config.display().to_string(), text);
            if env {
                verdict.look_at_variables(|name| std::env::var(name).ok());
            }
            print(&verdict.to_string());
            if verdict.is_valid() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Command::Plan(arguments) => match plan::run(&arguments) {
            Ok(report) => {
                print(&report.out);
                complain(&report.err);
                ExitCode::SUCCESS
            }
            Err(wrong) => {
                complain(&format!("{wrong}\n"));
                ExitCode::FAILURE
            }
        },
        Command::Reference => {
            print(&jit_control::configuration::reference());
            ExitCode::SUCCESS
        }
    }
}

/// Prints; a reader that closed the pipe has seen enough.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints what is not the result; there is nobody to tell that it could not be told.
fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
