//! Effects in memory, for tests on the native side: a key-value store, a clock that only tests move, seeded random bytes,
//! HTTP answers by closure, and crashes or failures at any chosen effect.
//! Fakes of GitHub or of a cloud are not here; an answer closure can call them.
//!
//! One [`MemoryEffects`] is one invocation. [`MemoryEffects::another`] is one more on the same world, as a second process
//! on one store would be. [`interleave`](interleave::interleave) runs several of them in a chosen order.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jit_domain::time::Timestamp;

use self::world::World;
use super::{Effects, KeyValue, KeyValueError, KeyValueReply, Request, Response, SendError};

pub mod interleave;
pub mod store;
mod world;

/// Writes the methods of [`Effects`] that a stand-in around other effects passes on as they are, by their names: those that are its
/// own business stand beside it.
///
/// ```
/// use jit_control::effects::memory::MemoryEffects;
/// use jit_control::effects::{Effects, Request, Response, SendError};
///
/// struct Offline(MemoryEffects);
///
/// impl Effects for Offline {
///     async fn send(&self, _: Request, _: std::time::Duration) -> Result<Response, SendError> {
///         Err(SendError::NotSent("there is no network".to_owned()))
///     }
///
///     jit_control::passes_on! { 0: key_value, now, random, sleep, log }
/// }
/// ```
#[macro_export]
macro_rules! passes_on {
    ($inner:tt: $($method:ident),+) => { $($crate::passes_on!(@ $inner $method);)+ };
    (@ $inner:tt send) => {
        async fn send(
            &self,
            request: $crate::effects::Request,
            timeout: ::std::time::Duration,
        ) -> Result<$crate::effects::Response, $crate::effects::SendError> {
            self.$inner.send(request, timeout).await
        }
    };
    (@ $inner:tt key_value) => {
        async fn key_value(
            &self,
            operation: $crate::effects::KeyValue,
        ) -> Result<$crate::effects::KeyValueReply, $crate::effects::KeyValueError> {
            self.$inner.key_value(operation).await
        }
    };
    (@ $inner:tt now) => {
        fn now(&self) -> ::jit_domain::time::Timestamp {
            self.$inner.now()
        }
    };
    (@ $inner:tt random) => {
        fn random(&self, bytes: &mut [u8]) {
            self.$inner.random(bytes);
        }
    };
    (@ $inner:tt sleep) => {
        async fn sleep(&self, duration: ::std::time::Duration) {
            self.$inner.sleep(duration).await;
        }
    };
    (@ $inner:tt log) => {
        fn log(&self, line: &str) {
            self.$inner.log(line);
        }
    };
}

/// What goes wrong at an effect. Effects are key-value operations and requests, counted together from 1 in each invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The invocation ends before the effect: nothing happens, and its future is never ready.
    CrashBefore,
    /// The invocation ends after the effect, which happened.
    CrashAfter,
    /// The effect does not happen and is answered by an error.
    FailBefore,
    /// The effect happens and is answered by an error all the same.
    FailAfter,
}

/// One invocation in a world in memory. A clone is the same invocation.
#[derive(Clone)]
pub struct MemoryEffects {
    world: Rc<RefCell<World>>,
    invocation: Rc<RefCell<Invocation>>,
}

#[derive(Debug, Default)]
struct Invocation {
    number: usize,
    effects: u64,
    faults: BTreeMap<u64, Fault>,
    crashed: bool,
}

impl MemoryEffects {
    /// Makes an empty world whose clock says 2026-11-21T00:00:00Z, and its first invocation.
    pub fn new(seed: u64) -> Self {
        let world = Rc::new(RefCell::new(World::new(seed)));
        Self { world, invocation: Rc::default() }
    }

    /// Starts another invocation on the same world: same store, clock and answers, no faults.
    #[must_use]
    pub fn another(&self) -> Self {
        let number = self.world.borrow_mut().next_invocation();
        let invocation = Rc::new(RefCell::new(Invocation { number, ..Invocation::default() }));
        Self { world: Rc::clone(&self.world), invocation }
    }

    /// Makes something go wrong at this invocation's `effect`-th effect; the first is 1.
    pub fn fault(&self, effect: u64, fault: Fault) {
        self.invocation.borrow_mut().faults.insert(effect, fault);
    }

    /// Answers all requests of this world from now on. Until then each is answered by [`SendError::NotSent`].
    pub fn answer(&self, answer: impl FnMut(Request) -> Result<Response, SendError> + 'static) {
        self.world.borrow_mut().answer = Some(Box::new(answer));
    }

    /// Mounts a file for all invocations of this world, or replaces it.
    pub fn mount(&self, path: &str, text: &str) {
        self.world.borrow_mut().files.insert(path.to_owned(), text.to_owned());
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let now = self.now() + by;
        self.set_now(now);
    }

    /// Sets the clock, backwards too.
    pub fn set_now(&self, now: Timestamp) {
        self.world.borrow_mut().now = now;
    }

    /// How many effects this invocation has had.
    pub fn effects(&self) -> u64 {
        self.invocation.borrow().effects
    }

    /// Whether a fault ended this invocation.
    pub fn crashed(&self) -> bool {
        self.invocation.borrow().crashed
    }

    /// All keys of the store, in order.
    pub fn keys(&self) -> Vec<String> {
        self.world.borrow().store.keys("")
    }

