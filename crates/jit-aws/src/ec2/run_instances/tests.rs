//! The bytes of a launch, and the replies to it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ec2::{ErrorClass, InstanceState, Lifecycle, VolumeEncryption, VolumeType};
use crate::{Region, Service};

fn endpoint() -> Endpoint {
    Endpoint::regional(Service::Ec2, Region::parse("us-east-1").unwrap())
}

fn launch() -> RunInstances {
    RunInstances {
        client_token: "b7c9d1".to_owned(),
        image_id: "ami-0a".to_owned(),
        instance_type: "t3.large".to_owned(),
        count_max: NonZeroU32::new(8).unwrap(),
        market: Market::Spot,
        subnet_id: Some("subnet-0a".to_owned()),
        security_group_ids: vec!["sg-0b".to_owned(), "sg-0a".to_owned()],
        public_ip: None,
        instance_profile: Some(InstanceProfile::Name("runner".to_owned())),
        user_data: "#!/bin/sh\necho 'é'\n".into(),
        root_volume: Some(RootVolume {
            device_name: "/dev/xvda".to_owned(),
            size_gib: NonZeroU32::new(40),
            volume_type: Some(VolumeType("gp3".to_owned())),
            iops: None,
            throughput_mibs: None,
            encryption: None,
        }),
        tags: vec![Tag::new("Name", "jit-runners/linux x64"), Tag::new("empty", "")],
    }
}

fn body(launch: &RunInstances) -> String {
    String::from_utf8(launch.request(&endpoint()).unwrap().into_body()).unwrap()
}

/// Invariant: a repeat of a launch by a later version is the same bytes, or EC2 refuses its client token.
#[test]
fn the_request_is_these_bytes() {
    let expected = [
        "Action=RunInstances",
        "Version=2016-11-15",
        "ClientToken=b7c9d1",
        "ImageId=ami-0a",
        "InstanceType=t3.large",
        "MinCount=1",
        "MaxCount=8",
        "SubnetId=subnet-0a",
        "SecurityGroupId.1=sg-0b",
        "SecurityGroupId.2=sg-0a",
        "IamInstanceProfile.Name=runner",
        "UserData=IyEvYmluL3NoCmVjaG8gJ8OpJwo%3D",
        "InstanceMarketOptions.MarketType=spot",
        "InstanceMarketOptions.SpotOptions.SpotInstanceType=one-time",
        "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior=terminate",
        "InstanceInitiatedShutdownBehavior=terminate",
        "MetadataOptions.HttpEndpoint=enabled",
        "MetadataOptions.HttpTokens=required",
        "MetadataOptions.HttpPutResponseHopLimit=1",
        "MetadataOptions.InstanceMetadataTags=disabled",
        "CreditSpecification.CpuCredits=standard",
        "BlockDeviceMapping.1.DeviceName=%2Fdev%2Fxvda",
        "BlockDeviceMapping.1.Ebs.DeleteOnTermination=true",
        "BlockDeviceMapping.1.Ebs.VolumeSize=40",
        "BlockDeviceMapping.1.Ebs.VolumeType=gp3",
        "TagSpecification.1.ResourceType=instance",
        "TagSpecification.1.Tag.1.Key=Name",
        "TagSpecification.1.Tag.1.Value=jit-runners%2Flinux%20x64",
        "TagSpecification.1.Tag.2.Key=empty",
        "TagSpecification.1.Tag.2.Value=",
        "TagSpecification.2.ResourceType=volume",
        "TagSpecification.2.Tag.1.Key=Name",
        "TagSpecification.2.Tag.1.Value=jit-runners%2Flinux%20x64",
        "TagSpecification.2.Tag.2.Key=empty",
        "TagSpecification.2.Tag.2.Value=",
    ];
    assert_eq!(body(&launch()), expected.join("&"));
}

/// Invariant: as for the whole request; what is not asked for leaves no trace in it.
#[test]
fn a_disk_that_is_faster_and_encrypted_is_these_bytes() {
    let disk = |encryption| {
        let volume = RootVolume {
            device_name: "/dev/sda1".to_owned(),
            size_gib: None,
            volume_type: Some(VolumeType("gp3".to_owned())),
            iops: NonZeroU32::new(6_000),
            throughput_mibs: NonZeroU32::new(500),
            encryption,
        };
        let body = body(&RunInstances { root_volume: Some(volume), ..launch() });
        let (_, after) = body.split_once("&BlockDeviceMapping.1.").unwrap();
        after.split("&TagSpecification").next().unwrap().replace("&BlockDeviceMapping.1.", " ")
    };
    let plain = "DeviceName=%2Fdev%2Fsda1 Ebs.DeleteOnTermination=true Ebs.VolumeType=gp3 Ebs.Iops=6000 Ebs.Throughput=500";
    assert_eq!(disk(None), plain);
    let with_account_key = format!("{plain} Ebs.Encrypted=true");
    assert_eq!(disk(Some(VolumeEncryption::AccountKey)), with_account_key);
    let key = VolumeEncryption::Key("alias/runner-disks".to_owned());
    assert_eq!(disk(Some(key)), format!("{with_account_key} Ebs.KmsKeyId=alias%2Frunner-disks"));
}

