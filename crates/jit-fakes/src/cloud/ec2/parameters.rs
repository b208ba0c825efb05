//! What a RunInstances request asks for, parsed once.
//! Not in it: whether the names exist and the wish can be met; see `launch`.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::disk::Disk;
use crate::cloud::catalogue::CapacityType;
use crate::cloud::error::ApiError;
use crate::cloud::query::Query;

/// The metadata service's settings, as given; `None` means EC2's default.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataOptions {
    /// `required` is IMDSv2 only.
    pub http_tokens: Option<String>,
    /// How many network hops a token may travel.
    pub http_put_response_hop_limit: Option<u32>,
    /// `enabled` or `disabled`.
    pub http_endpoint: Option<String>,
    /// `enabled` or `disabled`.
    pub instance_metadata_tags: Option<String>,
}

/// What happens when the instance powers itself off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownBehavior {
    /// It stops and is kept: EC2's default.
    Stop,
    /// It is terminated.
    Terminate,
}

/// A parsed request.
#[derive(Debug)]
pub(crate) struct Parameters {
    pub(crate) image_id: String,
    pub(crate) instance_type: String,
    pub(crate) min_count: u32,
    pub(crate) max_count: u32,
    pub(crate) subnet_id: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) user_data: Vec<u8>,
    pub(crate) client_token: Option<String>,
    pub(crate) capacity_type: CapacityType,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) volume_tags: BTreeMap<String, String>,
    pub(crate) metadata_options: MetadataOptions,
    pub(crate) shutdown_behavior: ShutdownBehavior,
    pub(crate) profile: Option<String>,
    pub(crate) disk: Option<Disk>,
}

/// User data is limited to 16 KB before it is encoded.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html>
const USER_DATA_BYTES_MAX: usize = 16 * 1024;
/// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>
const CLIENT_TOKEN_CHARS_MAX: usize = 64;
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html>
const TAGS_MAX: usize = 50;

const KNOWN: &[&str] = &[
    "Action",
    "Version",
    "DryRun",
    "ImageId",
    "InstanceType",
    "MinCount",
    "MaxCount",
    "SubnetId",
    "SecurityGroupId.N",
    "UserData",
    "ClientToken",
    "EbsOptimized",
    "DisableApiTermination",
    "InstanceInitiatedShutdownBehavior",
    "Placement.AvailabilityZone",
    "IamInstanceProfile.Name",
    "IamInstanceProfile.Arn",
    "InstanceMarketOptions.MarketType",
    "InstanceMarketOptions.SpotOptions.SpotInstanceType",
    "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior",
    "InstanceMarketOptions.SpotOptions.MaxPrice",
    "TagSpecification.N.ResourceType",
    "TagSpecification.N.Tag.N.Key",
    "TagSpecification.N.Tag.N.Value",
    "MetadataOptions.HttpTokens",
    "MetadataOptions.HttpPutResponseHopLimit",
    "MetadataOptions.HttpEndpoint",
    "MetadataOptions.HttpProtocolIpv6",
    "MetadataOptions.InstanceMetadataTags",
    "CreditSpecification.CpuCredits",
    "BlockDeviceMapping.N.DeviceName",
    "BlockDeviceMapping.N.Ebs.VolumeSize",
    "BlockDeviceMapping.N.Ebs.VolumeType",
    "BlockDeviceMapping.N.Ebs.Iops",
    "BlockDeviceMapping.N.Ebs.Throughput",
    "BlockDeviceMapping.N.Ebs.Encrypted",
    "BlockDeviceMapping.N.Ebs.KmsKeyId",
    "BlockDeviceMapping.N.Ebs.DeleteOnTermination",
    "NetworkInterface.N.DeviceIndex",
    "NetworkInterface.N.SubnetId",
    "NetworkInterface.N.SecurityGroupId.N",
    "NetworkInterface.N.AssociatePublicIpAddress",
    "NetworkInterface.N.DeleteOnTermination",
];

