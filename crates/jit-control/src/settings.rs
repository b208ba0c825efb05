//! Spin's variables, read once into what each component needs; a component can name no other than its own.
//! Not here: wishes, which stand in `config/jit-runners.toml` (`configuration.rs`), and how a host sets a variable.
//!
//! `variables.rs` declares every variable once; `reader.rs` reads them and collects the faults; `values.rs` has the types.

mod aws;
mod reader;
#[cfg(test)]
mod tests;
mod values;
pub mod variables;

use jit_domain::policy::Storage;
use jit_github::AppId;

use crate::aws::{SecretSource, StoredSecret};
use crate::configuration::Fault;

pub use self::aws::{AwsAccess, CredentialSource, WebIdentityToken};
pub use values::{Address, ClaimKey, ClaimKeys, Rotating};

use self::reader::{Read, Reader, Recorded};
use self::variables::*;

/// A component of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Takes GitHub's deliveries.
    Webhook,
    /// Launches instances.
    Scaleup,
    /// Follows jobs and instances to their end.
    Lifecycle,
    /// Removes what nobody owns.
    Scaledown,
    /// Compares what we believe with GitHub and the clouds.
    Rebalancer,
    /// Gives instances their work.
    Registrar,
}

impl Component {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Webhook, Self::Scaleup, Self::Lifecycle, Self::Scaledown, Self::Rebalancer, Self::Registrar];

    /// Its name, the same in folders, logs and `spin.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Scaleup => "scaleup",
            Self::Lifecycle => "lifecycle",
            Self::Scaledown => "scaledown",
            Self::Rebalancer => "rebalancer",
            Self::Registrar => "registrar",
        }
    }
}

/// What one component was set to.
#[derive(Clone, Debug)]
pub enum Settings {
    /// For webhook.
    Webhook(WebhookSettings),
    /// For scaleup.
    Scaleup(ScaleupSettings),
    /// For lifecycle.
    Lifecycle(KeeperSettings),
    /// For scaledown.
    Scaledown(KeeperSettings),
    /// For rebalancer.
    Rebalancer(KeeperSettings),
    /// For registrar.
    Registrar(RegistrarSettings),
}

impl Settings {
    /// Reads the variables of a component; `get` answers one variable by its name, and an empty value is none.
    ///
    /// # Errors
    /// All faults at once, at least one. None repeats a value.
    pub fn read(component: Component, get: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<Fault>> {
        match component {
            Component::Webhook => WebhookSettings::read(get).map(Self::Webhook),
            Component::Scaleup => ScaleupSettings::read(get).map(Self::Scaleup),
            Component::Lifecycle => KeeperSettings::read(Keeper::Lifecycle, get).map(Self::Lifecycle),
            Component::Scaledown => KeeperSettings::read(Keeper::Scaledown, get).map(Self::Scaledown),
            Component::Rebalancer => KeeperSettings::read(Keeper::Rebalancer, get).map(Self::Rebalancer),
            Component::Registrar => RegistrarSettings::read(get).map(Self::Registrar),
        }
    }

    /// The GitHub App, for the components that act as it.
    pub fn github(&self) -> Option<&GitHubApp> {
        match self {
            Self::Webhook(_) | Self::Scaleup(_) => None,
            Self::Lifecycle(s) | Self::Scaledown(s) | Self::Rebalancer(s) => Some(&s.github),
            Self::Registrar(s) => Some(&s.github),
        }
    }

    /// The component's rights in AWS, if it has any.
    pub fn aws(&self) -> Option<&AwsAccess> {
        match self {
            Self::Webhook(s) => s.aws(),
            Self::Scaleup(s) => s.aws(),
            Self::Lifecycle(s) | Self::Scaledown(s) | Self::Rebalancer(s) => s.aws(),
            Self::Registrar(s) => s.aws(),
        }
    }

    /// Faults that cost too much to look for at each invocation: whether the private key can sign.
    pub fn dear_faults(&self) -> Vec<Fault> {
        let wrong = self.github().and_then(|app| match &app.private_key {
            SecretSource::Value(key) => jit_github::AppKey::from_pem(key).err(),
            SecretSource::Stored(_) => None,
        });
        wrong.into_iter().map(|error| reader::fault(&GITHUB_PRIVATE_KEY, &error.to_string())).collect()
    }
}

/// Settings that may bring rights in AWS.
pub trait Rights {
    /// The component's own rights, if it has any.
    fn aws(&self) -> Option<&AwsAccess>;
}

impl Rights for WebhookSettings {
    fn aws(&self) -> Option<&AwsAccess> {
        self.aws.as_ref()
    }
}

impl Rights for ScaleupSettings {
    fn aws(&self) -> Option<&AwsAccess> {
        Some(&self.aws)
    }
}

impl Rights for KeeperSettings {
    fn aws(&self) -> Option<&AwsAccess> {
        Some(&self.aws)
    }
}

impl Rights for RegistrarSettings {
    fn aws(&self) -> Option<&AwsAccess> {
        self.aws.as_ref()
    }
}

/// Why a component cannot reach records and messages in AWS.
pub(crate) const NO_RIGHTS_IN_AWS: &str =
    "records and messages are in AWS, where this component has no rights";

/// The fault of a component that has no rights where records and messages are.
pub fn storage_fault(component: Component, storage: &Storage, rights: Option<&AwsAccess>) -> Option<Fault> {
    match (storage, rights) {
        (Storage::KeyValue, _) | (Storage::Aws(_), Some(_)) => None,
        (Storage::Aws(_), None) => Some(Fault {
            line: None,
            path: format!("{}_aws_access_key_id", component.as_str()),
            what: NO_RIGHTS_IN_AWS.to_owned(),
            remedy: "give it a key, a role or an endpoint (docs/aws-credentials.md)".to_owned(),
        }),
    }
}

/// What webhook needs: to know GitHub's signature, and rights in AWS where its queues are there.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Its own rights in the cloud; none when nothing of it is there.
    pub aws: Option<AwsAccess>,
    /// The secrets that GitHub may sign with.
    pub secrets: WebhookSecrets,
}

