//! What keeps failing is launched one at a time.
//! A *kind* is what a breaker is for: pool, image and place. It *fails* when one of its instances is retired without ever having had
//! a job, for a reason that is nobody's wish; a job on one of its instances ends the row.
//! Not here: how long single launches wait for each other.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jit_domain::class::Class;
use jit_domain::instance::{Instance, InstancePhase};
use jit_domain::policy::Offering;
use jit_domain::reason::Reason;

use super::{Checks, DECIDING, Promise};

/// What is remembered of kinds.
#[derive(Debug, Default)]
pub struct Breakers {
    /// Of each kind that failed: when the third failure in a row was on record.
    broken_since: BTreeMap<String, Timestamp>,
    failures: BTreeMap<String, u32>,
    /// Tries that were looked at.
    seen: std::collections::BTreeSet<(String, u32)>,
}

/// Failures in a row from which on a kind is launched one at a time.
const FAILURES: u32 = 3;
impl Checks {
    /// Takes in an instance's record as it is written over `before`.
    pub(super) fn note_failure(&mut self, now: Timestamp, before: Option<&Instance>, after: &Instance) {
        let kind = kind_of(after.pool.as_str(), &after.offering);
        if after.busy_since.is_some() || after.job.is_some() {
            self.breakers.failures.remove(&kind);
            self.breakers.broken_since.remove(&kind);
            return;
        }
        let is_failure = matches!(
            &after.phase,
            InstancePhase::Retired {
                reason: Reason::NeverClaimed | Reason::GoneFromCloud | Reason::AgentExited,
                ..
            }
        );
        if is_failure && before.is_some_and(|before| !before.is_retired()) {
            let failures = self.breakers.failures.entry(kind.clone()).or_default();
            *failures += 1;
            if *failures == FAILURES {
                self.breakers.broken_since.insert(kind, now);
            }
        }
    }

    /// Looks at the tries that a written class holds for the first time.
    pub(super) fn check_breakers(&mut self, now: Timestamp, class: &Class) {
        let mut over = Vec::new();
        for batch in &class.batches {
            for attempt in &batch.tries {
                if !self.breakers.seen.insert((batch.id.as_str().to_owned(), attempt.n)) {
                    continue;
                }
                let Some(place) = batch.place(attempt) else { continue };
                let kind = kind_of(class.identity.pool.as_str(), place);
                let since = self.breakers.broken_since.get(&kind);
                if attempt.count > 1 && since.is_some_and(|since| now.duration_since(*since) > DECIDING) {
                    over.push(format!("{} instances of a kind that keeps failing: {kind}", attempt.count));
                }
            }
        }
        for what in over {
            self.violated(now, Promise::Frugality, what);
        }
    }
}

fn kind_of(pool: &str, place: &Offering) -> String {
    format!("{pool}/{}/{}", place.image.id.as_str(), place.key())
}
