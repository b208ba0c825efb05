//! Plays one case from its first tick to the last instance's end. Not here: what is asked of the result.

use anyhow::{Result, anyhow};
use jiff::{SignedDuration, Timestamp};
use jit_control::configuration::parse;
use jit_fakes::github::{Disputed, Phase, WorkflowSpec};

use super::measure::{Measured, Times};
use super::{Case, Contents, Scenario, Server};
use crate::native::drive::{play as drive, start_schedules};
use crate::native::naive::Naive;
use crate::native::plane::Plane;
use crate::setting::{Setting, Store};
use crate::timeline::Timeline;
use crate::workload::{Event, Workload};

/// The schedules have ticked before the run begins, as they have in every deployment.
const BEFORE: SignedDuration = SignedDuration::from_mins(1);
/// How long a case may take beyond its ideal time, its goals and the control plane's time off; longer than any goal.
const PATIENCE: SignedDuration = SignedDuration::from_mins(30);

/// Plays a case.
///
/// # Errors
/// It cannot be made: a fault of this program.
pub fn play(scenario: &Scenario, case: &Case, timeline: Timeline) -> Result<Measured> {
    let setting = setting(scenario, case, timeline)?;
    let ideal = case.ideal(scenario.seed);
    let begins_at = after(setting.parts.start, BEFORE);
    let down = case.down.map_or(SignedDuration::ZERO, |down| SignedDuration::from_mins(down.minutes));
    let extra = SignedDuration::from_secs(case.goals.extra_s);
    let longest = ideal + ideal / 10 + PATIENCE + down.max(extra);
    let until = after(begins_at, longest);
    let plane = Plane::new(setting.parts);
    setting.workload.start(&plane);
    if case.policy == Server::Ours {
        start_schedules(&plane);
    }
    drive(&plane, &setting.network, until, |plane| plane.executor.now() > begins_at && is_over(plane, case));
    let cancelled_at = case.cancelled_at_min.map(|at| after(begins_at, SignedDuration::from_mins(at)));
    let times = Times { begins_at, ended_at: plane.executor.now(), cancelled_at };
    Ok(Measured::of(&plane, ideal, times))
}

/// The world of a case.
fn setting(scenario: &Scenario, case: &Case, timeline: Timeline) -> Result<Setting> {
    let mut setting = Setting::small(scenario.seed, Store::Host, timeline)?;
    let start = setting.parts.start;
    let world = &mut setting.parts.world;
    let instances = world.fleet.settings_mut();
    instances.boot = scenario.distributions.boot();
    instances.agent_start = scenario.distributions.agent_start();
    let github = world.github.settings_mut();
    github.disputed = Disputed::default();
    github.times.jit_life = SignedDuration::from_mins(case.jit_life_min);
    github.times.idle_life = Some(github.times.jit_life);
    github.times.delivery_delay = scenario.distributions.event_delay();
    if case.contents == Contents::Denied {
        world.deny_contents();
    }
    let at = |minutes| after(start, BEFORE + SignedDuration::from_mins(minutes));
    if let Some(down) = case.down {
        setting.parts.outages = vec![(at(down.from_min), at(down.from_min + down.minutes))];
    }
    let jobs = case.matrix.iter().map(|matrix| matrix.job(scenario.seed)).collect();
    let run = Event::Run {
        repository: world.repository,
        workflow: Box::new(WorkflowSpec::new("Sequential", jobs)),
        cancelled_after: case.cancelled_at_min.map(SignedDuration::from_mins),
    };
    setting.workload = Workload::default();
    setting.workload.at(at(0), run);
    for minutes in &case.completed_lost_at_min {
        setting.workload.at(at(*minutes), Event::DeliveryVanishes("completed"));
    }
    if case.policy == Server::Naive {
        let policy = parse(&setting.parts.configuration).map_err(|faults| anyhow!("{faults:?}"))?;
        setting.parts.naive = Some(Naive::new(&policy)?);
    }
    Ok(setting)
}

/// Whether nothing more will happen: no instance is left, and no job that anybody will still serve.
fn is_over(plane: &Plane, case: &Case) -> bool {
    let world = plane.world.borrow();
    let is_idle = world.instances_live() == 0 && world.launches() > 0;
    // The naive policy launches for events alone, and all of them came at the begin.
    is_idle
        && (case.policy == Server::Naive
            || world.github.jobs().all(|job| matches!(job.phase, Phase::Completed(_))))
}

fn after(at: Timestamp, wait: SignedDuration) -> Timestamp {
    at.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
