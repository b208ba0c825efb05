//! EC2's list of errors, held against our classes: each code that RunInstances, DescribeInstances, TerminateInstances or
//! DescribeSpotPriceHistory can meet, with the class that was chosen for it.
//!
//! Not here: codes about what we never ask for, such as gateways, snapshots, flow logs, key pairs, fleets and reserved
//! instances.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html> (read 2026-11-22)

use super::*;

/// The page states no status but "400-series" for clients' errors and "500-series" for servers' errors.
const CLIENT: u16 = 400;
const SERVER: u16 = 500;

const CAPACITY: &[(u16, &str)] = &[
    (SERVER, "InsufficientAddressCapacity"),
    (SERVER, "InsufficientCapacity"),
    (SERVER, "InsufficientHostCapacity"),
    (SERVER, "InsufficientInstanceCapacity"),
    (SERVER, "InsufficientReservedInstanceCapacity"),
    (SERVER, "InsufficientVolumeCapacity"),
    (CLIENT, "IncompatibleHostRequirements"),
    (CLIENT, "InsufficientCapacityOnHost"),
    (CLIENT, "InsufficientFreeAddressesInSubnet"),
    (CLIENT, "InsufficientReservedInstancesCapacity"),
    (CLIENT, "ReservationCapacityExceeded"),
    (CLIENT, "SpotMaxPriceTooLow"),
    (CLIENT, "UnavailableHostRequirements"),
    (CLIENT, "UnfulfillableCapacity"),
    (CLIENT, "Unsupported"),
    (CLIENT, "VolumeTypeNotAvailableInZone"),
];

const LIMITS_OF_THE_ACCOUNT: &[(u16, &str)] = &[
    (CLIENT, "AddressLimitExceeded"),
    (CLIENT, "InstanceLimitExceeded"),
    (CLIENT, "MaxIOPSLimitExceeded"),
    (CLIENT, "MaxSpotInstanceCountExceeded"),
    (CLIENT, "NetworkInterfaceLimitExceeded"),
    (CLIENT, "ResourceLimitExceeded"),
    (CLIENT, "VcpuLimitExceeded"),
    (CLIENT, "VolumeLimitExceeded"),
];

const TO_WAIT_FOR: &[(u16, &str)] = &[
    (SERVER, "BandwidthLimitExceeded"),
    (CLIENT, "ConcurrentTagAccess"),
    (CLIENT, "CreditSpecificationUpdateInProgress"),
    // The page counts it among servers' errors, and calls it `Client.RequestLimitExceeded` in its text.
    (CLIENT, "RequestLimitExceeded"),
    (SERVER, "RequestLimitExceeded"),
];

const OUTCOME_UNKNOWN: &[(u16, &str)] = &[
    (SERVER, "InternalError"),
    (SERVER, "InternalFailure"),
    (CLIENT, "RetryableError"),
    (SERVER, "ServerInternal"),
    (SERVER, "ServiceUnavailable"),
    (SERVER, "Unavailable"),
];

const DATE_REFUSED: &[(u16, &str)] =
    &[(CLIENT, "InvalidSecurity.RequestHasExpired"), (CLIENT, "RequestExpired")];

const TOKEN_USED_BEFORE: &[(u16, &str)] =
    &[(CLIENT, "IdempotentInstanceTerminated"), (CLIENT, "IdempotentParameterMismatch")];

/// All of these are the clients' errors of the page, and of status 400.
const ACCOUNT_AND_RIGHTS_REFUSED: &[&str] = &[
    "AccountDisabled",
    "AuthFailure",
    "Blocked",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "OptInRequired",
    "PendingVerification",
    "SignatureDoesNotMatch",
    "TagPolicyViolation",
    "UnauthorizedOperation",
];

const FORM_REFUSED: &[&str] = &[
    "ClientInvalidParameterValue",
    "FilterLimitExceeded",
    "InvalidAction",
    "InvalidCharacter",
    "InvalidClientToken",
    "InvalidFilter",
    "InvalidInput",
    "InvalidInstanceID.Malformed",
    "InvalidMaxResults",
    "InvalidNextToken",
    "InvalidPaginationToken",
    "InvalidParameter",
    "InvalidParameterCombination",
    "InvalidParameterDependency",
    "InvalidParameterValue",
    "InvalidQueryParameter",
    "InvalidRequest",
    "InvalidTagKey.Malformed",
    "InvalidTime",
    "MalformedQueryString",
    "MissingAction",
    "MissingInput",
    "MissingParameter",
    "NoSuchVersion",
    "RequestResourceCountExceeded",
    "ResourceCountExceeded",
    "TagLimitExceeded",
    "UnknownParameter",
    "UnsupportedOperation",
    "UnsupportedProtocol",
    "ValidationError",
];

