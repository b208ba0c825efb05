//! For each component one call that its policy does not hold, signed with its key: AWS has to know the key and to refuse the call.
//! Not here: what the components call themselves; the proxy counts that.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};

use jit_domain::policy::AwsStorage;
use serde_json::json;

use super::account::COMPONENTS;
use super::call::{Call, Input, Key, Service, error_code};

/// What a component may not do: the temptation that matters most to it. It is about what is there, so that only the right is wanting.
fn outside<'a>(component: &str, place: &'a AwsStorage) -> Option<Call<'a>> {
    let call = |service, action, input| Some(Call { service, region: place.region.as_str(), action, input });
    let terminate = || Input::Form(vec![("InstanceId.1", "i-0123456789abcdef0")]);
    match component {
        // It faces the world.
        "webhook" => {
            let key = json!({ "kind": { "S": "job" }, "name": { "S": "1" } });
            let input = Input::Json(json!({ "TableName": place.name, "Key": key }));
            call(Service::DynamoDb, "GetItem", input)
        }
        "scaleup" | "rebalancer" => call(Service::Ec2, "TerminateInstances", terminate()),
        "lifecycle" | "scaledown" => {
            let input = Input::Form(vec![("MinCount", "1"), ("MaxCount", "1")]);
            call(Service::Ec2, "RunInstances", input)
        }
        // It talks to what jobs can reach.
        "registrar" => {
            let queue = format!("https://sqs.amazonaws.com/{}/{}-jobs", place.account, place.name);
            call(Service::Sqs, "ReceiveMessage", Input::Json(json!({ "QueueUrl": queue })))
        }
        _ => None,
    }
}

/// Tries them all and tells each; gives back how many were refused for want of the right, and only for that.
pub(super) async fn count(
    address: SocketAddr,
    place: &AwsStorage,
    keys: &BTreeMap<&'static str, Key>,
    tell: impl Fn(&str),
) -> Result<usize> {
    let mut refused = 0;
    for component in COMPONENTS {
        let call = outside(component, place).context("a component without a test")?;
        let key = keys.get(component).with_context(|| format!("{component} has no key"))?;
        let reply = call.send(address, key).await?;
        let body = String::from_utf8_lossy(reply.body());
        let code = error_code(&body).unwrap_or_else(|| "no code".to_owned());
        // A wrong signature or an unknown key would be refused too, by other codes.
        let is_refused =
            ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"].contains(&code.as_str());
        refused += usize::from(is_refused);
        tell(&format!("{component} {} -> {} {code}", call.action, reply.status().as_u16()));
    }
    Ok(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_component_is_tempted() {
        let (region, account) = (jit_domain::ids::Region::new("us-east-1"), "123456789012".to_owned());
        let place = AwsStorage { region, account, name: "jit-runners".to_owned() };
        assert!(COMPONENTS.iter().all(|component| outside(component, &place).is_some()));
        assert!(outside("operator", &place).is_none());
    }
}
