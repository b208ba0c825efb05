//! What happens in a world that nobody of ours decides: workflow runs, cancellations, interruptions, capacity that comes and goes.
//! Not here: faults on the way (`faults`) and how a seed chooses among all this (`setting`).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use jit_fakes::cloud::{self, CapacityPool, InstanceState, Quotas};
use jit_fakes::github::{DeliveryFate, DeliveryRule, InstallationId, RepositoryId, RunId, WorkflowSpec};
use jit_fakes::instance::Stage;

use crate::native::plane::Plane;

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// A workflow run begins; `cancelled_after` cancels it later.
    Run {
        /// Whose.
        repository: RepositoryId,
        /// What.
        workflow: Box<WorkflowSpec>,
        /// Whether somebody cancels it, and when.
        cancelled_after: Option<SignedDuration>,
    },
    /// The cloud takes back one of the instances that are up, the `nth` of them; with or without the two minutes' notice.
    Interruption {
        /// Which, counted around.
        nth: u64,
        /// Whether it is told before.
        notice: Notice,
    },
    /// From now on an offering holds so many instances at once; none: any number.
    Capacity(CapacityPool, Option<u32>),
    /// From now on the account has these quotas.
    Quotas(Quotas),
    /// A repository gets another name.
    Rename(RepositoryId, String),
    /// So many launches of the next ones have their effect, and nobody hears of it.
    LaunchRepliesLost(u32),
    /// GitHub never sends the next delivery with this action, and does not know that it did not.
    DeliveryVanishes(&'static str),
    /// The cloud does what it is asked again.
    FaultsEnd,
    /// For a time the cloud's listings are empty, and successful.
    Hidden(SignedDuration),
    /// For a time GitHub refuses the App what belongs to an organisation, and tells it nothing.
    Suspended(InstallationId, SignedDuration),
}

/// Whether an interruption is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Two minutes before.
    Given,
    /// Never.
    None,
}

/// Events in order of their times.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// Each event with its time.
    pub events: Vec<(Timestamp, Event)>,
}

impl Workload {
    /// Adds an event.
    pub fn at(&mut self, at: Timestamp, event: Event) {
        self.events.push((at, event));
    }

    /// How many jobs its runs have, without those that are skipped later.
    pub fn jobs(&self) -> u64 {
        let runs = self.events.iter().filter_map(|(_, event)| match event {
            Event::Run { workflow, .. } => {
                Some(workflow.jobs.iter().map(|job| u64::from(job.legs)).sum::<u64>())
            }
            _ => None,
        });
        runs.sum()
    }

    /// How long the run with the most turns takes, each turn of `max-parallel` with `slot` besides its jobs' own time.
    pub fn turns(&self, slot: SignedDuration) -> SignedDuration {
        let runs = self.events.iter().filter_map(|(_, event)| match event {
            Event::Run { workflow, .. } => Some(workflow),
            _ => None,
        });
        let turns = runs.map(|workflow| {
            workflow.jobs.iter().fold(SignedDuration::ZERO, |sum, job| {
                let turns = job.max_parallel.map_or(0, |width| job.legs.div_ceil(width.max(1)));
                let one = SignedDuration::from_secs(i64::try_from(job.duration_s).unwrap_or(0))
                    .saturating_add(slot);
                sum.saturating_add(one.saturating_mul(i32::try_from(turns).unwrap_or(i32::MAX)))
            })
        });
        turns.max().unwrap_or_default()
    }

    /// The last event's time.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.events.iter().map(|(at, _)| *at).max()
    }

    /// Lets all of it happen in its time.
    pub fn start(self, plane: &Plane) {
        let mut by_time: BTreeMap<Timestamp, Vec<Event>> = BTreeMap::new();
        for (at, event) in self.events {
            by_time.entry(at).or_default().push(event);
        }
        let plane = plane.clone();
        let clock = plane.executor.clone();
        clock.clone().spawn(async move {
            for (at, events) in by_time {
                clock.sleep_until(at).await;
                for event in events {
                    happen(&plane, event);
                }
            }
        });
    }
}