const MACHINE_REFUSED: &[&str] = &[
    "AttachmentLimitExceeded",
    "BootForVolumeTypeUnsupported",
    "CustomerKeyHasBeenRevoked",
    "EncryptedVolumesNotSupported",
    "InstanceCreditSpecification.NotSupported",
    "InvalidAMIID.Malformed",
    "InvalidAMIID.NotFound",
    "InvalidAMIID.Unavailable",
    "InvalidBlockDeviceMapping",
    "InvalidCpuCredits",
    "InvalidCpuCredits.Malformed",
    "InvalidIamInstanceProfileArn.Malformed",
    "InvalidInstanceType",
    "InvalidManifest",
    "InvalidProductInfo",
    "InvalidSnapshot.NotFound",
    "InvalidTenancy",
    "NonEBSInstance",
    "UnknownVolumeType",
    "UnsupportedHostConfiguration",
    "UnsupportedInstanceTypeOnHost",
    "UnsupportedTenancy",
    "VolumeIOPSLimit",
    "ZonesMismatched",
];

const PLACE_REFUSED: &[&str] = &[
    "DefaultVpcDoesNotExist",
    "InvalidAvailabilityZone",
    "InvalidGroup.NotFound",
    "InvalidGroupId.Malformed",
    "InvalidInterface.IpAddressLimitExceeded",
    "InvalidSecurityGroupID.NotFound",
    "InvalidSecurityGroupId.Malformed",
    "InvalidSubnet",
    "InvalidSubnetID.Malformed",
    "InvalidSubnetID.NotFound",
    "InvalidSubnetId.NotFound",
    "InvalidZone.NotFound",
    "PrivateIpAddressLimitExceeded",
    "SecurityGroupLimitExceeded",
    "SecurityGroupsPerInstanceLimitExceeded",
    "SecurityGroupsPerInterfaceLimitExceeded",
    "VPCIdNotSpecified",
    "VPCResourceNotSpecified",
];

const STATE_REFUSED: &[&str] = &[
    "IncorrectInstanceState",
    "IncorrectSpotRequestState",
    "IncorrectState",
    "InvalidInstanceID",
    "InvalidInstanceState",
    "InvalidState",
    // An instance with termination protection, which no launch of ours asks for.
    "OperationNotPermitted",
];

/// Answers to what our requests do not say; loud if they come after all.
const NEVER_ASKED_FOR: &[(u16, &str)] = &[(412, "DryRunOperation")];

fn documented() -> Vec<(u16, &'static str, ErrorClass)> {
    let refused = [ACCOUNT_AND_RIGHTS_REFUSED, FORM_REFUSED, MACHINE_REFUSED, PLACE_REFUSED, STATE_REFUSED];
    let refused: Vec<(u16, &str)> = refused.concat().into_iter().map(|code| (CLIENT, code)).collect();
    [
        (CAPACITY, ErrorClass::InsufficientCapacity),
        (LIMITS_OF_THE_ACCOUNT, ErrorClass::Quota),
        (TO_WAIT_FOR, ErrorClass::Throttled),
        (OUTCOME_UNKNOWN, ErrorClass::UnknownOutcome),
        (DATE_REFUSED, ErrorClass::ClockSkew),
        (TOKEN_USED_BEFORE, ErrorClass::IdempotencyMismatch),
        (&[(CLIENT, "InvalidInstanceID.NotFound")], ErrorClass::NotFound),
        (&refused, ErrorClass::Refused),
        (NEVER_ASKED_FOR, ErrorClass::Unclassified),
    ]
    .into_iter()
    .flat_map(|(codes, class)| codes.iter().map(move |(status, code)| (*status, *code, class)))
    .collect()
}

#[test]
fn each_documented_code_has_the_class_that_was_chosen_for_it() {
    let wrong: Vec<_> = documented()
        .into_iter()
        .filter(|(status, code, expected)| class(*status, code) != *expected)
        .map(|(status, code, expected)| format!("{code}: {:?}, not {expected:?}", class(status, code)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A code that EC2 sends with another status than the page says keeps its class, except where only the status tells.
#[test]
fn the_class_of_a_documented_code_does_not_depend_on_its_status() {
    for (_, code, expected) in documented() {
        for status in [400, 403, 500, 503] {
            let found = class(status, code);
            let only_a_status_tells = status >= 500
                && matches!(expected, ErrorClass::Refused | ErrorClass::Unclassified)
                && found == ErrorClass::UnknownOutcome;
            assert!(found == expected || only_a_status_tells, "{status} {code}: {found:?}, not {expected:?}");
        }
    }
}

/// Codes that the page does not have, and that AWS's own SDKs or other requests of the account bring.
#[test]
fn a_code_that_is_not_documented_there_has_its_class_too() {
    for (status, code, expected) in [
        (400, "EC2ThrottledException", ErrorClass::Throttled),
        (400, "Throttling", ErrorClass::Throttled),
        (400, "MaxSpotFleetRequestCountExceeded", ErrorClass::Quota),
        (400, "ExpiredToken", ErrorClass::Refused),
        (400, "AccessDenied", ErrorClass::Refused),
        (400, "InvalidKmsKey.InvalidState", ErrorClass::Refused),
    ] {
        assert_eq!(class(status, code), expected, "{code}");
    }
}
