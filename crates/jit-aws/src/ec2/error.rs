//! What an EC2 error means for the one who sent the request.
//!
//! Not here: waiting, retrying, choosing another offering. The codes are those of
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html> (read 2026-11-22), which does not say what
//! request each belongs to; `tests/documented.rs` holds the class of every code that ours can meet.

use std::collections::BTreeSet;

use http::Response;
use serde::de::DeserializeOwned;

use super::InstanceId;
use crate::common_error::{CommonError, look_up};
use crate::reply::{self, ErrorDetail, Fault};
use crate::sigv4::CLOCK_SKEW_REMEDY;

/// The most ids that are read from one message; a request names at most 1,000.
const NAMED_IDS_MAX: usize = 1_000;

/// There is no room for this offering now.
const INSUFFICIENT_CAPACITY: &[&str] = &[
    "InsufficientInstanceCapacity",
    "InsufficientCapacity",
    "InsufficientHostCapacity",
    "InsufficientAddressCapacity",
    "InsufficientReservedInstanceCapacity",
    "InsufficientReservedInstancesCapacity",
    "InsufficientVolumeCapacity",
    // The subnet is full: another subnet is another offering.
    "InsufficientFreeAddressesInSubnet",
    "InsufficientCapacityOnHost",
    // An image may ask for Dedicated Hosts by its licence, and then there is none free.
    "IncompatibleHostRequirements",
    "UnavailableHostRequirements",
    "ReservationCapacityExceeded",
    "SpotMaxPriceTooLow",
    "UnfulfillableCapacity",
    // "The requested configuration is currently not supported": the zone does not have the type, or not now.
    "Unsupported",
    "VolumeTypeNotAvailableInZone",
];

/// A limit of the account is reached, and may be free again when instances end.
const QUOTA: &[&str] = &[
    "VcpuLimitExceeded",
    "InstanceLimitExceeded",
    "MaxSpotInstanceCountExceeded",
    "MaxSpotFleetRequestCountExceeded",
    "NetworkInterfaceLimitExceeded",
    "AddressLimitExceeded",
    "ResourceLimitExceeded",
    "VolumeLimitExceeded",
    "MaxIOPSLimitExceeded",
];

/// Nothing was done; the same request will do later.
const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "ConcurrentTagAccess",
    "CreditSpecificationUpdateInProgress",
    "EC2ThrottledException",
];

/// The service failed on the way; what it had done by then is not known.
const UNKNOWN_OUTCOME: &[&str] = &[
    // A request that another service sends for ours "could not be completed".
    "RetryableError",
    "ServerInternal",
    "Unavailable",
];

/// The client token was used before, for other parameters or for instances that have ended since.
const IDEMPOTENCY_MISMATCH: &[&str] = &["IdempotentParameterMismatch", "IdempotentInstanceTerminated"];

/// Nothing was done, and the same request will never do.
const REFUSED: &[&str] = &[
    "AccountDisabled",
    // Limits of one instance, one interface or one volume: no end of another instance makes room there.
    "AttachmentLimitExceeded",
    "Blocked",
    "BootForVolumeTypeUnsupported",
    "ClientInvalidParameterValue",
    "CustomerKeyHasBeenRevoked",
    "DefaultVpcDoesNotExist",
    "EncryptedVolumesNotSupported",
    "FilterLimitExceeded",
    "IncorrectInstanceState",
    "IncorrectSpotRequestState",
    "IncorrectState",
    "InstanceCreditSpecification.NotSupported",
    "NonEBSInstance",
    "NoSuchVersion",
    "OperationNotPermitted",
    "PendingVerification",
    "PrivateIpAddressLimitExceeded",
    "RequestResourceCountExceeded",
    "ResourceCountExceeded",
    "SecurityGroupLimitExceeded",
    "SecurityGroupsPerInstanceLimitExceeded",
    "SecurityGroupsPerInterfaceLimitExceeded",
    "TagLimitExceeded",
    "TagPolicyViolation",
    "VolumeIOPSLimit",
    "VPCIdNotSpecified",
    "VPCResourceNotSpecified",
    "ZonesMismatched",
];

