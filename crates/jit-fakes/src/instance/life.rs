//! One instance from power-on to power-off: its clock, its requests, its end.
//! Not in it: what it does about each reply; see `claim` and `agent`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use secrecy::{SecretSlice, SecretString};
use serde_json::{Value, json};

use super::agent::Agent;
use super::settings::{Fate, InstanceSettings};
use super::user_data::UserData;
use super::{Outgoing, Stage, Tag, Target, wire};
use crate::cloud::RoleCredentials;
use crate::model::Random;

/// How often a report is sent before it is given up; reports are hints.
const REPORT_TRIES: u32 = 3;
/// How long the last report may hold up the power-off.
const LEAVE_MAX: SignedDuration = SignedDuration::from_secs(10);
/// The first and the longest pause before something is tried again.
const BACK_OFF: SignedDuration = SignedDuration::from_secs(1);
const BACK_OFF_MAX: SignedDuration = SignedDuration::from_secs(30);

/// What an instance is made of.
#[derive(Debug)]
pub struct PowerOn {
    /// Its id.
    pub instance_id: String,
    /// Its place in launch order; with the seed it decides everything drawn.
    pub ordinal: u64,
    /// Its region.
    pub region: String,
    /// Its image, which decides how long it boots.
    pub image_id: String,
    /// Its user data.
    pub user_data: SecretSlice<u8>,
    /// Its role's credentials; without them it can prove nothing.
    pub credentials: Option<RoleCredentials>,
    /// What goes wrong with it.
    pub fate: Fate,
    /// Another instance, in whose name a hostile job claims.
    pub sibling: Option<String>,
    /// When it was powered on.
    pub at: Timestamp,
}

/// Something the instance will do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Boot,
    Claim,
    Connect,
    Poll,
    Start,
    AskHook,
    FinishJob,
    Finish,
    Report { stage: &'static str, detail: String, tries: u32 },
    Attack,
    Die,
    PowerOff,
    DeadMan,
}

/// What a request was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Claim,
    Connect,
    Poll,
    Start,
    Hook,
    Finish,
    Report { stage: &'static str, detail: String, tries: u32 },
    Attack(Attack),
}

/// A claim that a hostile job makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attack {
    /// In whose name.
    pub instance_id: String,
    /// With which token: `claim` or `report`.
    pub token: &'static str,
    /// While the job ran, or after it.
    pub after_job: bool,
}

/// An instance and its life so far.
pub struct Instance {
    pub(super) power_on: PowerOn,
    pub(super) settings: Arc<InstanceSettings>,
    pub(super) stage: Stage,
    pub(super) user_data: Option<UserData>,
    pub(super) claim_token: SecretString,
    pub(super) report_token: Option<SecretString>,
    pub(super) jit_config: Option<SecretString>,
    pub(super) job_max: SignedDuration,
    pub(super) forbidden_since: Option<Timestamp>,
    pub(super) tries: u32,
    pub(super) lost_replies: u32,
    pub(super) agent: Agent,
    pub(super) attacks: Vec<(Attack, Option<u16>)>,
    history: Vec<(Timestamp, Stage)>,
    random: Random,
    draws: u64,
    agenda: BTreeSet<(Timestamp, Timer)>,
    waiting: BTreeMap<u64, (Timestamp, Purpose)>,
    last_tag: u64,
    outbox: Vec<Outgoing>,
    now: Timestamp,
}

/// Tokens and the JIT config never show.
impl std::fmt::Debug for Instance {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Instance");
        shown.field("instance_id", &self.power_on.instance_id).field("stage", &self.stage);
        shown.field("fate", &self.power_on.fate).field("next_at", &self.next_at()).finish_non_exhaustive()
    }
}

impl Instance {
    /// Powers the machine on.
    pub fn new(power_on: PowerOn, settings: Arc<InstanceSettings>) -> Self {
        let random = Random::new(settings.seed);
        let boot = settings.boot_by_image.get(&power_on.image_id).unwrap_or(&settings.boot);
        let mut booted_after = boot.draw(&random, "boot", power_on.ordinal);
        let mut lost_replies = 0;
        let mut agenda = BTreeSet::new();
        let mut never = false;
        match power_on.fate {
            Fate::NeverBoots => never = true,
            Fate::BootsSlowly(extra) => booted_after = booted_after.saturating_add(extra),
            Fate::ClaimReplyLost(count) => lost_replies = count,
            Fate::Healthy
            | Fate::MetadataLate(_)
            | Fate::BootScriptFails
            | Fate::AgentExitsAtOnce
            | Fate::AgentHangs
            | Fate::MachineDies(_)
            | Fate::Hostile => {}
        }
        if !never {
            agenda.insert((after(power_on.at, booted_after), Timer::Boot));
        }
        let now = power_on.at;
        Self {
            power_on,
            settings,
            stage: Stage::Booting,
            user_data: None,
            claim_token: SecretString::from(""),
            report_token: None,
            jit_config: None,
            job_max: SignedDuration::ZERO,
            forbidden_since: None,
            tries: 0,
            lost_replies,
            agent: Agent::default(),
            attacks: Vec::new(),
            history: vec![(now, Stage::Booting)],
            random,
            draws: 0,
            agenda,
            waiting: BTreeMap::new(),
            last_tag: 0,
            outbox: Vec::new(),
            now,
        }
    }

