//! Ceilings: how many slots a new batch may have, and what every reservation should be.
//! Slots are reserved under the batch's id before the batch is born, so racing launches can't pass a cap together.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::class::{Class, Scope};
use crate::ids::{BatchId, ClassKey};
use crate::instance::Instance;
use crate::limits;
use crate::policy::{Caps, Paused, Pool};
use crate::pool::{LaunchCount, PoolRecord, Reservation};
use crate::reason::Reason;
use crate::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);

/// How many of `wanted` slots the caps allow a class of that scope now, and what limits them if not all.
pub fn allowed(
    pool: &Pool,
    record: &PoolRecord,
    scope: &Scope,
    wanted: u32,
    now: Timestamp,
) -> (u32, Option<Reason>) {
    if pool.paused == Paused::Yes {
        return (0, Some(Reason::Paused));
    }
    if let Scope::Organisation(login) = scope
        && let Some(fault) = record.groups.get(login).and_then(|look| look.fault.clone())
    {
        return (0, Some(Reason::RunnerGroup { fault }));
    }
    let Caps { instances, instances_per_organisation, instances_per_repository, launches_per_hour } =
        pool.caps;
    let held = |f: &dyn Fn(&Reservation) -> bool| {
        record.reservations.values().filter(|r| f(r)).map(|r| r.slots).sum::<u32>()
    };
    let recent: u32 = record.launches.iter().filter(|l| now.since(l.at) < HOUR).map(|l| l.slots).sum();
    let owner = scope.owner();
    let mut limits = vec![(instances.saturating_sub(held(&|_| true)), Reason::PoolCap)];
    if let Some(cap) = instances_per_organisation {
        limits.push((cap.saturating_sub(held(&|r| r.scope.owner() == owner)), Reason::OrganisationCap));
    }
    if let (Some(cap), Scope::Repository(_)) = (instances_per_repository, scope) {
        limits.push((cap.saturating_sub(held(&|r| r.scope == *scope)), Reason::RepositoryCap));
    }
    if let Some(cap) = launches_per_hour {
        limits.push((cap.saturating_sub(recent), Reason::LaunchesPerHour));
    }
    match limits.into_iter().min_by_key(|(left, _)| *left) {
        Some((left, reason)) if left < wanted => (left, Some(reason)),
        _ => (wanted, None),
    }
}

/// The pool's record once a batch has its slots.
pub fn reserve(
    record: &PoolRecord,
    class: &ClassKey,
    scope: &Scope,
    batch: &BatchId,
    slots: u32,
    now: Timestamp,
) -> PoolRecord {
    let mut after = record.clone();
    let reservation = Reservation { class: class.clone(), scope: scope.clone(), slots, at: now };
    after.reservations.insert(batch.clone(), reservation);
    after.launches.retain(|l| now.since(l.at) < HOUR);
    after.launches.push(LaunchCount { at: now, slots });
    after
}

/// What the reservations should be: for each batch its open and doubtful slots and its instances that have not ended.
/// A reservation without a batch is kept for 60 s, as the batch may be about to be born. None when nothing is to be released.
pub fn release(
    record: &PoolRecord,
    classes: &BTreeMap<ClassKey, Class>,
    instances: &[Instance],
    now: Timestamp,
) -> Option<PoolRecord> {
    let mut after = record.clone();
    after.reservations.retain(|id, reservation| {
        let batch = classes.get(&reservation.class).and_then(|c| c.batch(id));
        if batch.is_none() && now.since(reservation.at) < limits::RESERVATION_UNBORN_MAX {
            return true;
        }
        let slots = batch.map_or(0, |b| b.open_slots() + b.doubtful_slots());
        let live = instances.iter().filter(|i| i.batch == *id && i.is_open()).count();
        let needed = slots + u32::try_from(live).unwrap_or(u32::MAX);
        reservation.slots = reservation.slots.min(needed);
        reservation.slots > 0
    });
    (after != *record).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::runner_group::GroupFault;
    use crate::fixtures;
    use crate::pool::GroupLook;

    fn now() -> Timestamp {
        Timestamp::from_s(1_000_000)
    }

    #[test]
    fn the_tightest_cap_limits_and_names_itself() {
        let mut pool = fixtures::pool("p");
        pool.caps = Caps {
            instances: 10,
            instances_per_organisation: Some(5),
            instances_per_repository: None,
            launches_per_hour: Some(7),
        };
        let scope = fixtures::class_identity().scope;
        let empty = PoolRecord::default();
        assert_eq!(allowed(&pool, &empty, &scope, 3, now()), (3, None));
        assert_eq!(allowed(&pool, &empty, &scope, 20, now()), (5, Some(Reason::OrganisationCap)));
        let taken = reserve(&empty, &ClassKey::new("c"), &scope, &BatchId::new("b"), 3, now());
        assert_eq!(allowed(&pool, &taken, &scope, 20, now()), (2, Some(Reason::OrganisationCap)));
        let other = Scope::Organisation(crate::ids::Login::new("other"));
        assert_eq!(allowed(&pool, &taken, &other, 20, now()), (4, Some(Reason::LaunchesPerHour)));
        let later = now() + HOUR;
        assert_eq!(allowed(&pool, &taken, &other, 20, later), (5, Some(Reason::OrganisationCap)));
    }

    #[test]
    fn a_reservation_whose_batch_was_never_born_is_released_after_a_minute() {
        let scope = fixtures::class_identity().scope;
        let taken =
            reserve(&PoolRecord::default(), &ClassKey::new("c"), &scope, &BatchId::new("b"), 3, now());
        assert_eq!(release(&taken, &BTreeMap::new(), &[], now() + Duration::from_secs(59)), None);
        let after = release(&taken, &BTreeMap::new(), &[], now() + Duration::from_secs(60)).unwrap();
        assert!(after.reservations.is_empty());
        assert_eq!(after.launches.len(), 1, "launches an hour are counted all the same");
    }

    #[test]
    fn a_pool_whose_runner_group_is_too_wide_allows_nothing_to_that_organisation() {
        let pool = fixtures::pool("p");
        let (scope, fault) = (fixtures::class_identity().scope, GroupFault::AllRepositories);
        let mut record = PoolRecord::default();
        record.groups.insert(scope.owner(), GroupLook { at: now(), fault: Some(fault.clone()) });
        assert_eq!(allowed(&pool, &record, &scope, 1, now()), (0, Some(Reason::RunnerGroup { fault })));
        let other = Scope::Organisation(crate::ids::Login::new("other"));
        assert_eq!(allowed(&pool, &record, &other, 1, now()), (1, None));
    }

    #[test]
    fn a_paused_pool_allows_nothing() {
        let mut pool = fixtures::pool("p");
        pool.paused = Paused::Yes;
        let scope = fixtures::class_identity().scope;
        assert_eq!(allowed(&pool, &PoolRecord::default(), &scope, 1, now()), (0, Some(Reason::Paused)));
    }
}
