//! Writes the allowed hosts of the configured regions into Spin's manifests, and changes nothing else in them.
//! Not here: whether the configuration is right; `jitr check` says that, and every component again.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::workspace::Workspace;

mod hosts;
mod write;

/// The manifests: with cron triggers, and without.
pub(crate) const MANIFESTS: [&str; 2] = ["spin.toml", "spin-http.toml"];

/// The configuration that the repository ships.
pub(crate) const CONFIGURATION: &str = "config/jit-runners.toml";

/// What `cargo xtask manifest` takes.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The configuration that names the regions.
    #[arg(long, default_value = CONFIGURATION)]
    config: PathBuf,
    /// GitHub's REST API; becomes the default of github_api_url. Without it the manifest's own default counts.
    #[arg(long, value_name = "URL")]
    github_api: Option<String>,
    /// One address for all of AWS's services, for emulators; becomes the default of aws_endpoint_url.
    #[arg(long, value_name = "URL", requires = "out")]
    aws_endpoint: Option<String>,
    /// The manifest to begin with.
    #[arg(long, default_value = MANIFESTS[0], requires = "out")]
    from: PathBuf,
    /// Writes one manifest here, `-` for standard output, instead of both in place.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Writes nothing, and fails when a manifest is not what would be written.
    #[arg(long, conflicts_with = "out")]
    check: bool,
}

/// Addresses that a person gave; without one the manifest's own default counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Addresses<'a> {
    /// GitHub's REST API.
    pub(crate) github_api: Option<&'a str>,
    /// One address for all of AWS's services.
    pub(crate) aws_endpoint: Option<&'a str>,
}

/// Writes or checks.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let configuration = read(&workspace.root.join(&options.config))?;
    let addresses = Addresses {
        github_api: options.github_api.as_deref(),
        aws_endpoint: options.aws_endpoint.as_deref(),
    };
    if let Some(out) = &options.out {
        let from = workspace.root.join(&options.from);
        let text = with_hosts(&read(&from)?, &configuration, addresses)
            .with_context(|| format!("cannot use {}", from.display()))?;
        return put(out, &text);
    }
    let mut stale = Vec::new();
    for name in MANIFESTS {
        let path = workspace.root.join(name);
        let is = read(&path)?;
        let should =
            with_hosts(&is, &configuration, addresses).with_context(|| format!("cannot use {name}"))?;
        if is == should {
            println!("manifest: {name} is current");
        } else if options.check {
            stale.push(name);
        } else {
            fs::write(&path, should).with_context(|| format!("cannot write {name}"))?;
            println!("manifest: {name} written");
        }
    }
    if !stale.is_empty() {
        bail!("{} is not of {}; run `cargo xtask manifest`", stale.join(" and "), options.config.display());
    }
    Ok(())
}

/// A manifest with the hosts that its components need under a configuration; comments and order stay as they are.
///
/// # Errors
/// When either is not TOML, a region or an address is not usable, or a component is unknown.
pub(crate) fn with_hosts(manifest: &str, configuration: &str, addresses: Addresses<'_>) -> Result<String> {
    let regions = hosts::regions(configuration).context("cannot read the regions")?;
    let storage = hosts::storage(configuration).context("cannot read where records are kept")?;
    write::with_hosts(manifest, &regions, storage.as_deref(), addresses)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn put(out: &Path, text: &str) -> Result<()> {
    if out == Path::new("-") {
        print!("{text}");
        return Ok(());
    }
    fs::write(out, text).with_context(|| format!("cannot write {}", out.display()))
}
