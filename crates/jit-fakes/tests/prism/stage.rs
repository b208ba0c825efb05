//! The world of `prism.rs`: the model on a real listener, Prism before it, and our client in front of both.
//! Not in it: what is asked, and what the description says.

use std::path::{Path, PathBuf};

use http::{Request, Response};
use jiff::Timestamp;
use jit_fakes::github::{GitHub, JobSpec, RepositorySelection, Settings, Visibility, WorkflowSpec};
use jit_fakes::model::Model;
use jit_fakes::server::{Clock, Server};
use jit_github::runners::JitRequest;
use jit_github::tokens::TokenRequest;
use jit_github::*;
use jwt_simple::prelude::RS256KeyPair;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::proxy::Proxy;
use super::{node, overlay};

/// The App's number.
pub(crate) const APP: u64 = 4_711;
/// A request with this header gets a reply without the property that it names.
pub(crate) const LEAVE_OUT: &str = "x-leave-out";

/// The model, and a way to spoil a reply of it.
pub(crate) struct Spoilt(pub(crate) GitHub);

impl Model for Spoilt {
    fn handle(&mut self, now: Timestamp, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let property = request.headers().get(LEAVE_OUT).map(|name| name.to_str().unwrap().to_owned());
        let mut reply = self.0.handle(now, request);
        if let Some(property) = property {
            let mut body: Value = serde_json::from_slice(reply.body()).unwrap();
            body.as_object_mut().unwrap().remove(&property).unwrap();
            *reply.body_mut() = body.to_string().into_bytes();
        }
        reply
    }

    fn next_at(&self) -> Option<Timestamp> {
        self.0.next_at()
    }

    fn advance(&mut self, now: Timestamp) {
        self.0.advance(now);
    }
}

/// A GitHub of one organisation with one repository, behind Prism, and our client in front.
pub(crate) struct Stage {
    pub(crate) server: Server<Spoilt>,
    pub(crate) proxy: Proxy,
    pub(crate) api: Api,
    pub(crate) jwt: SecretString,
    pub(crate) app: Authorization,
    pub(crate) token: Authorization,
    pub(crate) installation: InstallationId,
    pub(crate) repository: Repository,
    pub(crate) repository_id: jit_fakes::github::RepositoryId,
}

/// Writes the slice with our deviations, once for each test, and tells where.
fn description(test: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read =
        |path: &str| serde_json::from_slice::<Value>(&std::fs::read(crates.join(path)).unwrap()).unwrap();
    let mut description = read("../jit-github/tests/data/github-openapi-slice.json");
    overlay::apply(&mut description, &read("tests/prism/overlay.json")).unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("github-openapi-{test}.json"));
    std::fs::write(&path, description.to_string()).unwrap();
    path
}

impl Stage {
    /// Builds it all, or says why it cannot.
    pub(crate) async fn set(test: &str) -> Option<Self> {
        if let Some(reason) = node::missing("@stoplight/prism-cli").await {
            println!("skipped: {reason}");
            return None;
        }
        let key = RS256KeyPair::generate(2048).unwrap();
        let mut settings =
            Settings::new(1, APP, &key.public_key().to_pem().unwrap(), "webhook secret".into());
        settings.limits.points_per_minute = 1_000_000;
        let clock = Clock::real();
        let mut github = GitHub::new(settings, clock.now()).unwrap();
        let organization = github.add_organization("octo-org");
        let repository_id = github.add_repository(organization, "octo-repo", Visibility::Private);
        let installation = InstallationId(github.install(organization, RepositorySelection::All).0);
        let server = Server::new(Spoilt(github), clock);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn({
            let server = server.clone();
            async move { server.serve(listener).await }
        });
        let proxy = Proxy::start(&description(test), &upstream).await;
        let key = AppKey::from_pem(&SecretString::from(key.to_pem().unwrap())).unwrap();
        let jwt = key.jwt(&AppId::new(&APP.to_string()).unwrap(), clock.now()).unwrap();
        let mut stage = Self {
            api: Api::new(proxy.address(), "jit-runners").unwrap(),
            app: Authorization::bearer(&jwt).unwrap(),
            jwt,
            token: Authorization::bearer(&"none".into()).unwrap(),
            repository: Repository::parse("octo-org/octo-repo").unwrap(),
            server,
            proxy,
            installation,
            repository_id,
        };
        stage.token = stage.token_for(&TokenRequest::default()).await;
        Some(stage)
    }

