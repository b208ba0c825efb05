//! The rules between keys. Each looks only at values that could be read, so that no fault makes another one up.

mod disk;
mod launch;
mod reach;

use jit_domain::ids::{Cloud, RunnerGroupId};
use jit_domain::policy::{ImageKind, PoolScope};

use super::draft::{AgentDraft, Draft, MachineDraft, PoolDraft, StorageDraft};
use super::fault::Faults;
use super::shapes::Backend;

/// Records every rule that the draft breaks.
pub(super) fn check(draft: &Draft, faults: &Faults) {
    storage(&draft.storage, faults);
    let Ok(pools) = &draft.pools else { return };
    agent(&draft.agent, pools, faults);
    names(pools, faults);
    labels(pools, faults);
    for pool in pools {
        scope(pool, faults);
        owners(draft, pool, faults);
        allow(draft, pool, faults);
        machine(pool, faults);
        disk::check(pool, faults);
        launch::check(pool, faults);
    }
    reach::check(pools, faults);
}

/// Table and queues have a place in AWS, and no place is given for nothing.
fn storage(storage: &StorageDraft, faults: &Faults) {
    let Ok(backend) = &storage.backend else { return };
    let StorageDraft { place, backend: _, region, account, name } = storage;
    match backend.value {
        Backend::Aws => {
            let lacks = |key: &str, remedy: &str| {
                faults.value(&place.key(key), "is missing, and `backend` is `aws`", remedy);
            };
            if matches!(region, Ok(None)) {
                lacks("region", "add the region of the table and the queues");
            }
            if matches!(account, Ok(None)) {
                lacks("account", "add the twelve digits of the account that owns the queues, in quotes");
            }
        }
        Backend::KeyValue => {
            let places = [
                region.as_ref().ok().and_then(|r| r.as_ref().map(|r| &r.place)),
                account.as_ref().ok().and_then(|a| a.as_ref().map(|a| &a.place)),
                name.as_ref().ok().and_then(|n| n.as_ref().map(|n| &n.place)),
            ];
            for place in places.into_iter().flatten() {
                let what = "has no effect with the back end `key-value`";
                faults.value(place, what, "remove it, or set `backend = \"aws\"`");
            }
        }
    }
}

/// The download is whole, and is there when a stock image needs it.
fn agent(agent: &AgentDraft, pools: &[PoolDraft], faults: &Faults) {
    let (Ok(url), Ok(sha256)) = (&agent.url, &agent.sha256) else { return };
    let images = || pools.iter().filter_map(|p| p.images.as_ref().ok()).flatten();
    let stock = images().find(|i| i.kind.as_ref().is_ok_and(|k| k.value == ImageKind::Stock));
    match (url, sha256, stock) {
        (Some(_), Some(_), _) | (None, None, None) => {}
        (Some(url), None, _) => {
            faults.value(
                &url.place,
                "`url` without `sha256` proves nothing",
                "add the `sha256` that the release page shows",
            );
        }
        (None, Some(sha256), _) => {
            faults.value(
                &sha256.place,
                "`sha256` without `url` is of no use",
                "add the `url` of the archive, or remove `sha256`",
            );
        }
        (None, None, Some(stock)) => {
            let what = format!("`url` and `sha256` are missing, and `{}` is a stock image", stock.place.path);
            faults.value(&agent.place, what, "add both from the release page, or use baked images only");
        }
    }
}

/// No two pools have one name.
fn names(pools: &[PoolDraft], faults: &Faults) {
    for (i, pool) in pools.iter().enumerate() {
        let Ok(name) = &pool.name else { continue };
        let mut before = pools[..i].iter().filter_map(|p| p.name.as_ref().ok());
        if let Some(same) = before.find(|b| b.value == name.value) {
            let what = format!("`{}` is the name of `{}` too", name.value, same.place.path);
            faults.value(&name.place, what, "give each pool a name of its own");
        }
    }
}

/// No label is a machine type, as a job that names the type could then mean either.
fn labels(pools: &[PoolDraft], faults: &Faults) {
    let offerings = || pools.iter().filter_map(|p| p.offerings.as_ref().ok()).flatten();
    let types = || offerings().filter_map(|o| o.machine_types.as_ref().ok()).flat_map(|l| &l.value);
    for label in pools.iter().filter_map(|p| p.labels.as_ref().ok()).flat_map(|l| &l.value) {
        if let Some(machine_type) = types().find(|t| t.value.as_str() == label.value) {
            let what =
                format!("the label `{}` is a machine type, see `{}`", label.value, machine_type.place.path);
            faults.value(
                &label.place,
                what,
                "remove the label; a job may name a listed machine type without it",
            );
        }
    }
}

