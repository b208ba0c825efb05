//! Why a secret or a parameter could not be looked up, by what to do next; Secrets Manager and Systems Manager have the same protocol
//! and nearly the same codes.
//! Not here: the lookups themselves.

use http::Response;

use crate::common_error::CommonError;
use crate::json;
use crate::reply::ErrorDetail;
use crate::sigv4::CLOCK_SKEW_REMEDY;

/// There is no such secret, version or parameter.
///
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>,
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>
const NOT_FOUND: &[&str] = &["ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"];

/// Only a person can help.
const REFUSED: &[&str] = &["DecryptionFailure"];

/// The service could not answer now.
const UNAVAILABLE: &[&str] = &["InternalServiceError"];

/// Why nothing was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is no such thing, or no such version of it.
    #[error("aws does not know it: {0}")]
    NotFound(ErrorDetail),
    /// It may not be read, or not with this key: a person must change something.
    #[error("aws refused to tell it: {0}")]
    Refused(ErrorDetail),
    /// The date of the request was refused, so that nothing is said about the key.
    #[error("aws refused the date of the request: {0}; {CLOCK_SKEW_REMEDY}")]
    ClockSkew(ErrorDetail),
    /// The service could not answer: ask again later.
    #[error("aws could not answer: {0}")]
    Unavailable(ErrorDetail),
    /// The answer cannot be read, or holds something else than was looked up.
    #[error("the answer of aws cannot be used: {0}")]
    Malformed(&'static str),
    /// A code that this version does not know: as refused, and loudly, for no one has decided what it means.
    #[error("aws answered with an error that is not classified: {0}")]
    Unclassified(ErrorDetail),
}

/// Whether a code is in one of the tables here.
pub(crate) fn knows(code: &str) -> bool {
    [NOT_FOUND, REFUSED, UNAVAILABLE].iter().any(|table| table.contains(&code))
}

impl LookupError {
    /// Classifies any reply that is not a success.
    pub(crate) fn of(response: &Response<Vec<u8>>) -> Self {
        let fault = json::read_fault(response);
        let code = fault.detail.code.as_str();
        let error = match code {
            _ if NOT_FOUND.contains(&code) => Self::NotFound,
            _ if REFUSED.contains(&code) => Self::Refused,
            _ if UNAVAILABLE.contains(&code) => Self::Unavailable,
            _ => match CommonError::of(&fault) {
                CommonError::Throttled | CommonError::UnknownOutcome => Self::Unavailable,
                CommonError::Expired | CommonError::Refused => Self::Refused,
                CommonError::ClockSkew => Self::ClockSkew,
                CommonError::Unclassified => Self::Unclassified,
            },
        };
        error(fault.detail)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::common_error::assert_each_code_once;

    fn error(status: u16, code: &str, message: &str) -> LookupError {
        let body = format!("{{\"__type\":\"{code}\",\"Message\":\"{message}\"}}");
        LookupError::of(&Response::builder().status(status).body(body.into()).unwrap())
    }

    #[test]
    fn each_code_says_what_to_do() {
        assert!(matches!(error(400, "ResourceNotFoundException", ""), LookupError::NotFound(_)));
        assert!(matches!(error(400, "ParameterNotFound", ""), LookupError::NotFound(_)));
        assert!(matches!(error(400, "AccessDeniedException", ""), LookupError::Refused(_)));
        assert!(matches!(error(400, "DecryptionFailure", ""), LookupError::Refused(_)));
        assert!(matches!(error(400, "UnrecognizedClientException", ""), LookupError::Refused(_)));
        assert!(matches!(error(400, "ThrottlingException", ""), LookupError::Unavailable(_)));
        assert!(matches!(error(500, "InternalServiceError", ""), LookupError::Unavailable(_)));
        assert!(matches!(error(503, "SomethingNew", ""), LookupError::Unavailable(_)));
        assert!(matches!(error(400, "SomethingNew", ""), LookupError::Unclassified(_)));
        let old = "Signature expired: 20260701T110000Z is now earlier than 20260701T114500Z";
        assert!(matches!(error(400, "InvalidSignatureException", old), LookupError::ClockSkew(_)));
        assert!(matches!(error(400, "InvalidSignatureException", "no"), LookupError::Refused(_)));
    }

    #[test]
    fn no_code_is_in_two_tables() {
        assert_each_code_once(&[NOT_FOUND, REFUSED, UNAVAILABLE]);
    }

    proptest! {
        #[test]
        fn no_reply_panics(status in 300_u16..600, body in ".{0,80}") {
            let _ = LookupError::of(&Response::builder().status(status).body(body.into_bytes()).unwrap());
        }
    }
}
