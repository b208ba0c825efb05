//! AWS on one endpoint: EC2's Query API, STS, SQS, DynamoDB, secrets and parameters, for one account.
//! Here stands the account itself and what tests and simulators may do to it without requests.
//! Not in it: the way of a request (`pipeline`), other clouds, and what runs on an instance (`crate::instance`).

mod access;
mod billing;
mod capacity;
mod catalogue;
mod delay;
mod dynamodb;
mod ec2;
mod error;
mod faults;
mod limits;
mod lookups;
mod pipeline;
mod query;
mod roles;
mod service;
pub(crate) mod signature;
mod sqs;
mod sts;
#[cfg(test)]
mod tests;
mod throttle;
mod xml;

use std::collections::BTreeMap;

use http::Response;
use jiff::Timestamp;

use self::access::Access;
pub use self::access::{Principal, Provider, Role, RoleCredentials, SkewCode, SkewLimits};
pub use self::billing::{Billed, BillingKey};
pub use self::capacity::{CapacityPool, Quotas};
pub use self::catalogue::{CapacityType, Catalogue, MachineType, Subnet};
pub use self::delay::Delay;
pub use self::dynamodb::{DynamoDb, DynamoDbSettings, WriteCost, WrittenItem};
use self::ec2::Ec2;
pub use self::ec2::{
    Change, Disk, Ec2Instance, EndReason, HistoryEntry, InstanceState, Launch, MetadataOptions,
    ShutdownBehavior,
};
pub use self::faults::{Fault, Faults};
pub use self::limits::{Limits, Times};
use self::lookups::Lookups;
pub use self::signature::sign_request;
use self::sqs::Sqs;
pub use self::sqs::{SqsMessage, SqsRules};
pub use self::throttle::BucketSize;
use crate::model::{Model, Random};

/// The account and its rules.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    /// Twelve digits.
    pub account: String,
    /// Everything drawn (ids, delays, credentials) follows from it.
    pub seed: u64,
    /// What exists.
    pub catalogue: Catalogue,
    /// What is limited.
    pub limits: Limits,
    /// What takes how long.
    pub times: Times,
    /// How SQS misbehaves.
    pub sqs: SqsRules,
}

impl Default for AwsConfig {
    fn default() -> Self {
        Self {
            account: "123456789012".into(),
            seed: 0,
            catalogue: Catalogue::example(),
            limits: Limits::default(),
            times: Times::default(),
            sqs: SqsRules::default(),
        }
    }
}

/// What requests are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestKey {
    /// The action, as in `RunInstances`; `-` if the caller was not believed.
    pub action: String,
    /// The principal's name, an instance's id, or `-` if the caller was not believed.
    pub caller: String,
    /// `ok`, or the error code of the reply.
    pub outcome: String,
}

/// The model of one AWS account.
#[derive(Debug)]
pub struct Aws {
    ec2: Ec2,
    dynamodb: DynamoDb,
    sqs: Sqs,
    lookups: Lookups,
    access: Access,
    /// Faults still to come.
    pub faults: Faults,
    now: Timestamp,
    requests: BTreeMap<RequestKey, u64>,
    request_count: u64,
    credentials_count: u64,
}

impl Aws {
    /// An account without principals and instances.
    pub fn new(config: AwsConfig) -> Self {
        let AwsConfig { account, seed, catalogue, limits, times, sqs } = config;
        Self {
            dynamodb: DynamoDb::new(account.clone(), Random::new(seed)),
            ec2: Ec2::new(account, catalogue, limits, times, Random::new(seed)),
            sqs: Sqs::new(sqs, Random::new(seed)),
            lookups: Lookups::default(),
            access: Access::default(),
            faults: Faults::default(),
            now: Timestamp::MIN,
            requests: BTreeMap::new(),
            request_count: 0,
            credentials_count: 0,
        }
    }

    /// Lets a principal in; one with the same key id is replaced.
    pub fn add_principal(&mut self, principal: Principal) {
        self.access.add(principal);
    }

    /// Revokes a key.
    pub fn remove_principal(&mut self, access_key_id: &str) {
        self.access.remove(access_key_id);
    }

    /// From `from` on, `pool` holds at most `instances` at once (`None`: any number), until a later entry says otherwise.
    pub fn set_capacity(&mut self, pool: CapacityPool, from: Timestamp, instances: Option<u32>) {
        self.ec2.capacity.set(pool, from, instances);
    }

    /// Sets the spot price of a machine type in a zone from `from` on, in millionths of a dollar an hour.
    pub fn set_spot_price(&mut self, machine_type: &str, zone: &str, from: Timestamp, micro_dollars: u64) {
        self.ec2.set_spot_price(machine_type, zone, from, micro_dollars);
    }

    /// Changes the limits. Buckets in use keep the size that they started with.
    pub fn limits_mut(&mut self) -> &mut Limits {
        &mut self.ec2.limits
    }

    /// Changes the times, for everything planned from now on.
    pub fn times_mut(&mut self) -> &mut Times {
        &mut self.ec2.times
    }

    /// Changes how SQS misbehaves.
    pub fn sqs_rules_mut(&mut self) -> &mut SqsRules {
        &mut self.sqs.rules
    }

