//! Effects, each answered as text.

use spin_sdk::http::{Method, Request, Response};
use spin_sdk::key_value::Store;

use crate::bindings::wasi::keyvalue::{atomics, batch, store};

const STORE: &str = "default";

/// Calls an address and says the status and the body, or the error. With a limit, for the first byte, in seconds.
pub(crate) async fn call(address: &str, first_byte_s: Option<u64>) -> Result<String, String> {
    match first_byte_s {
        None => {
            let request = Request::builder().method(Method::Post).uri(address).body("ping").build();
            let response: Response =
                spin_sdk::http::send(request).await.map_err(|error| error.to_string())?;
            Ok(format!("{} {}", response.status(), String::from_utf8_lossy(response.body())))
        }
        Some(seconds) => call_within(address, seconds),
    }
}

fn call_within(address: &str, seconds: u64) -> Result<String, String> {
    use spin_sdk::wit::wasi::http0_2_0::outgoing_handler;
    use spin_sdk::wit::wasi::http0_2_0::types::{Fields, OutgoingRequest, RequestOptions, Scheme};

    let rest = address.strip_prefix("http://").ok_or("not http")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).map_err(|()| "scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "authority")?;
    request.set_path_with_query(Some(&format!("/{path}"))).map_err(|()| "path")?;
    let options = RequestOptions::new();
    options.set_first_byte_timeout(Some(seconds * 1_000_000_000)).map_err(|()| "timeout")?;
    let pending = outgoing_handler::handle(request, Some(options)).map_err(|error| format!("{error:?}"))?;
    pending.subscribe().block();
    let response = pending.get().ok_or("no response")?.map_err(|()| "taken")?;
    response.map(|response| response.status().to_string()).map_err(|error| format!("{error:?}"))
}

pub(crate) fn variable(name: &str) -> Result<String, String> {
    spin_sdk::variables::get(name).map_err(|error| format!("{error:?}"))
}

/// Opens a store through both interfaces.
pub(crate) fn open(label: &str) -> Result<String, String> {
    let spin = Store::open(label).map(drop).map_err(|error| format!("{error:?}"));
    let wasi = store::open(label).map(drop).map_err(|error| format!("{error:?}"));
    match (spin, wasi) {
        (Ok(()), Ok(())) => Ok("opened".to_owned()),
        (spin, wasi) => Err(format!("{spin:?} {wasi:?}")),
    }
}

fn spin_store() -> Result<Store, String> {
    Store::open(STORE).map_err(|error| error.to_string())
}

fn wasi_store() -> Result<store::Bucket, String> {
    store::open(STORE).map_err(|error| format!("{error:?}"))
}

pub(crate) fn get(key: &str) -> Result<String, String> {
    let value = spin_store()?.get(key).map_err(|error| error.to_string())?;
    Ok(value.map_or("absent".to_owned(), |value| String::from_utf8_lossy(&value).into_owned()))
}

pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), String> {
    spin_store()?.set(key, value).map_err(|error| error.to_string())
}

pub(crate) fn delete(key: &str) -> Result<String, String> {
    let store = spin_store()?;
    store.delete(key).map_err(|error| error.to_string())?;
    Ok(format!("exists: {}", store.exists(key).map_err(|error| error.to_string())?))
}

/// The keys as both interfaces list them.
pub(crate) fn keys() -> Result<String, String> {
    let spin = spin_store()?.get_keys().map_err(|error| error.to_string())?;
    let wasi = wasi_store()?.list_keys(None).map_err(|error| format!("{error:?}"))?;
    Ok(format!("{} {}", spin.join(","), wasi.keys.join(",")))
}

/// Writes two keys at once, reads them and one that is absent, removes them.
pub(crate) fn many(prefix: &str) -> Result<String, String> {
    let bucket = wasi_store()?;
    let keys: Vec<_> = ["1", "2", "3"].iter().map(|end| format!("{prefix}{end}")).collect();
    let pairs: Vec<_> = keys.iter().take(2).map(|key| (key.clone(), key.clone().into_bytes())).collect();
    batch::set_many(&bucket, &pairs).map_err(|error| format!("{error:?}"))?;
    let read = batch::get_many(&bucket, &keys).map_err(|error| format!("{error:?}"))?;
    batch::delete_many(&bucket, &keys).map_err(|error| format!("{error:?}"))?;
    let left = batch::get_many(&bucket, &keys).map_err(|error| format!("{error:?}"))?;
    Ok(format!("{} then {}", read.len(), left.len()))
}

pub(crate) fn increment(key: &str) -> Result<String, String> {
    atomics::increment(&wasi_store()?, key, 1)
        .map(|sum| sum.to_string())
        .map_err(|error| format!("{error:?}"))
}

pub(crate) fn swap(key: &str) -> Result<String, String> {
    let cas = atomics::Cas::new(&wasi_store()?, key).map_err(|error| format!("{error:?}"))?;
    atomics::swap(cas, b"x").map(|()| "swapped".to_owned()).map_err(|error| format!("{error:?}"))
}

/// Sleeps and says how long it took by both clocks, in whole seconds.
pub(crate) fn wait(seconds: u64) -> String {
    let (instant, wall) = (std::time::Instant::now(), std::time::SystemTime::now());
    std::thread::sleep(std::time::Duration::from_secs(seconds));
    format!("{} {}", instant.elapsed().as_secs(), wall.elapsed().unwrap_or_default().as_secs())
}

pub(crate) fn now() -> String {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    wall.as_secs().to_string()
}

/// Bytes of each of WASI's sources of randomness, and the hash of the seed that std's maps take.
pub(crate) fn random() -> String {
    use std::hash::{BuildHasher, RandomState};

    use spin_sdk::wit::wasi::random0_2_0::{insecure, random};

    let secure = random::get_random_bytes(16);
    let insecure = insecure::get_insecure_random_u64();
    let hash = RandomState::new().hash_one("x");
    format!("{secure:?} {insecure} {hash}")
}
