//! What the jobs of a matrix teach is written into its group's record, and GitHub is asked how wide the matrix is.
//! What follows for its jobs is worked out by whoever reads the record: see `decide/admission.rs` in jit-domain.

use std::collections::BTreeMap;

use jit_domain::decide::admission as decide;
use jit_domain::group::{Group, Width};
use jit_domain::ids::{GroupKey, RunId};
use jit_domain::reason::{Reason, explain};
use serde_json::json;

use crate::effects::Effects;
use crate::github::{GitHub, GitHubError, Priority};
use crate::limits;
use crate::settings::GitHubApp;
use crate::shell::{Failure, Shell};
use crate::world::World;

mod width;

/// Writes what the open jobs teach of their groups. Who is quicker has seen as much; what is lost here is learned at the next look.
///
/// # Errors
/// [`Failure`].
pub async fn learn<E: Effects>(shell: &Shell<'_, E>, world: &mut World) -> Result<(), Failure> {
    let mut written = Vec::new();
    let learned = decide::learned(&world.observed(&shell.policy, shell.now()));
    for (key, after) in learned {
        shell.check_time("writing a group")?;
        let is_over = after.is_none();
        if !world.commit_group(shell, &key, after).await? {
            continue;
        }
        if is_over {
            shell.info("a matrix ended", json!({ "group.key": key.as_str() }));
        } else {
            written.push(key);
        }
    }
    if !written.is_empty() {
        report_held(shell, world, &written);
    }
    Ok(())
}

fn report_held<E: Effects>(shell: &Shell<'_, E>, world: &World, written: &[GroupKey]) {
    let admission = decide::admit(&world.observed(&shell.policy, shell.now()));
    let mut held: BTreeMap<GroupKey, usize> = BTreeMap::new();
    for (_, job) in world.jobs.iter().filter(|(_, job)| admission.holds(job.id)) {
        if let Some(key) = Group::key_of(job).filter(|key| written.contains(key)) {
            *held.entry(key).or_default() += 1;
        }
    }
    for (key, count) in held {
        let Some(group) = world.groups.get(&key) else { continue };
        let reason = Reason::HeldByGroup;
        let fields = json!({ "group.key": key.as_str(), "stem": group.stem, "run.id": group.run.0, "held": count,
            "running": group.running.len(), "reason": reason.code(), "explanation": explain(&reason) });
        shell.info("jobs of a matrix wait", fields);
    }
}

/// Whether some matrix waits for its workflow file to be read.
pub fn awaits_width<E: Effects>(shell: &Shell<'_, E>, world: &World) -> bool {
    !decide::widths_wanted(&world.observed(&shell.policy, shell.now())).is_empty()
}

/// Asks GitHub for the workflow files of the matrices whose width is not known yet, a few runs at most.
///
/// # Errors
/// [`Failure`]; what GitHub refuses or does not answer is asked for again for a while, and no failure.
pub async fn ask_widths<E: Effects>(
    shell: &Shell<'_, E>,
    app: &GitHubApp,
    world: &mut World,
) -> Result<(), Failure> {
    let wanted = decide::widths_wanted(&world.observed(&shell.policy, shell.now()));
    if wanted.is_empty() {
        return Ok(());
    }
    let github = match GitHub::new(shell, app, Priority::Truth) {
        Ok(github) => github,
        Err(error) => {
            shell.failed("github is not asked for a workflow file", &error);
            return Ok(());
        }
    };
    let mut runs: BTreeMap<RunId, Vec<Group>> = BTreeMap::new();
    for group in wanted {
        runs.entry(group.run).or_default().push(group);
    }
    for groups in runs.into_values().take(limits::WIDTHS_ASKED_MAX) {
        if !shell.has_time() {
            break;
        }
        ask_run(shell, &github, world, groups).await?;
    }
    Ok(())
}

/// Asks for the file of one run, and notes what it says of each of its matrices.
async fn ask_run<E: Effects>(
    shell: &Shell<'_, E>,
    github: &GitHub<'_, '_, E>,
    world: &mut World,
    groups: Vec<Group>,
) -> Result<(), Failure> {
    let Some(first) = groups.first() else { return Ok(()) };
    let answer = github.workflow_file(first.installation, &first.repository, first.run).await;
    if let Err(error) = &answer {
        shell.failed("a workflow file was not read", error);
    }
    for group in groups {
        let width = match &answer {
            Ok(Some(file)) => Some(width::of_group(file, &group.stem)),
            Ok(None) => Some(Width::Unknown),
            Err(error) => is_final(error).then_some(Width::Unknown),
        };
        note_width(shell, world, &group.key, width).await?;
    }
    Ok(())
}

/// Whether asking again would bring the same answer.
fn is_final(error: &GitHubError) -> bool {
    use jit_github::Error;
    match error {
        GitHubError::Refused(error) => {
            !matches!(error, Error::RateLimited { .. } | Error::Unavailable { .. } | Error::Unauthorized(_))
        }
        GitHubError::NoReply { .. } | GitHubError::Budget { .. } | GitHubError::Failure(_) => false,
        GitHubError::Unusable(_) => true,
    }
}

async fn note_width<E: Effects>(
    shell: &Shell<'_, E>,
    world: &mut World,
    key: &GroupKey,
    width: Option<Width>,
) -> Result<(), Failure> {
    let now = shell.now();
    let Some(after) = world.groups.get(key).and_then(|group| decide::answered(group, width, now)) else {
        return Ok(());
    };
    let stem = after.stem.clone();
    let told = match after.width {
        Width::Awaited { .. } => None,
        Width::Unknown => Some(None),
        Width::Known(width) => Some(Some(width)),
    };
    if world.commit_group(shell, key, Some(after)).await?
        && let Some(width) = told
    {
        let fields = json!({ "group.key": key.as_str(), "stem": stem, "width": width });
        shell.info("a matrix's width was asked for", fields);
    }
    Ok(())
}