    /// A value as it is stored now.
    pub fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.world.borrow().store.value(key).map(<[u8]>::to_vec)
    }

    /// The lines logged so far by all invocations.
    pub fn logged(&self) -> Vec<String> {
        self.world.borrow().log.clone()
    }

    /// Runs a future to its end; none if an invocation in it crashed. The clock moves only while all of it sleeps.
    ///
    /// # Panics
    /// If the future waits for something that is not an effect, as nothing could ever wake it.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        let _driven = Driven::start(&self.world);
        loop {
            self.world.borrow_mut().forget_progress();
            if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return Some(done);
            }
            let mut world = self.world.borrow_mut();
            if !world.progress() && !world.wake_earliest(None) {
                assert!(world.crashes > 0, "the future waits for something that is not an effect");
                return None;
            }
        }
    }

    /// Counts one effect, lets other invocations go first, and says what goes wrong.
    async fn begin(&self) -> Option<Fault> {
        self.give_way().await;
        let fault = {
            let mut invocation = self.invocation.borrow_mut();
            invocation.effects += 1;
            let effect = invocation.effects;
            invocation.faults.get(&effect).copied()
        };
        if fault == Some(Fault::CrashBefore) {
            self.crash().await;
        }
        fault
    }

    async fn crash(&self) {
        self.invocation.borrow_mut().crashed = true;
        self.world.borrow_mut().crashes += 1;
        pending().await
    }

    async fn give_way(&self) {
        let number = self.invocation.borrow().number;
        let mut gave = false;
        poll_fn(|context| {
            if gave {
                return Poll::Ready(());
            }
            gave = true;
            self.world.borrow_mut().made_progress(number);
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl Effects for MemoryEffects {
    async fn send(&self, request: Request, _timeout: Duration) -> Result<Response, SendError> {
        let fault = self.begin().await;
        if fault == Some(Fault::FailBefore) {
            return Err(SendError::NotSent("a fault that the test asked for".to_owned()));
        }
        // The closure is taken out while it runs, so that it may use this world itself.
        let taken = self.world.borrow_mut().answer.take();
        let Some(mut answer) = taken else {
            return Err(SendError::NotSent(format!("nothing answers {}", request.uri())));
        };
        let reply = answer(request);
        self.world.borrow_mut().answer.get_or_insert(answer);
        match fault {
            Some(Fault::CrashAfter) => self.crash().await,
            Some(Fault::FailAfter) => {
                return Err(SendError::Unknown("a fault that the test asked for".to_owned()));
            }
            Some(Fault::CrashBefore | Fault::FailBefore) | None => {}
        }
        reply
    }

    async fn key_value(&self, operation: KeyValue) -> Result<KeyValueReply, KeyValueError> {
        let fault = self.begin().await;
        let failed = Err(KeyValueError::Failed("database is locked".to_owned()));
        if fault == Some(Fault::FailBefore) {
            return failed;
        }
        let reply = self.world.borrow_mut().store.apply(operation);
        match fault {
            Some(Fault::CrashAfter) => self.crash().await,
            Some(Fault::FailAfter) => return failed,
            Some(Fault::CrashBefore | Fault::FailBefore) | None => {}
        }
        reply
    }

    fn mounted_file(&self, path: &str) -> Result<String, String> {
        let file = self.world.borrow().files.get(path).cloned();
        file.ok_or_else(|| format!("{path}: no such file"))
    }

    fn now(&self) -> Timestamp {
        self.world.borrow().now
    }

    fn random(&self, bytes: &mut [u8]) {
        self.world.borrow_mut().fill(bytes);
    }

    /// Waits until the clock of [`MemoryEffects::run`] or of an interleaving gets there; under any other executor the clock jumps.
    async fn sleep(&self, duration: Duration) {
        if !self.world.borrow().driven {
            self.advance(duration);
            return self.give_way().await;
        }
        let sleeper = Sleeper::start(self, duration);
        poll_fn(|context| {
            if sleeper.is_over() {
                return Poll::Ready(());
            }
            // Whoever holds several futures polls only those that asked for it; the clock asks nobody.
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    fn log(&self, line: &str) {
        self.world.borrow_mut().log.push(line.to_owned());
    }
}

impl fmt::Debug for MemoryEffects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryEffects").field("invocation", &self.invocation.borrow()).finish_non_exhaustive()
    }
}

/// While it lives, the clock is moved by whoever polls.
struct Driven<'a>(&'a Rc<RefCell<World>>);

impl<'a> Driven<'a> {
    fn start(world: &'a Rc<RefCell<World>>) -> Self {
        world.borrow_mut().driven = true;
        Self(world)
    }
}

impl Drop for Driven<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().driven = false;
    }
}

/// One sleep under way.
struct Sleeper<'a> {
    world: &'a Rc<RefCell<World>>,
    number: u64,
    until: Timestamp,
}

impl<'a> Sleeper<'a> {
    fn start(effects: &'a MemoryEffects, duration: Duration) -> Self {
        let invocation = effects.invocation.borrow().number;
        let until = effects.now() + duration;
        let number = effects.world.borrow_mut().start_sleep(invocation, until);
        Self { world: &effects.world, number, until }
    }

    fn is_over(&self) -> bool {
        self.world.borrow().now >= self.until
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.world.borrow_mut().end_sleep(self.number);
    }
}

#[cfg(test)]
mod tests;
