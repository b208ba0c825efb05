//! One request to DynamoDB, sent again while that may help: a few tries, each after a longer wait of a random length.
//! What a lost condition means is not here: `commit` knows.

use std::fmt::Display;

use jit_aws::dynamodb::{Cancellation, DynamoDbError, Item};
use jit_domain::time::Timestamp;

use super::limits::{CALL_TIMEOUT, TRIES_MAX, WAIT};
use super::{DynamoDbLedger, busy, refused};
use crate::effects::{Effects, Request, Response, SendError, pause};
use crate::ledger::LedgerError;

/// What came of a request.
#[derive(Debug)]
pub(super) enum Answer<T> {
    /// It was carried out.
    Done(T),
    /// One or more conditions do not hold.
    Failed(Failed),
}

/// Conditions that do not hold.
#[derive(Debug)]
pub(super) struct Failed {
    /// Where in the transaction, and the item as it is; at least one.
    pub(super) places: Vec<(usize, Option<Item>)>,
    /// Whether an earlier try of the same request had an unknown outcome, so that it may have been carried out.
    pub(super) after_unknown: bool,
}

impl<T> Answer<T> {
    /// What a request without a condition answered.
    pub(super) fn done(self, about: impl Display) -> Result<T, LedgerError> {
        match self {
            Self::Done(done) => Ok(done),
            Self::Failed(_) => Err(refused(about, "dynamodb speaks of a condition where there is none")),
        }
    }
}

/// What to do after one try.
enum Next<T> {
    Return(Answer<T>),
    Give(LedgerError),
    /// Try again; the text says why.
    Again(String),
}

impl<E: Effects> DynamoDbLedger<'_, E> {
    /// Sends a request until it is answered for good, but no new try after `until`.
    pub(super) async fn ask<T>(
        &self,
        about: impl Display,
        until: Timestamp,
        request: &Request,
        parse: impl Fn(&Response) -> Result<T, DynamoDbError>,
    ) -> Result<Answer<T>, LedgerError> {
        let mut cause = String::new();
        let mut after_unknown = false;
        for tried in 0..TRIES_MAX {
            if tried > 0 {
                self.pause(tried - 1).await;
                if self.effects.now() > until {
                    break;
                }
            }
            let reply = match self.aws.send(&self.endpoint, request.clone(), CALL_TIMEOUT).await {
                Ok(response) => parse(&response),
                Err(SendError::Unknown(why)) => Err(DynamoDbError::no_reply(&why)),
                Err(SendError::NotSent(why)) => {
                    cause = why;
                    continue;
                }
            };
            let is_unknown = matches!(reply, Err(DynamoDbError::UnknownOutcome(_)));
            match next(reply, after_unknown, &about) {
                Next::Return(answer) => return Ok(answer),
                Next::Give(error) => return Err(error),
                Next::Again(why) => cause = why,
            }
            after_unknown |= is_unknown;
        }
        Err(busy(about, &cause))
    }

    /// Waits before a further try, the longer the more there were.
    pub(super) async fn pause(&self, tried: u32) {
        pause(self.effects, WAIT * (1 << tried.min(TRIES_MAX))).await;
    }
}

fn next<T>(reply: Result<T, DynamoDbError>, after_unknown: bool, about: &impl Display) -> Next<T> {
    let error = match reply {
        Ok(done) => return Next::Return(Answer::Done(done)),
        Err(error) => error,
    };
    let why = error.to_string();
    match error {
        DynamoDbError::ConditionFailed { item, .. } => {
            Next::Return(Answer::Failed(Failed { places: vec![(0, item)], after_unknown }))
        }
        DynamoDbError::Cancelled { reasons, .. } => cancelled(reasons, after_unknown, &why, about),
        DynamoDbError::Throttled(_) | DynamoDbError::UnknownOutcome(_) => Next::Again(why),
        DynamoDbError::ClockSkew(_) | DynamoDbError::Refused(_) | DynamoDbError::Unclassified(_) => {
            Next::Give(refused(about, &why))
        }
    }
}

/// A failed condition decides, whatever else was in the way; then what will never do.
fn cancelled<T>(reasons: Vec<Cancellation>, after_unknown: bool, why: &str, about: &impl Display) -> Next<T> {
    let is_refused = reasons.iter().any(|reason| matches!(reason, Cancellation::Refused { .. }));
    let mut places = Vec::new();
    for (place, reason) in reasons.into_iter().enumerate() {
        if let Cancellation::ConditionFailed { item } = reason {
            places.push((place, item));
        }
    }
    if !places.is_empty() {
        return Next::Return(Answer::Failed(Failed { places, after_unknown }));
    }
    if is_refused { Next::Give(refused(about, why)) } else { Next::Again(why.to_owned()) }
}