impl WebhookSettings {
    /// Reads webhook's variables.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<Fault>> {
        let reader = Reader::new(Component::Webhook, &get);
        let aws = AwsAccess::read_optional(&reader, &WEBHOOK_AWS);
        let secrets = WebhookSecrets::read(&reader, &aws);
        reader.finish(|| Ok(Self { aws: aws?, secrets: secrets? }))
    }
}

/// The secrets that GitHub may sign deliveries with.
#[derive(Clone, Debug)]
pub enum WebhookSecrets {
    /// From variables.
    Values(Rotating),
    /// In Secrets Manager, which keeps the one before too.
    Stored(StoredSecret),
}

impl WebhookSecrets {
    fn read(reader: &Reader<'_>, aws: &Read<Option<AwsAccess>>) -> Read<Self> {
        let variables = (&GITHUB_WEBHOOK_SECRET, &GITHUB_WEBHOOK_SECRET_ARN);
        let current = reader.secret_source(variables, aws, &WEBHOOK_AWS);
        let previous = reader.optional_secret(&GITHUB_WEBHOOK_SECRET_PREVIOUS);
        match (current?, previous?) {
            (SecretSource::Value(current), previous) => Ok(Self::Values(Rotating::new(current, previous))),
            (SecretSource::Stored(stored), None) => Ok(Self::Stored(*stored)),
            (SecretSource::Stored(_), Some(_)) => {
                Err(reader.both(&GITHUB_WEBHOOK_SECRET_ARN, &GITHUB_WEBHOOK_SECRET_PREVIOUS))
            }
        }
    }
}

/// What scaleup needs: to launch, and to sign boot tokens. Nothing of GitHub.
#[derive(Clone, Debug)]
pub struct ScaleupSettings {
    /// Its own rights in the cloud.
    pub aws: AwsAccess,
    /// Where instances reach the registrar.
    pub public_url: Address,
    /// The keys of boot tokens.
    pub claim_keys: ClaimKeys,
    /// What its cron route takes.
    pub cron_tokens: Rotating,
}

impl ScaleupSettings {
    /// Reads scaleup's variables.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<Fault>> {
        let reader = Reader::new(Component::Scaleup, &get);
        let aws = AwsAccess::read(&reader, &SCALEUP_AWS);
        let public_url = reader.address(&PUBLIC_URL);
        let claim_keys = reader.claim_keys();
        let cron_tokens = reader.rotating(&CRON_TOKEN, &CRON_TOKEN_PREVIOUS);
        reader.finish(|| {
            Ok(Self {
                aws: aws?,
                public_url: public_url?,
                claim_keys: claim_keys?,
                cron_tokens: cron_tokens?,
            })
        })
    }
}

