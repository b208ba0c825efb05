//! The world of these tests: a ledger in memory, and answers of GitHub, EC2 and STS that a test bends to its case.
//! What it does not bend is answered as by services that have nothing to say.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use http::{Method, Response, StatusCode};
use jit_control::configuration;
use jit_control::effects::memory::MemoryEffects;
use jit_control::effects::{Effects, KeyValue, KeyValueError, KeyValueReply, Request, Response as Reply};
use jit_control::settings::{Component, Keeper, KeeperSettings, RegistrarSettings};
use jit_control::shell::{Shell, put};
use jit_control::stored::Stored;
use jit_domain::class::{Class, ClassIdentity, Scope};
use jit_domain::ids::{
    BatchId, Cloud, InstallationId, InstanceKey, JobId, Login, PoolName, Region, RepositoryName, RunId,
    RunnerId,
};
use jit_domain::instance::{Instance, InstancePhase, Mint};
use jit_domain::job::{Job, JobPhase};
use jit_domain::policy::{MachineSelection, Policy};
use jit_domain::time::Timestamp;

/// The time of the oldest record.
pub(crate) const START: Timestamp = Timestamp::from_s(1_795_000_000);

/// A request as it was asked: when, and `METHOD host/path?query`, with the body of one to EC2.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Timestamp,
    pub(crate) what: String,
}

type Answer = Box<dyn FnMut(&str) -> Option<Reply>>;

/// Effects in memory whose operations may take time or fail. A clone is the same.
#[derive(Clone)]
pub(crate) struct World {
    memory: MemoryEffects,
    /// What each key-value operation and each request takes.
    pub(crate) takes: Rc<Cell<(Duration, Duration)>>,
    /// Writes of keys that contain this fail.
    pub(crate) refuses: Rc<RefCell<Option<&'static str>>>,
    pub(crate) asked: Rc<RefCell<Vec<Asked>>>,
}

impl World {
    /// A world whose services answer as `bend` says, and else as if there were nothing.
    pub(crate) fn new(bend: impl FnMut(&str) -> Option<Reply> + 'static) -> Self {
        let memory = MemoryEffects::new(7);
        memory.set_now(START);
        let world = Self { memory, takes: Rc::default(), refuses: Rc::default(), asked: Rc::default() };
        world.bend(bend);
        world
    }

    /// Answers otherwise from now on.
    pub(crate) fn bend(&self, bend: impl FnMut(&str) -> Option<Reply> + 'static) {
        let (clock, takes, asked) = (self.memory.clone(), Rc::clone(&self.takes), Rc::clone(&self.asked));
        let mut bend: Answer = Box::new(bend);
        self.memory.answer(move |request| {
            let what = what(&request);
            asked.borrow_mut().push(Asked { at: clock.now(), what: what.clone() });
            clock.advance(takes.get().1);
            Ok(bend(&what).unwrap_or_else(|| nothing_special(&what, clock.now())))
        });
    }

    pub(crate) fn advance(&self, s: u64) {
        self.memory.advance(Duration::from_secs(s));
    }

    /// Runs an invocation to its end.
    pub(crate) fn run<T>(&self, invocation: impl Future<Output = T>) -> T {
        self.memory.run(invocation).expect("no crash was asked for")
    }

    pub(crate) fn shell(&self, component: Component) -> Shell<'_, Self> {
        Shell::new(self, component, policy(), None).expect("records and messages are here")
    }

    /// Makes a record.
    pub(crate) fn record<T: Stored>(&self, name: T::Name<'_>, value: &T) {
        let written = self.run(self.shell(Component::Scaleup).commit(vec![put(&T::key(name), 0, value)]));
        assert!(written.expect("a ledger at work"), "the record is new");
    }

    pub(crate) fn read<T: Stored>(&self, name: T::Name<'_>) -> Option<T> {
        let read = self.run(self.shell(Component::Scaleup).read::<T>(&T::key(name)));
        read.expect("a ledger at work").map(|known| known.value)
    }

    /// What was asked since the last time, as far as it contains `part`.
    pub(crate) fn taken(&self, part: &str) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.borrow_mut());
        asked.into_iter().map(|a| a.what).filter(|what| what.contains(part)).collect()
    }

    pub(crate) fn logged(&self, part: &str) -> usize {
        self.memory.logged().iter().filter(|line| line.contains(part)).count()
    }
}

