//! What invocations share in memory: the store, clock, randomness, sleepers, log lines.
//! Faults are not here: they belong to one invocation.

use std::collections::BTreeMap;

use jit_domain::time::Timestamp;

use super::store::Store;
use crate::effects::{Request, Response, SendError};

/// 2026-11-21T00:00:00Z.
const FIRST_NOW: Timestamp = Timestamp::from_s(1_795_219_200);

type Answer = Box<dyn FnMut(Request) -> Result<Response, SendError>>;

pub(super) struct World {
    pub(super) store: Store,
    pub(super) now: Timestamp,
    pub(super) answer: Option<Answer>,
    pub(super) log: Vec<String>,
    pub(super) files: BTreeMap<String, String>,
    pub(super) driven: bool,
    pub(super) crashes: usize,
    random_state: u64,
    invocations: usize,
    /// Who can go on at once, by invocation: each effect begins with giving way.
    runnable: Vec<usize>,
    sleepers: BTreeMap<u64, (usize, Timestamp)>,
    sleeps: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            store: Store::default(),
            now: FIRST_NOW,
            answer: None,
            log: Vec::new(),
            files: BTreeMap::new(),
            driven: false,
            crashes: 0,
            random_state: seed,
            invocations: 0,
            runnable: Vec::new(),
            sleepers: BTreeMap::new(),
            sleeps: 0,
        }
    }

    pub(super) fn next_invocation(&mut self) -> usize {
        self.invocations += 1;
        self.invocations
    }

    /// Fills with the next bytes of a SplitMix64 sequence.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.random_state = self.random_state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut word = self.random_state;
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }

    pub(super) fn made_progress(&mut self, invocation: usize) {
        self.runnable.push(invocation);
    }

    pub(super) fn forget_progress(&mut self) {
        self.runnable.clear();
    }

    pub(super) fn progress(&self) -> bool {
        !self.runnable.is_empty()
    }

    pub(super) fn start_sleep(&mut self, invocation: usize, until: Timestamp) -> u64 {
        self.sleeps += 1;
        self.sleepers.insert(self.sleeps, (invocation, until));
        self.sleeps
    }

    pub(super) fn end_sleep(&mut self, number: u64) {
        self.sleepers.remove(&number);
    }

    /// When the earliest sleeper, of one invocation or of all, wakes up.
    pub(super) fn earliest(&self, invocation: Option<usize>) -> Option<Timestamp> {
        let mine = |of: &usize| invocation.is_none_or(|wanted| wanted == *of);
        self.sleepers.values().filter(|(of, _)| mine(of)).map(|(_, until)| *until).min()
    }

    /// Moves the clock on to the earliest sleeper's time; false if nobody sleeps.
    pub(super) fn wake_earliest(&mut self, invocation: Option<usize>) -> bool {
        let Some(until) = self.earliest(invocation) else { return false };
        self.now = self.now.max(until);
        true
    }
}