/// What kind of failure it is; the variants of [`Ec2Error`] without what they carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorClass {
    /// See [`Ec2Error::InsufficientCapacity`].
    InsufficientCapacity,
    /// See [`Ec2Error::Quota`].
    Quota,
    /// See [`Ec2Error::Throttled`].
    Throttled,
    /// See [`Ec2Error::UnknownOutcome`].
    UnknownOutcome,
    /// See [`Ec2Error::Refused`].
    Refused,
    /// See [`Ec2Error::IdempotencyMismatch`].
    IdempotencyMismatch,
    /// See [`Ec2Error::NotFound`].
    NotFound,
    /// See [`Ec2Error::ClockSkew`].
    ClockSkew,
    /// See [`Ec2Error::Unclassified`].
    Unclassified,
}

/// Why a request brought no result, by what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ec2Error {
    /// Nothing was launched, for there is no room: try the next offering, and this one later.
    #[error("ec2 has no capacity for this offering: {0}")]
    InsufficientCapacity(ErrorDetail),
    /// Nothing was launched, for a limit of the account is reached: wait until instances end, or have the limit raised.
    #[error("a quota of the account is exhausted: {0}")]
    Quota(ErrorDetail),
    /// Nothing was done: send the same request later, and fewer requests until then.
    #[error("ec2 throttles requests: {0}")]
    Throttled(ErrorDetail),
    /// It is not known what was done: the only way to find out is the same request with the same client token.
    #[error("the outcome at ec2 is unknown: {0}")]
    UnknownOutcome(ErrorDetail),
    /// Nothing was done, and repeating it is useless: configuration or rights must be changed first.
    #[error("ec2 refused the request: {0}")]
    Refused(ErrorDetail),
    /// The client token was used before: look for what it launched, by tag, and use another token.
    #[error("the client token was used before: {0}")]
    IdempotencyMismatch(ErrorDetail),
    /// EC2 does not know these instances: they are gone, or too new, or in another region. None of the request was done.
    #[error("ec2 does not know the instances it was asked for: {detail}")]
    NotFound {
        /// The ids that the message names, sorted; empty when it names none.
        ids: Vec<InstanceId>,
        /// What EC2 said.
        detail: ErrorDetail,
    },
    /// Nothing was done, for the request's date was refused; the key may well be right.
    #[error(
        "ec2 refused the date of the request: {0}, its own clock being {date}; {CLOCK_SKEW_REMEDY}",
        date = .0.date.as_deref().unwrap_or("unknown")
    )]
    ClockSkew(ErrorDetail),
    /// A code that this version does not know: as refused, and loudly, for no one has decided what it means.
    #[error("ec2 answered with an error that is not classified: {0}")]
    Unclassified(ErrorDetail),
}

impl Ec2Error {
    /// Describes a request to which no reply came, such as a time-out or a broken connection after sending.
    ///
    /// ```
    /// use jit_aws::ec2::{Ec2Error, ErrorClass};
    /// assert_eq!(Ec2Error::no_reply("timed out after 12 s").class(), ErrorClass::UnknownOutcome);
    /// ```
    #[must_use]
    pub fn no_reply(why: &str) -> Self {
        Self::UnknownOutcome(ErrorDetail::no_reply(why))
    }

