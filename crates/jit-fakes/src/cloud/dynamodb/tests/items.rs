//! Reading, writing on conditions, querying, and the limits of each.

use super::*;

#[test]
fn an_update_on_a_condition_brings_what_was_asked_for() {
    let mut world = world();
    let update = |world: &mut World, expected: &str, returned: &str| {
        world.on(
            "UpdateItem",
            json!({
                "Key": key("a"),
                "UpdateExpression": "SET #n = if_not_exists(#n, :zero) + :one, b = :one REMOVE c",
                "ConditionExpression": "attribute_not_exists(#n) OR #n = :expected",
                "ExpressionAttributeNames": { "#n": "count" },
                "ExpressionAttributeValues": { ":zero": { "N": "0" }, ":one": { "N": "1" }, ":expected": { "N": expected } },
                "ReturnValues": returned,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }),
        )
    };
    let one = json!({ "count": { "N": "1" }, "b": { "N": "1" } });
    assert_eq!(update(&mut world, "0", "UPDATED_NEW").json, json!({ "Attributes": one }));
    let lost = update(&mut world, "7", "NONE");
    assert_eq!(lost.error().1, "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException");
    assert_eq!(lost.json["Item"], item("a", one.clone()));
    assert_eq!(update(&mut world, "1", "ALL_OLD").json["Attributes"], item("a", one.clone()));
    assert_eq!(update(&mut world, "2", "UPDATED_OLD").json["Attributes"]["count"], json!({ "N": "2" }));
    assert_eq!(update(&mut world, "3", "ALL_NEW").json["Attributes"]["count"], json!({ "N": "4" }));
    assert_eq!(update(&mut world, "4", "NONE").json, json!({}));
    assert_eq!(world.get("a", true)["count"], json!({ "N": "5" }));
}

#[test]
fn put_and_delete_have_conditions_too() {
    let mut world = world();
    let put = |world: &mut World| {
        world.on(
            "PutItem",
            json!({ "Item": item("a", json!({ "b": { "BOOL": true } })),
                                    "ConditionExpression": "attribute_not_exists(kind)" }),
        )
    };
    assert!(put(&mut world).is_done());
    let again = put(&mut world);
    assert_eq!((again.code(), &again.json["Item"]), ("ConditionalCheckFailedException", &Json::Null));
    let delete = json!({ "Key": key("a"), "ReturnValues": "ALL_OLD" });
    assert_eq!(world.on("DeleteItem", delete.clone()).json["Attributes"]["b"], json!({ "BOOL": true }));
    assert_eq!(world.on("DeleteItem", delete).json, json!({}));
}

#[test]
fn what_does_not_fit_the_table_is_refused() {
    let mut world = world();
    let empty = json!({ "kind": { "S": "k" }, "name": { "S": "" } });
    let number = json!({ "kind": { "S": "k" }, "name": { "N": "1" } });
    for bad in [json!({ "kind": { "S": "k" } }), empty, number, item("a", json!({ "b": { "S": "x" } }))] {
        assert_eq!(world.on("GetItem", json!({ "Key": bad })).code(), "ValidationException");
    }
    assert_eq!(world.put("a", json!({ "open": { "N": "1" } })).code(), "ValidationException");
    assert_eq!(world.put("a", json!({ "open": { "S": "" } })).code(), "ValidationException");
    assert_eq!(world.put("a", json!({ "b": { "S": 1 } })).code(), "SerializationException");
    let of_key = json!({ "Key": key("a"), "UpdateExpression": "SET #n = :x",
        "ExpressionAttributeNames": { "#n": "name" }, "ExpressionAttributeValues": { ":x": { "S": "b" } } });
    assert!(world.on("UpdateItem", of_key).error().2.contains("part of the key"));
    let unknown = json!({ "Key": key("a"), "ReturnConsumedCapacity": "TOTAL" });
    assert_eq!(world.on("GetItem", unknown).code(), "SerializationException");
    let elsewhere = json!({ "TableName": "nothing", "Key": key("a") });
    assert_eq!(world.call("GetItem", elsewhere).code(), "ResourceNotFoundException");
}

#[test]
fn an_item_has_400_kilobytes_with_its_names() {
    let mut world = world();
    let rest = "kindknamea".len() + "b".len();
    let text = |more: usize| json!({ "b": { "S": "x".repeat((400 << 10) - rest + more) } });
    assert!(world.put("a", text(0)).is_done());
    assert!(world.put("a", text(1)).error().2.starts_with("Item size has exceeded"));
}

