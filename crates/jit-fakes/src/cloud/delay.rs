//! Delays drawn from a distribution, repeatably.
//! Not in it: the things that are delayed; each names its own purpose and id.

use jiff::SignedDuration;

use crate::model::Random;

/// The 99th percentile of the standard normal distribution.
const NORMAL_P99: f64 = 2.326_347_874_040_841;

/// How long something takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// Always the same.
    Fixed(SignedDuration),
    /// Anything from `low` to `high`, both included.
    Uniform {
        /// The shortest.
        low: SignedDuration,
        /// The longest; one below `low` counts as `low`.
        high: SignedDuration,
    },
    /// Log-normal, as boot times are: a body around `p50` with a long tail of which one in a hundred exceeds `p99`.
    LogNormal {
        /// The median.
        p50: SignedDuration,
        /// The 99th percentile; one below `p50` counts as `p50`.
        p99: SignedDuration,
    },
}

impl Delay {
    /// No delay at all.
    pub const NONE: Self = Self::Fixed(SignedDuration::ZERO);

    /// A fixed delay of whole seconds.
    pub const fn secs(secs: i64) -> Self {
        Self::Fixed(SignedDuration::from_secs(secs))
    }

    /// Draws the delay that belongs to `(purpose, id)`: the same again at every call. Whole milliseconds, never negative.
    pub fn draw(&self, random: &Random, purpose: &'static str, id: u64) -> SignedDuration {
        let drawn = match *self {
            Self::Fixed(delay) => delay,
            Self::Uniform { low, high } => {
                let span = u64::try_from(high.saturating_sub(low).as_millis()).unwrap_or(0);
                let millis = random.of(purpose, id) % span.saturating_add(1).max(1);
                low.saturating_add(SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
            }
            Self::LogNormal { p50, p99 } => log_normal(p50, p99, random.of(purpose, id)),
        };
        drawn.max(SignedDuration::ZERO)
    }
}

/// Box and Muller's transform turns the two halves of `bits` into one normal number, which scales the logarithm.
fn log_normal(p50: SignedDuration, p99: SignedDuration, bits: u64) -> SignedDuration {
    let median = p50.as_secs_f64().max(0.001);
    let sigma = (p99.as_secs_f64().max(median) / median).ln() / NORMAL_P99;
    let half = f64::from(u32::MAX) + 1.0;
    // One is added so that the logarithm never sees zero.
    let radius = (-2.0 * ((f64::from(low_half(bits >> 32)) + 1.0) / half).ln()).max(0.0).sqrt();
    let angle = std::f64::consts::TAU * f64::from(low_half(bits)) / half;
    let secs = median * (sigma * radius * angle.cos()).exp();
    let millis = SignedDuration::try_from_secs_f64(secs).unwrap_or(p99).as_millis();
    SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

fn low_half(bits: u64) -> u32 {
    u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const P50: SignedDuration = SignedDuration::from_secs(40);
    const P99: SignedDuration = SignedDuration::from_secs(120);

    #[test]
    fn a_log_normal_delay_has_the_stated_median_and_tail() {
        let (random, delay) = (Random::new(1), Delay::LogNormal { p50: P50, p99: P99 });
        let mut drawn: Vec<_> = (0..20_000).map(|id| delay.draw(&random, "boot", id).as_secs_f64()).collect();
        drawn.sort_by(f64::total_cmp);
        assert!((drawn[10_000] - 40.0).abs() < 1.5, "median {}", drawn[10_000]);
        assert!((drawn[19_800] - 120.0).abs() < 12.0, "p99 {}", drawn[19_800]);
    }

    #[test]
    fn the_same_id_draws_the_same_delay_and_another_one_does_not() {
        let (random, delay) = (Random::new(1), Delay::LogNormal { p50: P50, p99: P99 });
        assert_eq!(delay.draw(&random, "boot", 7), delay.draw(&random, "boot", 7));
        assert_ne!(delay.draw(&random, "boot", 7), delay.draw(&random, "boot", 8));
    }

    #[test]
    fn a_uniform_delay_stays_within_its_bounds_and_reaches_both_ends() {
        let (low, high) = (SignedDuration::from_millis(5), SignedDuration::from_millis(8));
        let delay = Delay::Uniform { low, high };
        let drawn: std::collections::BTreeSet<_> =
            (0..200).map(|id| delay.draw(&Random::new(3), "lag", id)).collect();
        assert_eq!(drawn.len(), 4);
        assert_eq!((drawn.first(), drawn.last()), (Some(&low), Some(&high)));
    }

    #[test]
    fn a_distribution_turned_upside_down_draws_its_lower_end() {
        let delay = Delay::Uniform { low: P99, high: P50 };
        assert_eq!(delay.draw(&Random::new(3), "lag", 1), P99);
        assert_eq!(Delay::Fixed(-P50).draw(&Random::new(3), "lag", 1), SignedDuration::ZERO);
    }
}
