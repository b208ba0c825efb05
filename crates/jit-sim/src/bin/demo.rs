//! The main job on embedded defaults: a matrix of 8 jobs, and things that go wrong, through the built components, without any
//! account. In this process time is virtual, so a quarter of an hour takes seconds. With `--spin` the components run in a program,
//! behind a socket and in real time; with `--moto` besides, AWS is moto and each component acts under its shipped policy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use jit_control::configuration;
use jit_domain::policy::Policy;
use jit_fakes::cloud::{Delay, Fault};
use jit_fakes::github::{Conclusion, DeliveryFate, DeliveryRule, JobSpec, Phase, WorkflowSpec};
use jit_fakes::instance::{Fate, InstanceSettings};
use jit_sim::control_plane::ControlPlane;
use jit_sim::moto::Moto;
use jit_sim::plane::{Plane, Shared};
use jit_sim::play::play;
use jit_sim::program::{Program, Setting};
use jit_sim::thief::steal_one;
use jit_sim::timeline::{Detail, Timeline};
use jit_sim::world::World;
use tokio::signal::unix::{SignalKind, signal};

const LABELS: [&str; 3] = ["self-hosted", "linux", "x64"];
const JOBS: u32 = 8;
/// Which instance never boots, counted as they are launched.
const NEVER_BOOTS: u64 = 3;
/// The foreign runner has finished its job by the end, and leaves at once.
const THIEF_LEAVES: Duration = Duration::from_secs(60);
/// The manifest with the schedules, by which the demo itself wakes the functions of a program.
const SCHEDULES: &str = "spin.toml";
/// scaledown's schedule may leave the short play out, so it is woken this often with a pause before; the first time it is throttled.
const SWEEPS: usize = 3;
const SWEEP_PAUSE: Duration = Duration::from_secs(15);

/// Runs the demo.
#[derive(Debug, Parser)]
struct Arguments {
    /// Runs the components in this program instead, which takes `up` as Spin does, and in real time.
    #[arg(long, value_name = "PROGRAM")]
    spin: Option<PathBuf>,
    /// Runs on AWS as this moto_server plays it, instead of the model of ours.
    #[arg(long, value_name = "PROGRAM", requires = "spin")]
    moto: Option<PathBuf>,
    /// The manifest: spin.toml, or spin-http.toml with --spin.
    #[arg(long)]
    manifest: Option<PathBuf>,
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

/// What is played, and how long it may take.
struct Play {
    /// From power-on to the boot script.
    boot: Delay,
    /// Whether an instance never boots: it is given up after nine minutes.
    never_boots: bool,
    job_s: u64,
    stolen_job_s: u64,
    /// Longest play.
    longest: Duration,
    /// How often is looked whether it has ended.
    look: Duration,
}

impl Play {
    /// With all that can go wrong, for virtual time.
    fn whole() -> Self {
        Self {
            boot: Delay::LogNormal { p50: SignedDuration::from_secs(25), p99: SignedDuration::from_secs(70) },
            never_boots: true,
            job_s: 60,
            stolen_job_s: 60,
            longest: Duration::from_mins(45),
            look: Duration::from_secs(5),
        }
    }

    /// With what ends soon, for real time. The stolen job is over before an instance can ask for it.
    fn short() -> Self {
        Self {
            boot: Delay::Uniform { low: SignedDuration::from_secs(2), high: SignedDuration::from_secs(4) },
            never_boots: false,
            job_s: 5,
            stolen_job_s: 2,
            longest: Duration::from_secs(290),
            look: Duration::from_secs(1),
        }
    }

