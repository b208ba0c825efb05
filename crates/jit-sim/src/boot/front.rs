//! What an instance reaches: the registrar, whose requests are noted, GitHub's service for agents, and the agent's download. The line
//! can be cut. For an instance of GCE, of which the control plane knows nothing, the registrar's replies are made here.
//! Not here: any reply to an instance of EC2; all of those are the registrar's own.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::control_plane::ControlPlane;
use crate::plane::{Shared, deliver, settle};

/// As much as the registrar itself takes, and one byte more.
const BODY_BYTES_MAX: usize = (32 << 10) + 1;
/// After an error of the listener, the next try comes this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Whether requests go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Open,
    /// What is meant for the registrar ends without a reply.
    WithoutRegistrar,
    /// All connections do.
    Cut,
}

/// A request of an instance.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) path: String,
    /// A report's.
    pub(super) stage: String,
    /// None: it got no reply.
    pub(super) status: Option<u16>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or_else(|| "no reply".to_owned(), |status| status.to_string());
        write!(f, "{} {} -> {status}", self.path, self.stage)
    }
}

#[derive(Debug)]
struct State {
    line: Line,
    /// What the line will be once a config was given.
    then: Option<Line>,
    seen: Vec<Seen>,
    /// What a claim was given: nobody may find it on a disk.
    secrets: Vec<String>,
    downloads: BTreeMap<String, Bytes>,
}

/// The address, and what came there. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Front {
    world: Shared,
    state: Arc<Mutex<State>>,
    /// How many requests were noted; changes wake who waits for one.
    noted: watch::Sender<usize>,
    url: String,
}

impl Front {
    /// Takes an address; nobody is served yet.
    pub(super) async fn open(world: Shared) -> Result<(Self, TcpListener)> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on loopback")?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = State {
            line: Line::Open,
            then: None,
            seen: Vec::new(),
            secrets: Vec::new(),
            downloads: BTreeMap::new(),
        };
        Ok((Self { world, state: Arc::new(Mutex::new(state)), noted: watch::channel(0).0, url }, listener))
    }

    /// Where it is, without a slash at the end.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Serves until the runtime ends.
    pub(super) async fn serve<P: ControlPlane>(self, listener: TcpListener, plane: P) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let (front, plane) = (self.clone(), plane.clone());
            tokio::spawn(async move {
                let service = service_fn(|request| front.answer(&plane, request));
                // A broken connection is what a cut line looks like.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    /// Offers a file for download.
    pub(super) fn offer(&self, path: &str, bytes: Vec<u8>) {
        self.lock().downloads.insert(path.to_owned(), bytes.into());
    }

    /// Forgets what was seen, for the next machine.
    pub(super) fn begin(&self) {
        let mut state = self.lock();
        state.seen.clear();
        state.secrets.clear();
        state.then = None;
    }

    pub(super) fn set_line(&self, line: Line) {
        self.lock().line = line;
    }

    /// Changes the line in the moment in which a claim gets its config.
    pub(super) fn after_the_config(&self, line: Line) {
        self.lock().then = Some(line);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        self.lock().secrets.clone()
    }

    /// Waits until a stage was reported.
    pub(super) async fn reported(&self, stage: &str) {
        let mut noted = self.noted.subscribe();
        while !self.lock().seen.iter().any(|seen| seen.stage == stage) {
            if noted.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    async fn answer<P: ControlPlane>(
        &self,
        plane: &P,
        request: Request<Incoming>,
    ) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(io::Error::other)?.to_bytes();
        let said: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let download = self.lock().downloads.get(&path).cloned();
        if let Some(bytes) = download {
            return Ok(Response::new(Full::new(bytes)));
        }
        let is_githubs = path.starts_with("/_agent/");
        let request = Request::from_parts(head, body.to_vec());
        let line = self.lock().line;
        let reply = match line {
            Line::Cut => None,
            Line::Open | Line::WithoutRegistrar if is_githubs => self.of_github(plane, request).await,
            Line::WithoutRegistrar => None,
            Line::Open if is_of_gce(&said) => Some(in_the_registrars_place(&path)),
            Line::Open => plane.ask(request).await,
        };
        if !is_githubs {
            self.note(path, &said, reply.as_ref());
        }
        let reply = reply.ok_or_else(|| io::Error::other("the line is cut"))?;
        Ok(reply.map(|body| Full::new(Bytes::from(body))))
    }

    async fn of_github<P: ControlPlane>(
        &self,
        plane: &P,
        mut request: Request<Vec<u8>>,
    ) -> Option<Response<Vec<u8>>> {
        *request.uri_mut() = format!("http://github.test{}", request.uri().path()).parse().ok()?;
        let response = deliver(&self.world, "agent", plane.now(), request)?;
        settle(response).await.ok()
    }

    fn note(&self, path: String, said: &Value, reply: Option<&Response<Vec<u8>>>) {
        let stage = said.get("stage").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut state = self.lock();
        state.seen.push(Seen { path, stage, status: reply.map(|reply| reply.status().as_u16()) });
        let told = reply.and_then(|reply| serde_json::from_slice::<Value>(reply.body()).ok());
        for name in ["jit_config", "report_token"] {
            let secret = told.as_ref().and_then(|told| told.get(name)).and_then(Value::as_str);
            state.secrets.extend(secret.map(str::to_owned));
        }
        if !state.secrets.is_empty()
            && let Some(line) = state.then.take()
        {
            state.line = line;
        }
        let count = state.seen.len();
        drop(state);
        self.noted.send_replace(count);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id that the metadata service gives a machine of GCE here; EC2's begin otherwise.
pub(super) const GCE_INSTANCE: &str = "4711471147114711471";

fn is_of_gce(said: &Value) -> bool {
    said.get("instance_id").and_then(Value::as_str) == Some(GCE_INSTANCE)
}

/// What the registrar will answer once it knows GCE: a config at once, and that the job may run.
fn in_the_registrars_place(path: &str) -> Response<Vec<u8>> {
    let told = match path {
        "/v1/claim" => json!({
            "jit_config": "a-config-of-no-github",
            "runner_name": "jit-4711471147114711471-1",
            "agent_version": super::stage::AGENT_VERSION,
            "job_max_s": 300,
            "unanswered_hook": "refuse",
            "report_token": "a-report-token-of-no-registrar",
        }),
        _ => json!({ "verdict": "allow" }),
    };
    let mut reply = Response::new(told.to_string().into_bytes());
    *reply.status_mut() = StatusCode::OK;
    reply
}
