//! A small world for the tests of the model's rules; one file below holds one family of rules.

mod assignment;
mod auth;
mod deliveries;
mod faults;
mod jit;
mod limits;
mod lists;
mod order;
mod runs;
mod schema;

use std::sync::OnceLock;

use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use jwt_simple::prelude::{Claims, Duration, RS256KeyPair, RSAKeyPairLike as _};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;

const APP: u64 = 4_711;

fn key() -> &'static RS256KeyPair {
    static KEY: OnceLock<RS256KeyPair> = OnceLock::new();
    KEY.get_or_init(|| RS256KeyPair::generate(2048).unwrap())
}

fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn jwt(key: &RS256KeyPair, issuer: &str, iat: Timestamp, exp: Timestamp) -> String {
    let seconds = |at: Timestamp| Duration::from_secs(u64::try_from(at.as_second()).unwrap());
    let mut claims = Claims::create(Duration::from_secs(60)).with_issuer(issuer);
    claims.issued_at = Some(seconds(iat));
    claims.expires_at = Some(seconds(exp));
    claims.invalid_before = None;
    key.sign(claims).unwrap()
}

/// Status, body and headers of a reply.
struct Answer {
    status: u16,
    body: Value,
    reply: Response<Vec<u8>>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.reply.headers().get(name).and_then(|value| value.to_str().ok())
    }
}

/// One organisation with one private repository and an installation that may do everything.
struct World {
    github: GitHub,
    now: Timestamp,
    organization: AccountId,
    repository: RepositoryId,
    installation: InstallationId,
    token: String,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let pem = key().public_key().to_pem().unwrap();
        let mut settings = Settings::new(1, APP, &pem, SecretString::from("webhook secret"));
        change(&mut settings);
        let mut github = GitHub::new(settings, start()).unwrap();
        let organization = github.add_organization("octo-org");
        let repository = github.add_repository(organization, "octo-repo", Visibility::Private);
        let installation = github.install(organization, RepositorySelection::All);
        let mut world =
            Self { github, now: start(), organization, repository, installation, token: String::new() };
        world.token = world.new_token(json!({}));
        world
    }

    fn app_jwt(&self) -> String {
        let minutes = SignedDuration::from_mins;
        jwt(key(), &APP.to_string(), self.now - minutes(1), self.now + minutes(9))
    }

    fn new_token(&mut self, body: Value) -> String {
        let path = format!("/app/installations/{}/access_tokens", self.installation);
        let answer = self.as_app("POST", &path, Some(body));
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["token"].as_str().unwrap().to_owned()
    }

    fn send(&mut self, request: Request<Vec<u8>>) -> Answer {
        let reply = self.github.handle(self.now, request);
        let body = serde_json::from_slice(reply.body()).unwrap_or(Value::Null);
        Answer { status: reply.status().as_u16(), body, reply }
    }

    fn call_as(&mut self, credential: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {credential}"))
            .body(body.map(|body| body.to_string().into_bytes()).unwrap_or_default())
            .unwrap();
        self.send(request)
    }

    fn as_app(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let jwt = self.app_jwt();
        self.call_as(&jwt, method, path, body)
    }

    fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let token = self.token.clone();
        self.call_as(&token, method, path, body)
    }

    fn get(&mut self, path: &str) -> Answer {
        self.call("GET", path, None)
    }

    fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.github.advance(self.now);
    }

    /// Lets time pass while an agent goes on polling.
    fn pass_polling(&mut self, session: &str, seconds: i64) {
        let end = self.now + SignedDuration::from_secs(seconds);
        while self.now < end {
            self.pass(20.min(end.duration_since(self.now).as_secs()));
            self.poll(session);
        }
    }

    fn run(&mut self, jobs: Vec<JobSpec>) -> RunId {
        self.github.start_run(self.now, self.repository, WorkflowSpec::new("CI", jobs)).unwrap()
    }

    fn one_job(&mut self, labels: &[&str]) -> JobId {
        let run = self.run(vec![JobSpec::new("build", labels)]);
        self.jobs_of(run)[0].id
    }

    fn jobs_of(&self, run: RunId) -> Vec<JobView> {
        self.github.jobs().filter(|job| job.run == run).collect()
    }

    fn phase(&self, job: JobId) -> Phase {
        self.github.job(job).unwrap().phase
    }

    fn mint_answer(&mut self, name: &str, labels: &[&str]) -> Answer {
        let body = json!({ "name": name, "runner_group_id": 1, "labels": labels });
        self.call("POST", "/orgs/octo-org/actions/runners/generate-jitconfig", Some(body))
    }

    fn mint(&mut self, name: &str, labels: &[&str]) -> (RunnerId, String) {
        let answer = self.mint_answer(name, labels);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let config = answer.body["encoded_jit_config"].as_str().unwrap().to_owned();
        (RunnerId(answer.body["runner"]["id"].as_u64().unwrap()), config)
    }

    fn agent(&mut self, method: &str, path: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/_agent/{path}"))
            .body(body.to_string().into_bytes());
        self.send(request.unwrap())
    }

    fn connect(&mut self, config: &str) -> Answer {
        self.agent("POST", "connect", json!({ "encoded_jit_config": config }))
    }

    /// A connected runner: its number and its agent's session.
    fn runner(&mut self, name: &str, labels: &[&str]) -> (RunnerId, String) {
        let (id, config) = self.mint(name, labels);
        let answer = self.connect(&config);
        assert_eq!(answer.status, 200, "{}", answer.body);
        (id, answer.body["session"].as_str().unwrap().to_owned())
    }

    fn poll(&mut self, session: &str) -> Answer {
        self.agent("GET", &format!("session/{session}/message"), json!({}))
    }

    /// The job that an agent is offered.
    fn offered(&mut self, session: &str) -> Option<JobId> {
        self.poll(session).body["job_id"].as_u64().map(JobId)
    }

    fn started(&mut self, session: &str) -> u16 {
        self.agent("POST", &format!("session/{session}/job"), json!({ "state": "started" })).status
    }

    fn finished(&mut self, session: &str, conclusion: &str) -> u16 {
        let body = json!({ "state": "finished", "conclusion": conclusion });
        self.agent("POST", &format!("session/{session}/job"), body).status
    }

    /// Polls, starts and finishes whatever job comes; tells which.
    fn work(&mut self, session: &str, conclusion: &str) -> Option<JobId> {
        let job = self.offered(session)?;
        assert_eq!(self.started(session), 200);
        assert_eq!(self.finished(session, conclusion), 200);
        Some(job)
    }

    /// A fresh runner that does one job.
    fn serve(&mut self, name: &str, labels: &[&str], conclusion: &str) -> Option<JobId> {
        let (_, session) = self.runner(name, labels);
        self.work(&session, conclusion)
    }

    /// The payloads that left since the last look, answered with 202.
    fn payloads(&mut self) -> Vec<Value> {
        let deliveries = self.github.take_deliveries();
        for delivery in &deliveries {
            assert!(self.github.delivered(delivery.id, Some(202), self.now));
        }
        deliveries.iter().map(|delivery| serde_json::from_slice(&delivery.body).unwrap()).collect()
    }

    /// Actions and job names of [`World::payloads`], as `queued build`.
    fn events(&mut self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let payloads = self.payloads();
        payloads
            .iter()
            .map(|payload| format!("{} {}", text(&payload["action"]), text(&payload["workflow_job"]["name"])))
            .collect()
    }
}
