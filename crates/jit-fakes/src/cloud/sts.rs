//! STS: its actions, and who am I.
//! Not in it: what AssumeRole and its relatives do (`roles`); an instance gets its credentials from the metadata service.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>

use super::Aws;
use super::access::Caller;
use super::error::ApiError;
use super::pipeline::Call;
use super::roles::WEB_IDENTITY;
use super::xml::Xml;

/// The version of the API.
pub(crate) const VERSION: &str = "2011-06-15";
pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

impl Aws {
    /// Carries out an action of STS.
    pub(super) fn perform_sts(&mut self, call: &Call<'_>) -> Result<Xml, ApiError> {
        call.query.check_version(VERSION)?;
        match (call.action, &call.caller) {
            (WEB_IDENTITY, Caller::Anonymous) => self.assume_role_with_web_identity(call),
            ("GetCallerIdentity", _) => get_caller_identity(call),
            ("AssumeRole", _) => self.assume_role(call),
            (action, _) => Err(ApiError::unknown_action(action)),
        }
    }
}

/// Answers GetCallerIdentity, which no policy can forbid.
fn get_caller_identity(call: &Call<'_>) -> Result<Xml, ApiError> {
    let Call { query, caller, account, .. } = call;
    query.only(&["Action", "Version"])?;
    Ok(document(call, |xml| {
        xml.text("Arn", caller.arn(account)).text("UserId", caller.user_id()).text("Account", account);
    }))
}

/// The document that answers a call, around its result.
pub(super) fn document(call: &Call<'_>, result: impl FnOnce(&mut Xml)) -> Xml {
    let mut xml = Xml::document();
    xml.node_in(&format!("{}Response", call.action), NAMESPACE, |xml| {
        xml.node(&format!("{}Result", call.action), result);
        xml.node("ResponseMetadata", |xml| {
            xml.text("RequestId", call.request_id);
        });
    });
    xml
}
