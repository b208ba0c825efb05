//! Node and the npm packages of this folder, if they are there.
//! Not in it: installing them, which is `npm ci`, and what a check runs.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// The oldest that the packages run on.
const NODE_MIN: u32 = 20;

/// A file of this folder, or of a package in it.
pub(crate) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm").join(path)
}

/// Node, free of what the environment tells it, and ended when its handle is dropped.
pub(crate) fn node() -> Command {
    let mut command = Command::new("node");
    command.kill_on_drop(true).env_remove("NODE_OPTIONS").env_remove("NODE_ENV");
    command.env("NODE_NO_WARNINGS", "1").env("FORCE_COLOR", "0").env("NO_PROXY", "127.0.0.1");
    command
}

/// Why a check that needs this package cannot run here; `None` if it can.
pub(crate) async fn missing(package: &str) -> Option<String> {
    let version = node().arg("--version").output().await.ok().filter(|output| output.status.success());
    let Some(version) = version else { return Some("node is not installed".to_owned()) };
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|text| text.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MIN) {
        return Some(format!("node {version} is older than {NODE_MIN}"));
    }
    let installed = file("node_modules").join(package).join("package.json").exists();
    (!installed).then(|| format!("{package} is not installed: run `npm ci` in crates/jit-fakes/tests/npm"))
}
