//! The index of open records: entries made before a record is written open and taken away after it is closed.
//!
//! Each opening has an entry of its own, named by the write that opened the record, and the record names its entry. So a
//! closer takes away exactly the entry of the opening it closed, however late it is. An entry that no record names was left
//! by a crash or by a loser; listings skip it and tidy takes it away after an hour.

use std::collections::BTreeSet;

use super::header::Header;
use super::keys::{self, FULL, INDEX};
use super::limits::{OPEN_MAX, PAGE};
use super::{KeyValueLedger, Listing, fault, refused};
use crate::effects::Effects;
use crate::ledger::{Key, Kind, LedgerError, Page};

impl<E: Effects> KeyValueLedger<'_, E> {
    /// Refuses to open one more record when the store is full.
    pub(super) async fn check_room(&self, key: &Key) -> Result<(), LedgerError> {
        if self.is_full().await? {
            let cause = format!(
                "there are {OPEN_MAX} open records of all kinds, the most this store is made for; \
                 let some finish, or move the ledger to a back end without this limit"
            );
            return Err(refused(key, &cause));
        }
        Ok(())
    }

    /// Makes the entry that `next` names.
    pub(super) async fn enter(&self, key: &Key, next: &Header) -> Result<(), LedgerError> {
        let Some(opened_by) = &next.opened_by else { return Ok(()) };
        self.store.set(&keys::marker(key, opened_by), vec![b'1']).await.map_err(|e| fault(key, e))?;
        if let Some(listed) = self.listed.borrow_mut().as_mut() {
            listed.insert(key.clone());
        }
        Ok(())
    }

    /// Takes away the entry of `before` if `next` has it no more. If that fails tidy does it later.
    pub(super) async fn leave(&self, key: &Key, before: Option<&Header>, next: &Header) {
        if let Some(opened_by) = before.and_then(|before| before.opened_by.as_ref())
            && next.opened_by.is_none()
        {
            let _ = self.store.delete(&keys::marker(key, opened_by)).await;
        }
    }

    /// Takes back the entry that was made for a write that then was not tried. If that fails tidy does it later.
    pub(super) async fn withdraw(&self, key: &Key, next: &Header, entered: bool) {
        if let Some(opened_by) = next.opened_by.as_ref().filter(|_| entered) {
            let _ = self.store.delete(&keys::marker(key, opened_by)).await;
        }
    }

    /// One page of the open records of a kind, by name.
    pub(super) async fn open_page(&self, kind: Kind, after: Option<&str>) -> Result<Page, LedgerError> {
        let listed_before = self.listed.borrow().is_some();
        if !listed_before || (after.is_none() && self.listing == Listing::Fresh) {
            let listing = self.store.keys(INDEX).await.map_err(|e| fault(kind.as_str(), e))?;
            self.take_listing(&listing).await?;
        }
        let names: Vec<Key> = self
            .listed
            .borrow()
            .iter()
            .flatten()
            .filter(|key| key.kind == kind && after.is_none_or(|after| key.name.as_str() > after))
            .take(PAGE + 1)
            .cloned()
            .collect();
        let on_page = &names[..names.len().min(PAGE)];
        let records = self.look_at_many(on_page, |header| header.opened_by.is_some()).await?;
        let next = (names.len() > PAGE).then(|| names[PAGE - 1].name.clone());
        Ok(Page { records, next })
    }

    /// Keeps the index of a listing, and the mark that the store is full where it has become true or untrue.
    pub(super) async fn take_listing(&self, listing: &[String]) -> Result<(), LedgerError> {
        let listed: BTreeSet<Key> = keys::marked(listing).collect();
        let is_full = listed.len() >= OPEN_MAX;
        let was_full = listing.binary_search_by(|key| key.as_str().cmp(FULL)).is_ok();
        *self.listed.borrow_mut() = Some(listed);
        if is_full && !was_full {
            self.store.set(FULL, vec![b'1']).await.map_err(|e| fault(FULL, e))?;
        } else if was_full && !is_full {
            self.store.delete(FULL).await.map_err(|e| fault(FULL, e))?;
        }
        Ok(())
    }

    /// Whether no more records may be opened: by this invocation's listing, or by the mark that the last listing of any
    /// invocation left. Between two listings the limit may be passed by what is opened meanwhile.
    async fn is_full(&self) -> Result<bool, LedgerError> {
        if let Some(listed) = self.listed.borrow().as_ref() {
            return Ok(listed.len() >= OPEN_MAX);
        }
        if let Some(full) = self.full.get() {
            return Ok(full);
        }
        let full = self.store.get(FULL).await.map_err(|e| fault(FULL, e))?.is_some();
        self.full.set(Some(full));
        Ok(full)
    }
}
