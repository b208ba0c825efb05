//! Faults that a test or a simulator asks for: the n-th call of an action fails or loses its reply.
//! Not in it: faults that follow from the model's own state (capacity, quota, throttle).

use jiff::SignedDuration;

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused before it has any effect.
    Refused {
        /// HTTP status.
        status: u16,
        /// AWS error code.
        code: String,
    },
    /// The effect happens, and the caller is told of an error all the same.
    FailedAfterEffect {
        /// HTTP status.
        status: u16,
        /// AWS error code.
        code: String,
    },
    /// The effect happens, and the reply never arrives ([`crate::model::ReplyLost`]).
    LostReply,
    /// The request never arrives: no effect, no reply.
    LostRequest,
    /// The effect happens at once, the reply comes late ([`crate::model::ReplyDelay`]).
    LateReply(SignedDuration),
}

impl Fault {
    /// A refusal with the given status and code.
    pub fn refused(status: u16, code: &str) -> Self {
        Self::Refused { status, code: code.into() }
    }

    /// An error after the effect, with the given status and code.
    pub fn failed_after_effect(status: u16, code: &str) -> Self {
        Self::FailedAfterEffect { status, code: code.into() }
    }
}

/// One fault and the calls that it strikes.
#[derive(Clone, Debug)]
struct Rule {
    action: String,
    skip: u32,
    times: u32,
    fault: Fault,
}

/// The faults still to come. Calls are counted from the moment a rule is added.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    rules: Vec<Rule>,
}

impl Faults {
    /// Strikes the `nth` next call (1 is the next one) of `action`, which is a name such as `RunInstances`.
    /// With `nth` 0 the next one is meant too.
    pub fn on_nth(&mut self, action: &str, nth: u32, fault: Fault) {
        self.rules.push(Rule { action: action.into(), skip: nth.saturating_sub(1), times: 1, fault });
    }

    /// Strikes the next `times` calls of `action`.
    pub fn on_next(&mut self, action: &str, times: u32, fault: Fault) {
        self.rules.push(Rule { action: action.into(), skip: 0, times, fault });
    }

    /// Whether all have struck.
    pub fn is_over(&self) -> bool {
        self.rules.is_empty()
    }

    /// Takes all faults back.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// Counts a call and gives the fault that strikes it: of several rules, the one added first.
    pub(crate) fn strike(&mut self, action: &str) -> Option<Fault> {
        let mut struck = None;
        for rule in self.rules.iter_mut().filter(|rule| rule.action == action) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if struck.is_none() && rule.times > 0 {
                rule.times -= 1;
                struck = Some(rule.fault.clone());
            }
        }
        self.rules.retain(|rule| rule.times > 0);
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_the_counted_call_of_its_action_only() {
        let mut faults = Faults::default();
        faults.on_nth("RunInstances", 2, Fault::LostReply);
        assert_eq!(faults.strike("RunInstances"), None);
        assert_eq!(faults.strike("TerminateInstances"), None);
        assert_eq!(faults.strike("RunInstances"), Some(Fault::LostReply));
        assert_eq!(faults.strike("RunInstances"), None);
    }

    #[test]
    fn a_fault_for_several_calls_wears_off() {
        let mut faults = Faults::default();
        faults.on_next("RunInstances", 2, Fault::refused(500, "InternalError"));
        assert!(!faults.is_over());
        let struck = (0..4).filter(|_| faults.strike("RunInstances").is_some()).count();
        assert_eq!(struck, 2);
        assert!(faults.is_over());
    }
}
