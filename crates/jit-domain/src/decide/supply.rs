//! What counts as supply, by evidence.
//!
//! *Free*: an instance that can still take a job. *Covering*: GitHub lists its runner busy and we don't know with what; for five
//! minutes it stands for one queued job of its labels. *Overdue*: it should have claimed by now; it is no supply and must end.
//! *Nothing*: it runs a known job, or is retired.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::class::{Class, ClassIdentity, Outcome, Try};
use crate::decide::admission::{self, Admission};
use crate::decide::matching::{self, Cover, Demand, Supply, When};
use crate::group::Group;
use crate::ids::{ClassKey, GroupKey, InstanceKey, RepositoryName};
use crate::instance::{Instance, InstancePhase};
use crate::job::Job;
use crate::limits;
use crate::policy::{Image, ImageKind, Policy, Pool};
use crate::pool::{BootSamples, PoolRecord};
use crate::time::Timestamp;

/// What an instance is worth as supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It can still take a job.
    Free,
    /// It is busy with a job that we don't know yet.
    Covering,
    /// It has a known job, had one, or is retired.
    Nothing,
    /// It did not claim in time.
    Overdue,
}

/// Weighs one instance.
pub fn evidence(
    instance: &Instance,
    pool: Option<&Pool>,
    record: Option<&PoolRecord>,
    now: Timestamp,
) -> Evidence {
    match &instance.phase {
        InstancePhase::Retired { .. } => Evidence::Nothing,
        InstancePhase::Busy if instance.job.is_some() => Evidence::Nothing,
        InstancePhase::Busy => {
            let since = instance.busy_since.unwrap_or(instance.launched_at);
            if now.since(since) < limits::BUSY_UNKNOWN_COVERS {
                Evidence::Covering
            } else {
                Evidence::Nothing
            }
        }
        InstancePhase::Minting | InstancePhase::Claimed => Evidence::Free,
        InstancePhase::Launched => {
            // A claim that was never answered with 200 or 202 proves as little as none: its handler may have ended, and the machine too.
            let is_in_time = match instance.waiting_since {
                Some(since) => now.since(since) < pool.map_or(limits::BATCH_KEPT, |p| p.ages.waiting_max),
                None => now < claim_deadline(instance, pool, record),
            };
            if is_in_time { Evidence::Free } else { Evidence::Overdue }
        }
    }
}

/// When an unclaimed instance stops being supply: three times the 99th percentile of boot after its launch; once it has
/// reported that it booted, the same time again; at most the pool's `unclaimed_max` after its launch.
pub fn claim_deadline(instance: &Instance, pool: Option<&Pool>, record: Option<&PoolRecord>) -> Timestamp {
    let image = &instance.offering.image;
    let patience = boot_p99(image, record.and_then(|r| r.boots.get(&image.id))) * limits::BOOT_P99_FACTOR;
    let from = instance.booted_at.unwrap_or(instance.launched_at).max(instance.launched_at);
    let most = pool.map_or(Duration::from_secs(1200), |p| p.ages.unclaimed_max);
    (from + patience).min(instance.launched_at + most)
}

/// The 99th percentile of an image's boot, from launch to first claim: learned, or the first value of its kind.
pub fn boot_p99(image: &Image, samples: Option<&BootSamples>) -> Duration {
    let first = match image.kind {
        ImageKind::Baked => limits::BOOT_P99_BAKED,
        ImageKind::Stock => limits::BOOT_P99_STOCK,
    };
    match samples {
        Some(s) if s.durations.len() >= limits::BOOT_SAMPLES_MIN => {
            s.durations.iter().max().copied().unwrap_or(first).max(limits::BOOT_P99_MIN)
        }
        Some(_) | None => first,
    }
}

/// Adds the boots of instances that claimed since the last time. None when there is nothing new.
pub fn learn_boots(record: &PoolRecord, instances: &[Instance]) -> Option<PoolRecord> {
    let mut learned = record.clone();
    let mut claims: Vec<_> = instances.iter().filter_map(|i| i.claimed_at.map(|at| (at, i))).collect();
    claims.sort_by_key(|(at, i)| (*at, i.key.clone()));
    for (at, instance) in claims {
        let samples = learned.boots.entry(instance.offering.image.id.clone()).or_default();
        let until = record.boots.get(&instance.offering.image.id).map_or(Timestamp::default(), |s| s.until);
        if at > until {
            samples.durations.push(at.since(instance.launched_at));
            samples.until = samples.until.max(at);
        }
    }
    for samples in learned.boots.values_mut() {
        let surplus = samples.durations.len().saturating_sub(limits::BOOT_SAMPLES_MAX);
        samples.durations.drain(..surplus);
    }
    (learned != *record).then_some(learned)
}

