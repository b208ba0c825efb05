//! rebalancer: every minute it lays the ledger beside what the clouds and GitHub say, mends what drifted, and asks scaleup to look
//! at classes with a gap. It launches nothing and terminates nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _};
use jit_aws::ec2::InstanceId;
use jit_domain::class::Scope;
use jit_domain::decide::rebalancer::{self as decide, CloudView, RunnerView, Step};
use jit_domain::decide::{admission as decide_admission, lifecycle as lifecycle_decide, supply};
use jit_domain::group::Group;
use jit_domain::ids::{
    Cloud, GroupKey, InstallationId, InstanceKey, Region, RepositoryName, RunnerId, RunnerName,
};
use jit_domain::instance::{Instance, InstancePhase};
use jit_domain::job::{Job, RunnerRef};
use jit_domain::observation::{Action, Observation};
use jit_domain::time::Timestamp;
use jit_github::Status;
use jit_github::jobs::WorkflowJob;
use jit_github::runners::{Deletion, Runner};
use serde_json::json;

use crate::admission;
use crate::cloud::Clouds;
use crate::effects::Effects;
use crate::entry::Next;
use crate::github::{GitHub, GitHubError, Priority, RunJobs, Runners, activity};
use crate::lifecycle;
use crate::limits;
use crate::message::Message;
use crate::observe;
use crate::queue::Queue as _;
use crate::settings::KeeperSettings;
use crate::shell::{Failure, Shell};
use crate::stored::Stored as _;
use crate::time::domain_time;
use crate::world::World;

mod groups;

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Instances whose records changed.
    pub moved: usize,
    /// Runs that GitHub was asked about.
    pub asked: usize,
    /// Classes sent to scaleup.
    pub gaps: usize,
}

impl Next for Summary {}

/// One pass.
///
/// # Errors
/// [`Failure`]; the next tick goes on.
pub async fn run<E: Effects>(shell: &Shell<'_, E>, settings: &KeeperSettings) -> Result<Summary, Failure> {
    let Some(summary) = shell.pass_alone(pass(shell, settings)).await? else {
        return Ok(Summary::default());
    };
    let Summary { moved, asked, gaps } = summary;
    shell.info("rebalanced", json!({ "moved": moved, "asked": asked, "gaps": gaps }));
    Ok(summary)
}

async fn pass<E: Effects>(shell: &Shell<'_, E>, settings: &KeeperSettings) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    let github = match GitHub::new(shell, &settings.github, Priority::Truth) {
        Ok(github) => Some(github),
        Err(error) => {
            shell.failed("github is not asked", &error);
            None
        }
    };
    let mut world = World::read(shell).await?;
    expire_jobs(shell, &world).await?;
    heal_records(shell, &mut world).await?;
    let clouds = look_at_clouds(shell, settings, &world).await;
    let runners = match &github {
        Some(github) => list_runners(shell, github, &world).await,
        None => BTreeMap::new(),
    };
    summary.moved = weigh_all(shell, github.as_ref(), &mut world, &clouds, &runners).await?;
    if let Some(github) = &github {
        summary.asked = ask_runs(shell, github, &world).await?;
        if summary.asked > 0 {
            world = World::read(shell).await?;
        }
    }
    admission::learn(shell, &mut world).await?;
    learn_boots(shell, &mut world).await?;
    lifecycle::release_caps(shell, &mut world).await?;
    summary.gaps = send_gaps(shell, &world).await?;
    // Last, for the list of a large group may take all the time that is left.
    if let Some(github) = &github {
        groups::look(shell, github, &world).await?;
    }
    Ok(summary)
}

/// Closes jobs that GitHub must have dropped: what it no longer shows us it cannot complete either.
async fn expire_jobs<E: Effects>(shell: &Shell<'_, E>, world: &World) -> Result<(), Failure> {
    let now = shell.now();
    let open = world.jobs.iter().map(|(_, job)| job).chain(&world.poolless);
    for job in open {
        let group = Group::key_of(job).and_then(|key| world.groups.get(&key));
        if lifecycle_decide::expired(job, group, now).is_none() {
            continue;
        }
        shell.check_time("closing a job")?;
        let close = |known: Option<&Job>| lifecycle_decide::expired(known?, group, now);
        shell.update::<Job>(&Job::key(job.id), close).await?;
        shell.warn("a job was closed that github must have dropped", json!({ "job.id": job.id.0 }));
    }
    Ok(())
}

