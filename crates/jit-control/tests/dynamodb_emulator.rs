//! The ledger's contract on somebody else's DynamoDB: an emulator at the address in `JIT_AWS_ENDPOINT`, such as
//! `http://127.0.0.1:5555`. Without the variable it says that it skips. What only our own model can do (lost replies,
//! throttling, lagging reads) is tested beside the ledger.
//!
//! moto 5.2.5 checks the condition of an UpdateItem and writes in two steps without a lock, so that behind several threads two
//! writers at one version both win. It has to serve with one thread, which `moto_server` does not offer; werkzeug does:
//! `run_simple("127.0.0.1", 5555, DomainDispatcherApplication(create_backend_app), threaded=False)`.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jit_aws::Service;
use jit_control::aws::Aws;
use jit_control::effects::{self, Effects, KeyValue, KeyValueError, KeyValueReply, SendError};
use jit_control::ledger::dynamodb::{DynamoDbLedger, table};
use jit_control::ledger::suite;
use jit_control::settings::{AwsAccess, ScaleupSettings};
use jit_control::time::domain_time;
use jit_domain::ids::Region;
use jit_domain::time::Timestamp;
use serde_json::Value;

const ADDRESS: &str = "JIT_AWS_ENDPOINT";
const TABLE: &str = "jit-runners-ledger";

/// Effects on the real world: HTTP without TLS, the clock, waiting. It has no key-value store.
struct RealEffects(Client<HttpConnector, Full<Bytes>>);

impl Effects for RealEffects {
    async fn send(
        &self,
        request: effects::Request,
        timeout: Duration,
    ) -> Result<effects::Response, SendError> {
        let answer = async {
            let response = self.0.request(request.map(|body| Full::new(Bytes::from(body)))).await;
            let (parts, body) = response.map_err(|error| SendError::Unknown(error.to_string()))?.into_parts();
            let body = body.collect().await.map_err(|error| SendError::Unknown(error.to_string()))?;
            Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
        };
        let timed_out = |_| Err(SendError::Unknown("timed out".to_owned()));
        tokio::time::timeout(timeout, answer).await.unwrap_or_else(timed_out)
    }

    async fn key_value(&self, _: KeyValue) -> Result<KeyValueReply, KeyValueError> {
        Err(KeyValueError::Denied("there is none here".to_owned()))
    }

    fn now(&self) -> Timestamp {
        domain_time(jiff::Timestamp::now())
    }

    fn random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = RandomState::new().build_hasher().finish();
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn log(&self, line: &str) {
        println!("{line}");
    }
}

/// The rights of scaleup, at the emulator.
fn access(address: &str) -> AwsAccess {
    let variable = |name: &str| {
        Some(match name {
            "claim_key" => "k1:0123456789abcdef0123456789abcdef0123456789abcdef".to_owned(),
            "cron_token" => "a-cron-token-of-some-length-0123456789".to_owned(),
            "public_url" => "https://runners.example.com/".to_owned(),
            "scaleup_aws_access_key_id" => "AKIAEXAMPLE".to_owned(),
            "scaleup_aws_secret_access_key" => "a-secret-access-key-0123456789".to_owned(),
            "aws_endpoint_url" => address.to_owned(),
            _ => return None,
        })
    };
    ScaleupSettings::read(variable).expect("the variables are complete").aws
}

/// Sends an action that the ledger itself never sends; a table that is there already is fine.
async fn prepare(effects: &RealEffects, address: &str, region: &Region, action: &str, input: &Value) {
    let aws = Aws::new(effects, access(address));
    let endpoint = aws.endpoint(Service::DynamoDb, region).expect("an address of an emulator");
    let request = http::Request::post(endpoint.uri())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("DynamoDB_20120810.{action}"))
        .body(input.to_string().into_bytes())
        .expect("a request");
    let reply = aws.send(&endpoint, request, Duration::from_secs(10)).await.expect("an emulator is there");
    let body = String::from_utf8_lossy(reply.body()).into_owned();
    let is_there = body.contains("ResourceInUseException") || body.contains("already enabled");
    assert!(reply.status().is_success() || is_there, "{action}: {body}");
}

#[tokio::test]
async fn the_contract_holds_on_an_emulator() {
    let Ok(address) = std::env::var(ADDRESS) else {
        println!("skipped: {ADDRESS} names no emulator");
        return;
    };
    let effects = RealEffects(Client::builder(TokioExecutor::new()).build_http());
    let region = Region::new("us-east-1");
    prepare(&effects, &address, &region, "CreateTable", &table::create_table(TABLE)).await;
    prepare(&effects, &address, &region, "UpdateTimeToLive", &table::time_to_live(TABLE)).await;
    let open = || {
        let aws = Aws::new(&effects, access(&address));
        DynamoDbLedger::new(&effects, aws, &region, TABLE).expect("an address of an emulator")
    };
    let run = format!("run-{}", effects.now().as_ms());
    suite::check(open, &run, 7).await;
    println!("ledger contract: back end=dynamodb address={address} run={run} ok");
}
