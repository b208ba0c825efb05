//! What `jitr check` finds: the faults of the file and of the variables, each in one line, or that there are none; and warnings of what
//! works now and will not for ever.
//! Not here: what GitHub and the cloud say about the configuration.

use std::fmt;
use std::io;

use jit_control::configuration::{self, Fault};
use jit_control::settings::{Component, Settings, storage_fault};
use jit_domain::policy::{MachineSelection, Policy};

/// Where a fault of a variable is said to be.
const ENVIRONMENT: &str = "environment";

/// What was found.
pub(crate) struct Verdict {
    /// The policy, if the file has no fault.
    policy: Option<Policy>,
    /// One line for each fault.
    lines: Vec<String>,
    /// One line for each warning; none makes the configuration invalid.
    warnings: Vec<String>,
}

impl Verdict {
    /// The verdict about a file, of which `text` was read.
    pub(crate) fn of_file(name: &str, text: io::Result<String>) -> Self {
        let text = text.map_err(|error| {
            let what = format!("cannot be read: {error}");
            vec![Fault::of_file(what, "name the file with `--config`".to_owned())]
        });
        match text.and_then(|text| configuration::parse(&text)) {
            Ok(policy) => Self { policy: Some(policy), lines: Vec::new(), warnings: Vec::new() },
            Err(faults) => {
                let lines = faults.iter().map(|f| f.in_file(name)).collect();
                Self { policy: None, lines, warnings: Vec::new() }
            }
        }
    }

    /// Looks at the variables of all components; `get` answers a variable of the environment. What several components
    /// miss is said once.
    pub(crate) fn look_at_variables(&mut self, get: impl Fn(&str) -> Option<String>) {
        let get = |name: &str| get(&format!("SPIN_VARIABLE_{}", name.to_uppercase()));
        for component in Component::ALL {
            let faults = match Settings::read(component, get) {
                Ok(settings) => {
                    self.warnings.extend(unrenewed_token(&settings));
                    let storage = self.policy.as_ref().map(|policy| &policy.storage);
                    let storage =
                        storage.and_then(|storage| storage_fault(component, storage, settings.aws()));
                    settings.dear_faults().into_iter().chain(storage).collect()
                }
                Err(faults) => faults,
            };
            for line in faults.iter().map(|f| f.in_file(ENVIRONMENT)) {
                if !self.lines.contains(&line) {
                    self.lines.push(line);
                }
            }
        }
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_valid(&self) -> bool {
        self.lines.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines.iter().chain(&self.warnings) {
            writeln!(f, "{line}")?;
        }
        match &self.policy {
            Some(policy) if self.is_valid() => {
                let (pools, offerings) = (policy.pools.len(), offerings(policy));
                writeln!(f, "configuration is valid: pools={pools} offerings={offerings}")
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The warning of a session token that nobody renews.
fn unrenewed_token(settings: &Settings) -> Option<String> {
    let variable = settings.aws()?.session_token_without_renewal()?;
    Some(format!(
        "{ENVIRONMENT}: warning: {variable}: a session token ends, within 36 hours at the latest, and nobody renews this one; use a \
         long-term key with a role, a web identity token or a container credential endpoint for anything but a trial"
    ))
}

/// Number of offerings of all pools: each machine type in each subnet at each capacity type.
fn offerings(policy: &Policy) -> usize {
    let of_pool = |pool: &jit_domain::policy::Pool| {
        let types = pool.machine_types().into_iter().cloned();
        types.map(|t| pool.expand(&MachineSelection::Named(t), 0).len()).sum::<usize>()
    };
    policy.pools.iter().map(of_pool).sum()
}
