//! `make bench`: what the built components cost, as ratios and counts that mean the same on every machine.
//! The numbers of `at_a_time` and the table are of this machine; those of the bursts and of the writes follow from the seed alone,
//! and the chains from the code. Chains and writes are those of the functions compiled into this program.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use jit_sim::bench::application::Application;
use jit_sim::bench::burst::{self, Burst, Outcome};
use jit_sim::bench::{chain, components, webhook, writes};
use jit_sim::timeline::Detail;

/// Single-job runs that all begin at once: the widest matrix has as many jobs.
const ALL_AT_ONCE: Burst = Burst { jobs: 256, wave: 256, pause: Duration::ZERO };
/// A busy quarter of an hour.
const IN_WAVES: Burst = Burst { jobs: 500, wave: 50, pause: Duration::from_secs(60) };

/// Measures the built components.
#[derive(Debug, Parser)]
struct Arguments {
    /// The manifest.
    #[arg(long, default_value = "spin.toml")]
    manifest: PathBuf,
    /// The configuration that the bench derives its own from.
    #[arg(long, default_value = "config/jit-runners.toml")]
    config: PathBuf,
    /// Everything drawn in the bursts follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests to webhook, and as many to the component that answers at once.
    #[arg(long, default_value_t = 2_000)]
    requests: usize,
    /// Print what changes in the bursts.
    #[arg(long)]
    verbose: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let application = Application::derive(&arguments.manifest, &arguments.config)?;
    println!("bench: a new instance for each request, in process, in real time");
    let real = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    real.block_on(webhook::measure(&application, arguments.requests))?;
    println!("bench: each component by itself, with nothing to do");
    real.block_on(components::measure(&application))?;
    drop(real);
    println!("bench: calls one after the other until the launch, records and messages in AWS");
    chain::measure(&application.configuration)?.print();
    println!("bench: writes of a class in DynamoDB, for single-job runs that all begin at once");
    writes::measure(&application.configuration, ALL_AT_ONCE.jobs, arguments.seed)?.print();
    println!("bench: bursts of single-job runs, in virtual time, under GitHub's and EC2's limits");
    let at_once = play(&application, ALL_AT_ONCE, &arguments)?;
    let in_waves = play(&application, IN_WAVES, &arguments)?;
    println!(
        "bench: run_instances_calls_256={} github_points_per_job_jit={:.2} github_points_per_job_truth={:.2}",
        at_once.run_instances(),
        in_waves.points_per_job_jit(),
        in_waves.points_per_job_truth(),
    );
    Ok(())
}

fn play(application: &Application, burst: Burst, arguments: &Arguments) -> Result<Outcome> {
    let detail = if arguments.verbose { Detail::Changes } else { Detail::Silent };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    let outcome = runtime.block_on(burst::measure(application, burst, arguments.seed, detail))?;
    outcome.print();
    Ok(outcome)
}
