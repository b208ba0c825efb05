//! Before anything else: the configuration and variables of the component are read whole. Until they are valid nothing has
//! effects; the ledger says so, and callers get 503.

use http::StatusCode;
use jit_domain::ids::Digest;
use jit_domain::policy::Policy;
use serde_json::json;

use crate::configuration::{self, Fault};
use crate::effects::{Effects, Response};
use crate::ledger::{Ledger, LedgerError};
use crate::reply::text;
use crate::settings::{Component, Rights, storage_fault};
use crate::shell::{chain, line, put};
use crate::stored::{ConfigVerdict, Stored as _};

/// A component's invocation before its configuration is known to be valid.
#[derive(Debug)]
pub struct Start<'e, E: Effects> {
    /// The way to the world.
    pub effects: &'e E,
    /// Which component.
    pub component: Component,
    /// The text of `config/jit-runners.toml`; the error is why it could not be read.
    pub text: &'e Result<String, String>,
}

impl<'e, E: Effects> Start<'e, E> {
    /// Reads configuration and variables; `settings` reads the component's own.
    ///
    /// # Errors
    /// All faults at once.
    pub fn read<S: Rights>(
        &self,
        settings: impl FnOnce() -> Result<S, Vec<Fault>>,
    ) -> Result<(Policy, S), Vec<String>> {
        let policy = match self.text {
            Ok(text) => configuration::parse(text).map_err(sentences),
            Err(why) => Err(vec![format!("config/jit-runners.toml cannot be read: {why}")]),
        };
        match (policy, settings().map_err(sentences)) {
            (Ok(policy), Ok(settings)) => {
                match storage_fault(self.component, &policy.storage, settings.aws()) {
                    None => Ok((policy, settings)),
                    Some(fault) => Err(vec![fault.to_string()]),
                }
            }
            (policy, settings) => Err(policy.err().into_iter().chain(settings.err()).flatten().collect()),
        }
    }

    /// Logs the faults and makes the reply of an invocation that cannot go on.
    pub fn refuse(&self, faults: &[String]) -> Response {
        let fields = json!({ "reason": "config_invalid", "faults": faults });
        let line = line(
            self.effects.now(),
            "error",
            self.component.as_str(),
            "the configuration is not valid",
            fields,
        );
        self.effects.log(&line);
        text(StatusCode::SERVICE_UNAVAILABLE, "the configuration is not valid; `jitr check` says why")
    }

    /// Logs a failure of ours.
    pub fn failed(&self, event: &str, failure: &(dyn std::error::Error + 'static)) {
        let fields = json!({ "cause": chain(failure) });
        self.effects.log(&line(self.effects.now(), "warn", self.component.as_str(), event, fields));
    }

    /// Writes the verdict about this configuration, once for each that this component meets.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn note(&self, ledger: &impl Ledger, faults: &[String]) -> Result<(), LedgerError> {
        let digest = self.text.as_deref().map_or_else(|_| Digest::new("unreadable"), configuration::digest);
        let key = ConfigVerdict::key(self.component.as_str());
        let known = ledger.read(&key).await?;
        let version = known.as_ref().map_or(0, |k| k.version);
        let before = known.and_then(|k| ConfigVerdict::decode(&k.value).ok());
        if before.is_none_or(|b| b.digest != digest || b.faults != faults) {
            let verdict = ConfigVerdict { digest, faults: faults.to_vec(), at: self.effects.now() };
            ledger.commit(vec![put(&key, version, &verdict)]).await?;
        }
        Ok(())
    }
}

fn sentences(faults: Vec<Fault>) -> Vec<String> {
    faults.into_iter().map(|fault| fault.to_string()).collect()
}
