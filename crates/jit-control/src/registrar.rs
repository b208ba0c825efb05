//! registrar: the only function that instances talk to. It hands a booted instance its JIT config, minted that instant, once the
//! instance has shown a token and proved its identity; it takes reports; and it says whether the schedules run.

use std::time::Duration;

use http::{Method, StatusCode};
use jit_domain::class::Class;
use jit_domain::decide::registrar::{self as decide, AfterLook, Claim, Contact, Registration};
use jit_domain::decide::scaleup;
use jit_domain::ids::{InstanceKey, RunnerId};
use jit_domain::instance::{Instance, InstancePhase, Mint};
use jit_domain::job::Job;
use jit_domain::reason::Reason;
use jit_domain::time::Timestamp;
use jit_github::runners::JitConfig;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::effects::{Effects, Request, Response};
use crate::github::{GitHub, GitHubError, Priority, activity};
use crate::lifecycle;
use crate::limits;
use crate::reply::{self, text};
use crate::settings::RegistrarSettings;
use crate::shell::{Failure, Shell, put};
use crate::stored::Stored as _;
use crate::token::{self, Token};
use crate::world::World;

mod ask;
mod health;
mod hook;
mod identity;
mod rate;
mod report;

use self::ask::Ask;

/// Answers a request of an instance, or of who watches us.
pub async fn answer<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &RegistrarSettings,
    request: &Request,
) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let reply = match (method, path) {
        (&Method::GET | &Method::HEAD, "/healthz") => return health::answer(shell).await,
        (&Method::POST, "/v1/claim") => claim(shell, settings, request).await,
        (&Method::POST, "/v1/report") => report::answer(shell, settings, request).await,
        (_, "/healthz" | "/v1/claim" | "/v1/report") => {
            return text(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method");
        }
        _ => return text(StatusCode::NOT_FOUND, "there is nothing here"),
    };
    reply.unwrap_or_else(|refusal| refusal)
}

/// A failure of ours is never the instance's fault: it asks again.
fn ours<E: Effects>(
    shell: &Shell<'_, E>,
    event: &str,
    failure: &(dyn std::error::Error + 'static),
) -> Response {
    shell.failed(event, failure);
    busy()
}

/// 503: somebody else was quicker, or we are not at our best.
fn busy() -> Response {
    reply::later(limits::RETRY_AFTER_S, "busy")
}

/// 409: the instance's runner is connected, and carries on.
fn connected() -> Response {
    reply::json(StatusCode::CONFLICT, &json!({ "reason": "connected" }))
}

async fn claim<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &RegistrarSettings,
    request: &Request,
) -> Result<Response, Response> {
    let ask = Ask::parse(request.body())?;
    let shown = token::verify(&ask.token, shell.now(), &settings.claim_keys)
        .map_err(|e| text(StatusCode::UNAUTHORIZED, &e.to_string()))?;
    let known = who_claims(shell, &ask, &shown).await?;
    rate::check(shell, &known).await?;
    let proved = identity::prove(shell, settings, &ask, &known).await;
    let counted = match &proved {
        Ok(()) => rate::proved(shell, &known).await,
        Err(reply) if reply.status() == StatusCode::FORBIDDEN => rate::not_proved(shell, &known).await,
        Err(_) => Ok(()),
    };
    counted.map_err(|failure| ours(shell, "a claim could not be counted", &failure))?;
    proved?;
    let claimed = Claimed { shell, settings };
    let answered = claimed.adopt_and_decide(known).await;
    answered.map_err(|failure| ours(shell, "a claim could not be answered", &failure))
}

/// Who a claim says it is, as far as the ledger knows the batch: its class, and the record if there is one.
#[derive(Debug)]
struct Known {
    key: InstanceKey,
    class: Class,
    /// Batch and try of the boot token, for an instance without a record.
    launch: Option<(jit_domain::ids::BatchId, u32)>,
    record: Option<Instance>,
}

