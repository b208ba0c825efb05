//! Bytes as a message's text and back: SQS takes the characters of XML only, and at least one of them.
//!
//! Not here: a limit of length; that of SQS is for the text ([`super::MESSAGE_BYTES_MAX`]).
//!
//! Text of legal characters goes as it is, so that a person who looks into a queue can read it. Anything else goes as
//! `base64:` and its base64, and so does text that begins with that word, so that each text has one meaning.
//! "Any characters not included in this list are rejected":
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html> (read 2026-11-22).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What an encoded body begins with.
const MARK: &str = "base64:";

/// Writes any bytes as text that SQS takes; at worst a third longer, and seven.
///
/// ```
/// use jit_aws::sqs::to_text;
/// assert_eq!(to_text(b"{\"v\":1}"), "{\"v\":1}");
/// assert_eq!(to_text(b"\0"), "base64:AA==");
/// ```
#[must_use]
pub fn to_text(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if !text.is_empty() && !text.starts_with(MARK) && text.chars().all(is_legal) => {
            text.to_owned()
        }
        _ => format!("{MARK}{}", STANDARD.encode(body)),
    }
}

/// Reads the bytes of a text; one that says it is base64 and is not stands for itself, as somebody else has sent it.
///
/// ```
/// use jit_aws::sqs::from_text;
/// assert_eq!(from_text("base64:AA=="), b"\0");
/// assert_eq!(from_text("base64:?"), b"base64:?");
/// ```
#[must_use]
pub fn from_text(text: &str) -> Vec<u8> {
    text.strip_prefix(MARK)
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .unwrap_or_else(|| text.as_bytes().to_vec())
}

/// XML's characters but the carriage return, which an XML reader on the other side would turn into a line feed.
fn is_legal(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\u{20}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_xml_cannot_carry_is_encoded() {
        for body in [b"".as_slice(), b"\n\0\xff", b"a\rb", "\u{fffe}".as_bytes(), b"base64:", b"\x1b[0m"] {
            let text = to_text(body);
            assert!(text.starts_with(MARK), "{text}");
            assert_eq!(from_text(&text), body);
        }
        for body in ["{\"name\":\"b\u{fc}ild \u{1f680}\"}\n\t", "BASE64:", " "] {
            assert_eq!(to_text(body.as_bytes()), body);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back_as_they_were_from_legal_text(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = to_text(&body);
            prop_assert!(!text.is_empty() && text.chars().all(is_legal));
            prop_assert!(text.len() <= body.len().div_ceil(3) * 4 + MARK.len());
            prop_assert_eq!(from_text(&text), body);
        }

        #[test]
        fn any_text_comes_back_as_it_was(text in "(base64:)?[ -~\r\n\u{0}\u{fc}]{0,40}") {
            prop_assert_eq!(from_text(&to_text(text.as_bytes())), text.into_bytes());
        }
    }
}
