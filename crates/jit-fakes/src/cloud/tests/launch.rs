//! RunInstances: idempotency and what a launched instance is.

use super::*;

const TOKEN: (&str, &str) = ("ClientToken", "batch-1");
const IN_A: (&str, &str) = ("SubnetId", SUBNET_A);
const IN_B: (&str, &str) = ("SubnetId", SUBNET_B);

#[test]
fn an_instance_is_as_the_request_wants_it() {
    let mut world = world();
    let reply = world.run(&[
        IN_A,
        TOKEN,
        PROFILE,
        SPOT,
        TERMINATE,
        ("SecurityGroupId.1", "sg-0000000000000000e"),
        ("UserData", "aGVsbG8="),
        ("MetadataOptions.HttpTokens", "required"),
        ("MetadataOptions.HttpPutResponseHopLimit", "1"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "jit <&> \"runners\""),
        ("TagSpecification.2.ResourceType", "volume"),
        ("TagSpecification.2.Tag.1.Key", "Name"),
        ("TagSpecification.2.Tag.1.Value", "disk"),
    ]);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.states(), ["pending"]);
    assert_eq!(reply.one("instanceLifecycle"), "spot");
    assert_eq!(reply.one("value"), "jit &lt;&amp;&gt; \"runners\"");
    let instance = world.aws.instance(reply.ids()[0]).unwrap();
    assert_eq!(instance.user_data(), b"hello");
    assert_eq!((instance.zone.as_str(), instance.capacity_type), ("us-east-1a", CapacityType::Spot));
    assert_eq!(instance.metadata_options.http_tokens.as_deref(), Some("required"));
    assert_eq!(instance.metadata_options.http_put_response_hop_limit, Some(1));
    assert_eq!(instance.tags["Name"], "jit <&> \"runners\"");
    assert_eq!(instance.volume_tags["Name"], "disk");
    assert_eq!(instance.shutdown_behavior, ShutdownBehavior::Terminate);
    assert_eq!(instance.client_token.as_deref(), Some("batch-1"));
    assert_eq!(instance.launched_by, "operator");
}

#[test]
fn the_same_token_and_parameters_launch_once_and_answer_the_same_instances() {
    let mut world = world();
    let first = world.run(&[IN_A, TOKEN, ("MaxCount", "3")]);
    world.pass(10);
    let again = world.run(&[IN_A, TOKEN, ("MaxCount", "3")]);
    assert_eq!(first.ids(), again.ids());
    assert_eq!((first.states()[0], again.states()[0]), ("pending", "running"));
    assert_eq!(world.aws.instances().count(), 3);
    assert_eq!(world.aws.launches_by_token()["batch-1"].len(), 1);
    assert_eq!(world.aws.launches()[0].replays, 1);
}

#[test]
fn a_token_answers_its_instances_even_when_they_are_gone() {
    let mut world = world();
    let first = world.run(&[IN_A, TOKEN]);
    world.ec2("TerminateInstances", &[("InstanceId.1", first.ids()[0])]);
    for wait in [60, 2 * 3600] {
        world.pass(wait);
        let again = world.run(&[IN_A, TOKEN]);
        assert_eq!((again.ids(), again.states()), (first.ids(), vec!["terminated"]));
    }
    assert_eq!(world.aws.instances().count(), 1);
}

#[test]
fn a_changed_parameter_under_the_same_token_is_a_mismatch() {
    let changes: [&[(&str, &str)]; 5] = [
        &[IN_A, TOKEN, ("MaxCount", "2")],
        &[IN_A, TOKEN, SPOT],
        &[IN_A, TOKEN, ("UserData", "eA==")],
        &[IN_A, TOKEN, ("InstanceType", "c7i.xlarge")],
        &[
            IN_A,
            TOKEN,
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "n"),
        ],
    ];
    for change in changes {
        let mut world = world();
        world.run(&[IN_A, TOKEN]);
        assert_eq!(world.run(change).error(), (400, "IdempotentParameterMismatch"));
        assert_eq!(world.aws.instances().count(), 1);
    }
}

