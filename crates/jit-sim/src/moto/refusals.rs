//! For each component one call that its policy does not hold, signed with its key: AWS has to know the key and to refuse the call.
//! Not here: what the components call themselves; the proxy counts that.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};

use super::account::COMPONENTS;
use super::call::{Call, Key, Service, element};

/// What a component may not do: the temptation that matters most to it.
fn outside<'a>(component: &str, region: &'a str) -> Option<Call<'a>> {
    let call = |service, action, parameters: &[(&'a str, &'a str)]| {
        Some(Call { service, region, action, parameters: parameters.to_vec() })
    };
    let terminate = || call(Service::Ec2, "TerminateInstances", &[("InstanceId.1", "i-0123456789abcdef0")]);
    let launch = || call(Service::Ec2, "RunInstances", &[("MinCount", "1"), ("MaxCount", "1")]);
    match component {
        // It faces the world.
        "webhook" => call(Service::DynamoDb, "GetItem", &[("TableName", "jit-runners")]),
        "scaleup" | "rebalancer" => terminate(),
        "lifecycle" | "scaledown" => launch(),
        // It talks to what jobs can reach.
        "registrar" => call(Service::Sqs, "ReceiveMessage", &[("QueueUrl", "http://127.0.0.1/queue")]),
        _ => None,
    }
}

/// Tries them all and tells each; gives back how many were refused for want of the right, and only for that.
pub(super) async fn count(
    address: SocketAddr,
    region: &str,
    keys: &BTreeMap<&'static str, Key>,
    tell: impl Fn(&str),
) -> Result<usize> {
    let mut refused = 0;
    for component in COMPONENTS {
        let call = outside(component, region).context("a component without a test")?;
        let key = keys.get(component).with_context(|| format!("{component} has no key"))?;
        let reply = call.send(address, key).await?;
        let body = String::from_utf8_lossy(reply.body());
        let code = element(&body, "Code").unwrap_or("no code");
        // A wrong signature or an unknown key would be refused too, by other codes.
        let is_refused = ["AccessDenied", "UnauthorizedOperation"].contains(&code);
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
        assert!(COMPONENTS.iter().all(|component| outside(component, "us-east-1").is_some()));
        assert!(outside("operator", "us-east-1").is_none());
    }
}
