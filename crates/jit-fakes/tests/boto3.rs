//! Serves the AWS model on loopback and drives it with boto3, if Python has it.
//! Not in it: the rules themselves, which the unit tests hold; here Amazon's own client judges requests and replies.

use std::convert::Infallible;
use std::process::Output;
use std::time::Duration;

use jiff::Timestamp;
use jit_fakes::cloud::{
    Aws, AwsConfig, BucketSize, CapacityPool, CapacityType, Delay, Fault, Principal, Provider, Role, SqsRules,
};
use jit_fakes::server::{Clock, Server};
use jwt_simple::prelude::{Claims, Duration as Span, RS256KeyPair, RSAKeyPairLike as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/boto3/drive.py");
const HARD_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/boto3/hard.py");
const DYNAMODB_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/boto3/dynamodb.py");
/// A Python that does not come back is an error, not a long test.
const RUN_MAX: Duration = Duration::from_secs(240);

async fn python(arguments: &[&str], environment: &[(&str, &str)]) -> std::io::Result<Output> {
    let mut command = Command::new("python3");
    command.args(arguments).kill_on_drop(true).env_remove("AWS_SESSION_TOKEN").env_remove("AWS_PROFILE");
    // The client must not find a configuration or a metadata service of this machine.
    let nowhere = [("AWS_CONFIG_FILE", "/dev/null"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")];
    command.envs(nowhere).env("AWS_EC2_METADATA_DISABLED", "true").env("NO_PROXY", "127.0.0.1");
    // The scripts import what they share, and nothing is to be written beside them.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.envs(environment.iter().copied());
    tokio::time::timeout(RUN_MAX, command.output()).await?
}

const ISSUER: &str = "https://oidc.example.com";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:jit/app-AbCdEf";

/// A role for the operator and for one identity of a provider, and what its sessions may look up.
fn add_lookups(aws: &mut Aws, provider: &RS256KeyPair) {
    let provider = Provider {
        issuer: ISSUER.into(),
        audience: "sts.amazonaws.com".into(),
        subject: "looker".into(),
        public_key_pem: provider.public_key().to_pem().expect("a key is written"),
    };
    let actions = ["secretsmanager:GetSecretValue", "ssm:GetParameter"];
    aws.add_role(Role::new("looker", &actions).trusting("operator").trusting_provider(provider));
    aws.put_secret(SECRET, "first".into());
    aws.put_secret(SECRET, "second".into());
    aws.put_parameter("us-east-1", "/jit/image", "ami-0000000000000000e");
}

fn model() -> Aws {
    let mut config = AwsConfig::default();
    // Enough for the script's own launches, and too few for its last check.
    config.limits.run_requests = BucketSize { size: 20, per_second: 0 };
    // The script counts messages.
    config.sqs = SqsRules { duplicates_per_mille: 0, undead_per_mille: 0, ..SqsRules::default() };
    let mut aws = Aws::new(config);
    let all = ["ec2:*", "iam:PassRole", "dynamodb:*", "sqs:*"];
    let secret = |text: &str| SecretString::from(text);
    aws.add_principal(Principal::new("operator", "AKIAOPERATOR", secret("operator secret"), &all));
    aws.add_principal(Principal::new(
        "reader",
        "AKIAREADER",
        secret("reader secret"),
        &["ec2:DescribeInstances"],
    ));
    let pool = CapacityPool::new("c7i.4xlarge", "us-east-1a", CapacityType::OnDemand);
    aws.set_capacity(pool, Timestamp::MIN, Some(0));
    aws
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The model on loopback.
struct Served {
    server: Server<Aws>,
    endpoint: String,
    serving: JoinHandle<Infallible>,
}

async fn serve(aws: Aws) -> Served {
    let server = Server::new(aws, Clock::real());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    let serving = tokio::spawn({
        let server = server.clone();
        async move { server.serve(listener).await }
    });
    Served { server, endpoint, serving }
}

/// The environment of a script that acts as the operator.
fn as_operator(endpoint: &str) -> [(&str, &str); 3] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "AKIAOPERATOR"),
        ("AWS_SECRET_ACCESS_KEY", "operator secret"),
    ]
}

/// Whether the tests can run; says so if not.
async fn has_boto3() -> bool {
    let is_there = python(&["-c", "import boto3"], &[]).await.is_ok_and(|output| output.status.success());
    if !is_there {
        println!("skipped: boto3 is not installed");
    }
    is_there
}

#[tokio::test]
async fn boto3_makes_a_table_writes_on_conditions_queries_and_understands_every_refusal_of_dynamodb() {
    if !has_boto3().await {
        return;
    }
    let Served { server, endpoint, serving } = serve(model()).await;
    assert_eq!(text(&python(&[DYNAMODB_SCRIPT], &as_operator(&endpoint)).await.unwrap()), "ok");
    let queries = server.with(|aws, _| aws.requests_of("Query"));
    assert!(queries >= 3, "the script has been here: {queries}");
    serving.abort();
}

#[tokio::test]
async fn boto3_understands_throttled_writes_and_queues_and_a_listing_that_lags() {
    if !has_boto3().await {
        return;
    }
    let mut aws = model();
    aws.dynamodb_mut().settings.write_units = BucketSize { size: 6, per_second: 0 };
    aws.dynamodb_mut().conflict_next(1);
    aws.faults.on_next("SendMessage", 1, Fault::refused(400, "RequestThrottled"));
    aws.times_mut().lag = Delay::secs(2);
    let Served { server, endpoint, serving } = serve(aws).await;
    assert_eq!(text(&python(&[HARD_SCRIPT], &as_operator(&endpoint)).await.unwrap()), "ok");
    let throttled = server.with(|aws, _| {
        let outcomes = aws.requests().keys().map(|key| key.outcome.clone());
        outcomes.filter(|outcome| outcome.contains("Throttled") || outcome.contains("Throughput")).count()
    });
    assert!(throttled >= 2, "the script has been here: {throttled}");
    serving.abort();
}

#[tokio::test]
async fn boto3_launches_describes_pages_terminates_and_understands_every_refusal() {
    if !has_boto3().await {
        return;
    }
    let provider = RS256KeyPair::generate(2048).unwrap();
    let claims = Claims::create(Span::from_mins(10)).with_issuer(ISSUER);
    let token = provider.sign(claims.with_audience("sts.amazonaws.com").with_subject("looker")).unwrap();
    let mut aws = model();
    add_lookups(&mut aws, &provider);
    let Served { server, endpoint, serving } = serve(aws).await;

    let [endpoint_url, key, secret] = as_operator(&endpoint);
    let environment = [endpoint_url, key, secret, ("WEB_IDENTITY_TOKEN", token.as_str())];
    let instance_id = text(&python(&[SCRIPT], &environment).await.unwrap());

    let (credentials, live) = server.with(|aws, now| {
        let live: Vec<_> = aws.live_instances().map(|instance| instance.id.clone()).collect();
        (aws.role_credentials(&instance_id, now).unwrap(), live)
    });
    assert!(live.contains(&instance_id));
    let environment = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.expose_secret()),
        ("AWS_SESSION_TOKEN", credentials.session_token.expose_secret()),
    ];
    let arn = text(&python(&[SCRIPT, "whoami"], &environment).await.unwrap());
    assert_eq!(arn, format!("arn:aws:sts::123456789012:assumed-role/jit-runner/{instance_id}"));

    let lines = server.with(|aws, _| aws.requests_of("DescribeInstances"));
    assert!(lines >= 7, "the script has been here: {lines}");
    serving.abort();
}