#[test]
fn a_wish_about_the_public_address_moves_subnet_and_groups_to_the_interface() {
    let body = body(&RunInstances { public_ip: Some(PublicIp::Withhold), ..launch() });
    let expected = "&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.AssociatePublicIpAddress=false\
                    &NetworkInterface.1.DeleteOnTermination=true&NetworkInterface.1.SubnetId=subnet-0a\
                    &NetworkInterface.1.SecurityGroupId.1=sg-0b&NetworkInterface.1.SecurityGroupId.2=sg-0a&";
    assert!(body.contains(expected), "{body}");
    assert!(!body.contains("&SubnetId") && !body.contains("&SecurityGroupId"));
    let assigned = RunInstances { public_ip: Some(PublicIp::Assign), ..launch() };
    assert!(self::body(&assigned).contains("AssociatePublicIpAddress=true"));
}

#[test]
fn what_is_not_asked_for_is_not_sent() {
    let body = body(&RunInstances {
        instance_type: "c6i.large".to_owned(),
        market: Market::OnDemand,
        subnet_id: None,
        security_group_ids: vec![],
        instance_profile: None,
        root_volume: None,
        tags: vec![],
        ..launch()
    });
    for name in [
        "Subnet",
        "SecurityGroup",
        "IamInstanceProfile",
        "MarketOptions",
        "Credit",
        "BlockDevice",
        "TagSpecification",
    ] {
        assert!(!body.contains(name), "{name} in {body}");
    }
}

#[test]
fn only_families_with_cpu_credits_are_told_to_save_them() {
    for (instance_type, told) in [
        ("t2.micro", true),
        ("t3a.nano", true),
        ("t4g.small", true),
        ("t1.micro", false),
        ("trn1.2xlarge", false),
    ] {
        let body = body(&RunInstances { instance_type: instance_type.to_owned(), ..launch() });
        assert_eq!(body.contains("CpuCredits=standard"), told, "{instance_type}");
    }
}

#[test]
fn a_launch_that_ec2_would_refuse_or_mistake_is_not_sent() {
    let refused = |launch: RunInstances| launch.request(&endpoint()).unwrap_err();
    for client_token in ["".to_owned(), "a".repeat(65), "a b".to_owned(), "é".to_owned()] {
        assert_eq!(refused(RunInstances { client_token, ..launch() }), InvalidLaunch::ClientToken);
    }
    let user_data = "x".repeat(USER_DATA_BYTES_MAX + 1).into();
    assert_eq!(
        refused(RunInstances { user_data, ..launch() }),
        InvalidLaunch::UserData(USER_DATA_BYTES_MAX + 1)
    );
    let tags = (0..51).map(|n| Tag::new(n.to_string(), "")).collect();
    assert_eq!(refused(RunInstances { tags, ..launch() }), InvalidLaunch::TagCount(51));
    for tag in [
        Tag::new("", "x"),
        Tag::new("AWS:x", ""),
        Tag::new("k".repeat(129), ""),
        Tag::new("k", "v".repeat(257)),
    ] {
        assert!(matches!(refused(RunInstances { tags: vec![tag], ..launch() }), InvalidLaunch::Tag(_)));
    }
}

#[test]
fn the_largest_user_data_and_token_are_accepted() {
    let largest = RunInstances {
        client_token: "a".repeat(CLIENT_TOKEN_CHARS_MAX),
        user_data: "x".repeat(USER_DATA_BYTES_MAX).into(),
        ..launch()
    };
    assert!(largest.request(&endpoint()).is_ok());
}

#[test]
fn the_user_data_is_not_printed() {
    assert!(!format!("{:?}", launch()).contains("bin/sh"));
}

