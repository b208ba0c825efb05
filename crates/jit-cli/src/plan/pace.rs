//! How many items a batch takes, and how many batches that makes.
//!
//! Not here: which items.

use std::time::Duration;

use super::fault::Wrong;

/// A matrix makes at most so many jobs in one run: <https://docs.github.com/en/actions/reference/limits>.
const JOBS_MAX: u64 = jit_github::limits::MATRIX_JOBS_MAX as u64;

/// What the user says of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// What one item takes.
    pub(crate) item: Duration,
    /// What a run may take.
    pub(crate) limit: Duration,
    /// What of the limit is kept free for starts, queues and slow items.
    pub(crate) reserve: Duration,
}

/// The batches.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Items of each batch; only the last may have fewer.
    pub(crate) size: usize,
    /// How it was worked out, for a person.
    pub(crate) arithmetic: Vec<String>,
}

impl Times {
    /// Works out the batches of `items` items, of which `parallel` run side by side.
    pub(crate) fn pace(&self, items: usize, parallel: u32) -> Result<Pace, Wrong> {
        let usable = self.limit.saturating_sub(self.reserve);
        let rounds = usable.as_secs() / self.item.as_secs().max(1);
        if rounds == 0 {
            return Err(Wrong::anywhere(
                format!(
                    "an item of {} does not fit into the {} that the limit of {} leaves beside the reserve of {}",
                    minutes(self.item),
                    minutes(usable),
                    minutes(self.limit),
                    minutes(self.reserve)
                ),
                "raise `--limit`, lower `--reserve`, or cut the items smaller",
            ));
        }
        let size = (rounds * u64::from(parallel)).min(JOBS_MAX);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let (full, rest) = (items / size, items % size);
        let batches = full + usize::from(rest > 0);
        let in_rounds = |items: usize| u32::try_from(items.div_ceil(parallel as usize)).unwrap_or(u32::MAX);
        let mut sizes = vec![size.to_string(); full];
        sizes.extend((rest > 0).then(|| rest.to_string()));
        let longest = self.item.saturating_mul(in_rounds(size.min(items)));
        let beside = if parallel == 1 { String::new() } else { format!(", {parallel} side by side") };
        Ok(Pace {
            size,
            arithmetic: vec![
                format!(
                    "{items} items of {} each{beside} take {} in all",
                    minutes(self.item),
                    minutes(self.item.saturating_mul(in_rounds(items)))
                ),
                format!(
                    "limit {} - reserve {} = {}, which is {rounds} x {}: {size} items a batch",
                    minutes(self.limit),
                    minutes(self.reserve),
                    minutes(usable),
                    minutes(self.item)
                ),
                format!("{batches} batches of {} items, of {} at most", sizes.join(" + "), minutes(longest)),
            ],
        })
    }
}

/// A duration as minutes, with what they leave of a minute in seconds.
fn minutes(duration: Duration) -> String {
    let (minutes, seconds) = (duration.as_secs() / 60, duration.as_secs() % 60);
    if seconds == 0 { format!("{minutes} min") } else { format!("{minutes} min {seconds} s") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(item: u64, limit: u64, reserve: u64) -> Times {
        let seconds = Duration::from_secs;
        Times { item: seconds(item), limit: seconds(limit), reserve: seconds(reserve) }
    }

    #[test]
    fn thirty_seven_items_of_six_minutes_make_five_runs_of_an_hour() {
        let pace = times(360, 3600, 360).pace(37, 1).unwrap();
        assert_eq!(pace.size, 9);
        assert_eq!(
            pace.arithmetic,
            [
                "37 items of 6 min each take 222 min in all",
                "limit 60 min - reserve 6 min = 54 min, which is 9 x 6 min: 9 items a batch",
                "5 batches of 9 + 9 + 9 + 9 + 1 items, of 54 min at most",
            ]
        );
    }

    #[test]
    fn items_that_run_side_by_side_fill_a_batch_together() {
        let pace = times(90, 600, 0).pace(20, 4).unwrap();
        assert_eq!(pace.size, 24);
        assert!(pace.arithmetic[0].contains("1 min 30 s each, 4 side by side take 7 min 30 s"));
        assert!(pace.arithmetic[2].starts_with("1 batches of 20 items"), "{:?}", pace.arithmetic);
        assert_eq!(times(1, 3600, 0).pace(9, 1).unwrap().size, 256);
    }

    #[test]
    fn an_item_that_fits_into_no_run_is_told() {
        let wrong = times(4200, 3600, 360).pace(3, 1).unwrap_err().in_file("a.yml");
        assert!(wrong.starts_with("a.yml: an item of 70 min does not fit into the 54 min"), "{wrong}");
    }

    proptest! {
        /// No batch takes longer than the limit less the reserve, and one more round would.
        #[test]
        fn a_batch_fills_its_time_and_no_more(item in 1u64..10_000, limit in 1u64..100_000, reserve in 0u64..10_000, parallel in 1u32..20) {
            let usable = limit.saturating_sub(reserve);
            match times(item, limit, reserve).pace(1_000, parallel) {
                Err(_) => prop_assert!(item > usable),
                Ok(pace) => {
                    let rounds = (pace.size as u64).div_ceil(u64::from(parallel));
                    prop_assert!(rounds * item <= usable);
                    prop_assert!((rounds + 1) * item > usable || pace.size == 256);
                }
            }
        }
    }
}
