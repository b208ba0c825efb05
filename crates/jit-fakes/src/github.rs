//! GitHub as a model: what the control plane, the agent and the webhook receiver see of it.
//! Not in it: sockets and clocks (`server.rs`), and everything of GitHub that jit-runners never touches.
//!
//! Time moves only through [`Model::handle`], [`Model::advance`] and the methods that take `now`;
//! after each of them the model has settled: every job that can go on has gone on.
//!
//! Invariant: a runner never has two jobs, and a job never two runners
//! (test `a_burst_ends_with_every_job_run_once_by_its_own_runner`).

mod accounts;
mod again;
mod agent;
mod assign;
mod auth;
mod concurrency;
mod delivery;
mod faults;
mod ids;
mod json;
mod limits;
mod progress;
mod rest;
mod routes;
mod run;
mod runner;
mod settings;
mod timers;
mod view;
mod workflow;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

pub use self::accounts::{GroupVisibility, Level, PublicRepositories, RepositorySelection, Visibility};
pub use self::auth::KeyError;
pub use self::delivery::{Delivery, DeliveryFate, DeliveryNoise, DeliveryRule, DeliveryView};
pub use self::faults::{FaultEffect, FaultRule};
pub use self::ids::{AccountId, DeliveryId, GroupId, InstallationId, JobId, RepositoryId, RunId, RunnerId};
pub use self::limits::Usage;
pub use self::progress::StartError;
pub use self::routes::Operation;
pub use self::run::Phase;
pub use self::runner::{Removal, Scope};
pub use self::settings::{CancelledOnRerun, Disputed, Limits, NoRunner, QueueExpiry, Settings, Times};
pub use self::view::{JobView, RunView, RunnerView};
pub use self::workflow::{
    Conclusion, Concurrency, Environment, FailFast, Gate, Head, JobSpec, Others, WorkflowSpec,
};
use crate::model::{Model, Random};

/// GitHub, as one App sees it.
#[derive(Debug)]
pub struct GitHub {
    settings: Settings,
    random: Random,
    now: Timestamp,
    last_number: u64,
    auth: auth::Auth,
    accounts: accounts::Accounts,
    runs: BTreeMap<RunId, run::Run>,
    /// Newest first is how runs are listed, so this is walked from its end.
    runs_of: BTreeMap<RepositoryId, BTreeSet<RunId>>,
    /// The part of [`GitHub::runs_of`] that is not completed.
    open_runs_of: BTreeMap<RepositoryId, BTreeSet<RunId>>,
    jobs: BTreeMap<JobId, run::Job>,
    slots: BTreeMap<(RepositoryId, String), run::Slot>,
    /// Jobs that runners can take, oldest first within what they ask for.
    queue: BTreeMap<Arc<run::Class>, BTreeSet<(Timestamp, JobId)>>,
    runners: BTreeMap<RunnerId, runner::Runner>,
    live: BTreeMap<runner::Scope, BTreeMap<RunnerId, ()>>,
    names: BTreeMap<(runner::Scope, String), RunnerId>,
    /// Digest of each JIT config, since the text itself is a secret.
    configs: BTreeMap<[u8; 32], RunnerId>,
    sessions: BTreeMap<String, RunnerId>,
    /// Online runners without a job, in an order that means nothing.
    idle: BTreeSet<(u64, RunnerId)>,
    timers: timers::Timers,
    deliveries: delivery::Deliveries,
    /// The half of each payload that many share; one text for thousands of deliveries.
    payload_ends: BTreeMap<json::PayloadKey, Arc<str>>,
    limiter: limits::Limiter,
    faults: faults::Faults,
    dirty_runs: BTreeSet<RunId>,
    assignment_due: bool,
}

impl GitHub {
    /// Builds an empty GitHub at `start`.
    ///
    /// # Errors
    /// [`KeyError`] when the App's public key cannot be read.
    pub fn new(settings: Settings, start: Timestamp) -> Result<Self, KeyError> {
        Ok(Self {
            random: Random::new(settings.seed),
            now: start,
            last_number: 1_000,
            auth: auth::Auth::new(&settings.app_public_key_pem)?,
            settings,
            accounts: accounts::Accounts::default(),
            runs: BTreeMap::new(),
            runs_of: BTreeMap::new(),
            jobs: BTreeMap::new(),
            slots: BTreeMap::new(),
            queue: BTreeMap::new(),
            runners: BTreeMap::new(),
            live: BTreeMap::new(),
            names: BTreeMap::new(),
            configs: BTreeMap::new(),
            sessions: BTreeMap::new(),
            idle: BTreeSet::new(),
            timers: timers::Timers::default(),
            deliveries: delivery::Deliveries::default(),
            payload_ends: BTreeMap::new(),
            open_runs_of: BTreeMap::new(),
            limiter: limits::Limiter::default(),
            faults: faults::Faults::default(),
            dirty_runs: BTreeSet::new(),
            assignment_due: false,
        })
    }

    /// The settings, to look at.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The settings, to change in the middle of play, such as limits or the life of JIT configs.
    ///
    /// A changed time holds for what starts after the change. Key, seed and App stay as they were.
    pub fn settings_mut(&mut self) -> &mut Settings {
        self.payload_ends.clear(); // addresses may change
        &mut self.settings
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Moves the clock to `now`, letting everything due happen at its own time.
    fn catch_up(&mut self, now: Timestamp) {
        while let Some((at, timer)) = self.timers.pop_due(now) {
            self.now = self.now.max(at);
            self.fire(timer);
            self.settle();
        }
        self.now = self.now.max(now);
    }

    /// Lets every job go on that can, until nothing moves any more.
    fn settle(&mut self) {
        loop {
            if let Some(run) = self.dirty_runs.pop_first() {
                self.progress(run);
            } else if std::mem::take(&mut self.assignment_due) {
                self.assign();
            } else {
                return;
            }
        }
    }
}

impl Model for GitHub {
    fn handle(&mut self, now: Timestamp, request: http::Request<Vec<u8>>) -> http::Response<Vec<u8>> {
        self.catch_up(now);
        let reply = self.answer(&request);
        self.settle();
        reply
    }

    fn next_at(&self) -> Option<Timestamp> {
        self.timers.next_at()
    }

    fn advance(&mut self, now: Timestamp) {
        self.catch_up(now);
        self.settle();
    }
}
