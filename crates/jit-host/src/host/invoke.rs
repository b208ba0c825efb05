//! The life of one instance: made, called, ended, accounted for.
//!
//! Not in here: the reply (`reply`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::timeout;
use wasmtime::component::Resource;
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi_http::p2::body::{HostOutgoingBody, StreamContext};
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};

use super::Host;
use super::egress::Egress;
use super::error::TickError;
use super::key_value::Crash;
use super::state::{Guest, State};
use crate::bindings::cron::{Error as CronError, Metadata};
use crate::clock::Clock;
use crate::log::{self, Outcome, Stream};

/// Which export of an instance is called, and with what.
pub(super) enum Entry {
    Http { request: Resource<HostIncomingRequest>, reply: Resource<HostResponseOutparam> },
    Cron { timestamp: u64 },
}

/// One instance before its call. It counts as running from its start to its end.
pub(super) struct Invocation {
    host: Host,
    guest: Arc<Guest>,
    number: u64,
    store: Store<State>,
    crash: Arc<Notify>,
    instantiate_duration: Duration,
    // Dropped last, when the store is gone and its place in the pool is free again.
    _running: Running,
}

/// Counts an instance as running for as long as it exists.
struct Running {
    host: Host,
    _places: [OwnedSemaphorePermit; 2],
}

impl Running {
    /// None when too many instances are alive, of this component or of all.
    fn start(host: &Host, guest: &Guest) -> Option<Self> {
        let of_component = guest.places.clone().try_acquire_owned().ok()?;
        let of_all = host.shared.instances.clone().try_acquire_owned().ok()?;
        host.shared.running.send_modify(|running| *running += 1);
        Some(Self { host: host.clone(), _places: [of_component, of_all] })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.host.shared.running.send_modify(|running| *running -= 1);
    }
}

impl Invocation {
    /// Prepares an instance; none when too many are alive or the host cannot open the component's files any more.
    pub(super) fn start(host: &Host, guest: &Arc<Guest>, depth: u32) -> Option<Self> {
        let running = Running::start(host, guest)?;
        let number = host.shared.invocations.fetch_add(1, Ordering::Relaxed);
        let crash = Arc::new(Notify::new());
        let egress = Egress { host: host.clone(), guest: guest.clone(), depth, crash: crash.clone() };
        let state = State::new(guest.clone(), host.options(), egress, number);
        let state = state.inspect_err(|error| {
            let line = format!("cannot prepare an instance: {error:#}");
            host.options().log.line(&guest.name, Stream::Host, &line);
        });
        let mut store = Store::new(&host.shared.engine, state.ok()?);
        store.limiter(|state| &mut state.memory);
        match host.options().clock {
            Clock::Real => {
                store.set_epoch_deadline(1);
                // Tokio's own yield lets the runtime look at its timers and sockets before the guest goes on.
                store.epoch_deadline_callback(|_| {
                    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
                });
            }
            Clock::Tokio { .. } => store.set_fuel(host.options().limits.fuel).ok()?,
        }
        Some(Self {
            host: host.clone(),
            guest: guest.clone(),
            number,
            store,
            crash,
            instantiate_duration: Duration::ZERO,
            _running: running,
        })
    }

    pub(super) fn state(&mut self) -> &mut State {
        self.store.data_mut()
    }

    /// Runs the instance to its end or to the end of its time.
    pub(super) async fn run(mut self, entry: Entry) -> Outcome {
        let limit = self.host.options().limits.invocation_timeout;
        let crash = self.crash.clone();
        let outcome = tokio::select! {
            // In a fixed order, so that two runs of one seed are equal.
            biased;
            () = crash.notified() => Outcome::Crashed,
            called = timeout(limit, self.call(entry)) => match called {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(error)) => trapped(&error),
                Err(_) => Outcome::TimedOut,
            },
        };
        abort_bodies(&mut self.store);
        self.account(&outcome);
        outcome
    }

    async fn call(&mut self, entry: Entry) -> wasmtime::Result<Outcome> {
        let made = Instant::now();
        let missing = || wasmtime::Error::msg("the component lacks the export of its trigger");
        match entry {
            Entry::Http { request, reply } => {
                let pre = self.guest.http.as_ref().ok_or_else(missing)?;
                let proxy = pre.instantiate_async(&mut self.store).await?;
                self.instantiate_duration = made.elapsed();
                proxy.wasi_http_incoming_handler().call_handle(&mut self.store, request, reply).await?;
                Ok(Outcome::Completed)
            }
            Entry::Cron { timestamp } => {
                let pre = self.guest.cron.as_ref().ok_or_else(missing)?;
                let cron = pre.instantiate_async(&mut self.store).await?;
                self.instantiate_duration = made.elapsed();
                Ok(match cron.call_handle_cron_event(&mut self.store, Metadata { timestamp }).await? {
                    Ok(()) => Outcome::Completed,
                    Err(CronError::Other(text)) => Outcome::Refused(text),
                })
            }
        }
    }

    fn account(&mut self, outcome: &Outcome) {
        let options = self.host.options();
        if *outcome != Outcome::Completed {
            options.log.line(&self.guest.name, Stream::Host, &outcome.to_string());
        }
        let left = self.store.get_fuel().ok();
        options.log.ended(&log::Invocation {
            component: self.guest.name.to_string(),
            number: self.number,
            outcome: outcome.clone(),
            memory_bytes_peak: self.store.data().memory.peak,
            instantiate_duration: self.instantiate_duration,
            fuel: left.map(|left| options.limits.fuel.saturating_sub(left)),
        });
    }
}

/// Wakes a component through its cron export and waits for its end.
pub(super) async fn tick(host: &Host, guest: &Arc<Guest>, timestamp: u64) -> Result<(), TickError> {
    if guest.cron.is_none() {
        return Err(TickError::NoCronExport);
    }
    let invocation = Invocation::start(host, guest, 0).ok_or(TickError::Busy)?;
    // On its own task, so that it runs to its end when nobody waits for it any more.
    match tokio::spawn(invocation.run(Entry::Cron { timestamp })).await {
        Ok(Outcome::Completed) => Ok(()),
        Ok(outcome) => Err(TickError::Ended(outcome)),
        Err(_) => Err(TickError::Ended(Outcome::Trapped("the host failed".to_owned()))),
    }
}

fn trapped(error: &wasmtime::Error) -> Outcome {
    if error.downcast_ref::<Crash>().is_some() {
        return Outcome::Crashed;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Outcome::OutOfFuel,
        Some(trap) => Outcome::Trapped(trap.to_string()),
        // The root cause only: the outer layers are a backtrace.
        None => Outcome::Trapped(error.root_cause().to_string()),
    }
}

/// Breaks off every body that the instance left unfinished.
///
/// A dropped body would look like a finished one to whoever reads it, and half a reply would pass for a whole one.
fn abort_bodies(store: &mut Store<State>) {
    for entry in store.data_mut().table.iter_mut() {
        if let Some(body) = entry.downcast_mut::<HostOutgoingBody>() {
            let (replacement, _) = HostOutgoingBody::new(StreamContext::Response, None, 1, 1);
            std::mem::replace(body, replacement).abort();
        }
    }
}
