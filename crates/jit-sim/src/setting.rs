//! How a seed becomes a world: which troubles it has, how large it is, what is asked of it. Each trouble is drawn by itself, so
//! that each is met alone and in all company.
//! Not here: the troubles themselves.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use jiff::{SignedDuration, Timestamp};
use jit_control::configuration::parse;
use jit_fakes::cloud::{CapacityPool, CapacityType, Delay, Quotas};
use jit_fakes::github::{
    CancelledOnRerun, Conclusion, DeliveryNoise, JobSpec, NoRunner, RepositoryId, RepositorySelection,
    Visibility, WorkflowSpec,
};
use jit_fakes::instance::{Fate, InstanceSettings};
use jit_fakes::model::Random;

use crate::check::Checks;
use crate::faults::{Faults, Rates};
use crate::native::drive::Network;
use crate::native::plane::Parts;
use crate::timeline::Timeline;
use crate::workload::{Event, Notice, Workload};
use crate::world::{World, secrets};

mod configuration;
mod runs;
mod troubles;

use self::configuration::Edition;

/// A trouble that a world can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Invocations end in the middle.
    Crashes,
    /// The store and services refuse, or lose replies.
    LostReplies,
    /// Requests arrive after their caller has given up; invocations stop for seconds.
    Stalls,
    /// Deliveries are lost, late, doubled.
    Deliveries,
    /// Instances' requests and replies get lost.
    Network,
    /// Instances fail in all ways.
    BadInstances,
    /// Spot capacity is scarce, and comes and goes.
    Capacity,
    /// Instances are taken back.
    Interruptions,
    /// The cloud's listings lag behind.
    StaleListings,
    /// The cloud throttles early.
    Throttling,
    /// The whole plane is down for a while.
    Outage,
    /// The host's clock jumps.
    ClockJumps,
    /// Somebody cancels runs.
    Cancels,
    /// Pools may hold few instances.
    TightCaps,
    /// The App may not see its installation for a while.
    LostAccess,
    /// A repository gets another name.
    Renames,
    /// The account's quotas are low for a while.
    Quotas,
    /// JIT configs die young, and idle runners are removed early.
    ShortLives,
    /// The configuration changes while launches are under way.
    Reconfiguration,
    /// The cloud's listings are empty for a while.
    EmptyListings,
    /// Launches have their effect, and for a while nobody hears of it.
    LaunchesUnknown,
    /// The first instances of the world all fail, as with an image that is broken.
    BrokenImage,
    /// GitHub and EC2 list little at once.
    SmallPages,
}

const TROUBLES: [Trouble; 23] = [
    Trouble::Crashes,
    Trouble::LostReplies,
    Trouble::Stalls,
    Trouble::Deliveries,
    Trouble::Network,
    Trouble::BadInstances,
    Trouble::Capacity,
    Trouble::Interruptions,
    Trouble::StaleListings,
    Trouble::Throttling,
    Trouble::Outage,
    Trouble::ClockJumps,
    Trouble::Cancels,
    Trouble::TightCaps,
    Trouble::LostAccess,
    Trouble::Renames,
    Trouble::Quotas,
    Trouble::ShortLives,
    Trouble::Reconfiguration,
    Trouble::EmptyListings,
    Trouble::LaunchesUnknown,
    Trouble::BrokenImage,
    Trouble::SmallPages,
];

/// Where a world keeps records and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// In the host's own store.
    Host,
    /// In DynamoDB and SQS.
    Aws,
}

/// One world, ready to be played.
#[derive(Debug)]
pub struct Setting {
    /// Its seed.
    pub seed: u64,
    /// Where records and messages are.
    pub store: Store,
    /// Its troubles; none in every fifth world.
    pub troubles: Vec<Trouble>,
    /// What the plane is made of.
    pub parts: Parts,
    /// The network to the instances.
    pub network: Network,
    /// What happens.
    pub workload: Workload,
    /// From then on nothing new goes wrong.
    pub calm_at: Timestamp,
    /// Instances that all pools together may have at once.
    pub instances_max: u64,
}

/// Draws by purpose from a seed.
struct Draw(Random);

impl Draw {
    fn below(&self, purpose: &'static str, n: u64, bound: u64) -> u64 {
        self.0.of(purpose, n) % bound.max(1)
    }

    fn one_in(&self, purpose: &'static str, n: u64, many: u64) -> bool {
        self.below(purpose, n, many) == 0
    }

    fn pick<'a, T>(&self, purpose: &'static str, n: u64, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(purpose, n, of.len() as u64)).unwrap_or(0)]
    }
}

/// A time that long after the start.
fn later(start: Timestamp, wait: SignedDuration) -> Timestamp {
    start.saturating_add(wait).unwrap_or(start)
}

