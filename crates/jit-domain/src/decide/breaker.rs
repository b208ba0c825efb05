//! The launch breaker: three instances of one kind in a row that ended without a job, and that kind is launched one at a time,
//! with a delay that doubles. One job started closes it; so does another image or agent version, which is another kind.

use crate::instance::{Instance, Stage};
use crate::limits;
use crate::policy::Offering;
use crate::pool::{Breaker, PoolRecord};
use crate::time::Timestamp;

/// The kind that a breaker is for, within its pool: image, agent version and offering.
pub fn key(offering: &Offering, agent_version: &str) -> String {
    format!("{}/{agent_version}/{}", offering.image.id, offering.key())
}

/// Whether a kind may be launched now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// As many as wanted.
    Closed,
    /// One, to see whether it works again.
    One,
    /// None before that time.
    Open {
        /// When the next one may be launched.
        next_at: Timestamp,
        /// How far the last instance came.
        stage: Option<Stage>,
    },
}

/// Looks at the breaker of a kind.
pub fn gate(record: &PoolRecord, kind: &str, now: Timestamp) -> Gate {
    match record.breakers.get(kind) {
        Some(Breaker { next_at: Some(next_at), stage, .. }) if now < *next_at => {
            Gate::Open { next_at: *next_at, stage: *stage }
        }
        Some(Breaker { next_at: Some(_), .. }) => Gate::One,
        Some(Breaker { next_at: None, .. }) | None => Gate::Closed,
    }
}

/// The record once a single instance is launched through an open breaker: the next one waits.
pub fn launched_one(record: &PoolRecord, kind: &str, now: Timestamp) -> PoolRecord {
    let mut after = record.clone();
    if let Some(breaker) = after.breakers.get_mut(kind).filter(|b| b.next_at.is_some()) {
        breaker.next_at = Some(now + delay(breaker.failures));
    }
    after
}

/// The record once an instance ended without a job.
pub fn failed(record: &PoolRecord, kind: &str, instance: &Instance, now: Timestamp) -> PoolRecord {
    let mut after = record.clone();
    let breaker =
        after.breakers.entry(kind.to_owned()).or_insert(Breaker { failures: 0, stage: None, next_at: None });
    breaker.failures = breaker.failures.saturating_add(1);
    breaker.stage = instance.stage;
    if breaker.failures >= limits::BREAKER_FAILURES {
        breaker.next_at = Some(now + delay(breaker.failures));
    }
    after
}

/// The record once an instance was given a job; none when there was nothing to close.
pub fn succeeded(record: &PoolRecord, kind: &str) -> Option<PoolRecord> {
    let mut after = record.clone();
    after.breakers.remove(kind).map(|_| after)
}

fn delay(failures: u32) -> std::time::Duration {
    let over = failures.saturating_sub(limits::BREAKER_FAILURES);
    limits::doubled(limits::BREAKER_DELAY_MIN, over, limits::BREAKER_DELAY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use std::time::Duration;

    #[test]
    fn three_failures_in_a_row_open_it_and_one_success_closes_it() {
        let now = Timestamp::from_s(1000);
        let instance = fixtures::instance("i-1");
        let mut record = PoolRecord::default();
        for _ in 0..2 {
            record = failed(&record, "k", &instance, now);
            assert_eq!(gate(&record, "k", now), Gate::Closed);
        }
        record = failed(&record, "k", &instance, now);
        let next_at = now + Duration::from_secs(60);
        assert_eq!(gate(&record, "k", now), Gate::Open { next_at, stage: None });
        assert_eq!(gate(&record, "another image", now), Gate::Closed);
        assert_eq!(gate(&record, "k", next_at), Gate::One);
        record = launched_one(&record, "k", next_at);
        assert!(matches!(gate(&record, "k", next_at), Gate::Open { .. }));
        record = failed(&record, "k", &instance, next_at);
        assert_eq!(
            gate(&record, "k", next_at),
            Gate::Open { next_at: next_at + Duration::from_secs(120), stage: None }
        );
        assert_eq!(gate(&succeeded(&record, "k").unwrap(), "k", next_at), Gate::Closed);
    }

    #[test]
    fn the_delay_never_passes_half_an_hour() {
        assert_eq!(delay(500), limits::BREAKER_DELAY_MAX);
    }
}
