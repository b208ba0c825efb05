//! Bursts of jobs in virtual time through the built components, until the last job is done and the cloud is empty again: how many
//! requests EC2 got, and who spent GitHub's points. GitHub's and EC2's limits are on, as published.
//!
//! Every run has a single job, which is the dearest shape for asking GitHub about: one request tells of one job.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use jiff::{SignedDuration, Timestamp};
use jit_control::configuration;
use jit_fakes::cloud::Delay;
use jit_fakes::github::{Conclusion, JobSpec, Phase, Usage, WorkflowSpec};
use jit_fakes::instance::InstanceSettings;

use super::application::Application;
use super::components::COMPONENTS;
use super::meter::{Cost, Meter};
use super::statistics::ratio;
use crate::books::Books;
use crate::plane::{Plane, Shared};
use crate::play::play;
use crate::timeline::{Detail, Timeline};
use crate::world::World;

const LABELS: [&str; 3] = ["self-hosted", "linux", "x64"];
/// When every world begins.
const START: &str = "2026-11-21T12:00:00Z";
/// How long a burst may take, in virtual time; 500 jobs need three minutes for their registrations alone.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// How often the end is looked for, in virtual time.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long each job takes.
const JOB_S: u64 = 60;

/// A workload.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// How many jobs in all, each the only one of its run.
    pub jobs: u32,
    /// How many begin at the same moment.
    pub wave: u32,
    /// From one wave to the next.
    pub pause: Duration,
}

/// What a burst took.
#[derive(Debug)]
pub struct Outcome {
    burst: Burst,
    run_instances: u64,
    launched: usize,
    longest_wait: SignedDuration,
    took: SignedDuration,
    usage: Usage,
    points: BTreeMap<String, u64>,
    costs: BTreeMap<String, Cost>,
}

/// Plays a burst to its end.
///
/// # Errors
/// A component is not built, a job was left undone, or something was left running.
pub async fn measure(application: &Application, burst: Burst, seed: u64, detail: Detail) -> Result<Outcome> {
    let start: Timestamp = START.parse()?;
    let policy = configuration::parse(&application.configuration).map_err(|faults| anyhow!("{faults:?}"))?;
    let instances = InstanceSettings {
        boot: Delay::LogNormal { p50: SignedDuration::from_secs(25), p99: SignedDuration::from_secs(70) },
        seed,
        ..InstanceSettings::default()
    };
    let world = Shared::new(World::new(&policy, instances, seed, start)?);
    let meter = Arc::new(Meter::new(u64::try_from(start.as_millisecond())?, detail));
    let plane = Plane::load(&application.whole(), &world, meter.clone(), seed, start)?;
    let silent = Arc::new(Timeline::new(0, Detail::Silent));
    let stage = tokio::spawn(play(plane.clone(), world.clone(), silent));
    let ended = tokio::time::timeout(LONGEST, async {
        queue(&plane, &world, burst).await?;
        wait_for_the_end(&plane, &world, burst.jobs).await
    });
    let ended = ended.await;
    stage.abort();
    match ended {
        Ok(ended) => ended?,
        Err(_) => bail!("{}", left(&plane, &world, burst, &meter).await?),
    }
    let faults = meter.faults();
    if !faults.is_empty() {
        bail!("components ended badly: {}", faults.join("; "));
    }
    Ok(outcome(&plane, &world.lock(), burst, start, meter.costs()))
}

/// Starts one run for each job, wave by wave.
async fn queue(plane: &Plane, world: &Shared, burst: Burst) -> Result<()> {
    for job in 0..burst.jobs {
        if job > 0 && job % burst.wave == 0 {
            tokio::time::sleep(burst.pause).await;
        }
        let spec = JobSpec::new("test", &LABELS).lasting(JOB_S, Conclusion::Success);
        let now = plane.now();
        let mut world = world.lock();
        let repository = world.repository;
        let started = world.github.start_run(now, repository, WorkflowSpec::new("CI", vec![spec]));
        started.map_err(|e| anyhow!("{e:?}")).context("a run does not start")?;
    }
    Ok(())
}

