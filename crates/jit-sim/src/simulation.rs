//! Plays one world from its seed to its end and says what came of it.
//! Not here: many worlds, and how results are shown (`bin/sim.rs`).

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use jit_control::github::time_to_mint;
use jit_fakes::github::{JobView, Phase};

use crate::check::{Promise, Violation};
use crate::native::drive::{play, start_schedules};
use crate::native::plane::Plane;
use crate::setting::{Setting, Trouble};

/// What came of a world.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// Jobs that were accepted.
    pub jobs: u64,
    /// How long it was played.
    pub played: SignedDuration,
    /// Instances launched.
    pub launches: u64,
    /// GitHub points spent.
    pub points: u64,
    /// Time that live instances had no job, all together.
    pub idle: SignedDuration,
    /// For each job that started, how long it waited since a runner could have taken it.
    pub waits: Vec<SignedDuration>,
    /// Oldest JIT config at its use.
    pub jit_age_max: SignedDuration,
    /// The same only for plays of which every effect was the same.
    pub fingerprint: u64,
}

/// After the last trouble, a world may take this long to serve what is left and to clean up, besides waiting for its caps.
const PATIENCE: SignedDuration = SignedDuration::from_mins(75);
/// What a job takes besides its own time: boot, agent, and the way back of its slot.
const SLOT: SignedDuration = SignedDuration::from_mins(6);

/// Plays a world.
///
/// # Errors
/// The world has no end: a fault of this program.
pub fn run(setting: Setting) -> Result<(Outcome, Plane)> {
    let Setting { parts, network, workload, calm_at, instances_max, troubles, .. } = setting;
    let start = parts.start;
    let jobs = i64::try_from(workload.jobs())?;
    let rounds = jobs / i64::try_from(instances_max.max(1))? + 1;
    let last = workload.ends_at().unwrap_or(start);
    let from = if troubles.is_empty() { last } else { last.max(calm_at) };
    let rounds = SLOT.saturating_mul(i32::try_from(rounds)?);
    // Of runs that share a concurrency group, one may wait for another.
    let turns = workload.turns(SLOT).saturating_mul(2);
    let until = from.saturating_add(PATIENCE)?.saturating_add(rounds)?.saturating_add(turns)?;
    let is_calm = troubles.is_empty() && parts.faults.listed.is_empty();
    let plane = Plane::new(parts);
    if is_calm {
        plane.checks.borrow_mut().expect_calm();
    }
    workload.start(&plane);
    start_schedules(&plane);
    play(&plane, &network, until, |plane| plane.executor.now() > from && is_quiet(plane));
    let ended = plane.executor.now();
    judge(&plane, ended);
    // Where caps are tight, jobs wait for each other.
    if !troubles.contains(&Trouble::TightCaps) {
        judge_starts(&plane, ended, calm_at, !troubles.is_empty());
    }
    let outcome = measure(&plane, start, ended, troubles.is_empty());
    Ok((outcome, plane))
}

fn is_quiet(plane: &Plane) -> bool {
    let world = plane.world.borrow();
    let checks = plane.checks.borrow();
    world.instances_live() == 0
        && world.github.runners_live() == 0
        && is_served(plane)
        && checks.mirror.open().is_empty()
}

fn is_served(plane: &Plane) -> bool {
    let checks = plane.checks.borrow();
    plane.world.borrow().github.jobs().all(|job| is_over(&job) || !checks.accepted.contains(&job.id.0))
}

fn is_over(job: &JobView) -> bool {
    matches!(job.phase, Phase::Completed(_))
}

