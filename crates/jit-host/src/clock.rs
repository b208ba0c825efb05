//! The time that components see.
//!
//! Not in here: waiting; WASI's timers already run on tokio's clock.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// The time that components see.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The machine's.
    Real,
    /// Tokio's, which a paused runtime moves from timer to timer without waiting.
    Tokio {
        /// Time since 1970-01-01T00:00:00Z at the origin.
        epoch: Duration,
        /// The moment of tokio's clock that counts as the epoch.
        origin: Instant,
    },
}

impl Clock {
    /// Tokio's clock, at `epoch` after 1970-01-01T00:00:00Z now.
    pub fn tokio(epoch: Duration) -> Self {
        Self::Tokio { epoch, origin: Instant::now() }
    }

    /// Time since 1970-01-01T00:00:00Z.
    pub fn now(&self) -> Duration {
        match self {
            Self::Real => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            Self::Tokio { epoch, origin } => *epoch + origin.elapsed(),
        }
    }
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Clock::now(self)
    }
}

/// Starts at 0 when its instance is made, as in Spin: an instant means nothing to another instance.
pub(crate) struct SinceStart(Instant);

impl SinceStart {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl HostMonotonicClock for SinceStart {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