impl Parameters {
    pub(crate) fn parse(query: &Query) -> Result<Self, ApiError> {
        query.only(KNOWN)?;
        let (min_count, max_count) = counts(query)?;
        let (subnet_id, security_groups) = network(query)?;
        let (tags, volume_tags) = tag_specifications(query)?;
        Ok(Self {
            image_id: query.require("ImageId")?.into(),
            instance_type: query.get("InstanceType").unwrap_or("m1.small").into(),
            min_count,
            max_count,
            subnet_id,
            zone: query.get("Placement.AvailabilityZone").map(str::to_owned),
            security_groups,
            user_data: user_data(query)?,
            client_token: client_token(query)?,
            capacity_type: capacity_type(query)?,
            tags,
            volume_tags,
            metadata_options: metadata_options(query)?,
            shutdown_behavior: shutdown_behavior(query)?,
            profile: profile(query),
            disk: Disk::parse(query)?,
        })
    }
}

fn counts(query: &Query) -> Result<(u32, u32), ApiError> {
    let count = |name| query.number(name)?.ok_or_else(|| ApiError::missing(name));
    let (min, max) = (count("MinCount")?, count("MaxCount")?);
    if min == 0 {
        return Err(ApiError::invalid("0", "minCount"));
    }
    if max < min {
        let message = format!("minimum count {min} is greater than maximum count {max}");
        return Err(ApiError::bad("InvalidParameterCombination", message));
    }
    Ok((min, max))
}

/// Subnet and groups stand on the request or on its one network interface, never on both.
fn network(query: &Query) -> Result<(Option<String>, Vec<String>), ApiError> {
    let interfaces = query.numbers("NetworkInterface");
    let Some(first) = interfaces.first() else {
        return Ok((query.get("SubnetId").map(str::to_owned), query.list("SecurityGroupId")));
    };
    if query.get("SubnetId").is_some() || !query.list("SecurityGroupId").is_empty() {
        let message = "Network interfaces and an instance-level subnet ID or security groups may not be specified \
                       on the same request";
        return Err(ApiError::bad("InvalidParameterCombination", message));
    }
    let subnet_id = query.get(&format!("NetworkInterface.{first}.SubnetId")).map(str::to_owned);
    Ok((subnet_id, query.list(&format!("NetworkInterface.{first}.SecurityGroupId"))))
}

type Tags = BTreeMap<String, String>;

fn tag_specifications(query: &Query) -> Result<(Tags, Tags), ApiError> {
    let (mut instance, mut volume) = (Tags::new(), Tags::new());
    for number in query.numbers("TagSpecification") {
        let prefix = format!("TagSpecification.{number}");
        let tags = match query.require(&format!("{prefix}.ResourceType"))? {
            "instance" => &mut instance,
            "volume" => &mut volume,
            // Known to EC2; nothing here reads them back.
            "network-interface" | "spot-instances-request" => &mut Tags::new(),
            other => {
                let message = format!("'{other}' is not a valid taggable resource type for this operation.");
                return Err(ApiError::bad("InvalidParameterValue", message));
            }
        };
        for tag in query.numbers(&format!("{prefix}.Tag")) {
            let key = query.require(&format!("{prefix}.Tag.{tag}.Key"))?;
            check_tag_key(key)?;
            let value = query.get(&format!("{prefix}.Tag.{tag}.Value")).unwrap_or_default();
            if value.chars().count() > 256 {
                return Err(ApiError::bad(
                    "InvalidParameterValue",
                    "Tag value exceeds the maximum length of 256",
                ));
            }
            if tags.insert(key.into(), value.into()).is_some() {
                let message = format!("Duplicate tag key '{key}' specified.");
                return Err(ApiError::bad("InvalidParameterValue", message));
            }
        }
        if tags.len() > TAGS_MAX {
            return Err(ApiError::bad("TagLimitExceeded", "The maximum number of tags has been reached."));
        }
    }
    Ok((instance, volume))
}

