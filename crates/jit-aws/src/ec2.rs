//! EC2's Query API, version 2016-11-15: launch, describe, terminate, and what spot instances cost.
//!
//! Not here: launch templates, fleets, spot requests apart from instances, list prices, and which offering to launch.
//! Each operation is a value with `request`, which serialises it, and `parse`, which reads the reply.

mod describe_instances;
mod error;
mod instance;
mod run_instances;
mod spot_prices;
mod terminate_instances;

pub use describe_instances::{DescribeInstances, Filter, InstancePage, PageSize};
pub use error::{Ec2Error, ErrorClass};
pub use instance::{Instance, InstanceId, InstanceState, Lifecycle};
pub use run_instances::{
    CLIENT_TOKEN_CHARS_MAX, InstanceProfile, InvalidLaunch, Market, PublicIp, RootVolume, RunInstances,
    TAGS_MAX, Tag, USER_DATA_BYTES_MAX, VolumeType,
};
pub use spot_prices::{DescribeSpotPriceHistory, HourlyPrice, SpotPrice, SpotPricePage};
pub use terminate_instances::{TERMINATE_IDS_MAX, TerminateInstances, Termination};

/// The version of the API that every request names.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html>
pub const VERSION: &str = "2016-11-15";
