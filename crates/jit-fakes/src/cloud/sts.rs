//! STS: who am I.
//! Not in it: AssumeRole and its relatives (`roles`); an instance gets its credentials from the metadata service.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>

use http::Response;

use super::access::Caller;
use super::error::{ApiError, respond};
use super::query::Query;
use super::xml::Xml;

/// The version of the API.
pub(crate) const VERSION: &str = "2011-06-15";
pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Answers GetCallerIdentity, which no policy can forbid.
pub(crate) fn get_caller_identity(
    caller: &Caller,
    account: &str,
    query: &Query,
    request_id: &str,
) -> Result<Response<Vec<u8>>, ApiError> {
    query.only(&["Action", "Version"])?;
    let mut xml = Xml::document();
    xml.node_in("GetCallerIdentityResponse", NAMESPACE, |xml| {
        xml.node("GetCallerIdentityResult", |xml| {
            xml.text("Arn", caller.arn(account)).text("UserId", caller.user_id()).text("Account", account);
        });
        xml.node("ResponseMetadata", |xml| {
            xml.text("RequestId", request_id);
        });
    });
    Ok(respond(200, xml))
}
