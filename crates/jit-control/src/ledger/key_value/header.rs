//! The stored form of a record: one line of JSON that says which write it was, then the value as it was given.
//! What the value means is not here.

use std::fmt;

use jit_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of this form. A reader leaves a newer one alone.
const FORM: u8 = 1;
/// Hexadecimal digits of the time in a write's id: milliseconds until the year 2527.
const TIME_DIGITS: usize = 11;
/// Digits of an id: the time and 32 random bits.
const ID_DIGITS: usize = TIME_DIGITS + 8;

/// Names one write for ever: when it was begun, and random digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct WriteId(String);

impl WriteId {
    /// Names a write begun now.
    pub(super) fn new(now: Timestamp, random: [u8; 4]) -> Self {
        let ms = now.as_ms() % (1 << (4 * TIME_DIGITS));
        Self(format!("{ms:0width$x}{:08x}", u32::from_be_bytes(random), width = TIME_DIGITS))
    }

    /// Reads it back; none if it has another form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let well_formed =
            text.len() == ID_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        well_formed.then(|| Self(text.to_owned()))
    }

    /// When the write was begun.
    pub(super) fn at(&self) -> Timestamp {
        // Invariant: the first digits are hexadecimal, as every constructor checks; so this never falls back.
        Timestamp::from_ms(u64::from_str_radix(&self.0[..TIME_DIGITS], 16).unwrap_or_default())
    }
}

impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for WriteId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not the id of a write")
    }
}

impl From<WriteId> for String {
    fn from(id: WriteId) -> Self {
        id.0
    }
}

/// What the ledger itself has to know about a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// Version of the stored form.
    v: u8,
    /// Version of the record: 1 at first, one more with each write.
    pub(super) version: u64,
    /// Which write it was.
    pub(super) id: WriteId,
    /// The ticket that entitled to it.
    pub(super) ticket: String,
    /// The index entry, while the record is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) opened_by: Option<WriteId>,
    /// When tidy may delete the record, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at_ms: Option<u64>,
    /// Whether this is what is left of a deleted record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) deleted: bool,
}

impl Header {
    /// Makes the header of a closed record that stays.
    pub(super) fn new(version: u64, id: WriteId, ticket: String) -> Self {
        Self { v: FORM, version, id, ticket, opened_by: None, expires_at_ms: None, deleted: false }
    }

    /// Puts header and value together.
    pub(super) fn encode(&self, value: &[u8]) -> Result<Vec<u8>, String> {
        let mut bytes = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        bytes.reserve_exact(value.len() + 1);
        bytes.push(b'\n');
        bytes.extend_from_slice(value);
        Ok(bytes)
    }

    /// Takes header and value apart. The error says what is wrong, without the value.
    pub(super) fn decode(mut bytes: Vec<u8>) -> Result<(Self, Vec<u8>), String> {
        /// All that is certain about a form that may be newer.
        #[derive(Deserialize)]
        struct Form {
            v: u8,
        }
        let end = bytes.iter().position(|b| *b == b'\n').ok_or("the stored record has no header")?;
        let head = &bytes[..end];
        let form: Form =
            serde_json::from_slice(head).map_err(|error| format!("the header is not readable: {error}"))?;
        if form.v > FORM {
            return Err(format!(
                "it was written in form {} by a newer release; this one knows {FORM}",
                form.v
            ));
        }
        let header =
            serde_json::from_slice(head).map_err(|error| format!("the header is not readable: {error}"))?;
        bytes.drain(..=end);
        Ok((header, bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        let id = WriteId::new(Timestamp::from_s(1_795_219_200), [0xAB; 4]);
        Header::new(7, id, "6-x.1".to_owned())
    }

    #[test]
    fn a_newer_form_is_left_alone() {
        let newer = header().encode(b"{}").unwrap();
        let newer = String::from_utf8(newer).unwrap().replace("\"v\":1", "\"v\":2,\"more\":true");
        assert!(Header::decode(newer.into_bytes()).unwrap_err().contains("form 2"));
    }

    #[test]
    fn the_stored_form_is_what_earlier_releases_wrote() {
        let stored =
            br#"{"v":1,"version":2,"id":"19f7c8a1f00deadbeef","ticket":"1-19f7c8a1e0000000000.1","later":1}"#;
        let (header, value) = Header::decode([stored.as_slice(), b"\nvalue\n"].concat()).unwrap();
        assert_eq!((header.version, header.id.to_string().as_str()), (2, "19f7c8a1f00deadbeef"));
        assert_eq!((header.opened_by, header.expires_at_ms, header.deleted), (None, None, false));
        assert_eq!(value, b"value\n");
    }

    proptest! {
        #[test]
        fn header_and_value_come_back(value: Vec<u8>, open: bool, deleted: bool, expires_at_ms: Option<u64>) {
            let opened_by = open.then(|| WriteId::new(Timestamp::from_ms(1), [0; 4]));
            let header = Header { opened_by, deleted, expires_at_ms, ..header() };
            let decoded = Header::decode(header.encode(&value).unwrap()).unwrap();
            prop_assert_eq!(decoded, (header, value));
        }

        #[test]
        fn arbitrary_bytes_are_an_error_and_no_panic(bytes: Vec<u8>) {
            prop_assert!(Header::decode(bytes).is_err());
        }
    }
}
