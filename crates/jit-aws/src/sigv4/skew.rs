//! Telling a wrong clock from a wrong key, which the services' answers hardly do.
//!
//! Not here: reading the answers' bodies.

use jiff::SignedDuration;

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
    let is_signature_code = matches!(
        code,
        "SignatureDoesNotMatch" | "InvalidSignatureException" | "AuthFailure" | "IncompleteSignature"
    );
    is_signature_code
        && (message.contains("Signature expired") || message.contains("Signature not yet current"))
}
