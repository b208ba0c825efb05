//! The body of a claim. A fault is answered with 400 and says what is wrong.

use http::StatusCode;
use jit_domain::ids::{Cloud, Region};
use serde::Deserialize;
use serde_json::Value;

use crate::effects::Response;
use crate::limits;
use crate::reply::text;

/// A claim as it was sent, looked at but not believed.
#[derive(Debug)]
pub(super) struct Ask {
    /// The token.
    pub(super) token: String,
    /// The cloud.
    pub(super) cloud: Cloud,
    /// The instance it says it is.
    pub(super) instance_id: String,
    /// The region it says it is in.
    pub(super) region: Region,
    /// What shall prove it.
    pub(super) identity: Value,
}

#[derive(Deserialize)]
struct Wire {
    v: u64,
    token: String,
    cloud: String,
    instance_id: String,
    identity: Value,
}

impl Ask {
    /// Reads a body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Response> {
        let bad = |what: &str| text(StatusCode::BAD_REQUEST, what);
        if body.len() > limits::CLAIM_BYTES_MAX {
            return Err(text(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 32 KiB"));
        }
        let wire: Wire =
            serde_json::from_slice(body).map_err(|e| bad(&format!("the claim cannot be read: {e}")))?;
        if wire.v != 1 {
            return Err(bad("v must be 1"));
        }
        let cloud =
            Cloud::parse(&wire.cloud).ok_or_else(|| bad("cloud is not one that this deployment serves"))?;
        if !is_instance_id(&wire.instance_id) {
            return Err(bad("instance_id is not an EC2 instance id"));
        }
        let region = wire
            .identity
            .get("region")
            .and_then(Value::as_str)
            .ok_or_else(|| bad("identity.region is missing"))?;
        Ok(Self {
            token: wire.token,
            cloud,
            region: Region::new(region),
            instance_id: wire.instance_id,
            identity: wire.identity,
        })
    }
}

fn is_instance_id(text: &str) -> bool {
    let hex = text.strip_prefix("i-").unwrap_or_default();
    (8..=17).contains(&hex.len()) && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
