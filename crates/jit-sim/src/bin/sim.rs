//! Simulates worlds by their seeds; a single seed is shown with its timeline.
//! Not here: how a world is made and what must hold in it.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Result, anyhow, bail};
use clap::Parser;
use jiff::SignedDuration;
use jit_sim::setting::{START_S, Setting, Store, Trouble};
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
    /// End soon after the first seed with a violation.
    #[arg(long)]
    stop: bool,
    /// Print every log line of the one seed.
    #[arg(long)]
    verbose: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => replay(seed, arguments.verbose),
        None => many(&arguments),
    }
}

/// Many worlds, as many at once as there are processors; each has one thread, and none knows of another.
fn many(arguments: &Arguments) -> Result<()> {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Total::default());
    let commit = commit();
    let failed = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let done = next.fetch_add(1, Ordering::Relaxed);
                let has_failed = !lock(&failed).is_empty();
                if done >= arguments.seeds || arguments.stop && has_failed {
                    return Ok(());
                }
                let seed = arguments.first + done;
                let setting = Setting::of(seed, Timeline::new(start_ms(), Detail::Silent))?;
                let (store, troubles) = (setting.store, setting.troubles.clone());
                let (outcome, _) = run(setting)?;
                if !outcome.violations.is_empty() {
                    lock(&failed).insert(seed);
                }
                tell(seed, &commit, (store, &troubles), &outcome);
                lock(&total).add(outcome);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a world panicked"))?)
    })?;
    let failed = lock(&failed);
    println!("{}", lock(&total).line());
    if !failed.is_empty() {
        bail!("{} seeds have violations: {failed:?}", failed.len());
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Violations at once, and a sign of life now and then.
fn tell(seed: u64, commit: &str, (store, troubles): (Store, &[Trouble]), outcome: &Outcome) {
    if outcome.violations.is_empty() {
        if seed.is_multiple_of(20) {
            println!("sim: seed {seed} holds, {} jobs, {:#} virtual", outcome.jobs, outcome.played);
        }
        return;
    }
    let shown = outcome.violations.iter().take(VIOLATIONS_SHOWN);
    let lines: String = shown.map(|violation| format!("sim:   {violation}\n")).collect();
    println!(
        "sim: seed {seed} of commit {commit}, store {store:?}, troubles {troubles:?}\n{lines}sim:   replay it with `make sim SEED={seed}`"
    );
}

/// Of one world; its replay shows all.
const VIOLATIONS_SHOWN: usize = 3;

fn start_ms() -> u64 {
    START_S.unsigned_abs() * 1000
}

/// One world with its timeline.
fn replay(seed: u64, is_verbose: bool) -> Result<()> {
    let detail = if is_verbose { Detail::Everything } else { Detail::Changes };
    let setting = Setting::of(seed, Timeline::new(start_ms(), detail))?;
    println!(
        "sim: seed {seed} of commit {}, store {:?}, troubles {:?}",
        commit(),
        setting.store,
        setting.troubles
    );
    let (outcome, plane) = run(setting)?;
    for violation in &outcome.violations {
        println!("violation: {violation}");
    }
    println!("sim: {} invocations, fingerprint {:016x}", plane.effects().len(), outcome.fingerprint);
    let violations = outcome.violations.len();
    let mut total = Total::default();
    total.add(outcome);
    println!("{}", total.line());
    if violations > 0 {
        bail!("{violations} violations");
    }
    Ok(())
}

#[derive(Default)]
struct Total {
    seeds: u64,
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
        self.seeds += 1;
        self.violations += outcome.violations.len();
        self.jobs += outcome.jobs;
        self.played += outcome.played;
        self.launches += outcome.launches;
        self.points += outcome.points;
        self.idle += outcome.idle;
        self.waits.extend(outcome.waits);
    }

    fn line(&mut self) -> String {
        self.waits.sort_unstable();
        let jobs = self.jobs.max(1) as f64;
        let quantile = |waits: &[SignedDuration], percent: usize| {
            let place = waits.len().saturating_sub(1) * percent / 100;
            waits.get(place).map_or(0.0, SignedDuration::as_secs_f64)
        };
        format!(
            "sim: seeds={} violations={} jobs={} virtual_hours={:.1} launches_per_job={:.3} points_per_job={:.2} idle_minutes_per_job={:.2} p50_start_s={:.1} p99_start_s={:.1}",
            self.seeds,
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
