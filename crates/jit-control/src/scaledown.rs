//! scaledown: every five minutes the cloud, GitHub and the ledger are laid side by side, and what nobody owns is ended.
//! It also tidies the ledger.

use std::collections::{BTreeMap, BTreeSet};

use jit_domain::class::{Class, Scope};
use jit_domain::decide::scaledown::{self as decide, Listed, Liveness, Place, Registered};
use jit_domain::decide::scaleup;
use jit_domain::ids::{Cloud, InstallationId, InstanceKey, Region, RunnerId, RunnerName};
use jit_domain::instance::Instance;
use jit_github::runners::Deletion;
use serde_json::json;

use crate::cloud::{Clouds, Seen};
use crate::effects::Effects;
use crate::entry::Next;
use crate::github::{GitHub, Priority, activity};
use crate::ledger::Ledger as _;
use crate::lifecycle;
use crate::settings::KeeperSettings;
use crate::shell::{Failure, Shell};
use crate::stored::{GhostScopes, Stored as _};
use crate::world::World;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Instances terminated.
    pub terminated: usize,
    /// Runners deregistered.
    pub deregistered: usize,
    /// Keys of the store that were cleared away.
    pub tidied: u64,
}

impl Next for Summary {}

/// One sweep.
///
/// # Errors
/// [`Failure`]; the next tick goes on.
pub async fn run<E: Effects>(shell: &Shell<'_, E>, settings: &KeeperSettings) -> Result<Summary, Failure> {
    let Some(summary) = shell.pass_alone(sweep(shell, settings)).await? else {
        return Ok(Summary::default());
    };
    let Summary { terminated, deregistered, tidied } = summary;
    shell.info("swept", json!({ "terminated": terminated, "deregistered": deregistered, "tidied": tidied }));
    Ok(summary)
}

async fn sweep<E: Effects>(shell: &Shell<'_, E>, settings: &KeeperSettings) -> Result<Summary, Failure> {
    let mut world = World::read(shell).await?;
    let mut summary = Summary::default();
    let mut live: Option<BTreeSet<String>> = Some(world.instances.iter().map(|i| i.key.id.clone()).collect());
    let clouds = Clouds::new(shell, &settings.aws);
    for (cloud, region) in shell.policy.regions() {
        match clouds.live(cloud, &region).await {
            Ok(seen) => {
                if let Some(live) = &mut live {
                    live.extend(seen.keys().map(|key| key.id.clone()));
                }
                summary.terminated +=
                    sweep_region(shell, &clouds, &mut world, (cloud, &region), seen).await?;
            }
            Err(error) => {
                shell.failed("a region could not be swept", &error);
                live = None;
            }
        }
    }
    if let Some(live) = &live {
        summary.deregistered = end_ghosts(shell, settings, &world, live).await;
    }
    lifecycle::release_caps(shell, &mut world).await?;
    summary.tidied = shell.ledger.tidy(shell.deadline()).await?;
    Ok(summary)
}

async fn sweep_region<E: Effects>(
    shell: &Shell<'_, E>,
    clouds: &Clouds<'_, '_, E>,
    world: &mut World,
    (cloud, region): (Cloud, &Region),
    seen: BTreeMap<InstanceKey, Seen>,
) -> Result<usize, Failure> {
    let mut records: BTreeMap<InstanceKey, Instance> = (world.instances.iter())
        .filter(|i| i.key.cloud == cloud && i.key.region == *region)
        .map(|i| (i.key.clone(), i.clone()))
        .collect();
    let mut listed = Vec::new();
    for seen in seen.values() {
        shell.check_time("looking up an instance")?;
        if !records.contains_key(&seen.key)
            && let Some(closed) = shell.read::<Instance>(&Instance::key(&seen.key)).await?
        {
            records.insert(seen.key.clone(), closed.value);
        }
        // Only an instance without a record needs its batch to speak for it.
        let place = if records.contains_key(&seen.key) { Place::None } else { place_of(shell, seen).await? };
        listed.push(Listed {
            key: seen.key.clone(),
            launched_at: seen.launched_at,
            batch: seen.batch.clone(),
            place,
        });
    }
    let plan = decide::sweep(&shell.policy, &records, &listed, shell.now());
    if let Some(reason) = &plan.held_back {
        let explanation = jit_domain::reason::explain(reason);
        shell
            .error("a sweep was held back", json!({ "region": region.as_str(), "explanation": explanation }));
    }
    for (key, _) in &plan.adopt {
        shell.check_time("adopting an instance")?;
        if let Some(seen) = seen.get(key) {
            adopt(shell, world, seen).await?;
        }
    }
    for after in plan.write {
        shell.check_time("retiring an instance")?;
        lifecycle::write_retired(shell, world, after).await?;
    }
    for (key, reason) in &plan.terminate {
        shell.info("an instance is swept", json!({ "instance.id": key.id, "reason": reason.code() }));
    }
    let keys: Vec<InstanceKey> = plan.terminate.into_iter().map(|(key, _)| key).collect();
    let ended = clouds.terminate(&keys).await;
    for key in &ended {
        shell.check_time("closing a record")?;
        lifecycle::end_record(shell, world, key).await?;
    }
    Ok(ended.len())
}

