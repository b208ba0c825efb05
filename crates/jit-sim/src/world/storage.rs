//! Records and messages of a world in its AWS account: the table, the queues, and components that may do there what their shipped
//! policies allow, which is then all that they may do in the account.
//! Not here: the policies' resources and conditions, which the fake does not judge (`moto/judge.rs` does), and the configuration.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow};
use jiff::Timestamp;
use jit_control::ledger::dynamodb::table::{TIME_TO_LIVE, create_table};
use jit_control::queue::QueueName;
use jit_domain::policy::AwsStorage;
use jit_fakes::cloud::{Aws, Principal};
use serde_json::Value;

use super::{access_key_id, secret_access_key};

/// The components, each with its shipped policy.
const POLICIES: [(&str, &str); 6] = [
    ("webhook", include_str!("../../../../infra/aws/policies/webhook.json")),
    ("scaleup", include_str!("../../../../infra/aws/policies/scaleup.json")),
    ("lifecycle", include_str!("../../../../infra/aws/policies/lifecycle.json")),
    ("scaledown", include_str!("../../../../infra/aws/policies/scaledown.json")),
    ("rebalancer", include_str!("../../../../infra/aws/policies/rebalancer.json")),
    ("registrar", include_str!("../../../../infra/aws/policies/registrar.json")),
];

/// The components that have a key in AWS only where records or messages are there.
pub(super) const NAMES: [&str; 2] = ["webhook", "registrar"];

/// The names of the queues, each followed by that of its dead letters.
pub(crate) fn queue_names(name: &str) -> impl Iterator<Item = String> {
    [QueueName::Jobs, QueueName::Lifecycle].into_iter().flat_map(move |queue| {
        let live = format!("{name}-{}", queue.as_str());
        let dead = format!("{live}-dead");
        [live, dead]
    })
}

/// Makes what the configuration names, and lets the components in.
///
/// # Errors
/// A policy is not in its form, or the table cannot be made.
pub(super) fn furnish(aws: &mut Aws, place: &AwsStorage, now: Timestamp) -> Result<()> {
    let (region, name) = (place.region.as_str(), place.name.as_str());
    for queue in queue_names(name) {
        aws.add_queue(region, &queue);
    }
    let tables = aws.dynamodb_mut();
    tables.create_table(region, &create_table(name), now).map_err(|why| anyhow!(why))?;
    tables.set_time_to_live(region, name, TIME_TO_LIVE, now).map_err(|why| anyhow!(why))?;
    for (component, policy) in POLICIES {
        let actions =
            actions(policy).with_context(|| format!("the policy of {component} is not in its form"))?;
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        let (id, secret) = (access_key_id(component), secret_access_key(component));
        aws.add_principal(Principal::new(component, &id, secret.into(), &actions));
    }
    Ok(())
}

/// All actions that a policy allows.
fn actions(policy: &str) -> Result<BTreeSet<String>> {
    let policy: Value = serde_json::from_str(policy)?;
    let mut actions = BTreeSet::new();
    for statement in policy["Statement"].as_array().context("no statements")? {
        for action in statement["Action"].as_array().context("a statement without a list of actions")? {
            actions.insert(action.as_str().context("an action that is no text")?.to_owned());
        }
    }
    Ok(actions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_component_has_the_actions_of_all_statements_of_its_policy() {
        let of = |name: &str| {
            let (_, policy) = POLICIES.iter().find(|(component, _)| *component == name).unwrap();
            actions(policy).unwrap()
        };
        assert_eq!(of("webhook"), BTreeSet::from(["sqs:SendMessage".to_owned()]));
        assert!(of("scaleup").contains("ec2:RunInstances") && of("scaleup").contains("dynamodb:Query"));
        assert!(actions(r#"{"Statement": [{"Action": "sqs:*"}]}"#).is_err());
    }
}
