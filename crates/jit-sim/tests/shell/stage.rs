//! The six functions over effects in memory, with GitHub and AWS behind them; each call is one invocation.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;
use jiff::SignedDuration;
use jit_aws::sts;
use jit_aws::{Credentials, Endpoint, Region, Service};
use jit_control::effects::memory::{Fault, MemoryEffects};
use jit_control::effects::{Effects, Request, Response, SendError};
use jit_control::entry::{self, Invocation, Trigger};
use jit_control::settings::Component;
use jit_control::shell::Shell;
use jit_control::stored::Stored;
use jit_control::time::jiff_time;
use jit_domain::policy::Policy;
use jit_fakes::cloud::Subnet;
use jit_fakes::github::{Conclusion, Delivery, JobSpec, RunId, WorkflowSpec};
use jit_fakes::instance::{InstanceSettings, UserData};
use jit_fakes::model::ReplyLost;
use jit_sim::world::{World, to_route, variables};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// The configuration that is shipped; its pool has the labels [`LABELS`].
pub(crate) const CONFIGURATION: &str = include_str!("../../../../config/jit-runners.toml");
/// The labels of the shipped pool.
pub(crate) const LABELS: [&str; 3] = ["self-hosted", "linux", "x64"];
/// Where the shipped pool launches.
pub(crate) const REGION: &str = "us-east-1";
/// Where it does not.
pub(crate) const ANOTHER_REGION: &str = "us-west-2";
/// The host that instances name in their identities.
pub(crate) const AUDIENCE: &str = "runners.example.com";
/// More effects than any invocation of a test has.
const EFFECTS_MAX: u64 = 500;

/// A request that left.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) body: String,
    /// What it was answered; none without an answer.
    pub(crate) status: Option<u16>,
}

/// An instance that has booted, with what its user data gave it.
#[derive(Clone, Debug)]
pub(crate) struct Booted {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) user_data: String,
}

/// A world, and the functions in it.
pub(crate) struct Stage {
    pub(crate) effects: MemoryEffects,
    pub(crate) world: Rc<RefCell<World>>,
    pub(crate) sent: Rc<RefCell<Vec<Sent>>>,
    /// How long each request takes.
    pub(crate) latency: Rc<Cell<Duration>>,
    /// How far our clock is ahead of the world's.
    pub(crate) ahead: Rc<Cell<Duration>>,
    pub(crate) configuration: Result<String, String>,
    pub(crate) variables: BTreeMap<String, String>,
}

impl Stage {
    /// A world in which the configuration that is shipped can be lived in, and nothing has happened.
    pub(crate) fn new() -> Self {
        let policy = jit_control::configuration::parse(CONFIGURATION).unwrap();
        let effects = MemoryEffects::new(7);
        let start = jiff_time(effects.now());
        let mut world = World::new(&policy, InstanceSettings::default(), 7, start).unwrap();
        // A region of AWS in which nothing is launched.
        let vpc_id = "vpc-00000002".to_owned();
        let (region, zone) = (ANOTHER_REGION.to_owned(), format!("{ANOTHER_REGION}a"));
        let subnet = Subnet { region, zone, vpc_id, addresses: 1 };
        world.aws.catalogue_mut().subnets.insert("subnet-00000002".to_owned(), subnet);
        let world = Rc::new(RefCell::new(world));
        let sent = Rc::new(RefCell::new(Vec::new()));
        let (latency, ahead) = (Rc::new(Cell::new(Duration::ZERO)), Rc::new(Cell::new(Duration::ZERO)));
        let stage = Self {
            effects,
            world,
            sent,
            latency,
            ahead,
            configuration: Ok(CONFIGURATION.to_owned()),
            variables: variables(),
        };
        stage.answer();
        stage
    }

    /// Lets the world answer what is sent.
    fn answer(&self) {
        let (clock, world, sent) = (self.effects.clone(), Rc::clone(&self.world), Rc::clone(&self.sent));
        let (latency, ahead) = (Rc::clone(&self.latency), Rc::clone(&self.ahead));
        self.effects.answer(move |mut request| {
            clock.advance(latency.get());
            let mut told = Sent::of(&request);
            let authority = request.uri().authority().unwrap().clone();
            let header = HeaderValue::from_str(authority.as_str()).unwrap();
            request.headers_mut().entry(http::header::HOST).or_insert(header);
            let now = jiff_time(clock.now()) - SignedDuration::try_from(ahead.get()).unwrap();
            let reply = world.borrow_mut().answer("shell", now, authority.host(), request);
            let lost = reply.as_ref().is_some_and(|reply| reply.extensions().get::<ReplyLost>().is_some());
            told.status = reply.as_ref().filter(|_| !lost).map(|reply| reply.status().as_u16());
            sent.borrow_mut().push(told);
            match reply {
                Some(reply) if !lost => Ok(reply),
                Some(_) => Err(SendError::Unknown("no reply in time".to_owned())),
                None => Err(SendError::NotSent(format!("nothing is at {authority}"))),
            }
        });
    }

