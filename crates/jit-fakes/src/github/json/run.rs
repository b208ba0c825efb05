//! Workflow runs.

use serde_json::{Value, json};

use super::super::GitHub;
use super::super::run::{Phase, Run, RunGate};
use super::super::workflow::{Conclusion, Head};
use super::{node_id, time};

impl GitHub {
    /// The `status` of a run: one word for all its jobs, which may be in several phases.
    ///
    /// An open run of every status may hold queued jobs.
    pub(in super::super) fn run_status(&self, run: &Run) -> &'static str {
        if run.conclusion.is_some() {
            return "completed";
        }
        if run.gate == RunGate::Pending {
            return "pending";
        }
        let phases = || {
            let jobs = run.plans.iter().flat_map(|plan| plan.current.values());
            jobs.filter_map(|job| self.phase(*job))
        };
        let any = |wanted: fn(Phase) -> bool| phases().any(wanted);
        if any(|phase| matches!(phase, Phase::InProgress(_))) {
            "in_progress"
        } else if any(|phase| phase == Phase::Waiting) {
            "waiting"
        } else if any(|phase| phase == Phase::Pending) {
            "pending"
        } else if any(|phase| matches!(phase, Phase::Completed(_))) {
            "in_progress"
        } else {
            "queued"
        }
    }

    /// `workflow-run`.
    pub(in super::super) fn run_json(&self, run: &Run) -> Value {
        let Some(repository) = self.accounts.repositories.get(&run.repository) else { return Value::Null };
        let url = format!("{}/actions/runs/{}", self.repository_url(repository), run.id);
        let suite = run.id.0 | 1 << 40;
        let workflow = super::super::rest::workflow_number(&run.spec.path);
        let mut head_repository = self.repository_json(repository);
        if run.spec.head == Head::Fork {
            head_repository["fork"] = json!(true);
            head_repository["full_name"] = json!(format!("{}/{}", run.spec.actor, repository.name));
            head_repository["owner"] = self.actor_json(&run.spec.actor);
            head_repository["id"] = json!(repository.id.0 | 1 << 41);
        }
        let previous = (run.attempt > 1).then(|| format!("{url}/attempts/{}", run.attempt - 1));
        json!({
            "id": run.id,
            "name": run.spec.name,
            "node_id": node_id("WFR", run.id.0),
            "head_branch": run.spec.head_branch,
            "head_sha": run.head_sha,
            "path": run.spec.path,
            "display_title": run.spec.name,
            "run_number": run.number,
            "run_attempt": run.attempt,
            "event": run.spec.event,
            "status": self.run_status(run),
            "conclusion": run.conclusion.map(Conclusion::as_str),
            "workflow_id": workflow,
            "check_suite_id": suite,
            "check_suite_node_id": node_id("CS", suite),
            "url": url,
            "html_url": format!("{}/actions/runs/{}", self.repository_html_url(repository), run.id),
            "pull_requests": [],
            "created_at": time(run.created_at),
            "updated_at": time(run.updated_at),
            "run_started_at": time(run.attempt_at),
            "actor": self.actor_json(&run.spec.actor),
            "triggering_actor": self.actor_json(&run.spec.actor),
            "jobs_url": format!("{url}/jobs"),
            "logs_url": format!("{url}/logs"),
            "check_suite_url": format!("{}/check-suites/{suite}", self.repository_url(repository)),
            "artifacts_url": format!("{url}/artifacts"),
            "cancel_url": format!("{url}/cancel"),
            "rerun_url": format!("{url}/rerun"),
            "previous_attempt_url": previous,
            "workflow_url": format!("{}/actions/workflows/{workflow}", self.repository_url(repository)),
            "referenced_workflows": [],
            "head_commit": {
                "id": run.head_sha,
                "tree_id": run.head_sha,
                "message": run.spec.name,
                "timestamp": time(run.created_at),
                "author": { "name": run.spec.actor, "email": format!("{}@users.noreply.github.com", run.spec.actor) },
                "committer": { "name": "GitHub", "email": "noreply@github.com" },
            },
            "repository": self.repository_json(repository),
            "head_repository": head_repository,
        })
    }
}
