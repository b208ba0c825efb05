//! The workflow runs that a seed asks for: their forms, labels, lengths and times.
//! Not here: what goes wrong with them.

use jiff::{SignedDuration, Timestamp};
use jit_fakes::github::{Conclusion, Gate, JobSpec, RepositoryId, WorkflowSpec};

use super::Draw;
use crate::workload::{Event, Workload};

/// Runs of all forms within the busy time.
pub(super) fn drawn(
    draw: &Draw,
    start: Timestamp,
    repositories: &[RepositoryId],
    has_cancels: bool,
) -> Workload {
    let mut workload = Workload::default();
    if draw.one_in("crowd", 0, 160) {
        crowd(&mut workload, draw, start, repositories);
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
        let workflow = Box::new(WorkflowSpec::new(&format!("Flow {n}"), jobs(draw, n)));
        let at = start.saturating_add(wait).unwrap_or(start);
        workload.at(at, Event::Run { repository, workflow, cancelled_after });
    }
    workload
}

/// A thousand jobs within a minute: of single-job runs, or of the widest matrices.
fn crowd(workload: &mut Workload, draw: &Draw, start: Timestamp, repositories: &[RepositoryId]) {
    let labels = ["self-hosted", "linux", "x64"];
    let (runs, legs) = if draw.one_in("wide", 0, 2) { (4, 256) } else { (1_000, 1) };
    for n in 0..runs {
        let wait_ms = i64::try_from(draw.below("crowd", n, 60_000)).unwrap_or(0);
        let at = start.saturating_add(SignedDuration::from_millis(wait_ms)).unwrap_or(start);
        let lasting = 60 + draw.below("duration", n, 60);
        let job = JobSpec::new("build", &labels).matrix(legs, None).lasting(lasting, Conclusion::Success);
        let workflow = Box::new(WorkflowSpec::new("Crowd", vec![job]));
        let repository = *draw.pick("repository", n, repositories);
        workload.at(at, Event::Run { repository, workflow, cancelled_after: None });
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
        0 => vec![job.matrix(*draw.pick("legs", n, &[2, 3, 8, 20, 51]), None).without_fail_fast()],
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
