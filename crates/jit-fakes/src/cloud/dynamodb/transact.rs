//! TransactWriteItems: all or none, with reasons, and once only for each token.
//! Not in it: TransactGetItems.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::DynamoDb;
use super::error;
use super::input::{TransactWriteItems, TransactionItem};
use super::item;
use super::write::{Outcome, Planned, Verb};
use crate::cloud::error::ApiError;

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
const ITEMS_MAX: usize = 100;
const BYTES_MAX: usize = 4 << 20;
const TOKEN_CHARS_MAX: usize = 36;
/// A write in a transaction takes the units of two.
const UNITS_TIMES: u32 = 2;

/// A token that was used by a transaction that happened.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    at: Timestamp,
    /// What was asked, as text.
    asked: String,
}

impl DynamoDb {
    pub(super) fn transact_write_items(
        &mut self,
        region: &str,
        input: TransactWriteItems,
        now: Timestamp,
    ) -> Result<Json, ApiError> {
        if input.transact_items.is_empty() || input.transact_items.len() > ITEMS_MAX {
            return Err(error::invalid(format!(
                "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have \
                 length less than or equal to {ITEMS_MAX} and greater than or equal to 1"
            )));
        }
        let asked = format!("{:?}", input.transact_items);
        if self.is_repeated(region, input.client_request_token.as_deref(), &asked, now)? {
            return Ok(json!({}));
        }
        let planned = self.plan_all(region, &input.transact_items)?;
        if self.conflicts > 0 {
            self.conflicts -= 1;
            let message = "Transaction is ongoing for the item";
            let mut reasons = vec![json!({ "Code": "TransactionConflict", "Message": message })];
            reasons.resize(planned.len(), json!({ "Code": "None" }));
            return Err(error::cancelled(reasons));
        }
        let outcomes = self.outcomes(&planned, now)?;
        for (planned, outcome) in planned.into_iter().zip(outcomes) {
            self.carry_out(planned, outcome, now);
        }
        if let Some(token) = input.client_request_token {
            self.tokens.insert((region.to_owned(), token), Token { at: now, asked });
        }
        Ok(json!({}))
    }

    /// Whether this transaction happened already. A token that stands for another one is refused.
    fn is_repeated(
        &mut self,
        region: &str,
        token: Option<&str>,
        asked: &str,
        now: Timestamp,
    ) -> Result<bool, ApiError> {
        let Some(token) = token else { return Ok(false) };
        if token.is_empty() || token.chars().count() > TOKEN_CHARS_MAX {
            return Err(error::invalid(format!(
                "1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: Member must have \
                 length less than or equal to {TOKEN_CHARS_MAX}"
            )));
        }
        let validity = self.settings.token_validity;
        self.tokens.retain(|_, token| token.at.saturating_add(validity).is_ok_and(|until| until > now));
        match self.tokens.get(&(region.to_owned(), token.to_owned())) {
            None => Ok(false),
            Some(known) if known.asked == asked => Ok(true),
            Some(_) => Err(ApiError::bad(
                "IdempotentParameterMismatchException",
                "The request uses the same client token as a previous, but non-identical request. Do not reuse a client \
                 token with different requests, unless the requests are identical",
            )),
        }
    }

    fn plan_all(&self, region: &str, items: &[TransactionItem]) -> Result<Vec<Planned>, ApiError> {
        let mut planned = Vec::new();
        for item in items {
            let verb = match item {
                TransactionItem::ConditionCheck(_) => Verb::Check,
                TransactionItem::Put(_) => Verb::Put,
                TransactionItem::Update(_) => Verb::Update,
                TransactionItem::Delete(_) => Verb::Delete,
            };
            if verb == Verb::Check && item.write().condition_expression.is_none() {
                return Err(error::invalid("a ConditionCheck must have a ConditionExpression"));
            }
            planned.push(self.plan(region, verb, item.write())?);
        }
        let keys: BTreeSet<_> = planned.iter().map(|planned| (&planned.name, &planned.key)).collect();
        if keys.len() < planned.len() {
            return Err(error::invalid("Transaction request cannot include multiple operations on one item"));
        }
        Ok(planned)
    }

    /// What all of them would do, or the reasons why none does.
    fn outcomes(&mut self, planned: &[Planned], now: Timestamp) -> Result<Vec<Outcome>, ApiError> {
        let results: Vec<_> = planned.iter().map(|planned| self.outcome(planned)).collect();
        let after = results.iter().filter_map(|result| result.as_ref().ok()?.after.as_ref());
        if after.map(item::bytes).sum::<usize>() > BYTES_MAX {
            return Err(error::invalid(
                "Transaction request size has exceeded the maximum allowed size of 4 MB",
            ));
        }
        let mut reasons = Vec::new();
        for (planned, result) in planned.iter().zip(&results) {
            let charged = self.charge(planned, result.as_ref().ok(), UNITS_TIMES, now);
            reasons.push(match result.as_ref().err().or(charged.as_ref().err()) {
                None => json!({ "Code": "None" }),
                Some(error) => error::as_reason(error),
            });
        }
        if reasons.iter().any(|reason| reason["Code"] != "None") {
            return Err(error::cancelled(reasons));
        }
        results.into_iter().collect()
    }
}
