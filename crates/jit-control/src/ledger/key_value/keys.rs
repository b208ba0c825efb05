//! The names of everything the ledger keeps in the store, and reading them back from a key listing.
//! Kind and name come first in each, so that all that belongs to one record can be brought together.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jit_domain::time::Timestamp;

use super::header::{Header, WriteId};
use crate::ledger::{Key, Kind};

/// What the index of open records begins with, and the mark beside it.
pub(super) const INDEX: &str = "o/";
/// The value says that the store is full of open records; see `index.rs`.
pub(super) const FULL: &str = "o/full";
/// The value is the last key that tidy has dealt with.
pub(super) const TIDY_CURSOR: &str = "m/tidy";

/// Which state of a record a ticket moves on: absent, or one certain write. No state comes back, but for `Absent`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stamp {
    /// There is no record.
    Absent,
    /// The record as this write left it.
    Write {
        /// The version that was written.
        version: u64,
        /// Which write it was.
        id: WriteId,
    },
}

impl Stamp {
    /// The state of a record that was read.
    pub(super) fn of(header: Option<&Header>) -> Self {
        header.map_or(Self::Absent, |header| Self::Write { version: header.version, id: header.id.clone() })
    }

    /// When the state began; none for an absent record.
    pub(super) fn written_at(&self) -> Option<Timestamp> {
        match self {
            Self::Absent => None,
            Self::Write { id, .. } => Some(id.at()),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        if word == "0" {
            return Some(Self::Absent);
        }
        let (version, id) = word.split_once('-')?;
        Some(Self::Write { version: version.parse().ok()?, id: WriteId::parse(id)? })
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("0"),
            Self::Write { version, id } => write!(f, "{version}-{id}"),
        }
    }
}

/// Where the record itself is.
pub(super) fn record(key: &Key) -> String {
    format!("r/{key}")
}

/// The counter from which the `number`-th ticket at a state is drawn.
pub(super) fn ticket(key: &Key, stamp: &Stamp, number: u64) -> String {
    format!("t/{key}/{stamp}.{number}")
}

/// Where losers note which ticket at a state they found drawn, and when.
pub(super) fn note(key: &Key, stamp: &Stamp) -> String {
    format!("w/{key}/{stamp}")
}

/// The entry in the index of open records. Each time a record is opened it gets an entry of its own, named by the write
/// that opened it, so that nobody can take away the entry of another.
pub(super) fn marker(key: &Key, opened_by: &WriteId) -> String {
    format!("o/{key}/{opened_by}")
}

/// A counter. Its life is in its name, so that adding is one operation and tidying needs to know nothing else.
pub(super) fn counter(key: &Key, life: Duration) -> String {
    format!("c/{key}/{}", life.as_millis())
}

/// When tidy first saw a counter.
pub(super) fn counter_seen(counter: &str) -> String {
    format!("x{}", &counter[1..])
}

/// What the store keeps about one record besides the record.
#[derive(Debug, Default)]
pub(super) struct Belongings {
    /// Whether the record itself was listed.
    pub(super) record: bool,
    /// The tickets that were drawn from.
    pub(super) tickets: Vec<(Stamp, u64)>,
    /// The notes about tickets.
    pub(super) notes: Vec<Stamp>,
    /// The entries in the index.
    pub(super) markers: Vec<WriteId>,
    /// The counters of that name: key and life.
    pub(super) counters: Vec<(String, Duration)>,
}

/// Brings a key listing in order by record. Keys of others, such as the queues', are left out.
pub(super) fn by_record(listing: &[String]) -> BTreeMap<Key, Belongings> {
    let mut all: BTreeMap<Key, Belongings> = BTreeMap::new();
    for listed in listing {
        let Some((prefix, key, suffix)) = split(listed) else { continue };
        let belongings = all.entry(key).or_default();
        match prefix {
            "r" => belongings.record = true,
            "t" => belongings.tickets.extend(parse_ticket(suffix)),
            "w" => belongings.notes.extend(Stamp::parse(suffix)),
            "o" => belongings.markers.extend(WriteId::parse(suffix)),
            "c" => belongings.counters.extend(parse_life(suffix).map(|life| (listed.clone(), life))),
            _ => {}
        }
    }
    all
}

