//! What a reply's headers say about limits, and how long to wait.
//!
//! Not here: the budget, and whether a refusal is a rate limit (`error`).

use std::time::Duration;

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

use crate::limits;

/// How long to wait before the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For this long after the reply arrived.
    For(Duration),
    /// Until this moment.
    Until(Timestamp),
}

impl Wait {
    /// Returns the moment at which the wait is over for a reply that arrived at `now`.
    ///
    /// It is never before `now`, and never later than [`limits::RATE_LIMIT_WAIT_MAX`] after it.
    pub fn end(self, now: Timestamp) -> Timestamp {
        let after = |wait: Duration| {
            let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
            now.checked_add(wait).unwrap_or(Timestamp::MAX)
        };
        let end = match self {
            Self::For(wait) => after(wait),
            Self::Until(moment) => moment,
        };
        end.clamp(now, after(limits::RATE_LIMIT_WAIT_MAX))
    }
}

/// The limits as GitHub reported them with one reply; what it left out, or garbled, is `None`.
///
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#checking-the-status-of-your-rate-limit>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests allowed in the current window.
    pub limit: Option<u64>,
    /// Requests left in the current window.
    pub remaining: Option<u64>,
    /// When the window ends.
    pub reset: Option<Timestamp>,
    /// The bucket that was charged, such as `core`.
    pub resource: Option<String>,
    /// The wait that the reply demands.
    pub retry_after: Option<Wait>,
}

impl RateLimit {
    /// Reads the headers of any reply, good or bad.
    ///
    /// ```
    /// let reply = http::Response::builder()
    ///     .header("x-ratelimit-limit", "5000")
    ///     .header("x-ratelimit-remaining", "4987")
    ///     .header("x-ratelimit-resource", "core")
    ///     .body(Vec::<u8>::new())?;
    /// let rate = jit_github::RateLimit::from_headers(reply.headers());
    /// assert_eq!((rate.limit, rate.remaining, rate.retry_after), (Some(5000), Some(4987), None));
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let number = |name| text(name).and_then(|text| text.parse().ok());
        Self {
            limit: number("x-ratelimit-limit"),
            remaining: number("x-ratelimit-remaining"),
            reset: text("x-ratelimit-reset")
                .and_then(|text| text.parse().ok())
                .and_then(|second| Timestamp::from_second(second).ok()),
            resource: text("x-ratelimit-resource").filter(|text| !text.is_empty()).map(str::to_owned),
            retry_after: text("retry-after").and_then(retry_after),
        }
    }
}

/// Reads seconds or a date, the two forms that HTTP allows: <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>.
fn retry_after(text: &str) -> Option<Wait> {
    if let Ok(seconds) = text.parse() {
        return Some(Wait::For(Duration::from_secs(seconds)));
    }
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok().map(Wait::Until)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    fn read(name: &'static str, value: &str) -> RateLimit {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        RateLimit::from_headers(&headers)
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        assert_eq!(read("retry-after", " 30 ").retry_after, Some(Wait::For(Duration::from_secs(30))));
        assert_eq!(
            read("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT").retry_after,
            Some(Wait::Until("1994-11-06T08:49:37Z".parse().unwrap()))
        );
        assert_eq!(read("retry-after", "soon").retry_after, None);
    }

    #[test]
    fn the_reset_is_a_moment() {
        let reset = read("x-ratelimit-reset", "1767323045").reset;
        assert_eq!(reset, Some(now()));
        assert_eq!(read("x-ratelimit-reset", "99999999999999999").reset, None);
    }

    #[test]
    fn a_moment_in_the_past_means_no_wait() {
        assert_eq!(Wait::Until(Timestamp::UNIX_EPOCH).end(now()), now());
    }

    #[test]
    fn a_garbled_wait_ends_after_a_day() {
        let day_later = now() + SignedDuration::from_hours(24);
        assert_eq!(Wait::For(Duration::from_secs(u64::MAX)).end(now()), day_later);
        assert_eq!(Wait::Until(Timestamp::MAX).end(now()), day_later);
    }

    proptest! {
        #[test]
        fn any_header_text_is_survived_and_any_wait_is_bounded(text in "[ -~]{0,24}", second in any::<u64>()) {
            for name in ["retry-after", "x-ratelimit-reset", "x-ratelimit-limit"] {
                read(name, &text);
            }
            if let Some(wait) = read("retry-after", &second.to_string()).retry_after {
                let end = wait.end(now());
                prop_assert!(end >= now() && end <= now() + SignedDuration::from_hours(24));
            }
        }
    }
}
