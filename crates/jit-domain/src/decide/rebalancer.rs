//! Evidence: what the cloud's and GitHub's listings say of each instance, and which runs GitHub is asked about.
//!
//! A listing that failed proves nothing: its view is `Unknown`. A runner that a whole listing (answered 200, all pages)
//! does not have is no longer registered. A busy runner is never touched here.

use std::collections::BTreeMap;

use crate::decide::supply::{Balance, Evidence, Observed};
use crate::decide::{admission, lifecycle};
use crate::ids::{GroupKey, InstallationId, InstanceKey, RepositoryName, RunId, RunnerId};
use crate::instance::{Instance, InstancePhase, Stage, instance_id_of};
use crate::job::{Job, JobPhase};
use crate::limits;
use crate::reason::Reason;
use crate::time::Timestamp;

/// What the cloud says of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudView {
    /// Pending or running.
    Live,
    /// Shutting down or terminated.
    Ended,
    /// A whole listing that can be believed does not have it.
    Absent,
    /// Not listed, or the listing failed.
    Unknown,
}

/// What GitHub says of an instance's last registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerView {
    /// Registered.
    Listed {
        /// Its id.
        runner: RunnerId,
        /// Whether it has a job.
        activity: Activity,
    },
    /// A whole listing answered with 200 does not have it.
    NotListed,
    /// Not asked, or no answer.
    Unknown,
}

/// Whether a runner has a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It has one.
    Busy,
    /// It is connected and has none.
    Idle,
    /// It is not connected.
    Offline,
}

/// What to do about an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write the record.
    Write(Instance),
    /// Deregister the runner first: 204 or gone, then write; busy, then mark it busy instead.
    Deregister {
        /// The registration.
        runner: RunnerId,
        /// The record once that has happened.
        then: Instance,
        /// The group that is narrowed before: its probe idled.
        narrows: Option<GroupKey>,
    },
    /// Nothing.
    Leave,
}

/// Weighs the evidence about one open instance.
pub fn evidence(
    observed: &Observed<'_>,
    balance: &Balance<'_>,
    instance: &Instance,
    cloud: CloudView,
    runner: RunnerView,
) -> Step {
    let now = observed.now;
    if let Some(ended) = ended(instance, cloud, now) {
        return Step::Write(ended);
    }
    match instance.phase {
        InstancePhase::Retired { .. } => Step::Leave,
        InstancePhase::Launched => match observed.evidence(instance) {
            Evidence::Overdue if instance.waiting_since.is_some() => {
                retire(instance, Reason::WaitedTooLong, now)
            }
            Evidence::Overdue => retire(instance, Reason::NeverClaimed, now),
            Evidence::Free | Evidence::Covering | Evidence::Nothing => Step::Leave,
        },
        InstancePhase::Minting => minting(instance, runner, now),
        InstancePhase::Claimed => claimed(observed, balance, instance, runner),
        InstancePhase::Busy => match runner {
            RunnerView::NotListed if instance.job.is_none() => {
                retire(instance, Reason::RegistrationSpent, now)
            }
            // GitHub gave it a job and took the job back: its agent did not pick it up, and is as good as any idle one.
            RunnerView::Listed { activity: Activity::Idle | Activity::Offline, runner }
                if instance.job.is_none() =>
            {
                idle(balance, instance, runner, now)
            }
            RunnerView::NotListed | RunnerView::Listed { .. } | RunnerView::Unknown => Step::Leave,
        },
    }
}

/// The record of an instance that the cloud no longer runs.
fn ended(instance: &Instance, cloud: CloudView, now: Timestamp) -> Option<Instance> {
    let is_gone = match cloud {
        CloudView::Live | CloudView::Unknown => false,
        CloudView::Ended => true,
        // Listings are eventually consistent: a young instance may not be in one yet.
        CloudView::Absent => now.since(instance.launched_at) >= limits::ORPHAN_GRACE,
    };
    if !is_gone {
        return None;
    }
    let mut after = instance.clone().retired(now, Reason::GoneFromCloud);
    after.ended_at = Some(now);
    Some(after)
}

fn retire(instance: &Instance, reason: Reason, now: Timestamp) -> Step {
    Step::Write(instance.clone().retired(now, reason))
}

/// A registration that was being made, by an instance that never came back for it.
fn minting(instance: &Instance, runner: RunnerView, now: Timestamp) -> Step {
    let since = instance.mint().map_or(instance.launched_at, |m| m.at);
    match runner {
        RunnerView::Listed { activity: Activity::Busy, .. } => busy(instance, now),
        _ if now.since(since) < limits::IDLE_MAX => Step::Leave,
        RunnerView::Listed { runner, .. } => deregister(runner, instance, Reason::NeverClaimed, now),
        RunnerView::NotListed => retire(instance, Reason::NeverClaimed, now),
        RunnerView::Unknown => Step::Leave,
    }
}