/// When every world begins.
pub const START_S: i64 = 1_795_219_200;
/// How long a world is asked for work, and has its troubles.
const BUSY: SignedDuration = SignedDuration::from_mins(30);
const REGION: &str = "us-east-1";
const SUBNETS: [&str; 2] = ["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"];
const TYPES: [&str; 2] = ["c6i.xlarge", "c6i.4xlarge"];

impl Setting {
    /// The world of a seed.
    ///
    /// # Errors
    /// The configuration that was drawn is not valid: a fault of this program.
    pub fn of(seed: u64, timeline: Timeline) -> Result<Self> {
        let draw = Draw(Random::new(seed));
        let troubles: Vec<Trouble> = if seed.is_multiple_of(5) {
            Vec::new()
        } else {
            TROUBLES.into_iter().filter(|trouble| draw.one_in("trouble", *trouble as u64, 5)).collect()
        };
        let store = if draw.one_in("store", 0, 4) { Store::Aws } else { Store::Host };
        let mut setting = Self::with(seed, store, &troubles, timeline)?;
        if draw.one_in("contents", 0, 4) {
            setting.parts.world.deny_contents();
        }
        Ok(setting)
    }

    /// The world of a seed with this store and these troubles instead of the drawn ones.
    ///
    /// # Errors
    /// As [`Setting::of`].
    pub fn with(seed: u64, store: Store, troubles: &[Trouble], timeline: Timeline) -> Result<Self> {
        let draw = Draw(Random::new(seed));
        let has = |trouble| troubles.contains(&trouble);
        let start = Timestamp::from_second(START_S)?;
        let calm_at = start.saturating_add(BUSY)?;
        let caps = caps(&draw, has(Trouble::TightCaps));
        let text = |edition| configuration::configuration(&caps, edition, store);
        let configuration = text(Edition::First);
        let policy = parse(&configuration).map_err(|faults| anyhow!("{faults:?}"))?;
        let mut world = World::new(&policy, instances(&draw, seed, troubles), seed, start)?;
        let repositories = repositories(&mut world, &draw);
        dispute(&mut world, &draw);
        registrations(&mut world, &draw);
        trouble_world(&mut world, &draw, troubles);
        let mut workload = runs::drawn(&draw, start, &repositories, troubles);
        trouble_workload(&mut workload, &draw, start, troubles);
        trouble_accounts(&mut workload, &draw, start, &repositories, troubles);
        troubles::add(&mut workload, &draw, (start, calm_at), troubles, world.installation);
        let checks = Checks::new(caps.clone(), secrets());
        let network = Network {
            random: Random::new(seed),
            lost_per_mille: if has(Trouble::Network) { 30 } else { 0 },
            reply_lost_per_mille: if has(Trouble::Network) { 50 } else { 0 },
            until: calm_at,
        };
        // Nobody runs a thousand jobs on a store that takes 40 ms for each operation; the records alone would take hours.
        let latencies = if workload.jobs() < 500 { &LATENCIES[..] } else { &LATENCIES[..2] };
        let parts = Parts {
            seed,
            start,
            configuration,
            reconfigured: has(Trouble::Reconfiguration)
                .then(|| (troubles::reconfigured_at(&draw, start), text(Edition::Second))),
            world,
            checks,
            faults: Faults::drawn(seed, rates(&draw, troubles), calm_at),
            latency_max: *draw.pick("latency", 0, latencies),
            outages: outages(&draw, start, has(Trouble::Outage)),
            clock_jumps: clock_jumps(&draw, start, calm_at, has(Trouble::ClockJumps)),
            naive: None,
            timeline,
        };
        let instances_max = caps.values().sum();
        Ok(Self {
            seed,
            store,
            troubles: troubles.to_vec(),
            parts,
            network,
            workload,
            calm_at,
            instances_max,
        })
    }
}

impl Setting {
    /// A world of one run with two jobs in which nothing that is drawn goes wrong.
    ///
    /// # Errors
    /// As [`Setting::of`].
    pub fn small(seed: u64, store: Store, timeline: Timeline) -> Result<Self> {
        let mut setting = Self::with(seed, store, &[], timeline)?;
        let job = JobSpec::new("build", &["self-hosted", "linux", "x64"])
            .matrix(2, None)
            .lasting(20, Conclusion::Success);
        let repository = setting.parts.world.repository;
        let workflow = Box::new(WorkflowSpec::new("CI", vec![job]));
        let at = setting.parts.start.saturating_add(SignedDuration::from_secs(3))?;
        setting.workload = Workload::default();
        setting.workload.at(at, Event::Run { repository, workflow, cancelled_after: None });
        setting.parts.latency_max = LATENCIES[0];
        Ok(setting)
    }
}

