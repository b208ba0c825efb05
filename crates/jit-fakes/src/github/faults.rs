//! Trouble on order: the next calls that match a rule fail, hang or lose their reply.
//! Not in it: limits (`limits.rs`) and trouble with webhooks (`delivery.rs`).

use jiff::SignedDuration;

use super::GitHub;
use super::routes::Operation;

/// Strikes calls of the REST API.
#[derive(Clone, Debug)]
pub struct FaultRule {
    /// Only this operation; `None` any.
    pub operation: Option<Operation>,
    /// Only paths that contain this text; `None` any.
    pub path: Option<String>,
    /// How many matching calls pass unharmed before.
    pub skip: u32,
    /// How many calls it strikes before it is used up.
    pub times: u32,
    /// What it does.
    pub effect: FaultEffect,
}

impl FaultRule {
    /// Strikes the next call of an operation.
    pub fn next(operation: Operation, effect: FaultEffect) -> Self {
        Self { operation: Some(operation), path: None, skip: 0, times: 1, effect }
    }
}

/// What a fault does to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultEffect {
    /// It is answered with this status (such as 500 or 502) and has no effect.
    Fails(u16),
    /// It never reaches GitHub: no effect, no reply.
    RequestLost,
    /// It has its effect, but the caller never hears of it.
    ReplyLost,
    /// It has its effect, but the reply says this status.
    FailsAfter(u16),
    /// It has its effect at once; the reply comes so much later.
    Late(SignedDuration),
    /// It is refused for being too fast, with this `retry-after` in seconds.
    TooFast(u64),
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<FaultRule>,
}

impl Faults {
    pub(super) fn strike(&mut self, operation: Operation, path: &str) -> Option<FaultEffect> {
        let matches = |rule: &FaultRule| {
            rule.times > 0
                && rule.operation.is_none_or(|wanted| wanted == operation)
                && rule.path.as_deref().is_none_or(|wanted| path.contains(wanted))
        };
        let rule = self.rules.iter_mut().find(|rule| matches(rule))?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.times -= 1;
        let effect = rule.effect;
        self.rules.retain(|rule| rule.times > 0);
        Some(effect)
    }
}

impl GitHub {
    /// Adds a fault; of several that match a call the earliest added strikes.
    pub fn add_fault(&mut self, rule: FaultRule) {
        self.faults.rules.push(rule);
    }

    /// Takes all faults away.
    pub fn clear_faults(&mut self) {
        self.faults.rules.clear();
    }
}