async fn wait_for_the_end(plane: &Plane, world: &Shared, jobs: u32) -> Result<()> {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let is_quiet = {
            let world = world.lock();
            completed(&world) == jobs as usize
                && world.instances_live() == 0
                && world.github.runners_live() == 0
        };
        if is_quiet && Books::read(plane.store.snapshot("default")).await?.open() == 0 {
            plane.host.idle().await;
            return Ok(());
        }
    }
}

fn completed(world: &World) -> usize {
    world.github.jobs().filter(|job| matches!(job.phase, Phase::Completed(Conclusion::Success))).count()
}

async fn left(plane: &Plane, world: &Shared, burst: Burst, meter: &Meter) -> Result<String> {
    let books = Books::read(plane.store.snapshot("default")).await?;
    let world = world.lock();
    Ok(format!(
        "after {} virtual minutes {} of {} jobs are done, {} instances and {} runners are left, and open records of {} jobs, {} instances, {} classes; {}",
        LONGEST.as_secs() / 60,
        completed(&world),
        burst.jobs,
        world.instances_live(),
        world.github.runners_live(),
        books.jobs.len(),
        books.instances.len(),
        books.classes.len(),
        meter.faults().join("; "),
    ))
}

fn outcome(
    plane: &Plane,
    world: &World,
    burst: Burst,
    start: Timestamp,
    costs: BTreeMap<String, Cost>,
) -> Outcome {
    let waits = world.github.jobs().filter_map(|job| Some(job.started_at?.duration_since(job.queued_at?)));
    Outcome {
        burst,
        run_instances: world.aws.requests_of("RunInstances"),
        launched: world.aws.instances().count(),
        longest_wait: waits.max().unwrap_or_default(),
        took: plane.now().duration_since(start),
        usage: world.github.usage().clone(),
        points: world.github_points().clone(),
        costs,
    }
}

impl Outcome {
    /// Requests of RunInstances that EC2 received, refused ones among them.
    pub fn run_instances(&self) -> u64 {
        self.run_instances
    }

    /// Requests that GitHub refused for a limit.
    pub fn refused(&self) -> u64 {
        self.usage.refused
    }

    /// Points for registering runners, for each job.
    pub fn points_per_job_jit(&self) -> f64 {
        self.points_per_job(&["registrar"])
    }

    /// Points for finding out what is true and for cleaning up, for each job.
    pub fn points_per_job_truth(&self) -> f64 {
        self.points_per_job(&["lifecycle", "rebalancer", "scaledown"])
    }

    fn points_per_job(&self, components: &[&str]) -> f64 {
        let points: u64 = components.iter().filter_map(|component| self.points.get(*component)).sum();
        ratio(points as f64, f64::from(self.burst.jobs))
    }

    /// Prints what the burst took, whole and by component.
    pub fn print(&self) {
        let Usage { points, points_per_minute_peak, refused, sent_while_refused, requests, .. } = &self.usage;
        let jobs = self.burst.jobs;
        println!(
            "bench: jobs={jobs} run_instances_calls={} instances={} longest_wait_s={} took_s={} github_points={points} points_per_minute_peak={points_per_minute_peak} refused={refused} sent_while_refused={sent_while_refused}",
            self.run_instances,
            self.launched,
            self.longest_wait.as_secs(),
            self.took.as_secs(),
        );
        let requests: Vec<String> =
            requests.iter().map(|(operation, count)| format!("{operation:?}={count}")).collect();
        println!("bench: jobs={jobs} github_requests {}", requests.join(" "));
        for component in COMPONENTS {
            let cost = self.costs.get(component).cloned().unwrap_or_default();
            println!(
                "bench: jobs={jobs} component={component} invocations={} failed={} memory_bytes_peak={} github_points={}",
                cost.invocations,
                cost.failed,
                cost.memory_bytes_peak,
                self.points.get(component).copied().unwrap_or_default(),
            );
        }
    }
}
