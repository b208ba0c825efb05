//! The shipped policies of `infra/aws/policies`, filled in for one account, and in the form that moto can judge.
//! Not here: what the policies say; `cargo xtask tidy` holds their form.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// Where the policies are, below the root.
pub(super) const FOLDER: &str = "infra/aws/policies";

/// What stands for the placeholders.
pub(super) type Values = BTreeMap<&'static str, String>;

/// What stands for them in a region of an account.
pub(super) fn values(region: &str, account: &str, deployment: &str, runner_role: &str) -> Values {
    Values::from([
        ("Partition", "aws".to_owned()),
        ("Region", region.to_owned()),
        ("Account", account.to_owned()),
        ("Deployment", deployment.to_owned()),
        ("RunnerRole", runner_role.to_owned()),
        ("JobsQueue", format!("{deployment}-jobs")),
        ("LifecycleQueue", format!("{deployment}-lifecycle")),
        ("JobsDeadLetterQueue", format!("{deployment}-jobs-dead")),
        ("LifecycleDeadLetterQueue", format!("{deployment}-lifecycle-dead")),
        ("Table", deployment.to_owned()),
    ])
}

/// Reads a component's policy below a root and fills it in.
///
/// # Errors
/// There is none, or something is left open.
pub(super) fn read(root: &Path, component: &str, values: &Values) -> Result<Value> {
    let path = root.join(FOLDER).join(component).with_extension("json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    fill(&text, values).with_context(|| format!("{} cannot be used", path.display()))
}

fn fill(text: &str, values: &Values) -> Result<Value> {
    let filled = values
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
    if let Some((_, rest)) = filled.split_once("${") {
        bail!("nothing stands for {}", rest.split('}').next().unwrap_or_default());
    }
    Ok(serde_json::from_str(&filled)?)
}

/// Actions that moto asks for by the name of the request, and AWS by what is in it: a policy that has the one has the others.
/// AWS knows no such actions (`judge/stores.rs` cites it), so they are in no shipped policy.
const NAMED_BY_REQUEST: [(&str, &str); 3] = [
    ("sqs:DeleteMessage", "sqs:DeleteMessageBatch"),
    ("sqs:ChangeMessageVisibility", "sqs:ChangeMessageVisibilityBatch"),
    ("dynamodb:UpdateItem", "dynamodb:TransactWriteItems"),
];

/// The same policy as far as moto 5.2.5 can judge it: actions and conditions as they are, and resources too where moto knows the
/// resource of a request. It does for SQS and for assumed roles only; for all other services it asks whether the policy allows
/// the action on the literal resource `*`, and would refuse everything that is narrower
/// (<https://github.com/getmoto/moto/blob/5.2.5/moto/core/responses.py>, `call_action`; read 2026-11-22).
/// moto reads conditions and lets them all pass. So what moto proves is: the signature is right, the action is in the policy, and
/// the queue is one that the action is for.
pub(super) fn for_moto(mut policy: Value) -> Value {
    let statements = policy["Statement"].as_array_mut();
    for statement in statements.into_iter().flatten() {
        let Some(actions) = statement["Action"].as_array_mut() else { continue };
        let has = |action: &str| actions.iter().any(|one| one == action);
        let also = NAMED_BY_REQUEST.iter().filter(|(action, _)| has(action));
        let also: Vec<Value> = also.map(|(_, also)| json!(also)).collect();
        actions.extend(also);
        let is_judged = |action: &Value| action.as_str().is_some_and(|action| action.starts_with("sqs:"));
        let is_judged = actions.iter().all(is_judged);
        if !is_judged {
            statement["Resource"] = json!("*");
        }
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_whole_and_what_is_open_is_told() {
        let values = Values::from([("Account", "1".to_owned())]);
        assert_eq!(fill(r#"{"a": "arn:${Account}:${Account}"}"#, &values).unwrap()["a"], "arn:1:1");
        let error = fill(r#"{"a": "${Account}:${Region}"}"#, &values).unwrap_err();
        assert!(error.to_string().contains("Region"), "{error}");
        assert!(fill("{", &values).is_err());
    }

    #[test]
    fn only_resources_that_moto_does_not_know_become_all_resources() {
        let policy = json!({ "Statement": [
            { "Action": ["sqs:SendMessage"], "Resource": ["arn:q"] },
            { "Action": ["ec2:RunInstances"], "Resource": ["arn:i"], "Condition": { "a": "b" } },
        ]});
        let judged = for_moto(policy.clone());
        assert_eq!(judged["Statement"][0], policy["Statement"][0]);
        let expected = json!({ "Action": ["ec2:RunInstances"], "Resource": "*", "Condition": { "a": "b" } });
        assert_eq!(judged["Statement"][1], expected);
    }

    #[test]
    fn a_right_that_moto_calls_otherwise_is_there_under_both_names_where_it_was() {
        let policy = json!({ "Statement": [
            { "Action": ["sqs:DeleteMessage", "sqs:SendMessage"], "Resource": ["arn:q"] },
            { "Action": ["dynamodb:UpdateItem"], "Resource": ["arn:t"] },
            { "Action": ["dynamodb:GetItem"], "Resource": ["arn:t"] },
        ]});
        let judged = for_moto(policy);
        let actions = |n: usize| judged["Statement"][n]["Action"].clone();
        assert_eq!(actions(0), json!(["sqs:DeleteMessage", "sqs:SendMessage", "sqs:DeleteMessageBatch"]));
        assert_eq!(actions(1), json!(["dynamodb:UpdateItem", "dynamodb:TransactWriteItems"]));
        assert_eq!(actions(2), json!(["dynamodb:GetItem"]));
    }
}
