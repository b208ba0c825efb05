//! What STS says about the one who signed a GetCallerIdentity request.
//!
//! Not here: which account and role are expected, and whether the session name is an instance's id of ours.

use http::Response;
use serde::Deserialize;

use crate::common_error::CommonError;
use crate::is_account_id;
use crate::reply::{self, ErrorDetail, Fault};
use crate::sigv4::CLOCK_SKEW_REMEDY;

/// The longest ARN that is read, in bytes; those of assumed roles have at most about 200.
const ARN_BYTES_MAX: usize = 2_048;

/// The session of an assumed role, as STS vouches for it.
///
/// On EC2 the session name of a role's credentials is the instance's id
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>, the table of `aws:userid`).
/// Whoever may assume the role otherwise can choose the name, so that only EC2 may be trusted by such a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The account, 12 digits.
    pub account: String,
    /// The whole ARN, `arn:<partition>:sts::<account>:assumed-role/<role>/<session name>`.
    pub arn: String,
    /// The role's name, without its path, which the ARN of a session does not have.
    pub role: String,
    /// The session's name; an instance's id if the credentials are an instance's.
    pub session_name: String,
}

/// Why STS did not vouch for a caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// The signature, the key or the token is wrong or has expired: the caller is not who it says it is.
    #[error("sts refused the caller: {0}")]
    Refused(ErrorDetail),
    /// STS refused the date, so that nothing is said about the key.
    #[error("sts refused the date of the caller's signature: {0}; {CLOCK_SKEW_REMEDY}")]
    ClockSkew(ErrorDetail),
    /// STS could not answer: try again later, and grant nothing until then.
    #[error("sts is not available: {0}")]
    Unavailable(ErrorDetail),
    /// STS answered with something that cannot be read.
    #[error("the answer of sts cannot be read: {0}")]
    Malformed(&'static str),
    /// The caller is genuine, but is not the session of an assumed role: a user, the root, a federated user.
    #[error("the caller is not an instance, for its arn is not that of an assumed role's session")]
    NotAnInstance,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "GetCallerIdentityResult")]
    result: ReplyResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReplyResult {
    arn: String,
    user_id: String,
    account: String,
}

/// Reads the reply to GetCallerIdentity.
///
/// # Errors
/// [`CallerError`].
///
/// ```
/// let body = "<GetCallerIdentityResponse><GetCallerIdentityResult>\
///             <Arn>arn:aws:sts::123456789012:assumed-role/runner/i-0123456789abcdef0</Arn>\
///             <UserId>AROAEXAMPLE:i-0123456789abcdef0</UserId><Account>123456789012</Account>\
///             </GetCallerIdentityResult></GetCallerIdentityResponse>";
/// let caller = jit_aws::sts::parse_caller_identity(&http::Response::new(body.into()))?;
/// assert_eq!(caller.role, "runner");
/// assert_eq!(caller.session_name, "i-0123456789abcdef0");
/// # Ok::<(), jit_aws::sts::CallerError>(())
/// ```
pub fn parse_caller_identity(response: &Response<Vec<u8>>) -> Result<CallerIdentity, CallerError> {
    if !response.status().is_success() {
        return Err(classify(reply::read_fault(response)));
    }
    let reply: Reply =
        reply::read_success(response, "GetCallerIdentityResponse").map_err(CallerError::Malformed)?;
    read_arn(reply.result)
}

fn classify(fault: Fault) -> CallerError {
    match CommonError::of(&fault) {
        CommonError::ClockSkew => CallerError::ClockSkew(fault.detail),
        CommonError::Throttled | CommonError::UnknownOutcome => CallerError::Unavailable(fault.detail),
        // Whatever else it has against the request of an instance, it does not vouch for it.
        _ if (400..500).contains(&fault.detail.status) => CallerError::Refused(fault.detail),
        _ => CallerError::Malformed("sts answered neither with a success nor with an error"),
    }
}

fn read_arn(result: ReplyResult) -> Result<CallerIdentity, CallerError> {
    let ReplyResult { arn, user_id, account } = result;
    if arn.len() > ARN_BYTES_MAX {
        return Err(CallerError::Malformed("the arn is too long"));
    }
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, service, _, arn_account, resource] = parts[..] else {
        return Err(CallerError::Malformed("the arn has another form than an arn"));
    };
    if !is_account_id(&account) || arn_account != account {
        return Err(CallerError::Malformed("the account is none, or not that of the arn"));
    }
    let names: Vec<&str> = resource.split('/').collect();
    let (role, session_name) = match (service, &names[..]) {
        ("sts", ["assumed-role", role, session_name]) if is_name(role) && is_name(session_name) => {
            ((*role).to_owned(), (*session_name).to_owned())
        }
        _ => return Err(CallerError::NotAnInstance),
    };
    // The id of a session is `<role's id>:<session name>`; a reply that disagrees with itself vouches for no one.
    if user_id.split_once(':').is_none_or(|(_, name)| name != session_name) {
        return Err(CallerError::Malformed("the user id is not that of the arn's session"));
    }
    Ok(CallerIdentity { account, arn, role, session_name })
}

/// Tells whether a text has the characters of a role's or a session's name.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>, `RoleSessionName`.
pub(super) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

#[cfg(test)]
mod tests;
