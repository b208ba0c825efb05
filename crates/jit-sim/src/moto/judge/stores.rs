//! What a request to SQS or DynamoDB needs, read off its JSON.
//! Not here: what other services need, and whether a policy allows it.
//!
//! From AWS's references, read 2026-11-22: an action on several messages needs the right of the action on one
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html>), and a
//! transaction the rights of what is in it
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Need, need};

/// The rights that a request needs; none for a service or action that nothing is known of, or a body that names no resource.
pub(in crate::moto) fn needs(target: &str, body: &[u8], region: &str, account: &str) -> Option<Vec<Need>> {
    let (service, action) = target.split_once('.')?;
    let body: Value = serde_json::from_slice(body).ok()?;
    match service {
        "AmazonSQS" => {
            let action = match action {
                "SendMessage" | "SendMessageBatch" => "SendMessage",
                "DeleteMessage" | "DeleteMessageBatch" => "DeleteMessage",
                "ChangeMessageVisibility" | "ChangeMessageVisibilityBatch" => "ChangeMessageVisibility",
                "ReceiveMessage" | "GetQueueAttributes" => action,
                _ => return None,
            };
            let (_, queue) = body["QueueUrl"].as_str()?.rsplit_once('/')?;
            let queue = format!("arn:aws:sqs:{region}:{account}:{queue}");
            Some(vec![need(&format!("sqs:{action}"), queue, BTreeMap::new())])
        }
        "DynamoDB_20120810" => {
            let table = |name: &str| format!("arn:aws:dynamodb:{region}:{account}:table/{name}");
            let asked =
                |action: &str, resource| need(&format!("dynamodb:{action}"), resource, BTreeMap::new());
            match action {
                "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" => {
                    Some(vec![asked(action, table(body["TableName"].as_str()?))])
                }
                "Query" => {
                    let index = body["IndexName"].as_str().map(|index| format!("/index/{index}"));
                    let name = table(body["TableName"].as_str()?) + &index.unwrap_or_default();
                    Some(vec![asked(action, name)])
                }
                "BatchGetItem" => {
                    let tables = body["RequestItems"].as_object()?.keys();
                    Some(tables.map(|name| asked(action, table(name))).collect())
                }
                "TransactWriteItems" => body["TransactItems"]
                    .as_array()?
                    .iter()
                    .map(|item| {
                        let (kind, write) = item.as_object()?.iter().next()?;
                        let action = match kind.as_str() {
                            "ConditionCheck" => "ConditionCheckItem",
                            "Put" => "PutItem",
                            "Update" => "UpdateItem",
                            "Delete" => "DeleteItem",
                            _ => return None,
                        };
                        Some(asked(action, table(write["TableName"].as_str()?)))
                    })
                    .collect(),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jit_control::ledger::dynamodb::table;
    use serde_json::json;

    use super::super::tests::{ACCOUNT, shipped};
    use super::super::{actions, allows};
    use super::*;

    fn may(component: &str, target: &str, body: &Value) -> bool {
        let policy = shipped(component);
        let needs = needs(target, body.to_string().as_bytes(), "us-east-1", ACCOUNT).unwrap();
        !needs.is_empty() && needs.iter().all(|need| allows(&policy, need))
    }

    #[test]
    fn each_queue_is_sent_to_and_drained_by_those_who_may() {
        let queue =
            |name: &str| json!({ "QueueUrl": format!("http://127.0.0.1:4000/{ACCOUNT}/jit-runners-{name}") });
        let sends = |component, name| may(component, "AmazonSQS.SendMessage", &queue(name));
        assert!(sends("webhook", "jobs") && sends("webhook", "lifecycle") && sends("rebalancer", "jobs"));
        assert!(sends("scaleup", "jobs-dead") && sends("lifecycle", "lifecycle-dead"));
        assert!(
            !sends("webhook", "jobs-dead") && !sends("scaleup", "lifecycle") && !sends("scaledown", "jobs")
        );
        for action in ["ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibility"] {
            let drains = |component, name| may(component, &format!("AmazonSQS.{action}"), &queue(name));
            assert!(drains("scaleup", "jobs") && drains("lifecycle", "lifecycle"), "{action}");
            assert!(!drains("scaleup", "lifecycle") && !drains("webhook", "jobs"), "{action}");
        }
    }

    #[test]
    fn the_ledger_is_open_to_all_but_the_webhook_and_other_tables_to_nobody() {
        let requests = |table: &str| {
            let write = json!({ "TableName": table });
            [
                ("GetItem", json!({ "TableName": table })),
                ("UpdateItem", json!({ "TableName": table })),
                ("BatchGetItem", json!({ "RequestItems": { table: {} } })),
                ("Query", json!({ "TableName": table, "IndexName": "open" })),
                (
                    "TransactWriteItems",
                    json!({ "TransactItems": [{ "Update": write }, { "Update": write }] }),
                ),
            ]
        };
        for component in ["scaleup", "lifecycle", "scaledown", "rebalancer", "registrar", "webhook"] {
            for (action, body) in requests("jit-runners") {
                let target = format!("DynamoDB_20120810.{action}");
                assert_eq!(may(component, &target, &body), component != "webhook", "{component} {action}");
            }
            for (action, body) in requests("other") {
                assert!(
                    !may(component, &format!("DynamoDB_20120810.{action}"), &body),
                    "{component} {action}"
                );
            }
        }
    }

    #[test]
    fn the_policies_have_what_the_ledger_calls_and_no_more() {
        let called = BTreeSet::from(table::ACTIONS);
        for component in ["scaleup", "lifecycle", "scaledown", "rebalancer", "registrar"] {
            let policy = shipped(component);
            let allowed: BTreeSet<&str> =
                actions(&policy).filter(|action| action.starts_with("dynamodb:")).collect();
            assert_eq!(allowed, called, "{component}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_judged() {
        let known = |target, body: &[u8]| needs(target, body, "us-east-1", ACCOUNT).is_some();
        assert!(known("DynamoDB_20120810.GetItem", br#"{"TableName": "t"}"#));
        assert!(!known("DynamoDB_20120810.Scan", br#"{"TableName": "t"}"#));
        assert!(!known("DynamoDB_20120810.GetItem", b"{}"));
        assert!(!known("AmazonSQS.PurgeQueue", br#"{"QueueUrl": "http://a/1/q"}"#));
        assert!(!known("AmazonSQS.SendMessage", b"no json"));
        assert!(!known("SecretsManager.GetSecretValue", b"{}") && !known("GetItem", b"{}"));
        let unknown = br#"{"TransactItems": [{"Other": {"TableName": "t"}}]}"#;
        assert!(!known("DynamoDB_20120810.TransactWriteItems", unknown));
    }
}