/// A component that runs on a schedule and sees both GitHub and the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Lifecycle.
    Lifecycle,
    /// Scaledown.
    Scaledown,
    /// Rebalancer.
    Rebalancer,
}

/// What lifecycle, scaledown and rebalancer need, each with rights of its own.
#[derive(Clone, Debug)]
pub struct KeeperSettings {
    /// The App it acts as at GitHub.
    pub github: GitHubApp,
    /// Its own rights in the cloud.
    pub aws: AwsAccess,
    /// What its cron route takes.
    pub cron_tokens: Rotating,
}

impl KeeperSettings {
    /// Reads the variables of one of the three.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn read(keeper: Keeper, get: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<Fault>> {
        let (component, credentials) = match keeper {
            Keeper::Lifecycle => (Component::Lifecycle, &LIFECYCLE_AWS),
            Keeper::Scaledown => (Component::Scaledown, &SCALEDOWN_AWS),
            Keeper::Rebalancer => (Component::Rebalancer, &REBALANCER_AWS),
        };
        let reader = Reader::new(component, &get);
        let aws = AwsAccess::read(&reader, credentials);
        let rights = aws.as_ref().map(|aws| Some(aws.clone())).map_err(|_| Recorded);
        let github = GitHubApp::read(&reader, &rights, credentials);
        let cron_tokens = reader.rotating(&CRON_TOKEN, &CRON_TOKEN_PREVIOUS);
        reader.finish(|| Ok(Self { github: github?, aws: aws?, cron_tokens: cron_tokens? }))
    }
}

/// What registrar needs: to mint at GitHub and to know boot tokens. Who an instance is costs no rights in a cloud, as it forwards
/// what the instance signed.
#[derive(Clone, Debug)]
pub struct RegistrarSettings {
    /// The App it acts as at GitHub.
    pub github: GitHubApp,
    /// The keys of boot tokens.
    pub claim_keys: ClaimKeys,
    /// Its own address as instances reach it; what they sign names it.
    pub public_url: Address,
    /// Its own rights in the cloud; none when neither ledger nor queues are there.
    pub aws: Option<AwsAccess>,
    /// Where STS is, if not at AWS.
    pub aws_endpoint_url: Option<Address>,
}

impl RegistrarSettings {
    /// Reads registrar's variables.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<Fault>> {
        let reader = Reader::new(Component::Registrar, &get);
        let aws = AwsAccess::read_optional(&reader, &REGISTRAR_AWS);
        let github = GitHubApp::read(&reader, &aws, &REGISTRAR_AWS);
        let claim_keys = reader.claim_keys();
        let public_url = reader.address(&PUBLIC_URL);
        let aws_endpoint_url = reader.optional_address(&AWS_ENDPOINT_URL);
        reader.finish(|| {
            Ok(Self {
                github: github?,
                claim_keys: claim_keys?,
                public_url: public_url?,
                aws: aws?,
                aws_endpoint_url: aws_endpoint_url?,
            })
        })
    }
}

/// The GitHub App and where its API is.
#[derive(Clone, Debug)]
pub struct GitHubApp {
    /// The App's number or client id.
    pub app_id: AppId,
    /// Its private key in PEM, or where it is; one in a variable has the right shape, and [`Settings::dear_faults`] tells whether it
    /// can sign.
    pub private_key: SecretSource,
    /// The REST API.
    pub api_url: Address,
}

impl GitHubApp {
    fn read(reader: &Reader<'_>, aws: &Read<Option<AwsAccess>>, rights: &CredentialVariables) -> Read<Self> {
        let app_id = reader.parsed(&GITHUB_APP_ID, |text| AppId::new(text).ok());
        let variables = (&GITHUB_PRIVATE_KEY, &GITHUB_PRIVATE_KEY_SECRET_ARN);
        let private_key = reader.secret_source(variables, aws, rights);
        let api_url = reader.address(&GITHUB_API_URL);
        Ok(Self { app_id: app_id?, private_key: private_key?, api_url: api_url? })
    }
}
