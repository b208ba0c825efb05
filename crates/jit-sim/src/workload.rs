//! What happens in a world that nobody of ours decides: workflow runs, cancellations, interruptions, capacity that comes and goes.
//! Not here: faults on the way (`faults`) and how a seed chooses among all this (`setting`).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use jit_fakes::cloud::{CapacityPool, InstanceState, Quotas};
use jit_fakes::github::{InstallationId, RepositoryId, RunId, WorkflowSpec};
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
    /// The owner suspends the App, or lets it in again.
    Access(InstallationId, Access),
    /// A repository gets another name.
    Rename(RepositoryId, String),
}

/// Whether the App may see an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may not.
    Suspended,
    /// It may again.
    Restored,
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
        Event::Access(installation, access) => {
            plane.say("world", &format!("installation {} is {access:?}", installation.0));
            let since = (access == Access::Suspended).then_some(now);
            plane.world.borrow_mut().github.set_suspended(installation, since);
        }
        Event::Rename(repository, name) => {
            plane.say("world", &format!("repository {} is now {name}", repository.0));
            plane.world.borrow_mut().github.rename_repository(repository, &name);
        }
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
