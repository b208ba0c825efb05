//! Reports of instances. They are hints: a report moves the record's stage forward and nothing else; what ends, frees or re-runs
//! anything is what the cloud or GitHub confirms.

use http::StatusCode;
use jit_domain::class::Class;
use jit_domain::decide::registrar as decide;
use jit_domain::ids::{BatchId, ClassKey, Cloud, InstanceKey};
use jit_domain::instance::{Instance, Stage};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Response, Shell, hook, ours};
use crate::effects::{Effects, Request};
use crate::limits;
use crate::reply::{self, text};
use crate::settings::RegistrarSettings;
use crate::shell::Failure;
use crate::stored::Stored as _;
use crate::token::{self, Token};

#[derive(Deserialize)]
struct Wire {
    v: u64,
    token: String,
    instance_id: String,
    stage: String,
    #[serde(default)]
    detail: Value,
}

/// Takes a report; for `job_started` the answer allows or refuses the job.
///
/// # Errors
/// The reply to give when the report is not taken.
pub(super) async fn answer<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &RegistrarSettings,
    request: &Request,
) -> Result<Response, Response> {
    let (wire, stage) = parse(request.body())?;
    let shown = token::verify(&wire.token, shell.now(), &settings.claim_keys)
        .map_err(|e| text(StatusCode::UNAUTHORIZED, &e.to_string()))?;
    let key = whose(shell, &shown, &wire, stage).await?;
    let known = shell.read::<Instance>(&Instance::key(&key)).await;
    let known = known.map_err(|failure| ours(shell, "a report could not be looked up", &failure))?;
    let Some(known) = known.map(|k| k.value) else {
        // Its launch may be answered later than it boots: there is nothing to write yet, and nothing is lost. But a job is
        // allowed for an instance that is known, and for no other.
        let verdict = if stage == Stage::JobStarted { "refuse" } else { "allow" };
        return Ok(reply::json(StatusCode::OK, &json!({ "verdict": verdict })));
    };
    // Whoever reads a boot token can send this in the name of any instance of its batch, and must not use up what that one may send.
    if matches!(shown, Token::Boot { .. }) && known.stage.is_some() {
        return Ok(reply::json(StatusCode::OK, &json!({ "verdict": "allow" })));
    }
    let now = shell.now();
    let mut is_counted = false;
    let count = |known: Option<&Instance>| {
        let after = decide::report(known?, stage, now);
        is_counted = after.is_some();
        after
    };
    let written = shell.update::<Instance>(&Instance::key(&key), count).await;
    written.map_err(|failure| ours(shell, "a report could not be written", &failure))?;
    if !is_counted {
        let why = "the instance has sent as many reports as it may";
        return Err(reply::too_many(limits::REPORTS_SPENT_RETRY_S, why));
    }
    shell.info("an instance reported", json!({ "instance.id": key.id, "stage": stage.as_str() }));
    if stage != Stage::JobStarted {
        return Ok(reply::json(StatusCode::OK, &json!({ "verdict": "allow" })));
    }
    Ok(hook::answer(shell, settings, &known, &wire.detail).await)
}

fn parse(body: &[u8]) -> Result<(Wire, Stage), Response> {
    let bad = |what: &str| text(StatusCode::BAD_REQUEST, what);
    if body.len() > limits::CLAIM_BYTES_MAX {
        return Err(text(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 32 KiB"));
    }
    let wire: Wire =
        serde_json::from_slice(body).map_err(|e| bad(&format!("the report cannot be read: {e}")))?;
    if wire.v != 1 {
        return Err(bad("v must be 1"));
    }
    let stage = Stage::parse(&wire.stage).ok_or_else(|| bad("stage is not one that is known"))?;
    Ok((wire, stage))
}

/// Whose report it is. A boot token is good for `booted` only, a report token for its own instance only.
async fn whose<E: Effects>(
    shell: &Shell<'_, E>,
    shown: &Token,
    wire: &Wire,
    stage: Stage,
) -> Result<InstanceKey, Response> {
    let refuse = |why: &str| Err(text(StatusCode::UNAUTHORIZED, why));
    match shown {
        Token::Report(key) if key.id == wire.instance_id => Ok(key.clone()),
        Token::Report(_) => refuse("the token is another instance's"),
        Token::Boot { class, batch, try_n } if stage == Stage::Booted => {
            booted(shell, wire, (class, batch, *try_n))
                .await
                .map_err(|failure| ours(shell, "a report could not be looked up", &failure))?
                .map_or_else(
                    || refuse("the token's batch is no longer known, or another launched the instance"),
                    Ok,
                )
        }
        Token::Boot { .. } | Token::Wait(_) => refuse("the token is not good for this report"),
    }
}

/// The instance that says it booted: one of its token's batch, in the region of its try; or, when its batch is forgotten, on
/// record in any. None for an instance that another batch launched.
async fn booted<E: Effects>(
    shell: &Shell<'_, E>,
    wire: &Wire,
    (class, batch, n): (&ClassKey, &BatchId, u32),
) -> Result<Option<InstanceKey>, Failure> {
    let key = |region| InstanceKey { cloud: Cloud::Aws, region, id: wire.instance_id.clone() };
    let known = shell.read::<Class>(&Class::key(class)).await?;
    let place = known.and_then(|k| k.value.place(batch, n).map(|place| place.region.clone()));
    let is_placed = place.is_some();
    let regions =
        place.map_or_else(|| shell.policy.regions().into_iter().map(|(_, r)| r).collect(), |r| vec![r]);
    for region in regions {
        let key = key(region);
        match shell.read::<Instance>(&Instance::key(&key)).await? {
            Some(record) if record.value.batch == *batch && record.value.class == *class => {
                return Ok(Some(key));
            }
            // Its launch may be answered later than it boots.
            None if is_placed => return Ok(Some(key)),
            Some(_) | None => {}
        }
    }
    Ok(None)
}