/// Makes the records that launches which were cut off left out.
async fn heal_records<E: Effects>(shell: &Shell<'_, E>, world: &mut World) -> Result<(), Failure> {
    for record in world.unrecorded.iter().filter_map(|key| world.instance(key).cloned()).collect::<Vec<_>>() {
        shell.check_time("making a record")?;
        crate::scaleup::record_instance(shell, world, record).await?;
    }
    Ok(())
}

type CloudViews = BTreeMap<InstanceKey, CloudView>;

/// Asks the clouds about all open instances. Where a region shows none of several that we know, its answer proves nothing.
async fn look_at_clouds<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &KeeperSettings,
    world: &World,
) -> CloudViews {
    let clouds = Clouds::new(shell, &settings.aws);
    let mut open: BTreeMap<(Cloud, &Region), Vec<InstanceId>> = BTreeMap::new();
    for key in world.instances.iter().map(|i| &i.key) {
        open.entry((key.cloud, &key.region)).or_default().extend(InstanceId::parse(&key.id));
    }
    let mut views = CloudViews::new();
    for ((cloud, region), known) in open {
        let look = clouds.look(cloud, region, &known).await;
        for error in &look.errors {
            shell.failed("a region could not be looked at", error);
        }
        let shows_none = look.views.values().all(|view| *view == CloudView::Absent);
        if known.len() > 1 && shows_none && !look.views.is_empty() {
            let fields = json!({ "region": region.as_str(), "known": known.len() });
            shell.error("a cloud's empty listing is not believed", fields);
        } else {
            views.extend(look.views);
        }
    }
    views
}

type ScopeKey = (InstallationId, Scope);
/// Runners by name; none where nothing is known. What is not in it does not exist.
type ScopeRunners = BTreeMap<String, Option<Runner>>;

/// Lists the runners of each scope that has registered instances. A scope whose listing failed is left out.
async fn list_runners<E: Effects>(
    shell: &Shell<'_, E>,
    github: &GitHub<'_, '_, E>,
    world: &World,
) -> BTreeMap<ScopeKey, ScopeRunners> {
    let is_registered = |i: &&Instance| !i.is_retired() && i.mint().is_some();
    let scopes: BTreeSet<ScopeKey> =
        world.instances.iter().filter(is_registered).map(|i| (i.installation, i.scope.clone())).collect();
    let mut listed = BTreeMap::new();
    for (installation, scope) in scopes {
        if !shell.has_time() {
            break;
        }
        match github.runners(installation, &scope, None).await {
            Ok(Runners { listed: runners, misses_none }) => {
                let mut seen: BTreeMap<String, Option<Runner>> =
                    runners.into_iter().map(|r| (r.name.clone(), Some(r))).collect();
                if !misses_none {
                    let here = |i: &&Instance| i.installation == installation && i.scope == scope;
                    let ours = world.instances.iter().filter(is_registered).filter(here);
                    let names = ours.filter_map(|i| Some(i.mint()?.name.clone()));
                    look_for_missed(shell, github, (installation, &scope), names, &mut seen).await;
                }
                listed.insert((installation, scope), seen);
            }
            Err(error) => shell.failed("the runners of a scope could not be listed", &error),
        }
    }
    listed
}

/// Asks for each runner that a list of several pages may have missed; of those that could not be asked for nothing is known.
async fn look_for_missed<E: Effects>(
    shell: &Shell<'_, E>,
    github: &GitHub<'_, '_, E>,
    (installation, scope): (InstallationId, &Scope),
    names: impl Iterator<Item = RunnerName>,
    seen: &mut ScopeRunners,
) {
    let missed: Vec<RunnerName> = names.filter(|name| !seen.contains_key(name.as_str())).collect();
    for name in missed {
        if !shell.has_time() {
            seen.insert(name.as_str().to_owned(), None);
            continue;
        }
        match github.runners(installation, scope, Some(&name)).await {
            Ok(found) => seen.extend(found.listed.into_iter().map(|r| (r.name.clone(), Some(r)))),
            Err(error) => {
                shell.failed("a runner could not be asked for", &error);
                seen.insert(name.as_str().to_owned(), None);
            }
        }
    }
}

