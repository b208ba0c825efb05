//! EC2's Query API: the instances of one account and the actions on them.
//! Not in it: signatures, which are checked before an action is called (`pipeline`).

mod describe;
mod disk;
mod filter;
mod launch;
mod page;
mod parameters;
mod record;
mod reply;
mod spot_prices;
mod terminate;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

pub use self::disk::Disk;
pub use self::launch::Launch;
use self::launch::Token;
pub use self::parameters::{MetadataOptions, ShutdownBehavior};
pub use self::record::{Ec2Instance, EndReason, InstanceState};
use self::record::{Ending, Stop};
use super::capacity::Capacity;
use super::catalogue::Catalogue;
use super::error::ApiError;
use super::limits::{Limits, Times};
use super::pipeline::Call;
use super::throttle::Bucket;
use super::xml::Xml;
use crate::model::Random;

/// The version of the API. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html>
const VERSION: &str = "2016-11-15";
const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// What carries out an action.
type Act = fn(&mut Ec2, &Call<'_>) -> Result<Xml, ApiError>;

/// Something that happened to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// To which.
    pub instance_id: String,
    /// What.
    pub change: Change,
}

/// What can happen to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was launched.
    Pending,
    /// It was powered on.
    Running,
    /// It was told that it will be interrupted at that time.
    InterruptionNotice(Timestamp),
    /// It was powered off for good.
    ShuttingDown(EndReason),
    /// It began to stop, because it powered itself off and was launched to stop then.
    Stopping,
    /// It is stopped, and stays so until somebody terminates it.
    Stopped,
    /// It is gone.
    Terminated,
    /// EC2 no longer knows its id.
    Forgotten,
}

/// What has to be looked at, when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Running,
    ShuttingDown,
    Stopped,
    Terminated,
    Forgotten,
}

/// All instances ever launched, and what limits the next ones.
#[derive(Debug)]
pub(crate) struct Ec2 {
    pub(crate) catalogue: Catalogue,
    pub(crate) limits: Limits,
    pub(crate) times: Times,
    /// Whether listings show nothing.
    pub(crate) is_hidden: bool,
    pub(crate) capacity: Capacity,
    pub(crate) account: String,
    pub(crate) random: Random,
    pub(crate) instances: BTreeMap<u64, Ec2Instance>,
    by_id: BTreeMap<String, u64>,
    /// Not yet forgotten, by launch order.
    known: BTreeSet<u64>,
    /// Not yet terminated.
    live: BTreeSet<u64>,
    agenda: BTreeSet<(Timestamp, u64, Due)>,
    tokens: BTreeMap<(String, String), Token>,
    pub(crate) launches: Vec<Launch>,
    pub(crate) history: Vec<HistoryEntry>,
    buckets: BTreeMap<(String, &'static str), Bucket>,
    /// By machine type and zone: the price from each moment on, in millionths of a dollar.
    spot_prices: BTreeMap<(String, String), BTreeMap<Timestamp, u64>>,
}

impl Ec2 {
    pub(crate) fn new(
        account: String,
        catalogue: Catalogue,
        limits: Limits,
        times: Times,
        random: Random,
    ) -> Self {
        Self {
            catalogue,
            limits,
            times,
            is_hidden: false,
            capacity: Capacity::default(),
            account,
            random,
            instances: BTreeMap::new(),
            by_id: BTreeMap::new(),
            known: BTreeSet::new(),
            live: BTreeSet::new(),
            agenda: BTreeSet::new(),
            tokens: BTreeMap::new(),
            launches: Vec::new(),
            history: Vec::new(),
            buckets: BTreeMap::new(),
            spot_prices: BTreeMap::new(),
        }
    }

    pub(crate) fn find(&self, instance_id: &str) -> Option<&Ec2Instance> {
        self.instances.get(self.by_id.get(instance_id)?)
    }

    /// Every instance that is not terminated, in launch order.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Ec2Instance> {
        self.live.iter().filter_map(|ordinal| self.instances.get(ordinal))
    }

    /// Every instance of the region that EC2 has not forgotten, in launch order.
    fn known_in<'a>(&'a self, region: &'a str) -> impl Iterator<Item = &'a Ec2Instance> {
        let known = self.known.iter().filter_map(|ordinal| self.instances.get(ordinal));
        known.filter(move |instance| instance.region == region)
    }

    /// Carries out an action, if the caller may do it and does not ask too often.
    pub(crate) fn perform(&mut self, call: &Call<'_>) -> Result<Xml, ApiError> {
        call.query.check_version(VERSION)?;
        let reads = describe::bucket_name(call.query);
        let (bucket, act): (_, Act) = match call.action {
            "RunInstances" => ("RunInstances", Self::run_instances),
            "TerminateInstances" => ("TerminateInstances", Self::terminate_instances),
            "DescribeInstances" => (reads, |ec2, call| ec2.describe_instances(call)),
            "DescribeSpotPriceHistory" => (reads, |ec2, call| ec2.describe_spot_price_history(call)),
            action => return Err(ApiError::unknown_action(action)),
        };
        self.take(call, bucket, 1)?;
        call.check_may(&format!("ec2:{}", call.action))?;
        act(self, call)
    }

