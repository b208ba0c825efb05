//! The text of a drawn world's configuration. Not here: what is drawn for it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{REGION, SUBNETS, Store, TYPES};

/// The account of every world.
const ACCOUNT: &str = "123456789012";

/// Which text of the configuration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Edition {
    First,
    /// What a launch asks for is other, so that a request rebuilt from it would differ.
    Second,
}

/// Two pools with overlapping labels: the special one first, as users are told to write them.
pub(super) fn configuration(caps: &BTreeMap<String, u64>, edition: Edition, store: Store) -> String {
    let other = "disk_gib = 60\ndisk_type = \"gp3\"\ndisk_iops = 4000\ndisk_encrypted = true";
    let (disk, subnets) = match edition {
        Edition::First => ("disk_gib = 40", SUBNETS),
        Edition::Second => (other, [SUBNETS[1], SUBNETS[0]]),
    };
    let place = match store {
        Store::Host => "backend = \"key-value\"".to_owned(),
        Store::Aws => format!("backend = \"aws\"\nregion = \"{REGION}\"\naccount = \"{ACCOUNT}\""),
    };
    let mut text = format!(
        "[deployment]\nname = \"jit-runners\"\nrunner_prefix = \"jit\"\n\n[agent]\nversion = \"2.336.0\"\n\n[storage]\n{place}\n"
    );
    for (name, labels, machine_type) in [
        ("large", "\"self-hosted\", \"linux\", \"x64\", \"large\"", TYPES[1]),
        ("default", "\"self-hosted\", \"linux\", \"x64\"", TYPES[0]),
    ] {
        let cap = caps.get(name).copied().unwrap_or(1);
        let _ = write!(
            text,
            r#"
[[pool]]
name = "{name}"
labels = [{labels}]
scope = "organisation"
repositories = []
runner_group_id = 1
default_machine_type = "{machine_type}"
[pool.caps]
instances = {cap}
instances_per_organisation = {cap}
launches_per_hour = 20000
[[pool.offering]]
cloud = "aws"
region = "{REGION}"
subnets = ["{}", "{}"]
machine_types = ["{machine_type}"]
capacity_types = ["spot", "on-demand"]
[[pool.image]]
cloud = "aws"
region = "{REGION}"
id = "ami-0123456789abcdef0"
kind = "baked"
[pool.machine]
security_groups = ["sg-0123456789abcdef0"]
instance_profile = "arn:aws:iam::{ACCOUNT}:instance-profile/jit-runners-runner"
{disk}
root_device = "/dev/sda1"
public_address = "as-subnet"
"#,
            subnets[0], subnets[1]
        );
    }
    text
}
