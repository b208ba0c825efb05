//! The shapes of names and ids: what can be told from the text alone. Whether the thing exists, only its owner knows.

use jit_aws::ec2::{KmsKeyReach, is_resource_id};
use jit_aws::is_account_id;
use jit_domain::group::UnknownWidth;
use jit_domain::ids::{
    Cloud, Digest, EventName, ImageId, InstallationId, Login, MachineType, PoolName, Region, RepositoryName,
    RunnerGroupId, SubnetId,
};
use jit_domain::policy::{
    CapacityType, DiskType, ImageKind, Machine, Paused, PoolScope, PublicAddress, UnansweredHook, Wish,
};

use super::form::{Flag, Integer, Text, Word};
use crate::images;

/// Largest id that GitHub's API can hand out: its schema has 64-bit signed integers.
const GITHUB_ID_MAX: u64 = i64::MAX as u64;
/// Longest label, in characters; GitHub's own form accepts no longer ones.
const LABEL_CHARS_MAX: usize = 256;

/// A name of ours that also goes into tags and keys.
pub(super) const NAME: Text<String> = Text {
    rule: "small letters, digits and hyphens, at most 40, a letter first, no hyphen last",
    example: "build-large",
    parse: |t| name(t, 40),
};

/// A pool's name.
pub(super) const POOL_NAME: Text<PoolName> =
    Text { rule: NAME.rule, example: "default", parse: |t| name(t, 40).map(PoolName::new) };

/// First part of a runner's name. With `-i-0123456789abcdef0-999` it stays within the 64 characters of a runner's name:
/// <https://docs.github.com/en/rest/actions/self-hosted-runners> (generate-jitconfig).
pub(super) const RUNNER_PREFIX: Text<String> = Text {
    rule: "small letters, digits and hyphens, at most 20, a letter first, no hyphen last",
    example: "jit",
    parse: |t| name(t, 20),
};

/// An organisation's or user's login.
pub(super) const LOGIN: Text<Login> = Text {
    rule: "an organisation's or user's login at GitHub: letters, digits, hyphens and underscores",
    example: "octo-org",
    parse: |t| {
        let plain = !t.is_empty()
            && t.len() <= 100
            && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        plain.then(|| Login::new(t))
    },
};

/// Whoever starts a run: a user, or an App such as `dependabot[bot]`.
pub(super) const ACTOR: Text<Login> = Text {
    rule: "a user's login at GitHub, or an App's with `[bot]` behind it",
    example: "dependabot[bot]",
    parse: |t| (LOGIN.parse)(t.strip_suffix("[bot]").unwrap_or(t)).map(|_| Login::new(t)),
};

/// An event in GitHub's word. Which ones there are changes:
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows>.
pub(super) const EVENT: Text<EventName> = Text {
    rule: "the name of an event that starts workflows, in small letters and underscores",
    example: "pull_request",
    parse: |t| {
        let plain = !t.is_empty() && t.len() <= 50 && t.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        // Never the event of a run, which has its caller's.
        (plain && t != "workflow_call").then(|| EventName::new(t))
    },
};

/// Whether something is allowed.
pub(super) const WISH: Flag<Wish> = Flag { yes: Wish::Allow, no: Wish::Refuse };

/// A repository's full name.
pub(super) const REPOSITORY: Text<RepositoryName> = Text {
    rule: "`owner/name` as GitHub shows it",
    example: "octo-org/hello-world",
    parse: RepositoryName::parse,
};

/// A label, trimmed and in lower case, as GitHub compares labels without case. A comma would end it in the agent's list.
pub(super) const LABEL: Text<String> = Text {
    rule: "a label of 1 to 256 characters besides white space around it, without commas and control characters",
    example: "self-hosted",
    parse: |t| {
        let label = t.trim().to_lowercase();
        let fits = (1..=LABEL_CHARS_MAX).contains(&label.chars().count());
        (fits && !label.contains(|c: char| c == ',' || c.is_control())).then_some(label)
    },
};

/// Version of the agent.
pub(super) const AGENT_VERSION: Text<String> = Text {
    rule: "three numbers with points between them",
    example: "2.336.0",
    parse: |t| {
        let number = |n: &str| (1..=6).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit());
        (t.split('.').count() == 3 && t.split('.').all(number)).then(|| t.to_owned())
    },
};

