//! The requests an instance sends, and what it reads from the replies.
//! Not in it: when it sends them; see `life`.

use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cloud::RoleCredentials;
use crate::cloud::signature::sign_request;

/// The body that the identity is signed over.
const IDENTITY_BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
/// A server that asks for more patience than this is not obeyed.
const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_mins(5);
/// The longest that a 202 may ask an instance to wait.
const WAIT_S_MAX: u32 = 3600;
/// The longest job: GitHub ends a self-hosted job after 5 days.
const JOB_MAX_S: u32 = 5 * 24 * 3600 + 2 * 3600;

/// What a claim is answered with.
#[derive(Debug)]
pub(super) enum ClaimReply {
    /// 200: connect the agent.
    Config { jit_config: SecretString, job_max: SignedDuration, report_token: SecretString },
    /// 202: wait that long, then claim with the new token.
    Wait { wait: SignedDuration, token: SecretString },
    /// 410 or 401: no work, or the token is no good.
    Retire,
    /// 403: the identity is not believed.
    Forbidden,
    /// 409: the runner is connected, carry on.
    Connected,
    /// No reply, 503, or nothing that can be understood: again, not before the given time.
    Again(SignedDuration),
}

#[derive(Deserialize)]
struct ConfigBody {
    jit_config: String,
    job_max_s: u32,
    report_token: String,
}

#[derive(Deserialize)]
struct WaitBody {
    wait_s: u32,
    token: String,
}

/// What a claim says.
pub(super) struct Claim<'a> {
    pub(super) registrar_url: &'a str,
    pub(super) token: &'a SecretString,
    pub(super) instance_id: &'a str,
    pub(super) identity: &'a Value,
}

impl Claim<'_> {
    pub(super) fn request(&self) -> Option<Request<Vec<u8>>> {
        let body = json!({
            "v": 1,
            "token": self.token.expose_secret(),
            "cloud": "aws",
            "instance_id": self.instance_id,
            "identity": self.identity,
        });
        post(&format!("{}/v1/claim", self.registrar_url), &body)
    }
}

impl ClaimReply {
    pub(super) fn read(response: Option<&Response<Vec<u8>>>) -> Self {
        let Some(response) = response else { return Self::Again(SignedDuration::ZERO) };
        let again = Self::Again(retry_after(response));
        match response.status().as_u16() {
            200 => serde_json::from_slice(response.body()).map_or(again, |body: ConfigBody| Self::Config {
                jit_config: body.jit_config.into(),
                job_max: seconds(body.job_max_s.clamp(1, JOB_MAX_S)),
                report_token: body.report_token.into(),
            }),
            202 => serde_json::from_slice(response.body()).map_or(again, |body: WaitBody| Self::Wait {
                wait: seconds(body.wait_s.clamp(1, WAIT_S_MAX)),
                token: body.token.into(),
            }),
            401 | 410 => Self::Retire,
            403 => Self::Forbidden,
            409 => Self::Connected,
            _ => again,
        }
    }
}

/// Proves who the instance is: the headers of a GetCallerIdentity that it signs and does not send.
/// A signed header names the registrar, so that the proof is good nowhere else. `None` if an address is unusable.
pub(super) fn identity(
    credentials: &RoleCredentials,
    region: &str,
    sts_url: &str,
    registrar_url: &str,
    now: Timestamp,
) -> Option<Value> {
    let registrar = url::Url::parse(registrar_url).ok()?;
    let host = registrar.host_str()?;
    let audience = registrar.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let content_type = "application/x-www-form-urlencoded; charset=utf-8";
    let request = Request::post(sts_url).header("content-type", content_type);
    let request = request.header("x-jit-runners-audience", &audience);
    let mut request = request.body(IDENTITY_BODY.as_bytes().to_vec()).ok()?;
    sign_request(&mut request, credentials, ("sts", region), now)?;
    let headers = request.headers().iter().filter(|(name, _)| *name != "host");
    let headers: Option<serde_json::Map<_, _>> =
        headers.map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.into()))).collect();
    Some(json!({"region": region, "headers": headers?}))
}

pub(super) fn report(
    registrar_url: &str,
    token: &SecretString,
    instance_id: &str,
    stage: &str,
    detail: &Value,
) -> Option<Request<Vec<u8>>> {
    let token = token.expose_secret();
    let body = json!({"v": 1, "token": token, "instance_id": instance_id, "stage": stage, "detail": detail});
    post(&format!("{registrar_url}/v1/report"), &body)
}

pub(super) fn connect(github_url: &str, jit_config: &SecretString) -> Option<Request<Vec<u8>>> {
    let body = json!({"encoded_jit_config": jit_config.expose_secret()});
    post(&format!("{github_url}/_agent/connect"), &body)
}

