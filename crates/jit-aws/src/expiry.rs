//! Telling the end of a session token from a wrong clock, in the answer of any service.
//! Not here: renewing the token.

use http::Response;
use jiff::Timestamp;

use crate::json;
use crate::sigv4::clocks_agree;

/// Tells whether an answer to a request that was signed with a session token says that this token has ended.
///
/// STS and the JSON services have codes of their own for it. EC2 answers `RequestExpired`, as it does to a wrong date; then its
/// Date header decides: when it agrees with `now`, the clock is right, and it was the token.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
///
/// ```
/// let body = b"<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>";
/// let answer = http::Response::builder().status(403).body(body.to_vec())?;
/// assert!(jit_aws::says_token_expired(&answer, jiff::Timestamp::UNIX_EPOCH));
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn says_token_expired(response: &Response<Vec<u8>>, now: Timestamp) -> bool {
    if !response.status().is_client_error() {
        return false;
    }
    let detail = json::read_fault(response).detail;
    match detail.code.as_str() {
        "ExpiredToken" | "ExpiredTokenException" => true,
        "RequestExpired" => detail.date.is_some_and(|date| clocks_agree(&date, now) == Some(true)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(status: u16, body: &str, date: Option<&str>) -> Response<Vec<u8>> {
        let mut builder = Response::builder().status(status);
        if let Some(date) = date {
            builder = builder.header("date", date);
        }
        builder.body(body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn the_end_of_a_token_is_told_from_a_wrong_clock() {
        let now: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        let ec2 = "<Response><Errors><Error><Code>RequestExpired</Code></Error></Errors></Response>";
        let json = r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"m"}"#;
        let in_time = Some("Wed, 01 Jul 2026 12:00:03 GMT");
        assert!(says_token_expired(&answer(400, json, None), now));
        assert!(says_token_expired(&answer(400, ec2, in_time), now));
        for (status, body, date) in [
            (400, ec2, Some("Wed, 01 Jul 2026 12:20:00 GMT")),
            (400, ec2, Some("Wed, 01 Jul 2026 11:40:00 GMT")),
            (400, ec2, Some("yesterday")),
            (400, ec2, None),
            (400, "<html>", in_time),
            (200, json, in_time),
            (500, json, in_time),
        ] {
            assert!(!says_token_expired(&answer(status, body, date), now), "{status} {body} {date:?}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(status in 200_u16..600, body in ".{0,80}", date in "[ -~]{0,40}") {
            let _ = says_token_expired(&answer(status, &body, Some(&date)), Timestamp::UNIX_EPOCH);
        }
    }
}