/// Liveness: what must be true at the end.
fn judge(plane: &Plane, ended: Timestamp) {
    let world = plane.world.borrow();
    let mut checks = plane.checks.borrow_mut();
    for job in world.github.jobs().filter(|job| !is_over(job)) {
        if checks.accepted.contains(&job.id.0) {
            let record = checks.mirror.jobs.get(&job.id.0);
            let told = record.map(|record| {
                format!("{:?} since {}, waits for {:?}", record.phase, record.moved_at, record.wait)
            });
            let what = format!("job {} is {:?}; its record: {told:?}", job.id.0, job.phase);
            checks.violated(ended, Promise::JobsAreServed, what);
        }
    }
    for instance in world.aws.live_instances() {
        let stage = world.fleet.instance(&instance.id).map(|machine| (machine.stage(), machine.fate()));
        let record = checks.mirror.instances.get(&instance.id).map(|record| record.phase.clone());
        let what = format!(
            "instance {} launched {} is {stage:?}; its record: {record:?}",
            instance.id, instance.launched_at
        );
        checks.violated(ended, Promise::NothingIsLeft, what);
    }
    for runner in world.github.runners().filter(|runner| runner.removed.is_none()) {
        let what = format!("runner {} is still registered", runner.name);
        checks.violated(ended, Promise::NothingIsLeft, what);
    }
    for (id, machine) in world.fleet.instances() {
        for (attack, _) in machine.attacks().iter().filter(|(_, status)| *status == Some(200)) {
            let what = format!("the job on {id} got a JIT config by {attack:?}");
            checks.violated(ended, Promise::OneJobPerInstance, what);
        }
    }
    for open in checks.mirror.open() {
        checks.violated(ended, Promise::NothingIsLeft, open);
    }
}

/// How long a job may wait for its start, besides boot and schedules, once nothing goes wrong any more.
/// Without troubles: the slowest boot of thousands, a drain, a look of rebalancer. After troubles: the longest breaker delay,
/// the longest wait after lapsed slots, and an instance that has to be given up first.
const START_CALM: SignedDuration = SignedDuration::from_mins(5);
const START_AFTER_TROUBLES: SignedDuration = SignedDuration::from_mins(45);

/// Liveness: how long jobs waited that nothing but boots and schedules should have delayed.
fn judge_starts(plane: &Plane, ended: Timestamp, calm_at: Timestamp, has_troubles: bool) {
    let world = plane.world.borrow();
    let mut checks = plane.checks.borrow_mut();
    // Jobs that nobody told us of take the runners of those that wait, as long as there are such jobs.
    if world.github.jobs().any(|job| job.available_at.is_some() && !checks.accepted.contains(&job.id.0)) {
        return;
    }
    // GitHub's limits let no more registrations through, whatever we do.
    let mints = SignedDuration::try_from(time_to_mint(checks.accepted.len())).unwrap_or(SignedDuration::MAX);
    let bound = if has_troubles { START_AFTER_TROUBLES } else { START_CALM }.saturating_add(mints);
    for job in world.github.jobs() {
        let (Some(available), Some(started)) = (job.available_at, job.started_at) else { continue };
        if !checks.accepted.contains(&job.id.0) {
            continue;
        }
        let from = if has_troubles { available.max(calm_at) } else { available };
        let waited = started.duration_since(from);
        if waited > bound {
            let what = format!("job {} waited {waited:#} for its start", job.id.0);
            checks.violated(ended, Promise::JobsAreServed, what);
        }
    }
}

fn measure(plane: &Plane, start: Timestamp, ended: Timestamp, is_calm: bool) -> Outcome {
    let world = plane.world.borrow();
    let mut checks = plane.checks.borrow_mut();
    let jit_age_max = checks.check_ages(ended, &world);
    let jobs = checks.accepted.len() as u64;
    let launches = world.aws.instances().count() as u64;
    let usage = world.github.usage().clone();
    // A runner may take a job of another class whose labels it has, and leave that class's instance without one.
    if is_calm && launches * 10 > jobs * 13 + 20 {
        checks.violated(ended, Promise::Frugality, format!("{launches} launches for {jobs} jobs"));
    }
    if usage.points_per_minute_peak > 900 || usage.sent_while_refused > 20 {
        let what = format!(
            "{} points within a minute, {} requests sent while refused",
            usage.points_per_minute_peak, usage.sent_while_refused
        );
        checks.violated(ended, Promise::WithinLimits, what);
    }
    let mut idle = SignedDuration::ZERO;
    for instance in world.aws.instances() {
        let to = instance.ended(ended).map_or(ended, |(at, _)| at);
        idle = idle.saturating_add(to.duration_since(instance.launched_at));
    }
    let mut waits = Vec::new();
    for job in world.github.jobs() {
        if let (Some(available), Some(started)) = (job.available_at, job.started_at) {
            waits.push(started.duration_since(available));
            let ran = job.completed_at.unwrap_or(ended).duration_since(started);
            idle = idle.saturating_sub(ran);
        }
    }
    Outcome {
        violations: checks.violations().to_vec(),
        jobs,
        played: ended.duration_since(start),
        launches,
        points: usage.points,
        idle,
        waits,
        jit_age_max,
        fingerprint: plane.fingerprint(),
    }
}