fn claimed(observed: &Observed<'_>, balance: &Balance<'_>, instance: &Instance, runner: RunnerView) -> Step {
    let now = observed.now;
    let since = instance.mint().map_or(instance.launched_at, |m| m.at);
    let is_listing_late = now.since(since) < limits::LISTING_LAG;
    match runner {
        RunnerView::Unknown => Step::Leave,
        RunnerView::Listed { activity: Activity::Busy, .. } => busy(instance, now),
        RunnerView::NotListed if is_listing_late => Step::Leave,
        RunnerView::NotListed if instance.stage >= Some(Stage::Exited) => {
            retire(instance, Reason::AgentExited, now)
        }
        RunnerView::NotListed => retire(instance, Reason::RegistrationSpent, now),
        RunnerView::Listed { activity: Activity::Offline, runner }
            if now.since(since) >= limits::OFFLINE_MAX =>
        {
            deregister(runner, instance, Reason::NeverClaimed, now)
        }
        RunnerView::Listed { activity: Activity::Idle, runner } => {
            probed(observed, balance, instance, runner)
        }
        RunnerView::Listed { activity: Activity::Offline, runner } => idle(balance, instance, runner, now),
    }
}

fn deregister(runner: RunnerId, instance: &Instance, reason: Reason, now: Timestamp) -> Step {
    Step::Deregister { runner, then: instance.clone().retired(now, reason), narrows: None }
}

/// A connected runner that was to find out whether its group is wider has done so after a minute.
fn probed(observed: &Observed<'_>, balance: &Balance<'_>, instance: &Instance, runner: RunnerId) -> Step {
    let now = observed.now;
    if let Some(group) = admission::idle_probe(observed, &balance.admission, instance) {
        let then = instance.clone().retired(now, Reason::ProbeIdled);
        return Step::Deregister { runner, then, narrows: Some(group) };
    }
    idle(balance, instance, runner, now)
}

/// A registered runner without a job: left alone while a job needs it, else deregistered after two minutes.
fn idle(balance: &Balance<'_>, instance: &Instance, runner: RunnerId, now: Timestamp) -> Step {
    let mut after = instance.clone();
    if balance.needs(&instance.key) {
        after.unwanted_since = None;
    } else {
        let since = *after.unwanted_since.get_or_insert(now);
        if now.since(since) >= limits::IDLE_MAX {
            return deregister(runner, &after, Reason::NotNeeded, now);
        }
    }
    if after == *instance { Step::Leave } else { Step::Write(after) }
}

fn busy(instance: &Instance, now: Timestamp) -> Step {
    lifecycle::busy(instance, None, now).map_or(Step::Leave, Step::Write)
}

/// A run that GitHub is asked about.
pub type Asked = (InstallationId, RepositoryName, RunId);

/// Which runs to ask about in this pass, those with the oldest doubt first; at most [`limits::RUNS_ASKED_MAX`].
///
/// Doubt is: a job in progress whose instance is retired, ended or unknown; a busy runner whose job we don't know (then the runs
/// of open jobs that it reaches); a job that has not moved, nor been asked about, for two minutes, or for ten if it runs or is held.
pub fn runs_to_ask(observed: &Observed<'_>) -> Vec<Asked> {
    let now = observed.now;
    let live: BTreeMap<&InstanceKey, &Instance> = observed.instances.iter().map(|i| (&i.key, i)).collect();
    let unknown: Vec<&Instance> =
        observed.instances.iter().filter(|i| i.phase == InstancePhase::Busy && i.job.is_none()).collect();
    let admission = admission::admit(observed);
    let mut asked: BTreeMap<Asked, Timestamp> = BTreeMap::new();
    for (_, job) in observed.jobs {
        let last = job.asked_at.map_or(job.moved_at, |at| at.max(job.moved_at));
        let quiet = now.since(last);
        let in_doubt = match job.phase {
            JobPhase::InProgress => {
                is_runner_lost(&observed.policy.runner_prefix, job, &live)
                    || quiet >= limits::RUNNING_ASK_AFTER
            }
            JobPhase::Queued | JobPhase::Waiting => {
                let is_held = admission.holds(job.id);
                let patience = if is_held { limits::RUNNING_ASK_AFTER } else { limits::JOB_ASK_AFTER };
                unknown.iter().any(|i| may_run(i, job)) || quiet >= patience
            }
            JobPhase::Completed => false,
        };
        if in_doubt && (job.asked_at.is_none_or(|at| now.since(at) >= limits::ASK_AGAIN_AFTER)) {
            let oldest = asked.entry((job.installation, job.repository.clone(), job.run)).or_insert(last);
            *oldest = last.min(*oldest);
        }
    }
    let mut asked: Vec<_> = asked.into_iter().map(|(run, last)| (last, run)).collect();
    asked.sort();
    asked.truncate(limits::RUNS_ASKED_MAX);
    asked.into_iter().map(|(_, run)| run).collect()
}

/// Whether a job runs on a runner of ours whose instance is retired or gone. What runs on somebody else's is not ours to doubt.
fn is_runner_lost(prefix: &str, job: &Job, live: &BTreeMap<&InstanceKey, &Instance>) -> bool {
    let is_ours = job.runner.as_ref().is_none_or(|r| instance_id_of(prefix, r.name.as_str()).is_some());
    is_ours && !live.values().any(|i| i.job == Some(job.id) && !i.is_retired())
}

fn may_run(instance: &Instance, job: &Job) -> bool {
    instance.installation == job.installation && instance.scope.owner() == job.repository.owner()
}
