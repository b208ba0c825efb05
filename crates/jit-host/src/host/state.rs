//! What one instance owns: its WASI, its way out, its measure of memory.
//!
//! Not in here: running it (`invoke`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::io::AsyncWrite;
use tokio::sync::Semaphore;
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::egress::Egress;
use crate::bindings::cron::SpinCronPre;
use crate::clock::{Clock, SinceStart};
use crate::key_value::KeyValue;
use crate::limits::TABLE_ELEMENTS_MAX;
use crate::log::{Lines, Stream};
use crate::manifest::HostPattern;
use crate::options::Options;
use crate::random::{Source, generator};

/// A component, ready to be instantiated.
pub(super) struct Guest {
    pub(super) name: Arc<str>,
    /// Its HTTP export, if a trigger leads to it.
    pub(super) http: Option<ProxyPre<State>>,
    /// Its cron export, if it has one.
    pub(super) cron: Option<SpinCronPre<State>>,
    pub(super) allowed_hosts: BTreeSet<HostPattern>,
    pub(super) stores: BTreeSet<String>,
    pub(super) variables: BTreeMap<String, SecretString>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) files: Option<TempDir>,
    /// One for each instance of it that may be alive.
    pub(super) places: Arc<Semaphore>,
}

/// What one instance owns.
pub(crate) struct State {
    pub(super) wasi: WasiCtx,
    pub(super) http: WasiHttpCtx,
    pub(super) table: ResourceTable,
    pub(super) egress: Egress,
    pub(super) guest: Arc<Guest>,
    pub(super) key_value: Arc<dyn KeyValue>,
    pub(super) memory: MemoryMeter,
    pub(super) open_stores: usize,
}

impl State {
    pub(super) fn new(
        guest: Arc<Guest>,
        options: &Options,
        egress: Egress,
        number: u64,
    ) -> wasmtime::Result<Self> {
        Ok(Self {
            wasi: wasi(&guest, options, number)?,
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            egress,
            memory: MemoryMeter { limit: options.limits.memory_bytes, held: 0, peak: 0 },
            guest,
            key_value: options.key_value.clone(),
            open_stores: 0,
        })
    }
}

fn wasi(guest: &Guest, options: &Options, number: u64) -> wasmtime::Result<WasiCtx> {
    let mut wasi = WasiCtx::builder();
    for (stream, to_stderr) in [(Stream::Stdout, false), (Stream::Stderr, true)] {
        let lines = Lines::new(guest.name.clone(), stream, options.log.clone());
        let output = Output(Arc::new(Mutex::new(lines)));
        if to_stderr {
            wasi.stderr(output)
        } else {
            wasi.stdout(output)
        };
    }
    for (name, value) in &guest.environment {
        wasi.env(name, value);
    }
    if let Some(folder) = &guest.files {
        // The files are few and small; a thread for each read would cost more and disturb virtual time.
        wasi.allow_blocking_current_thread(true);
        wasi.preopened_dir(folder.path(), "/", FsPerms::ReadOnly)?;
    }
    if let Clock::Tokio { .. } = options.clock {
        wasi.wall_clock(options.clock).monotonic_clock(SinceStart::new());
    }
    if let Some(seed) = options.random_seed {
        use rand::Rng;
        let mut hash_seed = generator(seed, number, Source::HashSeed);
        wasi.secure_random(generator(seed, number, Source::Secure))
            .insecure_random(generator(seed, number, Source::Insecure))
            .insecure_random_seed(u128::from(hash_seed.next_u64()) << 64 | u128::from(hash_seed.next_u64()));
    }
    Ok(wasi.build())
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.egress }
    }
}

/// Refuses memory beyond the limit and remembers the most that was held.
pub(super) struct MemoryMeter {
    limit: usize,
    held: usize,
    /// Most bytes held at one time.
    pub(super) peak: usize,
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let held = self.held.saturating_add(desired.saturating_sub(current));
        if held > self.limit {
            return Ok(false);
        }
        self.held = held;
        self.peak = self.peak.max(held);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }
}

/// A component's standard output or error. Writing never waits, so no line is lost when an instance ends.
#[derive(Clone)]
struct Output(Arc<Mutex<Lines>>);

/// Bytes that a component may write at once.
const WRITE_BYTES_MAX: usize = 64 * 1024;

impl Output {
    fn put(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes);
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.put(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Output {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        self.put(bytes);
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}
