//! Percentiles of what was measured. No averages: one slow reply would hide in them.

use std::time::Duration;

/// Durations, in order of length.
#[derive(Clone, Debug, Default)]
pub struct Durations(Vec<Duration>);

impl Durations {
    /// Puts durations in order.
    pub fn new(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self(durations)
    }

    /// The shortest duration that so many in a hundred do not exceed; zero where nothing was measured.
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent.min(100)).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

/// How often something happened in a second.
pub fn per_second(count: usize, within: Duration) -> f64 {
    ratio(count as f64, within.as_secs_f64())
}

/// One number over another; zero where there is nothing to divide by.
pub fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_durations() {
        let durations = Durations::new((1..=200).rev().map(Duration::from_millis).collect());
        let millis = |percent| durations.percentile(percent).as_millis();
        assert_eq!((millis(0), millis(50), millis(99), millis(100)), (1, 100, 198, 200));
        assert_eq!(Durations::new(vec![Duration::from_secs(3)]).percentile(50), Duration::from_secs(3));
        assert_eq!(Durations::default().percentile(50), Duration::ZERO);
    }

    #[test]
    fn nothing_to_divide_by_is_no_rate() {
        assert_eq!(per_second(10, Duration::from_secs(4)), 2.5);
        assert_eq!(per_second(10, Duration::ZERO), 0.0);
    }
}
