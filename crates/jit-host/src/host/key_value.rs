//! `fermyon:spin/key-value` and `wasi:keyvalue`: the component's own stores, nobody else's.
//!
//! Not in here: the stores (`crate::key_value`); compare-and-set, which no two of Spin's back ends do alike.

use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::Resource;

use super::state::State;
use crate::bindings::imports::fermyon::spin::key_value as spin;
use crate::bindings::imports::fermyon::spin_cron::cron_types;
use crate::bindings::imports::wasi::keyvalue::{atomics, batch, store as wasi};
use crate::key_value::{KeyValue, KeyValueError};
use crate::limits::OPEN_STORES_MAX;

/// A store that a component holds open.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct OpenStore {
    label: Arc<str>,
    stores: Arc<dyn KeyValue>,
}

/// A compare-and-set handle; there is never one.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub enum NoSwap {}

/// Ends an instance as an effect asked; not a fault of the guest.
#[derive(Debug)]
pub(super) struct Crash;

impl std::fmt::Display for Crash {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("crashed on purpose")
    }
}

impl std::error::Error for Crash {}

impl OpenStore {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.stores.get(&self.label, key).await
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), KeyValueError> {
        self.stores.set(&self.label, key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        self.stores.delete(&self.label, key).await
    }

    async fn exists(&self, key: &str) -> Result<bool, KeyValueError> {
        self.stores.exists(&self.label, key).await
    }

    async fn keys(&self) -> Result<Vec<String>, KeyValueError> {
        self.stores.keys(&self.label).await
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, KeyValueError> {
        self.stores.increment(&self.label, key, delta).await
    }
}

/// Turns an error of a store into the guest's, or into its end.
fn answered<T, E>(result: Result<T, KeyValueError>, error: impl Fn(String) -> E) -> Result<Result<T, E>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(KeyValueError::Crash) => Err(wasmtime::Error::from(Crash)),
        Err(other) => Ok(Err(error(other.to_string()))),
    }
}

impl State {
    /// A handle of its own, as a state cannot be shared while a call waits.
    fn opened(&self, store: &Resource<OpenStore>) -> Result<OpenStore> {
        Ok(self.table.get(store)?.clone())
    }

    fn open_store(&mut self, label: String) -> Result<Resource<OpenStore>> {
        self.open_stores += 1;
        let stores = self.key_value.clone();
        Ok(self.table.push(OpenStore { label: label.into(), stores })?)
    }

    fn close_store(&mut self, store: Resource<OpenStore>) -> Result<()> {
        self.table.delete(store)?;
        self.open_stores = self.open_stores.saturating_sub(1);
        Ok(())
    }
}

impl spin::Host for State {}
impl cron_types::Host for State {}

impl spin::HostStore for State {
    async fn open(&mut self, label: String) -> Result<Result<Resource<OpenStore>, spin::Error>> {
        if !self.guest.stores.contains(&label) {
            return Ok(Err(spin::Error::AccessDenied));
        }
        if self.open_stores >= OPEN_STORES_MAX {
            return Ok(Err(spin::Error::StoreTableFull));
        }
        Ok(Ok(self.open_store(label)?))
    }

    async fn get(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
    ) -> Result<Result<Option<Vec<u8>>, spin::Error>> {
        answered(self.opened(&store)?.get(&key).await, spin::Error::Other)
    }

    async fn set(
        &mut self,
        store: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), spin::Error>> {
        answered(self.opened(&store)?.set(&key, value).await, spin::Error::Other)
    }

    async fn delete(&mut self, store: Resource<OpenStore>, key: String) -> Result<Result<(), spin::Error>> {
        answered(self.opened(&store)?.delete(&key).await, spin::Error::Other)
    }

    async fn exists(&mut self, store: Resource<OpenStore>, key: String) -> Result<Result<bool, spin::Error>> {
        answered(self.opened(&store)?.exists(&key).await, spin::Error::Other)
    }

    async fn get_keys(&mut self, store: Resource<OpenStore>) -> Result<Result<Vec<String>, spin::Error>> {
        answered(self.opened(&store)?.keys().await, spin::Error::Other)
    }

    async fn drop(&mut self, store: Resource<OpenStore>) -> Result<()> {
        self.close_store(store)
    }
}