fn check_tag_key(key: &str) -> Result<(), ApiError> {
    if key.starts_with("aws:") {
        return Err(ApiError::bad("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved"));
    }
    if key.chars().count() > 128 {
        return Err(ApiError::bad("InvalidParameterValue", "Tag key exceeds the maximum length of 128"));
    }
    Ok(())
}

fn user_data(query: &Query) -> Result<Vec<u8>, ApiError> {
    let encoded = query.get("UserData").unwrap_or_default();
    let malformed = |_| ApiError::bad("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.");
    let decoded = STANDARD.decode(encoded).map_err(malformed)?;
    if decoded.len() > USER_DATA_BYTES_MAX {
        let message = "User data is limited to 16384 bytes";
        return Err(ApiError::bad("InvalidParameterValue", message));
    }
    Ok(decoded)
}

fn client_token(query: &Query) -> Result<Option<String>, ApiError> {
    let Some(token) = query.get("ClientToken").filter(|token| !token.is_empty()) else { return Ok(None) };
    if token.len() > CLIENT_TOKEN_CHARS_MAX || !token.is_ascii() {
        return Err(ApiError::invalid(token, "clientToken"));
    }
    Ok(Some(token.into()))
}

fn capacity_type(query: &Query) -> Result<CapacityType, ApiError> {
    let Some(market) = query.get("InstanceMarketOptions.MarketType") else {
        return Ok(CapacityType::OnDemand);
    };
    if market != "spot" {
        return Err(ApiError::invalid(market, "marketType"));
    }
    let option = |name| query.get(&format!("InstanceMarketOptions.SpotOptions.{name}"));
    let persistence = option("SpotInstanceType").unwrap_or("one-time");
    let interruption = option("InstanceInterruptionBehavior").unwrap_or("terminate");
    // RunInstances takes persistent requests too; they would come back after their end, which this model does not play.
    match (persistence, interruption) {
        ("one-time", "terminate") => Ok(CapacityType::Spot),
        ("one-time", other) => Err(ApiError::invalid(other, "instanceInterruptionBehavior")),
        (other, _) => Err(ApiError::invalid(other, "spotInstanceType")),
    }
}

fn metadata_options(query: &Query) -> Result<MetadataOptions, ApiError> {
    let one_of = |name: &str, allowed: [&str; 2]| {
        let value = query.get(&format!("MetadataOptions.{name}"));
        match value.filter(|value| !allowed.contains(value)) {
            Some(wrong) => Err(ApiError::invalid(wrong, name)),
            None => Ok(value.map(str::to_owned)),
        }
    };
    let hop_limit = query.number("MetadataOptions.HttpPutResponseHopLimit")?;
    if let Some(wrong) = hop_limit.filter(|hops| !(1..=64).contains(hops)) {
        return Err(ApiError::invalid(&wrong.to_string(), "HttpPutResponseHopLimit"));
    }
    Ok(MetadataOptions {
        http_tokens: one_of("HttpTokens", ["required", "optional"])?,
        http_put_response_hop_limit: hop_limit,
        http_endpoint: one_of("HttpEndpoint", ["enabled", "disabled"])?,
        instance_metadata_tags: one_of("InstanceMetadataTags", ["enabled", "disabled"])?,
    })
}

fn shutdown_behavior(query: &Query) -> Result<ShutdownBehavior, ApiError> {
    match query.get("InstanceInitiatedShutdownBehavior") {
        None | Some("stop") => Ok(ShutdownBehavior::Stop),
        Some("terminate") => Ok(ShutdownBehavior::Terminate),
        Some(other) => Err(ApiError::invalid(other, "instanceInitiatedShutdownBehavior")),
    }
}

/// The profile's name; of an ARN it is what follows the last slash.
fn profile(query: &Query) -> Option<String> {
    let arn = query.get("IamInstanceProfile.Arn").and_then(|arn| arn.rsplit('/').next());
    query.get("IamInstanceProfile.Name").or(arn).map(str::to_owned)
}
