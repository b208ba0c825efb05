//! The forms of names, words, numbers, times and reasons: what the records are made of.

use std::time::Duration;

use jit_domain::class::Scope;
use jit_domain::decide::runner_group::GroupFault;
use jit_domain::ids::{
    BatchId, ClassKey, Cloud, Digest, GroupKey, ImageId, InstallationId, InstanceKey, JobId, Login,
    MachineType, PoolName, Region, RepositoryName, RunId, RunnerGroupId, RunnerId, RunnerName, SubnetId,
};
use jit_domain::instance::Stage;
use jit_domain::job::{JobPhase, Visibility};
use jit_domain::labels::LabelSet;
use jit_domain::observation::Action;
use jit_domain::policy::{CapacityType, DiskType, ImageKind, MachineSelection, PublicAddress};
use jit_domain::reason::Reason;
use jit_domain::time::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::form::Formed;

/// A type that is one text.
pub(crate) trait Text: Sized {
    /// What it is, with its article, for errors.
    const WHAT: &'static str;

    /// The text.
    fn text(&self) -> &str;

    /// Reads the text back; none if it cannot be one.
    fn parse_text(text: &str) -> Option<Self>;
}

/// Gives a type the form of a text.
macro_rules! text {
    ($($domain:ty, $what:literal, $show:expr, $parse:expr;)+) => {$(
        impl Text for $domain {
            const WHAT: &'static str = $what;

            fn text(&self) -> &str {
                let show: fn(&Self) -> &str = $show;
                show(self)
            }

            fn parse_text(text: &str) -> Option<Self> {
                let parse: fn(&str) -> Option<Self> = $parse;
                parse(text)
            }
        }

        impl Formed for $domain {
            fn write_form<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.text())
            }

            fn read_form<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read_text(deserializer)
            }
        }
    )+};
}

text! {
    BatchId, "a batch id", Self::as_str, |text| Some(Self::new(text));
    ClassKey, "a class key", Self::as_str, |text| Some(Self::new(text));
    GroupKey, "a group's key", Self::as_str, |text| Some(Self::new(text));
    Digest, "a digest", Self::as_str, |text| Some(Self::new(text));
    ImageId, "an image id", Self::as_str, |text| Some(Self::new(text));
    Login, "a login", Self::as_str, |text| Some(Self::new(text));
    MachineType, "a machine type", Self::as_str, |text| Some(Self::new(text));
    PoolName, "a pool's name", Self::as_str, |text| Some(Self::new(text));
    Region, "a region", Self::as_str, |text| Some(Self::new(text));
    RunnerName, "a runner's name", Self::as_str, |text| Some(Self::new(text));
    SubnetId, "a subnet id", Self::as_str, |text| Some(Self::new(text));
    String, "a text", String::as_str, |text| Some(text.to_owned());
    RepositoryName, "a repository's full name", Self::as_str, Self::parse;
    Cloud, "a cloud", |cloud| cloud.as_str(), Self::parse;
    CapacityType, "a capacity type", |capacity| capacity.as_str(), Self::parse;
    DiskType, "a kind of disk", |kind| kind.as_str(), Self::parse;
    GroupFault, "a fault of a runner group", Self::as_str, Self::parse;
    JobPhase, "a phase", |phase| phase.as_str(), Self::parse;
    Stage, "a stage", |stage| stage.as_str(), Self::parse;
    Visibility, "who can see a repository", |visibility| visibility.as_str(), Self::parse;
    Action, "an action", |action| action.as_str(), Self::parse;
    MachineSelection, "a machine type", Self::as_str, |text| Some(match text {
        "" => Self::Default,
        named => Self::Named(MachineType::new(named)),
    });
    ImageKind, "a kind of image", |kind| match kind {
        Self::Baked => "baked",
        Self::Stock => "stock",
    }, |text| match text {
        "baked" => Some(Self::Baked),
        "stock" => Some(Self::Stock),
        _ => None,
    };
    PublicAddress, "a choice of address", |address| match address {
        Self::AsSubnet => "as_subnet",
        Self::Yes => "yes",
        Self::No => "no",
    }, |text| match text {
        "as_subnet" => Some(Self::AsSubnet),
        "yes" => Some(Self::Yes),
        "no" => Some(Self::No),
        _ => None,
    };
}

/// Gives a type the form that `Display` writes.
macro_rules! displayed {
    ($($domain:ty, $what:literal;)+) => {$(
        impl Formed for $domain {
            fn write_form<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }

            fn read_form<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| D::Error::custom(format_args!("`{text}` is not {}", $what)))
            }
        }
    )+};
}

displayed! {
    Scope, "a scope";
    InstanceKey, "an instance's key";
}

/// Gives a type the form of a whole number.
macro_rules! number {
    ($($domain:ty, $show:expr, $make:expr;)+) => {$(
        impl Formed for $domain {
            fn write_form<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let show: fn(&Self) -> u64 = $show;
                serializer.serialize_u64(show(self))
            }

            fn read_form<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                u64::deserialize(deserializer).map($make)
            }
        }
    )+};
}

number! {
    InstallationId, |id| id.0, Self;
    JobId, |id| id.0, Self;
    RunId, |id| id.0, Self;
    RunnerId, |id| id.0, Self;
    RunnerGroupId, |id| id.0, Self;
    // Milliseconds since the epoch.
    Timestamp, |at| at.as_ms(), Self::from_ms;
    // Milliseconds, rounded down; the longest that fits where it doesn't.
    Duration, |duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), Self::from_millis;
}

impl Formed for LabelSet {
    fn write_form<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }

    fn read_form<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<String>::deserialize(deserializer)?.into_iter().collect())
    }
}

/// A reason's form.
#[derive(Serialize, Deserialize)]
struct ReasonForm {
    code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Formed for Reason {
    fn write_form<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ReasonForm { code: self.code().to_owned(), detail: self.detail() }.serialize(serializer)
    }

    fn read_form<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ReasonForm { code, detail } = ReasonForm::deserialize(deserializer)?;
        Self::parse(&code, detail.as_deref()).ok_or_else(|| match detail {
            Some(detail) => D::Error::custom(format_args!("`{code}` with `{detail}` is not a reason")),
            None => D::Error::custom(format_args!("`{code}` is not a reason")),
        })
    }
}

fn read_text<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    T::parse_text(&text).ok_or_else(|| D::Error::custom(format_args!("`{text}` is not {}", T::WHAT)))
}
