//! Simulates worlds by their seeds; a single seed is shown with its timeline.
//! Not here: how a world is made and what must hold in it.

use std::process::Command;

use anyhow::{Result, bail};
use clap::Parser;
use jiff::SignedDuration;
use jit_sim::setting::{START_S, Setting};
use jit_sim::simulation::{Outcome, run};
use jit_sim::timeline::{Detail, Timeline};

/// Simulates worlds.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed of many.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// One seed, with its timeline.
    #[arg(long)]
    seed: Option<u64>,
    /// Print every log line of the one seed.
    #[arg(long)]
    verbose: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(seed) = arguments.seed {
        return replay(seed, arguments.verbose);
    }
    let mut total = Total::default();
    let mut failed = Vec::new();
    for seed in arguments.first..arguments.first + arguments.seeds {
        let setting = Setting::of(seed, Timeline::new(start_ms(), Detail::Silent))?;
        let troubles = setting.troubles.clone();
        let (outcome, _) = run(setting)?;
        if !outcome.violations.is_empty() {
            println!("sim: seed {seed} of commit {} {troubles:?}", commit());
            for violation in outcome.violations.iter().take(3) {
                println!("sim:   {violation}");
            }
            println!("sim:   replay it with `make sim SEED={seed}`");
            failed.push(seed);
        } else if seed % 20 == 0 {
            println!("sim: seed {seed} holds, {} jobs, {:#} virtual", outcome.jobs, outcome.played);
        }
        total.add(outcome);
    }
    println!("{}", total.line(arguments.seeds));
    if !failed.is_empty() {
        bail!("{} seeds have violations: {failed:?}", failed.len());
    }
    Ok(())
}

fn start_ms() -> u64 {
    START_S.unsigned_abs() * 1000
}

/// One world with its timeline.
fn replay(seed: u64, is_verbose: bool) -> Result<()> {
    let detail = if is_verbose { Detail::Everything } else { Detail::Changes };
    let setting = Setting::of(seed, Timeline::new(start_ms(), detail))?;
    println!("sim: seed {seed} of commit {}, troubles {:?}", commit(), setting.troubles);
    let (outcome, plane) = run(setting)?;
    for violation in &outcome.violations {
        println!("violation: {violation}");
    }
    println!("sim: {} invocations, fingerprint {:016x}", plane.effects().len(), outcome.fingerprint);
    let violations = outcome.violations.len();
    let mut total = Total::default();
    total.add(outcome);
    println!("{}", total.line(1));
    if violations > 0 {
        bail!("{violations} violations");
    }
    Ok(())
}

#[derive(Default)]
struct Total {
    violations: usize,
    jobs: u64,
    played: SignedDuration,
    launches: u64,
    points: u64,
    idle: SignedDuration,
    waits: Vec<SignedDuration>,
}

impl Total {
    fn add(&mut self, outcome: Outcome) {
        self.violations += outcome.violations.len();
        self.jobs += outcome.jobs;
        self.played += outcome.played;
        self.launches += outcome.launches;
        self.points += outcome.points;
        self.idle += outcome.idle;
        self.waits.extend(outcome.waits);
    }

    fn line(&mut self, seeds: u64) -> String {
        self.waits.sort_unstable();
        let jobs = self.jobs.max(1) as f64;
        let quantile = |waits: &[SignedDuration], percent: usize| {
            let place = waits.len().saturating_sub(1) * percent / 100;
            waits.get(place).map_or(0.0, SignedDuration::as_secs_f64)
        };
        format!(
            "sim: seeds={seeds} violations={} jobs={} virtual_hours={:.1} launches_per_job={:.3} points_per_job={:.2} idle_minutes_per_job={:.2} p50_start_s={:.1} p99_start_s={:.1}",
            self.violations,
            self.jobs,
            self.played.as_secs_f64() / 3600.0,
            self.launches as f64 / jobs,
            self.points as f64 / jobs,
            self.idle.as_secs_f64() / 60.0 / jobs,
            quantile(&self.waits, 50),
            quantile(&self.waits, 99),
        )
    }
}

/// The commit that was built, as far as git knows.
fn commit() -> String {
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
}
