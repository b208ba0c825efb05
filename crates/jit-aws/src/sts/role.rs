//! The names that AssumeRole takes: a role's ARN, a session's name, how long the session lasts.
//! Not here: which role a function assumes.

use std::fmt;
use std::time::Duration;

use crate::is_account_id;

/// The longest ARN of a role, in characters.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>, `RoleArn`.
const ROLE_ARN_CHARS_MAX: usize = 2_048;

/// The ARN of a role, `arn:<partition>:iam::<account>:role/<path and name>`, checked for its shape.
///
/// ```
/// use jit_aws::sts::RoleArn;
/// assert!(RoleArn::parse("arn:aws:iam::123456789012:role/jit-runners/scaleup").is_some());
/// assert!(RoleArn::parse("arn:aws:iam::123456789012:user/scaleup").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleArn(String);

impl RoleArn {
    /// Reads an ARN; none when it is not a role's.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts[..] else { return None };
        let is_partition =
            partition.starts_with("aws") && partition.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        let name = resource.strip_prefix("role/")?;
        let is_name = !name.is_empty()
            && name.split('/').all(|part| !part.is_empty())
            && name.bytes().all(|b| b.is_ascii_graphic());
        (is_partition && is_account_id(account) && is_name && text.len() <= ROLE_ARN_CHARS_MAX)
            .then(|| Self(text.to_owned()))
    }

    /// Returns the ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a session, as it stands in CloudTrail: 2 to 64 letters, digits and `_+=,.@-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionName(String);

impl SessionName {
    /// Reads a name; none when STS would refuse it.
    ///
    /// ```
    /// use jit_aws::sts::SessionName;
    /// assert_eq!(SessionName::parse("scaleup").map(|name| name.as_str().to_owned()).as_deref(), Some("scaleup"));
    /// assert!(SessionName::parse("with space").is_none());
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() >= 2 && super::caller::is_name(text)).then(|| Self(text.to_owned()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long a session lasts: 15 min to 1 h, which every role allows without a setting of its own.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>, `DurationSeconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionDuration(u32);

impl SessionDuration {
    /// The shortest, 15 min.
    pub const MIN: Self = Self(900);
    /// The longest that is asked for, 1 h.
    pub const MAX: Self = Self(3_600);

    /// Takes the nearest duration that is allowed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use jit_aws::sts::SessionDuration;
    /// assert_eq!(SessionDuration::nearest(Duration::from_secs(20)), SessionDuration::MIN);
    /// ```
    #[must_use]
    pub fn nearest(duration: Duration) -> Self {
        let seconds = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        Self(seconds.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Returns the duration in seconds.
    #[must_use]
    pub fn as_secs(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_arn_of_a_role_is_one() {
        for right in [
            "arn:aws:iam::123456789012:role/scaleup",
            "arn:aws-cn:iam::123456789012:role/team/jit/scaleup",
            "arn:aws-us-gov:iam::123456789012:role/a+b=c,d.e@f-g",
        ] {
            assert_eq!(RoleArn::parse(right).map(|arn| arn.to_string()).as_deref(), Some(right));
        }
        for wrong in [
            "",
            "scaleup",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role//x",
            "arn:aws:iam::123456789012:role/with space",
            "arn:aws:iam::12345678901:role/x",
            "arn:aws:iam:us-east-1:123456789012:role/x",
            "arn:aws:sts::123456789012:assumed-role/x/y",
            "arn:other:iam::123456789012:role/x",
            "arn:aws:iam::123456789012:instance-profile/x",
        ] {
            assert_eq!(RoleArn::parse(wrong), None, "{wrong}");
        }
        assert_eq!(RoleArn::parse(&format!("arn:aws:iam::123456789012:role/{}", "x".repeat(2_100))), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,80}") {
            let _ = (RoleArn::parse(&text), SessionName::parse(&text));
        }
    }
}
