//! Where the program keeps its records, and how they are read from outside: in Spin's own store beside it, or in a DynamoDB table
//! behind a real connection.
//! Not here: what is looked for in them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use http::HeaderValue;
use http::header::HOST;
use jit_aws::Credentials;
use jit_control::aws::Aws;
use jit_control::effects::{Effects, KeyValue, KeyValueError, KeyValueReply, Request, Response, SendError};
use jit_control::ledger::dynamodb::DynamoDbLedger;
use jit_control::settings::{AwsAccess, Component};
use jit_domain::policy::AwsStorage;
use jit_domain::time::Timestamp;
use jit_host::SqliteKeyValue;

use super::exchange;
use crate::books::Books;

/// A ledger's table behind one address, and a key that may read it.
#[derive(Clone, Debug)]
pub struct Table {
    /// Where all services are.
    pub address: SocketAddr,
    /// Which table.
    pub place: AwsStorage,
    /// Somebody's who is none of the components.
    pub key: Credentials,
}

/// Where a program's records are.
#[derive(Debug)]
pub(super) enum Records {
    /// In this file.
    Here(PathBuf),
    /// In a table.
    InAws(Table),
}

impl Records {
    /// Reads the open ones.
    pub(super) async fn books(&self) -> Result<Books> {
        match self {
            Self::Here(file) => {
                let file = file.clone();
                let read = tokio::task::spawn_blocking(move || SqliteKeyValue::snapshot(&file, "default"));
                Books::read(read.await?.context("the program's store cannot be read")?).await
            }
            Self::InAws(Table { address, place, key }) => {
                let line = Line(*address);
                // The name is only for sessions of roles, and there is no role here.
                let access = AwsAccess::of_key(Component::Rebalancer, key.clone());
                let ledger = DynamoDbLedger::new(&line, Aws::new(&line, access), &place.region, &place.name);
                Books::of(&ledger.map_err(|fault| anyhow!(fault))?).await
            }
        }
    }
}

/// A connection to one address, whatever host a request is for; for reading only.
#[derive(Debug)]
struct Line(SocketAddr);

impl Effects for Line {
    /// Waits as long as any exchange here may take, and not as its caller says: what stands for AWS on a busy machine is slower.
    async fn send(&self, mut request: Request, _: Duration) -> Result<Response, SendError> {
        let host = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        let host = host.ok_or_else(|| SendError::NotSent("the request names no host".to_owned()))?;
        // It is signed for this host, whichever address it goes to.
        request.headers_mut().entry(HOST).or_insert(host);
        let reply = exchange::send(self.0, request).await;
        reply.ok_or_else(|| SendError::Unknown("there was no whole reply in time".to_owned()))
    }

    async fn key_value(&self, _: KeyValue) -> Result<KeyValueReply, KeyValueError> {
        Err(KeyValueError::Denied("the store is Spin's, and this is not Spin".to_owned()))
    }

    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Who reads alone draws nothing that another could draw too, nor anything secret.
    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn log(&self, line: &str) {
        println!("said: {line}");
    }
}
