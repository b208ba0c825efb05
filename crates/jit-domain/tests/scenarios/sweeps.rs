//! The steps of rebalancer and scaledown: evidence, doubt, sweeps and ghosts. What they write is applied.

use std::collections::BTreeMap;

use jit_domain::decide::admission;
use jit_domain::decide::rebalancer::{self, Activity, CloudView, RunnerView, Step};
use jit_domain::decide::scaledown::{self, Listed, Liveness, Place, Registered};
use jit_domain::ids::{BatchId, RunnerId, RunnerName};

use crate::world::{World, at, instance_key};
use crate::{form, show};

/// The cloud views by their words in scenarios.
pub(crate) const CLOUD_VIEWS: [(&str, CloudView); 4] = [
    ("live", CloudView::Live),
    ("ended", CloudView::Ended),
    ("absent", CloudView::Absent),
    ("unknown", CloudView::Unknown),
];

/// The runner views by their words in scenarios.
pub(crate) fn runner_views() -> [(&'static str, RunnerView); 5] {
    let listed = |activity| RunnerView::Listed { runner: RunnerId(71), activity };
    [
        ("busy", listed(Activity::Busy)),
        ("idle", listed(Activity::Idle)),
        ("offline", listed(Activity::Offline)),
        ("not_listed", RunnerView::NotListed),
        ("unknown", RunnerView::Unknown),
    ]
}

/// What the evidence about one instance leads to.
pub(crate) fn weighed(world: &World, id: &str, cloud: CloudView, runner: RunnerView) -> Step {
    let instance = &world.instances[&instance_key(id)];
    world.decide(|o| rebalancer::evidence(o, &o.balance(), instance, cloud, runner))
}

/// rebalancer weighs one instance.
pub(crate) fn weigh(world: &mut World, id: &str, cloud: &str, runner: &str) -> String {
    let view = CLOUD_VIEWS.iter().find(|(word, _)| *word == cloud).expect("a cloud view").1;
    let seen = runner_views().into_iter().find(|(word, _)| *word == runner).expect("a runner view").1;
    let told = match weighed(world, id, view, seen) {
        Step::Leave => "leave".to_owned(),
        Step::Write(after) => {
            let text = show::instance(&after);
            world.instances.insert(after.key.clone(), after);
            text
        }
        Step::Deregister { runner, then, narrows } => {
            let text = format!("deregister {runner}, then {}", show::instance(&then));
            if let Some(group) = narrows {
                let after = admission::narrowed(&world.groups[&group], world.now);
                world.groups.insert(group, after);
            }
            world.instances.insert(then.key.clone(), then);
            text
        }
    };
    format!("cloud {cloud}, runner {runner}: {told}")
}

/// Which runs GitHub is asked about; their jobs are marked as asked.
pub(crate) fn ask(world: &mut World) -> String {
    let asked = world.decide(rebalancer::runs_to_ask);
    for job in
        world.jobs.values_mut().filter(|j| j.is_open() && asked.iter().any(|(_, _, run)| *run == j.run))
    {
        job.asked_at = Some(world.now);
    }
    let runs: Vec<String> =
        asked.iter().map(|(_, repository, run)| format!("{repository} run {run}")).collect();
    if runs.is_empty() { "ask: nothing".into() } else { format!("ask: {}", runs.join(", ")) }
}

/// scaledown sweeps a listing.
pub(crate) fn sweep(world: &mut World, listed: &[form::Listed]) -> Vec<String> {
    let listed: Vec<Listed> = listed
        .iter()
        .map(|l| Listed {
            key: instance_key(&l.id),
            launched_at: at(l.launched),
            batch: l.batch.as_ref().map(BatchId::new),
            place: if l.has_place { Place::Adopt } else { Place::None },
        })
        .collect();
    let records: BTreeMap<_, _> = world.instances.clone();
    let sweep = scaledown::sweep(&world.policy, &records, &listed, world.now);
    let mut lines = vec![format!("sweep of {}", listed.len())];
    lines.extend(
        sweep.terminate.iter().map(|(key, why)| format!("  terminate {}: {}", key.id, show::reason(why))),
    );
    lines.extend(sweep.adopt.iter().map(|(key, batch)| format!("  adopt {} into {batch}", key.id)));
    lines.extend(sweep.write.iter().map(|i| format!("  write {}", show::instance(i))));
    lines.extend(sweep.held_back.iter().map(|why| format!("  held back: {}", show::reason(why))));
    for after in sweep.write {
        world.instances.insert(after.key.clone(), after);
    }
    lines
}

/// scaledown looks for ghosts; `asked` says whether every region answered.
pub(crate) fn ghosts(world: &World, registered: &[form::Registered], live: &[String], asked: bool) -> String {
    let activity = |word: &str| match word {
        "busy" => Activity::Busy,
        "idle" => Activity::Idle,
        "offline" => Activity::Offline,
        other => panic!("no activity: {other}"),
    };
    let registered: Vec<Registered> = registered
        .iter()
        .map(|r| Registered {
            runner: RunnerId(r.id),
            name: RunnerName::new(&r.name),
            activity: activity(&r.activity),
        })
        .collect();
    let is_live = |id: &str| if live.iter().any(|l| l == id) { Liveness::Live } else { Liveness::Gone };
    let ghosts = scaledown::ghosts(&world.policy.runner_prefix, &registered, |id| asked.then(|| is_live(id)));
    let ghosts: Vec<String> = ghosts.iter().map(ToString::to_string).collect();
    format!("ghosts: {}", ghosts.join(" "))
}
