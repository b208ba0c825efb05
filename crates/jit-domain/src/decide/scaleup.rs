//! Gap, choose offerings, and the life of a batch: what to launch for every class with queued jobs.
//!
//! A class's gap is its jobs that may run now or soon and that the matching leaves uncovered. A batch is born for a gap that open slots don't cover;
//! a try is written into its batch before its request is sent, and a repeat is rebuilt from that try alone.
//! Definitions. *Settled*: the try's outcome is launched or refused. *Repeatable*: open or unknown, and last sent longer ago than
//! any handler lives. *Doubtful*: unknown for two minutes; its slots leave supply but still count against the caps.
//! *Lapsed*: slots of a batch that closed while a job needed them; they are gap again, and the class waits before its next batch.

use std::collections::{BTreeMap, BTreeSet};

use crate::class::{Batch, Class, ClassIdentity, Closed, Outcome, Template, Try};
use crate::decide::breaker::{self, Gate};
use crate::decide::caps;
use crate::decide::matching::When;
use crate::decide::supply::{Balance, Observed};
use crate::ids::{BatchId, ClassKey, Cloud, Digest, ImageId, InstanceKey, PoolName, Region};
use crate::instance::Instance;
use crate::limits;
use crate::policy::{Offering, Paused, Pool};
use crate::pool::{OfferingHealth, PoolRecord, Unhealthy};
use crate::reason::Reason;
use crate::time::Timestamp;

mod kept;
mod reply;

pub use self::reply::{Reply, adopt, health_after, instance_of, settle};

/// What a newborn batch is stamped with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// User data of each pool, by digest; its text is in the ledger before a batch names it.
    pub user_data: BTreeMap<PoolName, Digest>,
    /// The claim key that signs boot tokens now.
    pub claim_key: String,
    /// Images that are names of parameters which could not be read: no batch is born with a place that has one, for the batch
    /// would keep the name, and each repeat of its request could mean another image.
    pub unresolved: BTreeSet<(Region, ImageId)>,
}

/// Health of the offerings, by region.
pub type Health = BTreeMap<(Cloud, Region), OfferingHealth>;

/// What becomes of one class. Written in this order: the pool's reservation, then the class; then the requests are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The class.
    pub key: ClassKey,
    /// Its record from now on.
    pub class: Class,
    /// Its pool's record from now on; none when it does not change.
    pub pool: Option<PoolRecord>,
    /// Tries to send now, by batch and number.
    pub sends: Vec<(BatchId, u32)>,
}

/// Decides for every class that has queued jobs or open batches. Classes for which nothing changes are left out.
/// Steps of one pool build on each other, in the order returned: oldest demand first.
pub fn plan(observed: &Observed<'_>, balance: &Balance<'_>, health: &Health, stamp: &Stamp) -> Vec<Step> {
    let gaps = balance.gaps();
    let mut identities: BTreeMap<ClassKey, (Option<Timestamp>, ClassIdentity)> =
        observed.classes.iter().map(|(k, c)| (k.clone(), (None, c.identity.clone()))).collect();
    for (identity, key, demand) in &balance.demand {
        // Who wants a runner soon comes after all who want one now.
        let oldest = (demand.when == When::Now).then_some(demand.oldest);
        let entry = identities.entry(key.clone()).or_insert_with(|| (None, (*identity).clone()));
        entry.0 = entry.0.into_iter().chain(oldest).min();
    }
    let mut order: Vec<_> =
        identities.into_iter().map(|(key, (oldest, id))| (oldest.is_none(), oldest, key, id)).collect();
    order.sort();
    let mut pools = observed.pools.clone();
    let mut steps = Vec::new();
    for (_, _, key, identity) in order {
        let before = observed.classes.get(&key).cloned();
        let class = before.clone().unwrap_or_else(|| Class::new(identity));
        let pool_name = class.identity.pool.clone();
        let mut work = Work {
            observed,
            health,
            stamp,
            key: key.clone(),
            pool: observed.policy.pool(&pool_name),
            record: pools.get(&pool_name).cloned().unwrap_or_default(),
            need: balance.slots_needed(&key),
            sends: Vec::new(),
            class,
        };
        work.advance(gaps.get(&key).copied().unwrap_or(0));
        let Work { class, record, sends, .. } = work;
        let pool =
            (pools.get(&pool_name) != Some(&record) && record != PoolRecord::default()).then_some(record);
        if let Some(record) = &pool {
            pools.insert(pool_name, record.clone());
        }
        if before.as_ref() != Some(&class)
            && (before.is_some() || class.generation > 0 || class.wait.is_some())
        {
            steps.push(Step { key, class, pool, sends });
        }
    }
    steps
}