async fn weigh_all<E: Effects>(
    shell: &Shell<'_, E>,
    github: Option<&GitHub<'_, '_, E>>,
    world: &mut World,
    clouds: &CloudViews,
    runners: &BTreeMap<ScopeKey, ScopeRunners>,
) -> Result<usize, Failure> {
    let mut steps: Vec<Step> = {
        let observed = world.observed(&shell.policy, shell.now());
        let balance = observed.balance();
        let weigh =
            |i| decide::evidence(&observed, &balance, i, cloud_view(i, clouds), runner_view(i, runners));
        world.instances.iter().map(weigh).collect()
    };
    // A pass may not have time for all: what still runs and costs goes before what only needs its record closed.
    steps.sort_by_key(|step| matches!(step, Step::Write(after) if after.ended_at.is_some()));
    let (mut moved, mut unwanted) = (0, Vec::new());
    for step in steps {
        match step {
            Step::Leave => {}
            Step::Deregister { runner, then, narrows } => {
                // Before its runner goes: else its job would get another at once.
                if let Some(group) = narrows {
                    narrow(shell, world, &group).await?;
                }
                unwanted.push((runner, then));
            }
            Step::Write(_) if !shell.has_time() => break,
            Step::Write(after) if after.is_retired() => {
                moved += usize::from(lifecycle::write_retired(shell, world, after).await?);
            }
            Step::Write(after) => moved += usize::from(write_moved(shell, world, after).await?),
        }
    }
    match github {
        Some(github) => Ok(moved + deregister_all(shell, github, world, unwanted).await?),
        None => Ok(moved),
    }
}

/// Notes that a probe of a group idled.
async fn narrow<E: Effects>(
    shell: &Shell<'_, E>,
    world: &mut World,
    group: &GroupKey,
) -> Result<(), Failure> {
    let now = shell.now();
    if let Some(after) = world.groups.get(group).map(|known| decide_admission::narrowed(known, now))
        && world.commit_group(shell, group, Some(after)).await?
    {
        shell.info("a probe idled; its matrix is narrower", json!({ "group.key": group.as_str() }));
    }
    Ok(())
}

async fn write_moved<E: Effects>(
    shell: &Shell<'_, E>,
    world: &mut World,
    after: Instance,
) -> Result<bool, Failure> {
    if !shell.commit(vec![world.write_instance(&after)]).await? {
        return Ok(false);
    }
    let became_busy = after.phase == InstancePhase::Busy;
    lifecycle::log_phase(shell, &after);
    if became_busy {
        lifecycle::close_breaker(shell, &after).await?;
    }
    world.wrote_instance(after);
    Ok(true)
}

/// Deregisters idle runners, several at once; each is retired as soon as GitHub has answered.
async fn deregister_all<E: Effects>(
    shell: &Shell<'_, E>,
    github: &GitHub<'_, '_, E>,
    world: &mut World,
    unwanted: Vec<(RunnerId, Instance)>,
) -> Result<usize, Failure> {
    let calls = unwanted.into_iter().map(|(runner, then)| async move {
        if !shell.has_time() {
            return None;
        }
        let deletion = github.deregister(then.installation, &then.scope, runner).await;
        Some((then, deletion))
    });
    let mut calls = std::pin::pin!(stream::iter(calls).buffer_unordered(limits::CALLS_AT_ONCE_MAX));
    let mut moved = 0;
    while let Some(answered) = calls.next().await {
        if let Some((then, deletion)) = answered {
            moved += usize::from(deregistered(shell, world, then, deletion).await?);
        }
    }
    Ok(moved)
}