    /// As the short one. moto launches one instance for each request, whatever is asked for, so there are several batches.
    fn on_moto() -> Self {
        Self { longest: Duration::from_secs(420), ..Self::short() }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    match &arguments.spin {
        None => builder.enable_all().start_paused(true).build()?.block_on(in_this_process(&arguments)),
        Some(program) => builder.enable_all().build()?.block_on(in_a_program(&arguments, program)),
    }
}

async fn in_this_process(arguments: &Arguments) -> Result<()> {
    let start: Timestamp = "2026-11-21T12:00:00Z".parse()?;
    let manifest = arguments.manifest.as_deref().unwrap_or(Path::new("spin.toml"));
    println!(
        "demo: the components of {}, in a world without accounts; times are virtual",
        manifest.display()
    );
    let play = Play::whole();
    let (world, timeline) = stage(arguments, &play, start)?;
    let plane = Plane::load(manifest, &world, timeline.clone(), arguments.seed, start)?;
    perform(plane, world, timeline, &play, None).await
}

async fn in_a_program(arguments: &Arguments, program: &Path) -> Result<()> {
    let manifest = arguments.manifest.as_deref().unwrap_or(Path::new("spin-http.toml"));
    let version = Program::version(program).await?;
    println!("demo: program={} version=\"{version}\"", program.display());
    println!("demo: it runs the components of {} behind a socket; times are real", manifest.display());
    println!("demo: not played here: an instance that never boots, which is given up after nine minutes");
    let play = if arguments.moto.is_some() { Play::on_moto() } else { Play::short() };
    let (world, timeline) = stage(arguments, &play, Timestamp::now())?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let performed = async {
        let moto = match &arguments.moto {
            Some(server) => Some(move_to_moto(server, arguments, &world, timeline.clone()).await?),
            None => None,
        };
        let config = moto.as_ref().map_or_else(|| arguments.config.clone(), Moto::configuration);
        let aws = moto.as_ref().map(Moto::elsewhere);
        let schedules = Path::new(SCHEDULES);
        let setting = Setting { program, manifest, config: &config, schedules, aws, public_url: None };
        let plane = Program::start(setting, &world, timeline.clone()).await?;
        let Some(moto) = &moto else { return perform(plane, world, timeline, &play, None).await };
        let sweeper = plane.clone();
        tokio::spawn(async move {
            for _ in 0..SWEEPS {
                tokio::time::sleep(SWEEP_PAUSE).await;
                sweeper.wake("scaledown").await;
            }
        });
        tokio::select! {
            done = perform(plane, world.clone(), timeline, &play, Some(moto)) => done?,
            never = moto.watch(&world) => match never {},
        }
        moto.conclude().await
    };
    // The program is in a process group of its own: what ends us at the terminal does not reach it, but dropping it does.
    tokio::select! {
        done = performed => done,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

/// Gives the world an account in moto instead of its model.
async fn move_to_moto(
    server: &Path,
    arguments: &Arguments,
    world: &Shared,
    timeline: Arc<Timeline>,
) -> Result<Moto> {
    println!("demo: aws is {}, behind a proxy of ours that makes trouble", server.display());
    let moto = Moto::start(server, &arguments.config, timeline).await?;
    world.lock().elsewhere = Some(Moto::mirror());
    Ok(moto)
}

/// A world that fits the configuration, and what tells of it.
fn stage(arguments: &Arguments, play: &Play, start: Timestamp) -> Result<(Shared, Arc<Timeline>)> {
    let start_ms = u64::try_from(start.as_millisecond())?;
    let text = std::fs::read_to_string(&arguments.config).context("the configuration cannot be read")?;
    let policy: Policy = configuration::parse(&text).map_err(|faults| anyhow!("{faults:?}"))?;
    let detail = if arguments.verbose { Detail::Everything } else { Detail::Changes };
    let fates =
        if play.never_boots { BTreeMap::from([(NEVER_BOOTS, Fate::NeverBoots)]) } else { BTreeMap::new() };
    let instances = InstanceSettings {
        boot: play.boot,
        github_url: "http://github.test".into(),
        fates,
        seed: arguments.seed,
        ..InstanceSettings::default()
    };
    let world = Shared::new(World::new(&policy, instances, arguments.seed, start)?);
    Ok((world, Arc::new(Timeline::new(start_ms, detail))))
}

/// Plays until the cloud is empty again, and reports.
async fn perform<P: ControlPlane>(
    plane: P,
    world: Shared,
    timeline: Arc<Timeline>,
    script: &Play,
    moto: Option<&Moto>,
) -> Result<()> {
    set_the_scene(&world, &timeline, plane.now(), script, moto)?;
    let stage = tokio::spawn(play(plane.clone(), world.clone(), timeline.clone()));
    let stolen = Duration::from_secs(script.stolen_job_s);
    let thief = tokio::spawn(steal_one(plane.clone(), world.clone(), &LABELS, stolen));
    let ended = tokio::time::timeout(script.longest, wait_for_the_end(&plane, &world, script.look)).await;
    let ended =
        ended.unwrap_or_else(|_| Err(anyhow!("not at its end within {} s", script.longest.as_secs())));
    stage.abort();
    let thief = tokio::time::timeout(THIEF_LEAVES, thief).await;
    let thief = thief.map_or_else(|_| Err(anyhow!("it never left")), |left| left?);
    let reported = report(&plane, &world, &timeline, (script, moto)).await;
    let right = ended.and(thief.context("the foreign runner")).and(reported);
    if right.is_err() {
        plane.last_words().iter().for_each(|line| println!("said: {line}"));
        moto.iter().flat_map(|moto| moto.last_words()).for_each(|line| println!("moto said: {line}"));
    }
    right
}

/// A matrix of 8 and what goes wrong.
fn set_the_scene(
    world: &Shared,
    timeline: &Timeline,
    now: Timestamp,
    script: &Play,
    moto: Option<&Moto>,
) -> Result<()> {
    let now_ms = u64::try_from(now.as_millisecond())?;
    let mut world = world.lock();
    let say = |what: &str| timeline.say(now_ms, "demo", what);
    match moto {
        Some(moto) => moto.announce(say),
        None => {
            say("the first launch will find no spot capacity");
            world.aws.faults.on_next("RunInstances", 1, Fault::refused(500, "InsufficientInstanceCapacity"));
        }
    }
    if script.never_boots {
        say("the third instance will never boot");
    }
    say("a runner of somebody else will steal a job");
    say("GitHub will lose one `in_progress` delivery");
    world.github.add_delivery_rule(DeliveryRule {
        action: Some("in_progress".into()),
        job: None,
        times: 1,
        fate: DeliveryFate::Vanishes,
    });
    let job = JobSpec::new("test", &LABELS).matrix(JOBS, None).lasting(script.job_s, Conclusion::Success);
    let repository = world.repository;
    world
        .github
        .start_run(now, repository, WorkflowSpec::new("CI", vec![job]))
        .map_err(|e| anyhow!("{e:?}"))?;
    say(&format!("a workflow run with a matrix of {JOBS} jobs begins"));
    Ok(())
}

async fn wait_for_the_end<P: ControlPlane>(plane: &P, world: &Shared, look: Duration) -> Result<()> {
    loop {
        tokio::time::sleep(look).await;
        let is_quiet = {
            let world = world.lock();
            completed(&world) == JOBS as usize
                && world.instances_live() == 0
                && world.github.runners_live() == 0
        };
        if is_quiet && plane.books().await?.open() == 0 {
            return Ok(());
        }
    }
}

fn completed(world: &World) -> usize {
    world.github.jobs().filter(|job| matches!(job.phase, Phase::Completed(Conclusion::Success))).count()
}

/// Troubles that were announced and did not happen: a demo that shows less than it says has not succeeded.
fn unplayed(world: &World, script: &Play) -> Vec<String> {
    let mut left = Vec::new();
    if !world.aws.faults.is_over() {
        left.push("no launch met the lack of spot capacity".to_owned());
    }
    if world.github.delivery_rules_left() > 0 {
        left.push("no `in_progress` delivery was lost".to_owned());
    }
    let is_launched = u64::try_from(world.launches()).is_ok_and(|launches| launches >= NEVER_BOOTS);
    if script.never_boots && !is_launched {
        left.push("there was no third instance, which would not have booted".to_owned());
    }
    left
}

async fn report<P: ControlPlane>(
    plane: &P,
    world: &Shared,
    timeline: &Timeline,
    (script, moto): (&Play, Option<&Moto>),
) -> Result<()> {
    let ended = plane.end().await;
    let books = plane.books().await?;
    // What is left is moto's to say where there is one.
    let (instances, launches) = match moto {
        Some(moto) => moto.count().await?,
        None => {
            let world = world.lock();
            (world.instances_live(), world.launches())
        }
    };
    let (jobs, done, runners, points, mut faults) = {
        let world = world.lock();
        let (jobs, points) = (world.github.jobs().count(), world.github.points_spent());
        (jobs, completed(&world), world.github.runners_live(), points, unplayed(&world, script))
    };
    faults.extend(timeline.faults());
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
    ended
}
