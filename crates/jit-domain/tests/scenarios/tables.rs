//! Tables: every cell of a decision with two or three inputs, one line each. Nothing is applied.

use jit_domain::decide::lifecycle;
use jit_domain::decide::rebalancer::Step;
use jit_domain::ids::*;
use jit_domain::instance::InstancePhase;
use jit_domain::job::{Job, JobPhase};
use jit_domain::observation::{Action, Observation};
use jit_domain::reason::Reason;

use crate::show;
use crate::sweeps::{CLOUD_VIEWS, runner_views, weighed};
use crate::world::{START, World};

const PHASES: [JobPhase; 4] =
    [JobPhase::Waiting, JobPhase::Queued, JobPhase::InProgress, JobPhase::Completed];

/// Each event on a job that is unknown, unknown without a pool, or in each phase; and on an instance in each phase.
pub(crate) fn events() -> Vec<String> {
    let mut lines = Vec::new();
    for action in Action::ALL {
        let event = observation(action);
        let class = Some((PoolName::new("default"), ClassKey::new("class")));
        let moved = |known: Option<&Job>, class| match lifecycle::advance(known, &event, class, START) {
            Some(job) => job.phase.as_str().to_owned(),
            None => "-".to_owned(),
        };
        let fresh =
            |phase| Job { phase, ..lifecycle::advance(None, &event, class.clone(), START).expect("a job") };
        let cells = PHASES.map(|phase| format!("{} -> {}", phase.as_str(), moved(Some(&fresh(phase)), None)));
        lines.push(format!(
            "job, {}: unknown -> {} · without a pool -> {} · {}",
            action.as_str(),
            moved(None, class.clone()),
            moved(None, None),
            cells.join(" · ")
        ));
    }
    for action in Action::ALL {
        let cells = instance_phases().map(|phase| {
            let instance = jit_domain::instance::Instance { phase, ..instance() };
            let after = lifecycle::follow(&instance, action, JobId(1), START);
            let told = after.map_or("-".to_owned(), |a| show::phase(&a.phase));
            format!("{} -> {told}", show::phase(&instance.phase))
        });
        lines.push(format!("instance, {}: {}", action.as_str(), cells.join(" · ")));
    }
    lines
}

fn observation(action: Action) -> Observation {
    let repository = RepositoryName::parse("octo/app").expect("a repository's name");
    Observation {
        action,
        job: JobId(1),
        run: RunId(7),
        attempt: 1,
        name: "test".into(),
        labels: ["self-hosted"].iter().collect(),
        installation: InstallationId(42),
        organisation: Some(repository.owner()),
        repository,
        visibility: None,
        sender: None,
        pool: None,
        runner: None,
        conclusion: None,
        created_at: START,
        at: START,
        received_at: START,
    }
}

fn instance_phases() -> [InstancePhase; 5] {
    [
        InstancePhase::Launched,
        InstancePhase::Minting,
        InstancePhase::Claimed,
        InstancePhase::Busy,
        InstancePhase::Retired { at: START, reason: Reason::NotNeeded },
    ]
}

fn instance() -> jit_domain::instance::Instance {
    let form = "about = ''\n[[instance]]\nid = 'i-00000001'\n[run]\nsteps = []";
    let world = World::new(&toml::from_str(form).expect("a scenario"));
    world.instances.into_values().next().expect("its instance")
}

/// Each cloud view and runner view on one instance.
pub(crate) fn weights(world: &World, id: &str) -> Vec<String> {
    let instance = &world.instances[&crate::world::instance_key(id)];
    let mut lines = vec![format!("{} {}", show::time(world.now), show::instance(instance))];
    for (cloud, view) in CLOUD_VIEWS {
        let cells = runner_views().map(|(runner, seen)| {
            let told = match weighed(world, id, view, seen) {
                Step::Leave => "leave".to_owned(),
                Step::Write(after) if after.phase == instance.phase => "write".to_owned(),
                Step::Write(after) => show::phase(&after.phase),
                Step::Deregister { then, .. } => format!("deregister, then {}", show::phase(&then.phase)),
            };
            format!("{runner}: {told}")
        });
        lines.push(format!("  cloud {cloud} · {}", cells.join(" · ")));
    }
    lines
}