/// The record that is stored under a key, if one is.
pub(super) fn parse_record(listed: &str) -> Option<Key> {
    match split(listed)? {
        ("r", key, _) => Some(key),
        _ => None,
    }
}

/// The records that have entries in the index.
pub(super) fn marked(listing: &[String]) -> impl Iterator<Item = Key> + '_ {
    listing.iter().filter_map(|listed| match split(listed) {
        Some(("o", key, _)) => Some(key),
        _ => None,
    })
}

/// Prefix, record and suffix of a key. A name may hold slashes: what the ledger adds is before the first and after the last.
fn split(listed: &str) -> Option<(&str, Key, &str)> {
    let (prefix, rest) = listed.split_once('/')?;
    let (kind, rest) = rest.split_once('/')?;
    let kind = Kind::parse(kind)?;
    match prefix {
        "r" => Some((prefix, Key::new(kind, rest), "")),
        "t" | "w" | "o" | "c" => {
            let (name, suffix) = rest.rsplit_once('/')?;
            Some((prefix, Key::new(kind, name), suffix))
        }
        _ => None,
    }
}

fn parse_ticket(suffix: &str) -> Option<(Stamp, u64)> {
    let (stamp, number) = suffix.rsplit_once('.')?;
    Some((Stamp::parse(stamp)?, number.parse().ok()?))
}

fn parse_life(suffix: &str) -> Option<Duration> {
    suffix.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::effects::store::KEY_BYTES_MAX;
    use crate::ledger::NAME_BYTES_MAX;

    fn write_id(ms: u64) -> WriteId {
        WriteId::new(Timestamp::from_ms(ms), [1, 2, 3, 4])
    }

    #[test]
    fn the_longest_name_still_makes_keys_the_store_takes() {
        let key = Key::new(Kind::Instance, "n".repeat(NAME_BYTES_MAX));
        let id = write_id(4_102_444_800_000);
        let stamp = Stamp::Write { version: 1_000_000_000_000_000, id: id.clone() };
        let day = Duration::from_hours(24);
        let all = [
            record(&key),
            ticket(&key, &stamp, 99),
            note(&key, &stamp),
            marker(&key, &id),
            counter(&key, day),
        ];
        assert!(all.iter().all(|key| key.len() <= KEY_BYTES_MAX), "{all:?}");
    }

    proptest! {
        #[test]
        fn what_is_written_into_keys_is_read_back(name in "[ -~]{1,40}", version in 1_u64.., ms in 0_u64..1 << 43, number in 1_u64..) {
            let key = Key::new(Kind::Class, name);
            let id = write_id(ms);
            let stamp = Stamp::Write { version, id: id.clone() };
            let life = Duration::from_hours(2);
            let counter = counter(&key, life);
            let listing = [
                record(&key), ticket(&key, &stamp, number), ticket(&key, &Stamp::Absent, number), note(&key, &stamp),
                marker(&key, &id), counter.clone(), counter_seen(&counter), FULL.to_owned(), "q/jobs/1".to_owned(),
            ];
            let all = by_record(&listing);
            prop_assert_eq!(all.keys().collect::<Vec<_>>(), vec![&key]);
            let found = &all[&key];
            prop_assert!(found.record);
            prop_assert_eq!(&found.tickets, &vec![(stamp.clone(), number), (Stamp::Absent, number)]);
            prop_assert_eq!(&found.notes, &vec![stamp]);
            prop_assert_eq!(&found.markers, &vec![id.clone()]);
            prop_assert_eq!(&found.counters, &vec![(counter, life)]);
            prop_assert_eq!(marked(&listing).collect::<Vec<_>>(), vec![key]);
            prop_assert_eq!(id.at(), Timestamp::from_ms(ms));
        }

        #[test]
        fn no_listing_makes_it_panic(listing in proptest::collection::vec("[a-z/.0-9é-]{0,30}", 0..20)) {
            let _ = by_record(&listing);
            prop_assert!(marked(&listing).count() <= listing.len());
        }
    }
}
