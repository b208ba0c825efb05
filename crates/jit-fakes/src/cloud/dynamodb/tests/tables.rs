//! Making and describing tables.

use super::*;

#[test]
fn a_table_is_described_as_it_was_made_and_made_once() {
    let mut world = world();
    world.put("a", json!({}));
    let table = world.on("DescribeTable", json!({})).json["Table"].clone();
    assert_eq!(table["TableStatus"], "ACTIVE");
    assert_eq!(table["ItemCount"], 1);
    assert_eq!(table["KeySchema"], definition()["KeySchema"]);
    assert_eq!(table["LocalSecondaryIndexes"][0]["IndexName"], "open");
    assert_eq!(table["TableArn"], "arn:aws:dynamodb:us-east-1:123456789012:table/things");
    assert_eq!(world.call("CreateTable", definition()).code(), "ResourceInUseException");
    let request = world.signed("dynamodb", "us-west-2", "DescribeTable", &json!({ "TableName": "things" }));
    assert_eq!(world.send(request).code(), "ResourceNotFoundException");
    let items = world.aws.dynamodb().items(EAST, "things").unwrap();
    assert_eq!(items, [key("a")]);
}

#[test]
fn a_definition_that_does_not_fit_together_is_refused() {
    let mut world = world();
    let changes: [fn(&mut Json); 6] = [
        |table| table["TableName"] = "no".into(),
        |table| table["BillingMode"] = "PROVISIONED".into(),
        |table| table["AttributeDefinitions"][2]["AttributeName"] = "other".into(),
        |table| table["KeySchema"][0]["KeyType"] = "RANGE".into(),
        |table| table["LocalSecondaryIndexes"][0]["KeySchema"][0]["AttributeName"] = "name".into(),
        |table| table["LocalSecondaryIndexes"] = json!([]),
    ];
    for change in changes {
        let mut table = definition();
        table["TableName"] = "another".into();
        change(&mut table);
        assert_eq!(world.call("CreateTable", table.clone()).code(), "ValidationException", "{table}");
    }
}

#[test]
fn the_time_to_live_is_described() {
    let mut world = world();
    let described =
        |world: &mut World| world.on("DescribeTimeToLive", json!({})).json["TimeToLiveDescription"].clone();
    assert_eq!(described(&mut world), json!({ "TimeToLiveStatus": "DISABLED" }));
    let on = json!({ "TimeToLiveSpecification": { "Enabled": true, "AttributeName": "exp" } });
    assert!(world.on("UpdateTimeToLive", on.clone()).is_done());
    assert_eq!(described(&mut world), json!({ "TimeToLiveStatus": "ENABLED", "AttributeName": "exp" }));
    assert_eq!(world.on("UpdateTimeToLive", on).code(), "ValidationException");
}
