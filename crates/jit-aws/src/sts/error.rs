//! Why STS gave no credentials, by what to do next.
//! Not here: what STS says about a caller's identity (`caller.rs`), and waiting.

use crate::common_error::CommonError;
use crate::reply::{ErrorDetail, Fault};
use crate::sigv4::CLOCK_SKEW_REMEDY;

/// The identity provider could not be asked, though the status is that of a caller's fault.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
const UNAVAILABLE: &[&str] = &["IDPCommunicationError"];

/// Codes of which it is known that only a person can help.
const REFUSED: &[&str] = &["IDPRejectedClaim", "PackedPolicyTooLarge", "RegionDisabledException"];

/// Why STS gave no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StsError {
    /// The role does not trust the caller, or the caller may not assume it, or the key is wrong: a person must change something.
    #[error("sts refused the role: {0}")]
    Refused(ErrorDetail),
    /// The session token or the identity provider's token has expired: it must be renewed.
    #[error("the token that was shown to sts has expired: {0}")]
    Expired(ErrorDetail),
    /// STS refused the date of the request, so that nothing is said about the key.
    #[error("sts refused the date of the request: {0}; {CLOCK_SKEW_REMEDY}")]
    ClockSkew(ErrorDetail),
    /// STS could not answer: ask again later.
    #[error("sts is not available: {0}")]
    Unavailable(ErrorDetail),
    /// STS answered with something that cannot be read.
    #[error("the answer of sts cannot be read: {0}")]
    Malformed(&'static str),
    /// A code that this version does not know: as refused, and loudly, for no one has decided what it means.
    #[error("sts answered with an error that is not classified: {0}")]
    Unclassified(ErrorDetail),
}

/// Whether a code is in one of the tables here.
pub(crate) fn knows(code: &str) -> bool {
    UNAVAILABLE.contains(&code) || REFUSED.contains(&code)
}

impl StsError {
    pub(super) fn of(fault: Fault) -> Self {
        let code = fault.detail.code.as_str();
        if UNAVAILABLE.contains(&code) {
            return Self::Unavailable(fault.detail);
        }
        if REFUSED.contains(&code) {
            return Self::Refused(fault.detail);
        }
        match CommonError::of(&fault) {
            CommonError::Throttled | CommonError::UnknownOutcome => Self::Unavailable(fault.detail),
            CommonError::Expired => Self::Expired(fault.detail),
            CommonError::Refused => Self::Refused(fault.detail),
            CommonError::ClockSkew => Self::ClockSkew(fault.detail),
            CommonError::Unclassified => Self::Unclassified(fault.detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::common_error::assert_each_code_once;
    use crate::reply;

    fn error(status: u16, code: &str, message: &str) -> StsError {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>r-1</RequestId></ErrorResponse>"
        );
        StsError::of(reply::read_fault(&Response::builder().status(status).body(body.into()).unwrap()))
    }

    #[test]
    fn each_code_says_what_to_do() {
        assert!(matches!(error(403, "AccessDenied", "no"), StsError::Refused(_)));
        assert!(matches!(error(403, "InvalidClientTokenId", ""), StsError::Refused(_)));
        assert!(matches!(error(400, "InvalidIdentityToken", ""), StsError::Refused(_)));
        assert!(matches!(error(403, "RegionDisabledException", ""), StsError::Refused(_)));
        assert!(matches!(error(403, "ExpiredToken", ""), StsError::Expired(_)));
        assert!(matches!(error(400, "ExpiredTokenException", ""), StsError::Expired(_)));
        assert!(matches!(error(400, "Throttling", ""), StsError::Unavailable(_)));
        assert!(matches!(error(400, "IDPCommunicationError", ""), StsError::Unavailable(_)));
        assert!(matches!(error(503, "SomethingNew", ""), StsError::Unavailable(_)));
        assert!(matches!(error(400, "SomethingNew", ""), StsError::Unclassified(_)));
    }

    #[test]
    fn a_wrong_clock_is_told_from_a_wrong_key() {
        let old = "Signature expired: 20260701T110000Z is now earlier than 20260701T114500Z";
        let skew = error(403, "SignatureDoesNotMatch", old);
        assert!(matches!(skew, StsError::ClockSkew(_)));
        assert!(skew.to_string().contains(CLOCK_SKEW_REMEDY));
        assert!(matches!(error(403, "SignatureDoesNotMatch", "does not match"), StsError::Refused(_)));
    }

    #[test]
    fn a_page_of_a_proxy_is_told_by_its_status() {
        for (status, is_refused) in [(403, true), (502, false)] {
            let response = Response::builder().status(status).body(b"<html>".to_vec()).unwrap();
            let error = StsError::of(reply::read_fault(&response));
            assert_eq!(matches!(error, StsError::Refused(_)), is_refused, "{error}");
        }
    }

    #[test]
    fn no_code_is_in_two_tables() {
        assert_each_code_once(&[UNAVAILABLE, REFUSED]);
    }
}
