//! What a fleet needs of the account that runs its instances: the model, or a mirror of an account that is somewhere else.
//! Not in it: either account.

use jiff::Timestamp;
use secrecy::SecretSlice;

use crate::cloud::{Aws, HistoryEntry, RoleCredentials};
use crate::model::Model;

/// An account that runs instances.
pub trait Machines {
    /// Lets everything happen until `now`.
    fn advance(&mut self, now: Timestamp);

    /// When something happens by itself next.
    fn next_at(&self) -> Option<Timestamp>;

    /// Everything that happened to instances, in order; it only ever grows at its end.
    fn history(&self) -> &[HistoryEntry];

    /// What an instance was launched with; none if the account does not know it.
    fn launched(&self, instance_id: &str) -> Option<Launched>;

    /// What the instance's metadata service hands out; none without a role.
    fn role_credentials(&mut self, instance_id: &str, now: Timestamp) -> Option<RoleCredentials>;

    /// The instance's operating system powers it off. Told again after the account ended it, there is nothing to do.
    fn power_off(&mut self, instance_id: &str, now: Timestamp);
}

/// What an instance was launched with, as far as it behaves by it.
#[derive(Clone, Debug)]
pub struct Launched {
    /// Its place in launch order over the whole account, from 1.
    pub ordinal: u64,
    /// Its region.
    pub region: String,
    /// Its image.
    pub image_id: String,
    /// Its user data, decoded.
    pub user_data: SecretSlice<u8>,
}

impl Machines for Aws {
    fn advance(&mut self, now: Timestamp) {
        Model::advance(self, now);
    }

    fn next_at(&self) -> Option<Timestamp> {
        Model::next_at(self)
    }

    fn history(&self) -> &[HistoryEntry] {
        Self::history(self)
    }

    fn launched(&self, instance_id: &str) -> Option<Launched> {
        let instance = self.instance(instance_id)?;
        Some(Launched {
            ordinal: instance.ordinal,
            region: instance.region.clone(),
            image_id: instance.image_id.clone(),
            user_data: SecretSlice::from(instance.user_data().to_vec()),
        })
    }

    fn role_credentials(&mut self, instance_id: &str, now: Timestamp) -> Option<RoleCredentials> {
        Self::role_credentials(self, instance_id, now)
    }

    fn power_off(&mut self, instance_id: &str, now: Timestamp) {
        Self::power_off(self, instance_id, now);
    }
}
