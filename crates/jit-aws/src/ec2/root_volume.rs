//! The root disk of a launch, and the names by which its KMS key may be called.
//!
//! Not here: which of these go together, which whoever reads the wish decides; EC2 answers `InvalidParameterCombination` and
//! the like where they don't.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html>

use std::num::NonZeroU32;

use crate::account::is_account_id;
use crate::endpoint::Region;
use crate::form::Form;

/// The longest name of an alias, in characters after its `alias/`.
///
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>
const ALIAS_CHARS_MAX: usize = 250;

/// A kind of EBS volume, in EC2's word, such as `gp3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VolumeType(pub String);

/// That a volume is encrypted, and with what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolumeEncryption {
    /// With the key that the account uses for volumes in the region where none is named.
    AccountKey,
    /// With this KMS key, in one of the forms that [`KmsKeyReach::of`] knows. EC2 looks at it after it has answered: a key that is
    /// not there, or that the caller may not use, ends the instance and refuses nothing.
    Key(String),
}

/// The root disk, where it shall differ from the image's own; it is always deleted with its instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RootVolume {
    /// The image's root device, such as `/dev/xvda`.
    pub device_name: String,
    /// Its size in GiB; none keeps the image's.
    pub size_gib: Option<NonZeroU32>,
    /// Its kind; none keeps the image's.
    pub volume_type: Option<VolumeType>,
    /// Its operations a second, for the kinds that have them provisioned; none is what the kind begins with.
    pub iops: Option<NonZeroU32>,
    /// Its throughput in MiB a second, for `gp3`; none is what the kind begins with.
    pub throughput_mibs: Option<NonZeroU32>,
    /// Its encryption; none is as the image and the account's own setting have it.
    pub encryption: Option<VolumeEncryption>,
}

impl RootVolume {
    /// Writes the disk's parameters, always in this order.
    pub(super) fn push(&self, form: &mut Form) {
        form.push("BlockDeviceMapping.1.DeviceName", &self.device_name);
        form.push("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true");
        if let Some(size_gib) = self.size_gib {
            form.push("BlockDeviceMapping.1.Ebs.VolumeSize", &size_gib.to_string());
        }
        if let Some(VolumeType(volume_type)) = &self.volume_type {
            form.push("BlockDeviceMapping.1.Ebs.VolumeType", volume_type);
        }
        if let Some(iops) = self.iops {
            form.push("BlockDeviceMapping.1.Ebs.Iops", &iops.to_string());
        }
        if let Some(throughput_mibs) = self.throughput_mibs {
            form.push("BlockDeviceMapping.1.Ebs.Throughput", &throughput_mibs.to_string());
        }
        let Some(encryption) = &self.encryption else { return };
        form.push("BlockDeviceMapping.1.Ebs.Encrypted", "true");
        match encryption {
            VolumeEncryption::AccountKey => {}
            VolumeEncryption::Key(key) => form.push("BlockDeviceMapping.1.Ebs.KmsKeyId", key),
        }
    }
}

/// In which regions the name of a KMS key means something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KmsKeyReach {
    /// In this one, which the ARN names.
    Region(Region),
    /// In one, which the id of a key does not name.
    OneRegion,
    /// Wherever a key goes by that name: an alias, and the id of a multi-Region key.
    EachRegion,
}