const REPLY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<RunInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>
    <reservationId>r-0a</reservationId>
    <ownerId>123456789012</ownerId>
    <groupSet/>
    <instancesSet>
        <item>
            <instanceId>i-0123456789abcdef0</instanceId>
            <imageId>ami-0a</imageId>
            <instanceState><code>0</code><name>pending</name></instanceState>
            <privateDnsName/>
            <dnsName/>
            <amiLaunchIndex>0</amiLaunchIndex>
            <productCodes/>
            <instanceType>c6i.large</instanceType>
            <launchTime>2026-07-01T12:00:00.000Z</launchTime>
            <placement><availabilityZone>us-east-1a</availabilityZone><groupName/><tenancy>default</tenancy></placement>
            <stateReason><code>pending</code><message>pending</message></stateReason>
            <blockDeviceMapping/>
            <instanceLifecycle>spot</instanceLifecycle>
            <spotInstanceRequestId>sir-0a</spotInstanceRequestId>
            <clientToken>b7c9d1</clientToken>
            <tagSet>
                <item><key>Name</key><value>jit-runners/a &amp; b</value></item>
                <item><key>empty</key><value/></item>
            </tagSet>
            <networkInterfaceSet><item><groupSet><item><groupId>sg-0a</groupId></item></groupSet></item></networkInterfaceSet>
        </item>
        <item>
            <instanceId>i-0123456789abcdef1</instanceId>
            <instanceState><code>16</code><name>running</name></instanceState>
            <instanceType>c6i.large</instanceType>
            <clientToken/>
        </item>
    </instancesSet>
</RunInstancesResponse>"#;

#[test]
fn a_reply_tells_each_instance_with_its_tags() {
    let instances = RunInstances::parse(&Response::new(REPLY.into())).unwrap();
    assert_eq!(instances.len(), 2);
    let first = &instances[0];
    assert_eq!(first.id.as_str(), "i-0123456789abcdef0");
    assert_eq!(first.state, InstanceState::Pending);
    assert_eq!(first.state_reason.as_deref(), Some("pending"));
    assert_eq!(first.instance_type, "c6i.large");
    assert_eq!(first.availability_zone.as_deref(), Some("us-east-1a"));
    assert_eq!(first.lifecycle, Lifecycle::Spot);
    assert_eq!(first.launched_at, Some("2026-07-01T12:00:00Z".parse().unwrap()));
    assert_eq!(first.client_token.as_deref(), Some("b7c9d1"));
    let tags =
        [("Name", "jit-runners/a & b"), ("empty", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(first.tags, BTreeMap::from(tags));
    assert_eq!(instances[1].lifecycle, Lifecycle::OnDemand);
    assert_eq!(instances[1].client_token, None);
    assert_eq!(instances[1].launched_at, None);
}

#[test]
fn a_success_that_cannot_be_read_leaves_the_outcome_unknown() {
    for body in [
        "",
        "<html/>",
        "<RunInstancesResponse/>",
        "<RunInstancesResponse><instancesSet/></RunInstancesResponse>",
        &REPLY[..900],
        &REPLY.replace("i-0123456789abcdef1", "x"),
        &REPLY.replace("2026-07-01T12:00:00.000Z", "yesterday"),
    ] {
        let error = RunInstances::parse(&Response::new(body.into())).unwrap_err();
        assert_eq!(error.class(), ErrorClass::UnknownOutcome, "{body}");
    }
}

proptest! {
    #[test]
    fn the_same_launch_is_the_same_bytes_and_all_of_them_are_read_back(
        client_token in "[!-~]{1,64}",
        instance_type in "[a-z0-9.-]{1,12}",
        user_data in ".{0,80}",
        tags in prop::collection::vec(("[b-z]{1,5}", ".{0,20}"), 0..6),
    ) {
        let launch = RunInstances {
            client_token: client_token.clone(),
            instance_type,
            user_data: user_data.clone().into(),
            tags: tags.iter().map(|(key, value)| Tag::new(key.as_str(), value.as_str())).collect(),
            ..launch()
        };
        let body = body(&launch);
        prop_assert_eq!(&body, &self::body(&launch.clone()));
        let read: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        prop_assert_eq!(&read["ClientToken"], &client_token);
        prop_assert_eq!(STANDARD.decode(&read["UserData"]).unwrap(), user_data.into_bytes());
        for (index, (key, value)) in tags.iter().enumerate() {
            for resource in 1..=2 {
                prop_assert_eq!(&read[&format!("TagSpecification.{resource}.Tag.{}.Key", index + 1)], key);
                prop_assert_eq!(&read[&format!("TagSpecification.{resource}.Tag.{}.Value", index + 1)], value);
            }
        }
    }

    #[test]
    fn no_damaged_reply_makes_the_parser_panic(at in 0..REPLY.len(), with in "[<>/a&\"]{0,3}") {
        let damaged = format!("{}{with}{}", &REPLY[..at], &REPLY[at..]);
        let _ = RunInstances::parse(&Response::new(damaged.into()));
        let _ = RunInstances::parse(&Response::new(REPLY[..at].into()));
    }
}
