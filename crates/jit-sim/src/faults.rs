//! What goes wrong between the control plane and the world, addressed by invocation and effect: in a list, or drawn from the seed.
//! What goes wrong inside GitHub, the cloud and the instances is set in their models; here is only the way to them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use jit_fakes::model::Random;

/// Names one effect for ever: the n-th of the invocation with that number, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The invocation, in order of start.
    pub invocation: u64,
    /// The effect, in order of begin.
    pub effect: u32,
}

/// What befalls one effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The invocation ends before the effect.
    CrashBefore,
    /// The invocation ends after the effect, which happened.
    CrashAfter,
    /// Nothing happens, and the caller is told so: no connection, or a locked database.
    Refused,
    /// It happens, and the caller hears of a failure: a lost reply, or a database locked after the write.
    ReplyLost,
    /// A request hangs on its way until the caller has given it up, and arrives all the same.
    ArrivesLate,
    /// The service answers with an error of its own and does nothing.
    ServiceFails,
    /// The whole invocation stops for a time before the effect, as a host under load does.
    Stalls(SignedDuration),
}

/// How often what happens, in ten thousand effects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// [`Fault::CrashBefore`].
    pub crash_before: u32,
    /// [`Fault::CrashAfter`].
    pub crash_after: u32,
    /// [`Fault::Refused`].
    pub refused: u32,
    /// [`Fault::ReplyLost`].
    pub reply_lost: u32,
    /// [`Fault::ArrivesLate`].
    pub arrives_late: u32,
    /// [`Fault::ServiceFails`].
    pub service_fails: u32,
    /// [`Fault::Stalls`].
    pub stalls: u32,
}

/// All faults of a world.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Faults of single effects; they go before drawn ones.
    pub listed: BTreeMap<Address, Fault>,
    /// How often others happen.
    pub rates: Rates,
    /// From then on none is drawn.
    pub until: Timestamp,
    random: Random,
}

impl Faults {
    /// Faults drawn from a seed until a time.
    pub fn drawn(seed: u64, rates: Rates, until: Timestamp) -> Self {
        Self { listed: BTreeMap::new(), rates, until, random: Random::new(seed) }
    }

    /// What befalls an effect.
    pub fn at(&self, address: Address, now: Timestamp) -> Option<Fault> {
        if let Some(fault) = self.listed.get(&address) {
            return Some(*fault);
        }
        if now >= self.until || self.rates == Rates::default() {
            return None;
        }
        let bits = self.random.of("fault", (address.invocation << 20) | u64::from(address.effect));
        let stall = SignedDuration::from_millis(i64::try_from((bits >> 32) % 12_000).unwrap_or(0));
        let rates = self.rates;
        let mut rest = bits % 10_000;
        for (rate, fault) in [
            (rates.crash_before, Fault::CrashBefore),
            (rates.crash_after, Fault::CrashAfter),
            (rates.refused, Fault::Refused),
            (rates.reply_lost, Fault::ReplyLost),
            (rates.arrives_late, Fault::ArrivesLate),
            (rates.service_fails, Fault::ServiceFails),
            (rates.stalls, Fault::Stalls(stall)),
        ] {
            match rest.checked_sub(u64::from(rate)) {
                None => return Some(fault),
                Some(left) => rest = left,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_belongs_to_its_address_and_ends_with_its_time() {
        let rates = Rates { refused: 5_000, crash_after: 100, ..Rates::default() };
        let until = Timestamp::from_second(1_000).unwrap();
        let faults = Faults::drawn(7, rates, until);
        let before = Timestamp::from_second(999).unwrap();
        let drawn = |now| -> Vec<_> {
            (1..200).map(|effect| faults.at(Address { invocation: 3, effect }, now)).collect()
        };
        assert_eq!(drawn(before), drawn(before));
        assert!(drawn(before).contains(&Some(Fault::Refused)) && drawn(before).contains(&None));
        assert!(drawn(until).iter().all(Option::is_none));
    }

    #[test]
    fn a_listed_fault_strikes_at_any_time() {
        let mut faults = Faults::drawn(7, Rates::default(), Timestamp::UNIX_EPOCH);
        let address = Address { invocation: 1, effect: 2 };
        faults.listed.insert(address, Fault::CrashAfter);
        assert_eq!(faults.at(address, Timestamp::MAX), Some(Fault::CrashAfter));
        assert_eq!(faults.at(Address { effect: 3, ..address }, Timestamp::UNIX_EPOCH), None);
    }
}
