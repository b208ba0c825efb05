//! Every Spin variable, declared once: name, type, unit, default, range, secrecy, components, version of arrival.
//! `spin.toml` binds a component to exactly the variables that name it here, under the same names.

mod aws;

use jit_aws::container::ContainerAddress;
use jit_aws::secrets_manager::SecretArn;
use jit_aws::sts::RoleArn;

pub(super) use self::aws::*;
use super::Component::{self, Lifecycle, Rebalancer, Registrar, Scaledown, Scaleup, Webhook};

/// A variable.
#[derive(Debug)]
pub struct Variable {
    /// Its name, in the application and in each component.
    pub name: &'static str,
    /// The type and range of its value.
    pub shape: Shape,
    /// What holds without it.
    pub need: Need,
    /// Whether it must be kept secret.
    pub secrecy: Secrecy,
    /// The components that are bound to it.
    pub components: &'static [Component],
    /// The version of jit-runners that it came with.
    pub since: &'static str,
    /// What it is, in one sentence.
    pub meaning: &'static str,
}

impl Variable {
    /// The environment variable from which Spin takes it: <https://spinframework.dev/dynamic-configuration>.
    pub fn in_environment(&self) -> String {
        format!("SPIN_VARIABLE_{}", self.name.to_uppercase())
    }
}

/// What holds without a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must be set.
    Required,
    /// It may be left out, which means this.
    Optional(&'static str),
    /// It has this value.
    Default(&'static str),
}

/// Whether a variable must be kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// It may be seen.
    Plain,
    /// It is never printed.
    Secret,
}

/// The type and range of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A GitHub App's number or client id.
    AppId,
    /// A private key in PEM.
    PrivateKey,
    /// A secret of any characters.
    Secret,
    /// A secret that keys an HMAC.
    Key,
    /// A secret that stands in a header or an address.
    Token,
    /// A part of an AWS access key.
    AwsText,
    /// The ARN of a role.
    RoleArn,
    /// The ARN of a secret.
    SecretArn,
    /// A JSON web token.
    WebToken,
    /// The path of a file.
    Path,
    /// The address of a container credential endpoint.
    ContainerAddress,
    /// An address to which secrets go.
    ProtectedAddress,
    /// Any address.
    AnyAddress,
}

impl Shape {
    /// The type, for people.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::AppId => "id",
            Self::PrivateKey => "PEM text",
            Self::Secret | Self::Key | Self::Token | Self::AwsText | Self::WebToken => "text",
            Self::RoleArn | Self::SecretArn => "ARN",
            Self::Path => "path",
            Self::ProtectedAddress | Self::AnyAddress | Self::ContainerAddress => "address",
        }
    }

    /// The unit of the range; empty without one.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Key => "bytes",
            Self::Secret | Self::Token | Self::AwsText | Self::WebToken => "characters",
            Self::AppId
            | Self::PrivateKey
            | Self::RoleArn
            | Self::SecretArn
            | Self::Path
            | Self::ProtectedAddress
            | Self::AnyAddress
            | Self::ContainerAddress => "",
        }
    }

    /// What is allowed, for people.
    pub const fn range(self) -> &'static str {
        match self {
            Self::AppId => "an App's number or client id, such as `12345`",
            Self::PrivateKey => {
                "the whole PEM file, from its BEGIN line to its END line; line breaks may be written `\\n`"
            }
            Self::Secret => "1 to 1024 characters, no white space at either end",
            Self::Key => "32 to 1024 bytes, no white space at either end",
            Self::Token => "16 to 256 letters, digits, `-`, `.`, `_` and `~`",
            Self::AwsText => "1 to 4096 visible ASCII characters",
            Self::RoleArn => {
                "the ARN of a role, `arn:aws:iam::<account>:role/<name>`, such as `arn:aws:iam::123456789012:role/scaleup`"
            }
            Self::SecretArn => {
                "the ARN of a secret, such as `arn:aws:secretsmanager:us-east-1:123456789012:secret:github-app-AbCdEf`"
            }
            Self::WebToken => "4 to 20000 visible ASCII characters",
            Self::Path => "an absolute path without `..`, 2 to 512 visible ASCII characters",
            Self::ContainerAddress => {
                "an https address, or http to this machine, 169.254.170.2, 169.254.170.23 or fd00:ec2::23; no user and fragment"
            }
            Self::ProtectedAddress => {
                "an https address, or http to this machine; no user, query and fragment"
            }
            Self::AnyAddress => "an http or https address; no user, query and fragment",
        }
    }

    /// Whether a value is within the range. Addresses and ids are looked at again where they are parsed.
    pub(super) fn fits(self, value: &str) -> bool {
        let trimmed = value.trim() == value;
        match self {
            Self::PrivateKey => {
                let pem = value.replace("\\n", "\n");
                let pem = pem.trim();
                pem.starts_with("-----BEGIN ") && pem.contains("PRIVATE KEY-----") && pem.ends_with("-----")
            }
            Self::Secret => trimmed && value.chars().count() <= 1024,
            Self::Key => trimmed && (32..=1024).contains(&value.len()),
            Self::Token => {
                let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
                (16..=256).contains(&value.len()) && value.bytes().all(is_allowed)
            }
            Self::AwsText => value.len() <= 4096 && value.bytes().all(|b| b.is_ascii_graphic()),
            Self::RoleArn => RoleArn::parse(value).is_some(),
            Self::SecretArn => SecretArn::parse(value).is_some(),
            Self::WebToken => {
                (4..=20_000).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic())
            }
            Self::Path => {
                (2..=512).contains(&value.len())
                    && value.starts_with('/')
                    && value.bytes().all(|b| b.is_ascii_graphic())
                    && value.split('/').all(|part| part != "..")
            }
            Self::ContainerAddress => ContainerAddress::parse(value).is_some(),
            Self::AppId | Self::ProtectedAddress | Self::AnyAddress => trimmed,
        }
    }
}