#[test]
fn an_index_lists_what_has_its_key_page_by_page() {
    let mut world = world();
    for n in 0..7 {
        let more = if n % 3 == 2 { json!({}) } else { json!({ "open": { "S": format!("o{}", 9 - n) } }) };
        world.put(&format!("n{n}"), more);
    }
    let mut names = Vec::new();
    let mut start = Json::Null;
    let mut pages = 0;
    loop {
        let mut query = json!({
            "IndexName": "open", "KeyConditionExpression": "kind = :k", "Limit": 2, "ConsistentRead": true,
            "ExpressionAttributeValues": { ":k": { "S": "k" } },
        });
        if !start.is_null() {
            query["ExclusiveStartKey"] = start;
        }
        let reply = world.on("Query", query);
        assert!(reply.is_done(), "{}", reply.json);
        pages += 1;
        let items = reply.json["Items"].as_array().unwrap().clone();
        assert_eq!(reply.json["Count"], items.len());
        names.extend(items.iter().map(|item| item["name"]["S"].as_str().unwrap().to_owned()));
        start = reply.json["LastEvaluatedKey"].clone();
        if start.is_null() {
            break;
        }
    }
    assert_eq!(names, ["n6", "n4", "n3", "n1", "n0"], "in the order of the index");
    assert_eq!(pages, 3);
    let narrow = json!({ "KeyConditionExpression": "kind = :k AND begins_with(#n, :n)", "ScanIndexForward": false,
        "ExpressionAttributeNames": { "#n": "name" },
        "ExpressionAttributeValues": { ":k": { "S": "k" }, ":n": { "S": "n" } }, "Limit": 2 });
    let reply = world.on("Query", narrow);
    assert_eq!(
        (reply.json["Items"][0]["name"]["S"].as_str(), reply.json["Count"].as_u64()),
        (Some("n6"), Some(2))
    );
}

#[test]
fn a_page_has_one_megabyte_and_a_batch_sixteen() {
    let mut world = world();
    world.aws.dynamodb_mut().settings.write_units.size = 1_000_000;
    for n in 0..60 {
        world.put(&format!("n{n:02}"), json!({ "b": { "S": "x".repeat(300_000) } }));
    }
    let query =
        json!({ "KeyConditionExpression": "kind = :k", "ExpressionAttributeValues": { ":k": { "S": "k" } } });
    let reply = world.on("Query", query);
    assert_eq!((reply.json["Count"].as_u64(), &reply.json["LastEvaluatedKey"]), (Some(4), &key("n03")));
    let keys: Vec<Json> = (0..60).map(|n| key(&format!("n{n:02}"))).collect();
    let reply = world.call(
        "BatchGetItem",
        json!({ "RequestItems": { "things": { "Keys": keys, "ConsistentRead": true } } }),
    );
    let found = reply.json["Responses"]["things"].as_array().unwrap().len();
    let left = reply.json["UnprocessedKeys"]["things"]["Keys"].as_array().unwrap().len();
    assert_eq!((found, left), (55, 5));
}

#[test]
fn a_batch_names_each_key_once_and_at_most_a_hundred() {
    let mut world = world();
    world.put("a", json!({}));
    let batch = |world: &mut World, keys: Vec<Json>| {
        world.call("BatchGetItem", json!({ "RequestItems": { "things": { "Keys": keys } } }))
    };
    let reply = batch(&mut world, vec![key("a"), key("b")]);
    assert_eq!(reply.json, json!({ "Responses": { "things": [key("a")] }, "UnprocessedKeys": {} }));
    assert_eq!(batch(&mut world, vec![key("a"), key("a")]).code(), "ValidationException");
    let many: Vec<Json> = (0..101).map(|n| key(&n.to_string())).collect();
    assert_eq!(batch(&mut world, many).code(), "ValidationException");
    assert_eq!(batch(&mut world, vec![]).code(), "ValidationException");
}

#[test]
fn a_query_says_which_partition_and_nothing_foreign() {
    let mut world = world();
    for condition in
        ["#n = :k", "kind > :k", "kind = :k OR #n = :k", "kind = :k AND #n <> :k", "kind = :k AND b = :k"]
    {
        let mut query = json!({ "KeyConditionExpression": condition, "ExpressionAttributeValues": { ":k": { "S": "k" } } });
        if condition.contains("#n") {
            query["ExpressionAttributeNames"] = json!({ "#n": "name" });
        }
        assert_eq!(world.on("Query", query).code(), "ValidationException", "{condition}");
    }
    let no_index = json!({ "IndexName": "none", "KeyConditionExpression": "kind = :k",
        "ExpressionAttributeValues": { ":k": { "S": "k" } } });
    assert!(world.on("Query", no_index).error().2.contains("does not have the specified index"));
}
