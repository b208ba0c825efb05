//! What the instances cost, in seconds.
//! Not in it: prices.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::catalogue::CapacityType;
use super::ec2::Ec2Instance;

/// Linux instances are billed by the second, for at least a minute.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/concepts.html>
const BILLED_SECONDS_MIN: u64 = 60;

/// What has one price.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BillingKey {
    /// Region.
    pub region: String,
    /// Machine type.
    pub instance_type: String,
    /// Spot or on-demand.
    pub capacity_type: CapacityType,
}

/// Instances and their seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Billed {
    /// How many were launched and ran.
    pub instances: u64,
    /// Their billed seconds, each rounded up, with the minimum.
    pub seconds: u64,
}

pub(crate) fn billed<'a>(
    instances: impl Iterator<Item = &'a Ec2Instance>,
    now: Timestamp,
) -> BTreeMap<BillingKey, Billed> {
    let mut bill: BTreeMap<BillingKey, Billed> = BTreeMap::new();
    for instance in instances {
        let millis = u64::try_from(instance.billed(now).as_millis()).unwrap_or(0);
        if millis == 0 {
            continue;
        }
        let key = BillingKey {
            region: instance.region.clone(),
            instance_type: instance.instance_type.clone(),
            capacity_type: instance.capacity_type,
        };
        let line = bill.entry(key).or_default();
        line.instances += 1;
        line.seconds += millis.div_ceil(1000).max(BILLED_SECONDS_MIN);
    }
    bill
}
