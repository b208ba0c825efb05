//! AWS on one endpoint: EC2's Query API, STS, DynamoDB and SQS, for one account.
//! Every request's signature is checked with a signer that is not ours; the credential scope says which service and region is meant.
//! Secrets and parameters are looked up there too.
//! Not in it: other clouds, and what runs on an instance (`crate::instance`).

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
mod query;
mod roles;
pub(crate) mod signature;
mod sqs;
mod sts;
#[cfg(test)]
mod tests;
mod throttle;
mod xml;

use std::collections::BTreeMap;

use http::Response;
use jiff::{SignedDuration, Timestamp};

use self::access::{Access, Caller, Denial};
pub use self::access::{Principal, Provider, Role, RoleCredentials, SkewLimits};
pub use self::billing::{Billed, BillingKey};
pub use self::capacity::{CapacityPool, Quotas};
pub use self::catalogue::{CapacityType, Catalogue, MachineType, Subnet};
pub use self::delay::Delay;
pub use self::dynamodb::{DynamoDb, DynamoDbSettings, WriteCost, WrittenItem};
use self::ec2::Ec2;
pub use self::ec2::{
    Change, Ec2Instance, EndReason, HistoryEntry, InstanceState, Launch, MetadataOptions, ShutdownBehavior,
};
use self::error::ApiError;
pub use self::faults::{Fault, Faults};
pub use self::limits::{Limits, Times};
use self::lookups::Lookups;
use self::query::Query;
use self::signature::Claim;
pub use self::signature::sign_request;
use self::sqs::Sqs;
pub use self::sqs::{SqsMessage, SqsRules};
pub use self::throttle::BucketSize;
use crate::model::{Model, Random, ReplyDelay, ReplyLost};

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

/// The services on the endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Service {
    Ec2,
    Sts,
    Sqs,
}

/// What a caller wants, once it is believed.
struct Call<'a> {
    request: &'a http::Request<Vec<u8>>,
    service: Service,
    /// `-` if the request names none.
    action: &'a str,
    query: &'a Query,
    request_id: &'a str,
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

    fn caller(
        &self,
        request: &http::Request<Vec<u8>>,
        service: Service,
        now: Timestamp,
    ) -> Result<(Caller, Claim), Denial> {
        let claim = Claim::read(request).map_err(Denial::Unsigned)?;
        let (name, skew) = match service {
            Service::Ec2 => ("ec2", self.ec2.limits.ec2_skew),
            Service::Sts => ("sts", self.ec2.limits.sts_skew),
            // The same 15 min and the same words as STS.
            Service::Sqs => ("sqs", self.ec2.limits.sts_skew),
        };
        if claim.service != name {
            return Err(Denial::WrongScope("Credential should be scoped to correct service.".into()));
        }
        if !self.ec2.catalogue.has_region(&claim.region) {
            return Err(Denial::WrongScope("Credential should be scoped to a valid region.".into()));
        }
        let caller = self.access.caller(request, &claim, skew, now)?;
        Ok((caller, claim))
    }

    /// Carries out what a believed caller wants.
    fn perform(
        &mut self,
        caller: &Caller,
        region: &str,
        call: &Call<'_>,
    ) -> Result<Response<Vec<u8>>, ApiError> {
        let (Call { action, query, request_id, .. }, now) = (call, self.now);
        match call.service {
            Service::Sqs => return self.perform_sqs(caller, region, call),
            Service::Sts => {
                check_version(query, sts::VERSION)?;
                return match *action {
                    "GetCallerIdentity" => {
                        sts::get_caller_identity(caller, &self.ec2.account, query, request_id)
                    }
                    "AssumeRole" => self.assume_role(caller, query, request_id),
                    _ => Err(unknown_action(action)),
                };
            }
            Service::Ec2 => check_version(query, ec2::VERSION)?,
        }
        if !["RunInstances", "DescribeInstances", "TerminateInstances", SPOT_PRICES].contains(action) {
            return Err(unknown_action(action));
        }
        self.ec2.take_request_token(region, action, query, now)?;
        caller.check_may(&format!("ec2:{action}"), &self.ec2.account)?;
        match *action {
            "RunInstances" => self.ec2.run_instances(caller, region, query, request_id, now),
            "TerminateInstances" => self.ec2.terminate_instances(region, query, request_id, now),
            SPOT_PRICES => self.ec2.describe_spot_price_history(region, query, request_id, now),
            _ => self.ec2.describe_instances(region, query, request_id, now),
        }
    }

    fn perform_sqs(
        &mut self,
        caller: &Caller,
        region: &str,
        call: &Call<'_>,
    ) -> Result<Response<Vec<u8>>, ApiError> {
        let (account, right) = (&self.ec2.account, Sqs::right(call.action));
        caller.check_may(&right, account).map_err(|_| sqs::error::denied(&caller.arn(account), &right))?;
        let place = sqs::Place { base: &base(call.request), region, account };
        self.sqs.perform(call.action, place, call.request.body(), self.now)
    }

    /// Carries out the request with the fault that strikes it, if any.
    fn perform_with_faults(
        &mut self,
        caller: &Caller,
        region: &str,
        call: &Call<'_>,
    ) -> (Result<Response<Vec<u8>>, ApiError>, Delivery) {
        let mut faults = std::mem::take(&mut self.faults);
        let struck = with_fault(&mut faults, call.action, || self.perform(caller, region, call));
        self.faults = faults;
        struck
    }
}

/// The action that tells spot prices.
const SPOT_PRICES: &str = "DescribeSpotPriceHistory";

