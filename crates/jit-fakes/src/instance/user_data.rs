//! What an instance is told at its launch: assignments in a shell text.
//! Not in it: the shell itself; the text is read, not run.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use secrecy::SecretString;

/// User data, version 1.
#[derive(Clone, Debug)]
pub struct UserData {
    /// Where to ask for work, without a slash at its end.
    pub registrar_url: String,
    /// The token for `booted` and the first claims.
    pub boot_token: SecretString,
    /// The batch that launched it.
    pub batch: String,
    /// The regional STS endpoint that the identity is signed for.
    pub sts_url: String,
    /// The agent's version.
    pub agent_version: String,
    /// Where the agent is downloaded from, and the download's SHA-256, 64 hexadecimal digits; none for a baked image, which
    /// has the agent inside.
    pub agent_download: Option<(String, String)>,
    /// How long it lives without an answer of the registrar.
    pub unclaimed_max: SignedDuration,
}

/// Why a text is no user data of version 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserDataError {
    /// It is not UTF-8.
    NotText,
    /// The line that names version 1 is missing.
    Version,
    /// A line assigns in another form than `NAME='value'`; its number from 1.
    Line(usize),
    /// An assignment is missing, or its value is of no use; its name.
    Assignment(&'static str),
}

/// A longer life than a job may have is a mistake.
const UNCLAIMED_MAX_S: i64 = 24 * 3600;

impl UserData {
    /// Reads the text.
    ///
    /// # Errors
    /// The first thing wrong with it. The instance can then do nothing but power off.
    pub fn parse(text: &[u8]) -> Result<Self, UserDataError> {
        let text = std::str::from_utf8(text).map_err(|_| UserDataError::NotText)?;
        if !text.starts_with("#!/bin/sh\n")
            || !text.lines().any(|line| line == "# jit-runners user data, version 1")
        {
            return Err(UserDataError::Version);
        }
        let assignments = assignments(text)?;
        let value = |name: &'static str| {
            let value = assignments.get(name).copied().filter(|value| !value.is_empty());
            value.ok_or(UserDataError::Assignment(name))
        };
        let unclaimed = "JIT_UNCLAIMED_MAX_S";
        let secs = value(unclaimed)?.parse().ok().filter(|secs| (1..=UNCLAIMED_MAX_S).contains(secs));
        let sha256 = "JIT_AGENT_SHA256";
        let is_digest =
            |digest: &&str| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        Ok(Self {
            registrar_url: value("JIT_REGISTRAR_URL")?.trim_end_matches('/').into(),
            boot_token: value("JIT_BOOT_TOKEN")?.into(),
            batch: value("JIT_BATCH")?.into(),
            sts_url: value("JIT_STS_URL")?.into(),
            agent_version: value("JIT_AGENT_VERSION")?.into(),
            agent_download: match (value("JIT_AGENT_URL"), value(sha256)) {
                (Err(_), Err(_)) => None,
                (url, digest) => {
                    let digest = Some(digest?).filter(is_digest).ok_or(UserDataError::Assignment(sha256))?;
                    Some((url?.into(), digest.into()))
                }
            },
            unclaimed_max: SignedDuration::from_secs(secs.ok_or(UserDataError::Assignment(unclaimed))?),
        })
    }
}

/// Finds the lines that assign to our names. A quote inside a value would end it early in a shell, so it is refused.
fn assignments(text: &str) -> Result<BTreeMap<&str, &str>, UserDataError> {
    let mut found = BTreeMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with("JIT_")) {
        let quoted = line.split_once('=').and_then(|(name, rest)| {
            let value = rest.strip_prefix('\'')?.strip_suffix('\'')?;
            (!value.contains('\'')).then_some((name, value))
        });
        let (name, value) = quoted.ok_or(UserDataError::Line(index + 1))?;
        found.insert(name, value);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::instance::tests::user_data;

    #[test]
    fn a_full_text_is_read() {
        let data = UserData::parse(&user_data("https://registrar.test/")).unwrap();
        assert_eq!(data.registrar_url, "https://registrar.test");
        assert_eq!(data.boot_token.expose_secret(), "boot-token");
        assert_eq!(data.unclaimed_max, SignedDuration::from_secs(1200));
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        let text = String::from_utf8(user_data("https://registrar.test")).unwrap();
        let error = |from: &str, to: &str| UserData::parse(text.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(error("version 1", "version 9"), UserDataError::Version);
        assert_eq!(error("#!/bin/sh\n", ""), UserDataError::Version);
        assert_eq!(error("JIT_BOOT_TOKEN", "#"), UserDataError::Assignment("JIT_BOOT_TOKEN"));
        assert_eq!(error("'1200'", "'soon'"), UserDataError::Assignment("JIT_UNCLAIMED_MAX_S"));
        assert_eq!(error("'1200'", "'0'"), UserDataError::Assignment("JIT_UNCLAIMED_MAX_S"));
        assert_eq!(error("JIT_AGENT_URL", "#"), UserDataError::Assignment("JIT_AGENT_URL"));
        assert_eq!(error("JIT_AGENT_SHA256", "#"), UserDataError::Assignment("JIT_AGENT_SHA256"));
        assert_eq!(error("'boot-token'", "boot-token"), UserDataError::Line(4));
        assert_eq!(error("'boot-token'", "'boot'token'"), UserDataError::Line(4));
        assert_eq!(UserData::parse(&[0xff]).unwrap_err(), UserDataError::NotText);
    }

    #[test]
    fn the_boot_token_is_not_printed() {
        let data = UserData::parse(&user_data("https://registrar.test")).unwrap();
        assert!(!format!("{data:?}").contains("boot-token"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "(#!/bin/sh\n# jit-runners user data, version 1\n)?(JIT_[A-Z_]{1,8}='?[ -~]{0,9}'?\n){0,6}") {
            let _ = UserData::parse(text.as_bytes());
        }
    }
}
