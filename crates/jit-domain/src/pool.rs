//! A pool's record: slots reserved against its caps, its launch breaker, and how long its images take to boot.
//! Also the health of offerings. The rules are in `decide/caps.rs`, `decide/breaker.rs` and `decide/supply.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::class::Scope;
use crate::decide::runner_group::GroupFault;
use crate::ids::{BatchId, ClassKey, ImageId, Login};
use crate::instance::Stage;
use crate::time::Timestamp;

/// What all decisions about one pool share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolRecord {
    /// Slots taken from the caps, by batch.
    pub reservations: BTreeMap<BatchId, Reservation>,
    /// Slots reserved in the last hour, oldest first.
    pub launches: Vec<LaunchCount>,
    /// Breakers by (image, agent version, offering).
    pub breakers: BTreeMap<String, Breaker>,
    /// Boot durations by image.
    pub boots: BTreeMap<ImageId, BootSamples>,
    /// What was last seen of its runner group, by organisation.
    pub groups: BTreeMap<Login, GroupLook>,
}

/// A look at a runner group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLook {
    /// When.
    pub at: Timestamp,
    /// In what the group is wider than the pool's rules; then the pool launches nothing for the organisation.
    pub fault: Option<GroupFault>,
}

/// Slots that one batch holds of its pool's caps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The class of the batch.
    pub class: ClassKey,
    /// Where its runners register, for the caps of organisations and repositories.
    pub scope: Scope,
    /// Slots held.
    pub slots: u32,
    /// When they were taken.
    pub at: Timestamp,
}

/// Slots reserved at one time, for the ceiling of launches an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaunchCount {
    /// When.
    pub at: Timestamp,
    /// How many.
    pub slots: u32,
}

/// Instances of one kind that ended without a job, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// How many in a row.
    pub failures: u32,
    /// The stage that the last of them had reached; none if it was never heard of.
    pub stage: Option<Stage>,
    /// While open: no launch before this, and then one at a time.
    pub next_at: Option<Timestamp>,
}

/// How long the last boots of an image took, launch to first claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootSamples {
    /// The durations, oldest first; at most [`crate::limits::BOOT_SAMPLES_MAX`].
    pub durations: Vec<Duration>,
    /// Claims up to this time are in.
    pub until: Timestamp,
}

/// What is known of the places in one region to launch at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferingHealth {
    /// Places that are unhealthy, by [`crate::policy::Offering::key`], and quotas that are used up, by
    /// [`crate::policy::Offering::quota_key`].
    pub unhealthy: BTreeMap<String, Unhealthy>,
}

/// A place that had no capacity, or did not answer; or a quota that had nothing left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhealthy {
    /// Tried last until then.
    pub until: Timestamp,
    /// Failures in a row; doubles the time.
    pub streak: u32,
}
