//! What the ledger says at one moment, read whole, with the versions that later writes depend on.

use std::collections::{BTreeMap, BTreeSet};

use futures::future;
use jit_domain::class::{Batch, Class, ClassIdentity, Try};
use jit_domain::decide::scaleup::{Health, instance_of};
use jit_domain::decide::supply::Observed;
use jit_domain::decide::webhook::identify_job;
use jit_domain::group::Group;
use jit_domain::ids::{ClassKey, GroupKey, InstanceKey, JobId, PoolName};
use jit_domain::instance::Instance;
use jit_domain::job::Job;
use jit_domain::policy::Policy;
use jit_domain::pool::{OfferingHealth, PoolRecord};
use jit_domain::reason::Reason;
use jit_domain::time::Timestamp;

use crate::effects::Effects;
use crate::ledger::{Change, Key, Ledger as _, Write};
use crate::limits;
use crate::shell::{Failure, Shell, Versioned, put};
use crate::stored::Stored;

/// The open records, and the versions of all that were read.
#[derive(Debug)]
pub struct World {
    /// Open jobs with the class that today's configuration gives them.
    pub jobs: Vec<(ClassIdentity, Job)>,
    /// Open jobs that no pool fits any more.
    pub poolless: Vec<Job>,
    /// Classes with batches, and those of open jobs and instances.
    pub classes: BTreeMap<ClassKey, Class>,
    /// Groups whose jobs were open when they were last looked at.
    pub groups: BTreeMap<GroupKey, Group>,
    /// Open instances.
    pub instances: Vec<Instance>,
    /// Those of them that have no record yet: their launch was cut off before it was written.
    pub unrecorded: BTreeSet<InstanceKey>,
    /// Instances of young batches whose records are closed.
    ended: BTreeSet<InstanceKey>,
    /// Records of the configured pools.
    pub pools: BTreeMap<PoolName, PoolRecord>,
    /// Health of the offerings in the configured regions.
    pub health: Health,
    versions: BTreeMap<Key, u64>,
}

