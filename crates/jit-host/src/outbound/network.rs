//! Sends requests over HTTP/1.1, plain or through TLS.
//!
//! A new connection for each call: a simulator's cloud and a handful of API calls a second do not need a pool,
//! and no call can fail for a connection that another one left behind.
//! Not in here: redirects, proxies, HTTP/2.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{KeepsTimeouts, Outbound, OutboundError, Timeouts};
use crate::key_value::BoxFuture;

/// Sends requests to the network, trusting the certificates that the machine trusts.
pub struct Network {
    body_bytes_max: usize,
    tls: OnceLock<Option<TlsConnector>>,
}

impl Network {
    /// Takes responses of at most `body_bytes_max` bytes.
    pub fn new(body_bytes_max: usize) -> Self {
        Self { body_bytes_max, tls: OnceLock::new() }
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        timeouts: Timeouts,
    ) -> Result<Response<Bytes>, OutboundError> {
        let (request, target) = origin_form(request).ok_or(OutboundError::Protocol)?;
        let connect = async {
            let stream = connect(&target).await?;
            if target.tls {
                let connector = self.tls.get_or_init(tls_connector).as_ref().ok_or(OutboundError::Tls)?;
                let name = ServerName::try_from(target.host.clone()).map_err(|_| OutboundError::Tls)?;
                let stream = connector.connect(name, stream).await.map_err(|_| OutboundError::Tls)?;
                handshake(stream).await
            } else {
                handshake(stream).await
            }
        };
        let mut sender =
            timeout(timeouts.connect, connect).await.map_err(|_| OutboundError::ConnectionTimeout)??;
        let response = timeout(timeouts.first_byte, sender.send_request(request))
            .await
            .map_err(|_| OutboundError::ReadTimeout)?
            .map_err(|error| hyper_error(&error))?;
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, self.read(body, timeouts.between_bytes).await?))
    }

    async fn read(&self, mut body: Incoming, between_bytes: Duration) -> Result<Bytes, OutboundError> {
        let mut bytes = BytesMut::new();
        loop {
            let frame = timeout(between_bytes, body.frame()).await.map_err(|_| OutboundError::ReadTimeout)?;
            let Some(frame) = frame else { return Ok(bytes.freeze()) };
            if let Ok(data) = frame.map_err(|error| hyper_error(&error))?.into_data() {
                if bytes.len() + data.len() > self.body_bytes_max {
                    return Err(OutboundError::TooLarge);
                }
                bytes.extend_from_slice(&data);
            }
        }
    }
}

impl Outbound for Network {
    fn send<'a>(
        &'a self,
        _: &'a str,
        request: Request<Bytes>,
        timeouts: Timeouts,
    ) -> BoxFuture<'a, Result<Response<Bytes>, OutboundError>> {
        Box::pin(self.exchange(request, timeouts))
    }

    fn keeps_timeouts(&self) -> KeepsTimeouts {
        KeepsTimeouts::Outbound
    }
}

struct Target {
    /// Name or address, without the brackets of an IPv6 address.
    host: String,
    port: u16,
    tls: bool,
}

/// Takes the target out of an absolute address and leaves path and query, as HTTP/1.1 sends them to a server.
fn origin_form(request: Request<Bytes>) -> Option<(Request<Full<Bytes>>, Target)> {
    let (mut head, body) = request.into_parts();
    let tls = head.uri.scheme_str() == Some("https");
    let host = head.uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = head.uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let path = head.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    head.uri = Uri::from(path);
    Some((Request::from_parts(head, Full::new(body)), Target { host, port, tls }))
}

async fn connect(target: &Target) -> Result<TcpStream, OutboundError> {
    let addresses: Vec<_> = tokio::net::lookup_host((target.host.as_str(), target.port))
        .await
        .map_err(|_| OutboundError::Dns)?
        .collect();
    if addresses.is_empty() {
        return Err(OutboundError::Dns);
    }
    let stream = TcpStream::connect(addresses.as_slice()).await.map_err(|error| io_error(&error))?;
    // Head and body are two writes: without this they would wait for each other (Nagle and delayed acknowledgement).
    stream.set_nodelay(true).map_err(|error| io_error(&error))?;
    Ok(stream)
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<http1::SendRequest<Full<Bytes>>, OutboundError> {
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| hyper_error(&error))?;
    // The connection ends when the response has been read or the sender is dropped; its error shows in the response.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

/// None when the machine has no usable certificates at all.
fn tls_connector() -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return None;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Some(TlsConnector::from(Arc::new(config)))
}

fn io_error(error: &io::Error) -> OutboundError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => OutboundError::ConnectionRefused,
        io::ErrorKind::TimedOut => OutboundError::ConnectionTimeout,
        _ => OutboundError::ConnectionTerminated,
    }
}

fn hyper_error(error: &hyper::Error) -> OutboundError {
    if error.is_parse() { OutboundError::Protocol } else { OutboundError::ConnectionTerminated }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const QUICK: Timeouts = Timeouts {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_millis(50),
        between_bytes: Duration::from_millis(50),
    };

    /// A server that reads one request head, answers with these bytes and then keeps the connection or ends it.
    async fn server(answer: &'static [u8], then: Then) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request).await;
            stream.write_all(answer).await.unwrap();
            if then == Then::Keep {
                std::future::pending::<()>().await;
            }
        });
        format!("127.0.0.1:{}", address.port())
    }

    #[derive(PartialEq)]
    enum Then {
        Keep,
        End,
    }

    async fn get(address: &str) -> Result<Response<Bytes>, OutboundError> {
        let request =
            Request::get(format!("http://{address}/a?b")).header("host", address).body(Bytes::new());
        Network::new(8).send("c", request.unwrap(), QUICK).await
    }

    #[tokio::test]
    async fn a_response_comes_back_whole() {
        let address =
            server(b"HTTP/1.1 201 Created\r\nx: y\r\ncontent-length: 2\r\n\r\nok", Then::Keep).await;
        let response = get(&address).await.unwrap();
        assert_eq!((response.status().as_u16(), &response.body()[..]), (201, &b"ok"[..]));
        assert_eq!(response.headers()["x"], "y");
    }

    #[tokio::test]
    async fn each_way_to_fail_has_its_error() {
        let silent = server(b"", Then::Keep).await;
        assert_eq!(get(&silent).await.unwrap_err(), OutboundError::ReadTimeout);
        let stuck = server(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok", Then::Keep).await;
        assert_eq!(get(&stuck).await.unwrap_err(), OutboundError::ReadTimeout);
        let cut = server(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok", Then::End).await;
        assert_eq!(get(&cut).await.unwrap_err(), OutboundError::ConnectionTerminated);
        let large = server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789", Then::Keep).await;
        assert_eq!(get(&large).await.unwrap_err(), OutboundError::TooLarge);
        let other = server(b"SSH-2.0-x\r\n\r\n", Then::Keep).await;
        assert_eq!(get(&other).await.unwrap_err(), OutboundError::Protocol);
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        assert_eq!(get(&address).await.unwrap_err(), OutboundError::ConnectionRefused);
    }

    #[tokio::test]
    async fn https_to_a_server_without_tls_fails_in_the_handshake() {
        let address = server(b"HTTP/1.1 400 Bad Request\r\n\r\n", Then::Keep).await;
        let request = Request::get(format!("https://{address}/")).body(Bytes::new()).unwrap();
        let result = Network::new(8).send("c", request, QUICK).await;
        assert_eq!(result.unwrap_err(), OutboundError::Tls);
    }
}