/// Demand, supply and their matching at one moment; every function that needs a gap makes one.
#[derive(Debug)]
pub struct Balance<'a> {
    /// Which queued jobs may have a runner.
    pub admission: Admission,
    /// Queued jobs that may have a runner now or soon, by class and repository.
    pub demand: Vec<(&'a ClassIdentity, ClassKey, Demand)>,
    /// Supply; instances before open slots, so that slots are used last.
    pub supply: Vec<(SupplyOf, Supply)>,
    /// Their matching.
    pub cover: Cover,
}

/// What stands behind a unit of supply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SupplyOf {
    /// One instance.
    Instance(InstanceKey),
    /// Open slots of a class.
    Slots(ClassKey),
}

/// What a balance is made of.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The configuration.
    pub policy: &'a Policy,
    /// Open jobs, each with what its class is; jobs whose pool is gone are left out.
    pub jobs: &'a [(ClassIdentity, Job)],
    /// Classes with batches, by key.
    pub classes: &'a BTreeMap<ClassKey, Class>,
    /// Open instances, those too whose records are still to be made.
    pub instances: &'a [Instance],
    /// Those of them whose records are still to be made, because their launch was cut off.
    pub unrecorded: &'a BTreeSet<InstanceKey>,
    /// Instances of batches whose records are closed: they are no supply, however young they are.
    pub ended: &'a BTreeSet<InstanceKey>,
    /// Records of groups with open jobs.
    pub groups: &'a BTreeMap<GroupKey, Group>,
    /// Pool records by name.
    pub pools: &'a BTreeMap<crate::ids::PoolName, PoolRecord>,
    /// The time now.
    pub now: Timestamp,
}

impl<'a> Observed<'a> {
    /// Weighs one of the instances.
    pub fn evidence(&self, instance: &Instance) -> Evidence {
        evidence(instance, self.policy.pool(&instance.pool), self.pools.get(&instance.pool), self.now)
    }

    /// Instances whose permits are valid: they have no job yet and are not retired.
    pub(super) fn permit_holders(&self) -> BTreeSet<&'a InstanceKey> {
        let may_run = |i: &&Instance| i.is_open() && i.phase.rank() < InstancePhase::Busy.rank();
        self.instances.iter().filter(may_run).map(|i| &i.key).collect()
    }

    /// Matches all demand with all supply.
    pub fn balance(&self) -> Balance<'a> {
        let admission = admission::admit(self);
        let demand = self.demand(&admission);
        let mut supply: Vec<_> = self.instances.iter().filter_map(|i| self.supply_of_instance(i)).collect();
        supply.extend(self.classes.values().flat_map(|class| self.supply_of_unrecorded(class)));
        supply.extend(self.classes.iter().filter_map(|(key, class)| self.supply_of_slots(key, class)));
        let cover = matching::cover(
            &demand.iter().map(|(_, _, d)| d.clone()).collect::<Vec<_>>(),
            &supply.iter().map(|(_, s)| s.clone()).collect::<Vec<_>>(),
        );
        Balance { admission, demand, supply, cover }
    }

    fn demand(&self, admission: &Admission) -> Vec<(&'a ClassIdentity, ClassKey, Demand)> {
        let mut alike: BTreeMap<(When, &ClassIdentity, &RepositoryName), Demand> = BTreeMap::new();
        for (identity, job) in self.jobs {
            let when = match () {
                () if admission.admits(job) => When::Now,
                () if admission.prefetches(job.id) => When::Soon,
                () => continue,
            };
            let alike = alike.entry((when, identity, &job.repository)).or_insert_with(|| Demand {
                installation: job.installation,
                repository: job.repository.clone(),
                labels: job.labels.clone(),
                count: 0,
                oldest: job.created_at,
                when,
            });
            alike.count += 1;
            alike.oldest = alike.oldest.min(job.created_at);
        }
        alike.into_iter().map(|((_, identity, _), demand)| (identity, identity.key(), demand)).collect()
    }

    fn supply_of_instance(&self, instance: &Instance) -> Option<(SupplyOf, Supply)> {
        match self.evidence(instance) {
            Evidence::Free | Evidence::Covering => {}
            Evidence::Nothing | Evidence::Overdue => return None,
        }
        let class = self.classes.get(&instance.class)?;
        Some((SupplyOf::Instance(instance.key.clone()), self.supply(&class.identity, 1)))
    }

    /// Ids that a batch holds and whose records are still to be written: the launch was recorded, and cut off then.
    fn supply_of_unrecorded(&self, class: &Class) -> Vec<(SupplyOf, Supply)> {
        let is_fresh = |t: &Try| {
            matches!(t.outcome, Outcome::Launched { .. })
                && t.sent_at.is_some_and(|sent| self.now.since(sent) < limits::UNRECORDED_COVERS)
        };
        let ids = class.batches.iter().filter(|b| b.tries.iter().any(is_fresh)).flat_map(|b| &b.instances);
        ids.filter(|id| !self.ended.contains(*id) && !self.instances.iter().any(|i| i.key == **id))
            .map(|id| (SupplyOf::Instance(id.clone()), self.supply(&class.identity, 1)))
            .collect()
    }

    fn supply_of_slots(&self, key: &ClassKey, class: &Class) -> Option<(SupplyOf, Supply)> {
        let open: u32 = class.open_batches().map(crate::class::Batch::open_slots).sum();
        (open > 0).then(|| (SupplyOf::Slots(key.clone()), self.supply(&class.identity, open)))
    }

    /// Runners of a class as supply.
    pub fn supply(&self, identity: &ClassIdentity, count: u32) -> Supply {
        Supply {
            installation: identity.installation,
            scope: identity.scope.clone(),
            repositories: self
                .policy
                .pool(&identity.pool)
                .map(|p| p.repositories.clone())
                .unwrap_or_default(),
            labels: identity.labels.clone(),
            count,
        }
    }
}