struct Work<'a> {
    observed: &'a Observed<'a>,
    health: &'a Health,
    stamp: &'a Stamp,
    key: ClassKey,
    pool: Option<&'a Pool>,
    record: PoolRecord,
    class: Class,
    need: u32,
    sends: Vec<(BatchId, u32)>,
}

impl Work<'_> {
    fn now(&self) -> Timestamp {
        self.observed.now
    }

    fn advance(&mut self, gap: u32) {
        let mut batches = std::mem::take(&mut self.class.batches);
        // Full ones first: their success ends an earlier wait, and not one that a lapse of this same look begins.
        for batch in batches.iter_mut().filter(|b| b.closed.is_none()) {
            self.repeat(batch);
            if batch.free_slots() == 0 && !batch.tries.iter().any(is_unsettled) {
                self.close(batch, Reason::Filled);
            }
        }
        for batch in batches.iter_mut().filter(|b| b.closed.is_none()) {
            self.go_on(batch);
        }
        self.class.batches = batches;
        self.forget_closed();
        // A class that is done for needs no watching any more: nobody is left whom its wait could hold back.
        let is_over = self.class.next_launch_at.is_some_and(|until| until <= self.now());
        if gap == 0 && is_over && self.class.batches.is_empty() {
            (self.class.lapses, self.class.next_launch_at) = (0, None);
        }
        self.class.wait = if gap > 0 { self.give_birth(gap).err() } else { None };
    }

    /// Repeats what is open or unknown for long enough, and gives up what no token protects any more.
    fn repeat(&mut self, batch: &mut Batch) {
        let now = self.observed.now;
        for attempt in &mut batch.tries {
            let since = match attempt.outcome {
                Outcome::Launched { .. } | Outcome::Refused { .. } => continue,
                Outcome::Mismatch { looked_at } => {
                    let of_try = |i: &&Instance| i.batch == batch.id && i.try_n == attempt.n;
                    let found = self.observed.instances.iter().filter(of_try).count();
                    attempt.outcome = after_mismatch(looked_at, found, now);
                    continue;
                }
                Outcome::Open => attempt.sent_at.unwrap_or(attempt.born_at),
                Outcome::Unknown { since } => since,
            };
            if now.since(attempt.born_at) >= limits::TRY_GIVEN_UP_AFTER {
                attempt.outcome = Outcome::Refused { reason: Reason::GivenUp };
                attempt.is_doubtful = false;
                continue;
            }
            let wait = match attempt.outcome {
                Outcome::Unknown { .. } => limits::UNKNOWN_REPEAT_AFTER,
                _ => limits::TRY_REPEAT_AFTER,
            };
            if attempt.sent_at.is_some_and(|sent| now.since(sent) < wait) {
                continue;
            }
            attempt.outcome = Outcome::Unknown { since };
            attempt.is_doubtful = now.since(since) >= limits::TRY_DOUBTFUL_AFTER;
            attempt.sent_at = Some(now);
            self.sends.push((batch.id.clone(), attempt.n));
        }
    }

    /// Decides the next try of an open batch, or closes it.
    fn go_on(&mut self, batch: &mut Batch) {
        let now = self.now();
        let is_pending = batch.tries.iter().any(|t| is_unsettled(t) && !t.is_doubtful);
        let may_close = !batch.tries.iter().any(is_unsettled);
        let need = self.need.min(batch.open_slots());
        self.need -= need;
        if is_pending {
            return;
        }
        let reason = if need == 0 {
            Reason::NoNeed
        } else if let Some(reason) = self.is_halted() {
            reason
        } else if let Some(code) = last_throttle(batch) {
            Reason::Throttled { code }
        } else if now.since(batch.born_at) >= limits::BATCH_OPEN_MAX {
            Reason::BatchTooOld
        } else if let Some((offering, most)) =
            self.next_offering(&batch.template.offerings, &batch.template.agent_version, &batch.tries)
        {
            return self.new_try(batch, offering, need.min(most));
        } else {
            Reason::OfferingsExhausted
        };
        if may_close {
            self.close(batch, reason);
        } else if reason != Reason::NoNeed {
            // Only what a doubtful try may have filled stays: nobody launches for the other slots any more.
            batch.slots -= batch.open_slots();
            self.lapse(&reason);
        }
    }

    /// Why nothing new may be launched at all; tries that were sent are still repeated, to learn what came of them.
    fn is_halted(&self) -> Option<Reason> {
        let Some(pool) = self.pool else { return Some(Reason::PoolGone) };
        let is_paused = self.observed.policy.paused == Paused::Yes || pool.paused == Paused::Yes;
        is_paused.then_some(Reason::Paused)
    }

    fn close(&mut self, batch: &mut Batch, reason: Reason) {
        self.lapse(&reason);
        batch.closed = Some(Closed { at: self.now(), reason });
    }

    /// What the end of open slots means for the class's next batch.
    fn lapse(&mut self, reason: &Reason) {
        match reason {
            Reason::Filled => (self.class.lapses, self.class.next_launch_at) = (0, None),
            Reason::NoNeed | Reason::Paused | Reason::PoolGone => {}
            _ => {
                let wait = limits::doubled(limits::LAPSE_WAIT_MIN, self.class.lapses, limits::LAPSE_WAIT_MAX);
                self.class.lapses = self.class.lapses.saturating_add(1);
                self.class.next_launch_at = Some(self.now() + wait);
            }
        }
    }

    /// Closed batches are kept for late instances, but a class must not grow without bound: one that is full goes soon after
    /// all its instances have records, the others after a day, and beyond a fixed size the oldest, full ones first.
    fn forget_closed(&mut self) {
        let now = self.now();
        let observed = self.observed;
        let has_record = |key: &InstanceKey| {
            !observed.unrecorded.contains(key) && observed.instances.iter().any(|known| known.key == *key)
        };
        let is_recorded = |b: &Batch| b.instances.iter().all(has_record);
        let is_kept = |b: &Batch| match &b.closed {
            None => true,
            Some(closed) if is_filled(b) => {
                let kept = if is_recorded(b) { limits::FILLED_KEPT_MIN } else { limits::FILLED_KEPT };
                now.since(closed.at) < kept
            }
            Some(closed) => now.since(closed.at) < limits::BATCH_KEPT,
        };
        let mut batches = std::mem::take(&mut self.class.batches);
        batches.retain(is_kept);
        kept::drop_surplus(&mut batches, |b| is_filled(b) && is_recorded(b));
        self.class.batches = batches;
    }

    /// The next place that is healthy, whose breaker allows a launch, and that this batch has not tried; with the most
    /// instances it may be asked for.
    fn next_offering(
        &self,
        offerings: &[Offering],
        agent_version: &str,
        tries: &[Try],
    ) -> Option<(u32, u32)> {
        offerings.iter().zip(0..).find_map(|(offering, n)| {
            if tries.iter().any(|t| t.offering == n) || !is_healthy(self.health, offering, self.now()) {
                return None;
            }
            match breaker::gate(&self.record, &breaker::key(offering, agent_version), self.now()) {
                Gate::Closed => Some((n, limits::BATCH_SLOTS_MAX)),
                Gate::One => Some((n, 1)),
                Gate::Open { .. } => None,
            }
        })
    }

    fn new_try(&mut self, batch: &mut Batch, offering: u32, count: u32) {
        let now = self.now();
        let n = batch.tries.iter().map(|t| t.n).max().unwrap_or(0) + 1;
        let attempt = Try {
            n,
            offering,
            count,
            born_at: now,
            sent_at: Some(now),
            token_expires_at: now + limits::BOOT_TOKEN_LIFE,
            outcome: Outcome::Open,
            is_doubtful: false,
        };
        if let Some(place) = batch.place(&attempt) {
            let kind = breaker::key(place, &batch.template.agent_version);
            self.record = breaker::launched_one(&self.record, &kind, now);
        }
        batch.tries.push(attempt);
        self.sends.push((batch.id.clone(), n));
    }

    /// Makes a new batch for a gap, or says why not.
    fn give_birth(&mut self, gap: u32) -> Result<(), Reason> {
        let now = self.now();
        let pool = self.pool.ok_or(Reason::PoolGone)?;
        if let Some(reason) = self.is_halted() {
            return Err(reason);
        }
        if self.class.open_batches().count() >= limits::OPEN_BATCHES_MAX {
            return Err(Reason::BatchesOpen);
        }
        let generation = self.class.generation + 1;
        let mut offerings = pool.expand(&self.class.identity.machine, generation);
        let user_data = self.stamp.user_data.get(&pool.name).cloned().ok_or(Reason::NoOffering)?;
        if offerings.is_empty() {
            return Err(Reason::NoOffering);
        }
        let unresolved = &self.stamp.unresolved;
        offerings.retain(|place| !unresolved.contains(&(place.region.clone(), place.image.id.clone())));
        if offerings.is_empty() {
            return Err(Reason::ImageNotResolved);
        }
        let agent_version = &self.observed.policy.agent.version;
        let Some((offering, most)) = self.next_offering(&offerings, agent_version, &[]) else {
            return Err(self.why_no_place(&offerings, agent_version));
        };
        self.waits_after_lapse(&offerings)?;
        let wanted = gap.min(limits::BATCH_SLOTS_MAX).min(most);
        let (slots, limit) = caps::allowed(pool, &self.record, &self.class.identity.scope, wanted, now);
        if slots == 0 {
            return Err(limit.unwrap_or(Reason::PoolCap));
        }
        let id = Class::batch_id(&self.key, generation);
        self.record = caps::reserve(&self.record, &self.key, &self.class.identity.scope, &id, slots, now);
        let mut batch = Batch {
            id,
            born_at: now,
            slots,
            template: self.template(pool, offerings, user_data),
            tries: Vec::new(),
            instances: std::collections::BTreeSet::new(),
            closed: None,
        };
        self.new_try(&mut batch, offering, slots);
        let place = batch.tries.last().and_then(|attempt| batch.place(attempt));
        let kind = place.map(|place| breaker::key(place, agent_version)).unwrap_or_default();
        self.class.generation = generation;
        self.class.batches.push(batch);
        match limit {
            Some(reason) if gap > slots => Err(reason),
            None if gap > slots && most < limits::BATCH_SLOTS_MAX => Err(self.why_one_at_a_time(kind)),
            Some(_) | None => Ok(()),
        }
    }

    /// After lapsed slots the class waits, unless a place that was unhealthy then has become healthy since.
    fn waits_after_lapse(&self, offerings: &[Offering]) -> Result<(), Reason> {
        let Some(until) = self.class.next_launch_at.filter(|until| self.now() < *until) else {
            return Ok(());
        };
        let lapsed_at = self.class.batches.iter().filter_map(|b| b.closed.as_ref()).map(|c| c.at).max();
        let recovered = offerings.iter().any(|o| {
            unhealthy(self.health, o)
                .is_some_and(|p| p.until <= self.now() && lapsed_at.is_some_and(|at| p.until > at))
        });
        if recovered { Ok(()) } else { Err(Reason::WaitsAfterLapse { until }) }
    }

    fn why_one_at_a_time(&self, kind: String) -> Reason {
        Reason::PoolFailing { stage: self.record.breakers.get(&kind).and_then(|b| b.stage) }
    }

    fn why_no_place(&self, offerings: &[Offering], agent_version: &str) -> Reason {
        let open = offerings.iter().filter(|o| is_healthy(self.health, o, self.now())).find_map(|o| {
            match breaker::gate(&self.record, &breaker::key(o, agent_version), self.now()) {
                Gate::Open { stage, .. } => Some(stage),
                Gate::Closed | Gate::One => None,
            }
        });
        if let Some(stage) = open {
            return Reason::PoolFailing { stage };
        }
        let until = offerings.iter().filter_map(|o| unhealthy(self.health, o)).map(|place| place.until);
        Reason::WaitsAfterLapse { until: until.min().unwrap_or(self.now()) }
    }

    fn template(&self, pool: &Pool, offerings: Vec<Offering>, user_data: Digest) -> Template {
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        Template {
            offerings,
            machine: pool.machine.clone(),
            tags: vec![
                tag("Name", &format!("jit-runners/{}", pool.name)),
                tag("jit-runners:deployment", &self.observed.policy.deployment),
                tag("jit-runners:pool", pool.name.as_str()),
                tag("jit-runners:class", self.key.as_str()),
            ],
            user_data,
            claim_key: self.stamp.claim_key.clone(),
            agent_version: self.observed.policy.agent.version.clone(),
        }
    }
}

