//! AWS as moto plays it, an emulator by other people that checks each signature and each action against the caller's policy: the
//! demo's account in it, a proxy that makes trouble on the way, and the instances that are launched there, which moto does not run.
//! Not here: what happens in the world, and what moto does not know: idempotency by token, capacity and throttling, which jit-fakes
//! holds. Resources and conditions of policies, which moto hardly judges either (`policy.rs`), are judged on the way (`judge.rs`).

mod account;
mod call;
mod faults;
mod judge;
mod policy;
mod proxy;
mod refusals;
mod stores;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use http::Request;
use jiff::Timestamp;
use jit_aws::Credentials;
use jit_fakes::instance::Machines as _;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::process::Command;

use self::account::{Account, COMPONENTS, FREE_CALLS};
use self::faults::Plan;
use self::proxy::{Callers, INSTANCE, OPERATOR, Proxy, Trouble};
use crate::mirror::Mirror;
use crate::plane::Shared;
use crate::program::child::Child;
use crate::program::{Elsewhere, Table, exchange, free_address};
use crate::timeline::Timeline;

/// moto takes half a second to start; a busy machine is given much more.
const START_MAX: Duration = Duration::from_secs(120);
/// How often it is asked meanwhile.
const START_PAUSE: Duration = Duration::from_millis(100);
/// How often the account is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// The instance that hangs when it powers itself off, by launch order; lifecycle has to terminate it.
const HANGS: u64 = 2;

/// The codes by which somebody is refused who may not do something, or is not known.
const DENIALS: [&str; 6] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "SignatureDoesNotMatch",
    "InvalidClientTokenId",
    "UnauthorizedOperation",
];

/// A running moto with an account in it, and the proxy before it. Ended when dropped.
pub struct Moto {
    child: Child,
    account: Account,
    proxy: Proxy,
    elsewhere: Elsewhere,
    folder: TempDir,
    timeline: Arc<Timeline>,
}

impl Moto {
    /// Starts moto with checks of signatures, policies, images and types, and makes what the configuration names.
    ///
    /// # Errors
    /// moto does not serve, or something in it cannot be made.
    pub async fn start(program: &Path, configuration: &Path, timeline: Arc<Timeline>) -> Result<Self> {
        let text = std::fs::read_to_string(configuration).context("the configuration cannot be read")?;
        let address = free_address().await?;
        let mut command = Command::new(program);
        command.args(["-H", &address.ip().to_string(), "-p", &address.port().to_string()]);
        command.env("INITIAL_NO_AUTH_ACTION_COUNT", FREE_CALLS).env("MOTO_ENABLE_AMI_VALIDATION", "1");
        command.env("MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "1");
        // Its own images would take longer than everything else; the configuration names the ones that there are.
        command.env("MOTO_EC2_LOAD_DEFAULT_AMIS", "false");
        let child = Child::start(command, timeline.clone())?;
        wait_for(&child, address)
            .await
            .with_context(|| format!("moto does not serve; it said: {}", child.last_words().join("\n")))?;
        let account = Account::open(address, text).await.context("the account in moto cannot be made")?;
        let names = account.keys.iter().map(|(component, key)| (key.id.clone(), (*component).to_owned()));
        let names = names.chain([(account.operator.id.clone(), OPERATOR.to_owned())]).collect();
        let policies = account.policies.clone();
        let callers = Callers { names, policies, account: account.role.0.clone() };
        let (proxy, front) = Proxy::open(address, callers, &Trouble::ALL, Plan::whole()).await?;
        let folder = tempfile::tempdir().context("there is no room for the configuration")?;
        std::fs::write(folder.path().join("jit-runners.toml"), &account.configuration)?;
        // Through the proxy, which lets nobody read beside a write.
        let key = Credentials::new(account.operator.id.clone(), account.operator.secret.clone());
        let table = Table { address: front, place: account.place.clone(), key };
        let endpoint = format!("http://{front}");
        let elsewhere = Elsewhere { endpoint, variables: variables(&account), table };
        Ok(Self { child, account, proxy, elsewhere, folder, timeline })
    }

    /// Where the components find AWS, and their keys.
    pub fn elsewhere(&self) -> &Elsewhere {
        &self.elsewhere
    }

    /// The configuration that names what is there.
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("jit-runners.toml")
    }

    /// The account as the world's instances see it, at its beginning.
    pub fn mirror() -> Mirror {
        Mirror::new([HANGS])
    }

    /// The troubles to come, for people.
    pub fn announce(&self, say: impl Fn(&str)) {
        say("the first spot launch will find no capacity");
        say("the first listing of scaledown will be throttled");
        say("the reply to the first termination will be lost");
        say(
            "of the calls to SQS and DynamoDB some will be throttled, some will fail, and some replies will be lost",
        );
        say(&format!("instance {HANGS} will hang when it powers itself off"));
    }

