//! The control plane: starts invocations, carries their effects to the world and the store, and shows each to the checkers.
//! Not here: schedules, deliveries and instances (`drive`).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::pin::Pin;
use std::rc::Rc;

use futures::channel::oneshot;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use jit_control::effects::memory::store::Store;
use jit_control::effects::{KeyValue, KeyValueError, KeyValueReply, Request, Response};
use jit_control::entry::{self, Invocation as Call, Trigger};
use jit_control::settings::Component;
use jit_fakes::cloud;
use jit_fakes::github::{FaultEffect, FaultRule};
use jit_fakes::model::Random;

use super::effects::{Invocation, NativeEffects, Run};
use super::executor::Executor;
use super::naive::Naive;
use crate::check::Checks;
use crate::faults::{Address, Faults};
use crate::timeline::Timeline;
use crate::world::World;

/// A handle; clones share everything.
#[derive(Clone)]
pub struct Plane(Rc<Inner>);

/// What all invocations share.
pub struct Inner {
    /// Tasks and clock.
    pub executor: Executor,
    /// GitHub, AWS and the instances.
    pub world: RefCell<World>,
    /// What must hold.
    pub checks: RefCell<Checks>,
    /// What goes wrong on the way.
    pub faults: Faults,
    /// How long the way is.
    pub latency: Latency,
    /// Draws of invocations.
    pub random: Random,
    /// When the whole plane is down.
    pub outages: Vec<(Timestamp, Timestamp)>,
    /// How far the host's clock is ahead, by time.
    pub clock_jumps: Vec<(Timestamp, SignedDuration)>,
    naive: Option<Naive>,
    store: RefCell<Store>,
    /// Texts of the configuration, each with the time from which it holds.
    configurations: Vec<(Timestamp, Result<String, String>)>,
    variables: BTreeMap<String, String>,
    timeline: Timeline,
    invocations: Cell<u64>,
    effects_of: RefCell<Vec<(Component, Rc<Invocation>)>>,
    trace: RefCell<DefaultHasher>,
}

/// What a plane is made of.
#[derive(Debug)]
pub struct Parts {
    /// Everything drawn follows from it.
    pub seed: u64,
    /// When it begins.
    pub start: Timestamp,
    /// The text of the configuration file.
    pub configuration: String,
    /// Another text, and from when on it holds.
    pub reconfigured: Option<(Timestamp, String)>,
    /// GitHub, AWS and the instances.
    pub world: World,
    /// What must hold.
    pub checks: Checks,
    /// What goes wrong on the way.
    pub faults: Faults,
    /// Longest time of a request, one way, and of an operation on the store.
    pub latency_max: (SignedDuration, SignedDuration),
    /// When the whole plane is down.
    pub outages: Vec<(Timestamp, Timestamp)>,
    /// From when on the host's clock is ahead by how much.
    pub clock_jumps: Vec<(Timestamp, SignedDuration)>,
    /// Who stands in the control plane's place, if anybody does.
    pub naive: Option<Naive>,
    /// Where events are told.
    pub timeline: Timeline,
}

impl Plane {
    /// A plane with an empty store.
    pub fn new(parts: Parts) -> Self {
        let first = (parts.start, parts.configuration);
        let configurations = std::iter::once(first).chain(parts.reconfigured);
        let variables = parts.world.variables();
        Self(Rc::new(Inner {
            executor: Executor::new(parts.start),
            world: RefCell::new(parts.world),
            checks: RefCell::new(parts.checks),
            faults: parts.faults,
            latency: Latency { random: Random::new(parts.seed), max: parts.latency_max },
            random: Random::new(parts.seed),
            outages: parts.outages,
            clock_jumps: parts.clock_jumps,
            naive: parts.naive,
            store: RefCell::default(),
            configurations: configurations.map(|(from, text)| (from, Ok(text))).collect(),
            variables,
            timeline: parts.timeline,
            invocations: Cell::new(0),
            effects_of: RefCell::default(),
            trace: RefCell::default(),
        }))
    }