/// Longest way of a request and of an operation on the store.
const LATENCIES: [(SignedDuration, SignedDuration); 3] = [
    (SignedDuration::from_millis(60), SignedDuration::from_millis(2)),
    (SignedDuration::from_millis(400), SignedDuration::from_millis(10)),
    (SignedDuration::from_millis(1_500), SignedDuration::from_millis(40)),
];

fn caps(draw: &Draw, is_tight: bool) -> BTreeMap<String, u64> {
    // Tight enough to be met by most worlds, and wide enough that their jobs come to an end.
    let cap = |n| if is_tight { 8 + draw.below("cap", n, 24) } else { 2_000 };
    [("large".to_owned(), cap(0)), ("default".to_owned(), cap(1))].into()
}

fn instances(draw: &Draw, seed: u64, troubles: &[Trouble]) -> InstanceSettings {
    let has = |trouble| troubles.contains(&trouble);
    let mix = [
        Fate::NeverBoots,
        Fate::BootsSlowly(SignedDuration::from_secs(200)),
        Fate::MetadataLate(SignedDuration::from_secs(20)),
        Fate::BootScriptFails,
        Fate::ClaimReplyLost(2),
        Fate::AgentExitsAtOnce,
        Fate::AgentHangs,
        Fate::MachineDies(SignedDuration::from_secs(30)),
        Fate::Hostile,
    ];
    InstanceSettings {
        boot: Delay::LogNormal { p50: SignedDuration::from_secs(25), p99: SignedDuration::from_secs(70) },
        github_url: "http://github.test".into(),
        seed,
        fates: if has(Trouble::BrokenImage) { troubles::broken_image(draw) } else { BTreeMap::new() },
        fate_mix: if has(Trouble::BadInstances) {
            mix.into_iter().map(|fate| (20, fate)).collect()
        } else {
            Vec::new()
        },
        ..InstanceSettings::default()
    }
}

/// How long GitHub keeps registrations that nobody uses. It says nothing of it; reports go from two minutes to an hour.
fn registrations(world: &mut World, draw: &Draw) {
    let minutes = SignedDuration::from_mins;
    let times = &mut world.github.settings_mut().times;
    times.jit_life = *draw.pick("jit life", 0, &[minutes(5), minutes(60)]);
    times.idle_life = Some(*draw.pick("idle life", 0, &[minutes(2), minutes(10), minutes(60)]));
}

fn repositories(world: &mut World, draw: &Draw) -> Vec<RepositoryId> {
    let mut all = vec![world.repository];
    let organisation = world.organisation;
    for n in 0..draw.below("repositories", 0, 3) {
        all.push(world.github.add_repository(organisation, &format!("service-{n}"), Visibility::Private));
    }
    if draw.one_in("second organisation", 0, 3) {
        let other = world.github.add_organization("other-org");
        world.github.install(other, RepositorySelection::All);
        all.push(world.github.add_repository(other, "tool", Visibility::Private));
    }
    all
}

/// Where sources disagree about GitHub, each reading has its worlds.
fn dispute(world: &mut World, draw: &Draw) {
    let settings = world.github.settings_mut();
    if draw.one_in("no runner", 0, 2) {
        settings.disputed.no_runner = NoRunner::Null;
    }
    if draw.one_in("rerun", 0, 2) {
        settings.disputed.cancelled_on_rerun = CancelledOnRerun::Stays;
    }
}

fn trouble_world(world: &mut World, draw: &Draw, troubles: &[Trouble]) {
    for trouble in troubles {
        match trouble {
            Trouble::Deliveries => world.github.set_delivery_noise(DeliveryNoise {
                fails_per_mille: 20,
                vanishes_per_mille: 20,
                twice_per_mille: 60,
                late_per_mille: 60,
                late_max: SignedDuration::from_secs(*draw.pick("lateness", 0, &[20, 120, 900])),
            }),
            Trouble::SmallPages => world.list_little(*draw.pick("page", 0, &[10, 30])),
            Trouble::StaleListings => {
                let high = SignedDuration::from_secs(*draw.pick("lag", 0, &[3, 15, 60]));
                world.aws.times_mut().lag = Delay::Uniform { low: SignedDuration::ZERO, high };
            }
            Trouble::ShortLives => {
                let times = &mut world.github.settings_mut().times;
                times.jit_life = SignedDuration::from_mins(2);
                times.idle_life = Some(SignedDuration::from_mins(2));
            }
            Trouble::Throttling => {
                let limits = world.aws.limits_mut();
                limits.run_requests.size = 2;
                limits.run_requests.per_second = 1;
                // Less than a batch could never launch one.
                limits.run_resources.size = 260;
                limits.describe_requests.size = 2;
                limits.describe_requests.per_second = 1;
                limits.terminate_requests.size = 2;
                limits.terminate_requests.per_second = 1;
            }
            _ => {}
        }
    }
}

