//! Lagging reads, the time to live, throttling and its cost.

use super::*;
use crate::cloud::{BucketSize, WriteCost, WrittenItem};

#[test]
fn a_read_that_does_not_ask_for_consistency_lags_behind() {
    let mut world = world();
    world.aws.dynamodb_mut().settings.lag = Delay::secs(2);
    world.put("a", json!({ "b": { "N": "1" }, "open": { "S": "a" } }));
    assert!(world.get("a", false).is_null());
    world.pass(SignedDuration::from_secs(1));
    world.put("a", json!({ "b": { "N": "2" } }));
    let open = |world: &mut World, consistent: bool| {
        let query = json!({ "IndexName": "open", "KeyConditionExpression": "kind = :k", "ConsistentRead": consistent,
            "ExpressionAttributeValues": { ":k": { "S": "k" } } });
        world.on("Query", query).json["Count"].as_u64().unwrap()
    };
    world.pass(SignedDuration::from_secs(1));
    assert_eq!(world.get("a", false)["b"]["N"], "1");
    assert_eq!((open(&mut world, false), open(&mut world, true)), (1, 0));
    assert_eq!(world.get("a", true)["b"]["N"], "2");
    world.pass(SignedDuration::from_secs(1));
    assert_eq!(world.get("a", false)["b"]["N"], "2");
    assert_eq!(open(&mut world, false), 0);
    world.on("DeleteItem", json!({ "Key": key("a") }));
    assert!(world.get("a", true).is_null());
    assert_eq!(world.get("a", false)["b"]["N"], "2");
}

#[test]
fn what_expired_is_deleted_late_and_not_if_it_was_renewed() {
    let mut world = world();
    world.aws.dynamodb_mut().settings.deletion = Delay::Fixed(SignedDuration::from_hours(5));
    let at = |world: &World, hours: i64| json!({ "exp": { "N": (world.now.as_second() + hours * 3600).to_string() } });
    let (one, three) = (at(&world, 1), at(&world, 3));
    world.put("old", one.clone());
    let now = world.now;
    world.aws.dynamodb_mut().set_time_to_live(EAST, "things", "exp", now).unwrap();
    world.put("renewed", one.clone());
    world.put("kept", json!({ "exp": { "S": "never" } }));
    world.put("renewed", three);
    world.pass(SignedDuration::from_mins(359));
    assert!(!world.get("old", true).is_null(), "expired, and still there");
    world.pass(SignedDuration::from_mins(1));
    assert!(world.get("old", true).is_null());
    assert!(!world.get("renewed", true).is_null());
    world.pass(SignedDuration::from_hours(2));
    assert!(world.get("renewed", true).is_null());
    assert!(!world.get("kept", true).is_null());
}

#[test]
fn a_partition_gives_its_units_and_no_more() {
    let mut world = world();
    world.aws.dynamodb_mut().settings.write_units = BucketSize { size: 4, per_second: 2 };
    assert!(world.put("a", json!({ "b": { "S": "x".repeat(1_100) } })).is_done(), "two units");
    assert!(world.put("b", json!({ "open": { "S": "b" } })).is_done(), "one, and one for the index");
    let throttled = world.put("c", json!({}));
    assert_eq!(
        throttled.error().1,
        "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
    );
    assert!(world.get("c", true).is_null());
    let other = json!({ "Item": { "kind": { "S": "other" }, "name": { "S": "c" } } });
    assert!(world.on("PutItem", other).is_done(), "another partition");
    world.pass(SignedDuration::from_secs(1));
    let check = json!({ "Item": key("c"), "ConditionExpression": "attribute_exists(b)" });
    assert_eq!(world.on("PutItem", check.clone()).code(), "ConditionalCheckFailedException");
    assert!(world.put("c", json!({})).is_done());
    assert_eq!(
        world.on("PutItem", check).code(),
        "ProvisionedThroughputExceededException",
        "it costs all the same"
    );
    let cost = |range: &str| {
        let written = WrittenItem { table: "things".into(), hash: "k".into(), range: range.into() };
        world.aws.dynamodb().written().get(&written).copied()
    };
    assert_eq!(cost("a"), Some(WriteCost { writes: 1, units: 2 }));
    assert_eq!(cost("b"), Some(WriteCost { writes: 1, units: 2 }));
    assert_eq!(cost("c"), Some(WriteCost { writes: 2, units: 2 }));
}
