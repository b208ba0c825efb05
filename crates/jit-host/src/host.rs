//! A running application: its components, compiled once, and a fresh instance of one for each invocation.
//!
//! Not in here: sockets (`serve`), waiting for schedules (`cron`).

mod egress;
mod engine;
mod error;
mod files;
mod invoke;
pub(crate) mod key_value;
mod load;
mod reply;
mod router;
mod state;
mod variables;

pub use error::{LoadError, TickError};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response, StatusCode};
use tokio::sync::{Semaphore, watch};
use wasmtime::Engine;

use crate::manifest::CronTrigger;
use crate::options::Options;
use reply::Origin;
use router::Router;
use state::Guest;

/// Where the host answers for itself, like Spin; <https://spinframework.dev/v3/http-trigger> (read 2026-11-21).
const HEALTH_PATH: &str = "/.well-known/spin/health";

/// A running application. Clones are the same application.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    options: Options,
    guests: BTreeMap<String, Arc<Guest>>,
    router: Router,
    cron_triggers: Vec<CronTrigger>,
    instances: Arc<Semaphore>,
    invocations: AtomicU64,
    running: watch::Sender<usize>,
}

/// What becomes of a request from outside.
enum Reached<'a> {
    /// A component answers it.
    Guest(&'a Arc<Guest>, Origin),
    /// The host does.
    Host(Response<Bytes>),
}

impl Host {
    /// Reads a manifest, fills in its variables and compiles its components, all of them at the same time.
    ///
    /// # Errors
    /// What keeps the application from starting; faults of the manifest come all at once.
    pub fn load(manifest_path: &Path, options: Options) -> Result<Self, LoadError> {
        load::host(manifest_path, options)
    }

    /// Answers a request as it would come from outside: private components are out of reach.
    ///
    /// The reply is there when the component has finished its body; the component may go on working after it.
    /// A failure is a response too: 404 without a route, 400 for an internal host name, 413 for too large a body,
    /// 503 when too many instances are alive, 504 when the component used up its time, 500 when it ended otherwise
    /// without a whole reply.
    ///
    /// A `SocketAddr` among the request's extensions is the client's address.
    pub async fn request(&self, request: Request<Bytes>) -> Response<Bytes> {
        match self.reached(&request) {
            Reached::Guest(guest, origin) => reply::to(self, guest, request, origin).await,
            Reached::Host(response) => response,
        }
    }

    /// Wakes a component through its cron export, whether or not a trigger names it.
    ///
    /// `timestamp` is seconds since 1970-01-01T00:00:00Z. Ticks may overlap.
    ///
    /// # Errors
    /// When there is no such component, it has no cron export, too many instances are alive, or it did not complete.
    pub async fn tick(&self, component: &str, timestamp: u64) -> Result<(), TickError> {
        let guest = self.shared.guests.get(component).ok_or(TickError::NoSuchComponent)?;
        invoke::tick(self, guest, timestamp).await
    }

    /// Waits until no instance is alive, work after replies included.
    pub async fn idle(&self) {
        let mut running = self.shared.running.subscribe();
        // The sender lives in this host, so waiting cannot fail.
        let _ = running.wait_for(|running| *running == 0).await;
    }

    /// Instances alive now.
    pub fn running(&self) -> usize {
        *self.shared.running.borrow()
    }

    /// The schedules of the manifest.
    pub fn cron_triggers(&self) -> &[CronTrigger] {
        &self.shared.cron_triggers
    }

    /// The public routes as the manifest writes them, each with its component.
    pub fn routes(&self) -> impl Iterator<Item = (String, &str)> {
        self.shared.router.routes()
    }

    /// The time that components see, since 1970-01-01T00:00:00Z.
    pub fn now(&self) -> Duration {
        self.options().clock.now()
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shared.options
    }

    fn guest(&self, component: &str) -> Option<&Arc<Guest>> {
        self.shared.guests.get(component)
    }

    fn reached(&self, request: &Request<Bytes>) -> Reached<'_> {
        let authority = match (request.uri().authority(), request.headers().get(HOST)) {
            (Some(authority), _) => Some(authority.as_str()),
            (None, Some(host)) => host.to_str().ok(),
            (None, None) => Some("localhost"),
        };
        // Internal names are for components; a caller from outside that uses one is trying to look like one.
        let Some(authority) = authority.filter(|authority| !router::is_internal(authority)) else {
            return Reached::Host(reply::empty(StatusCode::BAD_REQUEST));
        };
        if request.body().len() > self.options().limits.body_bytes {
            return Reached::Host(reply::empty(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let path = request.uri().path();
        if path == HEALTH_PATH {
            return Reached::Host(Response::new(Bytes::from_static(b"OK")));
        }
        let found = self.shared.router.best(path);
        match found.and_then(|(route, component)| Some((route, self.guest(component)?))) {
            Some((route, guest)) => {
                let client = request.extensions().get::<SocketAddr>().copied();
                Reached::Guest(guest, Origin::outside(authority, route, path, client))
            }
            None => Reached::Host(reply::empty(StatusCode::NOT_FOUND)),
        }
    }
}