#[test]
fn a_token_with_a_subnet_counts_in_its_zone_only() {
    let mut world = world();
    let a = world.run(&[IN_A, TOKEN]);
    let b = world.run(&[IN_B, TOKEN]);
    assert_eq!((a.status, b.status), (200, 200));
    assert_ne!(a.ids(), b.ids());
    assert_eq!(world.aws.launches_by_token()["batch-1"].len(), 2);
}

#[test]
fn a_token_without_a_subnet_counts_in_its_region() {
    let mut world = world();
    let first = world.run(&[TOKEN]);
    assert_eq!(world.run(&[TOKEN]).ids(), first.ids());
    let image = ("ImageId", "ami-0000000000000000f");
    assert_ne!(world.run_in("us-west-2", &[TOKEN, image]).ids(), first.ids());
}

#[test]
fn a_token_is_forgotten_after_24_hours_and_not_before() {
    let mut world = world();
    let first = world.run(&[IN_A, TOKEN]);
    world.pass(24 * 3600 - 1);
    assert_eq!(world.run(&[IN_A, TOKEN]).ids(), first.ids());
    world.pass(1);
    assert_ne!(world.run(&[IN_A, TOKEN]).ids(), first.ids());
}

#[test]
fn a_refused_launch_does_not_use_up_its_token() {
    let mut world = world();
    world.aws.set_capacity(
        CapacityPool::new("c7i.large", "us-east-1a", CapacityType::OnDemand),
        start(),
        Some(0),
    );
    assert_eq!(world.run(&[IN_A, TOKEN]).error(), (500, "InsufficientInstanceCapacity"));
    assert_eq!(world.run(&[IN_A, TOKEN, ("MaxCount", "2")]).error(), (500, "InsufficientInstanceCapacity"));
    world.aws.set_capacity(
        CapacityPool::new("c7i.large", "us-east-1a", CapacityType::OnDemand),
        start(),
        None,
    );
    assert_eq!(world.run(&[IN_A, TOKEN, ("MaxCount", "2")]).ids().len(), 2);
}

#[test]
fn a_lost_reply_leaves_its_instances_and_the_token_finds_them() {
    let mut world = world();
    world.aws.faults.on_nth("RunInstances", 1, Fault::LostReply);
    let lost = world.run(&[IN_A, TOKEN]);
    assert!(lost.lost);
    assert_eq!(world.aws.instances().count(), 1);
    let again = world.run(&[IN_A, TOKEN]);
    assert!(!again.lost);
    assert_eq!(again.ids(), lost.ids());
    assert_eq!(world.aws.instances().count(), 1);
}

#[test]
fn a_lost_request_and_a_refused_one_have_no_effect_but_a_failed_one_has() {
    let mut world = world();
    world.aws.faults.on_next("RunInstances", 1, Fault::LostRequest);
    assert!(world.run(&[]).lost);
    world.aws.faults.on_next("RunInstances", 1, Fault::refused(503, "Unavailable"));
    assert_eq!(world.run(&[]).error(), (503, "Unavailable"));
    assert_eq!(world.aws.instances().count(), 0);
    world.aws.faults.on_next("RunInstances", 1, Fault::failed_after_effect(500, "InternalError"));
    assert_eq!(world.run(&[]).error(), (500, "InternalError"));
    assert_eq!(world.aws.instances().count(), 1);
}

#[test]
fn a_late_reply_says_how_late() {
    let mut world = world();
    let delay = SignedDuration::from_secs(15);
    world.aws.faults.on_nth("RunInstances", 2, Fault::LateReply(delay));
    assert_eq!(world.run(&[]).delay, None);
    assert_eq!(world.run(&[]).delay, Some(ReplyDelay(delay)));
}

