//! Makes the policy of a draft without faults. Nothing is judged here.

use jit_domain::labels::LabelSet;
use jit_domain::policy::{
    Agent, AgentDownload, Ages, Allow, AwsStorage, Caps, DiskEncryption, Image, ImageRule, Machine,
    OfferingRule, Policy, Pool, Served, Storage,
};

use super::draft::{
    AgentDraft, AllowDraft, Draft, ImageDraft, MachineDraft, Maybe, OfferingDraft, PoolDraft, StorageDraft,
    Value, Values,
};
use super::fault::{Read, Recorded};
use super::shapes::{Backend, Encrypted};

/// The policy.
///
/// # Errors
/// A part could not be read; why is among the faults.
pub(super) fn policy(draft: Draft) -> Read<Policy> {
    let deployment = one(draft.deployment.name)?;
    Ok(Policy {
        storage: storage(draft.storage, &deployment)?,
        deployment,
        runner_prefix: one(draft.deployment.runner_prefix)?,
        served: Served {
            installations: all(draft.deployment.served_installations)?,
            owners: all(draft.deployment.served_owners)?,
        },
        pools: draft.pools?.into_iter().map(pool).collect::<Read<_>>()?,
        paused: one(draft.deployment.paused)?,
        agent: agent(draft.agent)?,
    })
}

fn agent(draft: AgentDraft) -> Read<Agent> {
    let download =
        maybe(draft.url)?.zip(maybe(draft.sha256)?).map(|(url, sha256)| AgentDownload { url, sha256 });
    Ok(Agent { version: one(draft.version)?, download })
}

fn storage(draft: StorageDraft, deployment: &str) -> Read<Storage> {
    let place = maybe(draft.region)?.zip(maybe(draft.account)?);
    let name = maybe(draft.name)?.unwrap_or_else(|| deployment.to_owned());
    match (one(draft.backend)?, place) {
        (Backend::KeyValue, _) => Ok(Storage::KeyValue),
        (Backend::Aws, Some((region, account))) => Ok(Storage::Aws(AwsStorage { region, account, name })),
        // What is missing is among the faults.
        (Backend::Aws, None) => Err(Recorded),
    }
}

fn pool(draft: PoolDraft) -> Read<Pool> {
    let labels: Vec<String> = all(draft.labels)?;
    Ok(Pool {
        name: one(draft.name)?,
        labels: labels.iter().collect::<LabelSet>(),
        scope: one(draft.scope)?,
        repositories: all(draft.repositories)?,
        allow: allow(draft.allow)?,
        runner_group: one(draft.runner_group)?,
        caps: Caps {
            instances: one(draft.caps.instances)?,
            instances_per_organisation: maybe(draft.caps.instances_per_organisation)?,
            instances_per_repository: maybe(draft.caps.instances_per_repository)?,
            launches_per_hour: maybe(draft.caps.launches_per_hour)?,
        },
        offerings: draft.offerings?.into_iter().map(offering).collect::<Read<_>>()?,
        default_machine_type: maybe(draft.default_machine_type)?,
        images: draft.images?.into_iter().map(image).collect::<Read<_>>()?,
        machine: machine(draft.machine)?,
        ages: Ages {
            unclaimed_max: one(draft.ages.unclaimed_max)?,
            waiting_max: one(draft.ages.waiting_max)?,
            job_max: one(draft.ages.job_max)?,
        },
        unanswered_hook: one(draft.unanswered_hook)?,
        unknown_width: one(draft.unknown_width)?,
        paused: one(draft.paused)?,
    })
}

fn allow(draft: AllowDraft) -> Read<Allow> {
    Ok(Allow {
        organisations: all(draft.organisations)?,
        events: all(draft.events)?,
        actors: all(draft.actors)?,
        forks: one(draft.forks)?,
        public_repositories: one(draft.public_repositories)?,
    })
}

fn offering(draft: OfferingDraft) -> Read<OfferingRule> {
    Ok(OfferingRule {
        cloud: one(draft.cloud)?,
        region: one(draft.region)?,
        subnets: all(draft.subnets)?,
        machine_types: all(draft.machine_types)?,
        capacity_types: all(draft.capacity_types)?,
    })
}

fn image(draft: ImageDraft) -> Read<ImageRule> {
    Ok(ImageRule {
        cloud: one(draft.cloud)?,
        region: one(draft.region)?,
        machine_types: all(draft.machine_types)?,
        image: Image { id: one(draft.id)?, kind: one(draft.kind)? },
    })
}

fn machine(draft: MachineDraft) -> Read<Machine> {
    Ok(Machine {
        security_groups: all(draft.security_groups)?,
        instance_profile: maybe(draft.instance_profile)?,
        disk_gib: maybe(draft.disk.gib)?,
        disk_type: maybe(draft.disk.kind)?,
        disk_iops: maybe(draft.disk.iops)?,
        disk_throughput_mibs: maybe(draft.disk.throughput_mibs)?,
        disk_encryption: match (one(draft.disk.encrypted)?, maybe(draft.disk.kms_key)?) {
            (Encrypted::AsImage, _) => DiskEncryption::AsImage,
            (Encrypted::Always, None) => DiskEncryption::AccountKey,
            (Encrypted::Always, Some(key)) => DiskEncryption::Key(key),
        },
        root_device: maybe(draft.disk.root_device)?,
        public_address: one(draft.public_address)?,
    })
}

fn one<T>(value: Value<T>) -> Read<T> {
    value.map(|located| located.value)
}

fn maybe<T>(value: Maybe<T>) -> Read<Option<T>> {
    value.map(|maybe| maybe.map(|located| located.value))
}

fn all<T, C: FromIterator<T>>(values: Values<T>) -> Read<C> {
    values.map(|list| list.value.into_iter().map(|element| element.value).collect())
}
