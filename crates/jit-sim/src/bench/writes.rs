//! How often the record of a class is written in DynamoDB, from a burst of single-job runs until each has its instance, and from
//! there until each instance has its JIT config. All go through one record, and DynamoDB lets one partition take only so much.
//!
//! The functions run natively with their schedules, under virtual time and GitHub's and EC2's limits, one invocation for each
//! delivery and each claim. Instances boot so slowly that no claim comes before the last launch is on record.
//! Not here: other records, and what ends jobs and instances.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, ensure};
use jiff::{SignedDuration, Timestamp};
use jit_control::ledger::Kind;
use jit_control::settings::Component;
use jit_domain::policy::Policy;
use jit_fakes::cloud::{Delay, WriteCost};
use jit_fakes::github::{Conclusion, JobSpec, WorkflowSpec};
use jit_fakes::instance::InstanceSettings;
use jit_fakes::model::Random;

use crate::check::Checks;
use crate::faults::{Faults, Rates};
use crate::in_aws::in_aws;
use crate::native::drive::{Network, play, start_schedules};
use crate::native::plane::{Parts, Plane};
use crate::timeline::{Detail, Timeline};
use crate::world::{World, secrets};

/// When the world begins.
const START: &str = "2026-11-22T12:00:00Z";
/// How long instances boot: longer than all launches take.
const BOOT: Delay =
    Delay::Uniform { low: SignedDuration::from_secs(60), high: SignedDuration::from_secs(90) };
/// How long it may take until the last job has begun; 256 registrations take two minutes of GitHub's points.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// Longest way of a request, and of one to DynamoDB or SQS: there, and as long back.
const LATENCY: (SignedDuration, SignedDuration) =
    (SignedDuration::from_millis(60), SignedDuration::from_millis(20));
/// How long each job takes: none ends before the last has begun.
const JOB_S: u64 = 60 * 60;
const LABELS: [&str; 3] = ["self-hosted", "linux", "x64"];

/// What writing the classes took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassWrites {
    /// Jobs of the burst.
    pub jobs: u32,
    /// Classes that were written.
    pub classes: usize,
    /// Writes of the class that was written most often, until all instances were on record.
    pub for_jobs: WriteCost,
    /// The same from there until all jobs had begun: everything that was written while instances claimed.
    pub for_claims: WriteCost,
}

/// Plays a burst until its last job has begun.
///
/// # Errors
/// Something that must hold did not, or the burst got stuck.
pub fn measure(configuration: &str, jobs: u32, seed: u64) -> Result<ClassWrites> {
    let (text, policy) = in_aws(configuration)?;
    let start: Timestamp = START.parse()?;
    let plane = Plane::new(parts(text, &policy, seed, start)?);
    plane.checks.borrow_mut().expect_calm();
    queue(&plane, jobs)?;
    start_schedules(&plane);
    let network =
        Network { random: Random::new(seed), lost_per_mille: 0, reply_lost_per_mille: 0, until: start };
    let until = start.saturating_add(LONGEST)?;
    let wanted = usize::try_from(jobs)?;
    play(&plane, &network, until, |plane| plane.checks.borrow().mirror.instances.len() >= wanted);
    let is_claiming = plane.effects().iter().any(|(component, _)| *component == Component::Registrar);
    ensure!(!is_claiming, "an instance claimed before the last launch was on record");
    let launched = written(&plane);
    play(&plane, &network, until, |plane| begun(plane) >= wanted);
    let claimed = written(&plane);
    if let Some(violation) = plane.checks.borrow().violations().first() {
        return Err(anyhow!("{violation}"));
    }
    let begun = begun(&plane);
    ensure!(begun == wanted, "{begun} of {jobs} jobs have begun at {}", plane.executor.now());
    let most = |writes: Vec<WriteCost>| writes.into_iter().max_by_key(|cost| cost.writes).unwrap_or_default();
    let since = claimed.iter().map(|(class, cost)| {
        let before = launched.get(class).copied().unwrap_or_default();
        WriteCost { writes: cost.writes - before.writes, units: cost.units - before.units }
    });
    Ok(ClassWrites {
        jobs,
        classes: claimed.len(),
        for_claims: most(since.collect()),
        for_jobs: most(launched.into_values().collect()),
    })
}

impl ClassWrites {
    /// Prints them.
    pub fn print(&self) {
        let Self { jobs, classes, for_jobs, for_claims } = self;
        println!(
            "bench: class_keys={classes} class_write_units_{jobs}_jobs={} class_write_units_{jobs}_claims={}",
            for_jobs.units, for_claims.units,
        );
        println!(
            "bench: class_writes_{jobs}_jobs={} class_writes_{jobs}_claims={}",
            for_jobs.writes, for_claims.writes,
        );
    }
}

fn parts(configuration: String, policy: &Policy, seed: u64, start: Timestamp) -> Result<Parts> {
    let instances = InstanceSettings {
        boot: BOOT,
        github_url: "http://github.test".into(),
        seed,
        ..InstanceSettings::default()
    };
    let caps = policy.pools.iter().map(|pool| (pool.name.as_str().to_owned(), pool.caps.instances.into()));
    Ok(Parts {
        seed,
        start,
        configuration,
        reconfigured: None,
        world: World::new(policy, instances, seed, start)?,
        checks: Checks::new(caps.collect(), secrets()),
        faults: Faults::drawn(seed, Rates::default(), start),
        latency_max: LATENCY,
        outages: Vec::new(),
        clock_jumps: Vec::new(),
        naive: None,
        timeline: Timeline::new(u64::try_from(start.as_millisecond())?, Detail::Silent),
    })
}

/// Starts a run for each job, all at the same moment.
fn queue(plane: &Plane, jobs: u32) -> Result<()> {
    let world = &mut *plane.world.borrow_mut();
    for _ in 0..jobs {
        let spec = JobSpec::new("test", &LABELS).lasting(JOB_S, Conclusion::Success);
        let repository = world.repository;
        let started =
            world.github.start_run(plane.executor.now(), repository, WorkflowSpec::new("CI", vec![spec]));
        started.map_err(|e| anyhow!("{e:?}"))?;
    }
    Ok(())
}

fn begun(plane: &Plane) -> usize {
    plane.world.borrow().github.jobs().filter(|job| job.started_at.is_some()).count()
}

/// What writing each class has cost so far.
fn written(plane: &Plane) -> BTreeMap<String, WriteCost> {
    let world = plane.world.borrow();
    let written = world.aws.dynamodb().written().iter();
    let classes = written.filter(|(item, _)| item.hash == Kind::Class.as_str());
    classes.map(|(item, cost)| (item.range.clone(), *cost)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_writes_its_class_far_less_often_than_it_has_jobs() {
        let measured = measure(include_str!("../../../../config/jit-runners.toml"), 32, 1).unwrap();
        assert_eq!((measured.jobs, measured.classes), (32, 1));
        // Each batch that a drain adds is two writes: its birth, and the answer to its try.
        assert!((2..=8).contains(&measured.for_jobs.writes), "{measured:?}");
        // No claim writes it: what does comes with the schedules.
        assert!(measured.for_claims.writes <= 8, "{measured:?}");
        assert!(measured.for_jobs.units >= measured.for_jobs.writes, "{measured:?}");
    }
}
