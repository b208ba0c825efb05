//! What a launch needs besides its offering: network, disk, and the role that proves the instance's identity.

/// What a launch needs besides its offering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Security groups.
    pub security_groups: Vec<String>,
    /// ARN of the instance profile whose role proves the instance's identity; none where the cloud needs none.
    pub instance_profile: Option<String>,
    /// Root disk in GiB; none keeps the image's.
    pub disk_gib: Option<u32>,
    /// Kind of the root disk; none keeps the image's.
    pub disk_type: Option<DiskType>,
    /// Operations a second of the root disk; none is what its kind begins with.
    pub disk_iops: Option<u32>,
    /// Throughput of the root disk in MiB a second; none is what its kind begins with.
    pub disk_throughput_mibs: Option<u32>,
    /// Encryption of the root disk.
    pub disk_encryption: DiskEncryption,
    /// Name of the root device, which EC2 wants with everything about the disk.
    pub root_device: Option<String>,
    /// Whether a public address is given.
    pub public_address: PublicAddress,
}

impl Machine {
    /// The account and the name of the role that an instance proves its identity with: those of its instance profile, for the
    /// role is named like the profile. A session name alone proves nothing, as anybody's role can be assumed under any name.
    pub fn runner_role(&self) -> Option<(&str, &str)> {
        let arn = self.instance_profile.as_deref()?;
        let mut parts = arn.splitn(6, ':');
        let (prefix, _, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (_, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let name = resource.strip_prefix("instance-profile/")?.rsplit('/').next()?;
        let is_whole = prefix == "arn" && service == "iam" && !account.is_empty() && !name.is_empty();
        is_whole.then_some((account, name))
    }
}

/// A kind of EBS volume that an instance can boot from.
///
/// <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskType {
    /// General purpose; its speed grows with its size.
    Gp2,
    /// General purpose; its speed is bought apart from its size.
    Gp3,
    /// Provisioned operations.
    Io1,
    /// Provisioned operations, for the most demanding.
    Io2,
}

impl DiskType {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Gp2, Self::Gp3, Self::Io1, Self::Io2];

    /// EC2's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gp2 => "gp2",
            Self::Gp3 => "gp3",
            Self::Io1 => "io1",
            Self::Io2 => "io2",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// With what the root disk is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DiskEncryption {
    /// As the image and the account's own setting have it.
    #[default]
    AsImage,
    /// Always, with the key that the account uses where none is named.
    AccountKey,
    /// Always, with the KMS key of this id, alias or ARN.
    Key(String),
}

/// Whether an instance gets a public address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PublicAddress {
    /// As the subnet says.
    #[default]
    AsSubnet,
    /// Always.
    Yes,
    /// Never.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runner_role_is_named_like_its_profile() {
        let of = |arn: &str| Machine { instance_profile: Some(arn.to_owned()), ..Machine::default() };
        let plain = of("arn:aws:iam::123456789012:instance-profile/runner");
        assert_eq!(plain.runner_role(), Some(("123456789012", "runner")));
        let in_path = of("arn:aws-cn:iam::123456789012:instance-profile/ci/runner");
        assert_eq!(in_path.runner_role(), Some(("123456789012", "runner")));
        for wrong in
            ["runner", "arn:aws:iam::123456789012:role/runner", "arn:aws:iam:::instance-profile/runner"]
        {
            assert_eq!(of(wrong).runner_role(), None, "{wrong}");
        }
    }
}