/// Only GitHub's 204, or its absence from the listing, retires the instance of an idle runner.
async fn deregistered<E: Effects>(
    shell: &Shell<'_, E>,
    world: &mut World,
    then: Instance,
    deletion: Result<Deletion, GitHubError>,
) -> Result<bool, Failure> {
    match deletion {
        // The same pass listed the scope with this runner, so a 404 means that it has gone since.
        Ok(Deletion::Deleted | Deletion::NotFound) => lifecycle::write_retired(shell, world, then).await,
        Ok(Deletion::Busy(_)) => {
            let Some(known) = world.instance(&then.key).cloned() else { return Ok(false) };
            match lifecycle_decide::busy(&known, None, shell.now()) {
                Some(busy) => write_moved(shell, world, busy).await,
                None => Ok(false),
            }
        }
        Err(error) => {
            shell.failed("an idle runner was not deregistered", &error);
            Ok(false)
        }
    }
}

fn cloud_view(instance: &Instance, views: &CloudViews) -> CloudView {
    views.get(&instance.key).copied().unwrap_or(CloudView::Unknown)
}

fn runner_view(instance: &Instance, listed: &BTreeMap<ScopeKey, ScopeRunners>) -> RunnerView {
    let Some(mint) = instance.mint() else { return RunnerView::Unknown };
    match listed.get(&(instance.installation, instance.scope.clone())) {
        None => RunnerView::Unknown,
        Some(scope) => match scope.get(mint.name.as_str()) {
            Some(Some(runner)) => {
                RunnerView::Listed { runner: RunnerId(runner.id.0), activity: activity(runner) }
            }
            Some(None) => RunnerView::Unknown,
            None => RunnerView::NotListed,
        },
    }
}

/// Asks GitHub about the runs in doubt; its answer moves jobs and instances exactly as events do.
async fn ask_runs<E: Effects>(
    shell: &Shell<'_, E>,
    github: &GitHub<'_, '_, E>,
    world: &World,
) -> Result<usize, Failure> {
    let runs = decide::runs_to_ask(&world.observed(&shell.policy, shell.now()));
    let mut asked = 0;
    for (installation, repository, run) in runs {
        if !shell.has_time() {
            break;
        }
        match github.jobs_of_run(installation, &repository, run).await {
            Ok(answer) => {
                asked += 1;
                if let Some(RunJobs { jobs, mark }) = answer {
                    record_jobs(shell, world, &jobs, (installation, &repository)).await?;
                    shell.commit(mark.into_iter().collect()).await?;
                }
                note_asked(shell, world, run).await?;
            }
            Err(GitHubError::Budget { until_s }) => {
                shell.info("github is asked no more in this pass", json!({ "until_s": until_s }));
                break;
            }
            Err(error) => {
                shell.failed("a run could not be asked about", &error);
                // The runs with the oldest doubt are asked about first. One of which GitHub does not speak goes to the end like
                // any other: else as many of these as a pass asks about would keep it from all others.
                let is_answer = error.refused_until(shell.now()).is_none();
                if is_answer && !matches!(error, GitHubError::Failure(_)) {
                    note_asked(shell, world, run).await?;
                }
            }
        }
    }
    Ok(asked)
}

/// Records what GitHub says of a run's jobs. Those that are open on record go first: a run may have more jobs than a pass has time
/// for, and the next pass begins anew.
async fn record_jobs<E: Effects>(
    shell: &Shell<'_, E>,
    world: &World,
    jobs: &[WorkflowJob],
    (installation, repository): (InstallationId, &RepositoryName),
) -> Result<(), Failure> {
    let open = world.jobs.iter().map(|(_, job)| job.id.0).collect();
    for job in open_first(jobs, &open) {
        let Some(told) = observation_of(world, job, installation, repository, shell.now()) else { continue };
        let recorded = observe::record_one(shell, told.job, std::slice::from_ref(&told)).await?;
        lifecycle::follow(shell, &told, recorded.job.as_ref()).await?;
    }
    Ok(())
}

/// The jobs in their order, but for those whose ids are given, which go before all others.
fn open_first<'a>(jobs: &'a [WorkflowJob], open: &BTreeSet<u64>) -> Vec<&'a WorkflowJob> {
    let (first, rest): (Vec<_>, Vec<_>) = jobs.iter().partition(|job| open.contains(&job.id.0));
    first.into_iter().chain(rest).collect()
}

