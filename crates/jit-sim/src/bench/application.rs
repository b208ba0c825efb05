//! The application as the bench runs it: the shipped manifest and configuration in a folder of their own, with caps that a burst
//! of 500 jobs fits under, and a component beside it that answers at once.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// Instances that the bench's pool may have: more than the largest burst has jobs.
const INSTANCES_MAX: u32 = 1_000;
/// Where the component is that answers at once, below the folder of the built components.
const AT_ONCE: &str = "jit_host_probe.wasm";

/// A folder with manifests and the configuration that they mount.
#[derive(Debug)]
pub struct Application {
    folder: TempDir,
    built: PathBuf,
    /// The text of the configuration.
    pub configuration: String,
}

impl Application {
    /// Derives the bench's application from the shipped one.
    ///
    /// # Errors
    /// A file cannot be read or written, or is no longer in the form that the bench knows.
    pub fn derive(manifest: &Path, configuration: &Path) -> Result<Self> {
        let read = |path: &Path| {
            fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
        };
        let root = fs::canonicalize(manifest)?.parent().context("the manifest has no folder")?.to_owned();
        let built = root.join("target/wasm32-wasip2/release");
        let mut text = read(configuration)?;
        for cap in ["instances", "instances_per_organisation", "launches_per_hour"] {
            text = raise(&text, cap, INSTANCES_MAX)?;
        }
        let folder = TempDir::new().context("there is no place for the bench's application")?;
        let built_text = built.to_str().context("the workspace's path is not UTF-8")?;
        let whole = read(manifest)?.replace("target/wasm32-wasip2/release", built_text);
        ensure!(whole.contains(built_text), "{} names no built component", manifest.display());
        fs::write(folder.path().join("spin.toml"), whole)?;
        fs::write(folder.path().join("webhook.toml"), webhook_alone(built_text))?;
        fs::create_dir(folder.path().join("config"))?;
        fs::write(folder.path().join("config/jit-runners.toml"), &text)?;
        Ok(Self { folder, built, configuration: text })
    }

    /// The manifest with all six components.
    pub fn whole(&self) -> PathBuf {
        self.folder.path().join("spin.toml")
    }

    /// The manifest with webhook, and in every other component's place the one that answers at once.
    pub fn webhook_alone(&self) -> PathBuf {
        self.folder.path().join("webhook.toml")
    }

    /// The bytes of a built component.
    ///
    /// # Errors
    /// It is not built.
    pub fn size(&self, component: &str) -> Result<u64> {
        let path = self.built.join(component).with_extension("wasm");
        Ok(fs::metadata(&path).with_context(|| format!("{} is not built", path.display()))?.len())
    }
}

/// webhook as it is shipped; the functions that it nudges do nothing, so that only webhook is measured.
fn webhook_alone(built: &str) -> String {
    format!(
        r#"spin_manifest_version = 2
[application]
name = "bench"
[variables]
github_webhook_secret = {{ default = "", secret = true }}
github_webhook_secret_previous = {{ default = "", secret = true }}
[[trigger.http]]
route = "/webhook"
component = "webhook"
[[trigger.http]]
route = "/at-once"
component = "at-once"
[[trigger.http]]
route = {{ private = true }}
component = "scaleup"
[[trigger.http]]
route = {{ private = true }}
component = "lifecycle"
[component.webhook]
source = "{built}/webhook.wasm"
allowed_outbound_hosts = ["http://scaleup.spin.internal", "http://lifecycle.spin.internal"]
key_value_stores = ["default"]
files = [{{ source = "config", destination = "/config" }}]
[component.webhook.variables]
github_webhook_secret = "{{{{ github_webhook_secret }}}}"
github_webhook_secret_previous = "{{{{ github_webhook_secret_previous }}}}"
[component.at-once]
source = "{built}/{AT_ONCE}"
[component.scaleup]
source = "{built}/{AT_ONCE}"
[component.lifecycle]
source = "{built}/{AT_ONCE}"
"#
    )
}

/// Gives the one line `key = <number>` another number.
fn raise(text: &str, key: &str, to: u32) -> Result<String> {
    let is_it = |line: &str| line.split_once('=').is_some_and(|(name, _)| name.trim() == key);
    let found = text.lines().filter(|line| is_it(line)).count();
    ensure!(found == 1, "the configuration has {found} lines with `{key}`, not one");
    let lines: Vec<String> = text
        .lines()
        .map(|line| if is_it(line) { format!("{key} = {to}") } else { line.to_owned() })
        .collect();
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Application {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Application::derive(&root.join("spin.toml"), &root.join("config/jit-runners.toml")).unwrap()
    }

    #[test]
    fn the_shipped_configuration_with_raised_caps_is_valid() {
        let policy = jit_control::configuration::parse(&shipped().configuration).unwrap();
        let caps = &policy.pools[0].caps;
        assert_eq!((caps.instances, caps.instances_per_organisation), (INSTANCES_MAX, Some(INSTANCES_MAX)));
    }

    #[test]
    fn both_manifests_are_in_form() {
        let application = shipped();
        for path in [application.whole(), application.webhook_alone()] {
            let manifest = jit_host::Manifest::parse(&fs::read_to_string(path).unwrap()).unwrap();
            assert!(manifest.components.values().all(|component| component.source.is_absolute()));
        }
    }

    #[test]
    fn a_cap_that_is_not_there_once_is_a_fault() {
        assert!(raise("a = 1\n", "b", 2).is_err() && raise("a = 1\na = 2\n", "a", 2).is_err());
        assert_eq!(raise("a = 1\nab = 1\n", "a", 2).unwrap(), "a = 2\nab = 1\n");
    }
}
