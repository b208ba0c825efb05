//! The stored forms of a pool's record and of the health of a region's offerings.

use std::collections::BTreeMap;
use std::time::Duration;

use jit_domain::class::Scope;
use jit_domain::decide::runner_group::GroupFault;
use jit_domain::ids::{BatchId, ClassKey, Cloud, ImageId, Login, PoolName, Region};
use jit_domain::instance::Stage;
use jit_domain::pool::{
    BootSamples, Breaker, GroupLook, LaunchCount, OfferingHealth, PoolRecord, Reservation, Unhealthy,
};
use jit_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Stored;
use super::form::{self, formed};
use crate::ledger::{Key, Kind};

formed! {
    PoolRecord: PoolRecordForm,
    Reservation: ReservationForm,
    LaunchCount: LaunchCountForm,
    Breaker: BreakerForm,
    BootSamples: BootSamplesForm,
    GroupLook: GroupLookForm,
    OfferingHealth: OfferingHealthForm,
    Unhealthy: UnhealthyForm,
}

impl Stored for PoolRecord {
    const KIND: Kind = Kind::Pool;

    type Name<'a> = &'a PoolName;

    fn key(name: &PoolName) -> Key {
        Key::new(Self::KIND, name)
    }
}

impl Stored for OfferingHealth {
    const KIND: Kind = Kind::Offering;

    type Name<'a> = (Cloud, &'a Region);

    fn key((cloud, region): (Cloud, &Region)) -> Key {
        Key::new(Self::KIND, format_args!("{}/{region}", cloud.as_str()))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "PoolRecord")]
struct PoolRecordForm {
    #[serde(default, with = "form::map", skip_serializing_if = "BTreeMap::is_empty")]
    reservations: BTreeMap<BatchId, Reservation>,
    #[serde(default, with = "form::list", skip_serializing_if = "Vec::is_empty")]
    launches: Vec<LaunchCount>,
    #[serde(default, with = "form::map", skip_serializing_if = "BTreeMap::is_empty")]
    breakers: BTreeMap<String, Breaker>,
    #[serde(default, with = "form::map", skip_serializing_if = "BTreeMap::is_empty")]
    boots: BTreeMap<ImageId, BootSamples>,
    #[serde(default, with = "form::map", skip_serializing_if = "BTreeMap::is_empty")]
    groups: BTreeMap<Login, GroupLook>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "GroupLook")]
struct GroupLookForm {
    #[serde(with = "form")]
    at: Timestamp,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    fault: Option<GroupFault>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Reservation")]
struct ReservationForm {
    #[serde(with = "form")]
    class: ClassKey,
    #[serde(with = "form")]
    scope: Scope,
    slots: u32,
    #[serde(with = "form")]
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "LaunchCount")]
struct LaunchCountForm {
    #[serde(with = "form")]
    at: Timestamp,
    slots: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Breaker")]
struct BreakerForm {
    failures: u32,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    stage: Option<Stage>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    next_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "BootSamples")]
struct BootSamplesForm {
    /// Milliseconds each.
    #[serde(rename = "durations_ms", with = "form::list")]
    durations: Vec<Duration>,
    #[serde(with = "form")]
    until: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "OfferingHealth")]
struct OfferingHealthForm {
    #[serde(default, with = "form::map", skip_serializing_if = "BTreeMap::is_empty")]
    unhealthy: BTreeMap<String, Unhealthy>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Unhealthy")]
struct UnhealthyForm {
    #[serde(with = "form")]
    until: Timestamp,
    streak: u32,
}