/// Whether the batch in an instance's tags has its id, or a place for it.
async fn place_of<E: Effects>(shell: &Shell<'_, E>, seen: &Seen) -> Result<Place, Failure> {
    let (Some(class), Some(batch)) = (&seen.class, &seen.batch) else { return Ok(Place::None) };
    let class = shell.read::<Class>(&Class::key(class)).await?;
    let has_place = class.is_some_and(|class| scaleup::adopt(&class.value, batch, &seen.key, true).is_some());
    Ok(if has_place { Place::Adopt } else { Place::None })
}

/// Puts an instance's id into its batch, then makes its record; whether it is needed is decided when it claims.
async fn adopt<E: Effects>(shell: &Shell<'_, E>, world: &mut World, seen: &Seen) -> Result<(), Failure> {
    let (Some(class), Some(batch), Some(n)) = (&seen.class, &seen.batch, seen.try_n) else { return Ok(()) };
    let mut adopted = false;
    let after = shell
        .update::<Class>(&Class::key(class), |known| {
            let before = known?;
            let after = scaleup::adopt(before, batch, &seen.key, true);
            adopted = after.is_some();
            after.filter(|after| after != before)
        })
        .await?;
    let record =
        after.filter(|_| adopted).and_then(|class| scaleup::instance_of(&class, batch, n, &seen.key));
    if let Some(record) = record {
        shell.warn(
            "an instance was adopted by its tags",
            json!({ "instance.id": seen.key.id, "batch.id": batch.as_str() }),
        );
        crate::scaleup::record_instance(shell, world, record).await?;
    }
    Ok(())
}

/// Deregisters runners under our prefix whose machines are gone. GitHub may still hold them busy (422): then the next sweep tries.
async fn end_ghosts<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &KeeperSettings,
    world: &World,
    live: &BTreeSet<String>,
) -> usize {
    let github = match GitHub::new(shell, &settings.github, Priority::Cleanup) {
        Ok(github) => github,
        Err(error) => {
            shell.failed("github is not asked", &error);
            return 0;
        }
    };
    let scopes = match scopes(shell, world).await {
        Ok(scopes) => scopes,
        Err(error) => {
            shell.failed("no ghosts are looked for", &error);
            return 0;
        }
    };
    let mut ended = 0;
    for (installation, scope) in scopes {
        if !shell.has_time() {
            break;
        }
        match end_ghosts_of(shell, &github, installation, &scope, live).await {
            Ok(count) => ended += count,
            Err(error) => shell.failed("the ghosts of a scope were not deregistered", &error),
        }
    }
    ended
}

/// Where there may be ghosts: the scopes of open classes, and those where an instance that ended may have left one.
async fn scopes<E: Effects>(
    shell: &Shell<'_, E>,
    world: &World,
) -> Result<BTreeSet<(InstallationId, Scope)>, Failure> {
    let noted = shell.read::<GhostScopes>(&GhostScopes::key(())).await?.map(|k| k.value).unwrap_or_default();
    let open = world.classes.values().map(|c| (c.identity.installation, c.identity.scope.clone()));
    Ok(noted.sought(shell.now()).map(|g| (g.installation, g.scope.clone())).chain(open).collect())
}

async fn end_ghosts_of<E: Effects>(
    shell: &Shell<'_, E>,
    github: &GitHub<'_, '_, E>,
    installation: InstallationId,
    scope: &Scope,
    live: &BTreeSet<String>,
) -> Result<usize, crate::github::GitHubError> {
    let listed = github.runners(installation, scope, None).await?.listed;
    let registered: Vec<Registered> = (listed.iter())
        .map(|r| Registered {
            runner: RunnerId(r.id.0),
            name: RunnerName::new(&r.name),
            activity: activity(r),
        })
        .collect();
    let liveness = |id: &str| Some(if live.contains(id) { Liveness::Live } else { Liveness::Gone });
    let mut ended = 0;
    for runner in decide::ghosts(&shell.policy.runner_prefix, &registered, liveness) {
        shell.check_time("deregistering a ghost")?;
        let fields = json!({ "runner.id": runner.0, "scope": scope.to_string() });
        match github.deregister(installation, scope, runner).await {
            Ok(Deletion::Deleted) => {
                ended += 1;
                shell.info("a ghost runner was deregistered", fields);
            }
            Ok(Deletion::NotFound) => {}
            Ok(Deletion::Busy(_)) => shell.info("a ghost runner is still held busy by github", fields),
            // The budget is every ghost's; any other trouble may be this one's alone.
            Err(error) if error.refused_until(shell.now()).is_some() => return Err(error),
            Err(error) => shell.failed("a ghost runner was not deregistered", &error),
        }
    }
    Ok(ended)
}
