//! When a cron trigger is due.
//!
//! Not in here: waiting for it (`cron`).

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A cron expression with six or seven fields, seconds first, in UTC.
#[derive(Clone)]
pub struct Schedule {
    cron: Cron,
}

impl Schedule {
    /// Parses an expression; the error says what is wrong.
    ///
    /// Day of month and day of week must both match, as in Spin's cron trigger
    /// (<https://github.com/spinframework/spin-trigger-cron>, read 2026-11-21).
    pub(crate) fn parse(expression: &str) -> Result<Self, String> {
        CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Optional)
            .dom_and_dow(true)
            .build()
            .parse(expression)
            .map(|cron| Self { cron })
            .map_err(|error| error.to_string())
    }

    /// The first due second after `now`; both are seconds since 1970-01-01T00:00:00Z.
    ///
    /// None when the expression never matches again.
    pub fn next_after(&self, now: u64) -> Option<u64> {
        let now = Timestamp::from_second(i64::try_from(now).ok()?).ok()?;
        let next = self.cron.find_next_occurrence(&now.to_zoned(TimeZone::UTC), false).ok()?;
        u64::try_from(next.timestamp().as_second()).ok()
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Schedule({})", self.cron.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-01-01T00:00:00Z, a Thursday.
    const NEW_YEAR: u64 = 1_767_225_600;

    fn next(expression: &str, now: u64) -> Option<u64> {
        Schedule::parse(expression).unwrap().next_after(now)
    }

    #[test]
    fn the_next_due_second_is_after_now() {
        assert_eq!(next("*/10 * * * * *", NEW_YEAR), Some(NEW_YEAR + 10));
        assert_eq!(next("*/10 * * * * *", NEW_YEAR + 9), Some(NEW_YEAR + 10));
        assert_eq!(next("0 */5 * * * *", NEW_YEAR + 1), Some(NEW_YEAR + 300));
        assert_eq!(next("30 0 12 * * *", NEW_YEAR), Some(NEW_YEAR + 12 * 3_600 + 30));
    }

    #[test]
    fn a_day_must_match_by_date_and_by_week() {
        // Friday the 13th: 2026-02-13.
        assert_eq!(next("0 0 0 13 * FRI", NEW_YEAR), Some(NEW_YEAR + (31 + 12) * 86_400));
    }

    #[test]
    fn a_schedule_of_the_past_is_never_due() {
        assert_eq!(next("0 0 0 1 1 * 2020", NEW_YEAR), None);
    }

    #[test]
    fn five_fields_and_nonsense_are_refused() {
        for expression in ["* * * * *", "", "60 * * * * *", "x * * * * *", "* * * * * * * *"] {
            assert!(Schedule::parse(expression).is_err(), "{expression}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(expression in ".*") {
            let _ = Schedule::parse(&expression);
        }

        #[test]
        fn a_ten_second_schedule_is_due_within_ten_seconds(now in 0_u64..4_000_000_000) {
            let due = next("*/10 * * * * *", now).unwrap();
            prop_assert!(due > now && due <= now + 10 && due.is_multiple_of(10));
        }
    }
}
