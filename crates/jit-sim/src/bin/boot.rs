//! The instance's script as it is shipped, in a real shell, against the built components: every case must end with the power off.
//! It changes the network it runs in, so it is started by `cargo xtask boot` in a network namespace of its own.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Parser;
use jit_sim::boot::{self, Plan};
use tokio::signal::unix::{SignalKind, signal};

/// Runs the cases.
#[derive(Debug, Parser)]
struct Arguments {
    /// What serves the components: jit-host, or what takes `up` as Spin does.
    #[arg(long, value_name = "PROGRAM", required_unless_present = "missing")]
    program: Option<PathBuf>,
    /// Runs only the cases whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Says why the cases cannot be run here, or nothing if they can.
    #[arg(long)]
    missing: bool,
    /// Prints the control plane's log and each console.
    #[arg(long)]
    verbose: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let Some(program) = arguments.program.filter(|_| !arguments.missing) else {
        print!("{}", boot::missing().unwrap_or_default());
        return Ok(());
    };
    let plan = Plan { program: &program, only: &arguments.only, is_verbose: arguments.verbose };
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // What runs in namespaces and groups of its own is ended when it is dropped.
        tokio::select! {
            done = boot::run(plan) => done,
            _ = interrupt.recv() => bail!("interrupted"),
            _ = terminate.recv() => bail!("terminated"),
        }
    })
}