/// Every variable, in the order of the reference.
pub static VARIABLES: &[&Variable] = &[
    &GITHUB_APP_ID,
    &GITHUB_PRIVATE_KEY,
    &GITHUB_PRIVATE_KEY_SECRET_ARN,
    &GITHUB_API_URL,
    &GITHUB_WEBHOOK_SECRET,
    &GITHUB_WEBHOOK_SECRET_PREVIOUS,
    &GITHUB_WEBHOOK_SECRET_ARN,
    &PUBLIC_URL,
    &CLAIM_KEY,
    &CLAIM_KEY_PREVIOUS,
    &CRON_TOKEN,
    &CRON_TOKEN_PREVIOUS,
    &AWS_ENDPOINT_URL,
    &WEBHOOK_AWS.access_key_id,
    &WEBHOOK_AWS.secret_access_key,
    &WEBHOOK_AWS.session_token,
    &WEBHOOK_AWS.role_arn,
    &WEBHOOK_AWS.web_identity_token,
    &WEBHOOK_AWS.web_identity_token_file,
    &WEBHOOK_AWS.container_credentials_uri,
    &WEBHOOK_AWS.container_authorization_token,
    &SCALEUP_AWS.access_key_id,
    &SCALEUP_AWS.secret_access_key,
    &SCALEUP_AWS.session_token,
    &SCALEUP_AWS.role_arn,
    &SCALEUP_AWS.web_identity_token,
    &SCALEUP_AWS.web_identity_token_file,
    &SCALEUP_AWS.container_credentials_uri,
    &SCALEUP_AWS.container_authorization_token,
    &LIFECYCLE_AWS.access_key_id,
    &LIFECYCLE_AWS.secret_access_key,
    &LIFECYCLE_AWS.session_token,
    &LIFECYCLE_AWS.role_arn,
    &LIFECYCLE_AWS.web_identity_token,
    &LIFECYCLE_AWS.web_identity_token_file,
    &LIFECYCLE_AWS.container_credentials_uri,
    &LIFECYCLE_AWS.container_authorization_token,
    &SCALEDOWN_AWS.access_key_id,
    &SCALEDOWN_AWS.secret_access_key,
    &SCALEDOWN_AWS.session_token,
    &SCALEDOWN_AWS.role_arn,
    &SCALEDOWN_AWS.web_identity_token,
    &SCALEDOWN_AWS.web_identity_token_file,
    &SCALEDOWN_AWS.container_credentials_uri,
    &SCALEDOWN_AWS.container_authorization_token,
    &REBALANCER_AWS.access_key_id,
    &REBALANCER_AWS.secret_access_key,
    &REBALANCER_AWS.session_token,
    &REBALANCER_AWS.role_arn,
    &REBALANCER_AWS.web_identity_token,
    &REBALANCER_AWS.web_identity_token_file,
    &REBALANCER_AWS.container_credentials_uri,
    &REBALANCER_AWS.container_authorization_token,
    &REGISTRAR_AWS.access_key_id,
    &REGISTRAR_AWS.secret_access_key,
    &REGISTRAR_AWS.session_token,
    &REGISTRAR_AWS.role_arn,
    &REGISTRAR_AWS.web_identity_token,
    &REGISTRAR_AWS.web_identity_token_file,
    &REGISTRAR_AWS.container_credentials_uri,
    &REGISTRAR_AWS.container_authorization_token,
];

const ACT_AT_GITHUB: &[Component] = &[Lifecycle, Scaledown, Rebalancer, Registrar];
const RUN_ON_SCHEDULE: &[Component] = &[Scaleup, Lifecycle, Scaledown, Rebalancer];
const TALK_TO_INSTANCES: &[Component] = &[Scaleup, Registrar];

