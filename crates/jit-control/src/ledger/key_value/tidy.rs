//! Taking away what nobody needs any more: expired records, old tombstones, tickets and notes of states that were left,
//! index entries that no record names, counters past their life.
//!
//! Tickets of a record's present state stay, as they say who may move it on. Tickets of a state that a write made can go
//! whenever the record has left it, because it never comes back: who still draws one finds the record moved. Tickets of the
//! absent state can come back into use, so they go only while the record cannot become absent: an hour at least before a
//! tombstone is taken away, or by who won the tombstone's ticket. The note about them goes before them: a note that stayed
//! would say of new tickets that their time is over.

use std::time::Duration;

use jit_domain::time::Timestamp;

use super::commit::Step;
use super::header::Header;
use super::keys::{self, Belongings, Stamp, TIDY_CURSOR};
use super::limits::{KEPT, TIDY_DELETIONS_MAX};
use super::ticket::{Patience, Turn};
use super::{KeyValueLedger, fault};
use crate::effects::Effects;
use crate::ledger::{Change, Key, LedgerError, Write};

/// One call of tidy.
struct Pass {
    until: Timestamp,
    deleted: u64,
}

impl<E: Effects> KeyValueLedger<'_, E> {
    /// Goes on where the last call stopped, record by record, until the time is over or enough was deleted.
    pub(super) async fn tidy_until(&self, until: Timestamp) -> Result<u64, LedgerError> {
        let listing = self.store.keys("").await.map_err(|e| fault("tidy", e))?;
        self.take_listing(&listing).await?;
        let cursor = self.store.get(TIDY_CURSOR).await.map_err(|e| fault(TIDY_CURSOR, e))?;
        let done_before = cursor.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let mut pass = Pass { until, deleted: 0 };
        let mut stopped_after = String::new();
        let all = keys::by_record(&listing);
        let mut in_order: Vec<(String, &Key, &Belongings)> =
            all.iter().map(|(key, belongings)| (key.to_string(), key, belongings)).collect();
        in_order.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (place, key, belongings) in in_order {
            if place <= done_before {
                continue;
            }
            if self.is_over(&pass) {
                break;
            }
            match self.tidy_one(key, belongings, &mut pass).await {
                // Another invocation is at this record, or the store is busy with it: the next round comes by again.
                Ok(()) | Err(LedgerError::Busy { .. }) => {}
                Err(LedgerError::Refused { key, cause }) => self.log_refused(&key, &cause),
            }
            stopped_after = place;
        }
        let finished = !self.is_over(&pass);
        let cursor = if finished { String::new() } else { stopped_after };
        if cursor != done_before {
            self.store.set(TIDY_CURSOR, cursor.into_bytes()).await.map_err(|e| fault(TIDY_CURSOR, e))?;
        }
        Ok(pass.deleted)
    }

    fn is_over(&self, pass: &Pass) -> bool {
        pass.deleted >= TIDY_DELETIONS_MAX || self.store.effects.now() >= pass.until
    }

    async fn tidy_one(&self, key: &Key, belongings: &Belongings, pass: &mut Pass) -> Result<(), LedgerError> {
        self.tidy_counters(belongings, pass).await?;
        let about_records = belongings.record
            || !(belongings.tickets.is_empty()
                && belongings.notes.is_empty()
                && belongings.markers.is_empty());
        if !about_records {
            return Ok(());
        }
        let header = self.look(key).await?.map(|(header, _)| header);
        let state = Stamp::of(header.as_ref());
        self.tidy_left_states(key, belongings, &state, pass).await?;
        self.tidy_markers(key, belongings, header.as_ref(), pass).await?;
        match &header {
            None => self.tidy_absent(key, belongings).await,
            Some(header) if header.deleted => self.tidy_tombstone(key, belongings, &state, pass).await,
            Some(header) => self.tidy_record(key, belongings, header, &state, pass).await,
        }
    }

    /// A record that exists: deletes it when it has expired, else the tickets it was made with once they are old.
    async fn tidy_record(
        &self,
        key: &Key,
        belongings: &Belongings,
        header: &Header,
        state: &Stamp,
        pass: &mut Pass,
    ) -> Result<(), LedgerError> {
        let now = self.store.effects.now();
        if header.expires_at_ms.is_some_and(|at| Timestamp::from_ms(at) <= now) {
            let delete = Write { key: key.clone(), expected: header.version, value: Change::Delete };
            if self.commit_one(delete).await? == Step::Written {
                pass.deleted += 1;
            }
        } else if self.is_old(state) {
            self.delete_creation(key, belongings, pass).await?;
        }
        Ok(())
    }

    /// A tombstone: once it is old, whoever wins its ticket takes it away with all that would be in the way of a new record.
    async fn tidy_tombstone(
        &self,
        key: &Key,
        belongings: &Belongings,
        state: &Stamp,
        pass: &mut Pass,
    ) -> Result<(), LedgerError> {
        if !self.is_old(state) {
            return Ok(());
        }
        let Turn::Won(ticket) = self.turn(key, state, Patience::NONE).await? else { return Ok(()) };
        self.delete_creation(key, belongings, pass).await?;
        if self.moved(key, state).await? || !self.is_good(&ticket) {
            return Ok(());
        }
        self.delete(&keys::record(key), pass).await?;
        self.delete(&keys::ticket(key, state, 1), pass).await?;
        self.remember(key, None);
        Ok(())
    }

    /// No record, though tickets for making it were drawn: their winner crashed, or is about to write. When they are old it
    /// has crashed, and a tombstone makes it safe to take them away an hour later.
    async fn tidy_absent(&self, key: &Key, belongings: &Belongings) -> Result<(), LedgerError> {
        let drawn = belongings.tickets.iter().any(|(state, _)| *state == Stamp::Absent);
        if drawn && self.known_for(key, &Stamp::Absent).await? >= KEPT {
            self.bury(key).await?;
        }
        Ok(())
    }

    /// Writes a tombstone where there is no record.
    async fn bury(&self, key: &Key) -> Result<(), LedgerError> {
        let next = self.next(None, &Change::Delete);
        if let Turn::Won(ticket) = self.turn(key, &Stamp::Absent, Patience::NONE).await?
            && !self.moved(key, &Stamp::Absent).await?
        {
            self.write(key, &Stamp::Absent, &ticket, next, &[]).await?;
        }
        Ok(())
    }

    /// Tickets and notes of states that a write made and that the record has left.
    async fn tidy_left_states(
        &self,
        key: &Key,
        belongings: &Belongings,
        now_in: &Stamp,
        pass: &mut Pass,
    ) -> Result<(), LedgerError> {
        let is_left = |state: &Stamp| *state != Stamp::Absent && state != now_in && self.is_old(state);
        for (state, number) in belongings.tickets.iter().filter(|(state, _)| is_left(state)) {
            if self.is_over(pass) {
                return Ok(());
            }
            self.delete(&keys::ticket(key, state, *number), pass).await?;
        }
        for state in belongings.notes.iter().filter(|state| is_left(state)) {
            self.delete(&keys::note(key, state), pass).await?;
        }
        Ok(())
    }

    /// Index entries: takes away those that the record does not name, and makes the one that it names if it is missing.
    async fn tidy_markers(
        &self,
        key: &Key,
        belongings: &Belongings,
        header: Option<&Header>,
        pass: &mut Pass,
    ) -> Result<(), LedgerError> {
        let named = header.and_then(|header| header.opened_by.as_ref());
        let now = self.store.effects.now();
        for marker in &belongings.markers {
            if Some(marker) != named && now.since(marker.at()) >= KEPT {
                self.delete(&keys::marker(key, marker), pass).await?;
            }
        }
        if let (Some(header), Some(named)) = (header, named)
            && !belongings.markers.contains(named)
        {
            self.enter(key, header).await?;
        }
        Ok(())
    }

    /// Counters: the first call that sees one writes down when, a later one takes both away.
    async fn tidy_counters(&self, belongings: &Belongings, pass: &mut Pass) -> Result<(), LedgerError> {
        let now = self.store.effects.now();
        for (counter, life) in &belongings.counters {
            let seen_key = keys::counter_seen(counter);
            let seen = self.store.get(&seen_key).await.map_err(|e| fault(counter, e))?;
            let seen = seen.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok());
            let Some(seen) = seen.map(Timestamp::from_ms) else {
                let now = now.as_ms().to_string().into_bytes();
                self.store.set(&seen_key, now).await.map_err(|e| fault(counter, e))?;
                continue;
            };
            if now.since(seen) >= (*life).max(Duration::from_secs(1)) {
                // In this order a crash between the two leaves a counter that is seen anew, and nothing unknown.
                self.delete(&seen_key, pass).await?;
                self.delete(counter, pass).await?;
            }
        }
        Ok(())
    }

    /// The note about the absent state, then its tickets. Invariant: the record cannot become absent meanwhile, except by
    /// the caller; the tests of tidy in `races.rs` hold it.
    async fn delete_creation(
        &self,
        key: &Key,
        belongings: &Belongings,
        pass: &mut Pass,
    ) -> Result<(), LedgerError> {
        if belongings.notes.contains(&Stamp::Absent) {
            self.delete(&keys::note(key, &Stamp::Absent), pass).await?;
        }
        for (state, number) in belongings.tickets.iter().filter(|(state, _)| *state == Stamp::Absent) {
            self.delete(&keys::ticket(key, state, *number), pass).await?;
        }
        Ok(())
    }

    async fn delete(&self, key: &str, pass: &mut Pass) -> Result<(), LedgerError> {
        self.store.delete(key).await.map_err(|e| fault(key, e))?;
        pass.deleted += 1;
        Ok(())
    }

    /// Whether a state began so long ago that no invocation remembers the one before it. Never so for the absent state.
    fn is_old(&self, state: &Stamp) -> bool {
        state.written_at().is_some_and(|at| self.store.effects.now().since(at) >= KEPT)
    }

    fn log_refused(&self, key: &str, cause: &str) {
        let line = serde_json::json!({
            "level": "error",
            "message": "a record is left out of tidying because the store refuses it",
            "record.key": key,
            "error": cause,
        });
        self.store.effects.log(&line.to_string());
    }
}
