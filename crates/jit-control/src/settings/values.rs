//! The types of settings: addresses, secrets that rotate, claim keys. Reading them from variables is in `reader.rs`.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

/// Longest address, in bytes.
const ADDRESS_BYTES_MAX: usize = 512;

/// An absolute http or https address to put paths behind: without user, query and fragment, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// Reads an address to which secrets may go: https, or http to this machine itself.
    pub(super) fn parse_protected(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_protected = url.scheme() == "https" || is_this_machine(&url);
        Self::parse(text).filter(|_| is_protected)
    }

    /// Reads an address.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let address = url.as_str().trim_end_matches('/');
        (is_web && is_bare && address.len() <= ADDRESS_BYTES_MAX).then(|| Self(address.to_owned()))
    }

    /// The address without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A secret that can be replaced without a gap: while it rotates, the previous one is accepted too.
#[derive(Clone, Debug)]
pub struct Rotating(Vec<SecretString>);

impl Rotating {
    pub(super) fn new(current: SecretString, previous: Option<SecretString>) -> Self {
        Self(std::iter::once(current).chain(previous).collect())
    }

    /// All that are accepted, one or two, the current one first.
    pub fn accepted(&self) -> &[SecretString] {
        &self.0
    }
}

/// A key that signs what instances show.
#[derive(Clone, Debug)]
pub struct ClaimKey {
    /// Tells which key signed: the first 8 hexadecimal digits of the key's SHA-256.
    pub id: String,
    /// The key.
    pub secret: SecretString,
}

impl ClaimKey {
    pub(super) fn new(secret: SecretString) -> Self {
        let digest = Sha256::digest(secret.expose_secret().as_bytes());
        Self { id: hex::encode(&digest[..4]), secret }
    }
}

/// The claim keys: the current one signs, both are accepted.
#[derive(Clone, Debug)]
pub struct ClaimKeys {
    /// Signs what is new.
    pub current: ClaimKey,
    /// Signed what was made before the last change; none after that has expired.
    pub previous: Option<ClaimKey>,
}

impl ClaimKeys {
    /// The key of that id; none when it is not accepted any more.
    pub fn get(&self, id: &str) -> Option<&ClaimKey> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.id == id)
    }
}
