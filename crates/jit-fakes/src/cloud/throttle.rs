//! EC2's token buckets, which limit requests and resources.
//! Not in it: which action draws from which bucket; see the limits.
//!
//! Sizes and rates: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>

use jiff::Timestamp;

/// A bucket's size and how fast it fills again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketSize {
    /// Tokens when full, which is also how a bucket starts.
    pub size: u32,
    /// Tokens added each second; 0 never refills.
    pub per_second: u32,
}

/// One bucket. Level in thousandths of a token, so that time in milliseconds needs no fractions.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    size: BucketSize,
    level_milli: u64,
    filled_at: Timestamp,
}

impl Bucket {
    pub(crate) fn full(size: BucketSize, now: Timestamp) -> Self {
        Self { size, level_milli: u64::from(size.size) * 1000, filled_at: now }
    }

    /// Takes `tokens` or, if there are too few, none.
    pub(crate) fn take(&mut self, tokens: u32, now: Timestamp) -> bool {
        self.refill(now);
        let wanted = u64::from(tokens) * 1000;
        let enough = self.level_milli >= wanted;
        if enough {
            self.level_milli -= wanted;
        }
        enough
    }

    fn refill(&mut self, now: Timestamp) {
        let passed = now.as_millisecond().saturating_sub(self.filled_at.as_millisecond());
        let Ok(passed) = u64::try_from(passed) else { return };
        let gained = passed.saturating_mul(u64::from(self.size.per_second));
        self.level_milli = self.level_milli.saturating_add(gained).min(u64::from(self.size.size) * 1000);
        self.filled_at = self.filled_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    #[test]
    fn an_empty_bucket_fills_at_its_rate_and_not_beyond_its_size() {
        let mut bucket = Bucket::full(BucketSize { size: 5, per_second: 2 }, at(0));
        assert!(bucket.take(5, at(0)) && !bucket.take(1, at(0)));
        assert!(!bucket.take(1, at(499)) && bucket.take(1, at(500)));
        assert!(!bucket.take(6, at(1_000_000)) && bucket.take(5, at(1_000_000)));
    }

    #[test]
    fn a_refused_draw_takes_nothing() {
        let mut bucket = Bucket::full(BucketSize { size: 5, per_second: 0 }, at(0));
        assert!(!bucket.take(6, at(0)) && bucket.take(5, at(0)));
    }

    proptest! {
        #[test]
        fn never_more_is_taken_than_size_and_refill_allow(
            draws in proptest::collection::vec((0i64..3000, 1u32..9), 1..60),
        ) {
            let (size, mut now, mut taken) = (BucketSize { size: 10, per_second: 3 }, 0, 0u64);
            let mut bucket = Bucket::full(size, at(0));
            for (wait, tokens) in draws {
                now += wait;
                if bucket.take(tokens, at(now)) {
                    taken += u64::from(tokens);
                }
                prop_assert!(taken * 1000 <= 10_000 + u64::try_from(now).unwrap() * 3);
            }
        }
    }
}
