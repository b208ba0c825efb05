//! A ministack of one's own that checks signatures, sessions and rights, with a user who may do everything, one who may do nothing,
//! a role, and a place for records and messages.
//! Not here: what is asked of it.

use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use http::{Request, Response};
use jiff::Timestamp;
use jit_aws::sigv4::{SigningParams, sign};
use jit_aws::sts::{
    AssumeRole, CallerIdentity, RoleArn, SessionDuration, SessionName, caller_identity_request,
    parse_caller_identity,
};
use jit_aws::{Credentials, Endpoint, Region, Service};
use jit_control::effects::Effects as _;
use jit_control::ledger::dynamodb::table;
use serde_json::json;
use tokio::process::{Child, Command};

use super::network::Network;
use super::service::Door;

pub(crate) const REGION: &str = "us-east-1";
/// ministack's account.
pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const TABLE: &str = "jit-runners-words";
pub(crate) const QUEUE: &str = "jit-runners-words";
pub(crate) const ROLE: &str = "runner";
pub(crate) const SESSION: &str = "i-0123456789abcdef0";

/// It starts in half a second; a busy machine is given much more.
const START_MAX: Duration = Duration::from_secs(60);
const START_PAUSE: Duration = Duration::from_millis(100);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The key that ministack lets in before there is any other.
const ROOT: [&str; 2] = ["test", "test"];
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// The emulator; ended when dropped.
pub(crate) struct Ministack {
    _child: Child,
    pub(crate) network: Network,
    address: String,
    /// May do everything.
    pub(crate) user: Credentials,
    /// May do nothing.
    pub(crate) powerless: Credentials,
}

