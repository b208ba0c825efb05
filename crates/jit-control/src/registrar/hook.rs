//! The question of the job-started hook: may the job that the agent was given run? The rules are the pool's; what the instance says
//! of the job is a hint, so the ledger, or GitHub, is asked where `decide/hook.rs` says so.

use std::collections::BTreeSet;

use jit_domain::decide::allow::{Facts, Origin, Refusal};
use jit_domain::decide::hook::{self as decide, Answer, Told};
use jit_domain::ids::{EventName, Login, RepositoryName, RunId};
use jit_domain::instance::Instance;
use jit_domain::job::{Job, Visibility};
use jit_domain::policy::Pool;
use jit_github::runs::WorkflowRun;
use serde_json::{Value, json};

use super::{Response, ours, seconds};
use crate::effects::Effects;
use crate::github::{GitHub, GitHubError, Priority};
use crate::limits;
use crate::reply;
use crate::settings::RegistrarSettings;
use crate::shell::{Failure, Shell};
use crate::stored::Stored as _;

/// Answers with a verdict; 503 when nobody who was asked has answered, so that the instance asks again.
pub(super) async fn answer<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &RegistrarSettings,
    instance: &Instance,
    detail: &Value,
) -> Response {
    let told = told(detail);
    match judge(shell, settings, instance, &told).await {
        Ok(Ok(())) => reply::json(http::StatusCode::OK, &json!({ "verdict": "allow" })),
        Ok(Err(refusal)) => {
            let repository = told.facts.repository.as_ref().map(RepositoryName::as_str);
            shell.warn(
                "a job was refused before its first step",
                json!({ "instance.id": instance.key.id, "run.id": told.run.map(|run| run.0), "repository": repository,
                    "reason": refusal.code(), "cause": refusal.to_string() }),
            );
            let said =
                json!({ "verdict": "refuse", "reason": refusal.code(), "explanation": refusal.to_string() });
            reply::json(http::StatusCode::OK, &said)
        }
        Err(GitHubError::Failure(failure)) => ours(shell, "a job could not be judged", &failure),
        Err(error) => {
            shell.failed("a job could not be judged", &error);
            let now = shell.now();
            let wait =
                error.refused_until(now).map_or(limits::RETRY_AFTER_S, |until| seconds(until.since(now)));
            reply::later(wait, "github did not say what the run is")
        }
    }
}

async fn judge<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &RegistrarSettings,
    instance: &Instance,
    told: &Told,
) -> Result<Result<(), Refusal>, GitHubError> {
    let Some(pool) = shell.policy.pool(&instance.pool) else { return Ok(Err(Refusal::PoolGone)) };
    let mut answer = decide::answer(pool, &instance.scope, told);
    if let Answer::LookInLedger(repository, run) = answer {
        let found = job_of(shell, instance, &repository, run).await?;
        answer = decide::after_ledger(pool, told, (repository, run), found.as_ref());
    }
    match answer {
        Answer::Allow => Ok(Ok(())),
        Answer::Refuse(refusal) => Ok(Err(refusal)),
        Answer::LookInLedger(repository, run) | Answer::AskGitHub(repository, run) => {
            ask_github(shell, settings, (pool, instance), &repository, run).await
        }
    }
}

async fn ask_github<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &RegistrarSettings,
    (pool, instance): (&Pool, &Instance),
    repository: &RepositoryName,
    run: RunId,
) -> Result<Result<(), Refusal>, GitHubError> {
    // Before cleanup and all other questions: a job waits for this one, and fails without an answer.
    let github = GitHub::new(shell, &settings.github, Priority::Jit)?;
    let run = github.run(instance.installation, repository, run).await?;
    Ok(decide::after_github(pool, &instance.scope, run.as_ref().map(facts_of).as_ref()))
}

/// A job of the run: as a rule the one on whose account the instance was given its JIT config.
async fn job_of<E: Effects>(
    shell: &Shell<'_, E>,
    instance: &Instance,
    repository: &RepositoryName,
    run: RunId,
) -> Result<Option<Job>, Failure> {
    let is_of_run = |job: &Job| job.run == run && job.repository == *repository;
    for id in [instance.permit, instance.job].into_iter().flatten() {
        let known = shell.read::<Job>(&Job::key(id)).await?.map(|known| known.value);
        if let Some(job) = known.filter(is_of_run) {
            return Ok(Some(job));
        }
    }
    let open = shell.open::<Job>().await?.into_iter().map(|known| known.value);
    Ok(open.filter(is_of_run).max_by_key(|job| job.visibility))
}

/// What the hook's words say; an empty word, and the hyphen that stands for one, say nothing.
fn told(detail: &Value) -> Told {
    let word =
        |name: &str| detail.get(name).and_then(Value::as_str).filter(|word| !word.is_empty() && *word != "-");
    let actors: BTreeSet<Login> =
        ["actor", "triggering_actor"].into_iter().filter_map(word).map(Login::new).collect();
    let is_event = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let number = detail.get("run_id").and_then(Value::as_u64);
    Told {
        facts: Facts {
            repository: word("repository").and_then(RepositoryName::parse),
            event: word("event").filter(is_event).map(EventName::new),
            actors: (!actors.is_empty()).then_some(actors),
            ..Facts::default()
        },
        run: number.or_else(|| word("run_id")?.parse().ok()).map(RunId),
    }
}

/// What GitHub says. A fork that was deleted since leaves open where the change came from.
fn facts_of(run: &WorkflowRun) -> Facts {
    let actors: BTreeSet<Login> =
        [&run.actor, &run.triggering_actor].into_iter().flatten().map(|login| Login::new(login)).collect();
    let repository = run.repository.as_ref();
    Facts {
        repository: repository.and_then(|own| RepositoryName::parse(&own.full_name)),
        visibility: repository.and_then(|own| own.private).map(Visibility::of),
        origin: repository
            .zip(run.head_repository.as_ref())
            .map(|(own, head)| if own.id == head.id { Origin::Own } else { Origin::Fork }),
        event: Some(EventName::new(&run.event)),
        actors: (!actors.is_empty()).then_some(actors),
    }
}
