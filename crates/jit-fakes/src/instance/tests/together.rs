//! The fleet on both models at once: AWS runs the instances, GitHub gives them jobs.

use std::sync::OnceLock;

use jwt_simple::prelude::{Claims, Duration, RS256KeyPair, RSAKeyPairLike as _};

use super::fleet::{World, world};
use super::*;
use crate::github::{
    Conclusion, GitHub, JobSpec, RepositoryId, RepositorySelection, Settings, Visibility, WorkflowSpec,
};
use crate::model::Model as _;

const APP: u64 = 4_711;

/// GitHub with one organisation, one repository and an installation whose token mints.
pub(super) struct GitHubSide {
    model: GitHub,
    repository: RepositoryId,
    token: String,
}

fn key() -> &'static RS256KeyPair {
    static KEY: OnceLock<RS256KeyPair> = OnceLock::new();
    KEY.get_or_init(|| RS256KeyPair::generate(2048).unwrap())
}

impl GitHubSide {
    fn new() -> Self {
        let pem = key().public_key().to_pem().unwrap();
        let settings = Settings::new(1, APP, &pem, SecretString::from("webhook secret"));
        let mut model = GitHub::new(settings, start()).unwrap();
        let organization = model.add_organization("octo-org");
        let repository = model.add_repository(organization, "octo-repo", Visibility::Private);
        let installation = model.install(organization, RepositorySelection::All);
        let seconds = |minutes| {
            let at: Timestamp = start() + SignedDuration::from_mins(minutes);
            Some(Duration::from_secs(u64::try_from(at.as_second()).unwrap()))
        };
        let mut claims = Claims::create(Duration::from_secs(60)).with_issuer(APP.to_string());
        (claims.issued_at, claims.expires_at, claims.invalid_before) = (seconds(-1), seconds(9), None);
        let mut side = Self { model, repository, token: key().sign(claims).unwrap() };
        let tokens = format!("/app/installations/{installation}/access_tokens");
        side.token = side.call(start(), &tokens, &json!({}))["token"].as_str().unwrap().to_owned();
        side
    }

    fn call(&mut self, now: Timestamp, path: &str, body: &Value) -> Value {
        let request = Request::post(path).header("authorization", format!("Bearer {}", self.token));
        let reply = self.model.handle(now, request.body(body.to_string().into_bytes()).unwrap());
        assert_eq!(reply.status(), 201, "{}", String::from_utf8_lossy(reply.body()));
        serde_json::from_slice(reply.body()).unwrap()
    }

    /// What the registrar does on a claim.
    pub(super) fn mint(&mut self, now: Timestamp, instance_id: &str) -> Value {
        let body = json!({"name": format!("jit-{instance_id}-1"), "runner_group_id": 1, "labels": ["linux"]});
        let minted = self.call(now, "/orgs/octo-org/actions/runners/generate-jitconfig", &body);
        let mut reply = config();
        reply["jit_config"] = minted["encoded_jit_config"].clone();
        reply
    }

    pub(super) fn agent(&mut self, now: Timestamp, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.model.handle(now, request.clone())
    }

    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.model.next_at()
    }

    pub(super) fn advance(&mut self, now: Timestamp) {
        self.model.advance(now);
    }

    fn queue(&mut self, jobs: usize, duration_s: u64) {
        for _ in 0..jobs {
            let job = JobSpec::new("build", &["linux"]).lasting(duration_s, Conclusion::Success);
            self.model.start_run(start(), self.repository, WorkflowSpec::new("CI", vec![job])).unwrap();
        }
    }
}

/// Queues jobs, launches as many instances, and plays.
fn played(jobs: u32, duration_s: u64, secs: i64, change: impl FnOnce(&mut InstanceSettings)) -> World {
    let mut world = world(change);
    let mut github = GitHubSide::new();
    github.queue(usize::try_from(jobs).unwrap(), duration_s);
    world.github = Some(github);
    world.launch(jobs);
    world.until(secs);
    world
}

fn conclusions(world: &World) -> Vec<Option<Conclusion>> {
    let github = &world.github.as_ref().unwrap().model;
    github.jobs().map(|job| job.phase.conclusion()).collect()
}

fn left(world: &World) -> (usize, usize) {
    (world.aws.live_instances().count(), world.github.as_ref().unwrap().model.runners_live())
}

#[test]
fn every_job_runs_on_its_own_instance_and_nothing_is_left() {
    let world = played(3, 60, 600, |_| {});
    assert_eq!(conclusions(&world), [Some(Conclusion::Success); 3]);
    assert_eq!(left(&world), (0, 0));
}

#[test]
fn github_never_misses_the_agent_of_a_long_job() {
    let world = played(1, 3600, 4000, |_| {});
    assert_eq!(conclusions(&world), [Some(Conclusion::Success)]);
}

#[test]
fn a_refused_job_fails_at_github() {
    let mut world = world(|_| {});
    let mut github = GitHubSide::new();
    github.queue(1, 60);
    world.github = Some(github);
    world.verdict = "refuse";
    world.launch(1);
    world.until(600);
    assert_eq!(conclusions(&world), [Some(Conclusion::Failure)]);
    assert_eq!(left(&world), (0, 0));
}

#[test]
fn the_job_of_a_dead_machine_fails_once_github_misses_it_while_ec2_does_not() {
    let fate = Fate::MachineDies(SignedDuration::from_secs(5));
    let world = played(1, 60, 2000, |settings| settings.fates = [(1, fate)].into());
    assert_eq!(conclusions(&world), [Some(Conclusion::Failure)]);
    assert_eq!(world.aws.live_instances().count(), 1);
}

#[test]
fn an_agent_that_exits_at_once_leaves_the_job_queued() {
    let world = played(1, 60, 600, |settings| settings.fates = [(1, Fate::AgentExitsAtOnce)].into());
    assert_eq!(conclusions(&world), [None]);
    assert_eq!(world.aws.live_instances().count(), 0);
}