impl World {
    /// Reads everything.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn read<E: Effects>(shell: &Shell<'_, E>) -> Result<Self, Failure> {
        Self::read_with(shell, &BTreeSet::new()).await
    }

    /// Reads everything, and beside it classes that will be wanted whether or not they are open.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn read_with<E: Effects>(
        shell: &Shell<'_, E>,
        wanted: &BTreeSet<ClassKey>,
    ) -> Result<Self, Failure> {
        // Classes that are newer than the listing of instances would show batches without their instances.
        shell.ledger.list_anew();
        let mut world = Self {
            jobs: Vec::new(),
            poolless: Vec::new(),
            classes: BTreeMap::new(),
            groups: BTreeMap::new(),
            instances: Vec::new(),
            unrecorded: BTreeSet::new(),
            ended: BTreeSet::new(),
            pools: BTreeMap::new(),
            health: Health::new(),
            versions: BTreeMap::new(),
        };
        let wanted: Vec<Key> = wanted.iter().map(Class::key).collect();
        let open = future::try_join4(
            shell.open::<Job>(),
            shell.open::<Class>(),
            shell.open::<Instance>(),
            shell.open::<Group>(),
        );
        let named =
            future::try_join3(read_pools(shell), read_health(shell), shell.read_many::<Class>(&wanted));
        let ((jobs, classes, instances, groups), (pools, health, named)) =
            future::try_join(open, named).await?;
        for (name, pool) in pools {
            world.versions.insert(PoolRecord::key(&name), pool.version);
            world.pools.insert(name, pool.value);
        }
        for (region, health) in health {
            world.versions.insert(OfferingHealth::key((region.0, &region.1)), health.version);
            world.health.insert(region, health.value);
        }
        world.put_classes(&wanted, named);
        for class in classes {
            let key = class.value.identity.key();
            world.versions.insert(Class::key(&key), class.version);
            world.classes.insert(key, class.value);
        }
        for group in groups {
            let key = group.value.key.clone();
            world.versions.insert(Group::key(&key), group.version);
            world.groups.insert(key, group.value);
        }
        for instance in instances {
            world.versions.insert(Instance::key(&instance.value.key), instance.version);
            world.instances.push(instance.value);
        }
        for job in jobs {
            world.versions.insert(Job::key(job.value.id), job.version);
            world.sort_in(&shell.policy, job.value);
        }
        world.jobs.sort_by_key(|(_, job)| (job.created_at, job.id));
        world.complete(shell).await?;
        Ok(world)
    }

    /// Takes in classes that were asked for, and notes those that there are not.
    fn put_classes(&mut self, asked: &[Key], found: BTreeMap<Key, Versioned<Class>>) {
        self.versions.extend(asked.iter().map(|key| (key.clone(), 0)));
        for (key, class) in found {
            self.versions.insert(key, class.version);
            self.classes.insert(class.value.identity.key(), class.value);
        }
    }

    /// Takes in a job that was written while the rest was read.
    pub fn put_job(&mut self, policy: &Policy, job: Job, version: u64) {
        let key = Job::key(job.id);
        if self.versions.get(&key).is_some_and(|known| *known > version) {
            return;
        }
        self.versions.insert(key, version);
        self.jobs.retain(|(_, known)| known.id != job.id);
        self.poolless.retain(|known| known.id != job.id);
        self.sort_in(policy, job);
        self.jobs.sort_by_key(|(_, job)| (job.created_at, job.id));
    }

    fn sort_in(&mut self, policy: &Policy, job: Job) {
        if job.is_open() {
            match identify_job(policy, &job) {
                Some(identity) => self.jobs.push((identity, job)),
                None => self.poolless.push(Job { wait: Some(Reason::PoolGone), ..job }),
            }
        }
    }

    /// Reads what the listings did not show. A class whose batches are all forgotten still has its generation, its wait, and
    /// the labels that its instances carry. An instance whose id a batch holds may have got its record since, or not yet: then
    /// the record that it will get stands for it, with version 0.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn complete<E: Effects>(&mut self, shell: &Shell<'_, E>) -> Result<(), Failure> {
        let of_jobs = self.jobs.iter().map(|(identity, _)| identity.key());
        let of_instances = self.instances.iter().map(|i| i.class.clone());
        let named: BTreeSet<ClassKey> = of_jobs.chain(of_instances).collect();
        let mut keys: Vec<Key> = named.iter().map(Class::key).collect();
        keys.retain(|key| !self.versions.contains_key(key));
        if !keys.is_empty() {
            let found = shell.read_many::<Class>(&keys).await?;
            self.put_classes(&keys, found);
        }
        self.complete_instances(shell).await
    }

    async fn complete_instances<E: Effects>(&mut self, shell: &Shell<'_, E>) -> Result<(), Failure> {
        let now = shell.now();
        let known: BTreeSet<&InstanceKey> = self.instances.iter().map(|i| &i.key).collect();
        let mut unlisted: BTreeMap<Key, Instance> = BTreeMap::new();
        for class in self.classes.values() {
            let young = |b: &&Batch| now.since(b.active_at()) < limits::RECORDS_HEALED_FOR;
            for batch in class.batches.iter().filter(young) {
                for key in batch.instances.iter().filter(|key| !known.contains(key)) {
                    unlisted.extend(to_be_recorded(class, batch, key).map(|i| (Instance::key(key), i)));
                }
            }
        }
        unlisted.retain(|key, _| !self.versions.contains_key(key));
        let keys: Vec<Key> = unlisted.keys().cloned().collect();
        for record in shell.ledger.read_many(&keys).await.map_err(Failure::from)? {
            unlisted.remove(&record.key);
            self.versions.insert(record.key.clone(), record.version);
            match Instance::decode(&record.value) {
                Ok(instance) if instance.is_open() => self.instances.push(instance),
                Ok(ended) => drop(self.ended.insert(ended.key)),
                Err(error) => shell.failed("a record is left alone", &error),
            }
        }
        for (key, instance) in unlisted {
            self.versions.insert(key, 0);
            self.unrecorded.insert(instance.key.clone());
            self.instances.push(instance);
        }
        self.instances.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(())
    }

    /// Reads a class again after others may have written it.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn reread_class<E: Effects>(
        &mut self,
        shell: &Shell<'_, E>,
        key: &ClassKey,
    ) -> Result<(), Failure> {
        if let Some(class) = shell.read::<Class>(&Class::key(key)).await? {
            self.versions.insert(Class::key(key), class.version);
            self.classes.insert(key.clone(), class.value);
        }
        Ok(())
    }

    /// The view that decisions take.
    pub fn observed<'a>(&'a self, policy: &'a Policy, now: Timestamp) -> Observed<'a> {
        Observed {
            policy,
            jobs: &self.jobs,
            classes: &self.classes,
            instances: &self.instances,
            unrecorded: &self.unrecorded,
            ended: &self.ended,
            groups: &self.groups,
            pools: &self.pools,
            now,
        }
    }

    /// The version that a record was read at; 0 where there was none.
    pub fn version(&self, key: &Key) -> u64 {
        self.versions.get(key).copied().unwrap_or(0)
    }

    /// An open instance.
    pub fn instance(&self, key: &InstanceKey) -> Option<&Instance> {
        self.instances.iter().find(|i| &i.key == key)
    }

    /// An open job.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.iter().map(|(_, job)| job).find(|job| job.id == id)
    }

    /// The write of a class over what was read.
    pub fn write_class(&self, key: &ClassKey, class: &Class) -> Write {
        let key = Class::key(key);
        put(&key, self.version(&key), class)
    }

    /// The write of a pool over what was read.
    pub fn write_pool(&self, name: &PoolName, pool: &PoolRecord) -> Write {
        let key = PoolRecord::key(name);
        put(&key, self.version(&key), pool)
    }

    /// The write of an instance over what was read.
    pub fn write_instance(&self, instance: &Instance) -> Write {
        let key = Instance::key(&instance.key);
        put(&key, self.version(&key), instance)
    }

    /// Writes what a group's record becomes, none to let it go, over what was read, and takes it in. Whether nobody was quicker.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn commit_group<E: Effects>(
        &mut self,
        shell: &Shell<'_, E>,
        name: &GroupKey,
        after: Option<Group>,
    ) -> Result<bool, Failure> {
        let key = Group::key(name);
        let expected = self.version(&key);
        let write = match &after {
            Some(group) => put(&key, expected, group),
            None => Write { key: key.clone(), expected, value: Change::Delete },
        };
        if !shell.commit(vec![write]).await? {
            return Ok(false);
        }
        match after {
            Some(group) => {
                self.versions.insert(key, expected + 1);
                self.groups.insert(name.clone(), group);
            }
            None => {
                self.versions.remove(&key);
                self.groups.remove(name);
            }
        }
        Ok(true)
    }

    /// Takes in a class that was written.
    pub fn wrote_class(&mut self, key: ClassKey, class: Class) {
        *self.versions.entry(Class::key(&key)).or_insert(0) += 1;
        self.classes.insert(key, class);
    }

    /// Takes in a pool that was written.
    pub fn wrote_pool(&mut self, name: PoolName, pool: PoolRecord) {
        *self.versions.entry(PoolRecord::key(&name)).or_insert(0) += 1;
        self.pools.insert(name, pool);
    }

    /// Takes in an instance that was read by its key.
    pub fn put_instance(&mut self, instance: Instance, version: u64) {
        self.versions.insert(Instance::key(&instance.key), version.saturating_sub(1));
        self.wrote_instance(instance);
    }

    /// Takes in an instance that was written.
    pub fn wrote_instance(&mut self, instance: Instance) {
        *self.versions.entry(Instance::key(&instance.key)).or_insert(0) += 1;
        self.instances.retain(|known| known.key != instance.key);
        self.unrecorded.remove(&instance.key);
        if instance.is_open() {
            self.instances.push(instance);
            self.instances.sort_by(|a, b| a.key.cmp(&b.key));
        } else {
            self.ended.insert(instance.key);
        }
    }
}

