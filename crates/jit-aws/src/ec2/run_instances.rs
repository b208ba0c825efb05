//! RunInstances: one complete launch, always serialised to the same bytes.
//!
//! Not here: choosing anything of it. EC2 compares a repeated request with the first of the same client token and answers
//! `IdempotentParameterMismatch` when they differ, so nothing here depends on time, configuration or a hash's order, and
//! the order of the parameters below is part of the contract (Invariant, held by `the_request_is_these_bytes`).
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::instance::{Instance, InstanceItem, ItemSet};
use super::{Ec2Error, RootVolume, VERSION};
use crate::endpoint::Endpoint;
use crate::form::Form;
use crate::reply;

/// The longest client token, in ASCII characters.
///
/// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>
pub const CLIENT_TOKEN_CHARS_MAX: usize = 64;
/// The largest user data, in bytes before base64.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html>
pub const USER_DATA_BYTES_MAX: usize = 16 << 10;
/// The most tags of one resource, and the longest key and value in characters.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>
pub const TAGS_MAX: usize = 50;
const TAG_KEY_CHARS_MAX: usize = 128;
const TAG_VALUE_CHARS_MAX: usize = 256;
/// The families whose CPU is rationed by credits, and which would otherwise buy more at a surcharge.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances.html>
const BURSTABLE_FAMILIES: &[&str] = &["t2", "t3", "t3a", "t4g"];

/// How instances are bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Market {
    /// At the spot price: one-time, ended and not stopped when EC2 wants them back, at most at the on-demand price.
    Spot,
    /// At the list price.
    OnDemand,
}

/// Whether an instance gets a public IPv4 address, whatever its subnet's own setting says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PublicIp {
    /// It gets one.
    Assign,
    /// It gets none.
    Withhold,
}

/// The role that an instance has, by the name or the address of its profile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstanceProfile {
    /// The profile's name.
    Name(String),
    /// The profile's ARN.
    Arn(String),
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// Its key, 1 to 128 characters, not beginning with `aws:`.
    pub key: String,
    /// Its value, at most 256 characters; may be empty.
    pub value: String,
}

/// One launch, complete. `{:?}` does not show the user data.
///
/// Every launch asks for IMDSv2 with a hop limit of 1, no tags in the metadata, and termination when the instance powers
/// itself off; families with CPU credits get `standard`, so that they never cost more than their price.
///
/// ```
/// use std::num::NonZeroU32;
/// use jit_aws::{Endpoint, Region, Service, ec2::{Market, RunInstances}};
/// let launch = RunInstances {
///     client_token: "0f1e2d3c".to_owned(),
///     image_id: "ami-0123456789abcdef0".to_owned(),
///     instance_type: "c6i.large".to_owned(),
///     count_max: NonZeroU32::new(8).ok_or("zero")?,
///     market: Market::Spot,
///     subnet_id: Some("subnet-0a".to_owned()),
///     security_group_ids: vec!["sg-0a".to_owned()],
///     public_ip: None,
///     instance_profile: None,
///     user_data: "#!/bin/sh\n".into(),
///     root_volume: None,
///     tags: vec![],
/// };
/// let request = launch.request(&Endpoint::regional(Service::Ec2, Region::parse("us-east-1")?))?;
/// assert!(request.body().starts_with(b"Action=RunInstances&Version=2016-11-15&ClientToken=0f1e2d3c&"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RunInstances {
    /// What makes a repeat harmless, 1 to 64 ASCII characters; with a subnet it counts within the subnet's zone.
    pub client_token: String,
    /// The image.
    pub image_id: String,
    /// The type, such as `c6i.large`.
    pub instance_type: String,
    /// How many instances at most; at least one is always asked for, so that part of a batch is a success.
    pub count_max: NonZeroU32,
    /// How they are bought.
    pub market: Market,
    /// The subnet; none is the account's default one.
    pub subnet_id: Option<String>,
    /// The security groups by id; empty is the network's default one.
    pub security_group_ids: Vec<String>,
    /// Whether they get a public address; none is the subnet's own setting.
    pub public_ip: Option<PublicIp>,
    /// Their role; none gives them no credentials.
    pub instance_profile: Option<InstanceProfile>,
    /// What the instance runs at boot, before base64, at most 16 KiB; it holds a token and is never printed.
    pub user_data: SecretString,
    /// Changes to the root disk; none keeps the image's.
    pub root_volume: Option<RootVolume>,
    /// Tags of the instances and of their volumes, in this order.
    pub tags: Vec<Tag>,
}

