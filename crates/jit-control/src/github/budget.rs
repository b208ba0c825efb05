//! Shares of GitHub's points a minute: a mint may use all, questions about the truth and cleaning up leave room for it.

use std::time::Duration;

/// A counter is for one minute; it is kept a little longer, for clocks that differ.
pub(super) const COUNTER_LIFE: Duration = Duration::from_secs(5 * 60);

/// Whose request comes first when points run short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Registering a runner for a booted instance.
    Jit,
    /// Asking what is true.
    Truth,
    /// Cleaning up.
    Cleanup,
}

impl Priority {
    /// The points of a minute after which requests of this priority wait for the next one. A tenth is never used:
    /// GitHub counts by its own clock.
    pub const fn share_of(self, points: u64) -> u64 {
        match self {
            Self::Jit => points * 9 / 10,
            Self::Truth => points * 6 / 10,
            Self::Cleanup => points * 4 / 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Priority;

    #[test]
    fn a_mint_is_the_last_to_wait() {
        assert!(Priority::Jit.share_of(900) > Priority::Truth.share_of(900));
        assert!(Priority::Truth.share_of(900) > Priority::Cleanup.share_of(900));
        assert!(Priority::Jit.share_of(900) < 900);
    }
}
