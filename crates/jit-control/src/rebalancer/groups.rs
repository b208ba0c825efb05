//! Looks once an hour at the runner groups of the pools in use. A pool whose group lets in more than its rules launches nothing for
//! that organisation until the group, or the rules, are changed.

use jit_domain::decide::runner_group::{self as decide, Due, Group};
use jit_domain::ids::RepositoryName;
use jit_domain::limits::GROUP_LOOKED_AT_EVERY;
use jit_domain::policy::Wish;
use jit_domain::pool::{GroupLook, PoolRecord};
use jit_domain::reason::{Reason, explain};
use serde_json::json;

use crate::effects::Effects;
use crate::github::{GitHub, GitHubError, RunnerGroup};
use crate::shell::{Failure, Shell};
use crate::stored::Stored as _;
use crate::world::World;

/// Looks at the groups that are due. One that could not be read keeps its last verdict, and is due at the next pass.
pub(super) async fn look<E: Effects>(
    shell: &Shell<'_, E>,
    github: &GitHub<'_, '_, E>,
    world: &World,
) -> Result<(), Failure> {
    for due in decide::due(&shell.policy, &world.classes, &world.pools, shell.now()) {
        if !shell.has_time() {
            break;
        }
        match github.runner_group(due.installation, &due.organisation, due.group).await {
            Ok(found) => note(shell, &due, found.as_ref()).await?,
            // A list that takes longer than a pass would take as long in each: it is looked at again in an hour.
            Err(error @ GitHubError::Failure(Failure::Deadline(_))) => {
                shell.failed("a runner group is too large to be looked at", &error);
                let known = world.pools.get(&due.pool).and_then(|pool| pool.groups.get(&due.organisation));
                let fault = known.and_then(|look| look.fault.clone());
                keep(shell, &due, GroupLook { at: shell.now(), fault }).await?;
            }
            Err(GitHubError::Failure(failure)) => return Err(failure),
            Err(error) => shell.failed("a runner group could not be looked at", &error),
        }
    }
    Ok(())
}

async fn note<E: Effects>(
    shell: &Shell<'_, E>,
    due: &Due,
    found: Option<&RunnerGroup>,
) -> Result<(), Failure> {
    let Some(pool) = shell.policy.pool(&due.pool) else { return Ok(()) };
    let look = GroupLook { at: shell.now(), fault: decide::judge(pool, found.map(group_of).as_ref()) };
    if let Some(fault) = look.fault.clone() {
        let cause = explain(&Reason::RunnerGroup { fault });
        shell.error(
            "a pool launches nothing, as its runner group is not what its rules need",
            json!({ "pool": due.pool.as_str(), "organisation": due.organisation.as_str(), "group.id": due.group.0,
                "cause": cause }),
        );
    }
    keep(shell, due, look).await
}

async fn keep<E: Effects>(shell: &Shell<'_, E>, due: &Due, look: GroupLook) -> Result<(), Failure> {
    let with = |known: Option<&PoolRecord>| {
        let mut after = known.cloned().unwrap_or_default();
        after.groups.insert(due.organisation.clone(), look.clone());
        after.groups.retain(|_, look| is_fresh(shell, look));
        Some(after)
    };
    shell.update::<PoolRecord>(&PoolRecord::key(&due.pool), with).await?;
    Ok(())
}

/// What was not looked at for a day is of an organisation that has no jobs here.
fn is_fresh<E: Effects>(shell: &Shell<'_, E>, look: &GroupLook) -> bool {
    shell.now().since(look.at) < 24 * GROUP_LOOKED_AT_EVERY
}

fn group_of(found: &RunnerGroup) -> Group {
    let names = |names: &Vec<String>| names.iter().filter_map(|name| RepositoryName::parse(name)).collect();
    Group {
        repositories: found.repositories.as_ref().map(names),
        public_repositories: if found.allows_public_repositories { Wish::Allow } else { Wish::Refuse },
    }
}