/// Why a launch is refused before it is sent: EC2 would refuse it too, or, worse, take it for another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLaunch {
    /// The client token is empty, too long or not ASCII.
    #[error("a launch needs a client token of 1 to {CLIENT_TOKEN_CHARS_MAX} visible ascii characters")]
    ClientToken,
    /// The user data is too long; its size in bytes is given.
    #[error("user data of {0} bytes is above ec2's limit of {USER_DATA_BYTES_MAX}")]
    UserData(usize),
    /// There are too many tags; their number is given.
    #[error("{0} tags are above ec2's limit of {TAGS_MAX}")]
    TagCount(usize),
    /// A tag's key or value is too long, or its key is empty or reserved; the key is given.
    #[error("ec2 refuses the tag {0:?}")]
    Tag(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    instances_set: ItemSet<InstanceItem>,
}

impl RunInstances {
    /// Serialises the launch, unsigned.
    ///
    /// # Errors
    /// [`InvalidLaunch`], a fault of configuration or of the caller.
    pub fn request(&self, endpoint: &Endpoint) -> Result<Request<Vec<u8>>, InvalidLaunch> {
        self.check()?;
        let mut form = Form::new("RunInstances", VERSION);
        form.push("ClientToken", &self.client_token);
        form.push("ImageId", &self.image_id);
        form.push("InstanceType", &self.instance_type);
        form.push("MinCount", "1");
        form.push("MaxCount", &self.count_max.to_string());
        self.push_network(&mut form);
        match &self.instance_profile {
            Some(InstanceProfile::Name(name)) => form.push("IamInstanceProfile.Name", name),
            Some(InstanceProfile::Arn(arn)) => form.push("IamInstanceProfile.Arn", arn),
            None => {}
        }
        form.push("UserData", &STANDARD.encode(self.user_data.expose_secret()));
        self.push_market(&mut form);
        form.push("InstanceInitiatedShutdownBehavior", "terminate");
        form.push("MetadataOptions.HttpEndpoint", "enabled");
        form.push("MetadataOptions.HttpTokens", "required");
        form.push("MetadataOptions.HttpPutResponseHopLimit", "1");
        form.push("MetadataOptions.InstanceMetadataTags", "disabled");
        if self.is_burstable() {
            form.push("CreditSpecification.CpuCredits", "standard");
        }
        if let Some(volume) = &self.root_volume {
            volume.push(&mut form);
        }
        self.push_tags(&mut form);
        Ok(form.into_request(endpoint))
    }

    /// Reads the reply: the instances that were launched, at least one and at most `count_max`.
    ///
    /// # Errors
    /// [`Ec2Error`]; a success that cannot be read is [`Ec2Error::UnknownOutcome`], for the instances exist.
    ///
    /// ```
    /// use jit_aws::ec2::{Ec2Error, RunInstances};
    /// let body = b"<Response><Errors><Error><Code>InsufficientInstanceCapacity</Code><Message>none left</Message></Error></Errors></Response>";
    /// let response = http::Response::builder().status(500).body(body.to_vec())?;
    /// assert!(matches!(RunInstances::parse(&response), Err(Ec2Error::InsufficientCapacity(_))));
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn parse(response: &Response<Vec<u8>>) -> Result<Vec<Instance>, Ec2Error> {
        let reply: Reply = Ec2Error::check(response, "RunInstancesResponse")?;
        let instances: Option<Vec<Instance>> =
            reply.instances_set.items.into_iter().map(InstanceItem::read).collect();
        match instances {
            Some(instances) if !instances.is_empty() => Ok(instances),
            Some(_) => Err(Ec2Error::unreadable(response, "the reply names no instance")),
            None => Err(Ec2Error::unreadable(response, "the reply names an instance that cannot be read")),
        }
    }

