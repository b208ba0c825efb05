//! One invocation's effects: each takes time, has its address, can be struck by a fault, and is seen by the checkers.
//! Not here: who is invoked when (`plane`), and what the world answers.

use std::cell::Cell;
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jit_control::effects::{Effects, KeyValue, KeyValueError, KeyValueReply, Request, Response, SendError};
use jit_control::settings::Component;
use jit_control::time::domain_time;
use jit_fakes::model::{ReplyDelay, ReplyLost};

use super::executor::Sleep;
use super::plane::Plane;
use crate::faults::{Address, Fault};

/// One run of one function.
#[derive(Debug)]
pub struct Invocation {
    /// Its number, in order of start, from 1.
    pub number: u64,
    /// Which function.
    pub component: Component,
    effects: Cell<u32>,
    /// What the host's clock showed at its start.
    started_at: Timestamp,
    draws: Cell<u64>,
    crashed: Cell<bool>,
    stalled_until: Cell<Timestamp>,
}

impl Invocation {
    /// One that has had no effect yet.
    pub fn new(number: u64, component: Component, started_at: Timestamp) -> Self {
        Self {
            number,
            component,
            started_at,
            effects: Cell::new(0),
            draws: Cell::new(0),
            crashed: Cell::new(false),
            stalled_until: Cell::new(Timestamp::MIN),
        }
    }

    /// How many effects it has begun.
    pub fn effects(&self) -> u32 {
        self.effects.get()
    }
}

/// The effects of one invocation.
#[derive(Clone, Debug)]
pub struct NativeEffects {
    plane: Plane,
    invocation: Rc<Invocation>,
}

impl NativeEffects {
    /// The way of an invocation to the world.
    pub fn new(plane: Plane, invocation: Rc<Invocation>) -> Self {
        Self { plane, invocation }
    }

    /// Counts an effect and says what befalls it.
    async fn begin(&self) -> (Address, Option<Fault>) {
        let effect = self.invocation.effects.get() + 1;
        self.invocation.effects.set(effect);
        let address = Address { invocation: self.invocation.number, effect };
        let now = self.plane.executor.now();
        let fault = self.plane.faults.at(address, now);
        match fault {
            Some(Fault::CrashBefore) => self.crash().await,
            Some(Fault::Stalls(time)) => {
                self.invocation.stalled_until.set(now.saturating_add(time).unwrap_or(now));
                self.plane.executor.sleep(time).await;
            }
            _ => {}
        }
        (address, fault)
    }

    async fn crash(&self) {
        self.invocation.crashed.set(true);
        pending().await
    }

    /// Hands a request over, whoever it is for. None: it never comes back.
    async fn hand_over(&self, address: Address, fault: Option<Fault>, request: Request) -> Option<Response> {
        let host = request.uri().host().unwrap_or_default();
        if let Some(name) = host.strip_suffix(".spin.internal") {
            let component = Component::ALL.into_iter().find(|component| component.as_str() == name)?;
            return self.plane.invoke(component, Some(request)).await.ok().flatten();
        }
        self.plane.deliver(&self.invocation, address, fault == Some(Fault::ServiceFails), request)
    }
}

impl Effects for NativeEffects {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, SendError> {
        let elapsed = self.plane.host_time().duration_since(self.invocation.started_at);
        let now = self.plane.executor.now();
        self.plane.checks.borrow_mut().beginning(now, self.invocation.component, elapsed, &request);
        let (address, fault) = self.begin().await;
        let timeout = SignedDuration::try_from(timeout).unwrap_or(SignedDuration::MAX);
        let executor = &self.plane.executor;
        let (there, back) = self.plane.latency.of(&request, address);
        let given_up = executor.sleep(timeout);
        let timed_out = || SendError::Unknown("no reply in time".to_owned());
        match fault {
            Some(Fault::Refused) => {
                executor.sleep(there).await;
                return Err(SendError::NotSent("the connection was refused".to_owned()));
            }
            Some(Fault::ArrivesLate) => {
                let (this, clock) = (self.clone(), executor.clone());
                executor.spawn(async move {
                    clock.sleep(timeout.saturating_add(there)).await;
                    this.hand_over(address, fault, request).await;
                });
                given_up.await;
                return Err(timed_out());
            }
            _ => {}
        }
        executor.sleep(there).await;
        let exchange = async {
            let reply = self.hand_over(address, fault, request).await;
            if fault == Some(Fault::CrashAfter) {
                self.crash().await;
            }
            let Some(mut reply) = reply.filter(|reply| reply.extensions().get::<ReplyLost>().is_none())
            else {
                return pending().await;
            };
            let delay = reply.extensions_mut().remove::<ReplyDelay>().map_or(SignedDuration::ZERO, |d| d.0);
            executor.sleep(back.saturating_add(delay)).await;
            if fault == Some(Fault::ReplyLost) {
                return pending().await;
            }
            reply
        };
        first(exchange, given_up).await.ok_or_else(timed_out)
    }