impl KmsKeyReach {
    /// Reads a key's name as EC2 takes it: the id of a key, `alias/` and an alias, or the ARN of either. None for anything else.
    ///
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id>
    ///
    /// ```
    /// use jit_aws::ec2::KmsKeyReach;
    /// assert_eq!(KmsKeyReach::of("alias/runner-disks"), Some(KmsKeyReach::EachRegion));
    /// assert_eq!(KmsKeyReach::of("1234abcd-12ab-34cd-56ef-1234567890ab"), Some(KmsKeyReach::OneRegion));
    /// assert_eq!(KmsKeyReach::of("runner-disks"), None);
    /// ```
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        if let Some(rest) = name.strip_prefix("arn:") {
            return Self::of_arn(rest);
        }
        match name.strip_prefix("alias/") {
            Some(alias) => is_alias(alias).then_some(Self::EachRegion),
            None if is_multi_region_id(name) => Some(Self::EachRegion),
            None => is_key_id(name).then_some(Self::OneRegion),
        }
    }

    /// Reads what follows `arn:`: partition, `kms`, region, account, and the key or the alias.
    fn of_arn(rest: &str) -> Option<Self> {
        let parts: Vec<&str> = rest.split(':').collect();
        let [partition, "kms", region, account, resource] = parts.as_slice() else { return None };
        let is_named = match resource.strip_prefix("key/") {
            Some(id) => is_key_id(id) || is_multi_region_id(id),
            None => resource.strip_prefix("alias/").is_some_and(is_alias),
        };
        let is_partition = partition.starts_with("aws")
            && partition.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if !is_partition || !is_named || !is_account_id(account) {
            return None;
        }
        Region::parse(region).ok().map(Self::Region)
    }
}

/// A UUID: 8, 4, 4, 4 and 12 hexadecimal digits.
fn is_key_id(text: &str) -> bool {
    let lengths = text.split('-').map(|part| part.bytes().all(is_hex).then_some(part.len()));
    lengths.eq([8, 4, 4, 4, 12].map(Some))
}

fn is_multi_region_id(text: &str) -> bool {
    text.strip_prefix("mrk-").is_some_and(|digits| digits.len() == 32 && digits.bytes().all(is_hex))
}

fn is_alias(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
    (1..=ALIAS_CHARS_MAX).contains(&name.len()) && name.bytes().all(is_allowed)
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
    const MULTI_REGION_ID: &str = "mrk-1234abcd12ab34cd56ef1234567890ab";

    #[test]
    fn each_form_of_a_keys_name_has_its_reach() {
        let region = |name: &str| Some(KmsKeyReach::Region(Region::parse(name).unwrap()));
        for (name, expected) in [
            (ID.to_owned(), Some(KmsKeyReach::OneRegion)),
            (MULTI_REGION_ID.to_owned(), Some(KmsKeyReach::EachRegion)),
            ("alias/ci/runner_disks-1".to_owned(), Some(KmsKeyReach::EachRegion)),
            (format!("arn:aws:kms:eu-central-1:123456789012:key/{ID}"), region("eu-central-1")),
            (format!("arn:aws-cn:kms:cn-north-1:123456789012:key/{MULTI_REGION_ID}"), region("cn-north-1")),
            ("arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/disks".to_owned(), region("us-gov-west-1")),
        ] {
            assert_eq!(KmsKeyReach::of(&name), expected, "{name}");
        }
    }

    #[test]
    fn what_ec2_would_not_take_as_a_key_has_no_reach() {
        for name in [
            String::new(),
            "alias/".to_owned(),
            "alias/with space".to_owned(),
            format!("alias/{}", "a".repeat(251)),
            ID.to_uppercase(),
            ID.replace('-', ""),
            format!("{ID}-00"),
            "mrk-1234".to_owned(),
            format!("key/{ID}"),
            format!("arn:aws:kms:eu-central-1:12345678901:key/{ID}"),
            format!("arn:aws:s3:eu-central-1:123456789012:key/{ID}"),
            format!("arn:aws:kms::123456789012:key/{ID}"),
            format!("arn:gcp:kms:eu-central-1:123456789012:key/{ID}"),
            format!("arn:aws:kms:eu-central-1:123456789012:{ID}"),
            format!("arn:aws:kms:eu-central-1:123456789012:key/{ID}:more"),
        ] {
            assert_eq!(KmsKeyReach::of(&name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}", tail in "(arn:|alias/|mrk-)?.{0,40}") {
            let _ = (KmsKeyReach::of(&text), KmsKeyReach::of(&tail));
        }
    }
}
