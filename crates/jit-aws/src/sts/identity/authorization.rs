//! The parts of a Version 4 Authorization header.
//!
//! Not here: checking the signature, for which the secret key would be needed.

use jiff::Timestamp;

use crate::endpoint::{Region, Service};
use crate::sigv4::{ALGORITHM, Scope};

/// A header that has the form of the algorithm's: one credential, one list of signed headers, one signature.
pub(super) struct Authorization<'a> {
    scope: &'a str,
    signed_headers: Vec<&'a str>,
}

impl<'a> Authorization<'a> {
    /// Reads the header; none when it has another form.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<(&str, &str)> = text
            .strip_prefix(ALGORITHM)?
            .strip_prefix(' ')?
            .split(',')
            .map(|part| part.trim().split_once('='))
            .collect::<Option<_>>()?;
        let [("Credential", credential), ("SignedHeaders", signed), ("Signature", signature)] = parts[..]
        else {
            return None;
        };
        let (key_id, scope) = credential.split_once('/')?;
        let is_key_id =
            !key_id.is_empty() && key_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_signature =
            signature.len() == 64 && signature.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let signed_headers: Vec<&str> = signed.split(';').collect();
        // Sorted and each name once, as the algorithm demands; this also bounds the list.
        let is_sorted = signed_headers.windows(2).all(|pair| pair[0] < pair[1]);
        (is_key_id && is_signature && is_sorted).then_some(Self { scope, signed_headers })
    }

    /// Tells whether the signature is for STS in the region on the day of that time.
    pub(super) fn is_scoped_to(&self, signed_at: Timestamp, region: &Region) -> bool {
        self.scope == Scope::new(signed_at, region.as_str(), Service::Sts.as_str()).as_str()
    }

    /// Tells whether the signature covers a header, by lower-case name.
    pub(super) fn signs(&self, name: &str) -> bool {
        self.signed_headers.contains(&name)
    }

    /// Returns the names of the headers that the signature covers.
    pub(super) fn signed_headers(&self) -> impl Iterator<Item = &'a str> {
        self.signed_headers.iter().copied()
    }
}
