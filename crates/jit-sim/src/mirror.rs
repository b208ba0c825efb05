//! An AWS account that is somewhere else, as far as a world's instances live by it: what was launched there, what ended, and what
//! the instances do about it. Whoever looks at the account tells it here, and does there what instances want.
//! Not here: the looking (`moto.rs`), and the instances.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jit_fakes::cloud::{Change, EndReason, HistoryEntry, RoleCredentials};
use jit_fakes::instance::{Launched, Machines};
use secrecy::SecretSlice;

/// What is known of the account. `{:?}` shows no user data and no credentials.
#[derive(Debug, Default)]
pub struct Mirror {
    machines: BTreeMap<String, Machine>,
    live: BTreeSet<String>,
    history: Vec<HistoryEntry>,
    power_offs: Vec<String>,
    hangs: BTreeSet<u64>,
}

#[derive(Debug)]
struct Machine {
    launched: Launched,
    credentials: RoleCredentials,
    is_told_to_end: bool,
}

/// An instance as the account shows it when it is seen for the first time.
#[derive(Debug)]
pub struct Found {
    /// Its id.
    pub id: String,
    /// Its region.
    pub region: String,
    /// Its image.
    pub image_id: String,
    /// Its user data, decoded.
    pub user_data: SecretSlice<u8>,
    /// Credentials of its role, with its id as the session's name.
    pub credentials: RoleCredentials,
}

impl Mirror {
    /// An account without instances. The instances at these places in launch order, from 1, cannot power themselves off: they
    /// hang on their way down, and the account goes on showing them as running.
    pub fn new(hangs: impl IntoIterator<Item = u64>) -> Self {
        Self { hangs: hangs.into_iter().collect(), ..Self::default() }
    }

    /// Whether an instance has been told of.
    pub fn knows(&self, instance_id: &str) -> bool {
        self.machines.contains_key(instance_id)
    }

    /// An instance runs that was not there before.
    pub fn runs(&mut self, found: Found, now: Timestamp) {
        let Found { id, region, image_id, user_data, credentials } = found;
        if self.knows(&id) {
            return;
        }
        let ordinal = self.machines.len() as u64 + 1;
        let launched = Launched { ordinal, region, image_id, user_data };
        self.live.insert(id.clone());
        self.machines.insert(id.clone(), Machine { launched, credentials, is_told_to_end: false });
        self.history.push(HistoryEntry { at: now, instance_id: id, change: Change::Running });
    }

    /// The account shows these instances as up, and no others.
    pub fn shows(&mut self, up: &BTreeSet<String>, now: Timestamp) {
        let ended: Vec<String> = self.live.difference(up).cloned().collect();
        for id in ended {
            self.live.remove(&id);
            let change = Change::ShuttingDown(EndReason::Terminated);
            self.history.push(HistoryEntry { at: now, instance_id: id, change });
        }
    }

    /// The instances that have powered themselves off since this was asked last; the account has to end them.
    pub fn take_power_offs(&mut self) -> Vec<String> {
        std::mem::take(&mut self.power_offs)
    }

    /// How many instances were up when the account was looked at last.
    pub fn live(&self) -> usize {
        self.live.len()
    }

    /// How many instances were ever launched.
    pub fn launches(&self) -> usize {
        self.machines.len()
    }
}

impl Machines for Mirror {
    fn advance(&mut self, _: Timestamp) {}

    fn next_at(&self) -> Option<Timestamp> {
        None
    }

    fn history(&self) -> &[HistoryEntry] {
        &self.history
    }

    fn launched(&self, instance_id: &str) -> Option<Launched> {
        self.machines.get(instance_id).map(|machine| machine.launched.clone())
    }

    fn role_credentials(&mut self, instance_id: &str, _: Timestamp) -> Option<RoleCredentials> {
        self.machines.get(instance_id).map(|machine| machine.credentials.clone())
    }

    fn power_off(&mut self, instance_id: &str, _: Timestamp) {
        let Some(machine) = self.machines.get_mut(instance_id) else { return };
        if std::mem::replace(&mut machine.is_told_to_end, true)
            || self.hangs.contains(&machine.launched.ordinal)
        {
            return;
        }
        if self.live.contains(instance_id) {
            self.power_offs.push(instance_id.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(id: &str) -> Found {
        let credentials = RoleCredentials {
            access_key_id: "ASIA".into(),
            secret_access_key: "a secret of the role".into(),
            session_token: "token".into(),
            expires_at: Timestamp::MAX,
        };
        let user_data = SecretSlice::from(b"a boot token".to_vec());
        let (region, image_id) = ("us-east-1".into(), "ami-1".into());
        Found { id: id.into(), region, image_id, user_data, credentials }
    }

    #[test]
    fn an_instance_runs_once_ends_once_and_is_powered_off_once() {
        let now = Timestamp::UNIX_EPOCH;
        let mut mirror = Mirror::new([2]);
        for id in ["i-1", "i-1", "i-2", "i-3"] {
            mirror.runs(found(id), now);
        }
        assert_eq!((mirror.launches(), mirror.live(), mirror.history().len()), (3, 3, 3));
        // The second hangs; the third was ended before it powered off.
        mirror.shows(&["i-1", "i-2"].map(str::to_owned).into(), now);
        for id in ["i-1", "i-1", "i-2", "i-3", "i-9"] {
            mirror.power_off(id, now);
        }
        assert_eq!(mirror.take_power_offs(), ["i-1"]);
        assert!(mirror.take_power_offs().is_empty());
        mirror.shows(&BTreeSet::new(), now);
        mirror.shows(&BTreeSet::new(), now);
        assert_eq!((mirror.live(), mirror.history().len()), (0, 6));
    }

    #[test]
    fn what_is_secret_is_not_printed() {
        let mut mirror = Mirror::new([]);
        mirror.runs(found("i-1"), Timestamp::UNIX_EPOCH);
        let shown = format!("{mirror:?}");
        assert!(!shown.contains("a boot token") && !shown.contains("a secret of the role"), "{shown}");
    }
}
