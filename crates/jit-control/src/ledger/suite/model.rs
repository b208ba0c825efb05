//! Random operations on the store and on a model that is a map, until each kind of outcome was seen.

use std::collections::{BTreeMap, BTreeSet};

use super::{commit, open_records, put, read};
use crate::ledger::{Change, Committed, Index, Key, Kind, Ledger, Record};

const KINDS: [Kind; 2] = [Kind::Job, Kind::Instance];
const NAMES_PER_KIND: u64 = 4;
/// Operations that are always done, and those after which a missing outcome is a failure.
const STEPS: std::ops::Range<usize> = 400..4_000;

/// What may come of an operation; each is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Made,
    Changed,
    Opened,
    Closed,
    Deleted,
    MadeAgain,
    Lost,
    DeleteLost,
    Listed,
    Nothing,
}

const OUTCOMES: usize = 10;

/// What the store should hold.
#[derive(Default)]
pub(super) struct Model {
    /// The last version of each record that there ever was, and what it holds unless it is deleted.
    records: BTreeMap<Key, (u64, Option<Content>)>,
}

type Content = (Vec<u8>, Index);

impl Model {
    fn commit(&mut self, key: &Key, expected: u64, change: &Change) -> (Committed, Outcome) {
        let now = self.records.get(key).cloned();
        let (version, content) = now.clone().unwrap_or_default();
        let present = if content.is_some() { version } else { 0 };
        let index = content.map(|(_, index)| index);
        if present != expected {
            let outcome = if *change == Change::Delete { Outcome::DeleteLost } else { Outcome::Lost };
            return (Committed::Lost(0), outcome);
        }
        let outcome = match (change, index) {
            (Change::Delete, None) => return (Committed::Written, Outcome::Nothing),
            (Change::Delete, Some(_)) => Outcome::Deleted,
            (Change::Put { .. }, None) if now.is_some() => Outcome::MadeAgain,
            (Change::Put { .. }, None) => Outcome::Made,
            (Change::Put { index: Index::Open, .. }, Some(Index::Closed)) => Outcome::Opened,
            (Change::Put { index: Index::Closed, .. }, Some(Index::Open)) => Outcome::Closed,
            (Change::Put { .. }, Some(_)) => Outcome::Changed,
        };
        let content = match change {
            Change::Put { value, index, expires_at: _ } => Some((value.clone(), *index)),
            Change::Delete => None,
        };
        self.records.insert(key.clone(), (version + 1, content));
        (Committed::Written, outcome)
    }

    fn read(&self, key: &Key) -> Option<Record> {
        let (version, content) = self.records.get(key)?;
        let (value, _) = content.as_ref()?;
        Some(Record { key: key.clone(), version: *version, value: value.clone() })
    }

    fn open(&self, kind: Kind) -> BTreeMap<Key, Record> {
        let is_open = |content: &Option<Content>| matches!(content, Some((_, Index::Open)));
        let open = self.records.iter().filter(|(key, (_, content))| key.kind == kind && is_open(content));
        open.filter_map(|(key, _)| Some((key.clone(), self.read(key)?))).collect()
    }
}

/// A SplitMix64 sequence.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)) % bound
    }
}

pub(super) async fn random_operations_agree_with_the_model<L: Ledger>(
    open: &impl Fn() -> L,
    run: &str,
    seed: u64,
) {
    let run = format!("{run}/model");
    let mut random = Random(seed);
    let mut model = Model::default();
    let mut seen = BTreeSet::new();
    let invocations = [open(), open(), open()];
    let mut steps = 0;
    while steps < STEPS.start || seen.len() < OUTCOMES {
        steps += 1;
        assert!(steps < STEPS.end, "seed {seed}: after {steps} steps only {seen:?} was seen");
        let ledger = &invocations[usize::try_from(random.below(3)).unwrap_or_default()];
        let kind = KINDS[usize::try_from(random.below(2)).unwrap_or_default()];
        let key = Key::new(kind, format!("{run}/{}", random.below(NAMES_PER_KIND)));
        match random.below(10) {
            0 => {
                let listed = open_records(ledger, kind, &run).await;
                assert_eq!(listed, model.open(kind), "seed {seed}, step {steps}");
                if !listed.is_empty() {
                    seen.insert(Outcome::Listed);
                }
            }
            1 => assert_eq!(read(ledger, &key).await, model.read(&key), "seed {seed}, step {steps}"),
            chosen => {
                let present = model.read(&key).map_or(0, |record| record.version);
                let expected = if random.below(5) == 0 { present + random.below(3) } else { present };
                let index = if random.below(2) == 0 { Index::Open } else { Index::Closed };
                let value = random.below(1_000).to_string();
                let change = if chosen < 4 { Change::Delete } else { put(value.as_bytes(), index) };
                let (answer, outcome) = model.commit(&key, expected, &change);
                let answered = commit(ledger, &key, expected, change).await;
                assert_eq!(answered, answer, "seed {seed}, step {steps}: {outcome:?} of {key} at {expected}");
                seen.insert(outcome);
            }
        }
    }
}