    /// Calls a function with a request, or without one as its schedule does.
    pub(crate) fn call(&self, component: Component, request: Option<Request>) -> Response {
        self.call_on(&self.effects.another(), component, request)
    }

    /// The same, with a store that answers nothing but errors.
    pub(crate) fn call_without_store(&self, component: Component, request: Option<Request>) -> Response {
        let effects = self.effects.another();
        for effect in 1..EFFECTS_MAX {
            effects.fault(effect, Fault::FailBefore);
        }
        self.call_on(&effects, component, request)
    }

    /// The same, as an invocation that a test has prepared.
    pub(crate) fn call_on<E: Effects>(
        &self,
        effects: &E,
        component: Component,
        request: Option<Request>,
    ) -> Response {
        let variable = |name: &str| self.variables.get(name).cloned();
        let call = Invocation { effects, configuration: &self.configuration, variable: &variable };
        let trigger = request.as_ref().map_or(Trigger::Cron, Trigger::Http);
        let asked = || request.as_ref().unwrap();
        let reply = self.effects.run(async {
            match component {
                Component::Webhook => entry::webhook(call, asked()).await.reply,
                Component::Registrar => entry::registrar(call, asked()).await,
                Component::Scaleup => entry::scaleup(call, trigger).await,
                Component::Lifecycle => entry::lifecycle(call, trigger).await,
                Component::Rebalancer => entry::rebalancer(call, trigger).await,
                Component::Scaledown => entry::scaledown(call, trigger).await,
            }
        });
        reply.unwrap()
    }

    /// Calls a scheduled function, which must come to its end.
    pub(crate) fn tick(&self, component: Component) {
        assert_eq!(self.call(component, None).status(), 200, "{component:?}: {:?}", self.effects.logged());
    }

    /// Starts a run of so many jobs, each with a key of its own.
    pub(crate) fn queue(&self, count: u32) -> RunId {
        let job = |n| JobSpec::new(&format!("test-{n}"), &LABELS).lasting(600, Conclusion::Success);
        self.start((1..=count).map(job).collect())
    }

    /// Starts a run of a matrix.
    pub(crate) fn queue_matrix(&self, legs: u32, max_parallel: Option<u32>) -> RunId {
        let job = JobSpec::new("test", &LABELS).matrix(legs, max_parallel);
        self.start(vec![job.lasting(600, Conclusion::Success)])
    }

    fn start(&self, jobs: Vec<JobSpec>) -> RunId {
        let world = &mut *self.world.borrow_mut();
        let now = jiff_time(self.effects.now());
        world.github.start_run(now, world.repository, WorkflowSpec::new("CI", jobs)).unwrap()
    }

    /// Brings webhook all deliveries that GitHub has for it.
    pub(crate) fn deliver(&self) {
        self.deliver_but(0);
    }

    /// The same, but the last ones are lost.
    pub(crate) fn deliver_but(&self, lost: usize) {
        let mut deliveries = self.deliveries();
        deliveries.truncate(deliveries.len() - lost);
        for delivery in deliveries {
            assert_eq!(self.call(Component::Webhook, Some(delivery)).status(), 202);
        }
    }

    /// All deliveries that GitHub has for webhook, which nobody brings there.
    pub(crate) fn deliveries(&self) -> Vec<Request> {
        let deliveries = self.world.borrow_mut().github.take_deliveries();
        let request = |delivery: Delivery| {
            let mut request = http::Request::post("/webhook");
            for (name, value) in &delivery.headers {
                request = request.header(*name, value);
            }
            request.body(delivery.body).unwrap()
        };
        deliveries.into_iter().map(request).collect()
    }

