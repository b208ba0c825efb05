//! The ledger on Spin's key-value store, for one host. What records mean is not here.
//!
//! The store has no compare-and-set that holds, but increments are atomic: of all who increment a fresh counter, exactly
//! one reads 1. So whoever wants to move a record on draws a *ticket*, a counter named after the record and the state it is
//! in, and only who reads 1 may write.
//!
//! **States.** A record is absent, or as one certain write left it. Each write has an id that never comes again, and the
//! ticket of a state is named by version and id. So a ticket is about one state for ever, also when a record was deleted,
//! forgotten and made again; only the absent state comes back, and of its tickets tidy takes care.
//!
//! **Why at most one writes.** (1) Each ticket has one winner. (2) The winner reads the record again, writes only if it is
//! still in the ticket's state, and only within 2 s of the draw. (3) The next ticket of the same state is drawn only by
//! someone who knows for 10 s that the one before was drawn. So when the next winner looks, the time of the one before has
//! been over for 8 s: either its write is seen, or it never comes. What is left is a winner stopped for those 8 s between its
//! last look and its write. Truth about jobs and instances, and the client token of a launch, repair that.
//!
//! **Why no key is blocked for ever.** A winner may crash before it writes, or run out of its 2 s: its ticket is burnt, and
//! the record stays in its state. The first loser leaves a *note*: which ticket it found drawn, and when. A loser who finds a
//! note older than 30 s draws the ticket after the noted one. So of any two invocations that try, more than 30 s apart, the
//! second gets through, unless another has just won and is about to write; no invocation has to wait. With a patience of
//! 10 s or more one waits within the invocation instead. A note only ever says what is true for good (this ticket was drawn
//! by then, those before it are over), so notes that overwrite each other can delay and never harm. Winner and note
//! are timed by the clock of one host; if the clock jumps forward the winner's time is over as well, if it jumps back the
//! winner gives up and the note takes longer.
//!
//! **Deleting** writes a tombstone, so that the version goes on counting. After an hour tidy wins the tombstone's ticket and
//! takes it away, the tickets of the absent state first: its win makes it the only one who may.
//!
//! `races.rs` among the tests holds the first two arguments in all orders of small cases, with a crash at every step.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jit_domain::time::Timestamp;

use self::header::Header;
use self::limits::PAGE;
use super::{
    Committed, Key, Kind, Ledger, LedgerError, Page, Record, Write, busy, check_name, check_write,
    log_unreadable, refused,
};
use crate::effects::store::Store;
use crate::effects::{Effects, KeyValueError};

mod commit;
mod header;
mod index;
mod keys;
mod limits;
mod ticket;
mod tidy;

/// The ledger of one invocation on the key-value store.
#[derive(Debug)]
pub struct KeyValueLedger<'a, E> {
    store: Store<'a, E>,
    patience: Duration,
    listing: Listing,
    /// The last header seen of each record; none where there was no record. Saves the first read of a commit.
    seen: RefCell<BTreeMap<Key, Option<Header>>>,
    /// The records in the index as last listed, with what this invocation has opened since.
    listed: RefCell<Option<BTreeSet<Key>>>,
    /// Whether the store is known to be full of open records, if there was no listing.
    full: Cell<Option<bool>>,
}

/// How often the key-value store's keys are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// For the first page of each kind, as the contract says.
    Fresh,
    /// Once, until [`KeyValueLedger::list_anew`]: all later calls see the records that were open then, or that this
    /// invocation opened itself.
    Once,
}

impl<'a, E: Effects> KeyValueLedger<'a, E> {
    /// Makes the ledger of an invocation that waits less than a second for other invocations.
    pub fn new(effects: &'a E) -> Self {
        Self {
            store: Store { effects },
            patience: Duration::ZERO,
            listing: Listing::Fresh,
            seen: RefCell::default(),
            listed: RefCell::default(),
            full: Cell::default(),
        }
    }

    /// Lets each write wait up to `patience` for a winner that does not write. Below 10 s it changes nothing.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Chooses how often the keys are listed.
    #[must_use]
    pub fn with_listing(self, listing: Listing) -> Self {
        Self { listing, ..self }
    }

