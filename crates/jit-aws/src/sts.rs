//! STS's GetCallerIdentity, asked by one party and sent by another.
//!
//! An instance proves who it is without showing its key: it signs a GetCallerIdentity request and hands over the headers;
//! the receiver sends the request to STS, which says whose key signed it. The signature also covers a header that names the
//! receiver, so that the receiver cannot use the same request elsewhere.
//! Not here: what an identity may do, and AssumeRole.

mod caller;
pub mod identity;

pub use caller::{CallerError, CallerIdentity, parse_caller_identity};
pub use identity::{IdentityError, SignedIdentity, caller_identity_request, forward, identity_json};

use http::header::HeaderName;

/// The exact body of the request; the signature covers its digest.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
pub const CALLER_IDENTITY_BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// The signed header that names whom the identity is meant for: host, and port unless it is the scheme's own.
pub const AUDIENCE_HEADER: HeaderName = HeaderName::from_static("x-jit-runners-audience");