/// The record of an instance of which a batch knows the id only. Which try made it is not known; the last one that names a place
/// in its region stands for it.
fn to_be_recorded(class: &Class, batch: &Batch, key: &InstanceKey) -> Option<Instance> {
    let is_there = |t: &&Try| batch.place(t).is_some_and(|place| place.region == key.region);
    let n = batch.tries.iter().rev().find(is_there)?.n;
    instance_of(class, &batch.id, n, key)
}

async fn read_pools<E: Effects>(
    shell: &Shell<'_, E>,
) -> Result<Vec<(PoolName, Versioned<PoolRecord>)>, Failure> {
    let names = shell.policy.pools.iter().map(|pool| pool.name.clone());
    read_each(shell, names.map(|name| (PoolRecord::key(&name), name))).await
}

type RegionKey = (jit_domain::ids::Cloud, jit_domain::ids::Region);

async fn read_health<E: Effects>(
    shell: &Shell<'_, E>,
) -> Result<Vec<(RegionKey, Versioned<OfferingHealth>)>, Failure> {
    let regions = shell.policy.regions().into_iter();
    read_each(shell, regions.map(|region| (OfferingHealth::key((region.0, &region.1)), region))).await
}

/// Reads the records that there are of some names, in one look.
async fn read_each<E: Effects, N, T: Stored>(
    shell: &Shell<'_, E>,
    named: impl Iterator<Item = (Key, N)>,
) -> Result<Vec<(N, Versioned<T>)>, Failure> {
    let (keys, names): (Vec<Key>, Vec<N>) = named.unzip();
    let mut found = shell.read_many::<T>(&keys).await?;
    let of = keys.iter().map(|key| found.remove(key));
    Ok(names.into_iter().zip(of).filter_map(|(name, record)| Some((name, record?))).collect())
}
