//! Boot and claim: from the boot script's first line to the JIT config.
//! Not in it: the agent; see `agent`.

use http::Response;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::life::{Attack, Instance, Purpose, Timer, after};
use super::settings::Fate;
use super::user_data::UserData;
use super::wire::{self, ClaimReply};
use super::{Stage, Target};

/// How long an identity that is not believed is repeated, and how often.
const FORBIDDEN_MAX: SignedDuration = SignedDuration::from_mins(1);
const FORBIDDEN_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// How often the boot script looks whether the metadata service has credentials.
const CREDENTIALS_PAUSE: SignedDuration = SignedDuration::from_secs(1);

impl Instance {
    /// The boot script starts: the agent is installed, the dead-man timer runs. Without usable user data nothing can be done.
    pub(super) fn boot(&mut self) {
        let parsed = UserData::parse(self.power_on.user_data.expose_secret());
        let Ok(data) = parsed else { return self.power_off() };
        self.claim_token = data.boot_token.clone();
        let unclaimed_max = data.unclaimed_max;
        self.user_data = Some(data);
        self.enter(Stage::Claiming);
        self.replan(unclaimed_max, Timer::DeadMan);
        self.report("booted", &json!({}));
        if self.power_on.fate == Fate::BootScriptFails {
            return self.leave("boot script failed");
        }
        let wait = match self.power_on.fate {
            Fate::MetadataLate(late) => late,
            _ => SignedDuration::ZERO,
        };
        self.plan(wait, Timer::Claim);
    }

    /// Claims, with a proof of identity made at this moment.
    pub(super) fn claim(&mut self) {
        if self.stage == Stage::Waiting {
            self.enter(Stage::Claiming);
        }
        let token = self.claim_token.clone();
        let id = self.power_on.instance_id.clone();
        match self.claim_request(&token, &id) {
            Some(request) => self.send(Target::Registrar, Some(request), Purpose::Claim),
            None => self.plan(CREDENTIALS_PAUSE, Timer::Claim),
        }
    }

    /// A claim in the name of `instance_id`; the identity is always the instance's own, for it has no other.
    fn claim_request(
        &self,
        token: &secrecy::SecretString,
        instance_id: &str,
    ) -> Option<http::Request<Vec<u8>>> {
        let (data, credentials) = (self.user_data.as_ref()?, self.power_on.credentials.as_ref()?);
        let identity = wire::identity(
            credentials,
            &self.power_on.region,
            &data.sts_url,
            &data.registrar_url,
            self.now(),
        )?;
        let claim =
            wire::Claim { registrar_url: &data.registrar_url, token, instance_id, identity: &identity };
        claim.request()
    }

    pub(super) fn claim_answered(&mut self, response: Option<&Response<Vec<u8>>>) {
        if self.stage != Stage::Claiming {
            return;
        }
        let response = if self.lost_replies > 0 { None } else { response };
        self.lost_replies = self.lost_replies.saturating_sub(1);
        let reply = ClaimReply::read(response);
        if !matches!(reply, ClaimReply::Forbidden) {
            self.forbidden_since = None;
        }
        match reply {
            ClaimReply::Config { jit_config, job_max, report_token } => {
                self.jit_config = Some(jit_config);
                self.report_token = Some(report_token);
                self.job_max = job_max;
                self.replan(job_max, Timer::DeadMan);
                self.begin_agent();
            }
            ClaimReply::Wait { wait, token } => {
                self.claim_token = token;
                self.tries = 0;
                self.enter(Stage::Waiting);
                let unclaimed_max =
                    self.user_data.as_ref().map_or(SignedDuration::ZERO, |data| data.unclaimed_max);
                // From now on only silence of the registrar ends it; a 202 is a sign of life.
                self.replan(wait.saturating_add(unclaimed_max), Timer::DeadMan);
                self.plan(wait, Timer::Claim);
            }
            ClaimReply::Retire => self.power_off(),
            ClaimReply::Forbidden => self.forbidden(),
            // Without an agent there is nothing to carry on with; the dead-man timer bounds the asking.
            ClaimReply::Connected => self.claim_again(SignedDuration::ZERO),
            ClaimReply::Again(not_before) => self.claim_again(not_before),
        }
    }

    fn claim_again(&mut self, not_before: SignedDuration) {
        let pause = self.pause(self.tries).max(not_before);
        self.tries = self.tries.saturating_add(1);
        self.plan(pause, Timer::Claim);
    }

    /// The identity may only be too new to be known, so it is repeated for a minute.
    fn forbidden(&mut self) {
        let since = *self.forbidden_since.get_or_insert(self.now());
        if after(since, FORBIDDEN_MAX) <= self.now() {
            return self.power_off();
        }
        self.plan(FORBIDDEN_PAUSE, Timer::Claim);
    }

    /// What a hostile job tries: every token it can find, in every name it knows.
    pub(super) fn attack(&mut self) {
        let after_job = self.stage == Stage::Leaving;
        let own = self.power_on.instance_id.clone();
        let names: Vec<String> = std::iter::once(own).chain(self.power_on.sibling.clone()).collect();
        for name in names {
            let tokens = [("claim", Some(self.claim_token.clone())), ("report", self.report_token.clone())];
            for (token, secret) in tokens.into_iter().filter_map(|(token, secret)| Some((token, secret?))) {
                let request = self.claim_request(&secret, &name);
                let attack = Attack { instance_id: name.clone(), token, after_job };
                self.send(Target::Registrar, request, Purpose::Attack(attack));
            }
        }
    }
}
