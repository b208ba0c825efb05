//! A world with the components in it, for one test.
#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use jit_fakes::cloud::Delay;
use jit_fakes::github::{Conclusion, JobSpec, Phase, WorkflowSpec};
use jit_fakes::instance::InstanceSettings;
use jit_host::{Log, Stream};
use jit_sim::books::Books;
use jit_sim::plane::{Plane, Shared};
use jit_sim::play::play;
use jit_sim::timeline::{Detail, Timeline};
use jit_sim::world::{WEBHOOK_SECRET, World};
use secrecy::SecretString;

/// The labels of the shipped pool.
pub(crate) const LABELS: [&str; 3] = ["self-hosted", "linux", "x64"];

/// A world, and the control plane in it.
pub(crate) struct Stage {
    pub(crate) plane: Plane,
    pub(crate) world: Shared,
    timeline: Arc<Timeline>,
    lines: Arc<Lines>,
}

/// Keeps every line, and passes it on.
struct Lines(Mutex<Vec<String>>, Arc<Timeline>);

impl Log for Lines {
    fn line(&self, component: &str, stream: Stream, line: &str) {
        self.0.lock().unwrap().push(format!("{component}: {line}"));
        self.1.line(component, stream, line);
    }
}

/// Plays a scene in virtual time.
pub(crate) fn scene<F: Future<Output = ()>>(scene: impl FnOnce(Stage) -> F) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async { scene(Stage::new()).await });
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Stage {
    fn new() -> Self {
        let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let text = std::fs::read_to_string(root().join("config/jit-runners.toml")).unwrap();
        let policy = jit_control::configuration::parse(&text).unwrap();
        let instances = InstanceSettings {
            boot: Delay::Fixed(SignedDuration::from_secs(20)),
            github_url: "http://github.test".into(),
            ..InstanceSettings::default()
        };
        let world = Shared::new(World::new(&policy, instances, 7, start).unwrap());
        let timeline = Arc::new(Timeline::new(0, Detail::Silent));
        let lines = Arc::new(Lines(Mutex::default(), timeline.clone()));
        let plane = Plane::load(&root().join("spin.toml"), &world, lines.clone(), 7, start).unwrap();
        Self { plane, world, timeline, lines }
    }

    /// Lets deliveries, instances and schedules play from now on.
    pub(crate) fn play(&self) {
        tokio::spawn(play(self.plane.clone(), self.world.clone(), self.timeline.clone()));
    }

    /// Starts a run of so many jobs, each with a key of its own, that last `seconds`.
    pub(crate) fn queue(&self, count: u32, seconds: u64) {
        let job = |n| JobSpec::new(&format!("test-{n}"), &LABELS).lasting(seconds, Conclusion::Success);
        let jobs = (1..=count).map(job).collect();
        let now = self.plane.now();
        let mut world = self.world.lock();
        let repository = world.repository;
        world.github.start_run(now, repository, WorkflowSpec::new("CI", jobs)).unwrap();
    }

    /// Sends a request with a body to a public route.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response<Vec<u8>> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.plane.request(request.body(body.to_vec()).unwrap()).await
    }

    /// Sends a delivery as GitHub signs it.
    pub(crate) async fn deliver(&self, event: &str, body: &[u8]) -> Response<Vec<u8>> {
        let signature = jit_github::webhook::signature::sign(body, &SecretString::from(WEBHOOK_SECRET));
        let headers = [
            ("x-github-event", event),
            ("x-hub-signature-256", signature.as_str()),
            ("x-github-delivery", "guid"),
        ];
        self.send("POST", "/webhook", &headers, body).await
    }

    /// Waits in virtual time until something holds, for at most `minutes`.
    pub(crate) async fn wait_until(&self, minutes: u64, mut holds: impl AsyncFnMut(&Self) -> bool) {
        for _ in 0..minutes * 60 {
            if holds(self).await {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("it did not happen within {minutes} virtual minutes; faults: {:?}", self.timeline.faults());
    }

    /// What the ledger holds.
    pub(crate) async fn books(&self) -> Books {
        Books::read(self.plane.store.snapshot("default")).await.unwrap()
    }

    /// Keys of the store that begin with a prefix.
    pub(crate) fn keys(&self, prefix: &str) -> usize {
        self.plane.store.snapshot("default").keys().filter(|key| key.starts_with(prefix)).count()
    }

    /// Jobs that GitHub counts as done.
    pub(crate) fn completed(&self) -> usize {
        self.world
            .lock()
            .github
            .jobs()
            .filter(|j| matches!(j.phase, Phase::Completed(Conclusion::Success)))
            .count()
    }

    /// What the host said of components that ended badly.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.timeline.faults()
    }

    /// Every line that a component or the host wrote.
    pub(crate) fn said(&self) -> Vec<String> {
        self.lines.0.lock().unwrap().clone()
    }

    /// Instances ever launched.
    pub(crate) fn launched(&self) -> usize {
        self.world.lock().aws.instances().count()
    }
}