async fn who_claims<E: Effects>(shell: &Shell<'_, E>, ask: &Ask, shown: &Token) -> Result<Known, Response> {
    let unknown = |failure: Failure| ours(shell, "a claim could not be looked up", &failure);
    let gone = || reply::json(StatusCode::GONE, &json!({ "reason": Reason::NotOurs.code() }));
    let (class_key, key, launch) = match shown {
        Token::Report(_) => return Err(text(StatusCode::UNAUTHORIZED, "a report token makes no claims")),
        Token::Wait(key) if key.id != ask.instance_id => {
            return Err(text(StatusCode::FORBIDDEN, "the token is another instance's"));
        }
        Token::Wait(key) => (None, key.clone(), None),
        Token::Boot { class, batch, try_n } => {
            let record = shell.read::<Class>(&Class::key(class)).await.map_err(unknown)?.ok_or_else(gone)?;
            let region = record.value.place(batch, *try_n).map(|place| place.region.clone());
            let region = region.or_else(|| {
                shell.policy.regions().into_iter().find(|(_, r)| *r == ask.region).map(|(_, r)| r)
            });
            let region = region.ok_or_else(gone)?;
            let key = InstanceKey { cloud: ask.cloud, region, id: ask.instance_id.clone() };
            (Some(record.value), key, Some((batch.clone(), *try_n)))
        }
    };
    let record = shell.read::<Instance>(&Instance::key(&key)).await.map_err(unknown)?.map(|r| r.value);
    let class = match (class_key, &record) {
        (Some(class), _) => class,
        (None, Some(record)) => {
            shell.read::<Class>(&Class::key(&record.class)).await.map_err(unknown)?.ok_or_else(gone)?.value
        }
        (None, None) => return Err(gone()),
    };
    Ok(Known { key, class, launch, record })
}

/// A claim whose token and identity are right.
struct Claimed<'s, 'e, E: Effects> {
    shell: &'s Shell<'e, E>,
    settings: &'s RegistrarSettings,
}

type Answered = Result<Response, Failure>;

impl<E: Effects> Claimed<'_, '_, E> {
    async fn adopt_and_decide(&self, known: Known) -> Answered {
        let mut world = World::read(self.shell).await?;
        let Some(mut instance) = self.recorded(&mut world, &known).await? else {
            return Ok(gone(&Reason::NotNeeded));
        };
        if let InstancePhase::Retired { reason, .. } = &instance.phase {
            return Ok(gone(reason));
        }
        if instance.claimed_at.is_none() {
            let now = self.shell.now();
            let first =
                Instance { claimed_at: Some(now), booted_at: instance.booted_at.or(Some(now)), ..instance };
            if !self.write(&mut world, &first).await? {
                return Ok(busy());
            }
            instance = first;
        }
        for _ in 0..limits::PERMIT_ROUNDS_MAX {
            let decision = {
                let observed = world.observed(&self.shell.policy, self.shell.now());
                decide::claim(&observed, &instance, &self.shell.policy.runner_prefix)
            };
            if let Claim::Permit { candidates, mint } = decision {
                match self.take_permit(&mut world, &instance, &candidates).await? {
                    Some(permitted) => return self.mint(&mut world, permitted, mint).await,
                    None => world = World::read(self.shell).await?,
                }
                continue;
            }
            return self.carry_out(&mut world, instance, decision).await;
        }
        Ok(busy())
    }

    /// The instance's record; one that has none is adopted if its batch has its id or a needed place.
    async fn recorded(&self, world: &mut World, known: &Known) -> Result<Option<Instance>, Failure> {
        let is_recorded = !world.unrecorded.contains(&known.key);
        if let Some(open) = world.instance(&known.key).filter(|_| is_recorded) {
            return Ok(Some(open.clone()));
        }
        if known.record.is_some() {
            return Ok(known.record.clone());
        }
        let Some((batch, n)) = &known.launch else { return Ok(None) };
        let key = known.class.identity.key();
        let is_needed = {
            let observed = world.observed(&self.shell.policy, self.shell.now());
            let balance = observed.balance();
            balance.slots_needed(&key) > 0 || balance.gaps().get(&key).is_some_and(|gap| *gap > 0)
        };
        let mut has_place = false;
        let class = self
            .shell
            .update::<Class>(&Class::key(&key), |class| {
                let before = class?;
                let after = scaleup::adopt(before, batch, &known.key, is_needed);
                has_place = after.is_some();
                after.filter(|after| after != before)
            })
            .await?;
        let record =
            class.filter(|_| has_place).and_then(|c| scaleup::instance_of(&c, batch, *n, &known.key));
        let Some(record) = record else { return Ok(None) };
        world.reread_class(self.shell, &key).await?;
        crate::scaleup::record_instance(self.shell, world, record.clone()).await?;
        let kept = self.shell.read::<Instance>(&Instance::key(&record.key)).await?;
        Ok(kept.map(|kept| {
            world.put_instance(kept.value.clone(), kept.version);
            kept.value
        }))
    }

