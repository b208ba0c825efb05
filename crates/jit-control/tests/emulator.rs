//! The contracts of the back ends on AWS, held against an emulator at `JIT_AWS_ENDPOINT`, such as moto or ministack.
//! Not here: the same contracts on the models of `jit-fakes`, where time can be moved and faults can be asked for; starting an
//! emulator.

use std::time::Duration;

use jit_aws::Service;
use jit_control::aws::Aws;
use jit_control::effects::Effects as _;
use jit_control::ledger::dynamodb::{DynamoDbLedger, table};
use jit_control::queue::sqs::SqsQueue;
use jit_control::settings::{AwsAccess, ScaleupSettings};
use jit_control::{ledger, queue};
use jit_domain::ids::Region;
use jit_domain::policy::AwsStorage;
use serde_json::{Value, json};

use network::Network;

#[path = "emulator/network.rs"]
mod network;

const REGION: &str = "us-east-1";
const TABLE: &str = "jit-runners-ledger";
/// The account of every emulator that is not told another one.
const ACCOUNT: &str = "000000000000";
/// Hides messages for as short as SQS can, as nobody can move an emulator's clock; long enough for one drain and its deletes.
const VISIBILITY: Duration = Duration::from_secs(20);
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// The emulator's address, if there is one.
fn emulator() -> Option<String> {
    let address = std::env::var("JIT_AWS_ENDPOINT").ok();
    if address.is_none() {
        println!("skipped: JIT_AWS_ENDPOINT does not name an emulator");
    }
    address
}

/// Rights as a component reads them; emulators that check no rights take any key.
fn access(address: &str) -> AwsAccess {
    let key = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    let settings = ScaleupSettings::read(|name| {
        Some(match name {
            "scaleup_aws_access_key_id" => key("JIT_AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            "scaleup_aws_secret_access_key" => {
                key("JIT_AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
            }
            "public_url" => "https://registrar.example.com".to_owned(),
            "claim_key" => "0123456789abcdef0123456789abcdef".to_owned(),
            "cron_token" => "0123456789abcdef".to_owned(),
            "aws_endpoint_url" => address.to_owned(),
            _ => return None,
        })
    });
    settings.expect("every variable is there").aws
}

/// Sends an action that no component sends: the tests make what infrastructure is to make. Returns what was answered.
async fn prepare(
    network: &Network,
    access: &AwsAccess,
    service: Service,
    target: &str,
    input: &Value,
) -> Value {
    let aws = Aws::new(network, access.clone());
    let endpoint = aws.endpoint(service, &Region::new(REGION)).expect("JIT_AWS_ENDPOINT is a base address");
    let request = http::Request::post(endpoint.uri())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", target)
        .body(input.to_string().into_bytes())
        .expect("it is a request");
    let reply = aws.send(&endpoint, request, CALL_TIMEOUT).await.expect("the emulator answers");
    let text = String::from_utf8_lossy(reply.body()).into_owned();
    let is_there = text.contains("ResourceInUseException") || text.contains("already enabled");
    assert!(reply.status().is_success() || is_there, "{target}: {text}");
    serde_json::from_str(&text).expect("it is JSON")
}

#[tokio::test]
async fn the_queues_contract_holds_on_an_emulator() {
    let Some(address) = emulator() else { return };
    let (network, access) = (Network::new(), access(&address));
    let prefix = format!("jit-{:x}", network.now().as_ms());
    let mut account = ACCOUNT.to_owned();
    for name in ["jobs", "jobs-dead", "lifecycle", "lifecycle-dead"] {
        let input = json!({ "QueueName": format!("{prefix}-{name}") });
        let made = prepare(&network, &access, Service::Sqs, "AmazonSQS.CreateQueue", &input).await;
        let url = made["QueueUrl"].as_str().unwrap_or_else(|| panic!("no queue was made: {made}"));
        account = url.rsplit('/').nth(1).unwrap_or(ACCOUNT).to_owned();
    }
    let place = AwsStorage { region: Region::new(REGION), account, name: prefix };
    let open = || {
        let queue = SqsQueue::new(&network, Aws::new(&network, access.clone()), &place);
        queue.expect("the place is one").with_visibility(VISIBILITY)
    };
    queue::suite::check(open, async || network.sleep(VISIBILITY).await).await;
    println!("queues contract: back end=sqs address={address} ok");
}

/// ministack 1.5.33 keeps the contract as it is started. moto 5.2.5 checks the condition of an UpdateItem and writes in two steps
/// without a lock, so that behind several threads two writers at one version both win. It has to serve with one thread, which `moto_server` does not offer; werkzeug does:
/// `run_simple("127.0.0.1", 5555, DomainDispatcherApplication(create_backend_app), threaded=False)`.
#[tokio::test]
async fn the_ledgers_contract_holds_on_an_emulator() {
    let Some(address) = emulator() else { return };
    let (network, access) = (Network::new(), access(&address));
    for (action, input) in
        [("CreateTable", table::create_table(TABLE)), ("UpdateTimeToLive", table::time_to_live(TABLE))]
    {
        prepare(&network, &access, Service::DynamoDb, &format!("DynamoDB_20120810.{action}"), &input).await;
    }
    let region = Region::new(REGION);
    let open = || {
        let aws = Aws::new(&network, access.clone());
        DynamoDbLedger::new(&network, aws, &region, TABLE).expect("an address of an emulator")
    };
    let run = format!("run-{}", network.now().as_ms());
    ledger::suite::check(open, &run, 7).await;
    println!("ledger contract: back end=dynamodb address={address} run={run} ok");
}
