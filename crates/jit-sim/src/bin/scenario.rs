//! Plays the cases of a scenario and says which goals they hold; the exit code says whether all did.
//! Not here: what a case is and how it is measured.

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, anyhow, ensure};
use clap::Parser;
use jit_sim::scenario::measure::Measured;
use jit_sim::scenario::play::play;
use jit_sim::scenario::{Case, Scenario, Server};
use jit_sim::setting::START_S;
use jit_sim::timeline::{Detail, Timeline};

/// Plays scenarios.
#[derive(Debug, Parser)]
struct Arguments {
    /// Play only the cases whose name contains this; the naive policy's own is always played, as others are measured by it.
    #[arg(long)]
    only: Option<String>,
    /// Play only the case with exactly this name, and print its timeline.
    #[arg(long, conflicts_with = "only")]
    case: Option<String>,
    /// Print every log line of the one case.
    #[arg(long, requires = "case")]
    verbose: bool,
}

/// The one scenario there is.
const SEQUENTIAL: &str = include_str!("../../worlds/sequential.toml");

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let scenario = Scenario::parse(SEQUENTIAL)?;
    let is_wanted = |case: &&Case| match (&arguments.case, &arguments.only) {
        (Some(name), _) => case.name == *name,
        (None, Some(part)) => case.name.contains(part.as_str()),
        (None, None) => true,
    };
    let wanted: Vec<&Case> = scenario.cases.iter().filter(is_wanted).collect();
    ensure!(!wanted.is_empty(), "no case has this name");
    println!("scenario: seed={} {}", scenario.seed, scenario.distributions);
    let detail = match (&arguments.case, arguments.verbose) {
        (None, _) => Detail::Silent,
        (Some(_), false) => Detail::Changes,
        (Some(_), true) => Detail::Everything,
    };
    let results = all(&scenario, &wanted, detail)?;
    let played = wanted.iter().zip(&results).find(|(case, _)| case.policy == Server::Naive);
    let naive = match (played, scenario.cases.iter().find(|case| case.policy == Server::Naive)) {
        (Some((_, measured)), _) => Some(measured.clone()),
        (None, Some(case)) => Some(play(&scenario, case, timeline(Detail::Silent))?),
        (None, None) => None,
    };
    let mut held = 0;
    for (case, measured) in wanted.iter().zip(&results) {
        held += usize::from(tell(case, measured, naive.as_ref()));
    }
    println!("scenario: cases={} held={held}", wanted.len());
    Ok(if held == wanted.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn timeline(detail: Detail) -> Timeline {
    Timeline::new(START_S.unsigned_abs() * 1000, detail)
}

/// Plays cases, as many at once as there are processors; none knows of another.
fn all(scenario: &Scenario, cases: &[&Case], detail: Detail) -> Result<Vec<Measured>> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Measured>>> = cases.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            while let Some((case, result)) =
                cases.iter().zip(&results).nth(next.fetch_add(1, Ordering::Relaxed))
            {
                let measured = play(scenario, case, timeline(detail))?;
                *result.lock().map_err(|_| anyhow!("a case panicked"))? = Some(measured);
            }
            Ok(())
        };
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a case panicked"))?)
    })?;
    let measured = results.into_iter().map(|result| result.into_inner().ok().flatten());
    measured.collect::<Option<_>>().ok_or_else(|| anyhow!("a case was not played"))
}

/// Tells a case and its result. Whether it holds its goals.
fn tell(case: &Case, measured: &Measured, naive: Option<&Measured>) -> bool {
    println!("case {}: {case}; {measured}", case.name);
    let server = case.policy;
    let name = if case.name == server.as_str() { String::new() } else { format!("{}: ", case.name) };
    println!("{name}{}", measured.line(server));
    let misses = measured.misses(case, naive);
    for miss in misses.iter().take(MISSES_SHOWN) {
        println!("  missed: {miss}");
    }
    misses.is_empty()
}

/// Of one case; its timeline shows all.
const MISSES_SHOWN: usize = 8;