fn is_filled(batch: &Batch) -> bool {
    batch.closed.as_ref().is_some_and(|closed| closed.reason == Reason::Filled)
}

fn is_unsettled(attempt: &Try) -> bool {
    matches!(attempt.outcome, Outcome::Open | Outcome::Unknown { .. } | Outcome::Mismatch { .. })
}

/// A token that was used with other parameters may have launched instances, and no repeat can tell. They turn up by their tags
/// or by their claims; two looks a minute apart settle the try. One that turns up later may still be adopted.
fn after_mismatch(looked_at: Option<Timestamp>, found: usize, now: Timestamp) -> Outcome {
    match looked_at {
        None => Outcome::Mismatch { looked_at: Some(now) },
        Some(at) if now.since(at) < limits::TRY_REPEAT_AFTER => Outcome::Mismatch { looked_at },
        Some(_) if found > 0 => Outcome::Launched { count: u32::try_from(found).unwrap_or(u32::MAX) },
        Some(_) => Outcome::Refused { reason: Reason::GivenUp },
    }
}

fn last_throttle(batch: &Batch) -> Option<String> {
    match &batch.tries.last()?.outcome {
        Outcome::Refused { reason: Reason::Throttled { code } } => Some(code.clone()),
        _ => None,
    }
}

fn is_healthy(health: &Health, offering: &Offering, now: Timestamp) -> bool {
    unhealthy(health, offering).is_none_or(|place| place.until <= now)
}

/// What is held against a place, or the quota that its instances count against, for the longer; it may be over.
fn unhealthy<'a>(health: &'a Health, offering: &Offering) -> Option<&'a Unhealthy> {
    let unhealthy = &health.get(&(offering.cloud, offering.region.clone()))?.unhealthy;
    let held = [offering.key(), offering.quota_key()].into_iter().filter_map(|key| unhealthy.get(&key));
    held.max_by_key(|held| held.until)
}
