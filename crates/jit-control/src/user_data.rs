//! The text that an instance boots with. Everything but the boot token is fixed at the batch's birth and kept by digest;
//! the token is put in when a request is built, so that the ledger never holds one.

use jit_domain::ids::{BatchId, Cloud, Digest};
use jit_domain::policy::{Agent, Pool};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::ledger::{Change, Index, Key, Kind, Write};

const TOKEN_MARK: &str = "@JIT_BOOT_TOKEN@";
const BATCH_MARK: &str = "@JIT_BATCH@";
const CLOUD_MARK: &str = "@JIT_CLOUD@";
const STS_MARK: &str = "@JIT_STS_URL@";

/// What an instance does from power-on to power-off, for images that do not hold it.
const SCRIPT: &str = include_str!("../../../packer/boot/boot");
/// The hooks that the agent calls, each with the function in which the script looks for it.
const HOOKS: [(&str, &str); 2] = [
    ("job_started_hook", include_str!("../../../packer/boot/job-started.sh")),
    ("job_completed_hook", include_str!("../../../packer/boot/job-completed.sh")),
];

/// User data without its token, batch, cloud and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserData(String);

impl UserData {
    /// Writes the text for a pool: the parameters, which the script of a baked image reads; behind them the script itself when
    /// the pool has an image that does not hold it.
    pub fn new(registrar_url: &str, agent: &Agent, pool: &Pool) -> Self {
        let mut text = String::from("#!/bin/sh\n# jit-runners user data, version 1\n");
        let mut line = |name: &str, value: &str| {
            text.push_str(&format!("{name}={}\n", quote(value)));
        };
        line("JIT_REGISTRAR_URL", registrar_url);
        line("JIT_BOOT_TOKEN", TOKEN_MARK);
        line("JIT_BATCH", BATCH_MARK);
        line("JIT_CLOUD", CLOUD_MARK);
        line("JIT_STS_URL", STS_MARK);
        line("JIT_AGENT_VERSION", &agent.version);
        if let Some(download) = &agent.download {
            line("JIT_AGENT_URL", &download.url);
            line("JIT_AGENT_SHA256", download.sha256.as_str());
        }
        line("JIT_UNCLAIMED_MAX_S", &pool.ages.unclaimed_max.as_secs().to_string());
        if pool.boots_stock() {
            for (name, hook) in HOOKS {
                let hook = stripped(hook);
                text.push_str(&format!("{name}() {{\ncat <<'HOOK'\n#!/bin/sh\n{hook}HOOK\n}}\n"));
            }
            text.push_str(&stripped(SCRIPT));
        }
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
    pub fn fill(&self, batch: &BatchId, token: &SecretString, cloud: Cloud, sts_url: &str) -> SecretString {
        let quoted = |mark: &str| format!("'{mark}'");
        self.0
            .replace(&quoted(TOKEN_MARK), &quote(token.expose_secret()))
            .replace(&quoted(BATCH_MARK), &quote(batch.as_str()))
            .replace(&quoted(CLOUD_MARK), &quote(cloud.as_str()))
            .replace(&quoted(STS_MARK), &quote(sts_url))
            .into()
    }
}

/// Quotes a value for a POSIX shell: nothing in it is special any more.
fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

/// A script without comments, empty lines and indentation, for user data is short. No line of ours begins within quotes with any
/// of these.
fn stripped(script: &str) -> String {
    let lines = script.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use jit_aws::ec2::USER_DATA_BYTES_MAX;
    use jit_domain::ids::{ClassKey, ImageId, Region};
    use jit_domain::policy::{AgentDownload, Image, ImageKind, ImageRule};
    use jit_domain::time::Timestamp;

    use super::*;
    use crate::configuration;
    use crate::settings::ClaimKey;
    use crate::token::{self, Token};

    fn pool(kind: ImageKind) -> Pool {
        let policy = configuration::parse(include_str!("../../../config/jit-runners.toml"));
        let mut pool = policy.expect("the shipped configuration").pools.remove(0);
        pool.ages.unclaimed_max = Duration::from_secs(1200);
        let image = Image { id: ImageId::new("ami-89abcdef"), kind };
        let region = Region::new("us-east-1");
        pool.images.push(ImageRule { cloud: Cloud::Aws, region, machine_types: BTreeSet::new(), image });
        pool
    }

    fn user_data(kind: ImageKind, download: Option<AgentDownload>) -> UserData {
        let agent = Agent { version: "2.336.0".into(), download };
        UserData::new("https://runners.example.com", &agent, &pool(kind))
    }

    fn filled(user_data: &UserData, token: &str) -> String {
        let sts_url = "https://sts.us-east-1.amazonaws.com/";
        user_data.fill(&BatchId::new("b1"), &token.into(), Cloud::Aws, sts_url).expose_secret().to_owned()
    }

    fn download() -> AgentDownload {
        let version = "2.336.0";
        let file = format!("v{version}/actions-runner-linux-x64-{version}.tar.gz");
        let url = format!("https://github.com/actions/runner/releases/download/{file}");
        AgentDownload { url, sha256: Digest::new(hex::encode(Sha256::digest(b"x"))) }
    }

    #[test]
    fn the_stored_text_holds_no_token_and_the_filled_one_does() {
        let stored = user_data(ImageKind::Baked, None);
        assert_eq!(UserData::from_stored(stored.0.as_bytes()), Some(stored.clone()));
        let filled = filled(&stored, "jr1.x.y");
        for line in [
            "JIT_BOOT_TOKEN='jr1.x.y'",
            "JIT_BATCH='b1'",
            "JIT_CLOUD='aws'",
            "JIT_STS_URL='https://sts.us-east-1.amazonaws.com/'",
            "JIT_UNCLAIMED_MAX_S='1200'",
            "JIT_AGENT_VERSION='2.336.0'",
        ] {
            assert!(filled.lines().any(|l| l == line), "{line} in\n{filled}");
        }
        assert!(filled.starts_with("#!/bin/sh\n") && !filled.contains('@'));
    }

    #[test]
    fn a_baked_image_is_told_its_parameters_and_nothing_to_run() {
        let text = filled(&user_data(ImageKind::Baked, Some(download())), "jr1.x.y");
        assert!(text.lines().skip(2).all(|line| line.starts_with("JIT_")), "{text}");
    }

    #[test]
    fn a_stock_image_gets_the_script_and_the_hooks_within_what_ec2_takes() {
        let secret = "a claim key of 32 bytes for tests.".into();
        let key = ClaimKey { id: "0123abcd".into(), secret };
        let class = ClassKey::new("c".repeat(64));
        let token = Token::Boot { class, batch: BatchId::new("b".repeat(64)), try_n: 99 };
        let token = token::sign(&token, Timestamp::from_s(4_000_000_000), &key);
        let text = filled(&user_data(ImageKind::Stock, Some(download())), token.expose_secret());
        // An address of ours, or of the agent, may be longer than these.
        assert!(text.len() + 400 <= USER_DATA_BYTES_MAX, "{} bytes", text.len());
        assert!(text.ends_with("main\nfi\n") && text.contains("job_started_hook() {"));
        assert!(!text.lines().skip(2).any(|line| line.starts_with("# ")));
    }

    #[test]
    fn what_a_stock_image_gets_is_a_shell_s_script_and_so_are_its_hooks() {
        let text = filled(&user_data(ImageKind::Stock, Some(download())), "jr1.x.y");
        is_a_script(&text);
        let whole = |line: &&str| *line == "#!/bin/sh";
        assert_eq!(text.lines().filter(whole).count(), 3, "its own and one for each hook");
        for (name, hook) in HOOKS {
            is_a_script(&stripped(hook));
            assert!(SCRIPT.contains(name), "the script does not look for {name}");
        }
    }

    /// Has a shell read a script without running it.
    fn is_a_script(text: &str) {
        let mut shell = Command::new("sh").arg("-n").stdin(Stdio::piped()).spawn().expect("a shell");
        shell.stdin.take().expect("its input").write_all(text.as_bytes()).expect("it reads");
        assert!(shell.wait().expect("its end").success(), "{text}");
    }

    #[test]
    fn a_value_cannot_end_its_own_quotes() {
        assert_eq!(quote("a'b; rm -rf /"), "'a'\\''b; rm -rf /'");
    }
}
