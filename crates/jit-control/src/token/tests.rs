//! Tests of the tokens: what each says, how long, under which keys, and that nothing else is taken.

use proptest::prelude::*;

use super::*;
use crate::settings::ClaimKeys;

const EXPIRES_AT: Timestamp = Timestamp::from_s(1_795_219_200);

fn key(id: &str, secret: &str) -> ClaimKey {
    ClaimKey { id: id.to_owned(), secret: secret.to_owned().into() }
}

fn current() -> ClaimKey {
    key("0a1b2c3d", "a claim key of 32 bytes for tests.")
}

fn only(current: ClaimKey) -> ClaimKeys {
    ClaimKeys { current, previous: None }
}

fn instance() -> InstanceKey {
    InstanceKey::parse("aws/us-east-1/i-0123456789abcdef0").expect("a key")
}

/// Every kind, with the text that it is signed as; made once by another implementation of HMAC and base64, for instances show
/// tokens of the release that launched them.
fn examples() -> [(Token, &'static str); 3] {
    let (class, batch) = (ClassKey::new("class-1"), BatchId::new("batch-1"));
    [
        (
            Token::Boot { class, batch, try_n: 2 },
            "jr1.eyJrIjoiYm9vdCIsImtleSI6IjBhMWIyYzNkIiwiY2xhc3MiOiJjbGFzcy0xIiwiYmF0Y2giOiJiYXRjaC0xIiwibiI6MiwiZXhwIjox\
             Nzk1MjE5MjAwfQ.y0CYV4ZFeFlrrPMsx-gNY4YtqtKWmRI-qQIGoBIVzvA",
        ),
        (
            Token::Wait(instance()),
            "jr1.eyJrIjoid2FpdCIsImtleSI6IjBhMWIyYzNkIiwiaW5zdGFuY2UiOiJhd3MvdXMtZWFzdC0xL2ktMDEyMzQ1Njc4OWFiY2RlZjAiLCJl\
             eHAiOjE3OTUyMTkyMDB9.0JDVZukrMhXTvxFMR92Xpzx8w152HzNNnufbBRClLG4",
        ),
        (
            Token::Report(instance()),
            "jr1.eyJrIjoicmVwb3J0Iiwia2V5IjoiMGExYjJjM2QiLCJpbnN0YW5jZSI6ImF3cy91cy1lYXN0LTEvaS0wMTIzNDU2Nzg5YWJjZGVmMCIs\
             ImV4cCI6MTc5NTIxOTIwMH0.k1vRHEveDkN4kQ-QfLAnXPU0BrXNFGUx4MSUEi76Aw0",
        ),
    ]
}

/// A payload with a right signature.
fn signed(payload: &str) -> String {
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signature = mac(&payload, &current()).finalize().into_bytes();
    format!("{PREFIX}.{payload}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn verify_at(text: &str, now_s: u64) -> Result<Token, TokenError> {
    verify(text, Timestamp::from_s(now_s), &only(current()))
}

#[test]
fn each_kind_is_signed_as_ever_and_reads_back_until_its_second() {
    for (token, text) in examples() {
        assert_eq!(sign(&token, EXPIRES_AT, &current()).expose_secret(), text);
        let now_s = EXPIRES_AT.as_s();
        assert_eq!(verify_at(text, now_s - 1), Ok(token.clone()), "in its last second");
        assert_eq!(verify_at(text, now_s), Err(TokenError::Expired), "{token:?}");
        assert_eq!(verify_at(text, now_s * 2), Err(TokenError::Expired), "{token:?}");
    }
}

#[test]
fn the_key_before_is_accepted_and_none_before_that() {
    let newer = || key("4e5f6071", "a newer claim key of 32 bytes, too");
    for (token, text) in examples() {
        let rotated = ClaimKeys { current: newer(), previous: Some(current()) };
        assert_eq!(verify(text, Timestamp::default(), &rotated), Ok(token));
        let rotated_twice =
            ClaimKeys { current: key("8899aabb", "the newest of all claim keys"), previous: Some(newer()) };
        assert_eq!(verify(text, Timestamp::default(), &rotated_twice), Err(TokenError::Invalid));
    }
}

#[test]
fn a_token_names_the_key_that_signed_it() {
    let renamed = only(key("4e5f6071", current().secret.expose_secret()));
    for (_, text) in examples() {
        assert_eq!(verify(text, Timestamp::default(), &renamed), Err(TokenError::Invalid));
    }
}

#[test]
fn a_token_with_any_character_changed_added_or_left_out_is_none() {
    for (token, text) in examples() {
        for at in 0..text.len() {
            let (before, rest) = text.split_at(at);
            let other = if rest.starts_with('A') { 'B' } else { 'A' };
            for forged in [
                format!("{before}{other}{}", &rest[1..]),
                format!("{before}{}", &rest[1..]),
                format!("{before}{other}{rest}"),
            ] {
                assert_eq!(verify_at(&forged, 0), Err(TokenError::Invalid), "{token:?} changed at {at}");
            }
        }
    }
}

#[test]
fn what_is_signed_and_says_nothing_we_know_is_no_token() {
    let wait = |members: &str| format!(r#"{{"k":"wait","key":"0a1b2c3d",{members}"exp":1}}"#);
    let is_read = |payload: &str| verify_at(&signed(payload), 0);
    assert_eq!(
        is_read(&wait(r#""instance":"aws/us-east-1/i-0123456789abcdef0","#)),
        Ok(Token::Wait(instance()))
    );
    for payload in [
        "",
        "null",
        &wait(""),
        &wait(r#""instance":"i-0123456789abcdef0","#),
        &wait(r#""instance":"moon/us-east-1/i-0123456789abcdef0","#),
        &wait(r#""instance":"aws/us-east-1/i-0123456789abcdef0","more":1,"#),
        r#"{"k":"root","key":"0a1b2c3d","exp":1}"#,
        r#"{"k":"boot","key":"0a1b2c3d","class":"c","batch":"b","n":-1,"exp":1}"#,
    ] {
        assert_eq!(is_read(payload), Err(TokenError::Invalid), "{payload}");
    }
}

#[test]
fn the_same_key_signs_nothing_else_that_would_be_a_token() {
    let (_, text) = &examples()[0];
    let (rest, _) = text.rsplit_once('.').expect("three parts");
    let payload = rest.trim_start_matches("jr1.");
    let mut mac =
        Hmac::<Sha256>::new_from_slice(current().secret.expose_secret().as_bytes()).expect("any key will do");
    mac.update(payload.as_bytes());
    let undivided = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    assert_eq!(verify_at(&format!("{rest}.{undivided}"), 0), Err(TokenError::Invalid));
}

#[test]
fn a_token_longer_than_any_of_ours_is_not_looked_at() {
    let long =
        format!(r#"{{"k":"wait","key":"0a1b2c3d","instance":"aws/us-east-1/{}","exp":1}}"#, "i".repeat(700));
    let text = signed(&long);
    assert!(text.len() > TOKEN_BYTES_MAX, "{}", text.len());
    assert_eq!(verify_at(&text, 0), Err(TokenError::Invalid));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_or_passes(text in ".{0,200}", payload in ".{0,100}") {
        prop_assert_eq!(verify_at(&text, 0), Err(TokenError::Invalid));
        prop_assert_eq!(verify_at(&signed(&payload), 0), Err(TokenError::Invalid));
        prop_assert_eq!(verify_at(&format!("jr1.{payload}.{text}"), 0), Err(TokenError::Invalid));
    }
}
