//! Effects of functions that are called one after the other in a world where nothing goes wrong: each call takes the same time,
//! and is noted with its beginning and its end.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jit_control::effects::{Effects, KeyValue, KeyValueError, KeyValueReply, Request, Response, SendError};
use jit_control::time::domain_time;
use jit_fakes::model::{Random, ReplyDelay};

use super::names;
use crate::native::executor::Executor;
use crate::world::World;

/// How long a call is on its way, there and as long back.
const WAY: SignedDuration = SignedDuration::from_millis(10);

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Service, action and what it is about.
    pub(super) name: String,
    pub(super) began_at: Timestamp,
    /// None while it is under way.
    pub(super) ended_at: Option<Timestamp>,
}

/// The way to the world.
pub(super) struct Wire {
    pub(super) executor: Executor,
    pub(super) world: RefCell<World>,
    calls: RefCell<Vec<Call>>,
    random: Random,
    draws: Cell<u64>,
}

impl Wire {
    pub(super) fn new(world: World, start: Timestamp) -> Self {
        let (calls, draws) = (RefCell::default(), Cell::default());
        Self {
            executor: Executor::new(start),
            world: RefCell::new(world),
            calls,
            random: Random::new(1),
            draws,
        }
    }

    pub(super) fn forget_calls(&self) {
        self.calls.borrow_mut().clear();
    }

    /// The calls since they were forgotten, in the order of their beginnings.
    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.borrow().clone()
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("calls", &self.calls.borrow().len()).finish_non_exhaustive()
    }
}

impl Effects for Wire {
    /// Every reply comes, so that nobody waits for as long as he would.
    async fn send(&self, mut request: Request, _: Duration) -> Result<Response, SendError> {
        let not_sent = |why: &str| SendError::NotSent(why.to_owned());
        let authority =
            request.uri().authority().ok_or_else(|| not_sent("an address without a host"))?.clone();
        if let Ok(value) = authority.as_str().parse() {
            request.headers_mut().entry(http::header::HOST).or_insert(value);
        }
        let began_at = self.executor.now();
        let place = self.calls.borrow().len();
        self.calls.borrow_mut().push(Call { name: names::of(&request), began_at, ended_at: None });
        self.executor.sleep(WAY).await;
        let now = self.executor.now();
        let reply = self.world.borrow_mut().answer("chain", now, authority.host(), request);
        let mut reply = reply.ok_or_else(|| not_sent("nobody is there"))?;
        let delay =
            reply.extensions_mut().remove::<ReplyDelay>().map_or(SignedDuration::ZERO, |delay| delay.0);
        self.executor.sleep(WAY.saturating_add(delay)).await;
        if let Some(call) = self.calls.borrow_mut().get_mut(place) {
            call.ended_at = Some(self.executor.now());
        }
        Ok(reply)
    }

    async fn key_value(&self, _: KeyValue) -> Result<KeyValueReply, KeyValueError> {
        Err(KeyValueError::Denied("records and messages are in AWS".to_owned()))
    }

    fn now(&self) -> jit_domain::time::Timestamp {
        domain_time(self.executor.now())
    }

    fn random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let draw = self.draws.get();
            self.draws.set(draw + 1);
            chunk.copy_from_slice(&self.random.of("chain", draw).to_le_bytes()[..chunk.len()]);
        }
    }

    async fn sleep(&self, duration: Duration) {
        self.executor.sleep(SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)).await;
    }

    /// What matters is in the calls.
    fn log(&self, _: &str) {}
}
