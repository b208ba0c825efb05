//! Advance and retire: what an event does to its job and to the instance whose runner it names, and which retired instances
//! are terminated.
//!
//! Every event first advances the job's record, whatever the runner; only then, and only for runners of ours, the instance.

use crate::group::Group;
use crate::ids::{ClassKey, JobId};
use crate::instance::{Instance, InstancePhase, Stage};
use crate::job::{Job, JobPhase};
use crate::limits;
use crate::observation::{Action, Observation};
use crate::reason::Reason;
use crate::time::Timestamp;

/// The job's record after an event. None when the event tells nothing new: phases never go backwards.
///
/// `class` is the job's class by the configuration of now; without one, and without a record, the job is none of ours.
/// An event that is the first we hear of a job makes its record in whatever phase it names, so that a late `queued`
/// finds its tombstone.
pub fn advance(
    known: Option<&Job>,
    event: &Observation,
    class: Option<(crate::ids::PoolName, ClassKey)>,
    now: Timestamp,
) -> Option<Job> {
    let target = match event.action {
        Action::Waiting => JobPhase::Waiting,
        Action::Queued => JobPhase::Queued,
        Action::InProgress => JobPhase::InProgress,
        Action::Completed => JobPhase::Completed,
    };
    let Some(before) = known else {
        let (pool, class) = class?;
        return Some(first_seen(event, pool, class, target, now));
    };
    let mut after = before.clone();
    after.visibility = event.visibility.or(after.visibility);
    if target > before.phase {
        after.phase = target;
        after.moved_at = now;
        after.wait = None;
    }
    // A late event still tells who ran the job where a later one did not, so that the order of arrival makes no difference.
    after.runner = if target >= before.phase {
        event.runner.clone().or(after.runner)
    } else {
        after.runner.or_else(|| event.runner.clone())
    };
    if target >= before.phase {
        after.conclusion = event.conclusion.clone().or(after.conclusion);
    }
    (after != *before).then_some(after)
}

fn first_seen(
    event: &Observation,
    pool: crate::ids::PoolName,
    class: ClassKey,
    phase: JobPhase,
    now: Timestamp,
) -> Job {
    Job {
        id: event.job,
        run: event.run,
        attempt: event.attempt,
        name: event.name.clone(),
        installation: event.installation,
        repository: event.repository.clone(),
        organisation: event.organisation.clone(),
        visibility: event.visibility,
        labels: event.labels.clone(),
        pool,
        class,
        phase,
        permit: None,
        runner: event.runner.clone(),
        created_at: event.created_at,
        seen_at: now,
        moved_at: now,
        asked_at: None,
        conclusion: event.conclusion.clone(),
        wait: (phase == JobPhase::Waiting).then_some(Reason::WaitsForApproval),
    }
}

/// The instance after an event that names its runner. None when nothing changes.
pub fn follow(instance: &Instance, action: Action, job: JobId, now: Timestamp) -> Option<Instance> {
    match action {
        Action::Waiting | Action::Queued => None,
        Action::InProgress => busy(instance, Some(job), now),
        Action::Completed => {
            let mut after = instance.clone();
            after.job = Some(job);
            let after = after.retired(now, Reason::JobFinished);
            (after != *instance).then_some(after)
        }
    }
}

/// The instance once its runner is known to have a job; the job may be unknown yet. None when nothing changes.
pub fn busy(instance: &Instance, job: Option<JobId>, now: Timestamp) -> Option<Instance> {
    if instance.is_retired() {
        return None;
    }
    let mut after = instance.clone();
    after.phase = InstancePhase::Busy;
    after.job = after.job.or(job);
    after.busy_since.get_or_insert(now);
    after.unwanted_since = None;
    (after != *instance).then_some(after)
}

/// Whether a retired instance has had its time to power itself off, and is to be terminated. A repeat does no harm.
pub fn is_to_terminate(instance: &Instance, now: Timestamp) -> bool {
    match &instance.phase {
        InstancePhase::Retired { at, .. } => instance.is_open() && now.since(*at) >= limits::POWER_OFF_GRACE,
        _ => false,
    }
}

/// Whether a retired instance counts as a failed launch for the breaker: it never had a job, and that is nobody's wish. One whose
/// agent was up and whose idle registration GitHub dropped has not failed.
pub fn is_failed_launch(instance: &Instance) -> bool {
    let InstancePhase::Retired { reason, .. } = &instance.phase else { return false };
    let had_no_job = instance.busy_since.is_none() && instance.job.is_none();
    let was_up = instance.stage.is_some_and(|s| s >= Stage::AgentStarted && s < Stage::Exited);
    had_no_job
        && match reason {
            Reason::RegistrationSpent => !was_up,
            Reason::NeverClaimed | Reason::MintsExhausted | Reason::GoneFromCloud | Reason::AgentExited => {
                true
            }
            _ => false,
        }
}

/// A job that GitHub must have dropped by now, closed; none while it may still be there. Without this, a job that we may no
/// longer see would be demand for ever.
///
/// Of a matrix GitHub runs others first, which may take longer than a day: a job of one may be dropped a day after the matrix last
/// changed.
pub fn expired(job: &Job, group: Option<&Group>, now: Timestamp) -> Option<Job> {
    let most = match job.phase {
        JobPhase::Completed => return None,
        JobPhase::Waiting => limits::WAITING_MAX,
        JobPhase::Queued => limits::QUEUED_MAX,
        JobPhase::InProgress => limits::RUNNING_MAX,
    };
    let since = group.map_or(job.moved_at, |group| group.changed_at.max(job.moved_at));
    (now.since(since) > most).then(|| Job {
        phase: JobPhase::Completed,
        moved_at: now,
        conclusion: Some("expired".into()),
        ..job.clone()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixtures::{self, NOW};

    #[test]
    fn an_open_job_is_closed_once_github_must_have_dropped_it() {
        let days = |n: u64| Duration::from_secs(n * 24 * 3600);
        let longest = [
            (JobPhase::Waiting, days(31)),
            (JobPhase::Queued, Duration::from_secs(25 * 3600)),
            (JobPhase::InProgress, days(5) + Duration::from_secs(12 * 3600)),
        ];
        for (phase, most) in longest {
            let job = Job { phase, ..fixtures::queued_job(1) };
            assert_eq!(expired(&job, None, NOW + most), None, "{phase:?}");
            let later = NOW + most + Duration::from_millis(1);
            let closed = expired(&job, None, later).map(|job| (job.phase, job.moved_at));
            assert_eq!(closed, Some((JobPhase::Completed, later)), "{phase:?}");
        }
        let over = Job { phase: JobPhase::Completed, ..fixtures::queued_job(1) };
        assert_eq!(expired(&over, None, NOW + days(100)), None);
        let hours = |n: u64| Duration::from_secs(n * 3600);
        let group = Group { changed_at: NOW + days(3), ..fixtures::group() };
        let held = fixtures::queued_job(1);
        assert_eq!(
            expired(&held, Some(&group), NOW + days(3) + hours(25)),
            None,
            "its matrix runs one by one"
        );
        assert!(expired(&held, Some(&group), NOW + days(3) + hours(26)).is_some());
    }
}