/// Notes at the run's open jobs that GitHub was asked.
async fn note_asked<E: Effects>(
    shell: &Shell<'_, E>,
    world: &World,
    run: jit_domain::ids::RunId,
) -> Result<(), Failure> {
    let now = shell.now();
    let jobs = world.jobs.iter().map(|(_, job)| job).filter(|job| job.run == run);
    for job in jobs {
        shell.check_time("noting what was asked")?;
        shell
            .update::<Job>(&Job::key(job.id), |known| {
                known.filter(|k| k.is_open()).map(|k| Job { asked_at: Some(now), ..k.clone() })
            })
            .await?;
    }
    Ok(())
}

/// What the jobs API says of a job, in the form of an event. None for a status that says nothing about its phase.
pub fn observation_of(
    world: &World,
    job: &WorkflowJob,
    installation: InstallationId,
    repository: &RepositoryName,
    now: Timestamp,
) -> Option<Observation> {
    let action = match job.status {
        Status::Queued => Action::Queued,
        Status::Waiting | Status::Pending => Action::Waiting,
        Status::InProgress => Action::InProgress,
        Status::Completed => Action::Completed,
        _ => return None,
    };
    let id = jit_domain::ids::JobId(job.id.0);
    // The jobs API does not say who owns the repository; another job of it does.
    let organisation = (world.jobs.iter().map(|(_, known)| known))
        .find(|known| known.repository == *repository)
        .and_then(|known| known.organisation.clone());
    Some(Observation {
        action,
        job: id,
        run: jit_domain::ids::RunId(job.run_id.0),
        attempt: job.run_attempt,
        name: job.name.clone(),
        labels: job.labels.iter().collect(),
        installation,
        repository: repository.clone(),
        organisation,
        visibility: None,
        sender: None,
        pool: None,
        runner: RunnerRef::named(job.runner_id.map(|id| RunnerId(id.0)), job.runner_name.as_deref()),
        conclusion: job.conclusion.as_ref().map(|c| c.as_str().to_owned()),
        created_at: job.created_at.map_or(now, domain_time),
        at: job.completed_at.or(job.started_at).map_or(now, domain_time),
        received_at: now,
    })
}

/// Learns how long boots take.
async fn learn_boots<E: Effects>(shell: &Shell<'_, E>, world: &mut World) -> Result<(), Failure> {
    let mut learned = Vec::new();
    for pool in &shell.policy.pools {
        let instances: Vec<Instance> =
            world.instances.iter().filter(|i| i.pool == pool.name).cloned().collect();
        let before = world.pools.get(&pool.name).cloned().unwrap_or_default();
        learned.extend(supply::learn_boots(&before, &instances).map(|after| (pool.name.clone(), after)));
    }
    for (name, after) in learned {
        if shell.commit(vec![world.write_pool(&name, &after)]).await? {
            world.wrote_pool(name, after);
        }
    }
    Ok(())
}

/// Asks scaleup to look at each class that has a gap.
async fn send_gaps<E: Effects>(shell: &Shell<'_, E>, world: &World) -> Result<usize, Failure> {
    let observed = world.observed(&shell.policy, shell.now());
    let gaps: Vec<_> = observed.balance().gaps().into_iter().filter(|(_, gap)| *gap > 0).collect();
    for (class, gap) in &gaps {
        shell.check_time("sending a class")?;
        shell.info("a class has a gap", json!({ "class.key": class.as_str(), "gap": gap }));
        let message = Message::Class(class.clone());
        shell.queue.send(message.queue(), &message.encode()).await?;
    }
    Ok(gaps.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_that_are_open_on_record_are_recorded_before_all_others() {
        let example = include_str!("../../jit-github/tests/payloads/workflow_job.queued.1.json");
        let event = jit_github::webhook::WorkflowJobEvent::parse(example.as_bytes()).unwrap();
        let jobs: Vec<WorkflowJob> =
            (1..=4).map(|id| WorkflowJob { id: jit_github::JobId(id), ..event.job.clone() }).collect();
        let order: Vec<u64> = open_first(&jobs, &[2, 4, 9].into()).iter().map(|job| job.id.0).collect();
        assert_eq!(order, [2, 4, 1, 3]);
    }
}
