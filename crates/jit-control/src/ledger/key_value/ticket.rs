//! Drawing the ticket that entitles to move one record on; the argument why it is safe is in `key_value.rs`.
//! Writing the record is not here.

use std::time::Duration;

use jit_domain::time::Timestamp;

use super::header::Header;
use super::keys::{self, Stamp};
use super::limits::{DRAWS_MAX, LOOKS, NOTE_SUCCESSION_AFTER, SUCCESSION_AFTER};
use super::{KeyValueLedger, busy, fault};
use crate::effects::Effects;
use crate::ledger::{Key, LedgerError};

/// Whose turn it is.
pub(super) enum Turn {
    /// The caller's, for a short time.
    Won(Ticket),
    /// Nobody's: the record has moved on.
    Moved,
}

/// The right to move a record on from one state, once, within a short time.
pub(super) struct Ticket {
    /// Its name, for the record's header.
    pub(super) name: String,
    /// When it was drawn, or a little earlier.
    pub(super) drawn_at: Timestamp,
}

/// The highest ticket that a loser knows to be drawn.
#[derive(serde::Serialize, serde::Deserialize)]
struct Note {
    /// Which ticket; all before it are over.
    number: u64,
    /// When it was known to be drawn, in milliseconds since the epoch.
    at_ms: u64,
}

impl Note {
    /// For how long the ticket has been known to be drawn.
    fn age(&self, now: Timestamp) -> Duration {
        now.since(Timestamp::from_ms(self.at_ms))
    }
}

/// What a loser can do about a ticket that is drawn and has not been used.
enum Loss {
    Moved,
    Draw(u64),
    Busy,
}

/// How long a loser may take.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// Looks for the winner's write, a pause before each.
    pub(super) looks: &'static [Duration],
    /// What it may spend on waiting until a successor may be drawn.
    pub(super) wait: Duration,
}

impl Patience {
    /// Looks once and waits for nothing.
    pub(super) const NONE: Self = Self { looks: &[], wait: Duration::ZERO };

    /// Looks for the winner's write for less than a second, then waits if there is that much.
    pub(super) const fn waiting(wait: Duration) -> Self {
        Self { looks: &LOOKS, wait }
    }
}

impl<E: Effects> KeyValueLedger<'_, E> {
    /// Draws until a ticket is won at the state `from`, or the record has moved on, or patience ends: then it is busy.
    pub(super) async fn turn(
        &self,
        key: &Key,
        from: &Stamp,
        mut patience: Patience,
    ) -> Result<Turn, LedgerError> {
        let mut number = 1;
        for _ in 0..DRAWS_MAX {
            let ticket = keys::ticket(key, from, number);
            let (count, drawn_at) = self.store.increment(&ticket, 1).await.map_err(|e| fault(key, e))?;
            if count == 1 {
                return Ok(Turn::Won(Ticket { name: format!("{from}.{number}"), drawn_at }));
            }
            match self.lost(key, from, number, &mut patience).await? {
                Loss::Moved => return Ok(Turn::Moved),
                Loss::Draw(next) => number = next,
                Loss::Busy => break,
            }
        }
        Err(busy(key, "another invocation has the ticket and has not written yet"))
    }

    /// Finds out what to do after ticket `number` was lost.
    async fn lost(
        &self,
        key: &Key,
        from: &Stamp,
        number: u64,
        patience: &mut Patience,
    ) -> Result<Loss, LedgerError> {
        if self.moved(key, from).await? {
            return Ok(Loss::Moved);
        }
        let mut known_for = Duration::ZERO;
        for pause in patience.looks {
            self.store.effects.sleep(*pause).await;
            known_for += *pause;
            if self.moved(key, from).await? {
                return Ok(Loss::Moved);
            }
        }
        let highest = match self.note(key, from).await? {
            Some(note) if note.number >= number => {
                if note.age(self.store.effects.now()) >= NOTE_SUCCESSION_AFTER {
                    return Ok(Loss::Draw(note.number + 1));
                }
                if note.number > number {
                    known_for = Duration::ZERO;
                }
                note.number
            }
            // Nobody has noted this ticket, or only one before it: from now on its time is known.
            _ => {
                self.leave_note(key, from, number).await?;
                number
            }
        };
        if patience.wait < SUCCESSION_AFTER {
            return Ok(Loss::Busy);
        }
        patience.wait -= SUCCESSION_AFTER;
        self.store.effects.sleep(SUCCESSION_AFTER.saturating_sub(known_for)).await;
        Ok(if self.moved(key, from).await? { Loss::Moved } else { Loss::Draw(highest + 1) })
    }

    /// Reads the record again and says whether it has left the state.
    pub(super) async fn moved(&self, key: &Key, from: &Stamp) -> Result<bool, LedgerError> {
        let header = self.look(key).await?.map(|(header, _)| header);
        Ok(Stamp::of(header.as_ref()) != *from)
    }

    async fn note(&self, key: &Key, from: &Stamp) -> Result<Option<Note>, LedgerError> {
        let bytes = self.store.get(&keys::note(key, from)).await.map_err(|e| fault(key, e))?;
        // A note that cannot be read is no note: the loser leaves a new one and the count begins again.
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    async fn leave_note(&self, key: &Key, from: &Stamp, number: u64) -> Result<(), LedgerError> {
        let note = Note { number, at_ms: self.store.effects.now().as_ms() };
        let bytes = serde_json::to_vec(&note).map_err(|e| busy(key, &e.to_string()))?;
        self.store.set(&keys::note(key, from), bytes).await.map_err(|e| fault(key, e))
    }

    /// For tidy: notes the first ticket at a state if nobody has noted any; else says how long the noted one has been known.
    pub(super) async fn known_for(&self, key: &Key, from: &Stamp) -> Result<Duration, LedgerError> {
        if let Some(note) = self.note(key, from).await? {
            return Ok(note.age(self.store.effects.now()));
        }
        self.leave_note(key, from, 1).await?;
        Ok(Duration::ZERO)
    }

    /// Keeps what was seen of a record last.
    pub(super) fn remember(&self, key: &Key, header: Option<&Header>) {
        self.seen.borrow_mut().insert(key.clone(), header.cloned());
    }
}
