//! Serves an application on a socket.
//!
//! Not in here: TLS and HTTP/2, which a proxy in front adds.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::host::Host;
use crate::limits::{CONNECTIONS_MAX, HEAD_TIMEOUT};

/// How long to wait when the machine has no more connections to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves an application until it is dropped, and cuts its connections then.
///
/// # Errors
/// When the listener is broken; a single failing connection is not an error.
pub async fn serve(host: Host, listener: TcpListener) -> io::Result<Infallible> {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return Err(io::Error::other("the listener was closed"));
        };
        match listener.accept().await {
            Ok((stream, client)) => {
                let host = host.clone();
                connections.spawn(async move {
                    connection(host, stream, client).await;
                    drop(place);
                });
            }
            Err(error) if is_passing(&error) => tokio::time::sleep(ACCEPT_PAUSE).await,
            Err(error) => return Err(error),
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Whether the next connection may work: the client went away, or files or memory ran short.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, OutOfMemory};
    // 23 and 24: the system's or the process's open files are used up (ENFILE, EMFILE on Linux and macOS).
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | OutOfMemory)
        || matches!(error.raw_os_error(), Some(23 | 24))
}

async fn connection(host: Host, stream: TcpStream, client: SocketAddr) {
    // Head and body of a reply are two writes: without this a client that keeps its connection waits 40 ms for them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let host = host.clone();
        async move { Ok::<_, Infallible>(respond(&host, request, client).await.map(Full::new)) }
    });
    // Its error is the client's: it went away or spoke no HTTP.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(host: &Host, request: Request<Incoming>, client: SocketAddr) -> Response<Bytes> {
    let (head, body) = request.into_parts();
    let limits = &host.options().limits;
    let body = Limited::new(body, limits.body_bytes).collect();
    let status = match tokio::time::timeout(limits.invocation_timeout, body).await {
        Ok(Ok(body)) => {
            let mut request = Request::from_parts(head, body.to_bytes());
            request.extensions_mut().insert(client);
            return host.request(request).await;
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => StatusCode::PAYLOAD_TOO_LARGE,
        Ok(Err(_)) => StatusCode::BAD_REQUEST,
        Err(_) => StatusCode::REQUEST_TIMEOUT,
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
