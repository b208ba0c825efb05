//! How often a claim is answered. A machine without a config is our own script, which does not hurry; who floods is a job, or who
//! read a boot token. Counted is only what no sound instance does, so that nothing is written on the way of a sound claim, and only
//! what was proved, or proved wrong, so that nobody uses up another's share: a claim after a config by instance, and one whose
//! identity does not match by batch.

use jit_domain::ids::BatchId;
use jit_domain::instance::{Instance, InstancePhase};
use jit_domain::time::Timestamp;
use serde_json::json;

use super::{Known, Response, ours, seconds};
use crate::effects::Effects;
use crate::ledger::{Key, Kind, Ledger as _};
use crate::limits;
use crate::reply;
use crate::shell::{Failure, Shell};
use crate::stored::{BudgetPause, Stored as _};

/// Refuses a claim of a batch or an instance that has had its share, before STS is asked.
///
/// # Errors
/// The reply to give: 429 with the time to wait, or 503.
pub(super) async fn check<E: Effects>(shell: &Shell<'_, E>, known: &Known) -> Result<(), Response> {
    let names = [known.launch.as_ref().map(|(batch, _)| of_batch(batch)), after_config(known)];
    for name in names.into_iter().flatten() {
        let pause = shell.read::<BudgetPause>(&BudgetPause::key(&name)).await;
        let pause = pause.map_err(|failure| ours(shell, "a claim's share could not be read", &failure))?;
        if let Some(pause) = pause.filter(|pause| shell.now() < pause.value.until) {
            return Err(reply::too_many(seconds(pause.value.until.since(shell.now())), "too many claims"));
        }
    }
    Ok(())
}

/// Counts a claim that was proved, where there was a config before it.
///
/// # Errors
/// [`Failure`].
pub(super) async fn proved<E: Effects>(shell: &Shell<'_, E>, known: &Known) -> Result<(), Failure> {
    match after_config(known) {
        Some(name) => count(shell, &name, limits::CLAIMS_AFTER_CONFIG_MAX).await,
        None => Ok(()),
    }
}

/// Counts a claim whose identity does not match.
///
/// # Errors
/// [`Failure`].
pub(super) async fn not_proved<E: Effects>(shell: &Shell<'_, E>, known: &Known) -> Result<(), Failure> {
    match &known.launch {
        Some((batch, _)) => count(shell, &of_batch(batch), limits::CLAIMS_NOT_PROVED_MAX).await,
        None => Ok(()),
    }
}

/// Adds one, and lets nobody pass for the rest of the minute once there are too many.
async fn count<E: Effects>(shell: &Shell<'_, E>, name: &str, most: u64) -> Result<(), Failure> {
    let window_s = limits::CLAIM_WINDOW.as_secs();
    let window = shell.now().as_s() / window_s;
    let counter = Key::new(Kind::Budget, format_args!("{name}/{window}"));
    let sum = shell.ledger.add(&counter, 1, 2 * limits::CLAIM_WINDOW).await.map_err(Failure::from)?;
    if sum < most {
        return Ok(());
    }
    let until = Timestamp::from_s((window + 1) * window_s);
    shell.warn("claims are refused for a while", json!({ "of": name, "until_ms": until.as_ms() }));
    let key = BudgetPause::key(name);
    shell.update::<BudgetPause>(&key, |known| BudgetPause::lengthened(known, until)).await?;
    Ok(())
}

fn of_batch(batch: &BatchId) -> String {
    format!("claims/{batch}")
}

fn after_config(known: &Known) -> Option<String> {
    let is_after = |instance: &&Instance| match instance.phase {
        InstancePhase::Claimed | InstancePhase::Busy => true,
        InstancePhase::Launched | InstancePhase::Minting | InstancePhase::Retired { .. } => false,
    };
    known.record.as_ref().filter(is_after).map(|instance| format!("claims/{}", instance.key))
}