/// What has a meaning at one scope only is not set at the other.
fn scope(pool: &PoolDraft, faults: &Faults) {
    let Ok(scope) = &pool.scope else { return };
    match scope.value {
        PoolScope::Repository => {
            // Groups belong to organisations: https://docs.github.com/en/actions/concepts/runners/runner-groups
            if let Ok(group) = &pool.runner_group
                && group.value != RunnerGroupId(1)
            {
                let what = "a pool of repository scope has no runner groups";
                faults.value(
                    &group.place,
                    what,
                    "remove `runner_group_id`, or set `scope = \"organisation\"`",
                );
            }
        }
        PoolScope::Organisation => {
            if let Ok(Some(cap)) = &pool.caps.instances_per_repository {
                let what = "has no effect at organisation scope, where a runner belongs to no repository";
                faults.value(&cap.place, what, "remove it, or set `scope = \"repository\"`");
            }
        }
    }
}

/// Each repository of a pool belongs to an owner that is served.
fn owners(draft: &Draft, pool: &PoolDraft, faults: &Faults) {
    let (Ok(owners), Ok(repositories)) = (&draft.deployment.served_owners, &pool.repositories) else {
        return;
    };
    if owners.value.is_empty() {
        return;
    }
    for repository in &repositories.value {
        let owner = repository.value.owner();
        if !owners.value.iter().any(|o| o.value == owner) {
            let what = format!("the owner `{owner}` is not among `{}`", owners.place.path);
            faults.value(&repository.place, what, "add the owner there, or remove the repository");
        }
    }
}

/// The rules of a pool leave something to be served.
fn allow(draft: &Draft, pool: &PoolDraft, faults: &Faults) {
    let Ok(organisations) = &pool.allow.organisations else { return };
    if organisations.value.is_empty() {
        return;
    }
    if let Ok(owners) = &draft.deployment.served_owners
        && !owners.value.is_empty()
    {
        for login in organisations.value.iter().filter(|o| !owners.value.iter().any(|s| s.value == o.value)) {
            let what = format!("`{}` is not among `{}`", login.value, owners.place.path);
            faults.value(&login.place, what, "add it there, or remove it here");
        }
    }
    let Ok(repositories) = &pool.repositories else { return };
    for repository in &repositories.value {
        let owner = repository.value.owner();
        if !organisations.value.iter().any(|o| o.value == owner) {
            let what = format!("the owner `{owner}` is not among `{}`", organisations.place.path);
            faults.value(&repository.place, what, "add the owner there, or remove the repository");
        }
    }
}

/// What a launch needs besides its place is whole.
fn machine(pool: &PoolDraft, faults: &Faults) {
    let MachineDraft { place, security_groups, instance_profile, disk: _, public_address: _ } = &pool.machine;
    let Ok(offerings) = &pool.offerings else { return };
    let is_on_aws = offerings.iter().any(|o| o.cloud.as_ref().is_ok_and(|c| needs_profile(c.value)));
    if is_on_aws && matches!(instance_profile, Ok(None)) {
        let what = "is missing, and without it no instance can prove its identity";
        faults.value(
            &place.key("instance_profile"),
            what,
            "add the name of the instance profile that the IaC makes",
        );
    }
    if let Ok(groups) = security_groups
        && !groups.value.is_empty()
    {
        let mut regions: Vec<_> =
            offerings.iter().filter_map(|o| o.region.as_ref().ok()).map(|r| &r.value).collect();
        regions.sort();
        regions.dedup();
        if regions.len() > 1 {
            let what = format!(
                "a security group belongs to one VPC, but the pool launches in {} regions",
                regions.len()
            );
            faults.value(
                &groups.place,
                what,
                "leave it empty to use each VPC's default group, or keep to one region",
            );
        }
    }
}

/// Whether an instance of that cloud proves its identity by a role, which a profile gives it.
fn needs_profile(cloud: Cloud) -> bool {
    match cloud {
        Cloud::Aws => true,
    }
}
