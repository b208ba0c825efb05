//! The variables of each component's own rights in AWS: eight names for six components.
//! Not here: which of them may stand together (`settings/aws.rs`).

use super::{Need, Secrecy, Shape, Variable};
use crate::settings::Component::{self, Lifecycle, Rebalancer, Registrar, Scaledown, Scaleup, Webhook};

/// The variables that name one component's source of rights.
pub(in crate::settings) struct CredentialVariables {
    pub(in crate::settings) component: Component,
    pub(in crate::settings) access_key_id: Variable,
    pub(in crate::settings) secret_access_key: Variable,
    pub(in crate::settings) session_token: Variable,
    pub(in crate::settings) role_arn: Variable,
    pub(in crate::settings) web_identity_token: Variable,
    pub(in crate::settings) web_identity_token_file: Variable,
    pub(in crate::settings) container_credentials_uri: Variable,
    pub(in crate::settings) container_authorization_token: Variable,
}

macro_rules! credentials {
    ($name:ident, $component:expr, $prefix:literal, $without:literal) => {
        pub(in crate::settings) static $name: CredentialVariables = CredentialVariables {
            component: $component,
            access_key_id: Variable {
                name: concat!($prefix, "_aws_access_key_id"),
                shape: Shape::AwsText,
                need: Need::Optional($without),
                secrecy: Secrecy::Plain,
                components: &[$component],
                since: "0.1.0",
                meaning: concat!("The id of the AWS access key that ", $prefix, " alone uses."),
            },
            secret_access_key: Variable {
                name: concat!($prefix, "_aws_secret_access_key"),
                shape: Shape::AwsText,
                need: Need::Optional("there is no key"),
                secrecy: Secrecy::Secret,
                components: &[$component],
                since: "0.1.0",
                meaning: "The secret half of that key.",
            },
            session_token: Variable {
                name: concat!($prefix, "_aws_session_token"),
                shape: Shape::AwsText,
                need: Need::Optional("a long-term key"),
                secrecy: Secrecy::Secret,
                components: &[$component],
                since: "0.1.0",
                meaning: "The session token of that key, when it is a temporary one. \
                          Nothing renews it, and `jitr check` warns of that.",
            },
            role_arn: Variable {
                name: concat!($prefix, "_aws_role_arn"),
                shape: Shape::RoleArn,
                need: Need::Optional("the key itself is used"),
                secrecy: Secrecy::Plain,
                components: &[$component],
                since: "0.1.0",
                meaning: concat!(
                    "The role that ",
                    $prefix,
                    " assumes, with its key or with its web identity token; one call of STS in each invocation that calls AWS."
                ),
            },
            web_identity_token: Variable {
                name: concat!($prefix, "_aws_web_identity_token"),
                shape: Shape::WebToken,
                need: Need::Optional("no web identity, or one in a file"),
                secrecy: Secrecy::Secret,
                components: &[$component],
                since: "0.1.0",
                meaning: "The token of an identity provider that the role trusts, read anew in each invocation.",
            },
            web_identity_token_file: Variable {
                name: concat!($prefix, "_aws_web_identity_token_file"),
                shape: Shape::Path,
                need: Need::Optional("no web identity, or one in a variable"),
                secrecy: Secrecy::Plain,
                components: &[$component],
                since: "0.1.0",
                meaning: "The file with that token as the component sees it, read anew at each use.",
            },
            container_credentials_uri: Variable {
                name: concat!($prefix, "_aws_container_credentials_uri"),
                shape: Shape::ContainerAddress,
                need: Need::Optional("no container credential endpoint"),
                secrecy: Secrecy::Plain,
                components: &[$component],
                since: "0.1.0",
                meaning: "The whole address at which ECS, EKS or a like host hands out temporary keys.",
            },
            container_authorization_token: Variable {
                name: concat!($prefix, "_aws_container_authorization_token"),
                shape: Shape::AwsText,
                need: Need::Optional("that endpoint is asked without"),
                secrecy: Secrecy::Secret,
                components: &[$component],
                since: "0.1.0",
                meaning: "What that endpoint wants to see in the Authorization header.",
            },
        };
    };
}

credentials!(WEBHOOK_AWS, Webhook, "webhook", "no rights in AWS, or another source of them");
credentials!(SCALEUP_AWS, Scaleup, "scaleup", "another source of rights is needed");
credentials!(LIFECYCLE_AWS, Lifecycle, "lifecycle", "another source of rights is needed");
credentials!(SCALEDOWN_AWS, Scaledown, "scaledown", "another source of rights is needed");
credentials!(REBALANCER_AWS, Rebalancer, "rebalancer", "another source of rights is needed");
credentials!(REGISTRAR_AWS, Registrar, "registrar", "no rights in AWS, or another source of them");