    /// Takes tokens from the bucket of that name in the call's region; it is full when it is first used.
    fn take(&mut self, call: &Call<'_>, name: &'static str, tokens: u32) -> Result<(), ApiError> {
        let size = self.limits.bucket(name);
        let bucket = self.buckets.entry((call.region.clone(), name));
        let is_taken = bucket.or_insert_with(|| Bucket::full(size, call.now)).take(tokens, call.now);
        if is_taken { Ok(()) } else { Err(ApiError::throttled()) }
    }

    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.agenda.first().map(|(at, _, _)| *at)
    }

    /// Lets everything happen that is due, in order.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        while let Some(&(at, ordinal, due)) = self.agenda.first().filter(|(at, _, _)| *at <= now) {
            self.agenda.pop_first();
            self.happen(at, ordinal, due);
        }
    }

    /// Carries out one entry of the agenda, unless a later decision has overtaken it.
    fn happen(&mut self, at: Timestamp, ordinal: u64, due: Due) {
        let Some(instance) = self.instances.get(&ordinal) else { return };
        let ending = instance.ending.as_ref();
        let change = match due {
            Due::Running if instance.state_at(at) == InstanceState::Running => Change::Running,
            Due::ShuttingDown => match ending.filter(|ending| ending.at == at) {
                Some(ending) => Change::ShuttingDown(ending.reason),
                None => return,
            },
            Due::Stopped if instance.state_at(at) == InstanceState::Stopped => Change::Stopped,
            Due::Terminated if ending.is_some_and(|ending| ending.terminated_at == at) => Change::Terminated,
            Due::Forgotten if ending.is_some_and(|ending| ending.terminated_at <= at) => Change::Forgotten,
            Due::Running | Due::Stopped | Due::Terminated | Due::Forgotten => return,
        };
        let instance_id = instance.id.clone();
        match change {
            Change::Terminated => {
                self.live.remove(&ordinal);
                let forgotten_at = at.saturating_add(self.times.forgotten_after).unwrap_or(Timestamp::MAX);
                self.agenda.insert((forgotten_at, ordinal, Due::Forgotten));
            }
            Change::Forgotten => {
                self.known.remove(&ordinal);
            }
            Change::Pending
            | Change::Running
            | Change::InterruptionNotice(_)
            | Change::ShuttingDown(_)
            | Change::Stopping
            | Change::Stopped => {}
        }
        self.history.push(HistoryEntry { at, instance_id, change });
    }

    /// Plans the end of an instance at `at`. A planned earlier end stays.
    fn end(&mut self, ordinal: u64, at: Timestamp, reason: EndReason) {
        let shutdown = self.times.shutting_down.draw(&self.random, "shutting-down", ordinal);
        let terminated_at = at.saturating_add(at_least_a_moment(shutdown)).unwrap_or(Timestamp::MAX);
        let Some(instance) = self.instances.get_mut(&ordinal) else { return };
        if instance.ending.as_ref().is_some_and(|ending| ending.at <= at) {
            return;
        }
        instance.ending = Some(Ending { at, reason, terminated_at });
        self.agenda.insert((at, ordinal, Due::ShuttingDown));
        self.agenda.insert((terminated_at, ordinal, Due::Terminated));
    }

    /// The instance's operating system powers it off: it ends, or stops if it was launched so.
    /// Does nothing unless it runs. Tells whether it did.
    pub(crate) fn power_off(&mut self, instance_id: &str, now: Timestamp) -> bool {
        let Some(&ordinal) = self.by_id.get(instance_id) else { return false };
        let Some(instance) = self.instances.get_mut(&ordinal) else { return false };
        if instance.state_at(now) != InstanceState::Running {
            return false;
        }
        match instance.shutdown_behavior {
            ShutdownBehavior::Terminate => self.end(ordinal, now, EndReason::OwnPowerOff),
            ShutdownBehavior::Stop => {
                let stopped_at = now.saturating_add(STOPPING).unwrap_or(Timestamp::MAX);
                instance.stop = Some(Stop { at: now, stopped_at });
                let instance_id = instance.id.clone();
                self.history.push(HistoryEntry { at: now, instance_id, change: Change::Stopping });
                self.agenda.insert((stopped_at, ordinal, Due::Stopped));
            }
        }
        self.advance(now);
        true
    }

    /// Takes a spot instance back: at once, or after the two minutes' notice. Tells whether it did.
    pub(crate) fn interrupt(
        &mut self,
        instance_id: &str,
        notice: Option<SignedDuration>,
        now: Timestamp,
    ) -> bool {
        let Some(&ordinal) = self.by_id.get(instance_id) else { return false };
        let Some(instance) = self.instances.get_mut(&ordinal) else { return false };
        let state = instance.state_at(now);
        let is_up = matches!(state, InstanceState::Pending | InstanceState::Running);
        if !is_up || instance.capacity_type != super::catalogue::CapacityType::Spot {
            return false;
        }
        let at = now.saturating_add(notice.unwrap_or_default()).unwrap_or(Timestamp::MAX);
        if notice.is_some() {
            instance.interruption_at = Some(at);
            let instance_id = instance.id.clone();
            self.history.push(HistoryEntry { at: now, instance_id, change: Change::InterruptionNotice(at) });
        }
        self.end(ordinal, at, EndReason::SpotInterruption);
        self.advance(now);
        true
    }
}

/// How long stopping takes; nobody waits for it, so it is no setting.
const STOPPING: SignedDuration = SignedDuration::from_secs(20);

/// States follow each other: none lasts no time at all.
fn at_least_a_moment(duration: SignedDuration) -> SignedDuration {
    duration.max(SignedDuration::from_millis(1))
}

/// Ends a dry run here, where the action would have been allowed.
fn check_dry_run(call: &Call<'_>) -> Result<(), ApiError> {
    if !call.query.flag("DryRun")? {
        return Ok(());
    }
    let message = "Request would have succeeded, but DryRun flag is set.";
    Err(ApiError::new(412, "DryRunOperation", message))
}
