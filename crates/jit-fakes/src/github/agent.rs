//! What the agent on an instance asks. GitHub's own protocol is not public; this surface is ours (see README).
//! Not in it: which job a runner gets (`assign.rs`).

use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::GitHub;
use super::accounts::Visibility;
use super::ids::{JobId, RunnerId};
use super::rest::{Reply, digest, json_reply};
use super::run::Phase;
use super::workflow::{Conclusion, Head, JobSpec};

impl GitHub {
    pub(super) fn answer_agent(&mut self, path: &str, request: &Request<Vec<u8>>) -> Reply {
        let segments = path.split('/').collect::<Vec<_>>();
        match (request.method(), segments.as_slice()) {
            (&Method::POST, ["connect"]) => self.connect(request.body()),
            (&Method::GET, ["session", session, "message"]) => self.message(session),
            (&Method::POST, ["session", session, "job"]) => self.job_state(session, request.body()),
            _ => said(StatusCode::NOT_FOUND, "no such operation"),
        }
    }

    fn connect(&mut self, body: &[u8]) -> Reply {
        let body = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
        let config = body.get("encoded_jit_config").and_then(Value::as_str).unwrap_or_default();
        let Some(id) = self.configs.get(&digest(config.as_bytes())).copied() else {
            return said(StatusCode::UNAUTHORIZED, "not a JIT config of this GitHub");
        };
        let Some(runner) = self.runners.get_mut(&id) else {
            return said(StatusCode::NOT_FOUND, "registration not found");
        };
        if runner.connected_at.is_some() {
            return said(StatusCode::CONFLICT, "this JIT config was used before");
        }
        if !runner.is_live() {
            return said(StatusCode::NOT_FOUND, "registration not found");
        }
        let session = self.random.text("agent session", 32);
        runner.connected_at = Some(self.now);
        runner.last_seen = Some(self.now);
        runner.session = Some(session.clone());
        self.sessions.insert(session.clone(), id);
        self.make_idle(id);
        json_reply(StatusCode::OK, &json!({ "runner_id": id, "session": session }))
    }

    fn message(&mut self, session: &str) -> Reply {
        let Some(id) = self.heard_of(session) else {
            return said(StatusCode::NOT_FOUND, "registration not found");
        };
        // A poll is when GitHub hands over what it has, so assignment comes before the reply.
        self.settle();
        let Some(job_id) = self.runners.get(&id).and_then(|runner| runner.job) else {
            return nothing_new();
        };
        let Some(job) = self.jobs.get(&job_id) else { return nothing_new() };
        match job.phase {
            Phase::Assigned(_) => match self.job_message(job_id) {
                Some(message) => json_reply(StatusCode::OK, &message),
                None => nothing_new(),
            },
            Phase::InProgress(_) if job.cancel_asked => {
                json_reply(StatusCode::OK, &json!({ "type": "cancel", "job_id": job_id }))
            }
            Phase::InProgress(_)
            | Phase::Waiting
            | Phase::Pending
            | Phase::Held
            | Phase::Queued
            | Phase::Completed(_) => nothing_new(),
        }
    }

    fn job_state(&mut self, session: &str, body: &[u8]) -> Reply {
        let body = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
        let state = body.get("state").and_then(Value::as_str).unwrap_or_default();
        let known = self.sessions.get(session).copied();
        if state == "finished" && known.is_some_and(|id| self.has_finished(id)) {
            return json_reply(StatusCode::OK, &json!({}));
        }
        let Some(id) = self.heard_of(session) else {
            return said(StatusCode::NOT_FOUND, "registration not found");
        };
        match state {
            "started" if self.pick_up(id) => json_reply(StatusCode::OK, &json!({})),
            "started" => said(StatusCode::CONFLICT, "the job is not assigned to this runner any more"),
            "finished" => {
                let running = self.runners.get(&id).and_then(|runner| runner.job);
                let running = running.filter(|job| self.phase(*job) == Some(Phase::InProgress(id)));
                let Some(job) = running else {
                    return said(StatusCode::CONFLICT, "this runner is not running a job");
                };
                let Some(conclusion) = self.finished_how(job, &body) else {
                    return said(StatusCode::UNPROCESSABLE_ENTITY, "unknown conclusion");
                };
                self.finish_job(job, conclusion);
                json_reply(StatusCode::OK, &json!({}))
            }
            _ => said(StatusCode::UNPROCESSABLE_ENTITY, "state is started or finished"),
        }
    }

    /// The runner of a session, if it is still registered; it counts as heard of.
    fn heard_of(&mut self, session: &str) -> Option<RunnerId> {
        let id = *self.sessions.get(session)?;
        let runner = self.runners.get(&id).filter(|runner| runner.is_live() && !runner.stuck)?;
        let id = runner.id;
        self.touch(id);
        Some(id)
    }

    fn has_finished(&self, id: RunnerId) -> bool {
        let ran = self.runners.get(&id).filter(|runner| runner.job.is_none()).and_then(|runner| runner.ran);
        ran.and_then(|job| self.phase(job)).is_some_and(|phase| matches!(phase, Phase::Completed(_)))
    }

    fn finished_how(&self, job: JobId, body: &Value) -> Option<Conclusion> {
        match body.get("conclusion").filter(|conclusion| !conclusion.is_null()) {
            Some(word) => word.as_str().and_then(Conclusion::parse),
            None => self.spec_of(job).map(|spec| spec.conclusion),
        }
    }

    fn job_message(&self, id: JobId) -> Option<Value> {
        let job = self.jobs.get(&id)?;
        let run = self.runs.get(&job.run)?;
        let spec = self.spec_of(id)?;
        let repository = self.accounts.repositories.get(&job.repository)?;
        Some(json!({
            "type": "job",
            "job_id": id,
            "run_id": job.run,
            "run_attempt": job.attempt,
            "name": job.name,
            "labels": spec.labels,
            "duration_s": spec.leg_duration_s(job.leg),
            "conclusion": spec.conclusion.as_str(),
            "timeout_s": spec.timeout_s,
            "repository": self.accounts.full_name(repository),
            "repository_id": repository.id,
            "private": repository.visibility == Visibility::Private,
            "event": run.spec.event,
            "fork": run.spec.head == Head::Fork,
            "actor": run.spec.actor,
            "head_branch": run.spec.head_branch,
            "head_sha": run.head_sha,
            "workflow": run.spec.name,
        }))
    }

    pub(super) fn spec_of(&self, id: JobId) -> Option<&JobSpec> {
        let job = self.jobs.get(&id)?;
        self.runs.get(&job.run)?.job_spec(job.plan)
    }
}

fn said(status: StatusCode, message: &str) -> Reply {
    json_reply(status, &json!({ "message": message }))
}

fn nothing_new() -> Reply {
    let mut reply = Response::new(Vec::new());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}