/// Address of a download.
pub(super) const DOWNLOAD: Text<String> = Text {
    rule: "an https address without user, query and fragment",
    example: "https://github.com/actions/runner/releases/download/v2.336.0/actions-runner-linux-x64-2.336.0.tar.gz",
    parse: |t| {
        let url = url::Url::parse(t).ok()?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        (url.scheme() == "https" && url.host_str().is_some() && bare && plain_ascii(t)).then(|| t.to_owned())
    },
};

/// SHA-256 in hexadecimal. One digit repeated is a placeholder, never a digest.
pub(super) const SHA256: Text<Digest> = Text {
    rule: "64 hexadecimal digits, not all the same",
    example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    parse: |t| {
        let hex = t.len() == 64 && t.bytes().all(|b| b.is_ascii_hexdigit());
        let varied = t.bytes().any(|b| Some(b) != t.bytes().next());
        (hex && varied).then(|| Digest::new(t.to_lowercase()))
    },
};

/// An EC2 region: <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>.
pub(super) const REGION: Text<Region> = Text {
    rule: "two or three parts of small letters and a number, with hyphens between them",
    example: "us-east-1",
    parse: |t| jit_aws::Region::parse(t).ok().map(|region| Region::new(region.as_str())),
};

/// A subnet's id.
pub(super) const SUBNET: Text<SubnetId> = Text {
    rule: "`subnet-` and 8 or 17 hexadecimal digits",
    example: "subnet-0123456789abcdef0",
    parse: |t| is_resource_id(t, "subnet-").then(|| SubnetId::new(t)),
};

/// An image's id, or the parameter of Systems Manager that holds it:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-systems-manager-parameter-to-find-AMI.html>.
pub(super) const IMAGE: Text<ImageId> = Text {
    rule: "`ami-` and 8 or 17 hexadecimal digits, or `resolve:ssm:` and the path of a parameter that holds such an id, such as \
           `resolve:ssm:/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id`",
    example: "ami-0123456789abcdef0",
    parse: |t| (is_resource_id(t, "ami-") || images::parameter(t).is_some()).then(|| ImageId::new(t)),
};

/// A security group's id.
pub(super) const SECURITY_GROUP: Text<String> = Text {
    rule: "`sg-` and 8 or 17 hexadecimal digits",
    example: "sg-0123456789abcdef0",
    parse: |t| is_resource_id(t, "sg-").then(|| t.to_owned()),
};

/// A machine type of EC2: <https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html>.
pub(super) const MACHINE_TYPE: Text<MachineType> = Text {
    rule: "an EC2 instance type in small letters: family, point, size",
    example: "c6i.xlarge",
    parse: |t| {
        let (family, size) = t.split_once('.')?;
        let is_part = |p: &str| {
            (1..=24).contains(&p.len())
                && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !p.starts_with('-')
                && !p.ends_with('-')
        };
        let starts_with_letter = family.starts_with(|c: char| c.is_ascii_lowercase());
        (starts_with_letter && is_part(family) && is_part(size)).then(|| MachineType::new(t))
    },
};

/// ARN of an instance profile, since it says the account too:
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_InstanceProfile.html>.
pub(super) const INSTANCE_PROFILE: Text<String> = Text {
    rule: "an instance profile's ARN, `arn:aws:iam::<account>:instance-profile/<name>`",
    example: "arn:aws:iam::123456789012:instance-profile/jit-runners-runner",
    parse: |t| {
        let machine = Machine { instance_profile: Some(t.to_owned()), ..Machine::default() };
        let (account, name) = machine.runner_role()?;
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
        (is_account_id(account) && name.len() <= 128 && name.bytes().all(is_allowed) && t.len() <= 1600)
            .then(|| t.to_owned())
    },
};

/// Name of a root device.
pub(super) const ROOT_DEVICE: Text<String> = Text {
    rule: "a device name that begins with /dev/",
    example: "/dev/sda1",
    parse: |t| {
        let name = t.strip_prefix("/dev/")?;
        let plain =
            (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'/');
        plain.then(|| t.to_owned())
    },
};

