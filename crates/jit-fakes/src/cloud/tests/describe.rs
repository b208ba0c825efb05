//! DescribeInstances: filters, pages, and seeing things late.

use proptest::prelude::*;

use super::*;

/// All ids, page by page; asserts that no page is larger than asked for.
fn pages(world: &mut World, size: &str, filters: &[(&str, &str)]) -> (Vec<String>, usize) {
    let (mut ids, mut next, mut count) = (Vec::new(), None::<String>, 0);
    loop {
        let mut parameters = filters.to_vec();
        parameters.push(("MaxResults", size));
        if let Some(token) = &next {
            parameters.push(("NextToken", token));
        }
        let reply = world.ec2("DescribeInstances", &parameters);
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(reply.ids().len() <= size.parse().unwrap());
        ids.extend(reply.ids().into_iter().map(str::to_owned));
        (next, count) = (reply.all("nextToken").first().map(|&token| token.to_owned()), count + 1);
        if next.is_none() {
            return (ids, count);
        }
    }
}

#[test]
fn an_instance_goes_from_pending_to_running_in_its_time() {
    let mut world = world();
    world.launched(1, &[]);
    assert_eq!(world.ec2("DescribeInstances", &[]).states(), ["pending"]);
    world.pass(4);
    assert_eq!(world.ec2("DescribeInstances", &[]).states(), ["pending"]);
    world.pass(1);
    assert_eq!(world.ec2("DescribeInstances", &[]).states(), ["running"]);
}

#[test]
fn a_reservation_keeps_its_instances_together() {
    let mut world = world();
    world.launched(3, &[]);
    world.launched(2, &[]);
    let reply = world.ec2("DescribeInstances", &[]);
    assert_eq!((reply.all("reservationId").len(), reply.ids().len()), (2, 5));
}

#[test]
fn pages_hold_what_was_asked_for_and_join_to_the_whole() {
    let mut world = world();
    let mut all = world.launched(7, &[]);
    all.extend(world.launched(6, &[]));
    assert_eq!(pages(&mut world, "5", &[]), (all.clone(), 3));
    assert_eq!(pages(&mut world, "13", &[]), (all, 1));
}

#[test]
fn pages_may_be_smaller_than_asked_for() {
    let mut world = world_with(|config| config.limits.describe_page_max = 2);
    let all = world.launched(5, &[]);
    assert_eq!(pages(&mut world, "1000", &[]), (all, 3));
}

#[test]
fn an_instance_launched_between_two_pages_is_found_and_none_is_shown_twice() {
    let mut world = world();
    let mut all = world.launched(6, &[]);
    let first = world.ec2("DescribeInstances", &[("MaxResults", "5")]);
    let token = first.one("nextToken").to_owned();
    all.extend(world.launched(1, &[]));
    let second = world.ec2("DescribeInstances", &[("MaxResults", "5"), ("NextToken", &token)]);
    assert_eq!([first.ids(), second.ids()].concat(), all);
}

#[test]
fn page_sizes_and_tokens_are_checked() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    for size in ["4", "1001", "x"] {
        assert_eq!(
            world.ec2("DescribeInstances", &[("MaxResults", size)]).error(),
            (400, "InvalidParameterValue")
        );
    }
    let both = [("MaxResults", "5"), ("InstanceId.1", id.as_str())];
    assert_eq!(world.ec2("DescribeInstances", &both).error(), (400, "InvalidParameterCombination"));
    let token = [("MaxResults", "5"), ("NextToken", "garbage")];
    assert_eq!(world.ec2("DescribeInstances", &token).error(), (400, "InvalidParameterValue"));
}

#[test]
fn filters_narrow_by_tag_key_state_id_and_more() {
    let mut world = world();
    let tag = |value| {
        [
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "jit-runners:pool"),
            ("TagSpecification.1.Tag.1.Value", value),
        ]
    };
    let one = world.launched(1, &tag("linux")).remove(0);
    let two = world.launched(1, &tag("windows")).remove(0);
    let bare = world.launched(1, &[SPOT, ("ClientToken", "t")]).remove(0);
    world.ec2("TerminateInstances", &[("InstanceId.1", &two)]);
    world.pass(10);
    let mut found = |name: &str, value: &str| {
        let reply = world.ec2("DescribeInstances", &[("Filter.1.Name", name), ("Filter.1.Value.1", value)]);
        reply.ids().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("tag:jit-runners:pool", "linux"), [one.as_str()]);
    assert_eq!(found("tag:jit-runners:pool", "*in*"), [one.clone(), two.clone()]);
    assert_eq!(found("tag-key", "jit-runners:pool"), [one.clone(), two.clone()]);
    assert_eq!(found("instance-state-name", "running"), [one.clone(), bare.clone()]);
    assert_eq!(found("instance-state-name", "shutting-down"), [two]);
    assert_eq!(found("instance-id", &one), [one]);
    assert_eq!(found("client-token", "t"), [bare.as_str()]);
    assert_eq!(found("instance-lifecycle", "spot"), [bare]);
    assert_eq!(found("tag:absent", "*"), Vec::<String>::new());
}

