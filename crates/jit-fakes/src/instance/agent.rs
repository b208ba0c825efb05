//! The agent: connects with the JIT config, takes one job, asks whether it may run, finishes it, and leaves.
//! Not in it: how the JIT config is got; see `claim`.

use http::Response;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::life::{Instance, Purpose, Timer, after};
use super::settings::{Fate, UnansweredHook};
use super::wire::{self, Job, Message};
use super::{Stage, Target};

/// How often connecting, starting and finishing are tried.
const CONNECT_TRIES: u32 = 5;
const START_TRIES: u32 = 5;
const FINISH_TRIES: u32 = 10;
/// How long the job-started hook asks before it gives up.
const HOOK_MAX: SignedDuration = SignedDuration::from_mins(1);
/// How long after its start a hostile job attacks.
const ATTACK_AFTER: SignedDuration = SignedDuration::from_secs(1);

/// What the agent knows.
#[derive(Debug, Default)]
pub(super) struct Agent {
    session: String,
    pub(super) job: Option<Box<Job>>,
    /// Offered by GitHub, not yet started.
    offered: Option<Box<Job>>,
    hook_asked_at: Option<Timestamp>,
    conclusion: Option<String>,
    tries: u32,
}

impl Instance {
    pub(super) fn begin_agent(&mut self) {
        self.enter(Stage::Connecting);
        if self.power_on.fate == Fate::AgentExitsAtOnce {
            self.report("agent_started", &json!({}));
            return self.leave("agent exited without a job");
        }
        match self.settings.agent_start {
            SignedDuration::ZERO => self.connect(),
            wait => self.plan(wait, Timer::Connect),
        }
    }

    pub(super) fn connect(&mut self) {
        let Some(config) = &self.jit_config else { return };
        let request = wire::connect(&self.settings.github_url, config);
        self.send(Target::GitHub, request, Purpose::Connect);
    }

    pub(super) fn connect_answered(&mut self, response: Option<&Response<Vec<u8>>>) {
        if self.stage != Stage::Connecting {
            return;
        }
        match response.map(|reply| (reply.status().as_u16(), wire::session(reply))) {
            Some((200, Some(session))) => {
                self.agent.session = session;
                self.agent.tries = 0;
                self.enter(Stage::Idle);
                self.report("agent_started", &json!({}));
                if self.power_on.fate != Fate::AgentHangs {
                    self.plan(SignedDuration::ZERO, Timer::Poll);
                }
            }
            // A repeated config is refused, as after a lost reply: a config is good once.
            Some((400..=499, _)) => self.leave("jit config refused"),
            Some(_) | None => self.try_again(CONNECT_TRIES, Timer::Connect, "github unreachable"),
        }
    }

    /// Plans another try, or leaves when all are used up.
    fn try_again(&mut self, tries_max: u32, timer: Timer, reason: &str) {
        self.agent.tries += 1;
        if self.agent.tries >= tries_max {
            return self.leave(reason);
        }
        let pause = self.pause(self.agent.tries);
        self.replan(pause, timer);
    }

    pub(super) fn poll_agent(&mut self) {
        let request = wire::message(&self.settings.github_url, &self.agent.session);
        self.send(Target::GitHub, request, Purpose::Poll);
    }

    pub(super) fn poll_answered(&mut self, response: Option<&Response<Vec<u8>>>) {
        let is_idle = match self.stage {
            Stage::Idle => true,
            Stage::Busy => false,
            _ => return,
        };
        let pause = if is_idle { self.settings.poll_idle } else { self.settings.poll_busy };
        match Message::read(response) {
            Message::Gone => return self.leave("registration gone"),
            // Repeated until it is started; an answer under way decides.
            Message::Job(job) if is_idle && self.agent.offered.is_none() => {
                self.agent.offered = Some(job);
                self.plan(SignedDuration::ZERO, Timer::Start);
            }
            Message::Cancel if !is_idle => self.finish_job("cancelled"),
            Message::Job(_) | Message::Cancel | Message::Nothing | Message::Unclear => {}
        }
        self.replan(pause, Timer::Poll);
    }

    pub(super) fn start_job(&mut self) {
        let body = json!({"state": "started"});
        let request = wire::job_state(&self.settings.github_url, &self.agent.session, &body);
        self.send(Target::GitHub, request, Purpose::Start);
    }

