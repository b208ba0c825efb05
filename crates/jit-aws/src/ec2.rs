//! EC2's Query API, version 2016-11-15: launch, describe, terminate, and what spot instances cost.
//!
//! Not here: launch templates, fleets, spot requests apart from instances, list prices, and which offering to launch.
//! Each operation is a value with `request`, which serialises it, and `parse`, which reads the reply.

mod describe_instances;
mod error;
mod instance;
mod root_volume;
mod run_instances;
mod spot_prices;
mod terminate_instances;

pub use describe_instances::{DescribeInstances, Filter, InstancePage, PageSize};
pub(crate) use error::knows;
pub use error::{Ec2Error, ErrorClass};
pub use instance::{Instance, InstanceId, InstanceState, Lifecycle};
pub use root_volume::{KmsKeyReach, RootVolume, VolumeEncryption, VolumeType};
pub use run_instances::{
    CLIENT_TOKEN_CHARS_MAX, InstanceProfile, InvalidLaunch, Market, PublicIp, RunInstances, TAGS_MAX, Tag,
    USER_DATA_BYTES_MAX,
};
pub use spot_prices::{DescribeSpotPriceHistory, HourlyPrice, SpotPrice, SpotPricePage};
pub use terminate_instances::{TERMINATE_IDS_MAX, TerminateInstances, Termination};

/// The version of the API that every request names.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html>
pub const VERSION: &str = "2016-11-15";

/// Tells whether a text is an id that EC2 gives to its resources: a prefix such as `ami-`, and 8 hexadecimal digits, or 17 since 2016.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>
///
/// ```
/// use jit_aws::ec2::is_resource_id;
/// assert!(is_resource_id("ami-01234567", "ami-") && is_resource_id("subnet-0123456789abcdef0", "subnet-"));
/// assert!(!is_resource_id("ami-0123456", "ami-") && !is_resource_id("ami-0123456G", "ami-"));
/// ```
#[must_use]
pub fn is_resource_id(text: &str, prefix: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix(prefix)
        .is_some_and(|digits| [8, 17].contains(&digits.len()) && digits.bytes().all(is_hex))
}
