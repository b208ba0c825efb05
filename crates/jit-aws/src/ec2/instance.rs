//! An instance as EC2 describes it, and its parts.
//!
//! Not here: operations, and what a state means for a runner.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;

/// The most letters and digits after the `i-` of an instance id; EC2 writes 17, and wrote 8 before 2016.
const ID_TAIL_MAX: usize = 32;
/// The fewest letters and digits after the `i-`.
const ID_TAIL_MIN: usize = 8;

/// An instance's id, such as `i-0123456789abcdef0`; ordered as text.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>
///
/// ```
/// use jit_aws::ec2::InstanceId;
/// assert_eq!(InstanceId::parse("i-0123456789abcdef0").map(|id| id.to_string()).as_deref(), Some("i-0123456789abcdef0"));
/// assert_eq!(InstanceId::parse("i-../../x"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(String);

impl InstanceId {
    /// Reads an id: `i-` and 8 to 32 lower-case letters and digits; none for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let tail = text.strip_prefix("i-")?;
        let shaped = (ID_TAIL_MIN..=ID_TAIL_MAX).contains(&tail.len())
            && tail.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        shaped.then(|| Self(text.to_owned()))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an instance is in its life.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstanceState {
    /// Being started; not yet billed.
    Pending,
    /// Started.
    Running,
    /// On its way to `terminated`; not billed any more.
    ShuttingDown,
    /// Ended for good; EC2 forgets it within about an hour.
    Terminated,
    /// On its way to `stopped`.
    Stopping,
    /// Stopped; its disk is still billed.
    Stopped,
    /// A word that is not in the API's reference.
    Other(String),
}

impl InstanceState {
    fn read(name: String) -> Self {
        match name.as_str() {
            "pending" => Self::Pending,
            "running" => Self::Running,
            "shutting-down" => Self::ShuttingDown,
            "terminated" => Self::Terminated,
            "stopping" => Self::Stopping,
            "stopped" => Self::Stopped,
            _ => Self::Other(name),
        }
    }

    /// Returns EC2's word for it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Other(name) => name,
        }
    }
}

/// How an instance was bought.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lifecycle {
    /// At the list price, until ended.
    OnDemand,
    /// At the spot price, until EC2 wants it back.
    Spot,
    /// Another way, in EC2's word, such as `capacity-block`.
    Other(String),
}

/// An instance, as RunInstances and DescribeInstances return it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Where it is in its life.
    pub state: InstanceState,
    /// EC2's code for the last change of state, such as `Server.SpotInstanceTermination`; none when it gave none.
    pub state_reason: Option<String>,
    /// Its type, such as `c6i.large`; empty when the reply did not tell it.
    pub instance_type: String,
    /// Its zone, such as `us-east-1a`; none when the reply did not tell it.
    pub availability_zone: Option<String>,
    /// How it was bought.
    pub lifecycle: Lifecycle,
    /// When it was launched; none when the reply did not tell it.
    pub launched_at: Option<Timestamp>,
    /// The token of the request that launched it; none when there was none.
    pub client_token: Option<String>,
    /// Its tags by key.
    pub tags: BTreeMap<String, String>,
}

/// A list as EC2 writes one, `<item>` by `<item>`.
#[derive(Deserialize)]
pub(super) struct ItemSet<T> {
    #[serde(rename = "item", default = "Vec::new")]
    pub(super) items: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InstanceItem {
    instance_id: String,
    instance_state: StateItem,
    state_reason: Option<ReasonItem>,
    #[serde(default)]
    instance_type: String,
    placement: Option<PlacementItem>,
    instance_lifecycle: Option<String>,
    launch_time: Option<String>,
    client_token: Option<String>,
    tag_set: Option<ItemSet<TagItem>>,
}

#[derive(Deserialize)]
pub(super) struct StateItem {
    name: String,
}

#[derive(Deserialize)]
struct ReasonItem {
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlacementItem {
    availability_zone: Option<String>,
}

#[derive(Deserialize)]
struct TagItem {
    key: String,
    #[serde(default)]
    value: String,
}

impl StateItem {
    pub(super) fn read(self) -> InstanceState {
        InstanceState::read(self.name)
    }
}

impl InstanceItem {
    /// Converts the wire's form; none when the id or the launch time is not one.
    pub(super) fn read(self) -> Option<Instance> {
        let launched_at = match filled(self.launch_time) {
            Some(text) => Some(text.parse().ok()?),
            None => None,
        };
        let tags = self.tag_set.map(|set| set.items).unwrap_or_default();
        Some(Instance {
            id: InstanceId::parse(&self.instance_id)?,
            state: self.instance_state.read(),
            state_reason: self.state_reason.and_then(|reason| filled(reason.code)),
            instance_type: self.instance_type,
            availability_zone: self.placement.and_then(|placement| filled(placement.availability_zone)),
            lifecycle: match filled(self.instance_lifecycle) {
                None => Lifecycle::OnDemand,
                Some(word) if word == "spot" => Lifecycle::Spot,
                Some(word) => Lifecycle::Other(word),
            },
            launched_at,
            client_token: filled(self.client_token),
            tags: tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        })
    }
}

/// Takes an empty element for an absent one, as EC2 writes both.
pub(super) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
