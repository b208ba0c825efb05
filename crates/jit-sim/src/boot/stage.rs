//! Where the cases are played: one world, the built components in a program, the front and the metadata service.
//! Not here: which cases there are.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use jiff::{SignedDuration, Timestamp};
use jit_control::configuration;
use jit_fakes::cloud::{Change, Delay, Fault};
use jit_fakes::github::{Conclusion, JobSpec, Phase, RunId, WorkflowSpec};
use jit_fakes::instance::{Fate, InstanceSettings};
use jit_fakes::server::{Clock, Server};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::case::{CASES, Case, Cloud, Event, Image, JobEnd};
use super::front::{Front, GCE_INSTANCE, Line, Seen};
use super::machine::{AGENT, Disk, Given, Machine};
use super::metadata::{Facts, Metadata};
use crate::control_plane::ControlPlane as _;
use crate::plane::Shared;
use crate::play::play;
use crate::program::{Program, Setting};
use crate::timeline::{Detail, Timeline};
use crate::world::World;

/// The agent's version in the configuration and in the images.
pub(super) const AGENT_VERSION: &str = "2.336.0";
/// Both clouds have it there.
const METADATA: &str = "169.254.169.254:80";
/// The agent's address in the configuration, which wants one with https; machines are told the front's.
const ARCHIVE: &str = "https://agents.example.com/agent.tar.gz";
/// How long the control plane may take to launch.
const LAUNCH_MAX: Duration = Duration::from_secs(60);
/// How long it may take to find that nothing is left: a replacement launched for a machine that booted too slowly here has nobody
/// who boots it. It ends after `unclaimed_max` (120 s here), 60 s in which it may power itself off, and the ticks that find both.
const EMPTY_MAX: Duration = Duration::from_secs(240);
/// How often it is looked meanwhile, and how often a function is woken for it.
const LOOK: Duration = Duration::from_millis(50);
const WAKE: Duration = Duration::from_secs(1);
const MANIFEST: &str = "spin-http.toml";
const SCHEDULES: &str = "spin.toml";

/// What became of a case.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// How long after power-on; none: not within its bound.
    pub(super) powered_off: Option<Duration>,
    pub(super) console: String,
    pub(super) seen: Vec<Seen>,
    /// What is not as it should be.
    pub(super) faults: Vec<String>,
}

/// What is left at the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) instances: usize,
    pub(super) runners: usize,
    pub(super) records: usize,
}

/// The stage.
pub(super) struct Stage {
    world: Shared,
    program: Program,
    front: Front,
    metadata: Server<Metadata>,
    /// How much of the cloud's history was looked at.
    seen: usize,
    /// The instance before.
    sibling: String,
    _folder: TempDir,
}

impl Stage {
    /// Sets it in this network namespace, which must be one of its own.
    ///
    /// # Errors
    /// A part is missing, or the namespace is not ours to change.
    pub(super) async fn set(program: &Path, is_verbose: bool) -> Result<Self> {
        network()?;
        let folder = tempfile::tempdir().context("there is no room")?;
        let (archive, digest) = archive(folder.path(), AGENT)?;
        let (other, _) = archive_of_another(folder.path())?;
        let config = folder.path().join("jit-runners.toml");
        let text = configured(&digest);
        std::fs::write(&config, &text)?;
        let world = world(&text)?;
        let detail = if is_verbose { Detail::Everything } else { Detail::Silent };
        let started_ms = u64::try_from(Timestamp::now().as_millisecond())?;
        let timeline = Arc::new(Timeline::new(started_ms, detail));

        let (front, listener) = Front::open(world.clone()).await?;
        front.offer("/agent.tar.gz", archive);
        front.offer("/other.tar.gz", other);
        let setting = Setting {
            program,
            manifest: Path::new(MANIFEST),
            config: &config,
            schedules: Path::new(SCHEDULES),
            aws: None,
            public_url: Some(front.url()),
        };
        let program = Program::start(setting, &world, timeline.clone()).await?;
        tokio::spawn(front.clone().serve(listener, program.clone()));
        tokio::spawn(play(program.clone(), world.clone(), timeline));
        let metadata = Server::new(Metadata::default(), Clock::real());
        let address: SocketAddr = METADATA.parse()?;
        let listener = TcpListener::bind(address).await.context("the metadata service has no address")?;
        let serving = metadata.clone();
        tokio::spawn(async move { serving.serve(listener).await });
        let sibling = String::new();
        Ok(Self { world, program, front, metadata, seen: 0, sibling, _folder: folder })
    }