    /// When it has to be polled next; `None` if it waits for nothing, as when it is off.
    pub fn next_at(&self) -> Option<Timestamp> {
        if !self.outbox.is_empty() {
            return Some(self.now);
        }
        let due = self.agenda.first().map(|(at, _)| *at);
        let timeout = self.waiting.values().map(|(until, _)| *until).min();
        due.into_iter().chain(timeout).min()
    }

    /// Does everything that is due and hands over the requests to be sent.
    pub fn poll(&mut self, now: Timestamp) -> Vec<Outgoing> {
        self.now = self.now.max(now);
        self.time_out();
        while let Some((at, timer)) = self.agenda.first().filter(|(at, _)| *at <= self.now).cloned() {
            self.agenda.remove(&(at, timer.clone()));
            self.happen(timer);
        }
        std::mem::take(&mut self.outbox)
    }

    /// Takes the reply to a request, or `None` if it was lost. A tag that is not waited for is ignored.
    pub fn reply(&mut self, now: Timestamp, tag: Tag, response: Option<&Response<Vec<u8>>>) {
        self.now = self.now.max(now);
        if let Some((_, purpose)) = self.waiting.remove(&tag.0) {
            self.answered(purpose, response);
        }
    }

    /// Whether the machine is off, by itself or because it was killed.
    pub fn powered_off(&self) -> bool {
        self.stage == Stage::Off
    }

    /// How far it has come.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Every stage it came to, and when.
    pub fn history(&self) -> &[(Timestamp, Stage)] {
        &self.history
    }

    /// What goes wrong with it.
    pub fn fate(&self) -> Fate {
        self.power_on.fate
    }

    /// What a hostile job tried, and the status it was answered with (`None`: lost). A 200 means it got a second config.
    pub fn attacks(&self) -> &[(Attack, Option<u16>)] {
        &self.attacks
    }

    /// The agent's job, once it has one: its id at GitHub.
    pub fn job_id(&self) -> Option<u64> {
        self.agent.job.as_ref().map(|job| job.job_id)
    }

    /// When its credentials expire, which its owner renews before; `None` without credentials.
    pub fn credentials_expire_at(&self) -> Option<Timestamp> {
        self.power_on.credentials.as_ref().map(|credentials| credentials.expires_at)
    }

    /// The metadata service has new credentials.
    pub fn renew_credentials(&mut self, credentials: RoleCredentials) {
        self.power_on.credentials = Some(credentials);
    }

    /// The cloud cuts its power: it does nothing more.
    pub fn kill(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.silence(Stage::Off);
    }

    /// The metadata service tells that the instance will be interrupted at `at`; it tells the registrar.
    pub fn interruption_notice(&mut self, now: Timestamp, at: Timestamp) {
        self.now = self.now.max(now);
        let runs = !matches!(self.stage, Stage::Booting | Stage::Off | Stage::Silent);
        if runs {
            self.report("interrupted", &json!({"at": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()}));
        }
    }

    fn time_out(&mut self) {
        let late: Vec<u64> =
            self.waiting.iter().filter(|(_, (until, _))| *until <= self.now).map(|(tag, _)| *tag).collect();
        for tag in late {
            if let Some((_, purpose)) = self.waiting.remove(&tag) {
                self.answered(purpose, None);
            }
        }
    }

    fn happen(&mut self, timer: Timer) {
        match timer {
            Timer::Boot => self.boot(),
            Timer::Claim => self.claim(),
            Timer::Connect => self.connect(),
            Timer::Poll => self.poll_agent(),
            Timer::Start => self.start_job(),
            Timer::AskHook => self.ask_hook(),
            Timer::FinishJob => self.finish_job_as_planned(),
            Timer::Finish => self.send_finished(),
            Timer::Report { stage, detail, tries } => self.send_report(stage, detail, tries),
            Timer::Attack => self.attack(),
            Timer::Die => self.silence(Stage::Silent),
            Timer::PowerOff | Timer::DeadMan => self.silence(Stage::Off),
        }
    }

    fn answered(&mut self, purpose: Purpose, response: Option<&Response<Vec<u8>>>) {
        if matches!(self.stage, Stage::Off | Stage::Silent) {
            return;
        }
        match purpose {
            Purpose::Claim => self.claim_answered(response),
            Purpose::Connect => self.connect_answered(response),
            Purpose::Poll => self.poll_answered(response),
            Purpose::Start => self.start_answered(response),
            Purpose::Hook => self.hook_answered(response),
            Purpose::Finish => self.finish_answered(response),
            Purpose::Report { stage, detail, tries } => self.report_answered(stage, detail, tries, response),
            Purpose::Attack(attack) => {
                self.attacks.push((attack, response.map(|reply| reply.status().as_u16())))
            }
        }
        let is_done = self.stage == Stage::Leaving && self.waiting.is_empty();
        if is_done
            && !self.agenda.iter().any(|(_, timer)| matches!(timer, Timer::Report { .. } | Timer::Attack))
        {
            self.silence(Stage::Off);
        }
    }

