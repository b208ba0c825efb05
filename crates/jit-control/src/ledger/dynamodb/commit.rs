//! Conditional writes: one alone, or as many as a transaction holds.
//! How a write becomes an update is in `record`.

use std::collections::BTreeSet;

use jit_aws::dynamodb::{Item, OnFailure, Returned, TRANSACTION_ITEMS_MAX, TransactWriteItems, UpdateItem};
use jit_domain::time::Timestamp;

use super::call::{Answer, Failed};
use super::limits::{RECORD_BYTES, TRANSACTION_BYTES};
use super::{DynamoDbLedger, busy, record};
use crate::effects::Effects;
use crate::ledger::{Change, Committed, LedgerError, Write};

/// How many of the writes, from the first, go together: as many as a transaction holds, each about another record.
/// None if there are none.
pub(super) fn chunk(writes: &[Write]) -> Option<usize> {
    let mut keys = BTreeSet::new();
    let mut bytes = 0;
    for (place, write) in writes.iter().take(TRANSACTION_ITEMS_MAX).enumerate() {
        bytes += match &write.value {
            Change::Put { value, .. } => value.len(),
            Change::Delete => 0,
        };
        bytes += 2 * write.key.name.len() + RECORD_BYTES;
        if bytes > TRANSACTION_BYTES || !keys.insert(&write.key) {
            return Some(place);
        }
    }
    let length = writes.len().min(TRANSACTION_ITEMS_MAX);
    (length > 0).then_some(length)
}

impl<E: Effects> DynamoDbLedger<'_, E> {
    /// Writes all of a chunk or none.
    pub(super) async fn commit_chunk(
        &self,
        writes: &[Write],
        until: Timestamp,
    ) -> Result<Committed, LedgerError> {
        match writes {
            [write] => self.commit_one(write, until).await,
            writes => self.transact(writes, until).await,
        }
    }

    async fn commit_one(&self, write: &Write, until: Timestamp) -> Result<Committed, LedgerError> {
        let id = self.write_id();
        let Some(update) = record::update(&self.table, write, &id, self.effects.now()) else {
            let item = self.look(&write.key, until).await?;
            let is_absent = item.is_none_or(|item| record::is_deleted(&item));
            return Ok(if is_absent { Committed::Written } else { Committed::Lost(0) });
        };
        let update = UpdateItem { update, return_values: Returned::None, on_failure: OnFailure::AllOld };
        let request = update.request(&self.endpoint);
        match self.ask(&write.key, until, &request, UpdateItem::parse).await? {
            Answer::Done(_) => Ok(Committed::Written),
            Answer::Failed(failed) => verdict(&failed, &id, std::slice::from_ref(write)),
        }
    }

    async fn transact(&self, writes: &[Write], until: Timestamp) -> Result<Committed, LedgerError> {
        let id = self.write_id();
        let now = self.effects.now();
        let transact_items =
            writes.iter().map(|write| record::transaction_item(&self.table, write, &id, now)).collect();
        let transaction = TransactWriteItems { transact_items, client_request_token: id.clone() };
        let request = transaction.request(&self.endpoint);
        match self.ask(&writes[0].key, until, &request, TransactWriteItems::parse).await? {
            Answer::Done(()) => Ok(Committed::Written),
            Answer::Failed(failed) => verdict(&failed, &id, writes),
        }
    }

    /// An id that no other write has: 32 characters, so that it is a transaction's token as well.
    fn write_id(&self) -> String {
        let mut bytes = [0_u8; 16];
        self.effects.random(&mut bytes);
        hex::encode(bytes)
    }
}

/// What failed conditions mean. If one of the records bears our id, an earlier try was carried out after all. If not, and
/// there was a try of an unknown outcome, ours may have been written and then changed by somebody else, unless a version
/// shows that it was not.
fn verdict(failed: &Failed, id: &str, writes: &[Write]) -> Result<Committed, LedgerError> {
    let is_ours = |item: &Item| record::is_written_by(item, id);
    if failed.places.iter().any(|(_, item)| item.as_ref().is_some_and(is_ours)) {
        return Ok(Committed::Written);
    }
    let place = failed.places.first().map_or(0, |(place, _)| *place);
    let shows_that_not = |(place, item): &(usize, Option<Item>)| {
        writes.get(*place).is_some_and(|w| never_happened(w, item.as_ref()))
    };
    if failed.after_unknown && !failed.places.iter().any(shows_that_not) {
        let key = writes.get(place).map_or_else(String::new, |write| write.key.to_string());
        return Err(busy(key, "a try had no answer, and the record has moved on since"));
    }
    Ok(Committed::Lost(place))
}

/// Whether a record that is not left by this write shows that the write was never carried out: it would have made the next
/// version, and each version is made once. A mere check leaves nothing to see.
fn never_happened(write: &Write, item: Option<&Item>) -> bool {
    let is_check = write.expected == 0 && write.value == Change::Delete;
    let next = write.expected.saturating_add(1);
    !is_check && item.is_none_or(|item| record::version(item).is_some_and(|version| version <= next))
}
