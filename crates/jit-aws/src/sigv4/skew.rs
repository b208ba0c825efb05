//! Telling a wrong clock from a wrong key, which the services' answers hardly do.
//!
//! Not here: reading the answers' bodies.

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

/// When the request was signed that a reply answers: whoever sends puts it into the reply's extensions, so that a parser can hold
/// the service's own clock, its Date header, against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedAt(pub Timestamp);

/// How far a request's date may be from the service's clock without being the reason of a refusal: "in most cases, a request must
/// reach AWS within five minutes" (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>), so that less is none.
const CLOCKS_AGREE_MAX: SignedDuration = SignedDuration::from_mins(4);

/// How far a request's date may be from AWS's clock, either way.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>, `RequestExpired`.
pub const CLOCK_SKEW_MAX: SignedDuration = SignedDuration::from_mins(15);

/// What a person does about a refused date.
pub const CLOCK_SKEW_REMEDY: &str = "set the clock of the host that signs (AWS accepts 15 min either way); if the clock is right, \
                                     the temporary credentials have expired and need to be renewed";

/// Tells whether an error says that the request's date was refused, rather than its key or its contents.
///
/// EC2 has codes of its own, `RequestExpired` and `InvalidSecurity.RequestHasExpired`, and S3 `RequestTimeTooSkewed`; STS and the JSON services answer with the
/// code of a wrong signature and say the truth in the message: "Signature expired: ..." or "Signature not yet current: ...".
///
/// ```
/// use jit_aws::sigv4::is_clock_skew;
/// assert!(is_clock_skew("RequestExpired", "Request has expired."));
/// assert!(is_clock_skew("SignatureDoesNotMatch", "Signature expired: 20260701T120000Z is now earlier than ..."));
/// assert!(!is_clock_skew("SignatureDoesNotMatch", "The request signature we calculated does not match ..."));
/// ```
///
/// Where neither tells, as in EC2's `AuthFailure`, the parsers hold the reply's Date header against [`SignedAt`].
#[must_use]
pub fn is_clock_skew(code: &str, message: &str) -> bool {
    if matches!(
        code,
        "RequestExpired"
            | "InvalidSecurity.RequestHasExpired"
            | "RequestTimeTooSkewed"
            | "RequestInTheFuture"
    ) {
        return true;
    }
    is_about_the_signature(code)
        && (message.contains("Signature expired") || message.contains("Signature not yet current"))
}

/// Tells whether a code is one that a service answers with to a wrong key as well as to a wrong date.
pub(crate) fn is_about_the_signature(code: &str) -> bool {
    matches!(
        code,
        "SignatureDoesNotMatch" | "InvalidSignatureException" | "AuthFailure" | "IncompleteSignature"
    )
}

/// Holds a reply's Date header against a time of ours; none if it is no date. Clocks that do not agree are the reason of a refusal
/// that names none, for whatever else is wrong, the service would refuse the date.
pub(crate) fn clocks_agree(date: &str, ours: Timestamp) -> Option<bool> {
    let theirs = DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(theirs.duration_since(ours).abs() <= CLOCKS_AGREE_MAX)
}
