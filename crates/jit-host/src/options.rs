//! How to run an application: everything that the manifest leaves open.
//!
//! Not in here: command-line flags (the binary's).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::key_value::{KeyValue, MemoryKeyValue};
use crate::limits::Limits;
use crate::log::{Log, Silent};
use crate::outbound::{Network, Outbound};

/// How to run an application. It has no `Debug`: variables hold secrets.
#[derive(Clone)]
pub struct Options {
    /// Values of application variables; names that the manifest does not declare are passed over.
    pub variables: BTreeMap<String, String>,
    /// The stores behind every label.
    pub key_value: Arc<dyn KeyValue>,
    /// Sends what leaves the application.
    pub outbound: Arc<dyn Outbound>,
    /// The time that components see.
    pub clock: Clock,
    /// Makes the random bytes of every invocation a function of this number and the invocation's number.
    /// None for the system's randomness.
    pub random_seed: Option<u64>,
    /// What an invocation may use.
    pub limits: Limits,
    /// Takes what components and the host say.
    pub log: Arc<dyn Log>,
    /// Where compiled components are kept for the next start. None to compile each time.
    pub cache_directory: Option<PathBuf>,
}

impl Default for Options {
    /// Real time, real randomness, the network, stores in memory, silence.
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            variables: BTreeMap::new(),
            key_value: Arc::new(MemoryKeyValue::default()),
            outbound: Arc::new(Network::new(limits.body_bytes)),
            clock: Clock::Real,
            random_seed: None,
            limits,
            log: Arc::new(Silent),
            cache_directory: None,
        }
    }
}

impl Options {
    /// Virtual time that starts at `epoch` after 1970-01-01T00:00:00Z, and random bytes from a seed:
    /// on a current-thread runtime two such runs are equal.
    pub fn deterministic(epoch: Duration, random_seed: u64) -> Self {
        Self { clock: Clock::tokio(epoch), random_seed: Some(random_seed), ..Self::default() }
    }
}