    async fn write(&self, world: &mut World, instance: &Instance) -> Result<bool, Failure> {
        let is_written = self.shell.commit(vec![world.write_instance(instance)]).await?;
        if is_written {
            world.wrote_instance(instance.clone());
        }
        Ok(is_written)
    }

    /// Marks one of the jobs with this instance; none when others were quicker everywhere.
    async fn take_permit(
        &self,
        world: &mut World,
        instance: &Instance,
        candidates: &[jit_domain::ids::JobId],
    ) -> Result<Option<Instance>, Failure> {
        for id in candidates {
            self.shell.check_time("taking a permit")?;
            let Some(job) = world.job(*id).cloned() else { continue };
            let key = Job::key(*id);
            let permitted = Job { permit: Some(instance.key.clone()), ..job };
            if self.shell.commit(vec![put(&key, world.version(&key), &permitted)]).await? {
                return Ok(Some(Instance { permit: Some(*id), ..instance.clone() }));
            }
        }
        Ok(None)
    }

    async fn carry_out(&self, world: &mut World, instance: Instance, decision: Claim) -> Answered {
        match decision {
            Claim::Mint(mint) | Claim::Permit { mint, .. } => self.mint(world, instance, mint).await,
            Claim::Wait { wait_s } => self.wait(world, instance, wait_s).await,
            Claim::Later { retry_after_s } => Ok(reply::later(retry_after_s, "a registration is under way")),
            Claim::Connected => Ok(connected()),
            Claim::Gone(reason) => self.retire(world, instance, reason).await,
            Claim::Resolve { lost, next } => self.resolve(world, instance, &lost, next).await,
            Claim::Look(mint) => self.look(world, instance, &mint).await,
        }
    }

    /// Registers and answers 200: the name is written before the request, the registration before the reply.
    async fn mint(&self, world: &mut World, instance: Instance, mint: Mint) -> Answered {
        let mut minting = instance.clone();
        minting.phase = InstancePhase::Minting;
        minting.mints.push(mint.clone());
        if !self.write(world, &minting).await? {
            return Ok(busy());
        }
        let github = match self.github() {
            Ok(github) => github,
            Err(error) => return Ok(ours(self.shell, "nothing was minted", &error)),
        };
        let Some(class) = world.classes.get(&minting.class) else { return Ok(gone(&Reason::NotOurs)) };
        let identity = class.identity.clone();
        let minted = github
            .mint(minting.installation, &minting.scope, identity.runner_group, &identity.labels, &mint.name)
            .await;
        match minted {
            Ok(config) => self.confirm(world, minting, config).await,
            Err(error) => match error.refused_until(self.shell.now()) {
                Some(until) => self.postpone(world, instance, until).await,
                None => Ok(self.not_minted(&error)),
            },
        }
    }

