//! The rules of the root disk, each with a text that breaks just this one; and the texts on the other side of it.

use super::faults::one_fault;
use super::{SMALL, faults};
use crate::configuration::parse;

const DEVICE: &str = "root_device = \"/dev/sda1\"\n";
const KEY_ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

/// The small file with these lines about the machine.
fn machine(lines: &str) -> String {
    format!("{SMALL}{lines}\n")
}

/// With a root device, the file has one fault: at the line of these that says `# here`.
#[track_caller]
fn faulty(lines: &str, key: &str, words: &str) {
    one_fault(&machine(&format!("{DEVICE}{lines}")), &format!("pool[0].machine.{key}"), words);
}

#[track_caller]
fn valid(lines: &str) {
    let text = machine(&format!("{DEVICE}{lines}"));
    assert!(parse(&text).is_ok(), "{lines}: {:#?}", faults(&text));
}

#[test]
fn a_disk_is_changed_under_its_devices_name() {
    for (line, key) in [
        ("disk_gib = 40", "disk_gib"),
        ("disk_type = \"gp3\"", "disk_type"),
        ("disk_encrypted = true", "disk_encrypted"),
    ] {
        let path = format!("pool[0].machine.{key}");
        one_fault(&machine(&format!("{line} # here")), &path, &format!("`{key}` needs `root_device`"));
        valid(line);
    }
    let alone = "root_device = \"/dev/sda1\" # here";
    one_fault(&machine(alone), "pool[0].machine.root_device", "without `disk_gib`");
    let with_default = format!("{alone}\ndisk_encrypted = false");
    one_fault(&machine(&with_default), "pool[0].machine.root_device", "without `disk_gib`");
    let wrong = "disk_gib = 40\nroot_device = \"sda1\" # here";
    one_fault(&machine(wrong), "pool[0].machine.root_device", "/dev/");
}

#[test]
fn operations_are_provisioned_within_what_the_kind_of_disk_has() {
    faulty("disk_iops = 3000 # here", "disk_iops", "needs `disk_type`");
    faulty(
        "disk_type = \"gp2\"\ndisk_iops = 3000 # here",
        "disk_iops",
        "a disk of kind `gp2` has no `disk_iops`",
    );
    faulty("disk_type = \"io1\" # here", "disk_type", "a disk of kind `io1` needs `disk_iops`");
    faulty("disk_type = \"io2\" # here", "disk_type", "a disk of kind `io2` needs `disk_iops`");
    faulty("disk_type = \"io2\"\ndisk_iops = 99 # here", "disk_iops", "not within 100 to 256000");
    faulty("disk_type = \"st1\" # here", "disk_type", "not one of the words allowed");
    for (kind, min, max) in [("gp3", 3_000, 80_000), ("io1", 100, 64_000), ("io2", 100, 256_000)] {
        let with = |iops: u32| format!("disk_type = \"{kind}\"\ndisk_iops = {iops} # here");
        valid(&with(min));
        valid(&with(max));
        if min > 100 {
            faulty(&with(min - 1), "disk_iops", &format!("{min} to {max}"));
        }
        if max < 256_000 {
            faulty(&with(max + 1), "disk_iops", &format!("{min} to {max}"));
        }
    }
}

#[test]
fn a_small_disk_carries_fewer_operations() {
    for (kind, gib, most) in [("gp3", 8, 4_000), ("gp3", 100, 50_000), ("io1", 8, 400), ("io2", 8, 8_000)] {
        let with = |iops: u32| format!("disk_gib = {gib}\ndisk_type = \"{kind}\"\ndisk_iops = {iops} # here");
        valid(&with(most));
        faulty(&with(most + 1), "disk_iops", &format!("at most {most} operations"));
    }
}

#[test]
fn throughput_is_provisioned_for_gp3_and_needs_operations() {
    let key = "disk_throughput_mibs";
    faulty("disk_throughput_mibs = 200 # here", key, "needs `disk_type = \"gp3\"`");
    faulty(
        "disk_type = \"io2\"\ndisk_iops = 100\ndisk_throughput_mibs = 200 # here",
        key,
        "the only kind that takes it",
    );
    valid("disk_type = \"gp3\"\ndisk_throughput_mibs = 750");
    faulty("disk_type = \"gp3\"\ndisk_throughput_mibs = 751 # here", key, "a `disk_iops` of 3004 or more");
    valid("disk_type = \"gp3\"\ndisk_throughput_mibs = 1000\ndisk_iops = 4000");
    faulty("disk_type = \"gp3\"\ndisk_throughput_mibs = 2001 # here", key, "not within 125 to 2000");
}

#[test]
fn a_key_encrypts_only_where_encryption_is_asked_for_and_is_a_name_of_kms() {
    faulty(
        "disk_gib = 8\ndisk_kms_key = \"alias/a\" # here",
        "disk_kms_key",
        "needs `disk_encrypted = true`",
    );
    faulty(
        "disk_encrypted = false\ndisk_kms_key = \"alias/a\" # here",
        "disk_kms_key",
        "needs `disk_encrypted = true`",
    );
    faulty("disk_encrypted = true\ndisk_kms_key = \"runner-disks\" # here", "disk_kms_key", "`alias/`");
    valid(&format!("disk_encrypted = true\ndisk_kms_key = \"{KEY_ID}\""));
}

#[test]
fn a_key_is_in_the_region_of_the_pool() {
    let arn = |region: &str| format!("arn:aws:kms:{region}:123456789012:key/{KEY_ID}");
    let with = |key: &str| format!("disk_encrypted = true\ndisk_kms_key = \"{key}\" # here");
    valid(&with(&arn("us-east-1")));
    faulty(&with(&arn("eu-west-1")), "disk_kms_key", "in eu-west-1, and the pool launches in us-east-1");

    let second = "[[pool.offering]]\nregion = \"us-west-2\"\nsubnets = [\"subnet-01234567\"]\n\
                  machine_types = [\"c6i.xlarge\"]\n[[pool.image]]\nregion = \"us-west-2\"\nid = \"ami-01234567\"\n\
                  kind = \"baked\"\n[[pool.image]]";
    let in_two = |key: &str| machine(&format!("{DEVICE}{}", with(key))).replace("[[pool.image]]", second);
    let path = "pool[0].machine.disk_kms_key";
    one_fault(&in_two(&arn("us-east-1")), path, "in us-east-1, and the pool launches in us-west-2");
    one_fault(&in_two(KEY_ID), path, "belongs to one region, and the pool launches in 2");
    for anywhere in ["alias/runner-disks", "mrk-1234abcd12ab34cd56ef1234567890ab"] {
        assert!(parse(&in_two(anywhere)).is_ok(), "{anywhere}: {:#?}", faults(&in_two(anywhere)));
    }
}
