//! Effects over real connections, for tests against an emulator on this machine: plain HTTP, the machine's clock, tokio's timers.
//! Not here: TLS, Spin's key-value store, and randomness that nobody can predict.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jit_control::effects::{Effects, KeyValue, KeyValueError, KeyValueReply, Request, Response, SendError};
use jit_domain::time::Timestamp;

/// How much longer than its caller an exchange waits: an emulator on a busy machine is slower than what it stands for.
const PATIENCE: u32 = 12;

/// The effects; needs a tokio runtime around it.
#[derive(Debug)]
pub(crate) struct Network {
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Network {
    pub(crate) fn new() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http() }
    }

    async fn exchange(&self, request: Request) -> Result<Response, SendError> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let reply = self.client.request(request).await.map_err(|error| {
            let why = error.to_string();
            if error.is_connect() { SendError::NotSent(why) } else { SendError::Unknown(why) }
        })?;
        let (head, body) = reply.into_parts();
        let body = body.collect().await.map_err(|error| SendError::Unknown(error.to_string()))?;
        Ok(Response::from_parts(head, body.to_bytes().to_vec()))
    }
}

impl Effects for Network {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, SendError> {
        let timeout = timeout * PATIENCE;
        let reply = tokio::time::timeout(timeout, self.exchange(request)).await;
        reply.unwrap_or_else(|_| Err(SendError::Unknown(format!("no reply within {timeout:?}"))))
    }

    async fn key_value(&self, _: KeyValue) -> Result<KeyValueReply, KeyValueError> {
        Err(KeyValueError::Denied("an emulator of AWS has no such store".to_owned()))
    }

    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // Each state is seeded by the system.
            let drawn = RandomState::new().hash_one(0).to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn log(&self, line: &str) {
        println!("{line}");
    }
}
