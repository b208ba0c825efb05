//! The effects of a component on Spin, and the host's own types turned into ours. Nothing here decides anything.
//! All use of the SDK is here and in the components, so that a move to another WASI version stays small.

use std::cell::RefCell;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::{Either, select};
use futures::{SinkExt as _, StreamExt as _};
use jit_domain::time::Timestamp;
use spin_sdk::http::{Fields, IncomingRequest, OutgoingResponse, ResponseOutparam};
use spin_sdk::key_value::{Error as StoreError, Store};
use wasi::clocks::monotonic_clock;

use super::{Effects, KeyValue, KeyValueError, KeyValueReply, Request, Response, SendError};

mod exchange;

mod bindings {
    wit_bindgen::generate!({ path: "../../wit/keyvalue", world: "tickets" });
}

use bindings::wasi::keyvalue::{atomics, batch, store};

/// The label of the one store that all components share.
const STORE: &str = "default";
/// Where the manifest mounts the configuration.
const CONFIGURATION: &str = "/config/jit-runners.toml";

/// The most that is read of a mounted file; an identity provider's token has at most 20,000 bytes.
const MOUNTED_BYTES_MAX: u64 = 64 << 10;

/// The effects of the host that this component runs on.
#[derive(Debug)]
pub struct SpinEffects;

thread_local! {
    // An instance serves one request, so what is opened once stays open for all of it.
    static OPENED: RefCell<Option<Store>> = const { RefCell::new(None) };
    static BUCKET: RefCell<Option<store::Bucket>> = const { RefCell::new(None) };
}

impl Effects for SpinEffects {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, SendError> {
        let call = pin!(exchange::exchange(request, timeout));
        let clock = pin!(self.sleep(timeout));
        match select(call, clock).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => {
                Err(SendError::Unknown(format!("no reply within {} s", timeout.as_secs())))
            }
        }
    }

    async fn key_value(&self, operation: KeyValue) -> Result<KeyValueReply, KeyValueError> {
        match operation {
            KeyValue::Increment(key, amount) => increment(&key, amount).map(KeyValueReply::Count),
            KeyValue::Get(key) => on_store(|store| store.get(&key)).map(KeyValueReply::Value),
            KeyValue::GetMany(keys) => get_many(&keys).map(KeyValueReply::Values),
            KeyValue::Set(key, value) => {
                on_store(|store| store.set(&key, &value)).map(|()| KeyValueReply::Done)
            }
            KeyValue::Delete(key) => on_store(|store| store.delete(&key)).map(|()| KeyValueReply::Done),
            KeyValue::Keys(prefix) => on_store(Store::get_keys).map(|mut keys| {
                keys.retain(|key| key.starts_with(&prefix));
                KeyValueReply::Keys(keys)
            }),
        }
    }

    fn mounted_file(&self, path: &str) -> Result<String, String> {
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MOUNTED_BYTES_MAX).read_to_string(&mut text))
            .map_err(|error| format!("{path}: {error}"))?;
        Ok(text)
    }

    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn random(&self, bytes: &mut [u8]) {
        let drawn = wasi::random::random::get_random_bytes(bytes.len() as u64);
        for (to, from) in bytes.iter_mut().zip(drawn) {
            *to = from;
        }
    }

    async fn sleep(&self, duration: Duration) {
        let end =
            monotonic_clock::now().saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        exchange::ready(|| monotonic_clock::subscribe_instant(end)).await;
    }

    fn log(&self, line: &str) {
        // A host that takes no output must not end the invocation.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

fn on_store<T>(operation: impl FnOnce(&Store) -> Result<T, StoreError>) -> Result<T, KeyValueError> {
    OPENED.with_borrow_mut(|opened| {
        let store = match opened {
            Some(store) => store,
            None => opened.insert(Store::open(STORE).map_err(store_error)?),
        };
        operation(store).map_err(store_error)
    })
}

fn store_error(error: StoreError) -> KeyValueError {
    match error {
        StoreError::AccessDenied | StoreError::NoSuchStore => KeyValueError::Denied(error.to_string()),
        other => KeyValueError::Failed(other.to_string()),
    }
}

fn increment(key: &str, amount: u64) -> Result<u64, KeyValueError> {
    let delta = i64::try_from(amount).map_err(|_| KeyValueError::Failed("the amount is too large".into()))?;
    let sum = in_bucket(|bucket| atomics::increment(bucket, key, delta))?;
    u64::try_from(sum).map_err(|_| KeyValueError::Failed("a counter is negative".into()))
}

/// Some stores leave absent keys out, others answer that they have no value.
fn get_many(keys: &[String]) -> Result<Vec<(String, Vec<u8>)>, KeyValueError> {
    let found = in_bucket(|bucket| batch::get_many(bucket, keys))?;
    Ok(found.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
}

/// What Spin's own interface does not offer.
fn in_bucket<T>(
    operation: impl FnOnce(&store::Bucket) -> Result<T, store::Error>,
) -> Result<T, KeyValueError> {
    BUCKET.with_borrow_mut(|opened| {
        let bucket = match opened {
            Some(bucket) => bucket,
            None => opened.insert(store::open(STORE).map_err(bucket_error)?),
        };
        operation(bucket).map_err(bucket_error)
    })
}

fn bucket_error(error: store::Error) -> KeyValueError {
    match error {
        store::Error::NoSuchStore => KeyValueError::Denied("there is no store `default`".into()),
        store::Error::AccessDenied => {
            KeyValueError::Denied("the component may not use the store `default`".into())
        }
        store::Error::Other(cause) => KeyValueError::Failed(cause),
    }
}

/// Reads a request whole. A body longer than `body_max` is cut after one byte more, which is enough to refuse it.
pub async fn receive(request: IncomingRequest, body_max: usize) -> Request {
    let mut builder = http::Request::builder()
        .method(request.method().to_string().as_str())
        .uri(request.path_with_query().unwrap_or_else(|| "/".to_owned()));
    for (name, value) in request.headers().entries() {
        builder = builder.header(name, value);
    }
    let mut body = Vec::new();
    let mut stream = request.into_body_stream();
    while body.len() <= body_max
        && let Some(Ok(chunk)) = stream.next().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(body_max + 1);
    builder.body(body).unwrap_or_default()
}

/// Sends a reply and finishes its body; what comes after is done on our own time.
pub async fn reply(out: ResponseOutparam, reply: Response) {
    let (parts, body) = reply.into_parts();
    let headers = Fields::new();
    for (name, value) in &parts.headers {
        let _ = headers.append(name.as_str(), value.as_bytes());
    }
    let outgoing = OutgoingResponse::new(headers);
    let _ = outgoing.set_status_code(parts.status.as_u16());
    let mut sink = outgoing.take_body();
    out.set(outgoing);
    // A caller that has gone away does not read its reply; there is nobody to tell.
    let _ = sink.send(body).await;
    drop(sink);
}

/// Runs a future to its end, for an export that cannot wait.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    spin_executor::run(future)
}

/// The text of the configuration as the manifest mounts it.
///
/// # Errors
/// Why it could not be read.
pub fn configuration() -> Result<String, String> {
    std::fs::read_to_string(CONFIGURATION).map_err(|error| format!("{CONFIGURATION}: {error}"))
}

/// One of the component's variables; none when it is not bound.
pub fn variable(name: &str) -> Option<String> {
    spin_sdk::variables::get(name).ok()
}