    /// Plays a case and looks at what came of it.
    ///
    /// # Errors
    /// The case could not be played.
    pub(super) async fn play(&mut self, case: &Case) -> Result<Played> {
        self.front.begin();
        self.front.set_line(Line::Open);
        let run = match case.cloud {
            Cloud::Aws => Some(self.start_run(case)?),
            Cloud::Gcp => None,
        };
        let facts = match run {
            Some(_) => self.next_instance(case).await.context(case.name)?,
            None => of_gce(case, self.front.url()),
        };
        self.before(case, run).await?;
        let (id, user_data) = (facts.id.clone(), facts.user_data.clone());
        self.metadata.with(|metadata, _| metadata.machine = Some(facts));
        let given = Given { user_data: &user_data, github_url: self.front.url(), sibling: &self.sibling };
        let mut machine = Machine::power_on(case, given)?;
        let powered_off = self.live(case, &mut machine).await?;
        self.front.set_line(Line::Open);
        let console = machine.console();
        let written = machine.files_with(&self.front.secrets())?;
        machine.cut().await;
        self.metadata.with(|metadata, _| metadata.machine = None);

        let mut played = Played { powered_off, console, seen: self.front.seen(), faults: Vec::new() };
        if powered_off.is_none() {
            played.faults.push(format!("it was not off after {:?}", case.within));
        }
        let files = written.iter().map(|file| format!("a secret is in {}", file.display()));
        played.faults.extend(files);
        played.look(case);
        if let Some(run) = run {
            let end = self.end_of(run);
            if end != case.job_end {
                played.faults.push(format!("the job's end is {end:?}, not {:?}", case.job_end));
            }
            self.world.lock().aws.power_off(&id, Timestamp::now());
            self.world.lock().github.cancel(Timestamp::now(), run);
            if let Err(left) = self.until_empty().await {
                played.faults.push(format!("{left:#}"));
            }
            self.sibling = id;
            self.seen = self.world.lock().aws.history().len();
        }
        Ok(played)
    }

    /// Ends the program and counts what is left.
    ///
    /// # Errors
    /// The program does not end, or its records cannot be read.
    pub(super) async fn end(self) -> Result<Left> {
        let ended = self.program.end().await;
        let left = self.left().await?;
        ended.map(|()| left)
    }

    fn start_run(&self, case: &Case) -> Result<RunId> {
        // A class for each case: an instance that has come and gone within seconds still counts for its own one for a while.
        let nth = CASES.iter().position(|other| other.name == case.name).context("no case of ours")?;
        let job = JobSpec::new("test", &["self-hosted", kind(case.image), &case_label(nth)]);
        let mut world = self.world.lock();
        let repository = world.repository;
        let workflow = WorkflowSpec::new("CI", vec![job]);
        let workflow = if case.event == Event::FromAFork { workflow.from_fork_of("eve") } else { workflow };
        world.github.start_run(Timestamp::now(), repository, workflow).map_err(|e| anyhow!("{e:?}"))
    }