    async fn key_value(&self, operation: KeyValue) -> Result<KeyValueReply, KeyValueError> {
        let (address, fault) = self.begin().await;
        let (there, back) = self.plane.latency.store(address);
        let locked = Err(KeyValueError::Failed("database is locked".to_owned()));
        self.plane.executor.sleep(there).await;
        if fault == Some(Fault::Refused) {
            return locked;
        }
        let reply = self.plane.store(&self.invocation, address, operation);
        match fault {
            Some(Fault::CrashAfter) => self.crash().await,
            Some(Fault::ReplyLost | Fault::ServiceFails | Fault::ArrivesLate) => return locked,
            _ => {}
        }
        self.plane.executor.sleep(back).await;
        reply
    }

    fn now(&self) -> jit_domain::time::Timestamp {
        domain_time(self.plane.host_time())
    }

    fn random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let draw = self.invocation.draws.get();
            self.invocation.draws.set(draw + 1);
            let word = self.plane.random.of("invocation", (self.invocation.number << 24) | draw);
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }

    async fn sleep(&self, duration: Duration) {
        let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        self.plane.executor.sleep(duration).await;
    }

    fn log(&self, line: &str) {
        self.plane.log(self.invocation.component, line);
    }
}

/// The future's value, unless the wait is over first.
async fn first<T>(future: impl Future<Output = T>, wait: Sleep) -> Option<T> {
    let (future, wait) = (std::pin::pin!(future), std::pin::pin!(wait));
    match futures::future::select(future, wait).await {
        futures::future::Either::Left((value, _)) => Some(value),
        futures::future::Either::Right(_) => None,
    }
}

/// Runs an invocation until it ends: by itself, by a crash, by the host's limit, or with the host.
pub struct Run<F> {
    plane: Plane,
    invocation: Rc<Invocation>,
    inner: Pin<Box<F>>,
    limit: Sleep,
    stall: Option<Sleep>,
}

impl<F> Run<F> {
    /// Begins to run.
    pub fn new(plane: Plane, invocation: Rc<Invocation>, future: F) -> Self {
        let limit = plane.executor.sleep(HOST_LIMIT);
        Self { plane, invocation, inner: Box::pin(future), limit, stall: None }
    }
}

/// Hosts end an invocation after this time; Akamai Functions' limit is the shortest known.
const HOST_LIMIT: SignedDuration = SignedDuration::from_secs(30);

impl<F: Future> Future for Run<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if self.plane.is_down() || Pin::new(&mut self.limit).poll(context).is_ready() {
                return Poll::Ready(None);
            }
            if let Some(stall) = &mut self.stall {
                if Pin::new(stall).poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.stall = None;
            }
            if let Poll::Ready(value) = self.inner.as_mut().poll(context) {
                return Poll::Ready(Some(value));
            }
            if self.invocation.crashed.get() {
                return Poll::Ready(None);
            }
            let until = self.invocation.stalled_until.get();
            if until <= self.plane.executor.now() {
                return Poll::Pending;
            }
            // A stalled invocation takes no step at all, whatever wakes it.
            self.stall = Some(self.plane.executor.sleep_until(until));
        }
    }
}
