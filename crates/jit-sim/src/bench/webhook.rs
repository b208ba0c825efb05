//! webhook in real time, beside a component that answers at once: the ratio is what webhook itself costs, whatever the machine.
//!
//! Both are called in process, with a new instance for each request. Their blocks of requests take turns, so that what else the
//! machine does meets both. A time is until the reply is whole; a rate counts the work after the reply too: webhook's nudge.
//! Not in here: sockets, and the drains that a nudge sets going.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Request, StatusCode};
use jiff::Timestamp;
use jit_host::outbound::Unreachable;
use jit_host::{Host, MemoryKeyValue, Options};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::application::Application;
use super::statistics::{Durations, per_second, ratio};
use crate::plane::cache_directory;
use crate::world::{ORGANISATION, WEBHOOK_SECRET, variables};

/// An example of Octokit's, of which only what must differ is changed.
const PAYLOAD: &str = include_str!("../../../jit-github/tests/payloads/workflow_job.queued.1.json");
/// Requests of one kind before the other has its turn.
const BLOCK: usize = 50;
/// Requests under way at once, in turn.
const AT_A_TIME: [usize; 2] = [1, 8];

/// Sends `requests` to each of the two and prints what they took, for each number under way at once.
///
/// # Errors
/// A component is not built, or a request was not answered as it must be.
pub async fn measure(application: &Application, requests: usize) -> Result<()> {
    let mut first_job = 1;
    for at_a_time in AT_A_TIME {
        // A new host for each: what the first left in its queue must not weigh on the second.
        let host = host(application)?;
        let (mut webhook, mut at_once) = (Taken::default(), Taken::default());
        for kind in 0..requests.div_ceil(BLOCK) * 2 {
            if kind % 2 == 0 {
                let block = (first_job..).take(BLOCK).map(delivery).collect::<Result<Vec<_>>>()?;
                first_job += BLOCK as u64;
                webhook.add(block_of(&host, block, at_a_time, StatusCode::ACCEPTED).await?);
            } else {
                let block = (0..BLOCK).map(|_| plain()).collect::<Result<Vec<_>>>()?;
                at_once.add(block_of(&host, block, at_a_time, StatusCode::OK).await?);
            }
        }
        report(at_a_time, webhook, at_once);
    }
    Ok(())
}

fn host(application: &Application) -> Result<Host> {
    let options = Options {
        variables: variables(),
        key_value: Arc::new(MemoryKeyValue::default()),
        outbound: Arc::new(Unreachable),
        cache_directory: Some(cache_directory()),
        ..Options::default()
    };
    Host::load(&application.webhook_alone(), options)
        .context("webhook and the component that answers at once cannot be run; are they built?")
}

/// A delivery about a job that nobody has heard of, signed as GitHub signs.
fn delivery(job: u64) -> Result<Request<Bytes>> {
    let mut event: Value = serde_json::from_str(PAYLOAD)?;
    event["workflow_job"]["id"] = json!(job);
    event["workflow_job"]["run_id"] = json!(1_000_000 + job);
    event["workflow_job"]["created_at"] = json!(Timestamp::now().to_string());
    event["workflow_job"]["labels"] = json!(["self-hosted", "linux", "x64"]);
    event["organization"] = json!({ "login": ORGANISATION, "id": 1 });
    event["repository"]["full_name"] = json!(format!("{ORGANISATION}/Hello-World"));
    let body = serde_json::to_vec_pretty(&event)?;
    let signature = jit_github::webhook::signature::sign(&body, &SecretString::from(WEBHOOK_SECRET));
    let request = Request::post("/webhook")
        .header("content-type", "application/json")
        .header("x-github-event", "workflow_job")
        .header("x-github-delivery", format!("00000000-0000-4000-8000-{job:012}"))
        .header("x-hub-signature-256", signature);
    Ok(request.body(body.into())?)
}

fn plain() -> Result<Request<Bytes>> {
    Ok(Request::post("/at-once").body(Bytes::new())?)
}

/// How long requests took.
#[derive(Debug, Default)]
struct Taken {
    /// Until each reply was whole.
    replies: Vec<Duration>,
    /// Until all work was done, also that after replies.
    whole: Duration,
}

impl Taken {
    fn add(&mut self, other: Self) {
        self.replies.extend(other.replies);
        self.whole += other.whole;
    }
}

async fn block_of(
    host: &Host,
    requests: Vec<Request<Bytes>>,
    at_a_time: usize,
    wanted: StatusCode,
) -> Result<Taken> {
    let mut taken = Taken::default();
    let began = Instant::now();
    let mut under_way = JoinSet::new();
    for request in requests {
        if under_way.len() >= at_a_time {
            taken.replies.extend(next(&mut under_way, wanted).await?);
            if at_a_time == 1 {
                host.idle().await;
            }
        }
        let host = host.clone();
        under_way.spawn(async move {
            let began = Instant::now();
            let status = host.request(request).await.status();
            (status, began.elapsed())
        });
    }
    while let Some(reply) = next(&mut under_way, wanted).await? {
        taken.replies.push(reply);
    }
    host.idle().await;
    taken.whole = began.elapsed();
    Ok(taken)
}

async fn next(
    under_way: &mut JoinSet<(StatusCode, Duration)>,
    wanted: StatusCode,
) -> Result<Option<Duration>> {
    let Some(ended) = under_way.join_next().await else { return Ok(None) };
    let (status, took) = ended?;
    ensure!(status == wanted, "a request was answered {status} instead of {wanted}");
    Ok(Some(took))
}

fn report(at_a_time: usize, webhook: Taken, at_once: Taken) {
    let rate = |taken: &Taken| per_second(taken.replies.len(), taken.whole);
    let (webhook_rate, at_once_rate) = (rate(&webhook), rate(&at_once));
    let requests = webhook.replies.len();
    let (webhook, at_once) = (Durations::new(webhook.replies), Durations::new(at_once.replies));
    for (name, rate, times) in [("webhook", webhook_rate, &webhook), ("at-once", at_once_rate, &at_once)] {
        println!(
            "bench: at_a_time={at_a_time} component={name} requests={requests} per_s={rate:.0} p50_us={} p99_us={}",
            times.percentile(50).as_micros(),
            times.percentile(99).as_micros(),
        );
    }
    let times =
        |percent| ratio(webhook.percentile(percent).as_secs_f64(), at_once.percentile(percent).as_secs_f64());
    println!(
        "bench: at_a_time={at_a_time} webhook_to_at_once per_s={:.2} p50={:.2} p99={:.2}",
        ratio(webhook_rate, at_once_rate),
        times(50),
        times(99),
    );
}

#[cfg(test)]
mod tests {
    use jit_github::webhook::{WorkflowJobEvent, signature};

    use super::*;

    #[test]
    fn each_delivery_is_signed_and_about_a_job_of_its_own() {
        let mut jobs = Vec::new();
        for job in [7, 8] {
            let request = delivery(job).unwrap();
            let signed = request.headers()["x-hub-signature-256"].to_str().unwrap();
            let secrets = [SecretString::from(WEBHOOK_SECRET)];
            assert_eq!(signature::verify(request.body(), Some(signed), &secrets), Ok(()));
            jobs.push(WorkflowJobEvent::parse(request.body()).unwrap().job.id.0);
        }
        assert_eq!(jobs, [7, 8]);
    }
}