    /// Makes a queue with SQS's own settings; one that is there already stays as it is.
    pub fn add_queue(&mut self, region: &str, name: &str) {
        self.sqs.add(region, name);
    }

    /// A queue's messages, also those hidden, in the order of arrival; none if there is no such queue.
    pub fn queue_messages(&mut self, region: &str, name: &str, now: Timestamp) -> Vec<SqsMessage> {
        let now = self.tick(now);
        self.sqs.messages(region, name, now)
    }

    /// DynamoDB's tables.
    pub fn dynamodb(&self) -> &DynamoDb {
        &self.dynamodb
    }

    /// DynamoDB's tables, to make and change them without requests.
    pub fn dynamodb_mut(&mut self) -> &mut DynamoDb {
        &mut self.dynamodb
    }

    /// Changes what exists.
    pub fn catalogue_mut(&mut self) -> &mut Catalogue {
        &mut self.ec2.catalogue
    }

    /// While instances are hidden, every listing is empty and a success, as one of a wrong region or of a role that lost its rights.
    pub fn set_hidden(&mut self, is_hidden: bool) {
        self.ec2.is_hidden = is_hidden;
    }

    /// Takes a spot instance back after the two minutes' notice. Tells whether it did: not if it is on-demand or not up.
    pub fn interrupt_with_notice(&mut self, instance_id: &str, now: Timestamp) -> bool {
        let now = self.tick(now);
        let notice = self.ec2.times.interruption_notice;
        self.ec2.interrupt(instance_id, Some(notice), now)
    }

    /// Takes a spot instance back at once, without a word. Tells whether it did.
    pub fn interrupt_without_notice(&mut self, instance_id: &str, now: Timestamp) -> bool {
        let now = self.tick(now);
        self.ec2.interrupt(instance_id, None, now)
    }

    /// The instance's operating system powers it off. Tells whether it was running.
    pub fn power_off(&mut self, instance_id: &str, now: Timestamp) -> bool {
        let now = self.tick(now);
        self.ec2.power_off(instance_id, now)
    }

    /// What the instance's metadata service hands out: fresh credentials of its role, whose session name is its id.
    /// `None` if the instance is unknown or has no profile. Credentials handed out before stay good until they expire.
    pub fn role_credentials(&mut self, instance_id: &str, now: Timestamp) -> Option<RoleCredentials> {
        self.tick(now);
        let instance = self.ec2.find(instance_id)?;
        let role = self.ec2.catalogue.instance_profiles.get(instance.instance_profile.as_ref()?)?.clone();
        let lasts = self.ec2.times.role_credentials;
        Some(self.issue(&role, instance_id, Default::default(), lasts))
    }

    /// The instance of that id, even if EC2 has forgotten it.
    pub fn instance(&self, instance_id: &str) -> Option<&Ec2Instance> {
        self.ec2.find(instance_id)
    }

    /// Every instance ever launched, in launch order.
    pub fn instances(&self) -> impl Iterator<Item = &Ec2Instance> {
        self.ec2.instances.values()
    }

    /// Every instance that was not terminated when the model last saw the clock, in launch order.
    pub fn live_instances(&self) -> impl Iterator<Item = &Ec2Instance> {
        self.ec2.live()
    }

    /// Every RunInstances that launched something, in order.
    pub fn launches(&self) -> &[Launch] {
        &self.ec2.launches
    }

    /// The launches of each client token. More than one for a token is possible only in different zones or after 24 h.
    pub fn launches_by_token(&self) -> BTreeMap<&str, Vec<&Launch>> {
        let mut by_token: BTreeMap<&str, Vec<&Launch>> = BTreeMap::new();
        for launch in &self.ec2.launches {
            if let Some(token) = &launch.client_token {
                by_token.entry(token).or_default().push(launch);
            }
        }
        by_token
    }

    /// Everything that happened to instances, in order; it only ever grows at its end.
    pub fn history(&self) -> &[HistoryEntry] {
        &self.ec2.history
    }

    /// How many requests there were, by action, caller and outcome.
    pub fn requests(&self) -> &BTreeMap<RequestKey, u64> {
        &self.requests
    }

    /// How many requests of an action there were from callers who were believed, whatever their outcome.
    pub fn requests_of(&self, action: &str) -> u64 {
        self.requests.iter().filter(|(key, _)| key.action == action).map(|(_, count)| count).sum()
    }

    /// What all instances cost up to `now`.
    pub fn billed(&self, now: Timestamp) -> BTreeMap<BillingKey, Billed> {
        billing::billed(self.ec2.instances.values(), now)
    }

    /// Moves the clock, never back, and lets everything happen until then.
    fn tick(&mut self, now: Timestamp) -> Timestamp {
        self.now = self.now.max(now);
        self.ec2.advance(self.now);
        self.dynamodb.advance(self.now);
        self.now
    }
}

impl Model for Aws {
    fn handle(&mut self, now: Timestamp, request: http::Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.tick(now);
        self.answer(&request)
    }

    fn next_at(&self) -> Option<Timestamp> {
        self.ec2.next_at()
    }

    fn advance(&mut self, now: Timestamp) {
        self.tick(now);
    }
}
