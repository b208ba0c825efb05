//! Sweep: what nobody owns. The cloud's instances, GitHub's runners and the ledger are laid side by side, and whatever has no
//! reason to live is ended.
//!
//! *Orphan instance*: live in the cloud with our deployment's tag, older than five minutes, no open record, and no batch with a
//! place for it. *Ghost runner*: registered under our prefix, offline, not busy, and its instance is not live anywhere.

use std::collections::BTreeMap;

use crate::ids::{BatchId, InstanceKey, RunnerId, RunnerName};
use crate::instance::{Instance, InstancePhase, instance_id_of};
use crate::limits;
use crate::policy::Policy;
use crate::reason::Reason;
use crate::time::Timestamp;

/// An instance as the cloud lists it: pending or running, with our deployment's tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: InstanceKey,
    /// When the cloud launched it.
    pub launched_at: Timestamp,
    /// The batch named in its tags.
    pub batch: Option<BatchId>,
    /// Whether that batch has a place for it, or has its id already.
    pub place: Place,
}

/// Whether a batch accounts for an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Its record is to be made.
    Adopt,
    /// None does.
    None,
}

/// What a sweep does to the cloud and the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Instances to terminate, with the reason.
    pub terminate: Vec<(InstanceKey, Reason)>,
    /// Instances to adopt: their batch accounts for them, but they have no record.
    pub adopt: Vec<(InstanceKey, BatchId)>,
    /// Records to write.
    pub write: Vec<Instance>,
    /// Why only what was retired before is ended, when that was the safer thing.
    pub held_back: Option<Reason>,
}

/// Decides a sweep over one region. `listed` is a whole listing; `records` are all records of that region, also closed ones
/// by key where they are still kept.
pub fn sweep(
    policy: &Policy,
    records: &BTreeMap<InstanceKey, Instance>,
    listed: &[Listed],
    now: Timestamp,
) -> Sweep {
    let mut sweep = Sweep::default();
    // What this sweep itself judges, from a listing and a clock that may be wrong. What was retired before was judged one by one.
    let mut judged = Sweep::default();
    for seen in listed {
        match records.get(&seen.key) {
            Some(record) => of_record(policy, record, now, &mut sweep, &mut judged),
            None if now.since(seen.launched_at) < limits::ORPHAN_GRACE => {}
            None => match (seen.place, &seen.batch) {
                (Place::Adopt, Some(batch)) => sweep.adopt.push((seen.key.clone(), batch.clone())),
                (Place::Adopt | Place::None, _) => judged.terminate.push((seen.key.clone(), Reason::NotOurs)),
            },
        }
    }
    let live = listed.len();
    let is_large = judged.terminate.len() * 100 > live * limits::SWEEP_SHARE_MAX_PERCENT as usize;
    if live >= limits::SWEEP_SHARE_FROM && is_large {
        sweep.held_back = Some(Reason::TooManyAtOnce);
    } else {
        sweep.terminate.append(&mut judged.terminate);
        sweep.write = judged.write;
    }
    sweep
}

fn of_record(policy: &Policy, record: &Instance, now: Timestamp, sweep: &mut Sweep, judged: &mut Sweep) {
    let pool = policy.pool(&record.pool);
    match &record.phase {
        InstancePhase::Retired { at, reason } => {
            if now.since(*at) >= limits::POWER_OFF_GRACE {
                sweep.terminate.push((record.key.clone(), reason.clone()));
            }
        }
        InstancePhase::Busy => {
            let job_max = pool.map_or(limits::JOB_MAX_DEFAULT, |p| p.ages.job_max);
            if record.busy_since.is_some_and(|since| now.since(since) >= job_max) {
                judged.write.push(record.clone().retired(now, Reason::JobTooLong));
                judged.terminate.push((record.key.clone(), Reason::JobTooLong));
            }
        }
        InstancePhase::Launched | InstancePhase::Minting | InstancePhase::Claimed => {}
    }
}

/// Whether an instance that ends now may leave its registration behind: it had one, and no job of it has ended, as with the end
/// of its job GitHub removes a runner by itself.
pub fn may_leave_ghost(ended: &Instance) -> bool {
    let has_done = matches!(&ended.phase, InstancePhase::Retired { reason: Reason::JobFinished, .. });
    ended.mint().is_some() && !has_done
}

/// A registration as GitHub lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its id.
    pub runner: RunnerId,
    /// Its name.
    pub name: RunnerName,
    /// What it does.
    pub activity: super::rebalancer::Activity,
}

/// The ghosts among a scope's registrations. `live` says whether an instance id is live in the cloud or open in the ledger;
/// none when the cloud could not be asked: then there are no ghosts.
pub fn ghosts(
    prefix: &str,
    registered: &[Registered],
    live: impl Fn(&str) -> Option<Liveness>,
) -> Vec<RunnerId> {
    let is_ghost = |r: &&Registered| {
        r.activity == super::rebalancer::Activity::Offline
            && instance_id_of(prefix, r.name.as_str())
                .is_some_and(|id| is_cloud_id(id) && live(id) == Some(Liveness::Gone))
    };
    registered.iter().filter(is_ghost).map(|r| r.runner).collect()
}

/// Whether a text is an id that EC2 gives: another deployment's prefix may begin with ours, and people name runners too.
/// The form is that of <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>.
fn is_cloud_id(id: &str) -> bool {
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    id.strip_prefix("i-").is_some_and(|digits| matches!(digits.len(), 8 | 17) && digits.bytes().all(is_digit))
}

/// Whether an instance id is known anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// In the cloud, or open in the ledger.
    Live,
    /// In neither.
    Gone,
}