pub(super) fn message(github_url: &str, session: &str) -> Option<Request<Vec<u8>>> {
    Request::get(format!("{github_url}/_agent/session/{session}/message")).body(Vec::new()).ok()
}

pub(super) fn job_state(github_url: &str, session: &str, body: &Value) -> Option<Request<Vec<u8>>> {
    post(&format!("{github_url}/_agent/session/{session}/job"), body)
}

/// A job as GitHub hands it to the agent.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Job {
    pub(super) job_id: u64,
    #[serde(default)]
    pub(super) duration_s: f64,
    #[serde(default = "success")]
    pub(super) conclusion: String,
    #[serde(default)]
    repository: Value,
    #[serde(default)]
    event: Value,
    #[serde(default)]
    actor: Value,
    #[serde(default)]
    run_id: Value,
    #[serde(default)]
    run_attempt: Value,
    #[serde(default)]
    name: Value,
}

fn success() -> String {
    "success".into()
}

/// What the agent finds when it looks for a message.
#[derive(Debug)]
pub(super) enum Message {
    Nothing,
    Job(Box<Job>),
    Cancel,
    /// The registration is gone.
    Gone,
    /// No reply, or one that says nothing.
    Unclear,
}

impl Message {
    pub(super) fn read(response: Option<&Response<Vec<u8>>>) -> Self {
        let Some(response) = response else { return Self::Unclear };
        match response.status().as_u16() {
            204 => Self::Nothing,
            401 | 403 | 404 | 410 => Self::Gone,
            200 => {
                let Ok(body) = serde_json::from_slice::<Value>(response.body()) else { return Self::Unclear };
                match body.get("type").and_then(Value::as_str) {
                    Some("job") => {
                        serde_json::from_value(body).map_or(Self::Unclear, |job| Self::Job(Box::new(job)))
                    }
                    Some("cancel") => Self::Cancel,
                    _ => Self::Unclear,
                }
            }
            _ => Self::Unclear,
        }
    }
}

impl Job {
    /// How long it runs; a length that makes no sense counts as none.
    pub(super) fn duration(&self) -> SignedDuration {
        let limit = f64::from(JOB_MAX_S);
        let secs = if self.duration_s.is_finite() { self.duration_s.clamp(0.0, limit) } else { 0.0 };
        SignedDuration::try_from_secs_f64(secs).unwrap_or_default()
    }

    /// What the job-started hook tells the registrar.
    pub(super) fn detail(&self) -> Value {
        json!({
            "repository": self.repository,
            "event": self.event,
            "actor": self.actor,
            "triggering_actor": self.actor,
            "run_id": self.run_id.to_string(),
            "run_attempt": self.run_attempt,
            "job": self.name,
        })
    }
}

/// Whether the registrar allows the job; `None` if it has not said so clearly.
pub(super) fn verdict(response: Option<&Response<Vec<u8>>>) -> Option<bool> {
    let response = response.filter(|response| response.status() == 200)?;
    let body: Value = serde_json::from_slice(response.body()).ok()?;
    match body.get("verdict")?.as_str()? {
        "allow" => Some(true),
        "refuse" => Some(false),
        _ => None,
    }
}

pub(super) fn session(response: &Response<Vec<u8>>) -> Option<String> {
    let body: Value = serde_json::from_slice(response.body()).ok()?;
    Some(body.get("session")?.as_str()?.to_owned())
}

/// Seconds of the Retry-After header, bounded.
pub(super) fn retry_after(response: &Response<Vec<u8>>) -> SignedDuration {
    let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    seconds(header.and_then(|text| text.trim().parse().ok()).unwrap_or(0)).min(RETRY_AFTER_MAX)
}

fn seconds(secs: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(secs))
}

fn post(url: &str, body: &Value) -> Option<Request<Vec<u8>>> {
    Request::post(url).header("content-type", "application/json").body(body.to_string().into_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_reply_is_read_without_a_panic(
            status in 100u16..600, body in proptest::collection::vec(any::<u8>(), 0..80), after in "[0-9a-z]{0,12}",
        ) {
            let reply = Response::builder().status(status).header("retry-after", after).body(body).unwrap();
            let _ = (ClaimReply::read(Some(&reply)), Message::read(Some(&reply)), verdict(Some(&reply)));
            prop_assert!(retry_after(&reply) <= RETRY_AFTER_MAX);
        }

        #[test]
        fn any_job_length_is_bounded(secs in proptest::num::f64::ANY) {
            let mut job: Job = serde_json::from_str(r#"{"job_id": 1}"#).unwrap();
            job.duration_s = secs;
            prop_assert!(job.duration() >= SignedDuration::ZERO && job.duration() <= seconds(JOB_MAX_S));
        }
    }
}