#[test]
fn names_that_do_not_exist_are_refused_by_kind() {
    let cases = [
        (("ImageId", "ami-00000000000000000"), "InvalidAMIID.NotFound"),
        (("ImageId", "image"), "InvalidAMIID.Malformed"),
        (("ImageId", "ami-0000000000000000f"), "InvalidAMIID.NotFound"),
        (("InstanceType", "c99.large"), "InvalidParameterValue"),
        (("SubnetId", "subnet-0"), "InvalidSubnetID.NotFound"),
        (("SubnetId", "subnet-0000000000000000d"), "InvalidSubnetID.NotFound"),
        (("SecurityGroupId.1", "sg-0"), "InvalidGroup.NotFound"),
        (("IamInstanceProfile.Name", "admin"), "InvalidParameterValue"),
        (("Placement.AvailabilityZone", "us-east-1z"), "InvalidParameterValue"),
    ];
    for (parameter, code) in cases {
        let mut world = world();
        assert_eq!(world.run(&[parameter]).error(), (400, code), "{parameter:?}");
    }
}

#[test]
fn a_machine_type_may_be_missing_in_a_zone() {
    let mut world = world();
    let zones = Some(["us-east-1b".to_owned()].into());
    world.aws.catalogue_mut().machine_types.insert("hpc7g.4xlarge".into(), MachineType { vcpus: 16, zones });
    let machine = ("InstanceType", "hpc7g.4xlarge");
    assert_eq!(world.run(&[IN_A, machine]).error(), (400, "Unsupported"));
    assert_eq!(world.run(&[IN_B, machine]).status, 200);
}

#[test]
fn malformed_values_are_refused() {
    let long = "x".repeat(65);
    let big = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, vec![b'a'; 16 * 1024 + 1]);
    let cases: [(&[(&str, &str)], &str); 9] = [
        (&[("MinCount", "0")], "InvalidParameterValue"),
        (&[("MinCount", "3"), ("MaxCount", "2")], "InvalidParameterCombination"),
        (&[("MaxCount", "many")], "InvalidParameterValue"),
        (&[("UserData", "not base64!")], "InvalidUserData.Malformed"),
        (&[("UserData", &big)], "InvalidParameterValue"),
        (&[("ClientToken", &long)], "InvalidParameterValue"),
        (&[("MetadataOptions.HttpTokens", "maybe")], "InvalidParameterValue"),
        (&[IN_A, ("NetworkInterface.1.DeviceIndex", "0")], "InvalidParameterCombination"),
        (&[("TagSpecification.1.ResourceType", "moon")], "InvalidParameterValue"),
    ];
    for (parameters, code) in cases {
        let mut world = world();
        assert_eq!(world.run(parameters).error(), (400, code), "{parameters:?}");
    }
}

#[test]
fn a_network_interface_can_carry_subnet_and_groups() {
    let mut world = world();
    let reply = world.run(&[
        ("NetworkInterface.1.DeviceIndex", "0"),
        ("NetworkInterface.1.SubnetId", SUBNET_B),
        ("NetworkInterface.1.SecurityGroupId.1", "sg-0000000000000000e"),
        ("NetworkInterface.1.AssociatePublicIpAddress", "true"),
    ]);
    let instance = world.aws.instance(reply.ids()[0]).unwrap();
    assert_eq!((instance.zone.as_str(), instance.subnet_id.as_deref()), ("us-east-1b", Some(SUBNET_B)));
    assert_eq!(instance.security_groups, ["sg-0000000000000000e"]);
}

#[test]
fn a_dry_run_launches_nothing() {
    let mut world = world();
    assert_eq!(world.run(&[("DryRun", "true")]).error(), (412, "DryRunOperation"));
    assert_eq!(world.aws.instances().count(), 0);
}

#[test]
fn the_same_seed_and_requests_give_the_same_bytes() {
    let play = |seed| {
        let mut world = world_with(|config| config.seed = seed);
        let mut replies = vec![world.run(&[IN_A, TOKEN, ("MaxCount", "3"), SPOT]).body];
        world.pass(30);
        replies.push(world.ec2("DescribeInstances", &[]).body);
        replies
    };
    assert_eq!(play(1), play(1));
    assert_ne!(play(1), play(2));
}
