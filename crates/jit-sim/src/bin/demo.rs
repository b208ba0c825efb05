//! The main job on embedded defaults: a matrix of 8 jobs, and four things that go wrong, through the built components, without any
//! account. Time is virtual, so a quarter of an hour takes seconds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use jit_control::configuration;
use jit_fakes::cloud::{Delay, Fault};
use jit_fakes::github::{Conclusion, DeliveryFate, DeliveryRule, JobSpec, Phase, WorkflowSpec};
use jit_fakes::instance::{Fate, InstanceSettings};
use jit_sim::books::Books;
use jit_sim::plane::{Plane, Shared};
use jit_sim::play::play;
use jit_sim::thief::steal_one;
use jit_sim::timeline::{Detail, Timeline};
use jit_sim::world::{PUBLIC_URL, World};

const LABELS: [&str; 3] = ["self-hosted", "linux", "x64"];
const JOBS: u32 = 8;
/// Longest demo, in virtual time: a machine that never boots is given up after nine minutes.
const LONGEST: Duration = Duration::from_secs(45 * 60);

/// Runs the demo.
#[derive(Debug, Parser)]
struct Arguments {
    /// The manifest.
    #[arg(long, default_value = "spin.toml")]
    manifest: PathBuf,
    /// The configuration that the manifest mounts.
    #[arg(long, default_value = "config/jit-runners.toml")]
    config: PathBuf,
    /// Everything drawn follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print every log line.
    #[arg(long)]
    verbose: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    runtime.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> Result<()> {
    let start: Timestamp = "2026-11-21T12:00:00Z".parse()?;
    let start_ms = u64::try_from(start.as_millisecond())?;
    let text = std::fs::read_to_string(&arguments.config).context("the configuration cannot be read")?;
    let policy = configuration::parse(&text).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let detail = if arguments.verbose { Detail::Everything } else { Detail::Changes };
    let timeline = Arc::new(Timeline::new(start_ms, detail));
    let instances = InstanceSettings {
        boot: Delay::LogNormal { p50: SignedDuration::from_secs(25), p99: SignedDuration::from_secs(70) },
        github_url: "http://github.test".into(),
        fates: BTreeMap::from([(3, Fate::NeverBoots)]),
        seed: arguments.seed,
        ..InstanceSettings::default()
    };
    println!(
        "demo: the components of {}, in a world without accounts; times are virtual",
        arguments.manifest.display()
    );
    let world = Shared::new(World::new(&policy, instances, arguments.seed, start)?);
    let plane = Plane::load(&arguments.manifest, &world, timeline.clone(), arguments.seed, start)?;
    set_the_scene(&world, &timeline, plane.now())?;
    let stage = tokio::spawn(play(plane.clone(), world.clone(), timeline.clone()));
    let thief = tokio::spawn(steal_one(plane.clone(), world.clone(), &LABELS, Duration::from_secs(60)));
    let ended = tokio::time::timeout(LONGEST, wait_for_the_end(&plane, &world)).await;
    stage.abort();
    thief.await?.context("the foreign runner")?;
    report(&plane, &world, &timeline).await?;
    if ended.is_err() {
        bail!("the demo did not come to its end within {} virtual minutes", LONGEST.as_secs() / 60);
    }
    Ok(())
}

/// A matrix of 8 and four things that go wrong.
fn set_the_scene(world: &Shared, timeline: &Timeline, now: Timestamp) -> Result<()> {
    let now_ms = u64::try_from(now.as_millisecond())?;
    let mut world = world.lock();
    let say = |what: &str| timeline.say(now_ms, "demo", what);
    say("the first launch will find no spot capacity");
    world.aws.faults.on_next("RunInstances", 1, Fault::refused(500, "InsufficientInstanceCapacity"));
    say("the third instance will never boot");
    say("a runner of somebody else will steal a job");
    say("GitHub will lose one `in_progress` delivery");
    world.github.add_delivery_rule(DeliveryRule {
        action: Some("in_progress".into()),
        job: None,
        times: 1,
        fate: DeliveryFate::Vanishes,
    });
    let job = JobSpec::new("test", &LABELS).matrix(JOBS, None).lasting(60, Conclusion::Success);
    let repository = world.repository;
    world
        .github
        .start_run(now, repository, WorkflowSpec::new("CI", vec![job]))
        .map_err(|e| anyhow::anyhow!("{e:?}"))?;
    say(&format!("a workflow run with a matrix of {JOBS} jobs begins; instances ask {PUBLIC_URL} for work"));
    Ok(())
}

async fn wait_for_the_end(plane: &Plane, world: &Shared) -> Result<()> {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let is_quiet = {
            let world = world.lock();
            completed(&world) == JOBS as usize
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

async fn report(plane: &Plane, world: &Shared, timeline: &Timeline) -> Result<()> {
    let books = Books::read(plane.store.snapshot("default")).await?;
    let (jobs, done, instances, runners, launches, points) = {
        let world = world.lock();
        let launches = world.aws.instances().count();
        (
            world.github.jobs().count(),
            completed(&world),
            world.instances_live(),
            world.github.runners_live(),
            launches,
            world.github.points_spent(),
        )
    };
    let faults = timeline.faults();
    for fault in &faults {
        println!("fault: {fault}");
    }
    println!(
        "demo: jobs={jobs} completed={done} instances_left={instances} runners_left={runners} records_open={} launches={launches} github_points={points}",
        books.open()
    );
    let is_right = done == jobs && instances == 0 && runners == 0 && books.open() == 0 && faults.is_empty();
    if !is_right {
        for job in &books.jobs {
            println!("left: job {} {} since {}", job.id, job.phase.as_str(), job.moved_at);
        }
        for instance in &books.instances {
            println!("left: instance {} {:?}", instance.key, instance.phase);
        }
        for class in &books.classes {
            println!("left: class {} with {} batches", class.identity.key(), class.batches.len());
        }
        bail!("the cloud is not empty again");
    }
    Ok(())
}