impl Effects for World {
    async fn key_value(&self, operation: KeyValue) -> Result<KeyValueReply, KeyValueError> {
        self.memory.advance(self.takes.get().0);
        let refused = *self.refuses.borrow();
        match (&operation, refused) {
            (KeyValue::Set(key, _) | KeyValue::Increment(key, _), Some(part)) if key.contains(part) => {
                Err(KeyValueError::Failed("database is locked".to_owned()))
            }
            _ => self.memory.key_value(operation).await,
        }
    }

    jit_control::passes_on! { memory: send, now, random, sleep, log }
}

fn what(request: &Request) -> String {
    let uri = request.uri();
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let host = uri.host().unwrap_or_default();
    let body = if host.starts_with("ec2.") { String::from_utf8_lossy(request.body()) } else { "".into() };
    format!("{} {host}{path}{body}", request.method())
}

fn nothing_special(what: &str, now: Timestamp) -> Reply {
    if what.contains("/access_tokens") {
        let expires_at =
            jiff::Timestamp::from_second(i64::try_from(now.as_s() + 3_600).expect("a time of this age"));
        let expires_at = expires_at.expect("a time of this age").to_string();
        return reply(201, &format!(r#"{{"token":"ghs_x","expires_at":"{expires_at}","permissions":{{}}}}"#));
    }
    if what.starts_with(Method::DELETE.as_str()) {
        return reply(204, "");
    }
    if what.contains("/jobs?") {
        return reply(200, r#"{"total_count":0,"jobs":[]}"#);
    }
    if what.contains("/actions/runners?") {
        return runners(&[]);
    }
    if what.contains(" sts.") {
        return caller("i-0123456789abcdef0");
    }
    instances(&[], None)
}

pub(crate) fn reply(status: u16, body: &str) -> Reply {
    let status = StatusCode::from_u16(status).expect("a status");
    Response::builder().status(status).body(body.as_bytes().to_vec()).expect("a response")
}

/// A page of runners that never connected, by id and name.
pub(crate) fn runners(listed: &[(u64, &str)]) -> Reply {
    let runners: Vec<String> = listed.iter().map(|(id, name)| runner(*id, name)).collect();
    reply(200, &format!(r#"{{"total_count":{},"runners":[{}]}}"#, listed.len(), runners.join(",")))
}

fn runner(id: u64, name: &str) -> String {
    format!(r#"{{"id":{id},"name":"{name}","os":"unknown","status":"offline","busy":false,"labels":[]}}"#)
}

/// A minted JIT config.
pub(crate) fn jit_config(id: u64, name: &str) -> Reply {
    reply(201, &format!(r#"{{"runner":{},"encoded_jit_config":"c2VjcmV0"}}"#, runner(id, name)))
}

/// STS vouches for an instance of the pool's role.
fn caller(id: &str) -> Reply {
    let arn = format!("arn:aws:sts::123456789012:assumed-role/jit-runners-runner/{id}");
    let result = format!("<Arn>{arn}</Arn><UserId>AROA:{id}</UserId><Account>123456789012</Account>");
    let result = format!("<GetCallerIdentityResult>{result}</GetCallerIdentityResult>");
    reply(200, &format!("<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"))
}

/// A page of instances that run, by id.
pub(crate) fn instances(listed: &[String], next: Option<&str>) -> Reply {
    let item = |id: &String| {
        let state = "<instanceState><code>16</code><name>running</name></instanceState>";
        let launched = "<launchTime>2026-01-01T00:00:00.000Z</launchTime>";
        format!(
            "<item><instancesSet><item><instanceId>{id}</instanceId>{state}{launched}</item></instancesSet></item>"
        )
    };
    let items: String = listed.iter().map(item).collect();
    let next = next.map_or(String::new(), |token| format!("<nextToken>{token}</nextToken>"));
    let set = format!("<reservationSet>{items}</reservationSet>{next}");
    reply(200, &format!("<DescribeInstancesResponse>{set}</DescribeInstancesResponse>"))
}

pub(crate) fn policy() -> Policy {
    configuration::parse(include_str!("../../../../config/jit-runners.toml"))
        .expect("the configuration that is shipped is valid")
}

pub(crate) fn variable(name: &str) -> Option<String> {
    Some(match name {
        "claim_key" => "k1:0123456789abcdef0123456789abcdef0123456789abcdef".to_owned(),
        "cron_token" => "a-cron-token-of-some-length-0123456789".to_owned(),
        "public_url" => "https://runners.example.com/".to_owned(),
        "github_app_id" => "12345".to_owned(),
        "github_private_key" => include_str!("../../../jit-sim/keys/app-private.pem").to_owned(),
        _ if name.ends_with("_aws_access_key_id") => "AKIAEXAMPLE".to_owned(),
        _ if name.ends_with("_aws_secret_access_key") => "a-secret-access-key-0123456789".to_owned(),
        _ => return None,
    })
}

pub(crate) fn keeper(keeper: Keeper) -> KeeperSettings {
    KeeperSettings::read(keeper, variable).expect("a keeper's variables")
}

pub(crate) fn registrar() -> RegistrarSettings {
    RegistrarSettings::read(variable).expect("registrar's variables")
}

/// The class of the jobs here.
pub(crate) fn identity() -> ClassIdentity {
    let pool = &policy().pools[0];
    ClassIdentity {
        installation: InstallationId(42),
        scope: Scope::Organisation(Login::new("octo")),
        runner_group: pool.runner_group,
        pool: pool.name.clone(),
        machine: MachineSelection::Default,
        labels: ["self-hosted", "linux"].iter().collect(),
    }
}

/// A queued job of a run of its own.
pub(crate) fn queued(id: u64, repository: &str, moved_at: Timestamp) -> Job {
    Job {
        id: JobId(id),
        run: RunId(id),
        attempt: 1,
        name: "test".into(),
        installation: InstallationId(42),
        repository: RepositoryName::parse(repository).expect("a repository's name"),
        organisation: Some(Login::new("octo")),
        visibility: None,
        labels: identity().labels,
        pool: PoolName::new("default"),
        class: identity().key(),
        phase: JobPhase::Queued,
        permit: None,
        runner: None,
        created_at: moved_at,
        seen_at: moved_at,
        moved_at,
        asked_at: None,
        conclusion: None,
        wait: None,
    }
}

pub(crate) fn key(id: &str) -> InstanceKey {
    InstanceKey { cloud: Cloud::Aws, region: Region::new("us-east-1"), id: id.into() }
}

/// An instance of that class that was launched at that time.
pub(crate) fn launched(id: &str, at: Timestamp) -> Instance {
    let offering = policy().pools[0].expand(&MachineSelection::Default, 1).remove(0);
    Instance::launched(key(id), &identity(), (BatchId::new("batch-1"), 1, at), offering)
}

/// The same, which got its first JIT config at that time, with that runner.
pub(crate) fn claimed(id: &str, runner: u64, at: Timestamp) -> Instance {
    let before = launched(id, at);
    let name = Mint::name("jit", &before.key, 1);
    let mint = Mint { n: 1, name, at, runner: Some(RunnerId(runner)) };
    Instance {
        phase: InstancePhase::Claimed,
        claimed_at: Some(at),
        booted_at: Some(at),
        mints: vec![mint],
        ..before
    }
}

/// The class without batches.
pub(crate) fn class() -> Class {
    Class { generation: 1, ..Class::new(identity()) }
}
