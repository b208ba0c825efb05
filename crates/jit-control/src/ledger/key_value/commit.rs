//! One conditional write: find the state, draw its ticket, look again, write.

use super::header::{Header, WriteId};
use super::keys::{self, Stamp};
use super::limits::{WRITE_TRIES, WRITE_WITHIN};
use super::ticket::{Patience, Ticket, Turn};
use super::{KeyValueLedger, busy, fault, refused};
use crate::effects::{Effects, KeyValueError};
use crate::ledger::{Change, Index, Key, LedgerError, Write};

/// What came of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Written,
    Lost,
}

impl<E: Effects> KeyValueLedger<'_, E> {
    /// Writes one record if it is still at the expected version.
    pub(super) async fn commit_one(&self, write: Write) -> Result<Step, LedgerError> {
        let step = self.attempt(&write).await?;
        // What was remembered may have been an older state at the same version: no record, then, and no record now.
        let again = step == Step::Lost && write.expected == 0 && self.remembered(&write.key, 0).is_some();
        if again { self.attempt(&write).await } else { Ok(step) }
    }

    async fn attempt(&self, Write { key, expected, value }: &Write) -> Result<Step, LedgerError> {
        let Some(before) = self.state_at(key, *expected).await? else { return Ok(Step::Lost) };
        if *expected == 0 && *value == Change::Delete {
            return Ok(Step::Written);
        }
        let next = self.next(before.as_ref(), value);
        let opens =
            next.opened_by.is_some() && before.as_ref().is_none_or(|header| header.opened_by.is_none());
        if opens {
            self.check_room(key).await?;
        }
        let from = Stamp::of(before.as_ref());
        let ticket = match self.turn(key, &from, Patience::waiting(self.patience)).await? {
            Turn::Won(ticket) => ticket,
            Turn::Moved => return Ok(Step::Lost),
        };
        if opens {
            self.enter(key, &next).await?;
        }
        if self.moved(key, &from).await? {
            self.withdraw(key, &next, opens).await;
            return Ok(Step::Lost);
        }
        self.write(key, &from, &ticket, next.clone(), body(value)).await?;
        self.leave(key, before.as_ref(), &next).await;
        Ok(Step::Written)
    }

    /// The header at the expected version (which for 0 is none, or a tombstone's); none if the record is elsewhere.
    async fn state_at(&self, key: &Key, expected: u64) -> Result<Option<Option<Header>>, LedgerError> {
        if let Some(header) = self.remembered(key, expected) {
            return Ok(Some(header));
        }
        self.look(key).await?;
        Ok(self.remembered(key, expected))
    }

    /// The header last seen, if that was at the expected version.
    fn remembered(&self, key: &Key, expected: u64) -> Option<Option<Header>> {
        let seen = self.seen.borrow();
        let header = seen.get(key)?;
        let version = header.as_ref().map_or(0, |header| if header.deleted { 0 } else { header.version });
        (version == expected).then(|| header.clone())
    }

    /// The header to be written, still without its ticket.
    pub(super) fn next(&self, before: Option<&Header>, change: &Change) -> Header {
        let mut random = [0_u8; 4];
        self.store.effects.random(&mut random);
        let id = WriteId::new(self.store.effects.now(), random);
        let version = before.map_or(0, |header| header.version) + 1;
        let mut next = Header::new(version, id, String::new());
        match change {
            Change::Delete => next.deleted = true,
            Change::Put { index, expires_at, value: _ } => {
                next.expires_at_ms = expires_at.map(|at| at.as_ms());
                if *index == Index::Open {
                    let already = before.and_then(|header| header.opened_by.clone());
                    next.opened_by = Some(already.unwrap_or_else(|| next.id.clone()));
                }
            }
        }
        next
    }

    /// Writes as long as the ticket is good. After a failure the record itself says whether the write happened.
    pub(super) async fn write(
        &self,
        key: &Key,
        from: &Stamp,
        ticket: &Ticket,
        mut next: Header,
        value: &[u8],
    ) -> Result<(), LedgerError> {
        next.ticket.clone_from(&ticket.name);
        let bytes = next.encode(value).map_err(|cause| refused(key, &cause))?;
        let mut cause = "the ticket was drawn too long ago to write".to_owned();
        for _ in 0..WRITE_TRIES {
            if !self.is_good(ticket) {
                break;
            }
            match self.store.set_once(&keys::record(key), bytes.clone()).await {
                Ok(()) => {
                    self.remember(key, Some(&next));
                    return Ok(());
                }
                Err(KeyValueError::Failed(failure)) => cause = failure,
                Err(denied @ KeyValueError::Denied(_)) => return Err(fault(key, denied)),
            }
            self.store.pause().await;
            let now = Stamp::of(self.look(key).await?.map(|(header, _)| header).as_ref());
            if now == Stamp::of(Some(&next)) {
                return Ok(());
            }
            if now != *from {
                // The failed write may have happened and been followed by another's, so it is not simply lost.
                break;
            }
        }
        Err(busy(key, &cause))
    }

    /// Whether the ticket still entitles to write. A clock that was set back makes it void too.
    pub(super) fn is_good(&self, ticket: &Ticket) -> bool {
        let now = self.store.effects.now();
        now >= ticket.drawn_at && now.since(ticket.drawn_at) <= WRITE_WITHIN
    }
}

fn body(change: &Change) -> &[u8] {
    match change {
        Change::Put { value, .. } => value,
        Change::Delete => &[],
    }
}