    /// Starts a function: by a request, or by its schedule. The reply comes when there is one; none if it was cut off before.
    pub fn invoke(
        &self,
        component: Component,
        request: Option<Request>,
    ) -> oneshot::Receiver<Option<Response>> {
        let number = self.invocations.get() + 1;
        self.invocations.set(number);
        let invocation = Rc::new(Invocation::new(number, component, self.host_time()));
        self.effects_of.borrow_mut().push((component, Rc::clone(&invocation)));
        let (sender, receiver) = oneshot::channel();
        let reply = Reply { plane: self.clone(), component, sender: Some(sender) };
        let effects = NativeEffects::new(self.clone(), Rc::clone(&invocation));
        let future = run(self.clone(), component, effects, request, reply);
        let run = Run::new(self.clone(), invocation, future);
        self.executor.spawn(async move {
            run.await;
        });
        receiver
    }

    /// Whether the whole plane is down now.
    pub fn is_down(&self) -> bool {
        let now = self.executor.now();
        self.outages.iter().any(|(from, to)| *from <= now && now < *to)
    }

    /// What the host's clock shows.
    pub fn host_time(&self) -> Timestamp {
        let now = self.executor.now();
        let ahead = self.clock_jumps.iter().rev().find(|(from, _)| *from <= now);
        ahead.map_or(now, |(_, by)| now.saturating_add(*by).unwrap_or(now))
    }

    /// The text of the configuration file now.
    fn configuration(&self) -> &Result<String, String> {
        let now = self.executor.now();
        let in_force = self.configurations.iter().rev().find(|(from, _)| *from <= now);
        &in_force.unwrap_or(&self.configurations[0]).1
    }

    /// How many effects each invocation had, in order of start.
    pub fn effects(&self) -> Vec<(Component, u32)> {
        self.effects_of.borrow().iter().map(|(component, run)| (*component, run.effects())).collect()
    }

    /// A number that two plays share only if every effect of both was the same.
    pub fn fingerprint(&self) -> u64 {
        self.trace.borrow().finish()
    }

    /// Takes a log line.
    pub fn log(&self, component: Component, line: &str) {
        self.checks.borrow_mut().logged(self.executor.now(), line);
        if !self.timeline.is_silent() {
            self.timeline.event(component.as_str(), line);
        }
    }

    /// Says something that is in no log.
    pub fn say(&self, who: &str, what: &str) {
        let now_ms = u64::try_from(self.executor.now().as_millisecond()).unwrap_or(0);
        self.timeline.say(now_ms, who, what);
    }

    /// Carries an operation to the store.
    ///
    /// # Errors
    /// What the store refuses.
    pub(super) fn store(
        &self,
        invocation: &Invocation,
        address: Address,
        operation: KeyValue,
    ) -> Result<KeyValueReply, KeyValueError> {
        self.note(address, |trace| operation.hash(trace));
        let now = self.executor.now();
        if let KeyValue::Set(key, value) = &operation {
            let world = self.world.borrow();
            self.checks.borrow_mut().stored(now, invocation.component, &world, key, value);
        }
        self.store.borrow_mut().apply(operation)
    }

    /// Carries a request to whom its host names.
    pub(super) fn deliver(
        &self,
        invocation: &Invocation,
        address: Address,
        fails: bool,
        mut request: Request,
    ) -> Option<Response> {
        let host = request.uri().host()?.to_owned();
        if let Some(value) = request.uri().authority().and_then(|a| a.as_str().parse().ok()) {
            request.headers_mut().entry(http::header::HOST).or_insert(value);
        }
        self.note(address, |trace| {
            (request.method().as_str(), &host, request.uri().path(), request.body()).hash(trace);
        });
        let now = self.executor.now();
        let world = &mut *self.world.borrow_mut();
        let checks = &mut *self.checks.borrow_mut();
        checks.sending(now, invocation.component, world, &request);
        if fails {
            break_next(world, &host, &request);
        }
        let sent = request.clone();
        let response = world.answer(invocation.component.as_str(), now, &host, request)?;
        checks.answered(now, invocation.component, world, &sent, &response);
        Some(response)
    }

    fn note(&self, address: Address, write: impl FnOnce(&mut DefaultHasher)) {
        let trace = &mut *self.trace.borrow_mut();
        (address.invocation, address.effect, self.executor.now().as_microsecond()).hash(trace);
        write(trace);
    }
}

impl std::ops::Deref for Plane {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl fmt::Debug for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plane").field("executor", &self.executor).finish_non_exhaustive()
    }
}

