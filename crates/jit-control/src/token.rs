//! Tokens of instances: `jr1.<payload>.<mac>`, both in base64url; the MAC is HMAC-SHA256 with a claim key.
//!
//! A *boot* token is in the user data and good for `booted` and for claims, for any instance of its try. A *wait* token is bound
//! to one instance and good for claims. A *report* token is bound to one instance and good for reports only.
//! A token alone gets nothing: a claim also proves the instance's identity.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jit_domain::ids::{BatchId, ClassKey, InstanceKey};
use jit_domain::time::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::settings::{ClaimKey, ClaimKeys};

const PREFIX: &str = "jr1";
const DOMAIN: &[u8] = b"jit-runners token 1\0";
/// Longest token looked at: payloads have some 200 bytes.
const TOKEN_BYTES_MAX: usize = 1024;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// For any instance of one try.
    Boot {
        /// The class.
        class: ClassKey,
        /// The batch.
        batch: BatchId,
        /// The try.
        try_n: u32,
    },
    /// For claims of one instance.
    Wait(InstanceKey),
    /// For reports of one instance.
    Report(InstanceKey),
}

/// Why a token is not taken. The caller learns only that it isn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not one of ours, or no key signed it.
    #[error("the token is not one that this deployment signed")]
    Invalid,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case", deny_unknown_fields)]
enum Payload {
    Boot { key: String, class: String, batch: String, n: u32, exp: u64 },
    Wait { key: String, instance: String, exp: u64 },
    Report { key: String, instance: String, exp: u64 },
}

/// Signs a token. The same arguments give the same text for ever, so that a try can be repeated byte for byte.
pub fn sign(token: &Token, expires_at: Timestamp, claim_key: &ClaimKey) -> SecretString {
    let (key, exp) = (claim_key.id.clone(), expires_at.as_s());
    let payload = match token {
        Token::Boot { class, batch, try_n } => {
            Payload::Boot { key, class: class.to_string(), batch: batch.to_string(), n: *try_n, exp }
        }
        Token::Wait(instance) => Payload::Wait { key, instance: instance.to_string(), exp },
        Token::Report(instance) => Payload::Report { key, instance: instance.to_string(), exp },
    };
    let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&payload).unwrap_or_default());
    let mac = mac(&payload, claim_key).finalize().into_bytes();
    format!("{PREFIX}.{payload}.{}", URL_SAFE_NO_PAD.encode(mac)).into()
}

/// Checks a token with the keys of now and before.
///
/// # Errors
/// [`TokenError`].
pub fn verify(text: &str, now: Timestamp, claim_keys: &ClaimKeys) -> Result<Token, TokenError> {
    if text.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::Invalid);
    }
    let mut parts = text.split('.');
    let (Some(PREFIX), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Invalid);
    };
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Invalid)?;
    let mut keys = std::iter::once(&claim_keys.current).chain(&claim_keys.previous);
    let signed_by = keys.find(|key| mac(payload, key).verify_slice(&signature).is_ok());
    let signed_by = signed_by.ok_or(TokenError::Invalid)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenError::Invalid)?;
    let payload: Payload = serde_json::from_slice(&bytes).map_err(|_| TokenError::Invalid)?;
    let instance = |text: &str| InstanceKey::parse(text).ok_or(TokenError::Invalid);
    let (key, exp, token) = match payload {
        Payload::Boot { key, class, batch, n, exp } => {
            (key, exp, Token::Boot { class: ClassKey::new(class), batch: BatchId::new(batch), try_n: n })
        }
        Payload::Wait { key, instance: text, exp } => (key, exp, Token::Wait(instance(&text)?)),
        Payload::Report { key, instance: text, exp } => (key, exp, Token::Report(instance(&text)?)),
    };
    if key != signed_by.id {
        return Err(TokenError::Invalid);
    }
    if now.as_s() >= exp { Err(TokenError::Expired) } else { Ok(token) }
}

fn mac(payload: &str, key: &ClaimKey) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of every length");
    mac.update(DOMAIN);
    mac.update(payload.as_bytes());
    mac
}

#[cfg(test)]
mod tests;
