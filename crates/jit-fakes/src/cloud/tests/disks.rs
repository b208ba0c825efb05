//! RunInstances: what may be asked of the root disk.

use super::*;

const DEVICE: (&str, &str) = ("BlockDeviceMapping.1.DeviceName", "/dev/sda1");

fn ebs(parameters: &[(&str, &str)]) -> Reply {
    let named: Vec<(String, &str)> =
        parameters.iter().map(|(name, value)| (format!("BlockDeviceMapping.1.Ebs.{name}"), *value)).collect();
    let mut all = vec![DEVICE];
    all.extend(named.iter().map(|(name, value)| (name.as_str(), *value)));
    world().run(&all)
}

#[test]
fn the_instance_has_the_disk_that_was_asked_for() {
    let mut world = world();
    let reply = world.run(&[
        DEVICE,
        ("BlockDeviceMapping.1.Ebs.VolumeSize", "40"),
        ("BlockDeviceMapping.1.Ebs.VolumeType", "gp3"),
        ("BlockDeviceMapping.1.Ebs.Iops", "6000"),
        ("BlockDeviceMapping.1.Ebs.Throughput", "500"),
        ("BlockDeviceMapping.1.Ebs.Encrypted", "true"),
        ("BlockDeviceMapping.1.Ebs.KmsKeyId", "alias/runner-disks"),
    ]);
    let expected = Disk {
        device_name: "/dev/sda1".into(),
        size_gib: Some(40),
        volume_type: Some("gp3".into()),
        iops: Some(6_000),
        throughput_mibs: Some(500),
        is_encrypted: true,
        kms_key: Some("alias/runner-disks".into()),
    };
    assert_eq!(world.aws.instance(reply.ids()[0]).unwrap().disk, Some(expected));
    let plain = world.run(&[]);
    assert_eq!(world.aws.instance(plain.ids()[0]).unwrap().disk, None);
}

#[test]
fn what_a_kind_of_disk_does_not_have_is_refused() {
    for (parameters, code) in [
        (&[("VolumeType", "gp9")][..], "UnknownVolumeType"),
        (&[("VolumeType", "gp2"), ("Iops", "3000")], "InvalidParameterCombination"),
        (&[("VolumeType", "io2"), ("Iops", "100"), ("Throughput", "125")], "InvalidParameterCombination"),
        (&[("VolumeType", "io1")], "MissingParameter"),
        (&[("VolumeType", "gp3"), ("Iops", "2999")], "InvalidParameterValue"),
        (&[("VolumeType", "gp3"), ("Iops", "80001")], "InvalidParameterValue"),
        (&[("VolumeType", "gp3"), ("Throughput", "124")], "InvalidParameterValue"),
        (&[("VolumeType", "gp3"), ("Throughput", "751")], "InvalidParameterValue"),
        (&[("VolumeType", "gp3"), ("VolumeSize", "8"), ("Iops", "4001")], "InvalidParameterValue"),
        (&[("VolumeType", "io1"), ("VolumeSize", "8"), ("Iops", "401")], "InvalidParameterValue"),
        (&[("Encrypted", "yes")], "InvalidParameterValue"),
        (&[("KmsKeyId", "alias/a")], "InvalidParameterDependency"),
        (&[("Encrypted", "false"), ("KmsKeyId", "alias/a")], "InvalidParameterDependency"),
    ] {
        assert_eq!(ebs(parameters).error(), (400, code), "{parameters:?}");
    }
}

#[test]
fn what_it_has_is_taken_up_to_its_bounds() {
    for parameters in [
        &[("VolumeType", "gp3"), ("Iops", "80000"), ("Throughput", "2000")][..],
        &[("VolumeType", "gp3"), ("VolumeSize", "1"), ("Iops", "3000"), ("Throughput", "750")],
        &[("VolumeType", "io2"), ("VolumeSize", "8"), ("Iops", "8000")],
        &[("VolumeType", "gp2"), ("VolumeSize", "8")],
        &[("Encrypted", "true")],
    ] {
        assert_eq!(ebs(parameters).status, 200, "{parameters:?}");
    }
}

#[test]
fn another_disk_under_the_same_token_is_a_mismatch() {
    let mut world = world();
    let token = ("ClientToken", "batch-1");
    let size = ("BlockDeviceMapping.1.Ebs.VolumeSize", "40");
    assert_eq!(world.run(&[token, DEVICE, size]).status, 200);
    let encrypted = ("BlockDeviceMapping.1.Ebs.Encrypted", "true");
    assert_eq!(world.run(&[token, DEVICE, size, encrypted]).error(), (400, "IdempotentParameterMismatch"));
}
