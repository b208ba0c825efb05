//! One HTTP invocation, from the request to the reply.
//!
//! Not in here: the instance's life (`invoke`), choosing the component (`router`).

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, HeaderName};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use tokio::sync::oneshot;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{WasiHttpView, p2::types::HostIncomingRequest};

use super::Host;
use super::invoke::{Entry, Invocation};
use super::state::Guest;
use crate::log::{Outcome, Stream};
use crate::manifest::Route;

/// How a request came, as the component is told in headers of Spin's
/// (<https://spinframework.dev/v3/http-trigger#additional-request-information>, read 2026-11-21).
pub(super) struct Origin {
    authority: String,
    matched_route: String,
    path_info: String,
    client: String,
    /// How many components have called each other to get here; 0 from outside.
    depth: u32,
}

impl Origin {
    pub(super) fn outside(authority: &str, route: &Route, path: &str, client: Option<SocketAddr>) -> Self {
        let path_info = match route {
            Route::Below(prefix) => path.strip_prefix(prefix.as_str()).unwrap_or_default(),
            Route::Exact(_) | Route::Private => "",
        };
        Self {
            authority: authority.to_owned(),
            matched_route: route.text(),
            path_info: path_info.to_owned(),
            client: client.map_or("0.0.0.0:0".to_owned(), |client| client.to_string()),
            depth: 0,
        }
    }

    pub(super) fn chained(path: &str, depth: u32) -> Self {
        Self {
            authority: "localhost".to_owned(),
            matched_route: "/...".to_owned(),
            path_info: path.to_owned(),
            client: "0.0.0.0:0".to_owned(),
            depth,
        }
    }

    /// Rewrites a request into what the component sees. None for a request that cannot be one.
    fn apply(&self, request: Request<Bytes>) -> Option<Request<Full<Bytes>>> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().cloned()?;
        let headers = [
            (HOST, self.authority.clone()),
            (HeaderName::from_static("spin-full-url"), format!("http://{}{path}", self.authority)),
            (HeaderName::from_static("spin-matched-route"), self.matched_route.clone()),
            (HeaderName::from_static("spin-path-info"), self.path_info.clone()),
            (HeaderName::from_static("spin-client-addr"), self.client.clone()),
        ];
        for (name, value) in headers {
            head.headers.insert(name, HeaderValue::try_from(value).ok()?);
        }
        head.uri = Uri::from(path);
        Some(Request::from_parts(head, Full::new(body)))
    }
}

pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// Lets a component answer a request. Every failure is a response.
pub(super) async fn to(
    host: &Host,
    guest: &Arc<Guest>,
    request: Request<Bytes>,
    origin: Origin,
) -> Response<Bytes> {
    let Some(request) = origin.apply(request) else { return empty(StatusCode::BAD_REQUEST) };
    let Some(mut invocation) = Invocation::start(host, guest, origin.depth) else {
        return empty(StatusCode::SERVICE_UNAVAILABLE);
    };
    let (sender, receiver) = oneshot::channel();
    let Ok(entry) = http_entry(&mut invocation, request, sender) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    // The instance lives on its own task: it goes on after the reply, and when nobody waits for the reply any more.
    let ended = tokio::spawn(invocation.run(entry));
    match collect(host, guest, receiver).await {
        Collected::Reply(response) => response,
        Collected::Refused => empty(StatusCode::INTERNAL_SERVER_ERROR),
        Collected::Missing => match ended.await {
            Ok(Outcome::TimedOut | Outcome::OutOfFuel) => empty(StatusCode::GATEWAY_TIMEOUT),
            Ok(_) | Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
        },
    }
}

fn http_entry(
    invocation: &mut Invocation,
    request: Request<Full<Bytes>>,
    sender: oneshot::Sender<Result<Response<HyperOutgoingBody>, ErrorCode>>,
) -> wasmtime::Result<Entry> {
    let mut http = invocation.state().http();
    let request: wasmtime::component::Resource<HostIncomingRequest> =
        http.new_incoming_request(Scheme::Http, request)?;
    Ok(Entry::Http { request, reply: http.new_response_outparam(sender)? })
}

enum Collected {
    /// The whole reply.
    Reply(Response<Bytes>),
    /// The component said that it cannot reply, or replied too much.
    Refused,
    /// It ended before its reply was whole; how it ended says why.
    Missing,
}

async fn collect(
    host: &Host,
    guest: &Guest,
    receiver: oneshot::Receiver<Result<Response<HyperOutgoingBody>, ErrorCode>>,
) -> Collected {
    let refused = |line: &str| {
        host.options().log.line(&guest.name, Stream::Host, line);
        Collected::Refused
    };
    let (head, body) = match receiver.await {
        Ok(Ok(response)) => response.into_parts(),
        Ok(Err(code)) => return refused(&format!("answered with an error: {code}")),
        Err(_) => return Collected::Missing,
    };
    match Limited::new(body, host.options().limits.body_bytes).collect().await {
        Ok(body) => Collected::Reply(Response::from_parts(head, body.to_bytes())),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => refused("the reply is too large"),
        Err(_) => Collected::Missing,
    }
}