    /// A limit refused the registration, so there is none, and it counts for nothing: the record is as before. An instance
    /// without an earlier one waits, which keeps it in supply, and asks again when those before it have had their turn.
    async fn postpone(&self, world: &mut World, before: Instance, until: Timestamp) -> Answered {
        let now = self.shell.now();
        let mut after = before;
        let is_first = after.phase == InstancePhase::Launched;
        if is_first {
            after.waiting_since.get_or_insert(now);
        }
        if !self.write(world, &after).await? {
            return Ok(busy());
        }
        let ahead = decide::waiting_before(&world.observed(&self.shell.policy, now), &after);
        let wait = until.since(now) + crate::github::time_to_mint(ahead);
        let wait_s = seconds(wait);
        self.shell.info(
            "a registration was postponed",
            json!({ "instance.id": after.key.id, "wait_s": wait_s, "ahead": ahead }),
        );
        if is_first { self.wait(world, after, wait_s).await } else { Ok(not_registered(wait_s)) }
    }

    /// The record stays as it is: whether GitHub registered a name is found out at the next claim.
    fn not_minted(&self, error: &GitHubError) -> Response {
        self.shell.failed("a runner was not registered", error);
        let now = self.shell.now();
        not_registered(
            error.refused_until(now).map_or(limits::RETRY_AFTER_S, |until| seconds(until.since(now))),
        )
    }

    async fn confirm(&self, world: &mut World, minting: Instance, config: JitConfig) -> Answered {
        let runner = RunnerId(config.runner.id.0);
        let mut claimed = minting;
        claimed.phase = InstancePhase::Claimed;
        if let Some(mint) = claimed.mints.last_mut() {
            mint.runner = Some(runner);
        }
        // A write that failed may have happened all the same: then the next claim does not find the registration, and gets 410.
        let written = self.write(world, &claimed).await;
        if !matches!(written, Ok(true)) {
            self.undo(&claimed, runner).await;
            return written.map(|_| busy());
        }
        lifecycle::log_phase(self.shell, &claimed);
        let pool = self.shell.policy.pool(&claimed.pool);
        let job_max = pool.map_or(jit_domain::limits::JOB_MAX_DEFAULT, |p| p.ages.job_max);
        let unanswered_hook = pool.map(|p| p.unanswered_hook).unwrap_or_default();
        let expires_at = self.shell.now() + job_max + limits::REPORT_TOKEN_SLACK;
        let report =
            token::sign(&Token::Report(claimed.key.clone()), expires_at, &self.settings.claim_keys.current);
        let name = claimed.mint().map(|m| m.name.to_string()).unwrap_or_default();
        Ok(reply::json(
            StatusCode::OK,
            &json!({
                "jit_config": config.encoded.expose_secret(),
                "runner_name": name,
                "agent_version": self.shell.policy.agent.version,
                "job_max_s": job_max.as_secs(),
                "unanswered_hook": unanswered_hook.as_str(),
                "report_token": report.expose_secret(),
            }),
        ))
    }

    /// A registration that no record names must not stay; the sweep finds it if this fails.
    async fn undo(&self, instance: &Instance, runner: RunnerId) {
        if let Ok(github) = self.github()
            && let Err(error) = github.deregister(instance.installation, &instance.scope, runner).await
        {
            self.shell.failed("a registration was not undone", &error);
        }
    }

    fn github(&self) -> Result<GitHub<'_, '_, E>, GitHubError> {
        GitHub::new(self.shell, &self.settings.github, Priority::Jit)
    }

    async fn wait(&self, world: &mut World, instance: Instance, wait_s: u32) -> Answered {
        let now = self.shell.now();
        let waiting = Instance { waiting_since: instance.waiting_since.or(Some(now)), ..instance.clone() };
        if waiting != instance && !self.write(world, &waiting).await? {
            return Ok(busy());
        }
        let unclaimed_max =
            self.shell.policy.pool(&waiting.pool).map_or(limits::TOKEN_SLACK, |p| p.ages.unclaimed_max);
        let expires_at = now + unclaimed_max + limits::TOKEN_SLACK;
        let token = token::sign(&Token::Wait(waiting.key), expires_at, &self.settings.claim_keys.current);
        Ok(reply::json(StatusCode::ACCEPTED, &json!({ "wait_s": wait_s, "token": token.expose_secret() })))
    }

    async fn retire(&self, world: &mut World, instance: Instance, reason: Reason) -> Answered {
        if !instance.is_retired() && instance.is_open() {
            let retired = instance.retired(self.shell.now(), reason.clone());
            lifecycle::write_retired(self.shell, world, retired).await?;
        }
        Ok(gone(&reason))
    }

