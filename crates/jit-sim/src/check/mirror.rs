//! The records as they are written, decoded, so that checkers can compare them with the world at any moment.
//! Not here: any judgement but that phases go forward.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jit_control::ledger::{Kind, Record};
use jit_control::stored::Stored as _;
use jit_domain::class::Class;
use jit_domain::group::Group;
use jit_domain::ids::GroupKey;
use jit_domain::instance::{Instance, InstancePhase};
use jit_domain::job::{Job, JobPhase};

/// Whether a job wants a runner, now or once its group may run it.
pub fn is_queued(job: &Job) -> bool {
    job.phase == JobPhase::Queued
}

/// The last written jobs, classes, groups and instances.
#[derive(Debug, Default)]
pub struct Mirror {
    /// Jobs by GitHub's id.
    pub jobs: BTreeMap<u64, Job>,
    /// Classes by key.
    pub classes: BTreeMap<String, Class>,
    /// Groups by key.
    pub groups: BTreeMap<GroupKey, Group>,
    /// Instances by the cloud's id.
    pub instances: BTreeMap<String, Instance>,
    /// When each instance got its record.
    pub recorded_at: BTreeMap<String, Timestamp>,
    /// When each job that no longer wants a runner was last known to want one.
    pub wanted_until: BTreeMap<u64, Timestamp>,
}

impl Mirror {
    /// Takes in a write; the answer says which phase went backwards.
    pub fn recorded(&mut self, now: Timestamp, record: &Record) -> Option<String> {
        match record.key.kind {
            Kind::Job => {
                let job = Job::decode(&record.value).ok()?;
                let (id, phase) = (job.id.0, job.phase);
                if !is_queued(&job) && self.jobs.get(&id).is_some_and(is_queued) {
                    self.wanted_until.insert(id, now);
                }
                let before = self.jobs.insert(id, job)?;
                (before.phase > phase).then(|| format!("job {id} went from {:?} to {phase:?}", before.phase))
            }
            Kind::Instance => {
                let instance = Instance::decode(&record.value).ok()?;
                let (id, phase) = (instance.key.id.clone(), instance.phase.clone());
                self.recorded_at.entry(id.clone()).or_insert(now);
                let before = self.instances.insert(id.clone(), instance)?;
                // Another registration follows one that was never used; and one that GitHub's limits refused was never made.
                let has_other_mints =
                    self.instances.get(&id).is_some_and(|i| i.mints.len() != before.mints.len());
                let is_minting = before.phase.rank() < InstancePhase::Busy.rank();
                (before.phase.rank() > phase.rank() && !(is_minting && has_other_mints))
                    .then(|| format!("instance {id} went from {:?} to {phase:?}", before.phase))
            }
            Kind::Class => {
                let class = Class::decode(&record.value).ok()?;
                self.classes.insert(class.identity.key().as_str().to_owned(), class);
                None
            }
            Kind::Group => {
                let group = Group::decode(&record.value).ok()?;
                self.groups.insert(group.key.clone(), group);
                None
            }
            _ => None,
        }
    }

    /// Records that still need watching, in words.
    pub fn open(&self) -> Vec<String> {
        let jobs = self.jobs.values().filter(|job| job.is_open());
        let instances = self.instances.values().filter(|instance| instance.is_open());
        let classes = self.classes.values().filter(|class| class.open_batches().next().is_some());
        (jobs.map(|job| {
            format!("job {} {:?} since {} waits for {:?}", job.id.0, job.phase, job.moved_at, job.wait)
        }))
        .chain(instances.map(|instance| format!("instance {} {:?}", instance.key.id, instance.phase)))
        .chain(classes.map(|class| format!("class {} with open batches", class.identity.key().as_str())))
        .collect()
    }
}
