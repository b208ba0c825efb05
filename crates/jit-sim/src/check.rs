//! What must hold. Checkers see every effect, log line, record and reply as it happens, and know what really is: the world.
//! They never ask the control plane, and read its records only to compare them with the world.
//! Not here: what is asked of the plane, and what goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use jit_control::effects::{Request, Response};
use jit_control::ledger::Record;
use jit_control::ledger::key_value::record_at;
use jit_control::settings::Component;

use self::mirror::Mirror;
use crate::world::World;

pub mod breakers;
pub mod ends;
pub mod gaps;
pub mod launches;
pub mod mints;
pub mod mirror;
pub mod records;
pub mod secrets;
pub mod table;

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Timestamp,
    /// Which of the promises.
    pub promise: Promise,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: {}", self.at, self.promise, self.what)
    }
}

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// No more instances than demand and the stated slack.
    SupplyWithinDemand,
    /// No more instances than the caps allow.
    Caps,
    /// A try of a batch has one launch effect, and its request never changes.
    OneLaunchPerTry,
    /// No healthy instance is ended while it runs a job that may still run.
    BusyIsLeftAlone,
    /// A JIT config is young when the agent uses it.
    JitIsYoung,
    /// Who ran a job gets no second JIT config.
    OneJobPerInstance,
    /// No more requests than GitHub's limits allow.
    WithinLimits,
    /// No secret is where others can read it.
    Secrecy,
    /// No phase goes backwards.
    PhasesGoForward,
    /// A job that was accepted is served.
    JobsAreServed,
    /// Nothing is left without a reason.
    NothingIsLeft,
    /// What could not end before a handler's deadline is not begun.
    Deadlines,
    /// Without faults, launches and points per job stay low.
    Frugality,
}

/// All checkers and what they remember.
#[derive(Debug)]
pub struct Checks {
    /// What the records say, as they are written.
    pub mirror: Mirror,
    /// Jobs whose `queued` was answered with 202.
    pub accepted: BTreeSet<u64>,
    /// Instances at once within one pool, by pool.
    caps: BTreeMap<String, u64>,
    launches: launches::Launches,
    table: table::Versions,
    mints: mints::Mints,
    breakers: breakers::Breakers,
    gaps: gaps::Gaps,
    /// Whether nothing goes wrong in the world.
    is_calm: bool,
    secrets: secrets::Secrets,
    violations: Vec<Violation>,
}

/// Between what a decision saw and what it brings about lies at most an invocation.
const DECIDING: SignedDuration = SignedDuration::from_secs(30);

/// A launch takes up to 12 s, and a handler has 20.
const LAUNCH_STARTS_BEFORE: SignedDuration = SignedDuration::from_secs(6);

/// More violations than these say nothing new.
const VIOLATIONS_MAX: usize = 20;

impl Checks {
    /// Checkers for a world with these caps, by pool, and these secrets.
    pub fn new(caps: BTreeMap<String, u64>, secrets: Vec<String>) -> Self {
        Self {
            mirror: Mirror::default(),
            accepted: BTreeSet::new(),
            caps,
            launches: launches::Launches::default(),
            table: table::Versions::default(),
            mints: mints::Mints::default(),
            breakers: breakers::Breakers::default(),
            gaps: gaps::Gaps::default(),
            is_calm: false,
            secrets: secrets::Secrets::new(secrets),
            violations: Vec::new(),
        }
    }

    /// Nothing goes wrong in this world: more is promised.
    pub fn expect_calm(&mut self) {
        self.is_calm = true;
    }

    /// What did not hold.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Notes that something did not hold.
    pub fn violated(&mut self, at: Timestamp, promise: Promise, what: impl Into<String>) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation { at, promise, what: what.into() });
        }
    }

    /// A request is about to be sent by an invocation whose clock says that it has run for `elapsed`.
    pub fn beginning(
        &mut self,
        now: Timestamp,
        component: Component,
        elapsed: SignedDuration,
        request: &Request,
    ) {
        if elapsed >= LAUNCH_STARTS_BEFORE && launches::is_launch(request) {
            let what = format!("{} sends a launch {elapsed:#} after its start", component.as_str());
            self.violated(now, Promise::Deadlines, what);
        }
    }

    /// A request is about to reach its service.
    pub fn sending(&mut self, now: Timestamp, component: Component, world: &World, request: &Request) {
        self.check_ends(now, component, world, request);
        self.check_request(now, request);
    }

    /// A request was answered; its effect has happened.
    pub fn answered(
        &mut self,
        now: Timestamp,
        component: Component,
        world: &World,
        request: &Request,
        response: &Response,
    ) {
        self.secrets.learn(request, response);
        self.look_at_table(now, component, world, request);
        if component == Component::Scaleup {
            self.check_launches(now, world);
        }
        self.check_mint(now, world, request, response);
    }

    /// A value is written into the store.
    pub fn stored(&mut self, now: Timestamp, component: Component, world: &World, key: &str, value: &[u8]) {
        if let Some(what) = self.secrets.found_in(value) {
            self.violated(
                now,
                Promise::Secrecy,
                format!("{what} in the record {key} of {}", component.as_str()),
            );
        }
        if let Some(record) = record_at(key, value) {
            self.recorded(now, world, &record);
        }
    }

    /// A record has got another version.
    fn recorded(&mut self, now: Timestamp, world: &World, record: &Record) {
        self.check_ended(now, world, record);
        if let Some(step_back) = self.mirror.recorded(now, record) {
            self.violated(now, Promise::PhasesGoForward, step_back);
        }
        self.check_births(now, world, record);
    }

    /// A line is written into the log.
    pub fn logged(&mut self, now: Timestamp, line: &str) {
        if let Some(what) = self.secrets.found_in(line.as_bytes()) {
            self.violated(now, Promise::Secrecy, format!("{what} in a log line"));
        }
    }

    /// A reply leaves.
    pub fn replied(&mut self, now: Timestamp, component: Component, response: &Response) {
        let is_config = component == Component::Registrar && response.status() == 200;
        if !is_config && let Some(what) = self.secrets.found_in(response.body()) {
            self.violated(now, Promise::Secrecy, format!("{what} in a reply of {}", component.as_str()));
        }
    }

    /// A delivery was answered.
    pub fn delivered(&mut self, _now: Timestamp, body: &[u8], reply: &Response) {
        if reply.status() != 202 || reply.body() != b"accepted" && !reply.body().starts_with(b"accepted") {
            return;
        }
        let Ok(event) = serde_json::from_slice::<serde_json::Value>(body) else { return };
        if event["action"] == "queued"
            && let Some(job) = event["workflow_job"]["id"].as_u64()
        {
            self.accepted.insert(job);
        }
    }

    /// All that was due now has happened.
    pub fn stepped(&mut self, now: Timestamp, world: &World) {
        self.check_caps(now, world);
        if self.is_calm {
            self.check_gaps(now, world);
        }
    }
}