/// The kinds of disk that an instance can boot from, without the one of the previous generation:
/// <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html>.
pub(super) const DISK_TYPE: Word<DiskType> = Word {
    words: &[
        (DiskType::Gp3.as_str(), DiskType::Gp3),
        (DiskType::Gp2.as_str(), DiskType::Gp2),
        (DiskType::Io1.as_str(), DiskType::Io1),
        (DiskType::Io2.as_str(), DiskType::Io2),
    ],
    planned: &[],
};

/// Whether a disk is encrypted whatever image and account say.
pub(super) const DISK_ENCRYPTED: Flag<Encrypted> = Flag { yes: Encrypted::Always, no: Encrypted::AsImage };

/// The answers to whether a disk is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encrypted {
    Always,
    AsImage,
}

/// A KMS key.
pub(super) const KMS_KEY: Text<String> = Text {
    rule: "the id of a KMS key, `alias/` and an alias, or the ARN of either",
    example: "alias/runner-disks",
    parse: |t| KmsKeyReach::of(t).map(|_| t.to_owned()),
};

/// The clouds.
pub(super) const CLOUD: Word<Cloud> = Word { words: &[(Cloud::Aws.as_str(), Cloud::Aws)], planned: &["gcp"] };

/// The capacity types.
pub(super) const CAPACITY_TYPE: Word<CapacityType> = Word {
    words: &[
        (CapacityType::Spot.as_str(), CapacityType::Spot),
        (CapacityType::OnDemand.as_str(), CapacityType::OnDemand),
    ],
    planned: &[],
};

/// The scopes.
pub(super) const SCOPE: Word<PoolScope> = Word {
    words: &[("organisation", PoolScope::Organisation), ("repository", PoolScope::Repository)],
    planned: &["enterprise"],
};

/// The kinds of images.
pub(super) const IMAGE_KIND: Word<ImageKind> =
    Word { words: &[("baked", ImageKind::Baked), ("stock", ImageKind::Stock)], planned: &[] };

/// What an unanswered job-started hook does.
pub(super) const UNANSWERED_HOOK: Word<UnansweredHook> = Word {
    words: &[
        (UnansweredHook::Refuse.as_str(), UnansweredHook::Refuse),
        (UnansweredHook::Allow.as_str(), UnansweredHook::Allow),
    ],
    planned: &[],
};

/// What becomes of a matrix of unknown width.
pub(super) const UNKNOWN_WIDTH: Word<UnknownWidth> =
    Word { words: &[("probe", UnknownWidth::Probe), ("full", UnknownWidth::Full)], planned: &[] };

/// Whether an instance gets a public address.
pub(super) const PUBLIC_ADDRESS: Word<PublicAddress> = Word {
    words: &[("as-subnet", PublicAddress::AsSubnet), ("yes", PublicAddress::Yes), ("no", PublicAddress::No)],
    planned: &[],
};

/// Where records and messages are kept.
pub(super) const BACKEND: Word<Backend> =
    Word { words: &[("key-value", Backend::KeyValue), ("aws", Backend::Aws)], planned: &["gcp"] };

/// The words for where records and messages are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    KeyValue,
    Aws,
}

/// An AWS account: <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>.
pub(super) const ACCOUNT: Text<String> = Text {
    rule: "the twelve digits of an AWS account",
    example: "123456789012",
    parse: |t| is_account_id(t).then(|| t.to_owned()),
};

/// Whether launching is paused.
pub(super) const PAUSED: Flag<Paused> = Flag { yes: Paused::Yes, no: Paused::No };

/// An installation's id.
pub(super) const INSTALLATION: Integer<InstallationId> =
    Integer { min: 1, max: GITHUB_ID_MAX, unit: "id", wrap: InstallationId };

/// A runner group's id.
pub(super) const RUNNER_GROUP: Integer<RunnerGroupId> =
    Integer { min: 1, max: GITHUB_ID_MAX, unit: "id", wrap: RunnerGroupId };

/// A count up to `max`.
pub(super) const fn count(max: u32, unit: &'static str) -> Integer<u32> {
    Integer { min: 1, max: max as u64, unit, wrap: |n| u32::try_from(n).unwrap_or(u32::MAX) }
}

fn name(text: &str, most: usize) -> Option<String> {
    let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let starts_with_letter = text.starts_with(|c: char| c.is_ascii_lowercase());
    (plain && starts_with_letter && text.len() <= most && !text.ends_with('-')).then(|| text.to_owned())
}

fn plain_ascii(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}
