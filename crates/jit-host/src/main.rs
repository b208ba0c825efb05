//! `jit-host`: serves a Spin application, or lists what a component imports and exports.
//!
//! Not in here: anything but flags, signals and printing.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use jit_host::limits::SHUTDOWN_GRACE;
use jit_host::{Host, Log, Options, SqliteKeyValue, Stream, run_schedules, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// How Spin names the environment variables that give application variables their values.
const VARIABLE_PREFIX: &str = "SPIN_VARIABLE_";

/// Runs Spin applications in wasmtime.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves an application until SIGINT or SIGTERM.
    Up(Up),
    /// Lists a component's imports and exports, sorted, one a line.
    Inspect {
        /// The component.
        component: PathBuf,
    },
}

#[derive(Args)]
struct Up {
    /// The manifest.
    #[arg(long, default_value = "spin.toml")]
    from: PathBuf,
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Where the key-value file and compiled components are kept; made if missing.
    #[arg(long, default_value = ".spin")]
    state_dir: PathBuf,
    /// Leaves the cron triggers alone.
    #[arg(long)]
    no_cron: bool,
    /// The value of an application variable, name=value or name=@file; wins over SPIN_VARIABLE_NAME.
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Up(up) => run(up),
        Command::Inspect { component } => inspect(&component),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn inspect(path: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let interfaces = jit_host::inspect(&bytes).map_err(anyhow::Error::msg)?;
    let mut out = std::io::stdout().lock();
    for name in interfaces.exports {
        writeln!(out, "export {name}")?;
    }
    for name in interfaces.imports {
        writeln!(out, "import {name}")?;
    }
    Ok(())
}

fn run(up: Up) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        std::fs::create_dir_all(&up.state_dir)
            .with_context(|| format!("cannot make {}", up.state_dir.display()))?;
        let state_dir = up.state_dir.canonicalize()?;
        let key_value = SqliteKeyValue::open(&state_dir.join("sqlite_key_value.db"))
            .context("cannot open the key-value store")?;
        let options = Options {
            variables: variables(std::env::vars_os(), &up.variables)?,
            key_value: Arc::new(key_value),
            log: Arc::new(Console),
            cache_directory: Some(state_dir.join("compiled")),
            ..Options::default()
        };
        let host = Host::load(&up.from, options)?;
        let listener =
            TcpListener::bind(up.listen).await.with_context(|| format!("cannot listen on {}", up.listen))?;
        let address = listener.local_addr()?;
        // Whoever started us may have stopped reading; that must not end the server.
        let _ = announce(&host, address);
        let schedules = async {
            if up.no_cron { std::future::pending().await } else { run_schedules(host.clone()).await }
        };
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            served = serve(host.clone(), listener) => match served? {},
            () = schedules => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // What still runs may end its work, within reason.
        let _ = tokio::time::timeout(SHUTDOWN_GRACE, host.idle()).await;
        Ok(())
    })
}

/// Prints the address first, so that a script can wait for it.
fn announce(host: &Host, address: SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Serving http://{address}")?;
    for (route, component) in host.routes() {
        writeln!(out, "  {component}: http://{address}{route}")?;
    }
    out.flush()
}

/// The variables of the environment, then those of the flags.
fn variables(
    environment: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    flags: &[String],
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix(VARIABLE_PREFIX)) else { continue };
        let value = value.into_string().map_err(|_| {
            anyhow::anyhow!("the value of {VARIABLE_PREFIX}{name} is not UTF-8") // never the value itself
        })?;
        variables.insert(name.to_ascii_lowercase(), value);
    }
    for flag in flags {
        let Some((name, value)) = flag.split_once('=') else { bail!("--variable takes name=value") };
        let value = match value.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?,
            None => value.to_owned(),
        };
        variables.insert(name.to_owned(), value);
    }
    Ok(variables)
}

/// Prints what components say, each line behind its component's name.
struct Console;

impl Log for Console {
    fn line(&self, component: &str, stream: Stream, line: &str) {
        let mark = match stream {
            Stream::Stdout | Stream::Stderr => "|",
            Stream::Host => "!",
        };
        // Nobody may be reading; that must not end the server.
        let _ = writeln!(std::io::stderr().lock(), "{component} {mark} {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_environment() {
        let environment = [("SPIN_VARIABLE_A_B", "1"), ("SPIN_VARIABLE_C", "2"), ("OTHER", "3")]
            .map(|(n, v)| (n.into(), v.into()));
        let variables = variables(environment.into_iter(), &["c=4=5".to_owned()]).unwrap();
        assert_eq!(variables, BTreeMap::from([("a_b".into(), "1".into()), ("c".into(), "4=5".into())]));
    }

    #[test]
    fn a_flag_may_name_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "secret").unwrap();
        let variables = variables(std::iter::empty(), &[format!("key=@{}", path.display())]).unwrap();
        assert_eq!(variables["key"], "secret");
        assert!(super::variables(std::iter::empty(), &["novalue".to_owned()]).is_err());
    }
}