/// How a reply reaches the caller.
enum Delivery {
    Prompt,
    Late(SignedDuration),
    Never,
}

fn deliver(mut response: Response<Vec<u8>>, delivery: Delivery) -> Response<Vec<u8>> {
    match delivery {
        Delivery::Prompt => {}
        Delivery::Late(delay) => drop(response.extensions_mut().insert(ReplyDelay(delay))),
        Delivery::Never => drop(response.extensions_mut().insert(ReplyLost)),
    }
    response
}

/// Draws a fault for a call of that action and lets it do its work around `perform`.
fn with_fault(
    faults: &mut Faults,
    action: &str,
    perform: impl FnOnce() -> Result<Response<Vec<u8>>, ApiError>,
) -> (Result<Response<Vec<u8>>, ApiError>, Delivery) {
    let error = |status, code: &str| Err(ApiError::new(status, code, "An internal error has occurred"));
    match faults.strike(action) {
        None => (perform(), Delivery::Prompt),
        Some(Fault::Refused { status, code }) => (error(status, &code), Delivery::Prompt),
        Some(Fault::LostRequest) => (error(500, "InternalError"), Delivery::Never),
        Some(Fault::LostReply) => (perform(), Delivery::Never),
        Some(Fault::LateReply(delay)) => (perform(), Delivery::Late(delay)),
        Some(Fault::FailedAfterEffect { status, code }) => {
            // A real refusal stays what it is: then there was no effect to lie about.
            (perform().and_then(|_| error(status, &code)), Delivery::Prompt)
        }
    }
}

impl Model for Aws {
    fn handle(&mut self, now: Timestamp, request: http::Request<Vec<u8>>) -> Response<Vec<u8>> {
        let now = self.tick(now);
        self.request_count += 1;
        let request_id = request_id(self.ec2.random.of("request", self.request_count), self.request_count);
        if dynamodb::is_meant(&request) {
            return self.handle_dynamodb(&request, &request_id, now);
        }
        if lookups::is_meant(&request) {
            return self.handle_lookup(&request, &request_id, now);
        }
        let query = Query::read(request.uri().query(), request.body());
        if roles::is_web_identity(&request, &query) {
            return self.handle_web_identity(&query, &request_id, now);
        }
        let service = service_of(&request, &query);
        let action = match service {
            Service::Sqs => target(&request).and_then(|target| target.strip_prefix(sqs::TARGET)),
            Service::Ec2 | Service::Sts => query.get("Action"),
        }
        .unwrap_or("-");
        let call = Call { request: &request, service, action, query: &query, request_id: &request_id };
        let (result, delivery, action, name) = match self.caller(&request, service, now) {
            Ok((caller, claim)) => {
                let (result, delivery) = self.perform_with_faults(&caller, &claim.region, &call);
                (result, delivery, action, caller.name().to_owned())
            }
            Err(denial) => {
                let error = match service {
                    Service::Ec2 => denial.as_ec2(),
                    Service::Sts => denial.as_sts(),
                    Service::Sqs => denial.as_sqs(),
                };
                (Err(error), Delivery::Prompt, "-", "-".into())
            }
        };
        let outcome = result.as_ref().err().map_or("ok", |error| error.code.as_str()).to_owned();
        let key = RequestKey { action: action.into(), caller: name, outcome };
        *self.requests.entry(key).or_insert(0) += 1;
        let response = result.unwrap_or_else(|error| match service {
            Service::Ec2 => error.as_ec2(&request_id),
            Service::Sts => error.as_sts(&request_id),
            Service::Sqs => error.as_sqs(&request_id),
        });
        deliver(response, delivery)
    }

    fn next_at(&self) -> Option<Timestamp> {
        self.ec2.next_at()
    }

    fn advance(&mut self, now: Timestamp) {
        self.tick(now);
    }
}

/// The service of the credential scope; an unsigned request shows it by its target or its API version.
fn service_of(request: &http::Request<Vec<u8>>, query: &Query) -> Service {
    match Claim::read(request) {
        Ok(claim) if claim.service == "sts" => Service::Sts,
        Ok(claim) if claim.service == "sqs" => Service::Sqs,
        Ok(_) => Service::Ec2,
        Err(_) if target(request).is_some_and(|target| target.starts_with(sqs::TARGET)) => Service::Sqs,
        Err(_) if query.get("Version") == Some(sts::VERSION) => Service::Sts,
        Err(_) => Service::Ec2,
    }
}

/// The action in the header of those that speak JSON, with the name of their service before it.
fn target(request: &http::Request<Vec<u8>>) -> Option<&str> {
    request.headers().get("x-amz-target")?.to_str().ok()
}

/// Scheme and host as the caller knows them; a request from a listener shows its host only in a header.
fn base(request: &http::Request<Vec<u8>>) -> String {
    let scheme = request.uri().scheme_str().unwrap_or("http");
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
    format!("{scheme}://{}", host.unwrap_or_default())
}

fn check_version(query: &Query, version: &str) -> Result<(), ApiError> {
    match query.require("Version")? {
        given if given == version => Ok(()),
        given => {
            Err(ApiError::bad("NoSuchVersion", format!("The requested version ({given}) is not valid.")))
        }
    }
}

fn unknown_action(action: &str) -> ApiError {
    ApiError::bad("InvalidAction", format!("The action {action} is not valid for this web service."))
}

/// Shaped like a UUID, as AWS's are.
fn request_id(drawn: u64, count: u64) -> String {
    let (high, low) = (drawn >> 32, drawn & 0xffff_ffff);
    format!("{high:08x}-{:04x}-4{:03x}-8000-{count:012x}", low >> 16, low & 0xfff)
}
