//! What every model is: a state machine that is given time and requests and answers with replies.
//! Not in it: any service's rules, any socket, any clock.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// A stateful service without I/O: time and requests in, replies out.
///
/// The driver (a server, a test or a simulator) owns the clock.
/// A model never goes back in time: a `now` before the latest one seen counts as the latest one.
pub trait Model {
    /// Answers one request at `now`. Everything due before `now` happens first.
    ///
    /// The reply may carry [`ReplyDelay`] or [`ReplyLost`] as an extension, which the driver must honour.
    fn handle(&mut self, now: Timestamp, request: http::Request<Vec<u8>>) -> http::Response<Vec<u8>>;

    /// Tells when something happens by itself next; `None` when nothing is planned.
    fn next_at(&self) -> Option<Timestamp>;

    /// Lets everything happen that is due up to and including `now`, in order of its own time.
    fn advance(&mut self, now: Timestamp);
}

/// Extension of a reply: the driver hands the reply over only after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyDelay(pub SignedDuration);

/// Extension of a reply: the caller never sees it, whatever its effect was. The driver breaks the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLost;

/// Repeatable randomness: the n-th draw for a purpose depends on the seed, the purpose and n, on nothing else.
///
/// A draw for one purpose therefore never shifts the draws for another one.
#[derive(Clone, Debug)]
pub struct Random {
    seed: u64,
    counters: BTreeMap<&'static str, u64>,
}

impl Random {
    /// Starts a sequence for each purpose from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed, counters: BTreeMap::new() }
    }

    /// Draws 32 bytes for `purpose`.
    pub fn bytes(&mut self, purpose: &'static str) -> [u8; 32] {
        let counter = self.counters.entry(purpose).or_insert(0);
        *counter += 1;
        keyed(self.seed, purpose, *counter)
    }

    /// Draws a number in `0..bound`; 0 when `bound` is 0.
    pub fn below(&mut self, purpose: &'static str, bound: u64) -> u64 {
        let bytes = self.bytes(purpose);
        first_u64(&bytes).checked_rem(bound).unwrap_or(0)
    }

    /// Draws a duration between `low` and `high`, both included, in whole milliseconds.
    pub fn between(
        &mut self,
        purpose: &'static str,
        low: SignedDuration,
        high: SignedDuration,
    ) -> SignedDuration {
        let span = u64::try_from(high.saturating_sub(low).as_millis()).unwrap_or(0);
        let millis = self.below(purpose, span.saturating_add(1));
        low.saturating_add(SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
    }

    /// Draws lower-case hexadecimal text of `len` characters.
    pub fn text(&mut self, purpose: &'static str, len: usize) -> String {
        let mut text = String::with_capacity(len + 64);
        while text.len() < len {
            text.push_str(&hex::encode(self.bytes(purpose)));
        }
        text.truncate(len);
        text
    }

    /// Gives the number that belongs to `(purpose, id)` for ever, without moving any sequence.
    pub fn of(&self, purpose: &'static str, id: u64) -> u64 {
        first_u64(&keyed(self.seed, purpose, id))
    }
}

fn keyed(seed: u64, purpose: &str, counter: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(counter.to_be_bytes());
    hash.update(purpose.as_bytes());
    hash.finalize().into()
}

fn first_u64(bytes: &[u8; 32]) -> u64 {
    bytes.iter().take(8).fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_another_seed_does_not() {
        let draws = |seed| {
            let mut random = Random::new(seed);
            (random.bytes("a"), random.below("b", 1000), random.text("c", 70))
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn a_draw_for_one_purpose_does_not_shift_another_purpose() {
        let mut plain = Random::new(7);
        let mut mixed = Random::new(7);
        mixed.bytes("noise");
        assert_eq!(plain.bytes("names"), mixed.bytes("names"));
    }

    #[test]
    fn bounds_hold_at_their_edges() {
        let mut random = Random::new(3);
        assert_eq!(random.below("none", 0), 0);
        let (low, high) = (SignedDuration::from_secs(10), SignedDuration::from_secs(15));
        for _ in 0..200 {
            let drawn = random.between("linger", low, high);
            assert!(low <= drawn && drawn <= high);
        }
        assert_eq!(random.between("fixed", low, low), low);
        assert_eq!(random.text("text", 41).len(), 41);
    }
}
