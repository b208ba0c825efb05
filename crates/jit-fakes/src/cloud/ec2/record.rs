//! One instance as EC2 knows it, and its state at any time.
//! Not in it: what runs on it; see the crate's `instance` module.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretSlice};

use super::disk::Disk;
use super::parameters::{MetadataOptions, ShutdownBehavior};
use crate::cloud::catalogue::CapacityType;

/// An instance's state. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstanceState {
    /// Launched, not powered on.
    Pending,
    /// Powered on.
    Running,
    /// On its way to `Stopped`.
    Stopping,
    /// Powered off and kept.
    Stopped,
    /// Powered off for good.
    ShuttingDown,
    /// Gone.
    Terminated,
}

impl InstanceState {
    /// The state's code in replies.
    pub fn code(self) -> u16 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// The state's name in replies and filters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// Why an instance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndReason {
    /// TerminateInstances.
    Terminated,
    /// It powered itself off.
    OwnPowerOff,
    /// EC2 took it back.
    SpotInterruption,
}

impl EndReason {
    /// The code of the state reason. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html>
    pub fn code(self) -> &'static str {
        match self {
            Self::Terminated => "Client.UserInitiatedShutdown",
            Self::OwnPowerOff => "Client.InstanceInitiatedShutdown",
            Self::SpotInterruption => "Server.SpotInstanceTermination",
        }
    }
}

/// The planned or past end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) at: Timestamp,
    pub(crate) reason: EndReason,
    pub(crate) terminated_at: Timestamp,
}

/// A stop by its own power-off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) at: Timestamp,
    pub(crate) stopped_at: Timestamp,
}

/// One instance. Times are in the model's clock.
#[derive(Debug)]
pub struct Ec2Instance {
    /// As in `i-0123456789abcdef0`.
    pub id: String,
    /// Position in launch order over the whole account, from 1.
    pub ordinal: u64,
    /// As in `r-...`; one for all instances of a request.
    pub reservation_id: String,
    /// Region.
    pub region: String,
    /// Zone.
    pub zone: String,
    /// Subnet, if the request named one.
    pub subnet_id: Option<String>,
    /// The subnet's network.
    pub vpc_id: Option<String>,
    /// Image.
    pub image_id: String,
    /// Machine type.
    pub instance_type: String,
    /// vCPUs of that type.
    pub vcpus: u32,
    /// Spot or on-demand.
    pub capacity_type: CapacityType,
    /// The token of the request that launched it.
    pub client_token: Option<String>,
    /// The principal that launched it.
    pub launched_by: String,
    /// Tags of the instance.
    pub tags: BTreeMap<String, String>,
    /// Tags of its volumes.
    pub volume_tags: BTreeMap<String, String>,
    /// Its root disk, where the request said anything about it.
    pub disk: Option<Disk>,
    /// Metadata service settings as the request gave them.
    pub metadata_options: MetadataOptions,
    /// What its own power-off does.
    pub shutdown_behavior: ShutdownBehavior,
    /// Instance profile name, if the request named one.
    pub instance_profile: Option<String>,
    /// Security groups.
    pub security_groups: Vec<String>,
    /// When it was launched.
    pub launched_at: Timestamp,
    /// When it is (to be) powered on.
    pub running_at: Timestamp,
    /// When EC2 has said that it will interrupt it; `None` without a notice.
    pub interruption_at: Option<Timestamp>,
    pub(crate) user_data: SecretSlice<u8>,
    pub(crate) launch_index: u32,
    pub(crate) lag: SignedDuration,
    pub(crate) ending: Option<Ending>,
    pub(crate) stop: Option<Stop>,
}

impl Ec2Instance {
    /// The user data, decoded. It holds the boot token, so it is never printed.
    pub fn user_data(&self) -> &[u8] {
        self.user_data.expose_secret()
    }

    /// The state at `at`, as it really is.
    pub fn state_at(&self, at: Timestamp) -> InstanceState {
        match (&self.ending, &self.stop) {
            (Some(ending), _) if ending.terminated_at <= at => InstanceState::Terminated,
            (Some(ending), _) if ending.at <= at => InstanceState::ShuttingDown,
            (_, Some(stop)) if stop.stopped_at <= at => InstanceState::Stopped,
            (_, Some(stop)) if stop.at <= at => InstanceState::Stopping,
            _ if self.running_at <= at => InstanceState::Running,
            _ => InstanceState::Pending,
        }
    }

    /// The state that EC2 shows at `now`, which lags behind; `None` while the instance is not to be found yet.
    pub fn shown_at(&self, now: Timestamp) -> Option<InstanceState> {
        let seen = now.saturating_sub(self.lag).unwrap_or(self.launched_at);
        (seen >= self.launched_at).then(|| self.state_at(seen))
    }

    /// When it was powered off (stopped, ended), and why it ended; `None` while it is up at `now`.
    pub fn ended(&self, now: Timestamp) -> Option<(Timestamp, EndReason)> {
        self.ending.as_ref().filter(|ending| ending.at <= now).map(|ending| (ending.at, ending.reason))
    }

    /// When it is terminated, if its end is known.
    pub fn terminated_at(&self) -> Option<Timestamp> {
        self.ending.as_ref().map(|ending| ending.terminated_at)
    }

    /// From when to when it is billed, up to `now`: from running until it leaves that state.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>
    pub(crate) fn billed(&self, now: Timestamp) -> SignedDuration {
        let ended = self.ending.as_ref().map_or(now, |ending| ending.at);
        let stopped = self.stop.as_ref().map_or(now, |stop| stop.at);
        let until = now.min(ended).min(stopped);
        until.duration_since(self.running_at).max(SignedDuration::ZERO)
    }
}
