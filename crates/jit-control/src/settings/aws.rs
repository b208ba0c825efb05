//! Where a component's rights in AWS come from. The rule is: exactly one source. With an access key it is the key, or the role if one
//! is named; without a key it is the role with a web identity token; or it is the container credential endpoint. Two sources
//! at once are a fault that names both, and so is half of one.
//! Not here: fetching and keeping temporary keys (`crate::aws`).

use jit_aws::Credentials;
use jit_aws::container::ContainerAddress;
use jit_aws::sts::{RoleArn, SessionName};
use secrecy::SecretString;

use super::Component;
use super::reader::{Read, Reader};
use super::values::Address;
use super::variables::{AWS_ENDPOINT_URL, CredentialVariables};
use crate::aws::Kept;

/// Where the rights of one component come from.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    /// A key, used as it is.
    Key(Credentials),
    /// A role, assumed with a key.
    Role {
        /// The role.
        role: RoleArn,
        /// The key that may assume it.
        key: Credentials,
    },
    /// A role, assumed with an identity provider's token.
    WebIdentity {
        /// The role.
        role: RoleArn,
        /// The token.
        token: WebIdentityToken,
    },
    /// The host's endpoint for temporary keys.
    Container {
        /// Where it is.
        address: ContainerAddress,
        /// What it wants to see, if anything.
        token: Option<SecretString>,
    },
}

/// Where an identity provider's token is.
#[derive(Clone, Debug)]
pub enum WebIdentityToken {
    /// This is it: the variable's value at the beginning of the invocation.
    Value(SecretString),
    /// In this file, read at each use, as its owner renews it.
    File(String),
}

/// What a component may do in AWS, and where AWS is. Clones share the temporary keys of their invocation.
#[derive(Clone, Debug)]
pub struct AwsAccess {
    /// Whose rights they are; sessions are called so.
    pub component: Component,
    /// Where the rights come from.
    pub source: CredentialSource,
    /// Where all services are, if not at AWS; for emulators only.
    pub endpoint_url: Option<Address>,
    /// The temporary keys, once they were fetched.
    pub(crate) kept: Kept,
}

impl AwsAccess {
    /// The rights of a key, at AWS itself.
    pub fn of_key(component: Component, key: Credentials) -> Self {
        Self { component, source: CredentialSource::Key(key), endpoint_url: None, kept: Kept::default() }
    }

    /// Reads the rights of a component that cannot do without.
    pub(super) fn read(reader: &Reader<'_>, variables: &CredentialVariables) -> Read<Self> {
        match Self::read_optional(reader, variables)? {
            Some(access) => Ok(access),
            None => Err(reader.no_source(variables)),
        }
    }

    /// Reads the rights of a component that may have none.
    pub(super) fn read_optional(reader: &Reader<'_>, variables: &CredentialVariables) -> Read<Option<Self>> {
        let endpoint_url = reader.optional_address(&AWS_ENDPOINT_URL);
        let source = source(reader, variables);
        let (endpoint_url, source) = (endpoint_url?, source?);
        Ok(source.map(|source| Self {
            component: variables.component,
            source,
            endpoint_url,
            kept: Kept::default(),
        }))
    }

    /// What sessions of assumed roles are called.
    pub(crate) fn session_name(&self) -> Option<SessionName> {
        SessionName::parse(self.component.as_str())
    }

    /// The variable whose value ends by itself and is renewed by nobody but its owner; none where we renew.
    pub fn expiring_variable(&self) -> Option<String> {
        let name = |of: &str| Some(format!("{}_aws_{of}", self.component.as_str()));
        match &self.source {
            CredentialSource::Key(key) | CredentialSource::Role { key, .. } => {
                key.session_token.as_ref().and_then(|_| name("session_token"))
            }
            CredentialSource::WebIdentity { token: WebIdentityToken::Value(_), .. } => {
                name("web_identity_token")
            }
            CredentialSource::WebIdentity { token: WebIdentityToken::File(_), .. }
            | CredentialSource::Container { .. } => None,
        }
    }

    /// The session token that will end with nobody to renew it, by the name of its variable.
    pub fn session_token_without_renewal(&self) -> Option<String> {
        match &self.source {
            CredentialSource::Key(_) | CredentialSource::Role { .. } => self.expiring_variable(),
            CredentialSource::WebIdentity { .. } | CredentialSource::Container { .. } => None,
        }
    }
}

