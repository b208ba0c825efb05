//! `/healthz`: whether each schedule runs, and nothing else. It says no version, no count and no name that is not public.

use std::time::Duration;

use http::StatusCode;
use jit_domain::time::Timestamp;
use serde_json::{Map, Value};

use crate::effects::{Effects, Response};
use crate::limits;
use crate::reply;
use crate::settings::Component;
use crate::shell::Shell;
use crate::stored::{ConfigVerdict, Schedule, Stored as _};

/// Schedules and their periods.
const SCHEDULES: [(Component, Duration); 4] = [
    (Component::Scaleup, Duration::from_secs(60)),
    (Component::Lifecycle, Duration::from_secs(60)),
    (Component::Rebalancer, Duration::from_secs(60)),
    (Component::Scaledown, Duration::from_secs(300)),
];

/// 200 when every schedule ran lately, else 503; the body says which is late.
pub(super) async fn answer<E: Effects>(shell: &Shell<'_, E>) -> Response {
    let mut body = Map::new();
    let mut is_well = true;
    for (component, period) in SCHEDULES {
        let state = match look(shell, component, period).await {
            Ok(true) => "ok",
            Ok(false) | Err(_) => "late",
        };
        is_well &= state == "ok";
        body.insert(component.as_str().to_owned(), Value::from(state));
    }
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    reply::json(status, &Value::Object(body))
}

async fn look<E: Effects>(
    shell: &Shell<'_, E>,
    component: Component,
    period: Duration,
) -> Result<bool, crate::shell::Failure> {
    let ran = shell.read::<Schedule>(&Schedule::key(component.as_str())).await?;
    let verdict = shell.read::<ConfigVerdict>(&ConfigVerdict::key(component.as_str())).await?;
    let is_valid = verdict.is_none_or(|v| v.value.faults.is_empty());
    let since = |at: Timestamp| shell.now().since(at);
    Ok(is_valid && ran.is_some_and(|r| since(r.value.ran_at) < period * limits::SCHEDULE_LATE_PERIODS))
}
