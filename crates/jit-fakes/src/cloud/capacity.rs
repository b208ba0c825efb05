//! How many instances can be had: capacity per offering, which changes over time, and the account's quotas.
//! Not in it: throttling; see `throttle`.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::catalogue::CapacityType;

/// What has its own capacity: machine type, zone and capacity type together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CapacityPool {
    /// As in `c7i.large`.
    pub instance_type: String,
    /// As in `us-east-1a`.
    pub zone: String,
    /// Spot or on-demand.
    pub capacity_type: CapacityType,
}

impl CapacityPool {
    /// Names a pool.
    pub fn new(instance_type: &str, zone: &str, capacity_type: CapacityType) -> Self {
        Self { instance_type: instance_type.into(), zone: zone.into(), capacity_type }
    }
}

/// The instances that each pool can hold at once. A pool that nobody limited holds any number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Capacity(BTreeMap<CapacityPool, BTreeMap<Timestamp, Option<u32>>>);

impl Capacity {
    /// From `from` on the pool holds `instances` (`None`: any number), until a later entry says otherwise.
    pub(crate) fn set(&mut self, pool: CapacityPool, from: Timestamp, instances: Option<u32>) {
        self.0.entry(pool).or_default().insert(from, instances);
    }

    /// How many more the pool takes while `live` are in it.
    pub(crate) fn free(&self, pool: &CapacityPool, live: u32, now: Timestamp) -> u32 {
        let entry = self.0.get(pool).and_then(|schedule| schedule.range(..=now).next_back());
        match entry.and_then(|(_, instances)| *instances) {
            Some(instances) => instances.saturating_sub(live),
            None => u32::MAX,
        }
    }
}

/// The account's vCPU quotas, per region.
/// <https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// vCPUs of all on-demand instances that are not terminated.
    pub on_demand_vcpus: u32,
    /// vCPUs of all spot instances that are not terminated.
    pub spot_vcpus: u32,
}

impl Quotas {
    pub(crate) fn of(&self, capacity_type: CapacityType) -> u32 {
        match capacity_type {
            CapacityType::Spot => self.spot_vcpus,
            CapacityType::OnDemand => self.on_demand_vcpus,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_follows_its_schedule() {
        let at = |secs| Timestamp::from_second(secs).unwrap();
        let pool = CapacityPool::new("c7i.large", "us-east-1a", CapacityType::Spot);
        let mut capacity = Capacity::default();
        capacity.set(pool.clone(), at(10), Some(3));
        capacity.set(pool.clone(), at(20), Some(0));
        capacity.set(pool.clone(), at(30), None);
        let free: Vec<_> = [5, 10, 19, 20, 30].map(|secs| capacity.free(&pool, 1, at(secs))).into();
        assert_eq!(free, [u32::MAX, 2, 2, 0, u32::MAX]);
    }
}
