//! Admission: what the open jobs teach of their groups, and which of them may run.

use jit_domain::decide::admission;
use jit_domain::group::{Group, Width};
use jit_domain::job::{Job, JobPhase};

use crate::world::World;

/// What is learned of each group is written; then who may run, who is held, and for whom an instance is launched already.
pub(crate) fn learn(world: &mut World) -> String {
    for (key, after) in world.decide(admission::learned) {
        match after {
            Some(after) => drop(world.groups.insert(key, after)),
            None => drop(world.groups.remove(&key)),
        }
    }
    let mut groups: Vec<String> = world.groups.values().map(group).collect();
    groups.sort();
    let admission = world.decide(admission::admit);
    let queued = || world.jobs.values().filter(|job| job.phase == JobPhase::Queued);
    let admitted = ids(queued().filter(|job| admission.admits(job)));
    let soon = ids(queued().filter(|job| admission.prefetches(job.id)));
    format!("learn: {}; admitted {admitted}, {} held, soon {soon}", groups.join("; "), admission.held())
}

/// The workflow file says a width, or nothing.
pub(crate) fn width(world: &mut World, known: Option<u32>) -> String {
    let width = known.map_or(Width::Unknown, Width::Known);
    let now = world.now;
    let groups = world.groups.values_mut();
    let answered = groups.filter_map(|group| Some((admission::answered(group, Some(width), now)?, group)));
    let told: Vec<String> = answered
        .map(|(after, known)| {
            *known = after;
            group(known)
        })
        .collect();
    format!("width: {}", told.join("; "))
}

fn group(group: &Group) -> String {
    let width = match group.width {
        Width::Awaited { .. } => "awaited".to_owned(),
        Width::Unknown => format!("unknown, probe {}", group.probe),
        Width::Known(width) => width.to_string(),
    };
    let narrowed = group.narrowed.map_or(String::new(), |n| format!(", narrowed to {}", n.to));
    let lasts = group.duration().map_or(String::new(), |d| format!(", a job takes {} s", d.as_secs()));
    format!("{}: {} of {} run, width {width}{narrowed}{lasts}", group.stem, group.running.len(), group.open)
}

fn ids<'a>(jobs: impl Iterator<Item = &'a Job>) -> String {
    let all: Vec<String> = jobs.map(|job| job.id.to_string()).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(" ") }
}
