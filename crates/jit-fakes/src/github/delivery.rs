//! Webhook deliveries: born, sent or lost, logged, sent again. Not in it: what a payload says (`json/`).
//!
//! GitHub never sends a failed delivery again by itself; somebody has to ask for it within three days.
//! <https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries>, read 2026-11-21.

use std::collections::{BTreeMap, BTreeSet};

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use sha2::Sha256;

use super::GitHub;
use super::ids::{DeliveryId, JobId};
use super::json::Payload;
use super::timers::{Timer, after};

/// One POST to make to the App's webhook address.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Number of this attempt; report its outcome with [`GitHub::delivered`].
    pub id: DeliveryId,
    /// The GUID, the same for every attempt.
    pub guid: String,
    /// Headers as GitHub sends them, the signature among them.
    pub headers: Vec<(&'static str, String)>,
    /// The payload, exactly as it was signed.
    pub body: Vec<u8>,
}

/// What a checker may know of a delivery attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryView {
    /// Number of the attempt.
    pub id: DeliveryId,
    /// The GUID.
    pub guid: String,
    /// The payload's action.
    pub action: &'static str,
    /// The job it tells of.
    pub job: JobId,
    /// Whether somebody asked for it to be sent again.
    pub redelivery: bool,
    /// When it was born.
    pub created_at: Timestamp,
    /// When it was answered or given up, and with which status; `None` while it is on its way.
    pub outcome: Option<(Timestamp, Option<u16>)>,
}

/// What happens to the next deliveries that match.
#[derive(Clone, Debug)]
pub struct DeliveryRule {
    /// Only this action; `None` any.
    pub action: Option<String>,
    /// Only this job; `None` any.
    pub job: Option<JobId>,
    /// How many deliveries it strikes before it is used up.
    pub times: u32,
    /// What it does.
    pub fate: DeliveryFate,
}

/// What can befall a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryFate {
    /// It does not arrive and the log says so.
    Fails,
    /// It is never sent and never logged, as in GitHub's own incidents.
    Vanishes,
    /// It leaves later, so that it may arrive after younger ones.
    Late(SignedDuration),
    /// It is sent twice, the second time so much later.
    Twice(SignedDuration),
}

/// Random trouble for all deliveries; the default is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeliveryNoise {
    /// Of a thousand deliveries, how many fail.
    pub fails_per_mille: u32,
    /// Of a thousand deliveries, how many vanish.
    pub vanishes_per_mille: u32,
    /// Of a thousand deliveries, how many are sent twice.
    pub twice_per_mille: u32,
    /// Of a thousand deliveries, how many are late, by up to [`DeliveryNoise::late_max`].
    pub late_per_mille: u32,
    /// Bound of lateness, also of the second one of two.
    pub late_max: SignedDuration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Planned,
    Ready,
    OnItsWay(Timestamp),
    Done(Timestamp, Option<u16>),
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: DeliveryId,
    pub(super) guid: String,
    pub(super) action: &'static str,
    pub(super) job: JobId,
    pub(super) redelivery: bool,
    pub(super) created_at: Timestamp,
    pub(super) payload: Payload,
    state: State,
    sent_at: Timestamp,
}

impl Record {
    /// The payload as it goes over the wire.
    pub(super) fn body(&self) -> String {
        self.payload.text(self.action)
    }

