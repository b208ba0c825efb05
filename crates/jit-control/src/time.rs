//! Times of the domain and times of the protocols.

use jit_domain::time::Timestamp;

/// A time as the protocol crates take it. One that jiff cannot hold (after the year 9999) becomes its last.
pub fn jiff_time(at: Timestamp) -> jiff::Timestamp {
    i64::try_from(at.as_ms())
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or(jiff::Timestamp::MAX)
}

/// A time as the domain takes it. One before 1970 becomes 1970.
pub fn domain_time(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_ms(u64::try_from(at.as_millisecond()).unwrap_or(0))
}