    /// Looks at the account again and again, for ever: starts the instances that it finds, ends those that power off.
    pub async fn watch(&self, world: &Shared) -> Infallible {
        loop {
            if let Err(error) = self.look(world).await {
                self.timeline.fault(&format!("moto cannot be looked at: {error:#}"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look(&self, world: &Shared) -> Result<()> {
        let listed = self.account.instances().await?;
        for instance in listed.iter().filter(|instance| instance.is_live) {
            let is_known = world.lock().elsewhere.as_ref().is_none_or(|mirror| mirror.knows(&instance.id));
            if !is_known {
                let found = self.account.found(instance).await?;
                with_mirror(world, |mirror| mirror.runs(found, Timestamp::now()));
            }
        }
        let up: BTreeSet<String> =
            listed.into_iter().filter(|instance| instance.is_live).map(|instance| instance.id).collect();
        with_mirror(world, |mirror| mirror.shows(&up, Timestamp::now()));
        let off = with_mirror(world, Mirror::take_power_offs).unwrap_or_default();
        for id in off {
            let region =
                with_mirror(world, |mirror| mirror.launched(&id).map(|launched| launched.region)).flatten();
            self.account.end(&region.context("an instance without a region")?, &id).await?;
        }
        Ok(())
    }

    /// How many instances moto says are up, and how many it ever had.
    ///
    /// # Errors
    /// It does not say.
    pub async fn count(&self) -> Result<(usize, usize)> {
        let listed = self.account.instances().await?;
        Ok((listed.iter().filter(|instance| instance.is_live).count(), listed.len()))
    }

    /// Says who called what, then tries for each component what it may not do.
    ///
    /// # Errors
    /// A component was refused something in the play, one did nothing in AWS, a trouble did not happen, or a call outside a policy
    /// was let through.
    pub async fn conclude(&self) -> Result<()> {
        let calls = self.proxy.calls();
        for (call, count) in &calls {
            println!("aws: {} {} {} {count}", call.caller, call.action, call.outcome);
        }
        let (judged, overstepped) = self.proxy.judged();
        println!("policies: requests={judged} beyond_their_policy={}", overstepped.len());
        for beyond in &overstepped {
            println!("policies: {beyond}");
        }
        for (caller, action) in self.proxy.untried() {
            println!("policies: the play needed no {action} of {caller}");
        }
        let (struck, missing) = self.proxy.faults();
        for line in &struck {
            println!("faults: {line}");
        }
        let is_denial = |outcome: &str| DENIALS.contains(&outcome);
        if let Some(call) = calls.keys().find(|call| is_denial(&call.outcome)) {
            bail!("{} was refused {}: {}", call.caller, call.action, call.outcome);
        }
        for caller in COMPONENTS.into_iter().chain([INSTANCE]) {
            let is_done = |outcome: &str| ["ok", Trouble::ReplyLost.as_str()].contains(&outcome);
            let has_acted = calls.keys().any(|call| call.caller == caller && is_done(&call.outcome));
            ensure!(has_acted, "{caller} did nothing in aws, so its rights are not tried");
        }
        if let Some(trouble) = self.proxy.pending().first() {
            bail!("the trouble {} did not happen", trouble.as_str());
        }
        ensure!(missing.is_empty(), "faults that no call has met: {}", missing.join(", "));
        ensure!(overstepped.is_empty(), "a whole policy, with resources and conditions, is too small");
        let tell = |line: &str| println!("policies: {line}");
        let refused =
            refusals::count(self.account.address, &self.account.place, &self.account.keys, tell).await?;
        println!("policies: components={} refused={refused}", COMPONENTS.len());
        ensure!(refused == COMPONENTS.len(), "a call outside a policy was not refused");
        self.child.end().await.context("moto")
    }

    /// What moto said last, for whoever looks for the cause of a failure.
    pub fn last_words(&self) -> Vec<String> {
        self.child.last_words()
    }
}

fn with_mirror<R>(world: &Shared, action: impl FnOnce(&mut Mirror) -> R) -> Option<R> {
    world.lock().elsewhere.as_mut().map(action)
}

/// The components' keys in the form of their variables.
fn variables(account: &Account) -> BTreeMap<String, String> {
    let of = |name: &str, part: &str| format!("{name}_aws_{part}");
    let variables = account.keys.iter().flat_map(|(name, key)| {
        let secret = key.secret.expose_secret().to_owned();
        [(of(name, "access_key_id"), key.id.clone()), (of(name, "secret_access_key"), secret)]
    });
    variables.collect()
}

/// Any reply will do.
async fn wait_for(child: &Child, address: SocketAddr) -> Result<()> {
    let answers = async {
        loop {
            let request = Request::get("/moto-api/data.json").body(Vec::new())?;
            if exchange::send(address, request).await.is_some() {
                return Ok(());
            }
            if let Some(status) = child.ended()? {
                bail!("it ended with {status}");
            }
            tokio::time::sleep(START_PAUSE).await;
        }
    };
    tokio::time::timeout(START_MAX, answers).await.context("no reply in time")?
}
