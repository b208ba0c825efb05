//! Shares of GitHub's points a minute: a mint may use all, questions about the truth and cleaning up leave room for it.
//! GitHub does not say when its minute begins, so none may hold more than the limit: points are counted in short windows, and
//! all windows that the last 60 s touch count together.

use std::time::Duration;

/// A counter is for one window; it is kept a little longer, for clocks that differ.
pub(super) const COUNTER_LIFE: Duration = Duration::from_secs(5 * 60);
/// Seconds of one window. Shorter ones free points sooner and cost a counter each.
pub(super) const WINDOW_S: u64 = 20;
/// Windows that a span of 60 s can touch.
pub(super) const WINDOWS: u64 = 60 / WINDOW_S + 1;

/// Whether `points` more stay within `most`, where `spent` has the points of each window up to the window `newest`.
///
/// # Errors
/// When they will, in Unix seconds.
pub(super) fn check(newest: u64, spent: &[u64], points: u64, most: u64) -> Result<(), u64> {
    let mut sum = spent.iter().sum::<u64>() + points;
    if sum <= most {
        return Ok(());
    }
    // The last window of all leaves as many windows after the newest as a span can touch.
    for (leaves, window) in (newest + 1 + WINDOWS - spent.len() as u64..).zip(spent) {
        sum -= window;
        if sum <= most {
            return Err(leaves * WINDOW_S);
        }
    }
    Err((newest + WINDOWS) * WINDOW_S)
}

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

    /// How long requests of so many points take at the rate that the share allows.
    pub fn time_for(self, points: u64, points_a_minute: u64) -> Duration {
        Duration::from_secs((points * 60).div_ceil(self.share_of(points_a_minute).max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Priority, WINDOW_S, WINDOWS, check};

    #[test]
    fn a_mint_is_the_last_to_wait() {
        assert!(Priority::Jit.share_of(900) > Priority::Truth.share_of(900));
        assert!(Priority::Truth.share_of(900) > Priority::Cleanup.share_of(900));
        assert!(Priority::Jit.share_of(900) < 900);
    }

    #[test]
    fn points_are_free_again_when_the_windows_that_hold_them_are_older_than_a_minute() {
        // The newest window, 100, began at 2,000 s; the oldest of the four, 97, leaves when 101 begins.
        assert_eq!(check(100, &[300, 0, 400, 105], 5, 810), Ok(()));
        assert_eq!(check(100, &[300, 0, 400, 106], 5, 810), Err(2_020));
        assert_eq!(check(100, &[0, 300, 400, 110], 5, 810), Err(2_040));
        assert_eq!(check(100, &[0, 0, 0, 810], 5, 810), Err(2_080));
        assert_eq!(
            check(100, &[0, 0, 0, 0], 811, 810),
            Err(2_080),
            "what never fits is asked for again later"
        );
    }

    #[test]
    fn no_span_of_a_minute_holds_more_than_the_share() {
        let most = Priority::Jit.share_of(900);
        let mut sent: Vec<u64> = Vec::new();
        // A crowd that tries twenty times in every second of ten minutes, beginning in the middle of a window.
        for second in 1_011..1_611 {
            for _ in 0..20 {
                let newest = second / WINDOW_S;
                let spent: Vec<u64> = (0..WINDOWS)
                    .rev()
                    .map(|back| 5 * sent.iter().filter(|s| **s / WINDOW_S == newest - back).count() as u64)
                    .collect();
                if check(newest, &spent, 5, most).is_ok() {
                    sent.push(second);
                }
            }
        }
        let within = |from: u64| 5 * sent.iter().filter(|s| (from..from + 60).contains(*s)).count() as u64;
        assert_eq!((1_011..1_600).map(within).max(), Some(most));
        assert!(sent.len() as u64 * 5 > 6 * most, "and little of it is left unused");
    }
}