impl wasi::Host for State {
    async fn open(&mut self, identifier: String) -> Result<Result<Resource<OpenStore>, wasi::Error>> {
        if !self.guest.stores.contains(&identifier) {
            return Ok(Err(wasi::Error::AccessDenied));
        }
        if self.open_stores >= OPEN_STORES_MAX {
            return Ok(Err(wasi::Error::Other("too many stores are open".to_owned())));
        }
        Ok(Ok(self.open_store(identifier)?))
    }
}

impl wasi::HostBucket for State {
    async fn get(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
    ) -> Result<Result<Option<Vec<u8>>, wasi::Error>> {
        answered(self.opened(&bucket)?.get(&key).await, wasi::Error::Other)
    }

    async fn set(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), wasi::Error>> {
        answered(self.opened(&bucket)?.set(&key, value).await, wasi::Error::Other)
    }

    async fn delete(&mut self, bucket: Resource<OpenStore>, key: String) -> Result<Result<(), wasi::Error>> {
        answered(self.opened(&bucket)?.delete(&key).await, wasi::Error::Other)
    }

    async fn exists(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
    ) -> Result<Result<bool, wasi::Error>> {
        answered(self.opened(&bucket)?.exists(&key).await, wasi::Error::Other)
    }

    /// Answers all keys at once and knows no cursor, as Spin's sqlite store.
    async fn list_keys(
        &mut self,
        bucket: Resource<OpenStore>,
        cursor: Option<String>,
    ) -> Result<Result<wasi::KeyResponse, wasi::Error>> {
        if cursor.is_some() {
            return Ok(Err(wasi::Error::Other("cursor not supported".to_owned())));
        }
        let keys = answered(self.opened(&bucket)?.keys().await, wasi::Error::Other)?;
        Ok(keys.map(|keys| wasi::KeyResponse { keys, cursor: None }))
    }

    async fn drop(&mut self, bucket: Resource<OpenStore>) -> Result<()> {
        self.close_store(bucket)
    }
}

impl atomics::Host for State {
    async fn increment(
        &mut self,
        bucket: Resource<OpenStore>,
        key: String,
        delta: i64,
    ) -> Result<Result<i64, wasi::Error>> {
        answered(self.opened(&bucket)?.increment(&key, delta).await, wasi::Error::Other)
    }

    async fn swap(&mut self, cas: Resource<NoSwap>, _: Vec<u8>) -> Result<Result<(), atomics::CasError>> {
        match *self.table.get(&cas)? {}
    }
}

impl atomics::HostCas for State {
    async fn new(
        &mut self,
        _: Resource<OpenStore>,
        _: String,
    ) -> Result<Result<Resource<NoSwap>, wasi::Error>> {
        Ok(Err(wasi::Error::Other(
            "compare-and-set is not supported: draw a ticket with increment".to_owned(),
        )))
    }

    async fn current(&mut self, cas: Resource<NoSwap>) -> Result<Result<Option<Vec<u8>>, wasi::Error>> {
        match *self.table.get(&cas)? {}
    }

    async fn drop(&mut self, cas: Resource<NoSwap>) -> Result<()> {
        match self.table.delete(cas)? {}
    }
}

impl batch::Host for State {
    /// Leaves absent keys out, as Spin's sqlite store does.
    async fn get_many(
        &mut self,
        bucket: Resource<OpenStore>,
        keys: Vec<String>,
    ) -> Result<Result<Vec<(String, Option<Vec<u8>>)>, wasi::Error>> {
        let mut pairs = Vec::new();
        for key in keys {
            match answered(self.opened(&bucket)?.get(&key).await, wasi::Error::Other)? {
                Ok(None) => {}
                Ok(value) => pairs.push((key, value)),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(pairs))
    }

    async fn set_many(
        &mut self,
        bucket: Resource<OpenStore>,
        pairs: Vec<(String, Vec<u8>)>,
    ) -> Result<Result<(), wasi::Error>> {
        for (key, value) in pairs {
            if let Err(error) = answered(self.opened(&bucket)?.set(&key, value).await, wasi::Error::Other)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<OpenStore>,
        keys: Vec<String>,
    ) -> Result<Result<(), wasi::Error>> {
        for key in keys {
            if let Err(error) = answered(self.opened(&bucket)?.delete(&key).await, wasi::Error::Other)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }
}
