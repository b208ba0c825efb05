//! One request and its reply over a connection of its own, for at most a fixed time.
//! Not here: TLS, redirects, repeating.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Longest wait for a reply: a handler may take 20 s, and one call more.
const REPLY_MAX: Duration = Duration::from_secs(30);
/// Larger replies are taken for none; ours have a few kilobytes.
const BODY_BYTES_MAX: usize = 4 << 20;

/// Sends a request with a path only to an address; none when there is no whole reply in time.
pub(crate) async fn send(address: SocketAddr, request: Request<Vec<u8>>) -> Option<Response<Vec<u8>>> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    head.uri =
        Uri::builder().scheme("http").authority(address.to_string()).path_and_query(path).build().ok()?;
    // None kept: a server may end an idle connection just when the next request goes out on it.
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    let exchange = async {
        let reply = client.request(Request::from_parts(head, Full::new(Bytes::from(body)))).await.ok()?;
        let (head, body) = reply.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.ok()?;
        Some(Response::from_parts(head, body.to_bytes().to_vec()))
    };
    tokio::time::timeout(REPLY_MAX, exchange).await.ok().flatten()
}