impl Ministack {
    /// Starts one on loopback, where `JIT_MINISTACK` names the program; else says that it did not.
    pub(crate) async fn start() -> Option<Self> {
        let Some(program) = env::var_os("JIT_MINISTACK") else {
            println!("skipped: JIT_MINISTACK names no ministack program");
            return None;
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on loopback");
        let port = listener.local_addr().expect("a bound address").port().to_string();
        drop(listener);
        let mut command = Command::new(&program);
        command.env("AUTH", "true").env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", &port);
        // It writes its process id there, beside the tests' own files.
        command.env("TMPDIR", env!("CARGO_TARGET_TMPDIR")).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.kill_on_drop(true).spawn().expect("JIT_MINISTACK names a program");
        let root = Credentials::new(ROOT[0], ROOT[1]);
        let mut ministack = Self {
            _child: child,
            network: Network::new(),
            address: format!("http://127.0.0.1:{port}"),
            user: root.clone(),
            powerless: root,
        };
        tokio::time::timeout(START_MAX, ministack.ready()).await.expect("ministack serves in time");
        ministack.furnish().await;
        Some(ministack)
    }

    async fn ready(&self) {
        loop {
            let request = Request::get(format!("{}/_ministack/health", self.address)).body(Vec::new());
            let request = request.expect("it is a request");
            if self.network.send(request, CALL_TIMEOUT).await.is_ok_and(|reply| reply.status().is_success()) {
                return;
            }
            tokio::time::sleep(START_PAUSE).await;
        }
    }

    /// Makes the users, the role, the table and the queue.
    async fn furnish(&mut self) {
        let everything = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
        });
        let everything = everything.to_string();
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "sts:AssumeRole" }],
        });
        self.powerless = self.make_user("powerless").await;
        let user = self.make_user("user").await;
        let put = [("UserName", "user"), ("PolicyName", "all"), ("PolicyDocument", everything.as_str())];
        self.iam("PutUserPolicy", &put).await;
        self.iam("CreateRole", &[("RoleName", ROLE), ("AssumeRolePolicyDocument", &trust.to_string())]).await;
        let put = [("RoleName", ROLE), ("PolicyName", "all"), ("PolicyDocument", everything.as_str())];
        self.iam("PutRolePolicy", &put).await;
        self.user = user;
        let table = table::create_table(TABLE).to_string();
        self.make(Service::DynamoDb, "DynamoDB_20120810.CreateTable", table).await;
        let queue = json!({ "QueueName": QUEUE }).to_string();
        self.make(Service::Sqs, "AmazonSQS.CreateQueue", queue).await;
    }

    async fn make_user(&self, name: &str) -> Credentials {
        self.iam("CreateUser", &[("UserName", name)]).await;
        let made = self.iam("CreateAccessKey", &[("UserName", name)]).await;
        Credentials::new(element(&made, "AccessKeyId"), element(&made, "SecretAccessKey"))
    }

    /// Sends an action of IAM, which no component calls, as the root.
    async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", "2010-05-08").extend_pairs(parameters);
        let request = Request::post(format!("{}/", self.address)).header("content-type", FORM);
        let mut request = request.body(form.finish().into_bytes()).expect("it is a request");
        let root = Credentials::new(ROOT[0], ROOT[1]);
        let params = SigningParams::new(&root, REGION, "iam", Timestamp::now());
        sign(&mut request, &params).expect("it can be signed");
        self.succeed(request, action).await
    }

    /// Sends an action of a JSON service that no component calls, as the user.
    async fn make(&self, service: Service, target: &str, body: String) {
        let endpoint = self.endpoint(service);
        let request = Request::post(endpoint.uri()).header("content-type", "application/x-amz-json-1.0");
        let request = request.header("x-amz-target", target).body(body.into_bytes());
        let mut request = request.expect("it is a request");
        endpoint.sign(&mut request, &self.user, Timestamp::now()).expect("it can be signed");
        self.succeed(request, target).await;
    }

    async fn succeed(&self, request: Request<Vec<u8>>, what: &str) -> String {
        let reply = self.send(request).await;
        let body = String::from_utf8_lossy(reply.body()).into_owned();
        assert!(reply.status().is_success(), "{what}: {body}");
        body
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.network.send(request, CALL_TIMEOUT).await.expect("ministack answers")
    }

    pub(crate) fn endpoint(&self, service: Service) -> Endpoint {
        let region = Region::parse(REGION).expect("it is a region");
        Endpoint::overridden(service, region, &self.address).expect("it is an address")
    }

    /// The request by which a service's words about credentials and dates are heard.
    pub(crate) fn door(&self, service: Service) -> Door<'_> {
        Door::usual_of(self, service)
    }

    /// A session of the role, with a life in seconds that AWS would not give.
    pub(crate) async fn session(&self, seconds: i64) -> Credentials {
        let endpoint = self.endpoint(Service::Sts);
        let ask = AssumeRole {
            role: RoleArn::parse(&format!("arn:aws:iam::{ACCOUNT}:role/{ROLE}")).expect("it is a role"),
            session: SessionName::parse(SESSION).expect("it is a name"),
            duration: SessionDuration::MIN,
        };
        let usual = format!("DurationSeconds={}", SessionDuration::MIN.as_secs());
        let mut request = ask.request(&endpoint).map(|body| {
            let body = String::from_utf8(body).expect("a form is text");
            assert!(body.contains(&usual), "{body}");
            body.replace(&usual, &format!("DurationSeconds={seconds}")).into_bytes()
        });
        endpoint.sign(&mut request, &self.user, Timestamp::now()).expect("it can be signed");
        AssumeRole::parse(&self.send(request).await).expect("the role may be assumed").credentials
    }

    /// Whom STS says that a session is, asked as an instance's claim asks.
    pub(crate) async fn caller(&self) -> Option<CallerIdentity> {
        let session = self.session(SessionDuration::MIN.as_secs().into()).await;
        let endpoint = self.endpoint(Service::Sts);
        let request = caller_identity_request(&endpoint, "runners.example.com", &session, Timestamp::now());
        parse_caller_identity(&self.send(request.expect("it can be signed")).await).ok()
    }
}

fn element(xml: &str, name: &str) -> String {
    let after = xml.split_once(&format!("<{name}>")).map(|(_, after)| after);
    let text = after.and_then(|after| after.split_once(&format!("</{name}>")));
    text.unwrap_or_else(|| panic!("no {name}: {xml}")).0.to_owned()
}
