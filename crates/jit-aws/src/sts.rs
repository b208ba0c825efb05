//! STS: who a caller is, asked by one party and sent by another, and the temporary credentials of a role.
//!
//! An instance proves who it is without showing its key: it signs a GetCallerIdentity request and hands over the headers;
//! the receiver sends the request to STS, which says whose key signed it. The signature also covers a header that names the
//! receiver, so that the receiver cannot use the same request elsewhere.
//! Not here: what an identity may do, and how long credentials are kept.

mod assume_role;
mod caller;
mod error;
pub mod identity;
mod role;

pub use assume_role::{AssumeRole, AssumeRoleWithWebIdentity, TemporaryCredentials};
pub use caller::{CallerError, CallerIdentity, parse_caller_identity};
pub use error::StsError;
pub(crate) use error::knows;
pub use identity::{IdentityError, SignedIdentity, caller_identity_request, forward, identity_json};
pub use role::{RoleArn, SessionDuration, SessionName};

use http::header::HeaderName;

/// The exact body of the request; the signature covers its digest.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
pub const CALLER_IDENTITY_BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// The signed header that names whom the identity is meant for: host, and port unless it is the scheme's own.
pub const AUDIENCE_HEADER: HeaderName = HeaderName::from_static("x-jit-runners-audience");

/// The version of the API that every request names.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html>
pub(crate) const VERSION: &str = "2011-06-15";