    /// Waits for the control plane to launch, and tells what the metadata service knows of the instance.
    async fn next_instance(&self, case: &Case) -> Result<Facts> {
        let launched = async {
            loop {
                let running = {
                    let world = self.world.lock();
                    let unseen = world.aws.history().get(self.seen..).unwrap_or_default();
                    unseen.iter().find(|e| e.change == Change::Running).map(|e| e.instance_id.clone())
                };
                if let Some(id) = running {
                    return id;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let Ok(id) = tokio::time::timeout(LAUNCH_MAX, launched).await else {
            bail!("nothing was launched; the ledger holds {:?}", self.program.books().await?);
        };
        let mut world = self.world.lock();
        let now = Timestamp::now();
        let shown = if case.is_impostor { &self.sibling } else { &id };
        let credentials = world.aws.role_credentials(shown, now);
        let instance = world.aws.instance(&id).context("an unknown instance")?;
        let text = String::from_utf8(instance.user_data().to_vec())?;
        let (from, to) = case.user_data;
        let text = text.replace(ARCHIVE, &format!("{}/agent.tar.gz", self.front.url()));
        Ok(Facts {
            cloud: case.cloud,
            id: id.clone(),
            region: instance.region.clone(),
            user_data: if from.is_empty() { text } else { text.replace(from, to) },
            credentials,
            credentials_from: now.saturating_add(case.credentials_late)?,
            late: SignedDuration::try_from(case.metadata_late)?,
            notice: None,
        })
    }

    /// What has happened when the machine is powered on.
    async fn before(&self, case: &Case, run: Option<RunId>) -> Result<()> {
        match case.event {
            Event::JobCancelled => {
                let run = run.context("no run")?;
                self.world.lock().github.cancel(Timestamp::now(), run);
                let heard = async {
                    while !self.program.books().await?.jobs.is_empty() {
                        self.program.wake("lifecycle").await;
                        tokio::time::sleep(LOOK).await;
                    }
                    Ok::<(), anyhow::Error>(())
                };
                tokio::time::timeout(LAUNCH_MAX, heard).await.context("nobody heard of the end")??;
            }
            Event::StsFails(times) => {
                let fault = Fault::refused(503, "ServiceUnavailable");
                self.world.lock().aws.faults.on_next("GetCallerIdentity", times, fault);
            }
            Event::RegistrarShutFor(_) => self.front.set_line(Line::WithoutRegistrar),
            Event::RegistrarLost => self.front.after_the_config(Line::WithoutRegistrar),
            Event::Nothing
            | Event::FromAFork
            | Event::NetworkCut
            | Event::Notice
            | Event::StartedAgain
            | Event::StartedAgainFromNothing => {}
        }
        Ok(())
    }

    /// From power-on to power-off.
    async fn live(&self, case: &Case, machine: &mut Machine) -> Result<Option<Duration>> {
        let disk = match case.event {
            Event::StartedAgain => Some(Disk::Keeps),
            Event::StartedAgainFromNothing => Some(Disk::Forgets),
            Event::Nothing
            | Event::FromAFork
            | Event::JobCancelled
            | Event::RegistrarShutFor(_)
            | Event::StsFails(_)
            | Event::RegistrarLost
            | Event::NetworkCut
            | Event::Notice => None,
        };
        if let Some(disk) = disk {
            let started = tokio::time::timeout(case.within, self.front.reported("job_started")).await;
            started.context("the job never started")?;
            machine.start_again(disk).await?;
        }
        tokio::select! {
            off = machine.powered_off(case.within) => Ok(off),
            never = self.meanwhile(case.event) => match never {},
        }
    }

    async fn meanwhile(&self, event: Event) -> Infallible {
        match event {
            Event::RegistrarShutFor(wait) => {
                tokio::time::sleep(wait).await;
                self.front.set_line(Line::Open);
            }
            Event::NetworkCut => {
                self.front.reported("job_started").await;
                self.front.set_line(Line::Cut);
            }
            Event::Notice => {
                self.front.reported("job_started").await;
                let at = Timestamp::now().saturating_add(SignedDuration::from_mins(2));
                self.metadata.with(|metadata, _| {
                    if let Some(machine) = &mut metadata.machine {
                        machine.notice = at.ok();
                    }
                });
            }
            Event::Nothing
            | Event::FromAFork
            | Event::JobCancelled
            | Event::StsFails(_)
            | Event::RegistrarLost
            | Event::StartedAgain
            | Event::StartedAgainFromNothing => {}
        }
        pending().await
    }

    fn end_of(&self, run: RunId) -> JobEnd {
        let world = self.world.lock();
        let phase = world.github.jobs().find(|job| job.run == run).map(|job| job.phase);
        if matches!(phase, Some(Phase::Completed(Conclusion::Success))) {
            JobEnd::Success
        } else if matches!(phase, Some(Phase::Completed(Conclusion::Failure))) {
            JobEnd::Failure
        } else {
            JobEnd::Open
        }
    }

    /// Waits until neither cloud, nor GitHub, nor ledger has anything left; the functions are woken for it as their schedules would.
    async fn until_empty(&self) -> Result<()> {
        let emptied = async {
            while self.left().await? != Left::default() {
                // lifecycle first: a `completed` that waits in its queue is no gap for rebalancer to send.
                for function in ["lifecycle", "rebalancer", "scaledown"] {
                    self.program.wake(function).await;
                }
                tokio::time::sleep(WAKE).await;
            }
            Ok::<(), anyhow::Error>(())
        };
        match tokio::time::timeout(EMPTY_MAX, emptied).await {
            Ok(emptied) => emptied,
            Err(_) => bail!(
                "left after {} s: {:?}; the ledger holds {:?}",
                EMPTY_MAX.as_secs(),
                self.left().await?,
                self.program.books().await?
            ),
        }
    }

    async fn left(&self) -> Result<Left> {
        let records = self.program.books().await?.open();
        let world = self.world.lock();
        Ok(Left { instances: world.instances_live(), runners: world.github.runners_live(), records })
    }
}

impl Played {
    /// Holds what was said and answered to the case.
    fn look(&mut self, case: &Case) {
        let mut fault = |what: String| self.faults.push(what);
        if !self.console.contains(case.says) {
            fault(format!("the console does not say \"{}\"", case.says));
        }
        for stage in case.stages {
            if !self.seen.iter().any(|seen| seen.stage == *stage && seen.status == Some(200)) {
                fault(format!("{stage} was not reported"));
            }
        }
        let claims: Vec<u16> =
            self.seen.iter().filter(|seen| seen.path == "/v1/claim").filter_map(|seen| seen.status).collect();
        match case.claim_status {
            0 if !claims.is_empty() => fault(format!("claims were answered: {claims:?}")),
            0 => {}
            status if !claims.contains(&status) => {
                fault(format!("no claim was answered with {status}: {claims:?}"))
            }
            _ => {}
        }
        if claims.iter().filter(|status| **status == 200).count() > 1 {
            fault(format!("more than one config was given: {claims:?}"));
        }
        for bad in ["THE CONFIG IS IN", "READ WHAT IS", "WROTE THE VERDICT", "agent: "] {
            if self.console.contains(bad) {
                fault(format!("the console says \"{bad}\""));
            }
        }
    }
}

/// Loopback, with the metadata service's address on it.
fn network() -> Result<()> {
    for arguments in ["link set lo up", "address add 169.254.169.254/32 dev lo"] {
        let status = Command::new("ip").args(arguments.split(' ')).status().context("ip cannot be run")?;
        if !status.success() {
            bail!("`ip {arguments}` failed: this is not a network namespace of its own");
        }
    }
    Ok(())
}

fn of_gce(case: &Case, registrar_url: &str) -> Facts {
    let user_data = format!(
        "#!/bin/sh\n# jit-runners user data, version 1\nJIT_REGISTRAR_URL='{registrar_url}'\nJIT_BOOT_TOKEN='a-boot-token'\nJIT_BATCH='b1'\nJIT_CLOUD='gcp'\nJIT_AGENT_VERSION='{AGENT_VERSION}'\nJIT_UNCLAIMED_MAX_S='120'\n"
    );
    Facts {
        cloud: case.cloud,
        id: GCE_INSTANCE.to_owned(),
        region: "europe-west1".to_owned(),
        user_data,
        credentials: None,
        credentials_from: Timestamp::UNIX_EPOCH,
        late: SignedDuration::ZERO,
        notice: None,
    }
}

/// A world in which instances do nothing by themselves, and GitHub soon misses an agent that is gone.
fn world(configured: &str) -> Result<Shared> {
    let policy = configuration::parse(configured).map_err(|faults| anyhow!("{faults:?}"))?;
    let settings =
        InstanceSettings { fate_mix: vec![(1_000, Fate::NeverBoots)], ..InstanceSettings::default() };
    let mut world = World::new(&policy, settings, 1, Timestamp::now())?;
    let seconds = SignedDuration::from_secs;
    let times = &mut world.github.settings_mut().times;
    // Longer than `job_max` lasts here: the stand-in for the agent says nothing while its job runs.
    (times.offline_after, times.silence) = (seconds(5), seconds(45));
    (times.stuck_max, times.cancel_grace) = (seconds(2), seconds(2));
    let times = world.aws.times_mut();
    (times.pending, times.shutting_down) = (Delay::secs(0), Delay::secs(0));
    Ok(Shared::new(world))
}

const fn kind(image: Image) -> &'static str {
    match image {
        Image::Baked => "baked",
        Image::Stock => "stock",
    }
}

fn case_label(nth: usize) -> String {
    format!("case-{nth}")
}

/// A pool for each kind of image. The least that the ages may be, which is little here.
fn configured(sha256: &str) -> String {
    let mut text = format!(
        "[deployment]\nname = \"jit-runners\"\nrunner_prefix = \"jit\"\n[agent]\nversion = \"{AGENT_VERSION}\"\nurl = \"{ARCHIVE}\"\nsha256 = \"{sha256}\"\n[storage]\nbackend = \"key-value\"\n"
    );
    let labels: Vec<String> = (0..CASES.len()).map(|nth| format!("\"{}\"", case_label(nth))).collect();
    let labels = labels.join(", ");
    for kind in [Image::Baked, Image::Stock].map(kind) {
        text.push_str(&format!(
            r#"
[[pool]]
name = "{kind}"
labels = ["self-hosted", "{kind}", {labels}]
default_machine_type = "c6i.xlarge"
[pool.caps]
instances = 10
[[pool.offering]]
cloud = "aws"
region = "us-east-1"
subnets = ["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"]
machine_types = ["c6i.xlarge"]
[[pool.image]]
cloud = "aws"
region = "us-east-1"
id = "ami-0123456789abcdef0"
kind = "{kind}"
[pool.machine]
security_groups = ["sg-0123456789abcdef0"]
instance_profile = "arn:aws:iam::123456789012:instance-profile/jit-runners-runner"
[pool.ages]
unclaimed_max = "2m"
job_max = "5m"
"#
        ));
    }
    text
}

fn archive_of_another(folder: &Path) -> Result<(Vec<u8>, String)> {
    archive(folder, "#!/bin/sh\necho 'agent: another one than was asked for'\n")
}

/// An archive with a `run.sh`, as the agent's has it at its top, and its SHA-256.
fn archive(folder: &Path, run: &str) -> Result<(Vec<u8>, String)> {
    use std::os::unix::fs::PermissionsExt as _;
    let (content, packed) = (folder.join("content"), folder.join("packed.tar.gz"));
    std::fs::create_dir_all(&content)?;
    std::fs::write(content.join("run.sh"), run)?;
    std::fs::set_permissions(content.join("run.sh"), std::fs::Permissions::from_mode(0o755))?;
    let status = Command::new("tar").arg("-czf").arg(&packed).arg("-C").arg(&content).arg(".").status()?;
    if !status.success() {
        bail!("tar failed");
    }
    let digest = Command::new("openssl").args(["dgst", "-sha256", "-r"]).arg(&packed).output()?;
    let digest = String::from_utf8(digest.stdout)?;
    let digest = digest.split(' ').next().context("openssl says no digest")?.to_owned();
    Ok((std::fs::read(&packed)?, digest))
}
