//! A log that keeps the account of every invocation, and prints nothing but what it is told to.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jit_host::log::{Invocation, Outcome};
use jit_host::{Log, Stream};

use super::statistics::Durations;
use crate::timeline::{Detail, Timeline};

/// What the invocations of one component cost.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// How many there were.
    pub invocations: usize,
    /// Real time to make an instance, for each.
    pub instantiated_in: Vec<Duration>,
    /// Most bytes of linear memory that one of them held.
    pub memory_bytes_peak: usize,
    /// How many ended otherwise than by completing.
    pub failed: usize,
}

impl Cost {
    /// The times to make an instance, in order.
    pub fn instantiations(&self) -> Durations {
        Durations::new(self.instantiated_in.clone())
    }
}

/// Keeps the accounts.
#[derive(Debug)]
pub struct Meter {
    costs: Mutex<BTreeMap<String, Cost>>,
    timeline: Timeline,
}

impl Meter {
    /// A meter that prints as much as it is told to; `started_ms` is where its times begin.
    pub fn new(started_ms: u64, detail: Detail) -> Self {
        Self { costs: Mutex::default(), timeline: Timeline::new(started_ms, detail) }
    }

    /// What was spent so far, by component.
    pub fn costs(&self) -> BTreeMap<String, Cost> {
        self.lock().clone()
    }

    /// What the host said of components that ended badly.
    pub fn faults(&self) -> Vec<String> {
        self.timeline.faults()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Cost>> {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Meter {
    fn line(&self, component: &str, stream: Stream, line: &str) {
        self.timeline.line(component, stream, line);
    }

    fn ended(&self, invocation: &Invocation) {
        let mut costs = self.lock();
        let cost = costs.entry(invocation.component.clone()).or_default();
        cost.invocations += 1;
        cost.instantiated_in.push(invocation.instantiate_duration);
        cost.memory_bytes_peak = cost.memory_bytes_peak.max(invocation.memory_bytes_peak);
        cost.failed += usize::from(invocation.outcome != Outcome::Completed);
    }
}