    /// Returns what kind of failure it is.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::InsufficientCapacity(_) => ErrorClass::InsufficientCapacity,
            Self::Quota(_) => ErrorClass::Quota,
            Self::Throttled(_) => ErrorClass::Throttled,
            Self::UnknownOutcome(_) => ErrorClass::UnknownOutcome,
            Self::Refused(_) => ErrorClass::Refused,
            Self::IdempotencyMismatch(_) => ErrorClass::IdempotencyMismatch,
            Self::NotFound { .. } => ErrorClass::NotFound,
            Self::ClockSkew(_) => ErrorClass::ClockSkew,
            Self::Unclassified(_) => ErrorClass::Unclassified,
        }
    }

    /// Returns what EC2 said.
    #[must_use]
    pub fn detail(&self) -> &ErrorDetail {
        match self {
            Self::InsufficientCapacity(detail)
            | Self::Quota(detail)
            | Self::Throttled(detail)
            | Self::UnknownOutcome(detail)
            | Self::Refused(detail)
            | Self::IdempotencyMismatch(detail)
            | Self::NotFound { detail, .. }
            | Self::ClockSkew(detail)
            | Self::Unclassified(detail) => detail,
        }
    }

    /// Reads a success, or classifies what came instead of one.
    pub(super) fn check<T: DeserializeOwned>(response: &Response<Vec<u8>>, root: &str) -> Result<T, Self> {
        if !response.status().is_success() {
            return Err(Self::from_fault(reply::read_fault(response)));
        }
        reply::read_success(response, root).map_err(|why| Self::unreadable(response, why))
    }

    /// Describes a success that cannot be read: the request was carried out, but what it did is not known.
    pub(super) fn unreadable(response: &Response<Vec<u8>>, why: &str) -> Self {
        Self::UnknownOutcome(ErrorDetail::unreadable(response.status(), why))
    }

    /// Describes a listing whose page names itself as the next one.
    pub(super) fn endless_listing() -> Self {
        Self::UnknownOutcome(ErrorDetail::local(
            200,
            "EndlessListing",
            "a page names itself as the next page",
        ))
    }

    fn from_fault(fault: Fault) -> Self {
        let class = own_class(&fault.detail.code).unwrap_or_else(|| CommonError::of(&fault).into());
        let detail = fault.detail;
        match class {
            ErrorClass::InsufficientCapacity => Self::InsufficientCapacity(detail),
            ErrorClass::Quota => Self::Quota(detail),
            ErrorClass::Throttled => Self::Throttled(detail),
            ErrorClass::UnknownOutcome => Self::UnknownOutcome(detail),
            ErrorClass::Refused => Self::Refused(detail),
            ErrorClass::IdempotencyMismatch => Self::IdempotencyMismatch(detail),
            ErrorClass::NotFound => Self::NotFound { ids: named_ids(&fault.message), detail },
            ErrorClass::ClockSkew => Self::ClockSkew(detail),
            ErrorClass::Unclassified => Self::Unclassified(detail),
        }
    }
}

/// Whether a code is in one of the tables here.
pub(crate) fn knows(code: &str) -> bool {
    own_class(code).is_some()
}

fn own_class(code: &str) -> Option<ErrorClass> {
    let tables = [
        (INSUFFICIENT_CAPACITY, ErrorClass::InsufficientCapacity),
        (QUOTA, ErrorClass::Quota),
        (THROTTLED, ErrorClass::Throttled),
        (UNKNOWN_OUTCOME, ErrorClass::UnknownOutcome),
        (IDEMPOTENCY_MISMATCH, ErrorClass::IdempotencyMismatch),
        (&["InvalidInstanceID.NotFound"], ErrorClass::NotFound),
        (REFUSED, ErrorClass::Refused),
    ];
    look_up(&tables, code)
}

impl From<CommonError> for ErrorClass {
    fn from(error: CommonError) -> Self {
        match error {
            CommonError::Throttled => Self::Throttled,
            CommonError::UnknownOutcome => Self::UnknownOutcome,
            CommonError::Expired | CommonError::Refused => Self::Refused,
            CommonError::ClockSkew => Self::ClockSkew,
            CommonError::Unclassified => Self::Unclassified,
        }
    }
}

/// Finds the ids in a message such as "The instance IDs 'i-0a..., i-0b...' do not exist".
fn named_ids(message: &str) -> Vec<InstanceId> {
    let words = message.split(|char: char| !char.is_ascii_alphanumeric() && char != '-');
    let ids: BTreeSet<InstanceId> = words.filter_map(InstanceId::parse).take(NAMED_IDS_MAX).collect();
    ids.into_iter().collect()
}

#[cfg(test)]
mod tests;