/// Makes the service answer the next request with an error of its own.
fn break_next(world: &mut World, host: &str, request: &Request) {
    if host.ends_with(".amazonaws.com") {
        let body = String::from_utf8_lossy(request.body());
        let form = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        if let Some(action) = form.or(target.and_then(|target| Some(target.split_once('.')?.1))) {
            world.aws.faults.on_next(action, 1, cloud::Fault::refused(503, "Unavailable"));
        }
    } else {
        let effect = FaultEffect::Fails(502);
        world.github.add_fault(FaultRule { operation: None, path: None, skip: 0, times: 1, effect });
    }
}

/// Where an invocation's reply goes; dropped unused, the caller's connection breaks.
struct Reply {
    plane: Plane,
    component: Component,
    sender: Option<oneshot::Sender<Option<Response>>>,
}

impl Reply {
    fn send(mut self, response: Response) {
        let now = self.plane.executor.now();
        self.plane.checks.borrow_mut().replied(now, self.component, &response);
        if let Some(sender) = self.sender.take() {
            // Nobody waits for the reply to a schedule.
            let _ = sender.send(Some(response));
        }
    }
}

async fn run(
    plane: Plane,
    component: Component,
    effects: NativeEffects,
    request: Option<Request>,
    reply: Reply,
) {
    if let Some(naive) = &plane.naive {
        match (component, &request) {
            (Component::Webhook, Some(delivery)) => {
                reply.send(naive.accept());
                naive.serve(&effects, delivery).await;
            }
            (_, Some(request)) => reply.send(naive.answer(request)),
            (_, None) => {}
        }
        return;
    }
    let variable = |name: &str| plane.variables.get(name).cloned();
    let call = Call { effects: &effects, configuration: plane.configuration(), variable: &variable };
    let trigger = request.as_ref().map_or(Trigger::Cron, Trigger::Http);
    match (component, &request) {
        (Component::Webhook, Some(request)) => {
            let answer = apart(|| entry::webhook(call, request)).await;
            reply.send(answer.reply);
            if let Some(queue) = answer.nudge {
                apart(|| entry::nudge(call, queue)).await;
            }
        }
        (Component::Registrar, Some(request)) => reply.send(apart(|| entry::registrar(call, request)).await),
        (Component::Webhook | Component::Registrar, None) => {}
        (Component::Scaleup, _) => reply.send(apart(|| entry::scaleup(call, trigger)).await),
        (Component::Lifecycle, _) => reply.send(apart(|| entry::lifecycle(call, trigger)).await),
        (Component::Rebalancer, _) => reply.send(apart(|| entry::rebalancer(call, trigger)).await),
        (Component::Scaledown, _) => reply.send(apart(|| entry::scaledown(call, trigger)).await),
    }
}

/// Makes a future apart from its caller: a function's state is large, and where nothing is optimised the caller's frame would
/// hold the states of all functions at once.
#[inline(never)]
fn apart<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

/// How long effects take.
#[derive(Clone, Debug)]
pub struct Latency {
    random: Random,
    max: (SignedDuration, SignedDuration),
}

impl Latency {
    /// Of a request: there and back. Records and messages in AWS are as near as those in the host's store.
    pub fn of(&self, request: &Request, address: Address) -> (SignedDuration, SignedDuration) {
        let service = request.uri().host().and_then(|host| host.split('.').next());
        match service {
            Some("dynamodb" | "sqs") => self.store(address),
            _ => self.draw(self.max.0, address),
        }
    }

    /// Of an operation on the store: until it happens, and until its caller knows.
    pub fn store(&self, address: Address) -> (SignedDuration, SignedDuration) {
        self.draw(self.max.1, address)
    }

    fn draw(&self, max: SignedDuration, address: Address) -> (SignedDuration, SignedDuration) {
        let bits = self.random.of("latency", (address.invocation << 20) | u64::from(address.effect));
        let span = u64::try_from(max.as_micros()).unwrap_or(0).saturating_add(1);
        let micros = |bits: u64| SignedDuration::from_micros(i64::try_from(bits % span).unwrap_or(0));
        (micros(bits & u64::from(u32::MAX)), micros(bits >> 32))
    }
}

/// The reply of a host whose component ended without one.
pub fn broken() -> Response {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
