//! Jobs in the API and in webhooks. Not in it: fields of a webhook of which the model knows nothing (`example.rs`).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::GitHub;
use super::super::accounts::{AccountKind, Installation, Repository};
use super::super::ids::{InstallationId, JobId, RepositoryId};
use super::super::run::{Job, Phase, Run};
use super::super::settings::NoRunner;
use super::example::Example;
use super::{node_id, time, time_or_null};

impl GitHub {
    /// `job`. The same in the API and in `workflow_job` payloads.
    pub(in super::super) fn job_json(&self, job: &Job) -> Value {
        let (url, html) = match self.accounts.repositories.get(&job.repository) {
            Some(repository) => (self.repository_url(repository), self.repository_html_url(repository)),
            None => (String::new(), String::new()),
        };
        let run = self.runs.get(&job.run);
        let labels = self.spec_of(job.id).map(|spec| spec.labels.clone()).unwrap_or_default();
        let conclusion = job.phase.conclusion().map(|conclusion| conclusion.as_str());
        let mut value = json!({
            "id": job.id,
            "run_id": job.run,
            "workflow_name": run.map(|run| run.spec.name.clone()),
            "head_branch": run.map(|run| run.spec.head_branch.clone()),
            "run_url": format!("{url}/actions/runs/{}", job.run),
            "run_attempt": job.attempt,
            "node_id": node_id("CR", job.id.0),
            "head_sha": run.map(|run| run.head_sha.clone()),
            "url": format!("{url}/actions/jobs/{}", job.id),
            "html_url": format!("{html}/actions/runs/{}/job/{}", job.run, job.id),
            "status": job.phase.status(),
            "conclusion": conclusion,
            "created_at": time(job.created_at),
            "started_at": time(job.started_at.unwrap_or(job.created_at)),
            "completed_at": time_or_null(job.completed_at),
            "name": job.name,
            "steps": steps_json(job),
            "check_run_url": format!("{url}/check-runs/{}", job.id),
            "labels": labels,
        });
        self.add_runner(job, &mut value);
        value
    }

    fn add_runner(&self, job: &Job, value: &mut Value) {
        let on = job.ran_on.and_then(|id| self.runners.get(&id));
        let never_ran = matches!(job.phase, Phase::Completed(_)) && on.is_none();
        match on {
            Some(runner) => {
                value["runner_id"] = json!(runner.id);
                value["runner_name"] = json!(runner.name);
                value["runner_group_id"] = json!(runner.group);
                value["runner_group_name"] = json!(self.group_name(runner.scope, runner.group));
            }
            None if never_ran && self.settings.disputed.no_runner == NoRunner::Zero => {
                value["runner_id"] = json!(0);
                value["runner_name"] = json!("");
                value["runner_group_id"] = json!(0);
                value["runner_group_name"] = json!("");
            }
            None => {
                for field in ["runner_id", "runner_name", "runner_group_id", "runner_group_name"] {
                    value[field] = Value::Null;
                }
            }
        }
    }

    /// A `workflow_job` payload, and where it goes; `None` when no App is there to hear it.
    pub(in super::super) fn payload(&mut self, id: JobId, action: &str) -> Option<Payload> {
        let job = self.jobs.get(&id)?;
        let repository = self.accounts.repositories.get(&job.repository)?;
        let installation = self.accounts.installation_for(repository)?;
        let run = self.runs.get(&job.run)?;
        let actor = run.spec.actor.as_str();
        let environment = self.spec_of(id).and_then(|spec| spec.environment.as_ref());
        let example = Example::of(action, job.phase.conclusion(), environment.is_some());
        let mut told = self.job_json(job);
        example.complete("workflow_job", &mut told);
        let mut start = format!("\"workflow_job\":{told}");
        if let Some(environment) = environment.filter(|_| example == Example::QueuedForDeployment) {
            let mut deployment = self.deployment_json(job, run, repository, &environment.name);
            example.complete("deployment", &mut deployment);
            start.push_str(&format!(",\"deployment\":{deployment}"));
        }
        let (to, installed, start) = (repository.id, installation.id, start.into());
        let key = (to, installed, self.accounts.full_name(repository), actor.to_owned(), example);
        if let Some(common) = self.payload_ends.get(&key) {
            return Some(Payload { repository: to, installation: installed, start, end: Arc::clone(common) });
        }
        let end = self.payload_end(repository, installation, actor, example);
        self.payload_ends.insert(key, Arc::clone(&end));
        Some(Payload { repository: to, installation: installed, start, end })
    }

    /// What all payloads of a repository end with, from its first comma.
    fn payload_end(
        &self,
        repository: &Repository,
        installation: &Installation,
        actor: &str,
        example: Example,
    ) -> Arc<str> {
        let mut common = json!({
            "repository": self.webhook_repository_json(repository),
            "sender": self.actor_json(actor),
            "installation": { "id": installation.id, "node_id": node_id("MDIz", installation.id.0) },
        });
        if let Some(owner) = self.accounts.accounts.get(&repository.owner)
            && owner.kind == AccountKind::Organization
        {
            common["organization"] = self.organization_json(owner);
        }
        for (name, part) in common.as_object_mut().into_iter().flatten() {
            example.complete_as_today(name, part);
        }
        common.to_string().replacen('{', ",", 1).into()
    }

    /// The deployment that GitHub makes for a job with an environment.
    fn deployment_json(&self, job: &Job, run: &Run, repository: &Repository, environment: &str) -> Value {
        let url = self.repository_url(repository);
        let id = job.id.0 | 1 << 42;
        json!({
            "url": format!("{url}/deployments/{id}"),
            "id": id,
            "node_id": node_id("DE", id),
            "original_environment": environment,
            "environment": environment,
            "created_at": time(job.created_at),
            "updated_at": time(job.queued_at.unwrap_or(job.created_at)),
            "statuses_url": format!("{url}/deployments/{id}/statuses"),
            "repository_url": url,
            "creator": self.actor_json(&run.spec.actor),
            "sha": run.head_sha,
            "ref": run.spec.head_branch,
        })
    }
}

/// The text of a `workflow_job` payload in two halves, since the second is the same for all jobs of a repository.
#[derive(Clone, Debug)]
pub(in super::super) struct Payload {
    pub(in super::super) repository: RepositoryId,
    pub(in super::super) installation: InstallationId,
    start: Arc<str>,
    end: Arc<str>,
}

impl Payload {
    pub(in super::super) fn text(&self, action: &str) -> String {
        format!("{{\"action\":\"{action}\",{}{}", self.start, self.end)
    }
}

/// What the second half of a payload depends on: repository, installation, full name, sender, example.
pub(in super::super) type PayloadKey = (RepositoryId, InstallationId, String, String, Example);

/// What the agent says of a job while and after it runs: one step of ours between GitHub's own two.
fn steps_json(job: &Job) -> Value {
    let Some(started) = job.started_at else { return json!([]) };
    let step = |name: &str, number: u32, completed: Option<Timestamp>, conclusion: Option<&str>| {
        json!({
            "name": name,
            "status": if conclusion.is_some() { "completed" } else { "in_progress" },
            "conclusion": conclusion,
            "number": number,
            "started_at": time(started),
            "completed_at": time_or_null(completed),
        })
    };
    let conclusion = job.phase.conclusion().map(|conclusion| conclusion.as_str());
    let set_up = step("Set up job", 1, Some(started), Some("success"));
    json!([set_up, step("Run", 2, job.completed_at, conclusion)])
}
