//! What the account can launch into: regions, subnets, images, machine types, instance profiles.
//! Not in it: how many of them are to be had; see `capacity`.

use std::collections::{BTreeMap, BTreeSet};

/// Spot or on-demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CapacityType {
    /// Can be interrupted.
    Spot,
    /// Cannot.
    OnDemand,
}

/// A subnet, which fixes zone and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// As in `us-east-1`.
    pub region: String,
    /// As in `us-east-1a`.
    pub zone: String,
    /// As in `vpc-0123...`.
    pub vpc_id: String,
    /// How many instances it has addresses for.
    pub addresses: u32,
}

/// A machine type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineType {
    /// What one instance counts against the vCPU quota.
    pub vcpus: u32,
    /// The zones that offer it; `None` means all.
    pub zones: Option<BTreeSet<String>>,
}

/// The names that exist. A request that uses any other one is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Subnets by id.
    pub subnets: BTreeMap<String, Subnet>,
    /// The region of each image.
    pub images: BTreeMap<String, String>,
    /// Machine types by name.
    pub machine_types: BTreeMap<String, MachineType>,
    /// The region of each security group.
    pub security_groups: BTreeMap<String, String>,
    /// The role of each instance profile, by the profile's name.
    pub instance_profiles: BTreeMap<String, String>,
}

impl Catalogue {
    /// Two regions to try things in: us-east-1 with zones a, b and c, us-west-2 with a; see the source for the ids.
    pub fn example() -> Self {
        let mut catalogue = Self::default();
        let zones = [
            ("us-east-1", "a", 'a'),
            ("us-east-1", "b", 'b'),
            ("us-east-1", "c", 'c'),
            ("us-west-2", "a", 'd'),
        ];
        for (region, letter, digit) in zones {
            let vpc_id =
                format!("vpc-{}", if region == "us-east-1" { "0e".repeat(8) } else { "0f".repeat(8) } + "0");
            let subnet =
                Subnet { region: region.into(), zone: format!("{region}{letter}"), vpc_id, addresses: 4091 };
            catalogue.subnets.insert(format!("subnet-0000000000000000{digit}"), subnet);
        }
        for (region, digit) in [("us-east-1", 'e'), ("us-west-2", 'f')] {
            catalogue.images.insert(format!("ami-0000000000000000{digit}"), region.into());
            catalogue.security_groups.insert(format!("sg-0000000000000000{digit}"), region.into());
        }
        let sizes = [("large", 2), ("xlarge", 4), ("2xlarge", 8), ("4xlarge", 16)];
        for family in ["c6i", "c7i", "c7g", "m6i", "m7i", "m7g", "r7i", "t3"] {
            for (size, vcpus) in sizes.iter().filter(|(size, _)| family != "t3" || *size != "4xlarge") {
                catalogue
                    .machine_types
                    .insert(format!("{family}.{size}"), MachineType { vcpus: *vcpus, zones: None });
            }
        }
        catalogue.instance_profiles.insert("jit-runner".into(), "jit-runner".into());
        catalogue
    }

    pub(crate) fn has_region(&self, region: &str) -> bool {
        self.subnets.values().any(|subnet| subnet.region == region)
    }

    pub(crate) fn image_in(&self, image_id: &str, region: &str) -> bool {
        self.images.get(image_id).is_some_and(|of| of == region)
    }

    pub(crate) fn group_in(&self, group_id: &str, region: &str) -> bool {
        self.security_groups.get(group_id).is_some_and(|of| of == region)
    }

    pub(crate) fn subnet_in(&self, subnet_id: &str, region: &str) -> Option<&Subnet> {
        self.subnets.get(subnet_id).filter(|subnet| subnet.region == region)
    }
}