fn happen(plane: &Plane, event: Event) {
    let now = plane.executor.now();
    match event {
        Event::Run { repository, workflow, cancelled_after } => {
            let name = workflow.name.clone();
            let started = plane.world.borrow_mut().github.start_run(now, repository, *workflow);
            match started {
                Ok(run) => {
                    plane.say("world", &format!("run {} of workflow {name} begins", run.0));
                    if let Some(wait) = cancelled_after {
                        cancel_later(plane, run, wait);
                    }
                }
                Err(error) => plane.say("world", &format!("a run cannot begin: {error:?}")),
            }
        }
        Event::Interruption { nth, notice } => interrupt(plane, now, nth, notice),
        Event::Capacity(pool, instances) => {
            plane.say("world", &format!("{pool:?} now holds {instances:?}"));
            plane.world.borrow_mut().aws.set_capacity(pool, now, instances);
        }
        Event::Quotas(quotas) => {
            plane.say("world", &format!("{quotas:?}"));
            plane.world.borrow_mut().aws.limits_mut().quotas = quotas;
        }
        Event::Rename(repository, name) => {
            plane.say("world", &format!("repository {} is now {name}", repository.0));
            plane.world.borrow_mut().github.rename_repository(repository, &name);
        }
        Event::LaunchRepliesLost(times) => {
            plane.say("world", &format!("EC2 answers none of {times} launches"));
            plane.world.borrow_mut().aws.faults.on_next("RunInstances", times, cloud::Fault::LostReply);
        }
        Event::DeliveryVanishes(action) => {
            plane.say("world", &format!("GitHub forgets the next delivery of `{action}`"));
            let (action, fate) = (Some(action.to_owned()), DeliveryFate::Vanishes);
            let rule = DeliveryRule { action, job: None, times: 1, fate };
            plane.world.borrow_mut().github.add_delivery_rule(rule);
        }
        Event::FaultsEnd => plane.world.borrow_mut().aws.faults.clear(),
        Event::Hidden(time) => hide(plane, now, time),
        Event::Suspended(installation, time) => suspend(plane, now, installation, time),
    }
}

fn cancel_later(plane: &Plane, run: RunId, wait: SignedDuration) {
    let plane = plane.clone();
    plane.executor.clone().spawn(async move {
        plane.executor.sleep(wait).await;
        let now = plane.executor.now();
        plane.say("world", &format!("run {} is cancelled", run.0));
        plane.world.borrow_mut().github.cancel(now, run);
    });
}

/// Hides the instances, but for moments when there are so few that an empty listing may be true.
fn hide(plane: &Plane, now: Timestamp, time: SignedDuration) {
    plane.say("world", &format!("EC2 lists nothing for {time:#}"));
    let until = now.saturating_add(time).unwrap_or(now);
    let plane = plane.clone();
    plane.executor.clone().spawn(async move {
        loop {
            let now = plane.executor.now();
            {
                let aws = &mut plane.world.borrow_mut().aws;
                let is_old = |at| now.duration_since(at) > UNRECORDED_MAX;
                let old = aws.live_instances().filter(|i| is_old(i.launched_at)).count();
                aws.set_hidden(now < until && old > 1);
            }
            if now >= until {
                return;
            }
            plane.executor.sleep(HIDE_EVERY).await;
        }
    });
}

/// An instance that is live for so long has a record.
const UNRECORDED_MAX: SignedDuration = SignedDuration::from_mins(2);
const HIDE_EVERY: SignedDuration = SignedDuration::from_millis(500);

fn suspend(plane: &Plane, now: Timestamp, installation: InstallationId, time: SignedDuration) {
    plane.say("world", &format!("GitHub suspends {installation:?} for {time:#}"));
    plane.world.borrow_mut().github.set_suspended(installation, Some(now));
    let plane = plane.clone();
    plane.executor.clone().spawn(async move {
        plane.executor.sleep(time).await;
        plane.world.borrow_mut().github.set_suspended(installation, None);
    });
}

fn interrupt(plane: &Plane, now: Timestamp, nth: u64, notice: Notice) {
    let world = &mut *plane.world.borrow_mut();
    let up: Vec<String> = (world.aws.live_instances())
        .filter(|i| i.state_at(now) == InstanceState::Running && i.interruption_at.is_none())
        .filter(|i| world.fleet.instance(&i.id).is_some_and(|machine| machine.stage() != Stage::Off))
        .map(|i| i.id.clone())
        .collect();
    let Some(id) = usize::try_from(nth).ok().and_then(|nth| up.get(nth.checked_rem(up.len())?)) else {
        return;
    };
    let is_taken = match notice {
        Notice::Given => world.aws.interrupt_with_notice(id, now),
        Notice::None => world.aws.interrupt_without_notice(id, now),
    };
    if is_taken {
        plane.say("world", &format!("EC2 takes {id} back, notice {notice:?}"));
    }
}
