//! Every bound of the host, with its unit and its reason.
//!
//! Not in here: enforcing them.

use std::time::Duration;

/// What one invocation, and all of them together, may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of linear memory of one instance.
    pub memory_bytes: usize,
    /// How long an invocation may live, its work after the reply included.
    pub invocation_timeout: Duration,
    /// Bytes of any one body: request, reply, outbound request, outbound response.
    pub body_bytes: usize,
    /// Instances alive at the same time; one more request is answered 503.
    pub instances: u32,
    /// Of these, instances of one component: the others have the rest, however slow it is.
    pub instances_of_component: u32,
    /// WebAssembly operations of one invocation, roughly, where the clock is virtual; unused where it is real.
    pub fuel: u64,
}

impl Default for Limits {
    /// Akamai Functions' limits, the tightest of the places where the components run
    /// (<https://techdocs.akamai.com/akamai-functions/docs/quotas-and-limits>, read 2026-11-21).
    fn default() -> Self {
        Self {
            memory_bytes: 128 * 1024 * 1024,
            invocation_timeout: Duration::from_secs(30),
            body_bytes: 10 * 1024 * 1024,
            // A burst of 256 single-job runs is the largest that the project measures; webhook chains to one more each.
            instances: 512,
            instances_of_component: 384,
            // A few seconds of a core: far above any handler, and still an end to an endless loop.
            fuel: 5_000_000_000,
        }
    }
}

/// Components that may call each other in one chain; our longest chain is two.
pub(crate) const CHAIN_DEPTH_MAX: u32 = 8;

/// Key-value stores that one instance may hold open, as Spin's default.
pub(crate) const OPEN_STORES_MAX: usize = 256;

/// Table elements of one instance; our components have about 2,000.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 100_000;

/// Core instances, tables and memories that one component is made of: its code, its adapters and their shims.
pub(crate) const CORE_INSTANCES_PER_COMPONENT: u32 = 8;

/// Linear memories of one component: a Rust component has one, one with an adapter two.
pub(crate) const MEMORIES_PER_COMPONENT: u32 = 2;

/// How often running guests are interrupted to let others run and to look at their time limit.
pub(crate) const EPOCH_TICK: Duration = Duration::from_millis(10);

/// Bytes of one line of a component's output; a longer one is cut into several.
pub(crate) const LOG_LINE_BYTES_MAX: usize = 8 * 1024;

/// What an outbound call waits for when the guest set no limit: Spin's own default.
pub(crate) const OUTBOUND_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a statement waits for another process that writes; beyond it the caller sees "database is locked".
pub(crate) const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// How long opening a store waits for another process that opens it too.
pub(crate) const SQLITE_OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that `serve` holds open at the same time; the next one waits.
pub(crate) const CONNECTIONS_MAX: usize = 1_024;

/// How long a client may take to send the head of a request.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the binary lets running guests finish after a signal.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);