    /// The job is the agent's once GitHub says so. With 409 it was given to another one.
    pub(super) fn start_answered(&mut self, response: Option<&Response<Vec<u8>>>) {
        let Some(job) = self.agent.offered.take().filter(|_| self.stage == Stage::Idle) else { return };
        match response.map(|reply| reply.status().as_u16()) {
            Some(200) => self.job_started(job),
            Some(409) => {}
            Some(400..=499) => self.leave("registration gone"),
            // It may have been heard; GitHub then offers the job no more, so only the same question helps.
            Some(_) | None => {
                self.agent.offered = Some(job);
                self.try_again(START_TRIES, Timer::Start, "github unreachable");
            }
        }
    }

    fn job_started(&mut self, job: Box<Job>) {
        self.agent.job = Some(job);
        self.agent.tries = 0;
        self.agent.hook_asked_at = Some(self.now());
        self.enter(Stage::Busy);
        self.replan(self.job_max, Timer::DeadMan);
        self.replan(self.settings.poll_busy, Timer::Poll);
        match self.power_on.fate {
            Fate::MachineDies(wait) => self.plan(wait, Timer::Die),
            Fate::Hostile => self.plan(ATTACK_AFTER, Timer::Attack),
            _ => {}
        }
        self.ask_hook();
    }

    /// The job-started hook asks the registrar before the job's first step.
    pub(super) fn ask_hook(&mut self) {
        if self.agent.conclusion.is_some() {
            return;
        }
        let (Some(data), Some(job)) = (&self.user_data, &self.agent.job) else { return };
        let token = self.report_token.as_ref().unwrap_or(&self.claim_token);
        let id = &self.power_on.instance_id;
        let request = wire::report(&data.registrar_url, token, id, "job_started", &job.detail());
        self.send(Target::Registrar, request, Purpose::Hook);
    }

    pub(super) fn hook_answered(&mut self, response: Option<&Response<Vec<u8>>>) {
        if self.stage != Stage::Busy || self.agent.conclusion.is_some() {
            return;
        }
        let gives_up_at = after(self.agent.hook_asked_at.unwrap_or(self.now()), HOOK_MAX);
        let allowed = wire::verdict(response).or_else(|| {
            (gives_up_at <= self.now()).then_some(self.settings.unanswered_hook == UnansweredHook::Allow)
        });
        match allowed {
            Some(true) => {
                let duration = self.agent.job.as_ref().map_or(SignedDuration::ZERO, |job| job.duration());
                self.plan(duration, Timer::FinishJob);
            }
            Some(false) => self.finish_job("failure"),
            None => {
                self.agent.tries += 1;
                let pause = self
                    .pause(self.agent.tries)
                    .max(response.map_or(SignedDuration::ZERO, wire::retry_after));
                // The last question falls on the moment of giving up, not after it.
                let left = gives_up_at.duration_since(self.now());
                self.plan(pause.min(left), Timer::AskHook);
            }
        }
    }

    /// The job has run its time and ends as its script says.
    pub(super) fn finish_job_as_planned(&mut self) {
        let conclusion =
            self.agent.job.as_ref().map_or_else(|| "success".to_owned(), |job| job.conclusion.clone());
        self.finish_job(&conclusion);
    }

    fn finish_job(&mut self, conclusion: &str) {
        if self.agent.conclusion.is_none() {
            self.agent.conclusion = Some(conclusion.to_owned());
            self.agent.tries = 0;
            self.send_finished();
        }
    }

    pub(super) fn send_finished(&mut self) {
        let body = json!({"state": "finished", "conclusion": self.agent.conclusion});
        let request = wire::job_state(&self.settings.github_url, &self.agent.session, &body);
        self.send(Target::GitHub, request, Purpose::Finish);
    }

    pub(super) fn finish_answered(&mut self, response: Option<&Response<Vec<u8>>>) {
        if self.stage != Stage::Busy {
            return;
        }
        match response.map(|reply| reply.status().as_u16()) {
            Some(200..=299) => {
                self.report("job_finished", &json!({"conclusion": self.agent.conclusion}));
                self.leave("job finished");
            }
            Some(400..=499) => self.leave("job taken away"),
            Some(_) | None => self.try_again(FINISH_TRIES, Timer::Finish, "github unreachable"),
        }
    }
}
