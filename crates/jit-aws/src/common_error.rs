//! The codes that every service may answer with, and what a status says where no code is known.
//!
//! Not here: a service's own codes, which it looks up before these, and what follows from an error.

use crate::reply::{ErrorDetail, Fault};

/// Nothing was done; the same request will do later.
///
/// The names of one and the same thing differ between the protocols:
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>,
/// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>.
const THROTTLED: &[&str] = &[
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// The service failed on the way; what it had done by then is not known.
const UNKNOWN_OUTCOME: &[&str] = &[
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
];

/// The session token is past its end: nothing was done.
const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException"];

/// Nothing was done, and the same request will never do; beside these, codes with one of `REFUSED_BEGINNINGS`.
const REFUSED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "NotAuthorized",
    "OptInRequired",
    "SerializationException",
    "SignatureDoesNotMatch",
    "ValidationError",
    "ValidationException",
];
const REFUSED_BEGINNINGS: &[&str] =
    &["Invalid", "Malformed", "Missing", "Unauthorized", "Unknown", "Unrecognized", "Unsupported"];

/// What an error means when its service has no code of its own for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommonError {
    Throttled,
    UnknownOutcome,
    Expired,
    Refused,
    ClockSkew,
    /// A code that this version does not know.
    Unclassified,
}

impl CommonError {
    /// Classifies an error document. A refused date comes first: its code is often that of a wrong signature.
    pub(crate) fn of(fault: &Fault) -> Self {
        if fault.is_clock_skew() {
            return Self::ClockSkew;
        }
        Self::of_code(&fault.detail.code, fault.detail.status)
    }

    /// Decides by the code, and by the status only where the code does not: a server's failure without a known code may
    /// have come after the effect, so that it is an unknown outcome and never a refusal.
    pub(crate) fn of_code(code: &str, status: u16) -> Self {
        if let Some(class) = listed(code) {
            return class;
        }
        match status {
            429 => Self::Throttled,
            408 | 500.. => Self::UnknownOutcome,
            _ if has_refused_beginning(code) => Self::Refused,
            // A reply without a code, as a proxy writes it, says as much by its status.
            401 | 403 if code == ErrorDetail::code_of_status(status) => Self::Refused,
            _ => Self::Unclassified,
        }
    }
}

/// Whether one of the common tables has a code, or the code says by itself what it is.
pub(crate) fn knows(code: &str) -> bool {
    listed(code).is_some() || has_refused_beginning(code)
}

fn listed(code: &str) -> Option<CommonError> {
    let tables = [
        (THROTTLED, CommonError::Throttled),
        (UNKNOWN_OUTCOME, CommonError::UnknownOutcome),
        (EXPIRED, CommonError::Expired),
        (REFUSED, CommonError::Refused),
    ];
    look_up(&tables, code)
}

fn has_refused_beginning(code: &str) -> bool {
    REFUSED_BEGINNINGS.iter().any(|beginning| code.starts_with(beginning))
}

/// Returns the class of the table that has a code.
pub(crate) fn look_up<C: Copy>(tables: &[(&[&str], C)], code: &str) -> Option<C> {
    tables.iter().find(|(codes, _)| codes.contains(&code)).map(|(_, class)| *class)
}

/// All of a service's tables and the common ones, for the test that no code has two meanings.
#[cfg(test)]
pub(crate) fn assert_each_code_once(own: &[&[&str]]) {
    let all =
        [own.concat(), THROTTLED.to_vec(), UNKNOWN_OUTCOME.to_vec(), EXPIRED.to_vec(), REFUSED.to_vec()];
    let mut codes = std::collections::BTreeSet::new();
    for code in all.concat() {
        assert!(codes.insert(code), "{code} is in two tables");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_counts_before_its_status() {
        for (code, status, expected) in [
            ("Throttling", 400, CommonError::Throttled),
            ("RequestLimitExceeded", 503, CommonError::Throttled),
            ("InternalFailure", 500, CommonError::UnknownOutcome),
            ("ExpiredToken", 403, CommonError::Expired),
            ("AccessDeniedException", 400, CommonError::Refused),
            ("UnrecognizedClientException", 400, CommonError::Refused),
            ("MissingAuthenticationToken", 403, CommonError::Refused),
            ("SomethingNew", 400, CommonError::Unclassified),
            ("SomethingNew", 403, CommonError::Unclassified),
            ("SomethingNew", 408, CommonError::UnknownOutcome),
            ("SomethingNew", 429, CommonError::Throttled),
            ("SomethingNew", 503, CommonError::UnknownOutcome),
            ("Http401", 401, CommonError::Refused),
            ("Http403", 403, CommonError::Refused),
            ("Http404", 404, CommonError::Unclassified),
        ] {
            assert_eq!(CommonError::of_code(code, status), expected, "{code} {status}");
        }
    }

    proptest! {
        #[test]
        fn a_failed_server_is_never_a_refusal_unless_its_code_says_so(code in "[A-Z][a-zA-Z.]{3,20}", status in 500_u16..600) {
            let class = CommonError::of_code(&code, status);
            prop_assert!(class == CommonError::UnknownOutcome || CommonError::of_code(&code, 400) == class);
        }
    }
}