impl Balance<'_> {
    /// Jobs of each class that may have a runner now or soon and that nothing covers.
    pub fn gaps(&self) -> BTreeMap<ClassKey, u32> {
        let mut gaps = BTreeMap::new();
        for ((_, key, demand), covered) in self.demand.iter().zip(&self.cover.covered) {
            *gaps.entry(key.clone()).or_insert(0) += demand.count - covered;
        }
        gaps
    }

    /// Open slots of a class that a job needs.
    pub fn slots_needed(&self, class: &ClassKey) -> u32 {
        let used = self.supply.iter().zip(&self.cover.used);
        used.filter(|((of, _), _)| *of == SupplyOf::Slots(class.clone())).map(|(_, used)| used).sum()
    }

    /// Whether some job needs this instance.
    pub fn needs(&self, instance: &InstanceKey) -> bool {
        let mut used = self.supply.iter().zip(&self.cover.used);
        used.any(|((of, _), used)| *of == SupplyOf::Instance(instance.clone()) && *used > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::{Batch, Template};
    use crate::fixtures::{self, NOW};
    use crate::ids::{BatchId, Digest};

    /// A class whose only instance was launched now.
    fn launched(id: &InstanceKey) -> Class {
        let mut class = Class::new(fixtures::class_identity());
        class.batches.push(Batch {
            id: BatchId::new("batch-1"),
            born_at: NOW,
            slots: 1,
            template: Template {
                offerings: Vec::new(),
                machine: fixtures::pool("default").machine,
                tags: Vec::new(),
                user_data: Digest::new("user-data"),
                claim_key: "key-1".into(),
                agent_version: "2.336.0".into(),
            },
            tries: vec![Try {
                n: 1,
                offering: 0,
                count: 1,
                born_at: NOW,
                sent_at: Some(NOW),
                token_expires_at: NOW + limits::BOOT_TOKEN_LIFE,
                outcome: Outcome::Launched { count: 1 },
                is_doubtful: false,
            }],
            instances: BTreeSet::from([id.clone()]),
            closed: None,
        });
        class
    }

    #[test]
    fn an_id_without_a_record_is_supply_and_one_that_has_ended_is_none() {
        let (policy, pools) = (fixtures::policy(), BTreeMap::new());
        let job = fixtures::queued_job(1);
        let jobs = [(fixtures::class_identity(), job)];
        let id = fixtures::instance("i-1").key;
        let key = fixtures::class_identity().key();
        let classes = BTreeMap::from([(key.clone(), launched(&id))]);
        let gap = |ended: &BTreeSet<InstanceKey>| {
            let unrecorded = &BTreeSet::new();
            let observed = Observed {
                policy: &policy,
                jobs: &jobs,
                classes: &classes,
                instances: &[],
                unrecorded,
                ended,
                groups: &BTreeMap::new(),
                pools: &pools,
                now: NOW,
            };
            observed.balance().gaps()[&key]
        };
        assert_eq!(gap(&BTreeSet::new()), 0, "its record is about to be written");
        assert_eq!(
            gap(&BTreeSet::from([id])),
            1,
            "a short job's instance ended within the time that its launch is waited for"
        );
    }
}
