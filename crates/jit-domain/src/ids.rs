//! Names and numbers, each in a type of its own, so that a job's id can never stand where a run's belongs.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

number!(
    /// GitHub's id of a workflow job; a re-run makes a new one.
    JobId
);
number!(
    /// GitHub's id of a workflow run; all its attempts share it.
    RunId
);
number!(
    /// GitHub's id of our App's installation on one account.
    InstallationId
);
number!(
    /// GitHub's id of a registered runner; 0 is never one.
    RunnerId
);
number!(
    /// GitHub's id of a runner group; 1 is the default group.
    RunnerGroupId
);
name!(
    /// A group's key, a hash.
    GroupKey
);
name!(
    /// A pool's name, unique in the configuration.
    PoolName
);
name!(
    /// A runner's registration name: `<prefix>-<instance id>-<n>`.
    RunnerName
);
name!(
    /// A class's key: the hash of its identity (see [`crate::class::ClassIdentity::key`]).
    ClassKey
);
name!(
    /// A batch's id: the hash of its class and generation.
    BatchId
);
name!(
    /// A cloud's region, such as `us-east-1`.
    Region
);
name!(
    /// A subnet's id; with it goes the zone.
    SubnetId
);
name!(
    /// A cloud's machine type, such as `c6i.xlarge`; lower case.
    MachineType
);
name!(
    /// A machine image's id.
    ImageId
);
name!(
    /// The event that started a run, such as `push`, in GitHub's word.
    EventName
);
name!(
    /// SHA-256 of a text, in hexadecimal.
    Digest
);

/// An organisation's or user's login, in lower case, as GitHub compares logins without case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Login(String);

impl Login {
    /// Wraps the login and lowers its case.
    pub fn new(login: &str) -> Self {
        Self(login.to_lowercase())
    }

    /// The login in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository's full name, `owner/name` in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(String);

impl RepositoryName {
    /// Parses `owner/name`; none unless both parts are there and hold only what GitHub allows in them.
    pub fn parse(full_name: &str) -> Option<Self> {
        let (owner, name) = full_name.split_once('/')?;
        let part = |p: &str| {
            !p.is_empty()
                && p.len() <= 100
                && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        (part(owner) && part(name) && name != "." && name != "..").then(|| Self(full_name.to_lowercase()))
    }

    /// The full name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The owner's login.
    pub fn owner(&self) -> Login {
        Login::new(self.0.split('/').next().unwrap_or_default())
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The cloud that an instance runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cloud {
    /// Amazon EC2.
    Aws,
}

impl Cloud {
    /// The word used in configuration, keys and replies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "aws" => Some(Self::Aws),
            _ => None,
        }
    }
}

/// What names one instance for ever: cloud, region and the cloud's own id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceKey {
    /// The cloud.
    pub cloud: Cloud,
    /// The region in which the id is valid.
    pub region: Region,
    /// The cloud's id, such as `i-0123456789abcdef0`.
    pub id: String,
}

impl InstanceKey {
    /// Reads `cloud/region/id` back, as [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let (cloud, region, id) = (Cloud::parse(parts.next()?)?, parts.next()?, parts.next()?);
        (!region.is_empty() && !id.is_empty()).then(|| Self {
            cloud,
            region: Region::new(region),
            id: id.to_owned(),
        })
    }
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.cloud.as_str(), self.region, self.id)
    }
}

/// Hashes an unambiguous list of parts: each part is preceded by its length.
pub(crate) fn digest(parts: &[&str]) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_name_has_two_plain_parts() {
        assert_eq!(RepositoryName::parse("Octo/Hello.World").unwrap().as_str(), "octo/hello.world");
        for bad in ["", "octo", "octo/", "/x", "a/b/c", "a b/c", "a/.."] {
            assert!(RepositoryName::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_instance_key_survives_its_text() {
        let key = InstanceKey { cloud: Cloud::Aws, region: Region::new("us-east-1"), id: "i-0a".into() };
        assert_eq!(InstanceKey::parse(&key.to_string()), Some(key));
        assert_eq!(InstanceKey::parse("aws//i-0a"), None);
    }

    #[test]
    fn a_digest_keeps_its_parts_apart() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }
}
