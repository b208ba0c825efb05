//! The way out of a component: which calls it may make, and to whom they go.
//!
//! Not in here: sending to the network (`outbound`).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use tokio::sync::Notify;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

use super::Host;
use super::reply::{self, Origin};
use super::state::Guest;
use crate::key_value::BoxFuture;
use crate::limits::CHAIN_DEPTH_MAX;
use crate::log::Stream;
use crate::manifest::HostPattern;
use crate::outbound::{KeepsTimeouts, OutboundError, Timeouts};

/// The way out of one instance.
#[derive(Clone)]
pub(super) struct Egress {
    pub(super) host: Host,
    pub(super) guest: Arc<Guest>,
    /// How many components have called each other to get here.
    pub(super) depth: u32,
    /// Ends the instance.
    pub(super) crash: Arc<Notify>,
}

type Io = Box<dyn Future<Output = Result<()>> + Send>;

impl WasiHttpHooks for Egress {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io)>> + Send> {
        let egress = self.clone();
        Box::new(async move {
            let response = egress.send(request, timeouts(options.unwrap_or_default())).await?;
            let response = response.map(|body| Full::new(body).map_err(Error::from).boxed_unsync());
            Ok((response, Box::new(std::future::ready(Ok(()))) as Io))
        })
    }
}

fn timeouts(options: RequestOptions) -> Timeouts {
    let default = Timeouts::default();
    let or = |wish: Option<Duration>, default| wish.unwrap_or(default);
    Timeouts {
        connect: or(options.connect_timeout, default.connect),
        first_byte: or(options.first_byte_timeout, default.first_byte),
        between_bytes: or(options.between_bytes_timeout, default.between_bytes),
    }
}

impl Egress {
    async fn send(self, request: Request<WasiBody>, timeouts: Timeouts) -> Result<Response<Bytes>> {
        let to = HostPattern::of(request.uri()).filter(|to| self.guest.allowed_hosts.contains(to));
        let Some(to) = to else {
            self.log_refusal(&request);
            return Err(Error::HttpRequestDenied);
        };
        let (head, body) = request.into_parts();
        let limit = self.host.options().limits.body_bytes;
        let body =
            Limited::new(body, limit).collect().await.map_err(|error| match error.downcast::<Error>() {
                Ok(error) => *error,
                Err(_) => Error::HttpRequestBodySize(None),
            })?;
        let request = Request::from_parts(head, body.to_bytes());
        match to {
            HostPattern::Component(name) => timeout(timeouts.first_byte, self.chain(name, request))
                .await
                .map_err(|_| Error::ConnectionReadTimeout)?,
            HostPattern::Server { .. } => self.leave(request, timeouts).await,
        }
    }

    /// Names host and port, never path or query: they may hold what must not be logged.
    fn log_refusal(&self, request: &Request<WasiBody>) {
        let scheme = request.uri().scheme_str().unwrap_or_default();
        let host = request.uri().host().unwrap_or_default();
        let port = request.uri().port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let line = format!("refused a call to {scheme}://{host}{port}: not in allowed_outbound_hosts");
        self.host.options().log.line(&self.guest.name, Stream::Host, &line);
    }

    async fn leave(&self, request: Request<Bytes>, timeouts: Timeouts) -> Result<Response<Bytes>> {
        let outbound = &self.host.options().outbound;
        let call = outbound.send(&self.guest.name, request, timeouts);
        let result = match outbound.keeps_timeouts() {
            KeepsTimeouts::Outbound => call.await,
            KeepsTimeouts::Host => {
                timeout(timeouts.first_byte, call).await.unwrap_or(Err(OutboundError::ReadTimeout))
            }
        };
        match result {
            Ok(response) => Ok(response),
            Err(OutboundError::Crash) => {
                self.crash.notify_one();
                // The instance that waits for this answer is about to be dropped, and this future with it.
                std::future::pending().await
            }
            Err(error) => Err(guest_error(&error)),
        }
    }

    /// Calls another component in memory. Boxed, as that component may chain on.
    fn chain(self, name: String, request: Request<Bytes>) -> BoxFuture<'static, Result<Response<Bytes>>> {
        Box::pin(async move {
            if self.depth >= CHAIN_DEPTH_MAX {
                return Err(Error::LoopDetected);
            }
            let guest = self.host.guest(&name).ok_or(Error::DestinationNotFound)?;
            let origin = Origin::chained(request.uri().path(), self.depth + 1);
            Ok(reply::to(&self.host, guest, request, origin).await)
        })
    }
}

fn guest_error(error: &OutboundError) -> Error {
    match error {
        OutboundError::Dns => Error::DnsError { rcode: None, info_code: None },
        OutboundError::ConnectionRefused => Error::ConnectionRefused,
        OutboundError::ConnectionTimeout => Error::ConnectionTimeout,
        OutboundError::ConnectionTerminated => Error::ConnectionTerminated,
        OutboundError::ReadTimeout => Error::ConnectionReadTimeout,
        OutboundError::Tls => Error::TlsProtocolError,
        OutboundError::TooLarge => Error::HttpResponseBodySize(None),
        OutboundError::Protocol => Error::HttpProtocolError,
        // A crash never reaches the guest.
        OutboundError::Crash => Error::InternalError(None),
    }
}
