//! The services on the endpoint: how each is recognised, which dialect it speaks, and how it puts a refusal.
//! Not in it: what a service does, and in which order a request is checked (`pipeline`).

use http::Request;

use super::access::SkewLimits;
use super::error::ApiError;
use super::limits::Limits;
use super::pipeline::Answer;
use super::query::Query;
use super::signature::{Claim, Unsigned};
use super::{dynamodb, roles, sqs, sts};

/// A service on the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Ec2,
    Sts,
    Sqs,
    DynamoDb,
    SecretsManager,
    Ssm,
}

/// How a service is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Action and parameters in a form; XML comes back.
    Query,
    /// The action in the header `x-amz-target` behind a prefix; JSON both ways.
    Json {
        /// With the dot.
        prefix: &'static str,
        media_type: &'static str,
    },
}

const JSON_1_0: &str = "application/x-amz-json-1.0";
const JSON_1_1: &str = "application/x-amz-json-1.1";
/// The namespace of errors that all services have in common.
pub(crate) const COMMON: &str = "com.amazon.coral.service";

impl Service {
    const ALL: [Self; 6] = [Self::Ec2, Self::Sts, Self::Sqs, Self::DynamoDb, Self::SecretsManager, Self::Ssm];

    /// The service that a request's header `x-amz-target` names, and its action.
    pub(crate) fn by_target(request: &Request<Vec<u8>>) -> Option<(Self, &str)> {
        let target = request.headers().get("x-amz-target")?.to_str().ok()?;
        Self::ALL.into_iter().find_map(|service| match service.dialect() {
            Dialect::Query => None,
            Dialect::Json { prefix, .. } => Some((service, target.strip_prefix(prefix)?)),
        })
    }

    /// The service of a request without a target: that of its signature's scope; an unsigned one shows it by its form.
    pub(crate) fn by_scope(claim: Result<&Claim, &Unsigned>, query: &Query) -> Self {
        let named = |claim: &Claim| Self::ALL.into_iter().find(|service| service.scope() == claim.service);
        match claim {
            Ok(claim) => named(claim).unwrap_or(Self::Ec2),
            Err(_) if query.get("Version") == Some(sts::VERSION) => Self::Sts,
            Err(Unsigned::Missing) if query.get("Action") == Some(roles::WEB_IDENTITY) => Self::Sts,
            Err(_) => Self::Ec2,
        }
    }

    /// The name in a signature's scope, and before the colon of a right.
    pub(crate) fn scope(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Sts => "sts",
            Self::Sqs => "sqs",
            Self::DynamoDb => "dynamodb",
            Self::SecretsManager => "secretsmanager",
            Self::Ssm => "ssm",
        }
    }

    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Ec2 | Self::Sts => Dialect::Query,
            Self::Sqs => Dialect::Json { prefix: "AmazonSQS.", media_type: JSON_1_0 },
            Self::DynamoDb => Dialect::Json { prefix: "DynamoDB_20120810.", media_type: JSON_1_0 },
            Self::SecretsManager => Dialect::Json { prefix: "secretsmanager.", media_type: JSON_1_1 },
            Self::Ssm => Dialect::Json { prefix: "AmazonSSM.", media_type: JSON_1_1 },
        }
    }

    /// How far a request's date may be from now.
    pub(crate) fn skew(self, limits: &Limits) -> SkewLimits {
        match self {
            Self::Ec2 => limits.ec2_skew,
            Self::Sts | Self::Sqs | Self::DynamoDb | Self::SecretsManager | Self::Ssm => limits.other_skew,
        }
    }

    /// The HTTP status for whoever is not believed or may not.
    pub(crate) fn denied_status(self) -> u16 {
        match self {
            Self::Ec2 | Self::Sts | Self::Sqs => 403,
            Self::DynamoDb | Self::SecretsManager | Self::Ssm => 400,
        }
    }

    /// The code of a failure that is the service's own fault.
    pub(crate) fn internal_error(self) -> &'static str {
        match self {
            Self::DynamoDb => "InternalServerError",
            Self::Ec2 | Self::Sts | Self::Sqs | Self::SecretsManager | Self::Ssm => "InternalError",
        }
    }

    /// The error document.
    pub(crate) fn tell(self, error: &ApiError, request_id: &str) -> Answer {
        let json = |namespace, message| error.as_json(namespace, message).into();
        match self {
            Self::Ec2 => error.as_ec2(request_id).into(),
            Self::Sts => error.as_sts(request_id).into(),
            Self::Sqs => json(sqs::error::namespace(&error.code), "message"),
            Self::DynamoDb => {
                json(dynamodb::error::namespace(&error.code), dynamodb::error::member(&error.code))
            }
            Self::SecretsManager | Self::Ssm => json(COMMON, "message"),
        }
    }
}