/// The one source that is set; none when no variable of any is.
fn source(reader: &Reader<'_>, variables: &CredentialVariables) -> Read<Option<CredentialSource>> {
    let v = variables;
    let key = key(reader, v);
    let role = reader.optional_text(&v.role_arn);
    let web_identity = web_identity(reader, v);
    let container = container(reader, v);
    let (key, role, web_identity, container) = (key?, role?, web_identity?, container?);
    let role = match role {
        None => None,
        Some(text) => Some(RoleArn::parse(&text).ok_or_else(|| reader.out_of_range(&v.role_arn))?),
    };
    let web_variable = match &web_identity {
        Some(WebIdentityToken::File(_)) => &v.web_identity_token_file,
        Some(WebIdentityToken::Value(_)) | None => &v.web_identity_token,
    };
    match (key, role, web_identity, container) {
        (None, None, None, None) => Ok(None),
        (Some(key), None, None, None) => Ok(Some(CredentialSource::Key(key))),
        (Some(key), Some(role), None, None) => Ok(Some(CredentialSource::Role { role, key })),
        (None, Some(role), Some(token), None) => Ok(Some(CredentialSource::WebIdentity { role, token })),
        (None, None, None, Some((address, token))) => {
            Ok(Some(CredentialSource::Container { address, token }))
        }
        (Some(_), _, Some(_), _) => Err(reader.both(&v.access_key_id, web_variable)),
        (Some(_), _, None, Some(_)) => Err(reader.both(&v.access_key_id, &v.container_credentials_uri)),
        (None, _, Some(_), Some(_)) => Err(reader.both(web_variable, &v.container_credentials_uri)),
        (None, Some(_), None, Some(_)) => Err(reader.both(&v.role_arn, &v.container_credentials_uri)),
        (None, Some(_), None, None) => {
            Err(reader.needs(&v.role_arn, &[&v.access_key_id, &v.web_identity_token]))
        }
        (None, None, Some(_), None) => Err(reader.needs(web_variable, &[&v.role_arn])),
    }
}

fn key(reader: &Reader<'_>, v: &CredentialVariables) -> Read<Option<Credentials>> {
    let id = reader.optional_text(&v.access_key_id);
    let secret = reader.optional_secret(&v.secret_access_key);
    let session_token = reader.optional_secret(&v.session_token);
    match (id?, secret?, session_token?) {
        (Some(access_key_id), Some(secret_access_key), session_token) => {
            Ok(Some(Credentials { access_key_id, secret_access_key, session_token }))
        }
        (None, None, None) => Ok(None),
        (Some(_), None, _) => Err(reader.needs(&v.access_key_id, &[&v.secret_access_key])),
        (None, Some(_), _) => Err(reader.needs(&v.secret_access_key, &[&v.access_key_id])),
        (None, None, Some(_)) => Err(reader.needs(&v.session_token, &[&v.access_key_id])),
    }
}

fn web_identity(reader: &Reader<'_>, v: &CredentialVariables) -> Read<Option<WebIdentityToken>> {
    let value = reader.optional_secret(&v.web_identity_token);
    let file = reader.optional_text(&v.web_identity_token_file);
    match (value?, file?) {
        (None, None) => Ok(None),
        (Some(value), None) => Ok(Some(WebIdentityToken::Value(value))),
        (None, Some(file)) => Ok(Some(WebIdentityToken::File(file))),
        (Some(_), Some(_)) => Err(reader.both(&v.web_identity_token, &v.web_identity_token_file)),
    }
}

type Container = (ContainerAddress, Option<SecretString>);

fn container(reader: &Reader<'_>, v: &CredentialVariables) -> Read<Option<Container>> {
    let address = reader.optional_text(&v.container_credentials_uri);
    let token = reader.optional_secret(&v.container_authorization_token);
    match (address?, token?) {
        (None, None) => Ok(None),
        (Some(address), token) => match ContainerAddress::parse(&address) {
            Some(address) => Ok(Some((address, token))),
            None => Err(reader.out_of_range(&v.container_credentials_uri)),
        },
        (None, Some(_)) => {
            Err(reader.needs(&v.container_authorization_token, &[&v.container_credentials_uri]))
        }
    }
}

#[cfg(test)]
mod tests;