    /// When it was tried, how long that took, and the status; `None` before its end.
    pub(super) fn outcome(&self) -> Option<(Timestamp, SignedDuration, Option<u16>)> {
        match self.state {
            State::Done(at, status) => Some((self.sent_at, at.duration_since(self.sent_at), status)),
            State::Planned | State::Ready | State::OnItsWay(_) => None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Deliveries {
    pub(super) records: BTreeMap<DeliveryId, Record>,
    /// Finished attempts by time, the order of the log.
    pub(super) log: BTreeSet<(Timestamp, DeliveryId)>,
    outbox: Vec<DeliveryId>,
    rules: Vec<DeliveryRule>,
    noise: DeliveryNoise,
}

impl Deliveries {
    pub(super) fn leave(&mut self, id: DeliveryId) {
        if let Some(record) = self.records.get_mut(&id).filter(|record| record.state == State::Planned) {
            record.state = State::Ready;
            self.outbox.push(id);
        }
    }

    fn finish(&mut self, id: DeliveryId, now: Timestamp, status: Option<u16>) -> bool {
        let Some(record) = self.records.get_mut(&id) else { return false };
        if matches!(record.state, State::Done(..)) {
            return false;
        }
        record.state = State::Done(now, status);
        self.log.insert((now, id));
        true
    }

    fn fate(&mut self, action: &str, job: JobId) -> Option<DeliveryFate> {
        let matches = |rule: &DeliveryRule| {
            rule.times > 0
                && rule.action.as_deref().is_none_or(|wanted| wanted == action)
                && rule.job.is_none_or(|wanted| wanted == job)
        };
        let rule = self.rules.iter_mut().find(|rule| matches(rule))?;
        rule.times -= 1;
        Some(rule.fate)
    }
}

impl GitHub {
    /// Takes the deliveries that have left, oldest first. Each is to be posted, and reported with [`Self::delivered`].
    pub fn take_deliveries(&mut self) -> Vec<Delivery> {
        let now = self.now;
        let ids = std::mem::take(&mut self.deliveries.outbox);
        let mut taken = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(record) = self.deliveries.records.get_mut(&id) else { continue };
            record.state = State::OnItsWay(now);
            record.sent_at = now;
            let body = record.body().into_bytes();
            let guid = record.guid.clone();
            let headers = self.delivery_headers(&guid, &body);
            taken.push(Delivery { id, guid, headers, body });
            self.in_time(self.settings.times.delivery_timeout, Timer::DeliveryTimeout(id));
        }
        taken
    }

    /// Notes how a delivery ended: the receiver's status, or `None` when no reply came.
    ///
    /// Tells whether GitHub was still waiting for it.
    pub fn delivered(&mut self, id: DeliveryId, status: Option<u16>, now: Timestamp) -> bool {
        self.catch_up(now);
        let waiting = self.deliveries.finish(id, self.now, status);
        self.settle();
        waiting
    }

    /// Adds a rule about the next deliveries; earlier rules come first.
    pub fn add_delivery_rule(&mut self, rule: DeliveryRule) {
        self.deliveries.rules.push(rule);
    }

    /// How many deliveries the rules still wait for.
    pub fn delivery_rules_left(&self) -> u32 {
        self.deliveries.rules.iter().map(|rule| rule.times).sum()
    }

    /// Drops all rules and replaces the random trouble.
    pub fn set_delivery_noise(&mut self, noise: DeliveryNoise) {
        self.deliveries.rules.clear();
        self.deliveries.noise = noise;
    }

    /// Every attempt still in the log or on its way, in order of birth.
    pub fn deliveries(&self) -> impl Iterator<Item = DeliveryView> {
        self.deliveries.records.values().map(|record| DeliveryView {
            id: record.id,
            guid: record.guid.clone(),
            action: record.action,
            job: record.job,
            redelivery: record.redelivery,
            created_at: record.created_at,
            outcome: match record.state {
                State::Done(at, status) => Some((at, status)),
                State::Planned | State::Ready | State::OnItsWay(_) => None,
            },
        })
    }

    /// Tells the App of a change of a job.
    pub(super) fn announce(&mut self, job: JobId, action: &'static str) {
        let Some(payload) = self.payload(job, action) else { return };
        let text = self.random.text("delivery guid", 32);
        let (a, rest) = text.split_at(8);
        let (b, rest) = rest.split_at(4);
        let (c, rest) = rest.split_at(4);
        let (d, e) = rest.split_at(4);
        let record = Record {
            id: DeliveryId(0),
            guid: format!("{a}-{b}-{c}-{d}-{e}"),
            action,
            job,
            redelivery: false,
            created_at: self.now,
            payload,
            state: State::Planned,
            sent_at: self.now,
        };
        self.send(record);
    }

    /// Sends a delivery of the log again. `None` when the log does not have it.
    pub(super) fn redeliver(&mut self, id: DeliveryId) -> Option<()> {
        self.prune_deliveries();
        let record = self.deliveries.records.get(&id).filter(|record| record.outcome().is_some())?;
        let again = Record {
            redelivery: true,
            created_at: self.now,
            state: State::Planned,
            sent_at: self.now,
            ..record.clone()
        };
        self.send(again);
        Some(())
    }

    /// Forgets what is older than the log reaches.
    pub(super) fn prune_deliveries(&mut self) {
        let oldest = after(self.now, -self.settings.times.delivery_log);
        while let Some((at, id)) = self.deliveries.log.first().copied().filter(|(at, _)| *at < oldest) {
            self.deliveries.log.remove(&(at, id));
            self.deliveries.records.remove(&id);
        }
    }

    pub(super) fn time_out_delivery(&mut self, id: DeliveryId) {
        self.deliveries.finish(id, self.now, None);
        self.prune_deliveries();
    }

    fn send(&mut self, record: Record) {
        let (low, high) = self.settings.times.delivery_delay;
        let delay = self.random.between("delivery delay", low, high);
        let fate = match self.deliveries.fate(record.action, record.job) {
            Some(fate) => Some(fate),
            None => self.random_fate(),
        };
        match fate {
            None => self.plan(record, delay),
            Some(DeliveryFate::Vanishes) => {}
            Some(DeliveryFate::Late(by)) => self.plan(record, delay.saturating_add(by)),
            Some(DeliveryFate::Twice(by)) => {
                self.plan(record.clone(), delay);
                self.plan(record, delay.saturating_add(by));
            }
            Some(DeliveryFate::Fails) => {
                let id = self.keep(record);
                self.deliveries.finish(id, self.now, None);
            }
        }
    }

    fn random_fate(&mut self) -> Option<DeliveryFate> {
        let noise = self.deliveries.noise;
        let mut dice = self.random.below("delivery fate", 1_000);
        let mut struck = |per_mille: u32| {
            let hit = dice < u64::from(per_mille);
            dice = dice.saturating_sub(u64::from(per_mille));
            hit
        };
        let (fails, vanishes) = (struck(noise.fails_per_mille), struck(noise.vanishes_per_mille));
        let (twice, late) = (struck(noise.twice_per_mille), struck(noise.late_per_mille));
        if fails {
            return Some(DeliveryFate::Fails);
        } else if vanishes {
            return Some(DeliveryFate::Vanishes);
        } else if !twice && !late {
            return None;
        }
        let by = self.random.between("delivery lateness", SignedDuration::ZERO, noise.late_max);
        Some(if twice { DeliveryFate::Twice(by) } else { DeliveryFate::Late(by) })
    }

    fn plan(&mut self, record: Record, delay: SignedDuration) {
        let id = self.keep(record);
        if delay.is_zero() {
            self.deliveries.leave(id);
        } else {
            self.in_time(delay, Timer::DeliveryDue(id));
        }
    }

    fn keep(&mut self, mut record: Record) -> DeliveryId {
        let id = DeliveryId(self.next_number());
        record.id = id;
        self.deliveries.records.insert(id, record);
        id
    }

    /// <https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers>, read 2026-11-21.
    fn delivery_headers(&self, guid: &str, body: &[u8]) -> Vec<(&'static str, String)> {
        let app = self.settings.app_id.to_string();
        vec![
            ("accept", "*/*".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("user-agent", "GitHub-Hookshot/f054a7d".to_owned()),
            ("x-github-delivery", guid.to_owned()),
            ("x-github-event", "workflow_job".to_owned()),
            ("x-github-hook-id", (self.random.of("hook", self.settings.app_id) >> 32).to_string()),
            ("x-github-hook-installation-target-id", app),
            ("x-github-hook-installation-target-type", "integration".to_owned()),
            ("x-hub-signature-256", signature(self.settings.webhook_secret.expose_secret(), body)),
        ]
    }
}

/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>, read 2026-11-21.
fn signature(secret: &str, body: &[u8]) -> String {
    match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mut mac) => {
            mac.update(body);
            format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
        }
        // HMAC takes keys of every length, so no receiver ever sees this.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn the_signature_is_the_one_github_publishes() {
        assert_eq!(
            signature("It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
