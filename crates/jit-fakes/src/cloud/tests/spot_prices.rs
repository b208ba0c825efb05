//! Spot prices: what holds at a moment, what changed in a span, in pages.

use super::*;

const ACTION: &str = "DescribeSpotPriceHistory";

fn at(moment: &str) -> Timestamp {
    moment.parse().unwrap()
}

#[test]
fn at_one_moment_each_zone_has_one_price() {
    let mut world = world();
    world.aws.set_spot_price("c7i.large", "us-east-1a", at("2026-03-01T10:00:00Z"), 41_500);
    world.aws.set_spot_price("c7i.large", "us-east-1a", at("2026-03-01T13:00:00Z"), 99_000);
    let moment = "2026-03-01T12:00:00Z";
    let parameters = [
        ("StartTime", moment),
        ("EndTime", moment),
        ("InstanceType.1", "c7i.large"),
        ("ProductDescription.1", "Linux/UNIX"),
    ];
    let reply = world.ec2(ACTION, &parameters);
    assert_eq!(reply.all("availabilityZone"), ["us-east-1a", "us-east-1b", "us-east-1c"]);
    assert_eq!(reply.all("spotPrice"), ["0.041500", "0.030000", "0.030000"]);
    assert_eq!(reply.all("timestamp")[0], "2026-03-01T10:00:00.000Z");
    assert_eq!(reply.one("nextToken"), "");
}

#[test]
fn a_span_shows_its_changes_and_another_product_nothing() {
    let mut world = world();
    world.aws.set_spot_price("t3.large", "us-east-1b", at("2026-03-01T10:00:00Z"), 10_000);
    let parameters = [
        ("StartTime", "2026-03-01T09:00:00Z"),
        ("EndTime", "2026-03-01T11:00:00Z"),
        ("InstanceType.1", "t3.large"),
        ("AvailabilityZone", "us-east-1b"),
    ];
    assert_eq!(world.ec2(ACTION, &parameters).all("spotPrice"), ["0.030000", "0.010000"]);
    let windows = [("ProductDescription.1", "Windows")];
    assert!(world.ec2(ACTION, &windows).all("spotPrice").is_empty());
}

#[test]
fn pages_follow_each_other_and_wrong_ones_are_refused() {
    let mut world = world();
    let mut token = String::new();
    let mut zones = Vec::new();
    for _ in 0..10 {
        let mut parameters = vec![("InstanceType.1", "c7i.large"), ("MaxResults", "2")];
        if !token.is_empty() {
            parameters.push(("NextToken", token.as_str()));
        }
        let reply = world.ec2(ACTION, &parameters);
        zones.extend(reply.all("availabilityZone").into_iter().map(str::to_owned));
        let next = reply.one("nextToken").to_owned();
        token = next;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(zones, ["us-east-1a", "us-east-1b", "us-east-1c"]);
    assert_eq!(world.ec2(ACTION, &[("NextToken", "x")]).error(), (400, "InvalidNextToken"));
    assert_eq!(world.ec2(ACTION, &[("MaxResults", "0")]).error(), (400, "InvalidParameterValue"));
    assert_eq!(world.ec2(ACTION, &[("Filter.1.Name", "x")]).error(), (400, "UnknownParameter"));
}
