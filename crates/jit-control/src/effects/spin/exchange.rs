//! One outbound request on WASI's own interface: spin-sdk's `send` hides why the host refused a request that has a body.
//! Time-outs are not here, except that a connection is not waited for without end.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use futures::future::{Either, select};
use spin_executor::{CancelOnDropToken, push_waker_and_get_token};
use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme,
};
use wasi::io::poll::Pollable;
use wasi::io::streams::{InputStream, OutputStream, StreamError};

use crate::effects::{Request, Response, SendError};

/// Longest reply, in bytes. A page of 100 jobs or 1,000 instances has less than a tenth of it; a component may have 128 MiB.
const REPLY_BYTES_MAX: usize = 16 << 20;
/// Bytes asked of a stream at once.
const CHUNK: u64 = 64 << 10;

/// Sends a request and reads the whole reply.
pub(super) async fn exchange(request: Request, connect_within: Duration) -> Result<Response, SendError> {
    let (outgoing, content) = outgoing(request).map_err(SendError::NotSent)?;
    let body =
        outgoing.body().map_err(|()| SendError::NotSent("the request has no body to write".to_owned()))?;
    let options = RequestOptions::new();
    // Where the host cannot limit it, the caller's clock still ends the call, though as an unknown outcome.
    let _ = options.set_connect_timeout(u64::try_from(connect_within.as_nanos()).ok());
    let pending = outgoing_handler::handle(outgoing, Some(options)).map_err(|code| failed(&code))?;
    // A server may reply before it has taken the whole body, and a host that has refused the request takes none of it. So
    // what a failed write means is in the reply; the rest of the body stays open until the reply has been read.
    let mut is_cut = false;
    let writing = pin!(write(body, &content));
    let _unwritten = match select(writing, pin!(ready(|| pending.subscribe()))).await {
        Either::Left((written, _)) => {
            is_cut = written.is_err();
            None
        }
        Either::Right(((), writing)) => Some(writing),
    };
    loop {
        match pending.get() {
            Some(Ok(Ok(response))) => return receive(&response).await,
            Some(Ok(Err(code))) => return Err(failed(&code)),
            Some(Err(())) => return Err(unknown("the host gave the reply away twice")),
            None if is_cut => return Err(unknown("the body could not be written")),
            None => ready(|| pending.subscribe()).await,
        }
    }
}

/// What an error of the host says about the request: the first group comes before anything is sent.
fn failed(code: &ErrorCode) -> SendError {
    match code {
        ErrorCode::HttpRequestDenied
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::TlsCertificateError => SendError::NotSent(format!("{code:?}")),
        // The host's own enum, with many more that may come at any time, so a wildcard is right here.
        _ => SendError::Unknown(format!("{code:?}")),
    }
}

fn unknown(cause: &str) -> SendError {
    SendError::Unknown(cause.to_owned())
}

fn outgoing(request: Request) -> Result<(OutgoingRequest, Vec<u8>), String> {
    let (parts, content) = request.into_parts();
    // The host writes Host itself, from the address, and refuses to be told.
    let mut headers: Vec<(String, Vec<u8>)> = parts
        .headers
        .iter()
        .filter(|(name, _)| **name != http::header::HOST)
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    if !parts.headers.contains_key(http::header::CONTENT_LENGTH) && !content.is_empty() {
        headers.push(("content-length".to_owned(), content.len().to_string().into_bytes()));
    }
    let headers =
        Fields::from_list(&headers).map_err(|error| format!("the headers are refused: {error:?}"))?;
    let outgoing = OutgoingRequest::new(headers);
    let scheme = match parts.uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        other => return Err(format!("the address has the scheme {other:?}")),
    };
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let path = parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str);
    outgoing.set_scheme(Some(&scheme)).map_err(|()| "the scheme is refused")?;
    outgoing.set_authority(authority).map_err(|()| "the host of the address is refused")?;
    outgoing.set_path_with_query(path).map_err(|()| "the path of the address is refused")?;
    outgoing.set_method(&method(&parts.method)).map_err(|()| "the method is refused")?;
    Ok((outgoing, content))
}

fn method(method: &http::Method) -> Method {
    match method.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    }
}

/// Writes the whole body and finishes it.
async fn write(body: OutgoingBody, content: &[u8]) -> Result<(), ()> {
    {
        let stream = body.write()?;
        let mut rest = content;
        while !rest.is_empty() {
            let room = room(&stream).await?;
            let (now, later) = rest.split_at(room.min(rest.len()));
            stream.write(now).map_err(drop)?;
            rest = later;
        }
        stream.flush().map_err(drop)?;
        // Room again means flushed. A stream that closed after taking everything has done its work.
        let _ = room(&stream).await;
    }
    OutgoingBody::finish(body, None).map_err(drop)
}

async fn room(stream: &OutputStream) -> Result<usize, ()> {
    loop {
        match stream.check_write().map_err(drop)? {
            0 => ready(|| stream.subscribe()).await,
            room => return Ok(usize::try_from(room).unwrap_or(usize::MAX)),
        }
    }
}

async fn receive(response: &IncomingResponse) -> Result<Response, SendError> {
    let mut builder = http::Response::builder().status(response.status());
    for (name, value) in response.headers().entries() {
        builder = builder.header(name, value);
    }
    let body = response.consume().map_err(|()| unknown("the reply has no body to read"))?;
    let content = {
        let stream = body.stream().map_err(|()| unknown("the body of the reply cannot be read"))?;
        read(&stream).await?
    };
    drop(IncomingBody::finish(body));
    builder.body(content).map_err(|error| unknown(&error.to_string()))
}

async fn read(stream: &InputStream) -> Result<Vec<u8>, SendError> {
    let mut content = Vec::new();
    loop {
        match stream.read(CHUNK) {
            Ok(chunk) if chunk.is_empty() => ready(|| stream.subscribe()).await,
            Ok(chunk) => content.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(content),
            Err(StreamError::LastOperationFailed(error)) => return Err(unknown(&error.to_debug_string())),
        }
        if content.len() > REPLY_BYTES_MAX {
            return Err(unknown("the reply is larger than any that is expected"));
        }
    }
}

/// Waits until what was subscribed to is ready.
///
/// What the executor found ready is taken for ready, and not subscribed to again to ask: of a moment that has passed, a host may
/// say "not yet" once to each new pollable, to let others go first, and asking anew each time would never end
/// (<https://github.com/bytecodealliance/wasmtime/blob/main/crates/wasi/src/p2/host/clocks.rs>, read 2026-11-22).
pub(super) async fn ready(subscribe: impl Fn() -> Pollable) {
    let mut registered: Option<(CancelOnDropToken, Arc<Found>)> = None;
    poll_fn(move |context| {
        // The pollable before is given up first: it must not outlive what it belongs to.
        if let Some((token, found)) = registered.take() {
            drop(token);
            if found.is_ready.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
        }
        let pollable = subscribe();
        if pollable.ready() {
            return Poll::Ready(());
        }
        let found = Arc::new(Found { is_ready: AtomicBool::new(false), task: context.waker().clone() });
        let token = push_waker_and_get_token(pollable, Waker::from(Arc::clone(&found)));
        registered = Some((token.into(), found));
        Poll::Pending
    })
    .await;
}

/// Remembers that the executor found the pollable ready, which is what wakes, and wakes the task.
struct Found {
    is_ready: AtomicBool,
    task: Waker,
}

impl Wake for Found {
    fn wake(self: Arc<Self>) {
        self.is_ready.store(true, Ordering::Relaxed);
        self.task.wake_by_ref();
    }
}