    /// An earlier POST may have registered the name and its reply been lost: what bears the name goes, then the next is made.
    async fn resolve(
        &self,
        world: &mut World,
        instance: Instance,
        lost: &Mint,
        next: Option<Mint>,
    ) -> Answered {
        let removed = async {
            let github = self.github()?;
            for runner in
                github.runners(instance.installation, &instance.scope, Some(&lost.name)).await?.listed
            {
                github.deregister(instance.installation, &instance.scope, RunnerId(runner.id.0)).await?;
            }
            Ok::<(), GitHubError>(())
        };
        if let Err(error) = removed.await {
            return Ok(self.not_minted(&error));
        }
        match next {
            Some(mint) => self.mint(world, instance, mint).await,
            None => self.retire(world, instance, Reason::MintsExhausted).await,
        }
    }

    /// A second claim after a 200: only what GitHub says of the registration decides.
    async fn look(&self, world: &mut World, instance: Instance, mint: &Mint) -> Answered {
        let listed = match self.github() {
            Ok(github) => github.runners(instance.installation, &instance.scope, Some(&mint.name)).await,
            Err(error) => Err(error),
        };
        let seen = match listed {
            Ok(found) => match found.listed.first() {
                Some(runner) => {
                    Registration::Listed { runner: RunnerId(runner.id.0), contact: contact(runner) }
                }
                None => Registration::NotListed,
            },
            Err(error) => return Ok(self.not_minted(&error)),
        };
        match decide::after_look(&instance, seen, &self.shell.policy.runner_prefix, self.shell.now()) {
            AfterLook::Connected => Ok(connected()),
            AfterLook::Spent => self.retire(world, instance, Reason::RegistrationSpent).await,
            AfterLook::Exhausted => self.retire(world, instance, Reason::MintsExhausted).await,
            AfterLook::Again { delete, mint } => self.again(world, instance, delete, mint).await,
        }
    }

    async fn again(&self, world: &mut World, instance: Instance, delete: RunnerId, mint: Mint) -> Answered {
        use jit_github::runners::Deletion;
        let deleted = match self.github() {
            Ok(github) => github.deregister(instance.installation, &instance.scope, delete).await,
            Err(error) => Err(error),
        };
        match deleted {
            // From here on the record must not say that there is a registration: if GitHub's limits postpone the next, the claim
            // after that would not find it, and take it for used.
            Ok(Deletion::Deleted) => {
                let without = Instance { phase: InstancePhase::Minting, ..instance };
                self.mint(world, without, mint).await
            }
            // It was listed a moment ago: it was used and is gone now.
            Ok(Deletion::NotFound) => self.retire(world, instance, Reason::RegistrationSpent).await,
            Ok(Deletion::Busy(_)) => Ok(connected()),
            Err(error) => Ok(self.not_minted(&error)),
        }
    }
}

fn not_registered(retry_after_s: u32) -> Response {
    reply::later(retry_after_s, "github did not register the runner")
}

/// A wait as it is told to an instance.
fn seconds(wait: Duration) -> u32 {
    let most = limits::POSTPONED_MAX.min(wait).as_millis().div_ceil(1_000);
    u32::try_from(most).unwrap_or(limits::RETRY_AFTER_S).max(1)
}

fn contact(runner: &jit_github::runners::Runner) -> Contact {
    use jit_domain::decide::rebalancer::Activity;
    match activity(runner) {
        Activity::Busy | Activity::Idle => Contact::Connected,
        // An agent that was ever connected has told GitHub its operating system.
        Activity::Offline if runner.os.as_deref().is_some_and(|os| !os.eq_ignore_ascii_case("unknown")) => {
            Contact::Connected
        }
        Activity::Offline => Contact::Never,
    }
}

fn gone(reason: &Reason) -> Response {
    let value = json!({ "reason": reason.code(), "explanation": jit_domain::reason::explain(reason) });
    reply::json(StatusCode::GONE, &value)
}