    /// Sends a request: neither it nor its reply may break the description, and the status is as expected.
    pub(crate) async fn ask(&self, request: Request<Vec<u8>>, status: u16) -> Response<Vec<u8>> {
        let what = format!("{} {}", request.method(), request.uri());
        let reply = self.proxy.send(request).await.unwrap_or_else(|violation| panic!("{what}: {violation}"));
        assert_eq!(reply.status(), status, "{what}: {}", String::from_utf8_lossy(reply.body()));
        reply
    }

    pub(crate) async fn token_for(&self, wanted: &TokenRequest) -> Authorization {
        let request = self.api.create_installation_token(&self.app, self.installation, wanted);
        let token = tokens::parse(&self.ask(request, 201).await).unwrap();
        Authorization::bearer(&token.token).unwrap()
    }

    /// A request that our client does not make.
    pub(crate) fn other(
        &self,
        method: &str,
        path: &str,
        token: &SecretString,
        body: Option<Value>,
    ) -> Request<Vec<u8>> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.proxy.address()));
        let request = request.header("accept", "application/vnd.github+json");
        let request = request.header("authorization", format!("Bearer {}", token.expose_secret()));
        match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string().into_bytes())
                .unwrap(),
            None => request.body(Vec::new()).unwrap(),
        }
    }

    /// Asks the model itself, past Prism: for what is done in bulk, and for agents, of which GitHub describes nothing.
    pub(crate) fn past(&self, request: Request<Vec<u8>>) -> Value {
        let reply = self.server.with(|github, now| github.handle(now, request));
        assert!(reply.status().is_success(), "{}: {}", reply.status(), String::from_utf8_lossy(reply.body()));
        serde_json::from_slice(reply.body()).unwrap_or_default()
    }

    pub(crate) fn as_agent(&self, method: &str, path: &str, body: Value) -> Value {
        let request = Request::builder().method(method).uri(format!("/_agent/{path}"));
        self.past(request.body(body.to_string().into_bytes()).unwrap())
    }

    pub(crate) fn start(&self, jobs: Vec<JobSpec>) -> RunId {
        let run = self.server.with(|github, now| {
            github.0.start_run(now, self.repository_id, WorkflowSpec::new("CI", jobs)).unwrap()
        });
        RunId(run.0)
    }

    pub(crate) fn jobs_of(&self, run: RunId) -> Vec<jit_fakes::github::JobId> {
        self.server
            .with(|github, _| github.0.jobs().filter(|job| job.run.0 == run.0).map(|job| job.id).collect())
    }

    /// A connected runner: its id and its agent's session.
    pub(crate) async fn runner(&self, scope: &Scope, name: &str) -> (RunnerId, String) {
        let request = self.api.generate_jit_config(&self.token, scope, &wanted(name, 1));
        let minted = runners::parse_jit_config(&self.ask(request, 201).await).unwrap();
        let config = json!({ "encoded_jit_config": minted.encoded.expose_secret() });
        let session = self.as_agent("POST", "connect", config)["session"].as_str().unwrap().to_owned();
        (minted.runner.id, session)
    }

    /// Lets a runner pick up the job that waits for it.
    pub(crate) fn pick_up(&self, session: &str) {
        let message = self.as_agent("GET", &format!("session/{session}/message"), json!({}));
        assert_eq!(message["type"], "job");
        self.as_agent("POST", &format!("session/{session}/job"), json!({ "state": "started" }));
    }

    pub(crate) fn finish(&self, session: &str, conclusion: &str) {
        let body = json!({ "state": "finished", "conclusion": conclusion });
        self.as_agent("POST", &format!("session/{session}/job"), body);
    }
}

pub(crate) fn wanted(name: &str, group: u64) -> JitRequest {
    JitRequest {
        name: RunnerName::new(name).unwrap(),
        runner_group_id: RunnerGroupId(group),
        labels: Labels::new(["self-hosted", "linux"]).unwrap(),
        work_folder: Some(FilePath::new("_work").unwrap()),
    }
}

pub(crate) fn job(key: &str) -> JobSpec {
    JobSpec::new(key, &["self-hosted", "linux"])
}