    /// Lists the keys anew at the next question for open records, also where they are listed once.
    pub fn list_anew(&self) {
        self.listed.borrow_mut().take();
    }

    /// Reads what is stored under a record's key, a tombstone too, and remembers its header.
    async fn look(&self, key: &Key) -> Result<Option<(Header, Vec<u8>)>, LedgerError> {
        let bytes = self.store.get(&keys::record(key)).await.map_err(|e| fault(key, e))?;
        self.understand(key, bytes)
    }

    /// Reads several records in one operation, those whose headers `is_wanted`.
    async fn look_at_many(
        &self,
        keys: &[Key],
        is_wanted: impl Fn(&Header) -> bool,
    ) -> Result<Vec<Record>, LedgerError> {
        let Some(first) = keys.first() else { return Ok(Vec::new()) };
        let stored = self.store.get_many(keys.iter().map(keys::record).collect()).await;
        let mut stored = stored.map_err(|e| fault(first, e))?;
        let mut records = Vec::new();
        for key in keys {
            match self.understand(key, stored.remove(&keys::record(key))) {
                Ok(Some((header, value))) if is_wanted(&header) => {
                    records.push(Record { key: key.clone(), version: header.version, value });
                }
                Ok(_) => {}
                Err(LedgerError::Refused { key, cause }) => log_unreadable(self.store.effects, &key, &cause),
                Err(busy @ LedgerError::Busy { .. }) => return Err(busy),
            }
        }
        Ok(records)
    }

    fn understand(
        &self,
        key: &Key,
        bytes: Option<Vec<u8>>,
    ) -> Result<Option<(Header, Vec<u8>)>, LedgerError> {
        let stored = bytes.map(Header::decode).transpose().map_err(|cause| refused(key, &cause))?;
        self.remember(key, stored.as_ref().map(|(header, _)| header));
        Ok(stored)
    }
}

impl<E: Effects> Ledger for KeyValueLedger<'_, E> {
    async fn read(&self, key: &Key) -> Result<Option<Record>, LedgerError> {
        check_name(key)?;
        let stored = self.look(key).await?;
        Ok(stored.filter(|(header, _)| !header.deleted).map(|(header, value)| Record {
            key: key.clone(),
            version: header.version,
            value,
        }))
    }

    async fn read_many(&self, keys: &[Key]) -> Result<Vec<Record>, LedgerError> {
        keys.iter().try_for_each(check_name)?;
        let mut records = Vec::new();
        for keys in keys.chunks(PAGE) {
            records.extend(self.look_at_many(keys, |header| !header.deleted).await?);
        }
        Ok(records)
    }

    async fn open(&self, kind: Kind, after: Option<&str>) -> Result<Page, LedgerError> {
        self.open_page(kind, after).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Committed, LedgerError> {
        for write in &writes {
            check_write(write)?;
        }
        for (place, write) in writes.into_iter().enumerate() {
            if self.commit_one(write).await? == commit::Step::Lost {
                return Ok(Committed::Lost(place));
            }
        }
        Ok(Committed::Written)
    }

    async fn add(&self, counter: &Key, amount: u64, life: Duration) -> Result<u64, LedgerError> {
        check_name(counter)?;
        let key = keys::counter(counter, life);
        self.store.increment(&key, amount).await.map(|(sum, _)| sum).map_err(|e| fault(counter, e))
    }

    async fn tidy(&self, until: Timestamp) -> Result<u64, LedgerError> {
        self.tidy_until(until).await
    }
}

/// Reads what stands under one of the store's keys as a record; none if it is something else, deleted, or of a newer form.
/// For checkers and tools that look at a store from outside; functions read through the ledger.
pub fn record_at(key: &str, bytes: &[u8]) -> Option<Record> {
    let key = keys::parse_record(key)?;
    let (header, value) = Header::decode(bytes.to_vec()).ok()?;
    (!header.deleted).then_some(Record { key, version: header.version, value })
}

fn fault(key: impl ToString, error: KeyValueError) -> LedgerError {
    match error {
        KeyValueError::Denied(cause) => refused(key, &cause),
        KeyValueError::Failed(cause) => busy(key, &cause),
    }
}

#[cfg(test)]
mod tests;
