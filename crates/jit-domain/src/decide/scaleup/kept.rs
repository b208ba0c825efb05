//! Which closed batches a class lets go so that its record stays small enough for every ledger.
//! Not here: which of them are of no use any more, and go anyway.

use crate::class::Batch;
use crate::limits;

/// What a batch counts for.
type Weight = fn(&Batch) -> usize;

/// Lets closed batches go, the oldest first, until as many are left as may be, with as many instances as may be. Those that
/// are `useless` go before any other.
pub(super) fn drop_surplus(batches: &mut Vec<Batch>, useless: impl Fn(&Batch) -> bool) {
    let goes: [&dyn Fn(&Batch) -> bool; 2] = [&useless, &|_| true];
    let bounds: [(usize, Weight); 2] =
        [(limits::CLOSED_BATCHES_MAX, |_| 1), (limits::CLOSED_INSTANCES_MAX, |b| b.instances.len())];
    for (most, weight) in bounds {
        let closed: usize = batches.iter().filter(|b| b.closed.is_some()).map(weight).sum();
        let mut surplus = closed.saturating_sub(most);
        for goes in goes {
            batches.retain(|b| {
                let is_dropped = surplus > 0 && b.closed.is_some() && goes(b);
                if is_dropped {
                    surplus = surplus.saturating_sub(weight(b));
                }
                !is_dropped
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::{Closed, Template};
    use crate::ids::{BatchId, Cloud, Digest, InstanceKey, Region};
    use crate::policy::Machine;
    use crate::reason::Reason;
    use crate::time::Timestamp;

    fn batch(name: &str, instances: usize, closed: bool) -> Batch {
        let key = |n: usize| InstanceKey {
            cloud: Cloud::Aws,
            region: Region::new("us-east-1"),
            id: format!("{name}-{n}"),
        };
        Batch {
            id: BatchId::new(name),
            born_at: Timestamp::from_s(0),
            slots: limits::BATCH_SLOTS_MAX,
            template: Template {
                offerings: Vec::new(),
                machine: Machine::default(),
                tags: Vec::new(),
                user_data: Digest::new("d"),
                claim_key: String::new(),
                agent_version: String::new(),
            },
            tries: Vec::new(),
            instances: (0..instances).map(key).collect(),
            closed: closed.then(|| Closed { at: Timestamp::from_s(1), reason: Reason::Filled }),
        }
    }

    fn names(batches: &[Batch]) -> Vec<&str> {
        batches.iter().map(|b| b.id.as_str()).collect()
    }

    #[test]
    fn the_oldest_go_first_and_open_ones_never() {
        let mut batches = vec![batch("open", 256, false)];
        batches.extend((0..limits::CLOSED_BATCHES_MAX + 2).map(|n| batch(&n.to_string(), 1, true)));
        drop_surplus(&mut batches, |_| false);
        assert_eq!(batches.len(), 1 + limits::CLOSED_BATCHES_MAX);
        assert_eq!(names(&batches)[..2], ["open", "2"]);
    }

    #[test]
    fn the_useless_go_before_the_others() {
        let mut batches: Vec<Batch> =
            (0..limits::CLOSED_BATCHES_MAX + 2).map(|n| batch(&n.to_string(), 1, true)).collect();
        drop_surplus(&mut batches, |b| b.id.as_str() == "7");
        assert_eq!(names(&batches)[..7], ["1", "2", "3", "4", "5", "6", "8"]);
    }

    #[test]
    fn their_instances_are_bounded_too() {
        let full = usize::try_from(limits::BATCH_SLOTS_MAX).unwrap();
        let most = limits::CLOSED_INSTANCES_MAX / full;
        let mut batches = vec![batch("small", 0, true), batch("open", full, false)];
        batches.extend((0..most + 1).map(|n| batch(&n.to_string(), full, true)));
        drop_surplus(&mut batches, |b| !b.instances.is_empty());
        assert_eq!(names(&batches)[..3], ["small", "open", "1"]);
        assert_eq!(batches.len(), most + 2);
    }
}
