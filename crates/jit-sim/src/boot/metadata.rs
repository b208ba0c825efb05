//! The metadata service at 169.254.169.254, as EC2 and GCE have it, for the one machine that runs.
//! Not here: anything that the script does not ask.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html>,
//! <https://cloud.google.com/compute/docs/metadata/querying-metadata> (both read 2026-11-22).

use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use jit_fakes::cloud::RoleCredentials;
use jit_fakes::model::{Model, ReplyDelay};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::case::Cloud;

/// What GCE signs for an instance is checked by nobody here.
const IDENTITY_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJoZXJlIn0.c2ln";
const ROLE: &str = "jit-runners-runner";

/// What the service says of a machine.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) cloud: Cloud,
    pub(super) id: String,
    pub(super) region: String,
    /// Ends in a secret.
    pub(super) user_data: String,
    pub(super) credentials: Option<RoleCredentials>,
    /// From when on it has the credentials.
    pub(super) credentials_from: Timestamp,
    /// How late each reply is.
    pub(super) late: SignedDuration,
    /// When the cloud takes the machine back, once it has announced it.
    pub(super) notice: Option<Timestamp>,
}

/// The service; without a machine it knows nothing.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) machine: Option<Facts>,
    /// The last session's token; older ones are no longer taken, which is stricter than EC2.
    token: u64,
}

impl Metadata {
    fn answer(&mut self, now: Timestamp, request: &Request<Vec<u8>>) -> Option<String> {
        let path = request.uri().path();
        let has = |name: &str, value: &str| request.headers().get(name).is_some_and(|v| v == value);
        let machine = self.machine.as_ref()?;
        match machine.cloud {
            Cloud::Aws if request.method() == Method::PUT && path == "/latest/api/token" => {
                request.headers().get("x-aws-ec2-metadata-token-ttl-seconds")?;
                self.token += 1;
                Some(format!("token-{}==", self.token))
            }
            Cloud::Aws if has("x-aws-ec2-metadata-token", &format!("token-{}==", self.token)) => {
                machine.of_ec2(now, path.strip_prefix("/latest/")?)
            }
            Cloud::Gcp if has("metadata-flavor", "Google") => {
                machine.of_gce(path.strip_prefix("/computeMetadata/v1/instance/")?, request.uri().query())
            }
            Cloud::Aws | Cloud::Gcp => None,
        }
    }
}

impl Facts {
    fn of_ec2(&self, now: Timestamp, path: &str) -> Option<String> {
        match path {
            "user-data" => Some(self.user_data.clone()),
            "meta-data/instance-id" => Some(self.id.clone()),
            "meta-data/placement/region" => Some(self.region.clone()),
            "meta-data/iam/security-credentials/" if now >= self.credentials_from => Some(ROLE.to_owned()),
            "meta-data/spot/instance-action" => {
                self.notice.map(|at| json!({ "action": "terminate", "time": instant(at) }).to_string())
            }
            _ => {
                let role = path.strip_prefix("meta-data/iam/security-credentials/")?;
                let credentials = self.credentials.as_ref().filter(|_| role == ROLE)?;
                // As EC2 writes it, over several lines and with blanks.
                serde_json::to_string_pretty(&json!({
                    "Code": "Success",
                    "Type": "AWS-HMAC",
                    "LastUpdated": instant(now),
                    "AccessKeyId": credentials.access_key_id,
                    "SecretAccessKey": credentials.secret_access_key.expose_secret(),
                    "Token": credentials.session_token.expose_secret(),
                    "Expiration": instant(credentials.expires_at),
                }))
                .ok()
            }
        }
    }

    fn of_gce(&self, path: &str, query: Option<&str>) -> Option<String> {
        match path {
            "id" => Some(self.id.clone()),
            "zone" => Some(format!("projects/123456789012/zones/{}-b", self.region)),
            "attributes/user-data" => Some(self.user_data.clone()),
            "preempted" => Some(if self.notice.is_some() { "TRUE" } else { "FALSE" }.to_owned()),
            "service-accounts/default/identity" => {
                query.filter(|query| query.contains("audience=http")).map(|_| IDENTITY_TOKEN.to_owned())
            }
            _ => None,
        }
    }
}

fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Model for Metadata {
    fn handle(&mut self, now: Timestamp, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let answer = self.answer(now, &request);
        let mut reply = Response::new(answer.as_deref().unwrap_or_default().as_bytes().to_vec());
        if answer.is_none() {
            *reply.status_mut() = StatusCode::NOT_FOUND;
        }
        let late = self.machine.as_ref().map_or(SignedDuration::ZERO, |machine| machine.late);
        reply.extensions_mut().insert(ReplyDelay(late));
        reply
    }

    fn next_at(&self) -> Option<Timestamp> {
        None
    }

    fn advance(&mut self, _: Timestamp) {}
}
