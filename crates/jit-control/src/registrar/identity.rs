//! Proof of identity: the instance signs `sts:GetCallerIdentity` with its role's credentials, naming this registrar in a signed
//! header; registrar forwards the request to STS in the instance's region and compares what STS answers with the batch.
//! There is no way around it.

use http::StatusCode;
use jit_aws::Service;
use jit_aws::sts::{self, CallerError, SignedIdentity};
use jit_domain::ids::Region;
use serde_json::json;

use super::{Ask, Known};
use crate::aws;
use crate::effects::{Effects, Response};
use crate::limits;
use crate::reply::{self, text};
use crate::settings::RegistrarSettings;
use crate::shell::Shell;
use crate::time::jiff_time;

/// Proves that a claim comes from the instance it names, in the account and role of the configuration.
///
/// # Errors
/// The reply to give: 403 when the identity does not match, 503 when STS could not be asked.
pub(super) async fn prove<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &RegistrarSettings,
    ask: &Ask,
    known: &Known,
) -> Result<(), Response> {
    let refuse = |why: &str| {
        shell.warn("an identity does not match", json!({ "instance.id": known.key.id, "cause": why }));
        text(StatusCode::FORBIDDEN, "the identity does not match")
    };
    let audience = audience(settings);
    let signed = SignedIdentity::parse(&ask.identity, &audience, jiff_time(shell.now()))
        .map_err(|e| refuse(&e.to_string()))?;
    let region = Region::new(signed.region().as_str());
    if region != known.key.region {
        return Err(refuse("it was signed for another region than the launch's"));
    }
    let endpoint = aws::endpoint(settings.aws_endpoint_url.as_ref(), Service::Sts, &region)
        .map_err(|why| refuse(&why))?;
    let request = sts::forward(&signed, &endpoint).map_err(|e| refuse(&e.to_string()))?;
    let response = shell.effects.send(request, limits::CALL_TIMEOUT).await.map_err(|error| {
        shell.failed("sts did not answer", &error);
        reply::later(limits::RETRY_AFTER_S, "the identity could not be checked")
    })?;
    let caller = match sts::parse_caller_identity(&response) {
        Ok(caller) => caller,
        Err(error @ (CallerError::Unavailable { .. } | CallerError::Malformed { .. })) => {
            shell.failed("sts did not answer", &error);
            return Err(reply::later(limits::RETRY_AFTER_S, "the identity could not be checked"));
        }
        Err(error) => return Err(refuse(&error.to_string())),
    };
    let pool = shell.policy.pool(&known.class.identity.pool);
    let Some((account, role)) = pool.and_then(|pool| pool.machine.runner_role()) else {
        return Err(refuse("its pool names no instance profile"));
    };
    if caller.account != account || caller.role != role {
        return Err(refuse("it is of another account or role than the pool's instance profile"));
    }
    if caller.session_name != known.key.id {
        return Err(refuse("it is of another instance"));
    }
    Ok(())
}

/// The host, and the port unless it is the scheme's own, of the address under which instances reach us: what they must have signed.
fn audience(settings: &RegistrarSettings) -> String {
    let uri: Option<http::Uri> = settings.public_url.as_str().parse().ok();
    uri.and_then(|uri| uri.authority().map(|a| a.as_str().to_owned())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_is_the_host_and_a_port_that_is_not_the_scheme_s_own() {
        for (public_url, wanted) in [
            ("https://runners.example.com/", "runners.example.com"),
            ("https://runners.example.com:443/behind/a/path", "runners.example.com"),
            ("https://Runners.Example.com:8443", "runners.example.com:8443"),
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://[::1]:3000/", "[::1]:3000"),
        ] {
            let pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
            let variable = |name: &str| match name {
                "github_app_id" => Some("1".to_owned()),
                "github_private_key" => Some(pem.to_owned()),
                "claim_key" => Some("a claim key of 32 bytes for tests.".to_owned()),
                "public_url" => Some(public_url.to_owned()),
                _ => None,
            };
            let settings = RegistrarSettings::read(variable).expect("registrar's variables");
            assert_eq!(audience(&settings), wanted, "{public_url}");
        }
    }
}
