//! All instances of one cloud account: powers them on when EC2 runs them, and off when either side ends them.
//! Not in it: how requests travel, which the driver sees to, and the account itself (`machines`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Response;
use jiff::{SignedDuration, Timestamp};

use super::life::{Instance, PowerOn};
use super::machines::Machines;
use super::settings::InstanceSettings;
use super::{Outgoing, Tag};
use crate::cloud::Change;
use crate::model::Random;

/// Credentials are renewed this long before they expire, as the metadata service does.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_mins(5);

/// The instances of an account.
#[derive(Debug)]
pub struct Fleet {
    settings: Arc<InstanceSettings>,
    random: Random,
    /// How much of the cloud's history has been seen.
    seen: usize,
    instances: BTreeMap<String, Instance>,
    last_started: Option<String>,
    agenda: BTreeSet<(Timestamp, String)>,
    planned: BTreeMap<String, Timestamp>,
}

impl Fleet {
    /// A fleet without instances, for a cloud account from its beginning.
    pub fn new(settings: InstanceSettings) -> Self {
        Self {
            random: Random::new(settings.seed),
            settings: Arc::new(settings),
            seen: 0,
            instances: BTreeMap::new(),
            last_started: None,
            agenda: BTreeSet::new(),
            planned: BTreeMap::new(),
        }
    }

    /// Changes how instances behave that are not powered on yet.
    pub fn settings_mut(&mut self) -> &mut InstanceSettings {
        Arc::make_mut(&mut self.settings)
    }

    /// When the fleet has to be polled next: an instance or the cloud has something planned, or something has happened
    /// at the cloud that the fleet has not seen.
    pub fn next_at(&self, cloud: &impl Machines) -> Option<Timestamp> {
        let unseen = cloud.history().get(self.seen).map(|entry| entry.at);
        let planned = self.agenda.first().map(|(at, _)| *at);
        unseen.into_iter().chain(planned).chain(cloud.next_at()).min()
    }

    /// Lets cloud and instances go on until `now`, and hands over the requests to be sent.
    /// Each must be answered through [`Fleet::reply`], or it times out.
    pub fn poll(&mut self, now: Timestamp, cloud: &mut impl Machines) -> Vec<Outgoing> {
        cloud.advance(now);
        self.follow(now, cloud);
        let mut outgoing = Vec::new();
        while let Some((_, id)) = self.agenda.first().filter(|(at, _)| *at <= now).cloned() {
            let Some(instance) = self.instances.get_mut(&id) else { break };
            renew(instance, &id, now, cloud);
            outgoing.append(&mut instance.poll(now));
            self.settle(&id, now, cloud);
        }
        self.follow(now, cloud);
        outgoing
    }

    /// Brings the reply to a request; `None` if it was lost. Later ones than the instance waits for are ignored.
    pub fn reply(
        &mut self,
        now: Timestamp,
        instance_id: &str,
        tag: Tag,
        response: Option<&Response<Vec<u8>>>,
        cloud: &mut impl Machines,
    ) {
        if let Some(instance) = self.instances.get_mut(instance_id) {
            instance.reply(now, tag, response);
            self.settle(instance_id, now, cloud);
        }
    }

    /// One instance, also after its end.
    pub fn instance(&self, instance_id: &str) -> Option<&Instance> {
        self.instances.get(instance_id)
    }

    /// All instances that were ever powered on, by id.
    pub fn instances(&self) -> impl Iterator<Item = (&str, &Instance)> {
        self.instances.iter().map(|(id, instance)| (id.as_str(), instance))
    }

    /// Does what the cloud's history asks for.
    fn follow(&mut self, now: Timestamp, cloud: &mut impl Machines) {
        while let Some(entry) = cloud.history().get(self.seen).cloned() {
            self.seen += 1;
            let id = entry.instance_id;
            match entry.change {
                Change::Running => self.start(&id, entry.at, cloud),
                Change::InterruptionNotice(at) => {
                    if let Some(instance) = self.instances.get_mut(&id) {
                        instance.interruption_notice(now, at);
                    }
                }
                Change::ShuttingDown(_) | Change::Stopping => {
                    if let Some(instance) = self.instances.get_mut(&id) {
                        instance.kill(entry.at);
                    }
                }
                Change::Pending | Change::Stopped | Change::Terminated | Change::Forgotten => continue,
            }
            self.settle(&id, now, cloud);
        }
    }

    fn start(&mut self, id: &str, at: Timestamp, cloud: &mut impl Machines) {
        let credentials = cloud.role_credentials(id, at);
        let Some(launched) = cloud.launched(id) else { return };
        let fate = self.settings.fate_of(launched.ordinal, self.random.of("fate", launched.ordinal));
        let power_on = PowerOn {
            instance_id: id.into(),
            ordinal: launched.ordinal,
            region: launched.region,
            image_id: launched.image_id,
            user_data: launched.user_data,
            credentials,
            fate,
            sibling: self.last_started.replace(id.into()),
            at,
        };
        self.instances.insert(id.into(), Instance::new(power_on, Arc::clone(&self.settings)));
    }

    /// After every step of an instance: tells the cloud of a power-off, and plans the next step.
    fn settle(&mut self, id: &str, now: Timestamp, cloud: &mut impl Machines) {
        if let Some(at) = self.planned.remove(id) {
            self.agenda.remove(&(at, id.to_owned()));
        }
        let Some(instance) = self.instances.get(id) else { return };
        if instance.powered_off() {
            // Nothing to do if the cloud was first.
            cloud.power_off(id, now);
        } else if let Some(at) = instance.next_at() {
            self.agenda.insert((at, id.to_owned()));
            self.planned.insert(id.to_owned(), at);
        }
    }
}

fn renew(instance: &mut Instance, id: &str, now: Timestamp, cloud: &mut impl Machines) {
    let expires_at = instance.credentials_expire_at();
    if expires_at.is_some_and(|at| at.duration_since(now) < RENEWED_BEFORE)
        && let Some(credentials) = cloud.role_credentials(id, now)
    {
        instance.renew_credentials(credentials);
    }
}
