//! Calls that leave the application.
//!
//! Not in here: which hosts a component may call (`host::egress`), calls between components.

mod network;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

pub use network::Network;

use crate::key_value::BoxFuture;
use crate::limits::OUTBOUND_TIMEOUT;

/// Sends the requests of components. The simulator answers them itself, [`Network`] sends them.
pub trait Outbound: Send + Sync {
    /// Sends one request, whose address is absolute, and answers when the whole response is there.
    ///
    /// # Errors
    /// What the component sees instead of a response.
    fn send<'a>(
        &'a self,
        component: &'a str,
        request: Request<Bytes>,
        timeouts: Timeouts,
    ) -> BoxFuture<'a, Result<Response<Bytes>, OutboundError>>;

    /// Who ends a call that takes too long. By default the host does, after [`Timeouts::first_byte`].
    fn keeps_timeouts(&self) -> KeepsTimeouts {
        KeepsTimeouts::Host
    }
}

/// Who ends an outbound call that takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepsTimeouts {
    /// The host, which knows of no connection and waits for the first byte only.
    Host,
    /// The [`Outbound`] itself, step by step.
    Outbound,
}

/// How long each step of an outbound call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// From then until the head of the response.
    pub first_byte: Duration,
    /// Between two pieces of its body.
    pub between_bytes: Duration,
}

impl Default for Timeouts {
    /// What a guest gets that sets no limit: 600 s for each step, as in Spin.
    fn default() -> Self {
        Self { connect: OUTBOUND_TIMEOUT, first_byte: OUTBOUND_TIMEOUT, between_bytes: OUTBOUND_TIMEOUT }
    }
}

/// Why an outbound call got no response. Each is an error code of `wasi:http`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The host's name has no address.
    #[error("no address for the host")]
    Dns,
    /// Nobody listens; nothing was sent.
    #[error("connection refused")]
    ConnectionRefused,
    /// No connection in time; nothing was sent.
    #[error("no connection in time")]
    ConnectionTimeout,
    /// The connection ended before the response was whole; whether the request was carried out is unknown.
    #[error("the connection ended early")]
    ConnectionTerminated,
    /// No response in time; whether the request was carried out is unknown.
    #[error("no response in time")]
    ReadTimeout,
    /// The TLS handshake failed, for example on an unknown certificate.
    #[error("tls handshake failed")]
    Tls,
    /// The response is larger than the host takes.
    #[error("the response is too large")]
    TooLarge,
    /// The other side does not speak HTTP/1.
    #[error("http protocol error")]
    Protocol,
    /// Ends the calling instance on the spot, as if its host had died: for simulations.
    #[error("crashed on purpose")]
    Crash,
}

/// An [`Outbound`] that refuses every connection: for applications that must not reach anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unreachable;

impl Outbound for Unreachable {
    fn send<'a>(
        &'a self,
        _: &'a str,
        _: Request<Bytes>,
        _: Timeouts,
    ) -> BoxFuture<'a, Result<Response<Bytes>, OutboundError>> {
        Box::pin(std::future::ready(Err(OutboundError::ConnectionRefused)))
    }
}