    /// Queues jobs and lets scaleup launch for them.
    pub(crate) fn launch(&self, legs: u32) -> Vec<Booted> {
        self.queue(legs);
        self.deliver();
        self.tick(Component::Scaleup);
        let world = self.world.borrow();
        world.aws.instances().map(|instance| Booted::of(&instance.id, instance.user_data())).collect()
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, seconds: u64) {
        self.effects.advance(Duration::from_secs(seconds));
    }

    /// A proof that an instance holds its role's credentials, made now, for a region and an audience.
    pub(crate) fn identity(&self, instance_id: &str, region: &str, audience: &str) -> Value {
        let now = jiff_time(self.effects.now());
        let held = self.world.borrow_mut().aws.role_credentials(instance_id, now).unwrap();
        let credentials = Credentials::new(&held.access_key_id, held.secret_access_key.expose_secret());
        let credentials = credentials.with_session_token(held.session_token.expose_secret());
        let region = Region::parse(region).unwrap();
        let endpoint = Endpoint::regional(Service::Sts, region.clone());
        let signed = sts::caller_identity_request(&endpoint, audience, &credentials, now).unwrap();
        sts::identity_json(&region, &signed)
    }

    /// A claim of an instance in its own name, with a token and its own identity: right in all that the token does not say.
    pub(crate) fn claim(&self, instance: &Booted, token: &str) -> Value {
        json!({ "v": 1, "token": token, "cloud": "aws", "instance_id": instance.id,
            "identity": self.identity(&instance.id, REGION, AUDIENCE) })
    }

    /// Sends a claim.
    pub(crate) fn send_claim(&self, claim: &Value) -> Response {
        self.call(Component::Registrar, Some(post("/v1/claim", claim.to_string().into_bytes())))
    }

    /// Claims with the boot token, as an instance does.
    pub(crate) fn claims(&self, instance: &Booted) -> Response {
        self.send_claim(&self.claim(instance, &instance.token))
    }

    /// Connects the agent with the JIT config of a reply, and names its session.
    pub(crate) fn connect(&self, reply: &Response) -> String {
        let config = body_of(reply)["jit_config"].clone();
        let connected = self.agent("connect", &json!({ "encoded_jit_config": config }));
        connected["session"].as_str().unwrap().to_owned()
    }

    /// Connects the agent and lets it begin the job that GitHub gives it.
    pub(crate) fn begin_job(&self, reply: &Response) {
        let session = self.connect(reply);
        self.agent(&format!("session/{session}/job"), &json!({ "state": "started" }));
    }

    fn agent(&self, path: &str, body: &Value) -> Value {
        let request = http::Request::post(format!("https://github.test/_agent/{path}"));
        let request = request.body(body.to_string().into_bytes()).unwrap();
        let now = jiff_time(self.effects.now());
        let reply = self.world.borrow_mut().answer("agent", now, "github.test", request).unwrap();
        assert_eq!(reply.status(), 200, "{path}");
        body_of(&reply)
    }

    /// All open records of a kind.
    pub(crate) fn open<T: Stored>(&self) -> Vec<T> {
        let effects = self.effects.another();
        let shell = Shell::new(&effects, Component::Scaleup, self.policy(), None).expect("records are here");
        let read = effects.run(shell.open::<T>()).unwrap().unwrap();
        read.into_iter().map(|versioned| versioned.value).collect()
    }

    /// What the configuration wishes.
    pub(crate) fn policy(&self) -> Policy {
        jit_control::configuration::parse(self.configuration.as_deref().unwrap()).unwrap()
    }
}

impl Sent {
    fn of(request: &Request) -> Self {
        Self {
            host: request.uri().host().unwrap_or_default().to_owned(),
            path: request.uri().path().to_owned(),
            body: String::from_utf8_lossy(request.body()).into_owned(),
            status: None,
        }
    }
}

impl Booted {
    pub(crate) fn of(id: &str, user_data: &[u8]) -> Self {
        let read = UserData::parse(user_data).unwrap();
        let token = read.boot_token.expose_secret().to_owned();
        Self { id: id.to_owned(), token, user_data: String::from_utf8(user_data.to_vec()).unwrap() }
    }
}

/// A request to one of our routes.
pub(crate) fn post(path: &str, body: Vec<u8>) -> Request {
    to_route(http::Request::post(format!("https://{AUDIENCE}{path}")).body(body).unwrap())
}

/// The JSON of a reply; null where it has none.
pub(crate) fn body_of(reply: &Response) -> Value {
    serde_json::from_slice(reply.body()).unwrap_or_default()
}
