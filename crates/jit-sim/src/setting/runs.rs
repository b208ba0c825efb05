//! The workflow runs that a seed asks for: their forms, labels, lengths and times.
//! Not here: what goes wrong with them.

use jiff::{SignedDuration, Timestamp};
use jit_fakes::github::{Conclusion, Gate, JobSpec, Others, RepositoryId, WorkflowSpec};

use super::{Draw, Trouble, later};
use crate::workload::{Event, Workload};

/// Runs of all forms within the busy time.
pub(super) fn drawn(
    draw: &Draw,
    start: Timestamp,
    repositories: &[RepositoryId],
    troubles: &[Trouble],
) -> Workload {
    let mut workload = Workload::default();
    let has_cancels = troubles.contains(&Trouble::Cancels);
    // With troubles, a crowd asks again and again, and such a world takes ten minutes to play.
    let crowds = if troubles.is_empty() { 40 } else { 2_000 };
    if draw.one_in("crowd", 0, crowds) {
        crowd(&mut workload, draw, start, repositories);
        return workload;
    }
    if draw.one_in("day", 0, 300) {
        day(&mut workload, draw, start, repositories);
        return workload;
    }
    let runs = *draw.pick("runs", 0, &[1, 3, 8, 20, 40]);
    let is_burst = draw.one_in("burst", 0, 4);
    for n in 0..runs {
        let within_s = if is_burst { 30 } else { 1_500 };
        let wait = SignedDuration::from_secs(i64::try_from(draw.below("arrival", n, within_s)).unwrap_or(0));
        let repository = *draw.pick("repository", n, repositories);
        let cancelled_after = (has_cancels && draw.one_in("cancel", n, 3)).then(|| {
            SignedDuration::from_secs(i64::try_from(draw.below("cancel after", n, 240)).unwrap_or(0))
        });
        let mut workflow = WorkflowSpec::new(&format!("Flow {n}"), jobs(draw, n));
        if draw.one_in("deploys", n, 8) {
            // As for deployments: one run at a time; a newer one pushes out the one that waits, or also the one that runs.
            let others = *draw.pick("others", n, &[Others::Finish, Others::Cancelled]);
            workflow = workflow.in_concurrency_group("deploy", others);
        }
        let workflow = Box::new(workflow);
        let at = later(start, wait);
        workload.at(at, Event::Run { repository, workflow, cancelled_after });
    }
    workload
}

/// A thousand jobs within a minute, of single-job runs or of the widest matrices; or ten thousand jobs, some 350 a minute.
fn crowd(workload: &mut Workload, draw: &Draw, start: Timestamp, repositories: &[RepositoryId]) {
    let labels = ["self-hosted", "linux", "x64"];
    let (runs, legs, within_ms) = match draw.below("crowd form", 0, 40) {
        0 => (10_000, 1, 1_700_000),
        n if n % 2 == 0 => (4, 256, 60_000),
        _ => (1_000, 1, 60_000),
    };
    for n in 0..runs {
        let wait_ms = i64::try_from(draw.below("crowd", n, within_ms)).unwrap_or(0);
        let at = later(start, SignedDuration::from_millis(wait_ms));
        let lasting = 60 + draw.below("duration", n, 60);
        let job = JobSpec::new("build", &labels).matrix(legs, None).lasting(lasting, Conclusion::Success);
        let workflow = Box::new(WorkflowSpec::new("Crowd", vec![job]));
        let repository = *draw.pick("repository", n, repositories);
        workload.at(at, Event::Run { repository, workflow, cancelled_after: None });
    }
}

/// A day in which the most comes in the early afternoon and hardly anything at night.
fn day(workload: &mut Workload, draw: &Draw, start: Timestamp, repositories: &[RepositoryId]) {
    /// How many runs begin in each hour, from midnight on.
    const HOURS: [u64; 24] =
        [2, 1, 1, 0, 1, 2, 4, 9, 16, 22, 24, 20, 14, 26, 30, 28, 22, 16, 10, 8, 6, 5, 3, 2];
    let mut n = 0;
    for (hour, runs) in (0_i64..).zip(HOURS) {
        for _ in 0..runs {
            n += 1;
            let second = i64::try_from(draw.below("minute", n, 3_600)).unwrap_or(0);
            let at = later(start, SignedDuration::from_secs(hour * 3_600 + second));
            let workflow = Box::new(WorkflowSpec::new(&format!("Flow {}", n % 12), jobs(draw, n)));
            let repository = *draw.pick("repository", n, repositories);
            workload.at(at, Event::Run { repository, workflow, cancelled_after: None });
        }
    }
}

fn jobs(draw: &Draw, n: u64) -> Vec<JobSpec> {
    let labels: &[&str] = match draw.below("labels", n, 6) {
        0 => &["self-hosted", "linux", "x64", "large"],
        1 => &["self-hosted"],
        2 => &["Linux", "self-hosted", "C6I.xlarge"],
        _ => &["self-hosted", "linux", "x64"],
    };
    let lasting = 10 + draw.below("duration", n, 200);
    let conclusion = if draw.one_in("failure", n, 8) { Conclusion::Failure } else { Conclusion::Success };
    let job = JobSpec::new("build", labels).lasting(lasting, conclusion);
    match draw.below("form", n, 6) {
        0 => {
            let width = *draw.pick("max-parallel", n, &[None, None, Some(1), Some(2), Some(4)]);
            // A long one has few legs where they run one by one, so that a world ends within a day.
            let legs = if width.is_none() { &[2, 3, 8, 20, 51][..] } else { &[2, 3, 8, 20][..] };
            vec![job.matrix(*draw.pick("legs", n, legs), width).without_fail_fast()]
        }
        1 => vec![
            job,
            JobSpec::new("test", labels).after(&["build"]),
            JobSpec::new("ship", labels).after(&["test"]),
        ],
        2 => vec![job.matrix(4, None)],
        3 => vec![job.behind("production", Gate::WaitTimer(30 + draw.below("gate", n, 200)))],
        // Older at its end than an instance may be that nobody claimed.
        _ if draw.one_in("long", n, 20) => vec![job.lasting(1_300 + lasting, conclusion)],
        _ => vec![job],
    }
}