fn rates(draw: &Draw, troubles: &[Trouble]) -> Rates {
    let mut rates = Rates::default();
    // Sometimes rare, so that a lone fault meets an otherwise sound world.
    let scale = *draw.pick("scale", 0, &[1, 4, 10]);
    for trouble in troubles {
        match trouble {
            Trouble::Crashes => (rates.crash_before, rates.crash_after) = (3 * scale, 6 * scale),
            Trouble::LostReplies => {
                (rates.refused, rates.reply_lost, rates.service_fails) = (15 * scale, 15 * scale, 10 * scale);
            }
            Trouble::Stalls => (rates.arrives_late, rates.stalls) = (5 * scale, 5 * scale),
            _ => {}
        }
    }
    rates
}

fn outages(draw: &Draw, start: Timestamp, has: bool) -> Vec<(Timestamp, Timestamp)> {
    let minutes = SignedDuration::from_mins;
    let from = start.saturating_add(minutes(3 + i64::try_from(draw.below("outage", 0, 15)).unwrap_or(0)));
    let life = minutes(*draw.pick("outage", 1, &[1, 5, 12]));
    match from.and_then(|from| Ok((from, from.saturating_add(life)?))) {
        Ok(outage) if has => vec![outage],
        _ => Vec::new(),
    }
}

fn clock_jumps(
    draw: &Draw,
    start: Timestamp,
    calm_at: Timestamp,
    has: bool,
) -> Vec<(Timestamp, SignedDuration)> {
    if !has {
        return Vec::new();
    }
    let by = SignedDuration::from_secs(*draw.pick("jump", 0, &[-40, -5, 3, 20, 90]));
    let at = SignedDuration::from_secs(60 + i64::try_from(draw.below("jump", 1, 900)).unwrap_or(0));
    let jumps = start.saturating_add(at).map(|at| vec![(at, by), (calm_at, SignedDuration::ZERO)]);
    jumps.unwrap_or_default()
}

/// Troubles of accounts: each is over before the calm.
fn trouble_accounts(
    workload: &mut Workload,
    draw: &Draw,
    start: Timestamp,
    repositories: &[RepositoryId],
    troubles: &[Trouble],
) {
    let minute = |purpose, bound| i64::try_from(1 + draw.below(purpose, 0, bound)).unwrap_or(1);
    let after = |minutes| start.saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(start);
    for trouble in troubles {
        match trouble {
            Trouble::Renames => {
                let repository = *draw.pick("renamed", 0, repositories);
                workload.at(after(minute("renamed at", 20)), Event::Rename(repository, "renamed".to_owned()));
            }
            Trouble::Quotas => {
                let quota = u32::try_from(4 * draw.below("quota", 0, 12)).unwrap_or(0);
                let few = Quotas { spot_vcpus: quota, on_demand_vcpus: quota };
                workload.at(start, Event::Quotas(few));
                let plenty = Quotas { spot_vcpus: 100_000, on_demand_vcpus: 100_000 };
                workload.at(after(minute("quota raised", 25)), Event::Quotas(plenty));
            }
            _ => {}
        }
    }
}

fn trouble_workload(workload: &mut Workload, draw: &Draw, start: Timestamp, troubles: &[Trouble]) {
    let later = |purpose, n: u64| {
        let wait = i64::try_from(60 + draw.below(purpose, n, 1_500)).unwrap_or(60);
        start.saturating_add(SignedDuration::from_secs(wait)).unwrap_or(start)
    };
    if troubles.contains(&Trouble::Interruptions) {
        for n in 0..1 + draw.below("interruptions", 0, 12) {
            let notice = if draw.one_in("notice", n, 2) { Notice::Given } else { Notice::None };
            workload.at(
                later("interruption", n),
                Event::Interruption { nth: draw.below("victim", n, 1 << 30), notice },
            );
        }
    }
    if troubles.contains(&Trouble::Capacity) {
        for (n, zone) in [format!("{REGION}a"), format!("{REGION}b")].iter().enumerate() {
            for (m, machine_type) in TYPES.iter().enumerate() {
                let n = (n * TYPES.len() + m) as u64;
                let pool = CapacityPool::new(machine_type, zone, CapacityType::Spot);
                let scarce = u32::try_from(draw.below("scarce", n, 4)).unwrap_or(0);
                workload.at(start, Event::Capacity(pool.clone(), Some(scarce)));
                workload.at(later("plenty", n), Event::Capacity(pool, None));
                if draw.one_in("on-demand", n, 2) {
                    let pool = CapacityPool::new(machine_type, zone, CapacityType::OnDemand);
                    workload.at(start, Event::Capacity(pool.clone(), Some(scarce)));
                    workload.at(later("plenty on-demand", n), Event::Capacity(pool, None));
                }
            }
        }
    }
}