pub(super) static GITHUB_APP_ID: Variable = Variable {
    name: "github_app_id",
    shape: Shape::AppId,
    need: Need::Required,
    secrecy: Secrecy::Plain,
    components: ACT_AT_GITHUB,
    since: "0.1.0",
    meaning: "The GitHub App as which we act.",
};

pub(super) static GITHUB_PRIVATE_KEY: Variable = Variable {
    name: "github_private_key",
    shape: Shape::PrivateKey,
    need: Need::Optional("it is in Secrets Manager"),
    secrecy: Secrecy::Secret,
    components: ACT_AT_GITHUB,
    since: "0.1.0",
    meaning: "The App's private key, as GitHub gave it for download.",
};

pub(super) static GITHUB_PRIVATE_KEY_SECRET_ARN: Variable = Variable {
    name: "github_private_key_secret_arn",
    shape: Shape::SecretArn,
    need: Need::Optional("the key is in a variable"),
    secrecy: Secrecy::Plain,
    components: ACT_AT_GITHUB,
    since: "0.1.0",
    meaning: "The secret of AWS Secrets Manager that holds the App's private key; one call in each invocation that asks GitHub.",
};

pub(super) static GITHUB_API_URL: Variable = Variable {
    name: "github_api_url",
    shape: Shape::ProtectedAddress,
    need: Need::Default("https://api.github.com"),
    secrecy: Secrecy::Plain,
    components: ACT_AT_GITHUB,
    since: "0.1.0",
    meaning: "GitHub's REST API; on Enterprise Server it ends in `/api/v3`.",
};

pub(super) static GITHUB_WEBHOOK_SECRET: Variable = Variable {
    name: "github_webhook_secret",
    shape: Shape::Secret,
    need: Need::Optional("it is in Secrets Manager"),
    secrecy: Secrecy::Secret,
    components: &[Webhook],
    since: "0.1.0",
    meaning: "The secret with which GitHub signs deliveries.",
};

pub(super) static GITHUB_WEBHOOK_SECRET_PREVIOUS: Variable = Variable {
    name: "github_webhook_secret_previous",
    shape: Shape::Secret,
    need: Need::Optional("only the current one is accepted"),
    secrecy: Secrecy::Secret,
    components: &[Webhook],
    since: "0.1.0",
    meaning: "The secret before the current one, accepted while the two are exchanged.",
};

pub(super) static GITHUB_WEBHOOK_SECRET_ARN: Variable = Variable {
    name: "github_webhook_secret_arn",
    shape: Shape::SecretArn,
    need: Need::Optional("the secret is in a variable"),
    secrecy: Secrecy::Plain,
    components: &[Webhook],
    since: "0.1.0",
    meaning: "The secret of AWS Secrets Manager that holds the webhook secret; one call for each delivery, \
              a second one for the version before where the current one does not verify it.",
};

pub(super) static PUBLIC_URL: Variable = Variable {
    name: "public_url",
    shape: Shape::ProtectedAddress,
    need: Need::Required,
    secrecy: Secrecy::Plain,
    components: TALK_TO_INSTANCES,
    since: "0.1.0",
    meaning: "The address at which instances reach the registrar, without `/v1/claim`.",
};

pub(super) static CLAIM_KEY: Variable = Variable {
    name: "claim_key",
    shape: Shape::Key,
    need: Need::Required,
    secrecy: Secrecy::Secret,
    components: TALK_TO_INSTANCES,
    since: "0.1.0",
    meaning: "The key that signs what instances show when they ask for work.",
};

pub(super) static CLAIM_KEY_PREVIOUS: Variable = Variable {
    name: "claim_key_previous",
    shape: Shape::Key,
    need: Need::Optional("only the current one is accepted"),
    secrecy: Secrecy::Secret,
    components: TALK_TO_INSTANCES,
    since: "0.1.0",
    meaning: "The key before the current one, accepted until what it signed has expired.",
};

pub(super) static CRON_TOKEN: Variable = Variable {
    name: "cron_token",
    shape: Shape::Token,
    need: Need::Required,
    secrecy: Secrecy::Secret,
    components: RUN_ON_SCHEDULE,
    since: "0.1.0",
    meaning: "What a scheduler shows at `/cron/<name>`, as bearer or as `?t=`.",
};

pub(super) static CRON_TOKEN_PREVIOUS: Variable = Variable {
    name: "cron_token_previous",
    shape: Shape::Token,
    need: Need::Optional("only the current one is accepted"),
    secrecy: Secrecy::Secret,
    components: RUN_ON_SCHEDULE,
    since: "0.1.0",
    meaning: "The token before the current one, accepted while the two are exchanged.",
};

pub(super) static AWS_ENDPOINT_URL: Variable = Variable {
    name: "aws_endpoint_url",
    shape: Shape::AnyAddress,
    need: Need::Optional("AWS's own addresses"),
    secrecy: Secrecy::Plain,
    components: &Component::ALL,
    since: "0.1.0",
    meaning: "Another address for all of AWS's services, for emulators only.",
};
