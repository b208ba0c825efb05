//! webhook: verifies GitHub's delivery and puts what it says into a queue. It keeps no memory, reaches no ledger, and enqueues
//! nothing before the signature holds. Every fault of a caller has its own answer; none is a 500.

use http::{Method, StatusCode};
use jit_domain::decide::webhook::{self as decide, Accept};
use jit_domain::ids::{InstallationId, JobId, Login, RepositoryName, RunId, RunnerId};
use jit_domain::job::{RunnerRef, Visibility};
use jit_domain::labels::LabelSet;
use jit_domain::observation::{self, Observation};
use jit_domain::policy::Policy;
use jit_domain::time::Timestamp;
use jit_github::webhook::signature::{self, SignatureError};
use jit_github::webhook::{Action, DELIVERY_HEADER, Event, SIGNATURE_HEADER, WorkflowJobEvent};
use serde_json::json;

use crate::aws::SecretError;
use crate::effects::{Effects, Request, Response};
use crate::limits;
use crate::message::{JobObservation, Message};
use crate::queue::{Queue as _, QueueName};
use crate::reply::text;
use crate::settings::{WebhookSecrets, WebhookSettings};
use crate::shell::{Shell, chain};
use crate::time::domain_time;

/// A reply, and the function to nudge once it is out.
#[derive(Debug)]
pub struct Answer {
    /// What GitHub is told.
    pub reply: Response,
    /// Whose queue has something new.
    pub nudge: Option<QueueName>,
}

/// Answers one delivery.
pub async fn receive<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &WebhookSettings,
    request: &Request,
) -> Answer {
    match accept(shell, settings, request).await {
        Err(reply) => Answer { reply, nudge: None },
        Ok(message) => {
            let queue = message.queue();
            match shell.queue.send(queue, &message.encode()).await {
                Ok(()) => Answer { reply: text(StatusCode::ACCEPTED, "accepted"), nudge: Some(queue) },
                Err(error) => {
                    shell.failed("a delivery was not enqueued; github's log keeps it", &error);
                    Answer {
                        reply: text(StatusCode::SERVICE_UNAVAILABLE, "the queue refused; redeliver later"),
                        nudge: None,
                    }
                }
            }
        }
    }
}

