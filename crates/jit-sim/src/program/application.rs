//! The application that a program runs: a manifest for the world's addresses, and beside it the components and files it names.
//! Spin mounts only what lies within the manifest's folder, so they are copied there
//! (<https://spinframework.dev/v3/writing-apps#including-files-with-components>, read 2026-11-22).
//! Not here: which hosts a component may call; `cargo xtask manifest` knows.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jit_host::Manifest;
use jit_host::manifest::CronTrigger;
use tokio::process::Command;

use super::Setting;
use super::doors::Doors;

/// Writing the manifest may take this long; where xtask has to be built first, most of it goes there.
const WRITE_MAX: Duration = Duration::from_secs(600);
/// Where the manifests take the configuration from.
const CONFIGURATION: &str = "config/jit-runners.toml";
/// Folders within folders that are copied; ours has none.
const DEPTH_MAX: usize = 8;

/// Writes the application into a folder and answers the path of its manifest.
///
/// # Errors
/// `cargo xtask manifest` fails, or a component is not built.
pub(super) async fn write(setting: Setting<'_>, doors: &Doors, folder: &Path) -> Result<PathBuf> {
    let to = folder.join("spin.toml");
    let mut xtask = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    xtask.args(["xtask", "manifest", "--from"]).arg(setting.manifest).arg("--config").arg(setting.config);
    xtask.args(["--github-api", &doors.github, "--aws-endpoint", &doors.aws]).arg("--out").arg(&to);
    let written = tokio::time::timeout(WRITE_MAX, xtask.kill_on_drop(true).status());
    let status = written.await.context("the manifest was not written in time")?;
    if !status.context("cargo cannot be started")?.success() {
        bail!("`cargo xtask manifest` failed");
    }
    let from = setting.manifest.parent().unwrap_or(Path::new(""));
    for source in sources(&read(&to)?) {
        copy(&from.join(&source), &folder.join(&source), DEPTH_MAX)
            .with_context(|| format!("cannot copy {}; are the components built?", source.display()))?;
    }
    // The configuration may be another one than that which lies beside the manifest.
    copy(setting.config, &folder.join(CONFIGURATION), 0).context("no configuration")?;
    Ok(to)
}

/// The cron triggers of a manifest.
///
/// # Errors
/// It cannot be read, or has none.
pub(super) fn schedules(manifest: &Path) -> Result<Vec<CronTrigger>> {
    let schedules = read(manifest)?.cron_triggers;
    if schedules.is_empty() {
        bail!("{} has no schedules", manifest.display());
    }
    Ok(schedules)
}

fn read(path: &Path) -> Result<Manifest> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Manifest::parse(&text).with_context(|| format!("{} has faults", path.display()))
}

fn sources(manifest: &Manifest) -> BTreeSet<PathBuf> {
    let components = manifest.components.values();
    components
        .flat_map(|component| {
            let files = component.files.iter().map(|mount| mount.source.clone());
            std::iter::once(component.source.clone()).chain(files)
        })
        .collect()
}

/// Copies a file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path, depth: usize) -> Result<()> {
    if !from.is_dir() {
        fs::create_dir_all(to.parent().context("no folder")?)?;
        return fs::copy(from, to).map(drop).with_context(|| format!("no {}", from.display()));
    }
    if depth == 0 {
        bail!("{} is too deep", from.display());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()), depth - 1)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_names_is_copied_with_its_folders_and_what_is_missing_is_told() {
        let from = tempfile::tempdir().unwrap();
        let to = tempfile::tempdir().unwrap();
        fs::create_dir_all(from.path().join("config/deep")).unwrap();
        fs::write(from.path().join("config/deep/a.toml"), "a = 1").unwrap();
        copy(&from.path().join("config"), &to.path().join("config"), DEPTH_MAX).unwrap();
        assert_eq!(fs::read_to_string(to.path().join("config/deep/a.toml")).unwrap(), "a = 1");
        assert!(copy(&from.path().join("config"), &to.path().join("again"), 1).is_err());
        let missing = copy(&from.path().join("x.wasm"), &to.path().join("x.wasm"), DEPTH_MAX).unwrap_err();
        assert!(format!("{missing:#}").contains("x.wasm"), "{missing:#}");
    }

    #[test]
    fn each_component_and_each_mounted_folder_is_a_source_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let sources = sources(&read(&root.join("spin-http.toml")).unwrap());
        assert_eq!(sources.len(), 7, "{sources:?}");
        assert!(sources.contains(Path::new("config")));
        let schedules = schedules(&root.join("spin.toml")).unwrap();
        let woken: Vec<&str> = schedules.iter().map(|trigger| trigger.component.as_str()).collect();
        assert_eq!(woken, ["scaleup", "lifecycle", "rebalancer", "scaledown"]);
        assert!(super::schedules(&root.join("spin-http.toml")).is_err());
    }
}