    fn check(&self) -> Result<(), InvalidLaunch> {
        let token = self.client_token.as_bytes();
        if !(1..=CLIENT_TOKEN_CHARS_MAX).contains(&token.len()) || !token.iter().all(u8::is_ascii_graphic) {
            return Err(InvalidLaunch::ClientToken);
        }
        let user_data_bytes = self.user_data.expose_secret().len();
        if user_data_bytes > USER_DATA_BYTES_MAX {
            return Err(InvalidLaunch::UserData(user_data_bytes));
        }
        if self.tags.len() > TAGS_MAX {
            return Err(InvalidLaunch::TagCount(self.tags.len()));
        }
        match self.tags.iter().find(|tag| !tag.is_valid()) {
            Some(tag) => Err(InvalidLaunch::Tag(tag.key.chars().take(reply::MESSAGE_CHARS_MAX).collect())),
            None => Ok(()),
        }
    }

    /// Writes subnet and groups; a wish about the public address can be expressed on an interface only, and EC2 then
    /// refuses subnet and groups beside it.
    fn push_network(&self, form: &mut Form) {
        let groups = || self.security_group_ids.iter().map(String::as_str);
        let Some(public_ip) = self.public_ip else {
            if let Some(subnet_id) = &self.subnet_id {
                form.push("SubnetId", subnet_id);
            }
            form.push_list("SecurityGroupId", groups());
            return;
        };
        let assign = match public_ip {
            PublicIp::Assign => "true",
            PublicIp::Withhold => "false",
        };
        form.push("NetworkInterface.1.DeviceIndex", "0");
        form.push("NetworkInterface.1.AssociatePublicIpAddress", assign);
        form.push("NetworkInterface.1.DeleteOnTermination", "true");
        if let Some(subnet_id) = &self.subnet_id {
            form.push("NetworkInterface.1.SubnetId", subnet_id);
        }
        form.push_list("NetworkInterface.1.SecurityGroupId", groups());
    }

    fn push_market(&self, form: &mut Form) {
        match self.market {
            Market::OnDemand => {}
            Market::Spot => {
                form.push("InstanceMarketOptions.MarketType", "spot");
                form.push("InstanceMarketOptions.SpotOptions.SpotInstanceType", "one-time");
                form.push("InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior", "terminate");
            }
        }
    }

    fn push_tags(&self, form: &mut Form) {
        // EC2 refuses a specification without tags.
        if self.tags.is_empty() {
            return;
        }
        for (index, resource) in ["instance", "volume"].into_iter().enumerate() {
            let prefix = format!("TagSpecification.{}", index + 1);
            form.push(&format!("{prefix}.ResourceType"), resource);
            for (index, tag) in self.tags.iter().enumerate() {
                form.push(&format!("{prefix}.Tag.{}.Key", index + 1), &tag.key);
                form.push(&format!("{prefix}.Tag.{}.Value", index + 1), &tag.value);
            }
        }
    }

    fn is_burstable(&self) -> bool {
        let family = self.instance_type.split('.').next().unwrap_or_default();
        BURSTABLE_FAMILIES.contains(&family)
    }
}

impl Tag {
    /// Makes a tag.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }

    fn is_valid(&self) -> bool {
        (1..=TAG_KEY_CHARS_MAX).contains(&self.key.chars().count())
            && self.value.chars().count() <= TAG_VALUE_CHARS_MAX
            && !self.key.to_ascii_lowercase().starts_with("aws:")
    }
}

#[cfg(test)]
mod tests;