/// All that comes before the queue, in the order in which it must: method, size, signature, event, JSON, then the decision.
async fn accept<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &WebhookSettings,
    request: &Request,
) -> Result<Message, Response> {
    if request.method() != Method::POST {
        return Err(text(StatusCode::METHOD_NOT_ALLOWED, "only POST is answered here"));
    }
    let body = request.body();
    if body.len() > limits::WEBHOOK_BYTES_MAX {
        return Err(text(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 1 MiB"));
    }
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    verify(shell, settings, body, header(SIGNATURE_HEADER)).await?;
    match header(jit_github::webhook::EVENT_HEADER).map(Event::from) {
        Some(Event::WorkflowJob) => {}
        Some(Event::Ping) => return Err(text(StatusCode::OK, "pong")),
        _ => return Err(text(StatusCode::OK, "ignored: not a workflow_job event")),
    }
    let event = WorkflowJobEvent::parse(body).map_err(|e| text(StatusCode::BAD_REQUEST, &e.to_string()))?;
    let delivery = header(DELIVERY_HEADER).map(str::to_owned);
    let Some((observation, labels)) = observe(&event, shell.now())? else {
        return Err(text(StatusCode::OK, "ignored: an action that says nothing about runners"));
    };
    answer(shell, &shell.policy, observation, labels, delivery)
}

/// Whether GitHub signed the body with a secret that is accepted. Secrets Manager is asked only for a signature that could be one.
async fn verify<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &WebhookSettings,
    body: &[u8],
    given: Option<&str>,
) -> Result<(), Response> {
    let refuse = |error: SignatureError| {
        shell.warn("a delivery's signature does not hold", json!({ "cause": error.to_string() }));
        text(StatusCode::UNAUTHORIZED, "the signature does not hold")
    };
    let stored = match &settings.secrets {
        WebhookSecrets::Values(secrets) => {
            return signature::verify(body, given, secrets.accepted()).map_err(refuse);
        }
        WebhookSecrets::Stored(stored) => stored,
    };
    let unread = |error: SecretError| {
        shell.error(
            "the webhook secret was not read; github's log keeps the delivery",
            json!({ "cause": chain(&error) }),
        );
        text(StatusCode::SERVICE_UNAVAILABLE, "the secret cannot be read; redeliver later")
    };
    match signature::verify(body, given, &[]) {
        Ok(()) | Err(SignatureError::Mismatch) => {}
        Err(error) => return Err(refuse(error)),
    }
    let current = stored.current(shell.effects).await.map_err(unread)?;
    if signature::verify(body, given, &[current]).is_ok() {
        return Ok(());
    }
    // Not while the current one verifies: only a rotation under way, or a forger, costs a second call.
    let previous = stored.previous(shell.effects).await.map_err(unread)?;
    signature::verify(body, given, previous.as_slice()).map_err(refuse)
}

fn answer<E: Effects>(
    shell: &Shell<'_, E>,
    policy: &Policy,
    observation: Observation,
    labels: Vec<String>,
    delivery: Option<String>,
) -> Result<Message, Response> {
    let mut fields = json!({ "job.id": observation.job.0, "run.id": observation.run.0, "action": observation.action.as_str(),
        "repository": observation.repository.as_str(), "delivery": delivery });
    let (event, told) = match decide::accept(policy, observation, shell.now()) {
        Accept::Jobs(told) | Accept::Lifecycle(told) => ("a delivery was accepted", Ok(told)),
        Accept::Stale => (
            "a delivery is stale",
            Err(text(StatusCode::OK, "ignored: the job was queued more than 25 hours ago")),
        ),
        Accept::NotServed => {
            ("a delivery's owner is not served", Err(text(StatusCode::ACCEPTED, "not served")))
        }
        Accept::NoPool => ("a delivery's labels match no pool", Err(text(StatusCode::ACCEPTED, "no pool"))),
        Accept::Refused(pool, refusal) => {
            fields["pool"] = pool.as_str().into();
            fields["reason"] = refusal.code().into();
            ("a delivery's job is refused", Err(text(StatusCode::ACCEPTED, &format!("refused: {refusal}"))))
        }
    };
    shell.info(event, fields);
    told.map(|told| Message::Job(wire(told, labels, delivery)))
}

/// What the event says, as the domain takes it. None for an action of no meaning here.
fn observe(event: &WorkflowJobEvent, now: Timestamp) -> Result<Option<(Observation, Vec<String>)>, Response> {
    let bad = |what: &str| text(StatusCode::BAD_REQUEST, what);
    let action = match event.action {
        Action::Queued => observation::Action::Queued,
        Action::Waiting => observation::Action::Waiting,
        Action::InProgress => observation::Action::InProgress,
        Action::Completed => observation::Action::Completed,
        _ => return Ok(None),
    };
    let job = &event.job;
    let repository = RepositoryName::parse(&event.repository.full_name)
        .ok_or_else(|| bad("repository.full_name is not `owner/name`"))?;
    let installation = event.installation.map(|id| InstallationId(id.0));
    let installation = installation.ok_or_else(|| {
        bad("installation.id is missing: the delivery must come from a GitHub App, not from a repository's webhook")
    })?;
    let runner = RunnerRef::named(job.runner_id.map(|id| RunnerId(id.0)), job.runner_name.as_deref());
    let labels: LabelSet = job.labels.iter().collect();
    let happened_at = match action {
        observation::Action::InProgress => job.started_at,
        observation::Action::Completed => job.completed_at,
        observation::Action::Queued | observation::Action::Waiting => None,
    };
    let observation = Observation {
        action,
        job: JobId(job.id.0),
        run: RunId(job.run_id.0),
        attempt: job.run_attempt,
        name: job.name.clone(),
        labels,
        installation,
        repository,
        organisation: event.organization.as_deref().map(Login::new),
        visibility: Some(Visibility::of(event.repository.private)),
        sender: event.sender.as_deref().map(Login::new),
        pool: None,
        runner,
        conclusion: job.conclusion.as_ref().map(|c| c.as_str().to_owned()),
        created_at: job.created_at.map_or(now, domain_time),
        at: happened_at.map_or(now, domain_time),
        received_at: now,
    };
    Ok(Some((observation, job.labels.clone())))
}

fn wire(told: Observation, labels: Vec<String>, delivery: Option<String>) -> JobObservation {
    JobObservation {
        delivery,
        action: told.action,
        job: told.job,
        run: told.run,
        attempt: told.attempt,
        name: told.name,
        labels,
        installation: told.installation,
        repository: told.repository,
        organisation: told.organisation,
        visibility: told.visibility,
        sender: told.sender,
        pool: told.pool,
        runner_id: told.runner.as_ref().and_then(|r| r.id),
        runner_name: told.runner.map(|r| r.name),
        conclusion: told.conclusion,
        created_at: told.created_at,
        at: told.at,
        received_at: told.received_at,
    }
}
