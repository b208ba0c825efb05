//! The control plane in a program: `<program> up` serves the built components behind a socket, in real time, as an operator runs
//! them. GitHub and AWS are the world's models behind listeners of their own. Nothing leaves this machine's loopback.
//! Not here: what happens in the world; `play.rs` makes it go on.

mod application;
pub(crate) mod child;
mod doors;
pub(crate) mod exchange;
mod records;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http::{Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use jit_host::manifest::CronTrigger;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::child::Child;
use self::records::Records;
pub use self::records::Table;
use crate::books::Books;
use crate::control_plane::ControlPlane;
use crate::plane::Shared;
use crate::timeline::Timeline;
use crate::world::variables;

/// A program may take this long from its start to its first reply: it compiles six components first, which takes half a minute on two
/// idle processors and some minutes on busy ones.
const START_MAX: Duration = Duration::from_secs(300);
/// How often it is asked meanwhile.
const START_PAUSE: Duration = Duration::from_millis(100);
/// Requests under way at once; one more waits. A world of eight jobs has some twenty.
const CALLS_MAX: u32 = 1_000;
/// Longest wait for those that are under way at the end: as long as any reply is waited for, and a little more.
const CALLS_END: Duration = Duration::from_secs(40);
/// The store that all components share, in the state folder; Spin's own name for it.
const STORE_FILE: &str = "sqlite_key_value.db";

/// What the program is given.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The program: `spin`, or anything that takes `up` with `--from`, `--listen` and `--state-dir` as Spin does.
    pub program: &'a Path,
    /// The manifest to run, whose hosts and addresses are replaced by the world's.
    pub manifest: &'a Path,
    /// The configuration that the hosts are written for.
    pub config: &'a Path,
    /// The manifest whose cron triggers say when the functions are woken.
    pub schedules: &'a Path,
    /// Where AWS is; none for the world's own model of it.
    pub aws: Option<&'a Elsewhere>,
    /// The address that instances are told, if something stands before the program; none for the program's own.
    pub public_url: Option<&'a str>,
}

/// An AWS that is not the world's model.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// The address of all its services.
    pub endpoint: String,
    /// Variables of the components that are other than in every world: the keys of this account.
    pub variables: BTreeMap<String, String>,
    /// The ledger there.
    pub table: Table,
}

/// The control plane in a running program. Ended, with all processes it started, when the last clone is dropped.
#[derive(Clone)]
pub struct Program(Arc<Running>);

struct Running {
    child: Child,
    address: SocketAddr,
    /// A permit for each request under way; closed at the end.
    calls: Semaphore,
    cron_token: String,
    schedules: Vec<CronTrigger>,
    timeline: Arc<Timeline>,
    records: Records,
    /// Holds the application and its state; removed with this value.
    _folder: TempDir,
}

impl Program {
    /// Opens the world's listeners, writes the application, starts the program and waits for its first reply.
    ///
    /// # Errors
    /// A part is missing, or the program does not serve; its last lines are in the error.
    pub async fn start(setting: Setting<'_>, world: &Shared, timeline: Arc<Timeline>) -> Result<Self> {
        let doors = doors::open(world, setting.aws.map(|aws| aws.endpoint.as_str())).await?;
        let folder = tempfile::tempdir().context("there is no room for the application")?;
        let manifest = application::write(setting, &doors, folder.path()).await?;
        let state = folder.path().join("state");
        std::fs::create_dir(&state).context("there is no room for the state")?;
        let address = free_address().await?;
        let mut variables = variables();
        variables.extend(setting.aws.map(|aws| aws.variables.clone()).unwrap_or_default());
        let own = format!("http://{address}");
        variables.insert("public_url".to_owned(), setting.public_url.map_or(own, str::to_owned));
        let cron_token = variables.get("cron_token").cloned().context("no cron token")?;
        let mut command = Command::new(setting.program);
        command.arg("up").arg("--from").arg(manifest).args(["--listen", &address.to_string()]);
        command.arg("--state-dir").arg(&state).envs(environment(variables));
        let child = Child::start(command, timeline.clone())?;
        let records = match setting.aws {
            Some(aws) => Records::InAws(aws.table.clone()),
            None => Records::Here(state.join(STORE_FILE)),
        };
        let schedules = application::schedules(setting.schedules)?;
        let calls = Semaphore::new(CALLS_MAX as usize);
        let running =
            Running { child, address, calls, cron_token, schedules, timeline, records, _folder: folder };
        let program = Self(Arc::new(running));
        program.wait_for_the_first_reply().await?;
        Ok(program)
    }

