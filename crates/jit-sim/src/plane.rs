//! The control plane in a world: the built components in jit-host, whose outbound calls the world answers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use jit_fakes::model::{ReplyDelay, ReplyLost};
use jit_host::outbound::Timeouts;
use jit_host::{BoxFuture, Clock, Host, Log, MemoryKeyValue, Options, Outbound, OutboundError};

use crate::world::{World, variables};

/// A world that the host's tasks share.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
    /// Shares a world.
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// Looks at the world, or changes it.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The control plane and its store.
#[derive(Clone)]
pub struct Plane {
    /// The host.
    pub host: Host,
    /// What the components keep.
    pub store: Arc<MemoryKeyValue>,
    clock: Clock,
}

impl Plane {
    /// Loads the application of a manifest. Time is tokio's, and begins at `start`.
    ///
    /// # Errors
    /// The manifest has faults, or a component is not built.
    pub fn load(
        manifest: &Path,
        world: &Shared,
        log: Arc<dyn Log>,
        seed: u64,
        start: Timestamp,
    ) -> Result<Self> {
        let epoch = Duration::from_millis(u64::try_from(start.as_millisecond())?);
        let store = Arc::new(MemoryKeyValue::default());
        let mut options = Options::deterministic(epoch, seed);
        let clock = options.clock;
        options.variables = variables();
        options.key_value = store.clone();
        options.outbound = Arc::new(Gateway { world: world.clone(), clock });
        options.log = log;
        options.cache_directory = Some(cache_directory());
        let host = Host::load(manifest, options)
            .with_context(|| format!("{} cannot be run; are the components built?", manifest.display()))?;
        Ok(Self { host, store, clock })
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        time_of(self.clock)
    }

    /// Sends a request to a public route.
    pub async fn request(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let response = self.host.request(request.map(Bytes::from)).await;
        response.map(|body| body.to_vec())
    }
}

/// Where compiled components are kept for the next start.
pub(crate) fn cache_directory() -> PathBuf {
    std::env::temp_dir().join("jit-runners-compiled")
}

fn time_of(clock: Clock) -> Timestamp {
    i64::try_from(clock.now().as_millis())
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Carries what leaves the application into the world.
struct Gateway {
    world: Shared,
    clock: Clock,
}

impl Outbound for Gateway {
    fn send<'a>(
        &'a self,
        component: &'a str,
        request: Request<Bytes>,
        _: Timeouts,
    ) -> BoxFuture<'a, Result<Response<Bytes>, OutboundError>> {
        Box::pin(async move {
            // A call takes a little time, so that calls of several invocations meet.
            tokio::time::sleep(LATENCY).await;
            let response = deliver(&self.world, component, time_of(self.clock), request.map(|b| b.to_vec()));
            let response = response.ok_or(OutboundError::Dns)?;
            settle(response).await.map(|r| r.map(Bytes::from)).map_err(|_| OutboundError::ReadTimeout)
        })
    }
}

/// How long a call takes there and back.
const LATENCY: Duration = Duration::from_millis(30);

/// Hands a request to whom its host names. `sender` is who sends it, for the account of GitHub's points.
pub fn deliver(
    world: &Shared,
    sender: &str,
    now: Timestamp,
    mut request: Request<Vec<u8>>,
) -> Option<Response<Vec<u8>>> {
    let authority = request.uri().authority()?.as_str().to_owned();
    let host = request.uri().host()?.to_owned();
    if !request.headers().contains_key(http::header::HOST)
        && let Ok(value) = authority.parse()
    {
        request.headers_mut().insert(http::header::HOST, value);
    }
    world.lock().answer(sender, now, &host, request)
}

/// Waits for a late reply; a lost one takes as long as its caller waits.
///
/// # Errors
/// The reply is lost.
pub async fn settle(mut response: Response<Vec<u8>>) -> Result<Response<Vec<u8>>> {
    if let Some(ReplyDelay(delay)) = response.extensions_mut().remove() {
        tokio::time::sleep(Duration::try_from(delay).unwrap_or_default()).await;
    }
    if response.extensions_mut().remove::<ReplyLost>().is_some() {
        tokio::time::sleep(Duration::from_secs(60)).await;
        return Err(anyhow!("the reply is lost"));
    }
    Ok(response)
}
