//! Seals cached installation tokens, so that who reads the ledger gets none. The key is derived from the App's private key and
//! the function's name: it needs no variable of its own, and no function can open another's tokens by mistake.

use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// Bytes of the random nonce before each ciphertext.
pub(super) const NONCE_BYTES: usize = 12;

/// Seals and opens tokens of one function.
pub(super) struct Seal(ChaCha20Poly1305);

impl Seal {
    /// Derives the key.
    pub(super) fn new(private_key: &SecretString, function: &str) -> Self {
        let mut derive =
            <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(private_key.expose_secret().as_bytes())
                .expect("HMAC takes keys of every length");
        derive.update(b"jit-runners seal 1\0");
        derive.update(function.as_bytes());
        let key: [u8; 32] = derive.finalize().into_bytes().into();
        Self(ChaCha20Poly1305::new(Key::from_slice(&key)))
    }

    /// Seals a token.
    pub(super) fn seal(&self, token: &SecretString, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let sealed = self.0.encrypt(Nonce::from_slice(&nonce), token.expose_secret().as_bytes());
        // Encryption fails only beyond 256 GiB; nothing kept means that the next invocation asks for a token again.
        sealed.map(|sealed| [nonce.as_slice(), &sealed].concat()).unwrap_or_default()
    }

    /// Opens a token; none if it was sealed with another key, or damaged.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<SecretString> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let token = self.0.decrypt(Nonce::from_slice(nonce), sealed).ok()?;
        String::from_utf8(token).ok().map(SecretString::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_function_that_sealed_a_token_can_open_it() {
        let key = SecretString::from("private key");
        let sealed = Seal::new(&key, "registrar").seal(&"ghs_token".into(), [7; NONCE_BYTES]);
        assert!(!sealed.windows(9).any(|w| w == b"ghs_token"));
        assert_eq!(Seal::new(&key, "registrar").open(&sealed).unwrap().expose_secret(), "ghs_token");
        assert!(Seal::new(&key, "rebalancer").open(&sealed).is_none());
        assert!(Seal::new(&"other".into(), "registrar").open(&sealed).is_none());
        assert!(Seal::new(&key, "registrar").open(&sealed[..5]).is_none());
    }
}
