//! What an answer of a cloud does to its try, its batch and the health of its place; and how an instance that was found
//! otherwise takes a slot. What is tried next is decided in `../scaleup.rs`.

use crate::class::{Class, Outcome};
use crate::ids::{BatchId, InstanceKey};
use crate::instance::Instance;
use crate::limits;
use crate::policy::Offering;
use crate::pool::{OfferingHealth, Unhealthy};
use crate::reason::Reason;
use crate::time::Timestamp;

/// What a cloud's answer to a try means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// These instances are there, or on their way.
    Launched {
        /// Those that live.
        live: Vec<InstanceKey>,
        /// Those that have ended since: the answer to a repeat may name them.
        ended: Vec<InstanceKey>,
    },
    /// Nothing was launched.
    Refused(Reason),
    /// Nobody knows.
    Unknown,
    /// The token was used before with other parameters.
    Mismatch,
}

/// The class once a try was answered. An answer to a try that is settled already changes nothing but adds instances.
pub fn settle(class: &Class, batch: &BatchId, n: u32, reply: &Reply, now: Timestamp) -> Class {
    let mut after = class.clone();
    let Some(batch) = after.batches.iter_mut().find(|b| &b.id == batch) else { return after };
    if let Reply::Launched { live, ended: _ } = reply {
        batch.instances.extend(live.iter().cloned());
    }
    let Some(attempt) = batch.tries.iter_mut().find(|t| t.n == n) else { return after };
    if matches!(attempt.outcome, Outcome::Launched { .. } | Outcome::Refused { .. }) {
        return after;
    }
    attempt.outcome = match reply {
        Reply::Launched { live, ended } => {
            Outcome::Launched { count: u32::try_from(live.len() + ended.len()).unwrap_or(u32::MAX) }
        }
        Reply::Refused(reason) if is_unknown(&attempt.outcome) && !tells_of_token(reason) => {
            attempt.outcome.clone()
        }
        Reply::Refused(reason) => Outcome::Refused { reason: reason.clone() },
        Reply::Unknown if is_unknown(&attempt.outcome) => attempt.outcome.clone(),
        Reply::Unknown => Outcome::Unknown { since: attempt.sent_at.unwrap_or(now) },
        Reply::Mismatch => Outcome::Mismatch { looked_at: None },
    };
    if !is_unknown(&attempt.outcome) {
        attempt.is_doubtful = false;
    }
    after
}

fn is_unknown(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unknown { .. })
}

/// Whether a refusal says that the token's first request launched nothing. The cloud asks for capacity and quota when it carries
/// a token out for the first time. Rate, credentials, clock and parameters are judged before the token is looked at, and what
/// could not be built was never judged: these say nothing of an earlier request.
fn tells_of_token(reason: &Reason) -> bool {
    matches!(reason, Reason::InsufficientCapacity { .. } | Reason::Quota { .. })
}

/// The health of a try's place after its answer; none when that does not change.
pub fn health_after(
    health: &OfferingHealth,
    offering: &Offering,
    reply: &Reply,
    is_doubtful: bool,
    now: Timestamp,
) -> Option<OfferingHealth> {
    let mut after = health.clone();
    let bad = match reply {
        Reply::Refused(Reason::InsufficientCapacity { .. } | Reason::Refused { .. }) => Some(offering.key()),
        // No other subnet of the region has more of it.
        Reply::Refused(Reason::Quota { .. }) => Some(offering.quota_key()),
        Reply::Unknown if is_doubtful => Some(offering.key()),
        Reply::Launched { .. } => None,
        Reply::Unknown | Reply::Refused(_) | Reply::Mismatch => return None,
    };
    if let Some(bad) = bad {
        let place = after.unhealthy.entry(bad).or_insert(Unhealthy { until: now, streak: 0 });
        place.until = now + limits::doubled(limits::UNHEALTHY_MIN, place.streak, limits::UNHEALTHY_MAX);
        place.streak = place.streak.saturating_add(1);
    } else {
        after.unhealthy.remove(&offering.key());
        after.unhealthy.remove(&offering.quota_key());
    }
    (after != *health).then_some(after)
}

/// The record of an instance that a try launched. None when the try or its place is not in the batch.
pub fn instance_of(class: &Class, batch: &BatchId, n: u32, key: &InstanceKey) -> Option<Instance> {
    let batch = class.batch(batch)?;
    let attempt = batch.try_of(n)?;
    let launch = (batch.id.clone(), n, attempt.born_at);
    Some(Instance::launched(key.clone(), &class.identity, launch, batch.place(attempt)?.clone()))
}

/// Takes a slot of a batch for an instance that was found by its claim or its tags: if its id is there already, or a slot is
/// open, lapsed or doubtful and the class still needs it. None when there is no place for it.
pub fn adopt(class: &Class, batch: &BatchId, key: &InstanceKey, is_needed: bool) -> Option<Class> {
    let known = class.batch(batch)?;
    if known.instances.contains(key) {
        return Some(class.clone());
    }
    if known.free_slots() == 0 || !is_needed {
        return None;
    }
    let mut after = class.clone();
    let batch = after.batches.iter_mut().find(|b| &b.id == batch)?;
    batch.instances.insert(key.clone());
    Some(after)
}