#[test]
fn several_filters_must_all_hold_and_any_value_of_one_will_do() {
    let mut world = world();
    let ids = world.launched(3, &[]);
    world.pass(10);
    world.launched(1, &[]);
    let reply = world.ec2(
        "DescribeInstances",
        &[
            ("Filter.1.Name", "instance-id"),
            ("Filter.1.Value.1", &ids[0]),
            ("Filter.1.Value.2", &ids[2]),
            ("Filter.2.Name", "instance-state-name"),
            ("Filter.2.Value.1", "running"),
        ],
    );
    assert_eq!(reply.ids(), [ids[0].as_str(), ids[2].as_str()]);
}

#[test]
fn an_unknown_filter_is_refused() {
    let mut world = world();
    let filter = [("Filter.1.Name", "colour"), ("Filter.1.Value.1", "red")];
    assert_eq!(world.ec2("DescribeInstances", &filter).error(), (400, "InvalidParameterValue"));
    assert_eq!(world.ec2("DescribeInstances", &[("Filter.1.Name", "tag-key")]).status, 400);
}

#[test]
fn one_unknown_id_spoils_the_whole_call_and_is_named() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    let ghost = "i-00000000000000000";
    let reply = world.ec2("DescribeInstances", &[("InstanceId.1", &id), ("InstanceId.2", ghost)]);
    assert_eq!(reply.error(), (400, "InvalidInstanceID.NotFound"));
    assert_eq!(reply.one("Message"), format!("The instance ID '{ghost}' does not exist"));
    let other = "i-00000000000000001";
    let reply = world.ec2("DescribeInstances", &[("InstanceId.1", ghost), ("InstanceId.2", other)]);
    assert_eq!(reply.one("Message"), format!("The instance IDs '{ghost}, {other}' do not exist"));
    assert_eq!(
        world.ec2("DescribeInstances", &[("InstanceId.1", "i-x")]).error(),
        (400, "InvalidInstanceID.Malformed")
    );
}

#[test]
fn a_new_instance_shows_only_after_the_lag() {
    let mut world = world_with(|config| config.times.lag = Delay::secs(8));
    let id = world.launched(1, &[("ClientToken", "t")]).remove(0);
    let by_id = [("InstanceId.1", id.as_str())];
    world.pass(7);
    assert_eq!(world.ec2("DescribeInstances", &[]).ids().len(), 0);
    assert_eq!(world.ec2("DescribeInstances", &by_id).error(), (400, "InvalidInstanceID.NotFound"));
    assert_eq!(world.ec2("TerminateInstances", &by_id).error(), (400, "InvalidInstanceID.NotFound"));
    assert_eq!(world.run(&[("ClientToken", "t")]).ids(), [id.as_str()]);
    world.pass(1);
    assert_eq!(world.ec2("DescribeInstances", &by_id).states(), ["pending"]);
    assert_eq!(world.aws.instance(&id).unwrap().state_at(world.now), InstanceState::Running);
}

#[test]
fn an_old_state_shows_until_the_lag_has_passed() {
    let mut world = world_with(|config| config.times.lag = Delay::secs(8));
    let id = world.launched(1, &[]).remove(0);
    world.pass(60);
    world.ec2("TerminateInstances", &[("InstanceId.1", &id)]);
    assert_eq!(world.ec2("DescribeInstances", &[]).states(), ["running"]);
    world.pass(8);
    assert_eq!(world.ec2("DescribeInstances", &[]).states(), ["shutting-down"]);
}

#[test]
fn another_region_does_not_know_the_instance() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    assert_eq!(world.ec2_in("us-west-2", "DescribeInstances", &[]).ids().len(), 0);
    let by_id = [("InstanceId.1", id.as_str())];
    let refused = (400, "InvalidInstanceID.NotFound");
    assert_eq!(world.ec2_in("us-west-2", "DescribeInstances", &by_id).error(), refused);
    assert_eq!(world.ec2_in("us-west-2", "TerminateInstances", &by_id).error(), refused);
    assert_eq!(world.aws.live_instances().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_number_of_instances_is_paged_without_loss_or_repetition(
        launches in proptest::collection::vec(1u32..9, 0..5), size in 5u32..12, cap in 1u32..20,
    ) {
        let mut world = world_with(|config| config.limits.describe_page_max = cap);
        let mut all = Vec::new();
        for count in launches {
            all.extend(world.launched(count, &[]));
        }
        let (found, _) = pages(&mut world, &size.to_string(), &[("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", "none")]);
        prop_assert!(found.is_empty());
        prop_assert_eq!(pages(&mut world, &size.to_string(), &[]).0, all);
    }
}
