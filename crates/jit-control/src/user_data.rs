//! The text that an instance boots with. Everything but the boot token is fixed at the batch's birth and kept by digest;
//! the token is put in when a request is built, so that the ledger never holds one.

use jit_domain::ids::{BatchId, Digest};
use jit_domain::policy::{Agent, Ages};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::ledger::{Change, Index, Key, Kind, Write};

const TOKEN_MARK: &str = "@JIT_BOOT_TOKEN@";
const BATCH_MARK: &str = "@JIT_BATCH@";
const STS_MARK: &str = "@JIT_STS_URL@";

/// User data without its token, batch and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserData(String);

impl UserData {
    /// Writes the text for a pool.
    pub fn new(registrar_url: &str, agent: &Agent, ages: &Ages) -> Self {
        let mut text = String::from("#!/bin/sh\n# jit-runners user data, version 1\n");
        let mut line = |name: &str, value: &str| {
            text.push_str(&format!("{name}={}\n", quote(value)));
        };
        line("JIT_REGISTRAR_URL", registrar_url);
        line("JIT_BOOT_TOKEN", TOKEN_MARK);
        line("JIT_BATCH", BATCH_MARK);
        line("JIT_STS_URL", STS_MARK);
        line("JIT_AGENT_VERSION", &agent.version);
        if let Some(download) = &agent.download {
            line("JIT_AGENT_URL", &download.url);
            line("JIT_AGENT_SHA256", download.sha256.as_str());
        }
        line("JIT_UNCLAIMED_MAX_S", &ages.unclaimed_max.as_secs().to_string());
        text.push_str("exec /opt/jit-runners/boot\n");
        Self(text)
    }

    /// Takes the text as the ledger kept it.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        String::from_utf8(bytes.to_vec()).ok().filter(|text| text.contains(TOKEN_MARK)).map(Self)
    }

    /// SHA-256 of the text, in hexadecimal.
    pub fn digest(&self) -> Digest {
        Digest::new(hex::encode(Sha256::digest(self.0.as_bytes())))
    }

    /// The write that keeps the text; it loses if the text is kept already, which is as good.
    pub fn write(&self) -> Write {
        let value =
            Change::Put { value: self.0.clone().into_bytes(), index: Index::Closed, expires_at: None };
        Write { key: Key::new(Kind::UserData, self.digest()), expected: 0, value }
    }

    /// The whole text for one try.
    pub fn fill(&self, batch: &BatchId, token: &SecretString, sts_url: &str) -> SecretString {
        let quoted = |mark: &str| format!("'{mark}'");
        self.0
            .replace(&quoted(TOKEN_MARK), &quote(token.expose_secret()))
            .replace(&quoted(BATCH_MARK), &quote(batch.as_str()))
            .replace(&quoted(STS_MARK), &quote(sts_url))
            .into()
    }
}

/// Quotes a value for a POSIX shell: nothing in it is special any more.
fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn user_data() -> UserData {
        let hour = Duration::from_secs(3600);
        let ages = Ages { unclaimed_max: Duration::from_secs(1200), waiting_max: hour, job_max: hour };
        UserData::new(
            "https://runners.example.com",
            &Agent { version: "2.336.0".into(), download: None },
            &ages,
        )
    }

    #[test]
    fn the_stored_text_holds_no_token_and_the_filled_one_does() {
        let stored = user_data();
        assert_eq!(UserData::from_stored(stored.0.as_bytes()), Some(stored.clone()));
        let filled =
            stored.fill(&BatchId::new("b1"), &"jr1.x.y".into(), "https://sts.us-east-1.amazonaws.com/");
        let filled = filled.expose_secret();
        for line in [
            "JIT_BOOT_TOKEN='jr1.x.y'",
            "JIT_BATCH='b1'",
            "JIT_UNCLAIMED_MAX_S='1200'",
            "JIT_AGENT_VERSION='2.336.0'",
        ] {
            assert!(filled.lines().any(|l| l == line), "{line} in\n{filled}");
        }
        assert!(filled.starts_with("#!/bin/sh\n") && !filled.contains('@'));
    }

    #[test]
    fn a_value_cannot_end_its_own_quotes() {
        assert_eq!(quote("a'b; rm -rf /"), "'a'\\''b; rm -rf /'");
    }
}
