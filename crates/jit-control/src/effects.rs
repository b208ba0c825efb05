//! The one trait through which every effect goes: requests, key-value operations, the clock, random bytes, waiting, logs.
//! The component's implementation is in `effects/spin.rs`; simulators and tests have their own.

use std::time::Duration;

use jit_domain::time::Timestamp;

#[cfg(not(target_arch = "wasm32"))]
pub mod memory;
#[cfg(target_arch = "wasm32")]
pub mod spin;
pub(crate) mod store;

/// A request to the outside world.
pub type Request = http::Request<Vec<u8>>;
/// What came back, with its whole body.
pub type Response = http::Response<Vec<u8>>;

/// Everything a function may do to the world, and everything it may learn from it besides its arguments.
///
/// Implementations are single-threaded; several futures of one invocation may be polled concurrently.
#[expect(async_fn_in_trait, reason = "invocations run on one thread, so no future needs to be Send")]
pub trait Effects {
    /// Sends a request and reads the whole reply, for at most `timeout`.
    ///
    /// # Errors
    /// [`SendError::NotSent`] only when certainly nothing left; anything else after that is [`SendError::Unknown`].
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, SendError>;

    /// Carries out one operation on Spin's key-value store.
    ///
    /// # Errors
    /// [`KeyValueError`]; a failed write may or may not have happened.
    async fn key_value(&self, operation: KeyValue) -> Result<KeyValueReply, KeyValueError>;

    /// Reads a small text file that the host mounts for the component, as it is now.
    ///
    /// # Errors
    /// A sentence that says why there is no text, and quotes nothing of it.
    fn mounted_file(&self, path: &str) -> Result<String, String> {
        Err(format!("{path}: this host mounts no files"))
    }

    /// The time now.
    fn now(&self) -> Timestamp;

    /// Fills `bytes` with random bytes that nobody can predict.
    fn random(&self, bytes: &mut [u8]);

    /// Waits.
    async fn sleep(&self, duration: Duration);

    /// Writes one log line: a JSON object without secrets.
    fn log(&self, line: &str);
}

/// Waits between `least` and twice as long, so that those who failed together do not come again together.
pub(crate) async fn pause(effects: &impl Effects, least: Duration) {
    let mut byte = [0_u8; 1];
    effects.random(&mut byte);
    // In whole milliseconds, as clocks and timers of hosts count.
    let least_ms = u64::try_from(least.as_millis()).unwrap_or(u64::MAX / 512);
    let jitter_ms = least_ms * u64::from(byte[0]) / 255;
    effects.sleep(Duration::from_millis(least_ms + jitter_ms)).await;
}

/// Why a request has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing was sent: the host is not allowed, or could not be connected to.
    #[error("the request was not sent: {0}")]
    NotSent(String),
    /// It may have been received: time-out or a broken connection. Only repeating the same request can tell.
    #[error("the outcome of the request is unknown: {0}")]
    Unknown(String),
}

/// An operation on the key-value store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyValue {
    /// Reads a value.
    Get(String),
    /// Reads several values at once.
    GetMany(Vec<String>),
    /// Writes a value.
    Set(String, Vec<u8>),
    /// Deletes a key; an absent one is fine.
    Delete(String),
    /// Lists all keys that begin so, in no order. Spin lists all keys there are, and what begins otherwise is dropped here.
    Keys(String),
    /// Adds to a counter and returns the sum. A key is either a counter or a value for ever, never both.
    Increment(String, u64),
}

/// What an operation answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyValueReply {
    /// To `Get`.
    Value(Option<Vec<u8>>),
    /// To `GetMany`: the keys that there are, with their values.
    Values(Vec<(String, Vec<u8>)>),
    /// To `Set` and `Delete`.
    Done,
    /// To `Keys`.
    Keys(Vec<String>),
    /// To `Increment`.
    Count(u64),
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyValueError {
    /// The component may not use the store, or there is none.
    #[error("the key-value store cannot be used: {0}")]
    Denied(String),
    /// The store failed, for instance because its database is locked; the operation may or may not have happened.
    #[error("the key-value store failed: {0}")]
    Failed(String),
}