    /// Comes to a stage.
    pub(super) fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.history.push((self.now, stage));
    }

    /// Goes quiet for ever: off, or dead with the power on.
    fn silence(&mut self, stage: Stage) {
        if matches!(self.stage, Stage::Off) || self.stage == stage {
            return;
        }
        self.agenda.clear();
        self.waiting.clear();
        self.outbox.clear();
        self.enter(stage);
    }

    /// Ends in an orderly way: a last report, then the power-off.
    pub(super) fn leave(&mut self, reason: &str) {
        if matches!(self.stage, Stage::Leaving | Stage::Off | Stage::Silent) {
            return;
        }
        self.agenda.retain(|(_, timer)| matches!(timer, Timer::DeadMan | Timer::Report { .. }));
        self.waiting.retain(|_, (_, purpose)| matches!(purpose, Purpose::Report { .. } | Purpose::Attack(_)));
        self.enter(Stage::Leaving);
        self.plan(LEAVE_MAX, Timer::PowerOff);
        self.report("exited", &json!({"reason": reason}));
        if self.power_on.fate == Fate::Hostile && self.agent.job.is_some() {
            self.attack();
        }
    }

    /// Powers off without a word.
    pub(super) fn power_off(&mut self) {
        self.silence(Stage::Off);
    }

    /// Reports a stage, with whichever token is good for it now.
    pub(super) fn report(&mut self, stage: &'static str, detail: &Value) {
        self.send_report(stage, detail.to_string(), 0);
    }

    fn send_report(&mut self, stage: &'static str, detail: String, tries: u32) {
        let Some(data) = &self.user_data else { return };
        let token = self.report_token.as_ref().unwrap_or(&self.claim_token);
        let value = serde_json::from_str(&detail).unwrap_or(Value::Null);
        let request = wire::report(&data.registrar_url, token, &self.power_on.instance_id, stage, &value);
        self.send(Target::Registrar, request, Purpose::Report { stage, detail, tries });
    }

    fn report_answered(
        &mut self,
        stage: &'static str,
        detail: String,
        tries: u32,
        response: Option<&Response<Vec<u8>>>,
    ) {
        let status = response.map_or(0, |reply| reply.status().as_u16());
        let is_passing = status == 0 || status == 429 || status >= 500;
        if is_passing && tries + 1 < REPORT_TRIES {
            let pause = self.pause(tries).max(response.map_or(SignedDuration::ZERO, wire::retry_after));
            self.plan(pause, Timer::Report { stage, detail, tries: tries + 1 });
        }
    }

    /// Plans something; several plans of one kind for one moment are one.
    pub(super) fn plan(&mut self, wait: SignedDuration, timer: Timer) {
        self.agenda.insert((after(self.now, wait), timer));
    }

    /// Plans something in place of all earlier plans of its kind.
    pub(super) fn replan(&mut self, wait: SignedDuration, timer: Timer) {
        self.agenda.retain(|(_, planned)| *planned != timer);
        self.plan(wait, timer);
    }

    /// Sends a request; one that cannot be built counts as lost, by its time-out.
    pub(super) fn send(&mut self, target: Target, request: Option<Request<Vec<u8>>>, purpose: Purpose) {
        self.last_tag += 1;
        let tag = Tag(self.last_tag);
        self.waiting.insert(tag.0, (after(self.now, self.settings.request_timeout), purpose));
        if let Some(request) = request {
            self.outbox.push(Outgoing {
                instance_id: self.power_on.instance_id.clone(),
                target,
                tag,
                request,
            });
        }
    }

    /// How long to wait after the given number of tries: doubling, bounded, with jitter over its upper half.
    pub(super) fn pause(&mut self, tries: u32) -> SignedDuration {
        self.draws += 1;
        let drawn =
            self.random.of("jitter", self.power_on.ordinal.wrapping_mul(1_000_003).wrapping_add(self.draws));
        let full = BACK_OFF.saturating_mul(1 << tries.min(10)).min(BACK_OFF_MAX);
        let half = u64::try_from(full.as_millis() / 2).unwrap_or(0);
        let extra = i64::try_from(drawn % half.saturating_add(1)).unwrap_or(0);
        SignedDuration::from_millis(i64::try_from(half).unwrap_or(0)) + SignedDuration::from_millis(extra)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }
}

/// The moment `wait` after `at`.
pub(super) fn after(at: Timestamp, wait: SignedDuration) -> Timestamp {
    at.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
