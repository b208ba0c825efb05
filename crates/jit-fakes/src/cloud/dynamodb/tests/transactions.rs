//! All or none, with reasons, and once for each token.

use super::*;

fn put(name: &str, condition: Option<&str>) -> Json {
    let mut put =
        json!({ "TableName": "things", "Item": key(name), "ReturnValuesOnConditionCheckFailure": "ALL_OLD" });
    if let Some(condition) = condition {
        put["ConditionExpression"] = condition.into();
    }
    json!({ "Put": put })
}

fn transact(world: &mut World, items: &[Json], token: Option<&str>) -> Reply {
    let mut input = json!({ "TransactItems": items });
    if let Some(token) = token {
        input["ClientRequestToken"] = token.into();
    }
    world.call("TransactWriteItems", input)
}

const NEW: Option<&str> = Some("attribute_not_exists(kind)");

#[test]
fn all_are_written_or_none_with_a_reason_for_each() {
    let mut world = world();
    world.put("b", json!({ "x": { "N": "1" } }));
    let reply = transact(&mut world, &[put("a", NEW), put("b", NEW), put("c", None)], None);
    assert_eq!(
        reply.error(),
        (
            400,
            "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Transaction cancelled, please refer cancellation reasons for specific reasons \
             [None, ConditionalCheckFailed, None]"
        )
    );
    let reasons = &reply.json["CancellationReasons"];
    assert_eq!(reasons[0], json!({ "Code": "None" }));
    assert_eq!(reasons[1]["Item"], item("b", json!({ "x": { "N": "1" } })));
    assert!(world.get("a", true).is_null() && world.get("c", true).is_null());
    let check = |condition: &str| json!({ "ConditionCheck": { "TableName": "things", "Key": key("b"), "ConditionExpression": condition } });
    let update = json!({ "Update": { "TableName": "things", "Key": key("c"), "UpdateExpression": "SET y = :y",
        "ExpressionAttributeValues": { ":y": { "N": "1" } } } });
    let delete = json!({ "Delete": { "TableName": "things", "Key": key("d") } });
    let all = [put("a", NEW), check("attribute_exists(x)"), update, delete];
    assert!(transact(&mut world, &all, None).is_done());
    assert_eq!(world.get("c", true)["y"]["N"], "1");
    assert_eq!(world.get("b", true)["x"]["N"], "1");
}

#[test]
fn a_token_is_good_for_one_transaction_and_ten_minutes() {
    let mut world = world();
    assert!(transact(&mut world, &[put("a", NEW)], Some("t")).is_done());
    assert!(transact(&mut world, &[put("a", NEW)], Some("t")).is_done(), "once only, so the condition holds");
    let other = transact(&mut world, &[put("b", NEW)], Some("t"));
    assert_eq!(other.error().1, "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException");
    world.pass(SignedDuration::from_mins(10));
    assert_eq!(transact(&mut world, &[put("a", NEW)], Some("t")).code(), "TransactionCanceledException");
    assert_eq!(transact(&mut world, &[put("a", None)], Some(&"t".repeat(37))).code(), "ValidationException");
    let failed = transact(&mut world, &[put("a", NEW)], Some("u"));
    assert_eq!(failed.code(), "TransactionCanceledException");
    assert!(transact(&mut world, &[put("b", NEW)], Some("u")).is_done(), "what was cancelled used no token");
}

#[test]
fn conflicts_come_when_chosen_and_limits_hold() {
    let mut world = world();
    world.aws.dynamodb_mut().settings.write_units.size = 1_000_000;
    world.aws.dynamodb_mut().conflict_next(1);
    let conflict = transact(&mut world, &[put("a", None), put("b", None)], None);
    assert_eq!(conflict.json["CancellationReasons"][0]["Code"], "TransactionConflict");
    assert!(world.get("a", true).is_null());
    assert!(transact(&mut world, &[put("a", None), put("b", None)], None).is_done());
    assert_eq!(transact(&mut world, &[put("a", None), put("a", None)], None).code(), "ValidationException");
    assert_eq!(transact(&mut world, &[], None).code(), "ValidationException");
    let many: Vec<Json> = (0..101).map(|n| put(&n.to_string(), None)).collect();
    assert_eq!(transact(&mut world, &many, None).code(), "ValidationException");
    let large: Vec<Json> = (0..14)
        .map(|n| json!({ "Put": { "TableName": "things", "Item": item(&n.to_string(), json!({ "b": { "S": "x".repeat(300_000) } })) } }))
        .collect();
    assert!(transact(&mut world, &large, None).error().2.contains("4 MB"));
    assert!(transact(&mut world, &large[..13], None).is_done());
}

#[test]
fn a_write_in_a_transaction_takes_two_units_and_may_be_throttled() {
    let mut world = world();
    world.aws.dynamodb_mut().settings.write_units.size = 5;
    let reply = transact(&mut world, &[put("a", None), put("b", None), put("c", None)], None);
    let reasons = reply.json["CancellationReasons"].as_array().unwrap();
    let codes: Vec<&str> = reasons.iter().map(|reason| reason["Code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["None", "None", "ProvisionedThroughputExceeded"]);
    assert!(world.get("a", true).is_null());
}