    /// What the program calls itself, such as `spin 3.6.3 (...)`.
    ///
    /// # Errors
    /// It cannot be run, or says nothing.
    pub async fn version(program: &Path) -> Result<String> {
        child::version(program).await
    }

    /// Any reply will do: `/healthz` is not well before each schedule has run once.
    async fn wait_for_the_first_reply(&self) -> Result<()> {
        let answers = async {
            loop {
                let request = Request::get("/healthz").body(Vec::new())?;
                if exchange::send(self.0.address, request).await.is_some() {
                    return Ok(());
                }
                if let Some(status) = self.0.child.ended()? {
                    bail!("it ended with {status}");
                }
                tokio::time::sleep(START_PAUSE).await;
            }
        };
        let served = match tokio::time::timeout(START_MAX, answers).await {
            Ok(answered) => answered,
            Err(_) => Err(anyhow::anyhow!("no reply within {} s", START_MAX.as_secs())),
        };
        served.with_context(|| {
            let said = self.last_words();
            let said = if said.is_empty() { "nothing".to_owned() } else { said.join("\n") };
            format!("the program does not serve; it said: {said}")
        })
    }

    /// Calls a function's cron route each time its schedule is due. Ticks may overlap, and missed ones are not made up.
    async fn keep(self, trigger: CronTrigger) {
        while let Some(due) = next_due(&trigger, self.now()) {
            let wait = due.duration_since(self.now()).max(SignedDuration::ZERO);
            tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await;
            let (program, function) = (self.clone(), trigger.component.clone());
            tokio::spawn(async move { program.wake(&function).await });
        }
    }

    /// Wakes a function as its schedule does; none when no reply came in time.
    pub async fn wake(&self, function: &str) -> Option<Response<Vec<u8>>> {
        let request = Request::post(format!("/cron/{function}"))
            .header(http::header::AUTHORIZATION, format!("Bearer {}", self.0.cron_token));
        self.ask(request.body(Vec::new()).ok()?).await
    }
}

impl ControlPlane for Program {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// A request without a reply and an internal error are noted as faults; no function of ours answers 500.
    /// After the end nothing is asked any more.
    async fn ask(&self, request: Request<Vec<u8>>) -> Option<Response<Vec<u8>>> {
        let _under_way = self.0.calls.acquire().await.ok()?;
        let path = request.uri().path().to_owned();
        let response = exchange::send(self.0.address, request).await;
        match response.as_ref().map(Response::status) {
            None => self.0.timeline.fault(&format!("{path} was not answered")),
            Some(StatusCode::INTERNAL_SERVER_ERROR) => {
                self.0.timeline.fault(&format!("{path} was answered with an internal error"));
            }
            Some(_) => {}
        }
        response
    }

    async fn keep_schedules(&self) {
        let mut schedules = JoinSet::new();
        for trigger in &self.0.schedules {
            schedules.spawn(self.clone().keep(trigger.clone()));
        }
        while schedules.join_next().await.is_some() {}
        std::future::pending().await
    }

    async fn books(&self) -> Result<Books> {
        self.0.records.books().await
    }

    async fn end(&self) -> Result<()> {
        // A tick may be under way: what ends now must not look like a request that nobody answered.
        let quiet = tokio::time::timeout(CALLS_END, self.0.calls.acquire_many(CALLS_MAX)).await;
        self.0.calls.close();
        self.0.child.end().await?;
        quiet.context("the program still owes a reply")?.map(drop).context("the program was ended twice")
    }

    fn last_words(&self) -> Vec<String> {
        self.0.child.last_words()
    }
}

/// The first due second that lies ahead.
fn next_due(trigger: &CronTrigger, now: Timestamp) -> Option<Timestamp> {
    let due = trigger.schedule.next_after(u64::try_from(now.as_second()).ok()?)?;
    Timestamp::from_second(i64::try_from(due).ok()?).ok()
}

/// A free address on loopback, for a program that has to be told its address before it listens.
pub(crate) async fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on loopback")?;
    Ok(listener.local_addr()?)
}

/// Variables as Spin reads them from its environment.
fn environment(variables: BTreeMap<String, String>) -> impl Iterator<Item = (String, String)> {
    variables.into_iter().map(|(name, value)| (format!("SPIN_VARIABLE_{}", name.to_uppercase()), value))
}
