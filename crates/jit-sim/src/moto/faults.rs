//! What goes wrong with queues and ledger on the way to them: of each action some calls are throttled, some fail, and of some the
//! reply is lost after the effect. Which ones follows from their numbers alone, so that no two plays differ in the plan.
//! Not here: the troubles of EC2, which are one of each (`proxy.rs`).

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The service refuses it for its rate; it never gets there.
    Throttled,
    /// The service answers that it failed; it never gets there either, but nobody can know that.
    Failed,
    /// It is carried out, and its reply is lost.
    ReplyLost,
}

impl Fault {
    /// In the order in which they strike.
    const ALL: [Self; 3] = [Self::Throttled, Self::Failed, Self::ReplyLost];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Failed => "failed",
            Self::ReplyLost => "reply_lost",
        }
    }

    /// What the service says, in its own form; nothing when it says what came of the call.
    pub(super) fn reply(self, target: &str, body: &[u8]) -> Option<Response<Vec<u8>>> {
        let is_sqs = target.starts_with(SQS);
        match self {
            Self::Throttled if is_sqs => Some(sqs(400, "com.amazonaws.sqs#RequestThrottled", "Sender")),
            Self::Throttled if target == TRANSACT => Some(cancelled(body)),
            Self::Throttled => Some(dynamodb(400, "ProvisionedThroughputExceededException")),
            Self::Failed if is_sqs => Some(sqs(500, "com.amazon.coral.service#InternalFailure", "Receiver")),
            Self::Failed => Some(dynamodb(500, "InternalServerError")),
            Self::ReplyLost => None,
        }
    }
}

const SQS: &str = "AmazonSQS.";
const TRANSACT: &str = "DynamoDB_20120810.TransactWriteItems";

/// Which calls of an action are struck: the `first`, then each `every`-th after it, `most` of them in all, with the faults in turn.
/// A call that was struck is tried again, and that counts as a call too.
#[derive(Clone, Copy, Debug)]
struct Rule {
    target: &'static str,
    first: u64,
    every: u64,
    most: u64,
}

/// A play has some 20 messages sent, 20 batches deleted, 250 calls to receive, 200 queries and 450 updates, but hardly more than
/// three transactions: there the first one meets all three faults, one try after the other. The others leave room for whoever
/// was struck to be served within the two or three further tries that each has.
const RULES: [Rule; 6] = [
    Rule { target: "AmazonSQS.SendMessage", first: 4, every: 5, most: 4 },
    Rule { target: "AmazonSQS.ReceiveMessage", first: 10, every: 15, most: 9 },
    Rule { target: "AmazonSQS.DeleteMessageBatch", first: 2, every: 4, most: 4 },
    Rule { target: "DynamoDB_20120810.UpdateItem", first: 10, every: 20, most: 12 },
    Rule { target: "DynamoDB_20120810.Query", first: 10, every: 15, most: 9 },
    Rule { target: TRANSACT, first: 1, every: 1, most: 3 },
];

impl Rule {
    /// The fault of the call of that number, counted from 1.
    fn fault(&self, call: u64) -> Option<Fault> {
        let after = call.checked_sub(self.first)?;
        let turn = after / self.every;
        if !after.is_multiple_of(self.every) || turn >= self.most {
            return None;
        }
        Fault::ALL.iter().cycle().nth(usize::try_from(turn).ok()?).copied()
    }
}

/// The faults of one play: what is to come, and what has come.
#[derive(Debug, Default)]
pub(super) struct Plan {
    rules: &'static [Rule],
    calls: BTreeMap<&'static str, u64>,
    met: BTreeSet<(&'static str, Fault)>,
    struck: BTreeMap<(&'static str, Fault), u64>,
}

impl Plan {
    /// All faults.
    pub(super) fn whole() -> Self {
        Self { rules: &RULES, ..Self::default() }
    }

    /// Counts a call, and gives the fault that it meets.
    pub(super) fn strike(&mut self, target: &str) -> Option<Fault> {
        let rule = self.rules.iter().find(|rule| rule.target == target)?;
        let call = self.calls.entry(rule.target).or_default();
        *call += 1;
        let fault = rule.fault(*call)?;
        self.met.insert((rule.target, fault));
        Some(fault)
    }

    /// Notes that a fault has had its effect: a reply that is lost to a call that was refused anyway has none.
    pub(super) fn has_struck(&mut self, target: &str, fault: Fault) {
        if let Some(rule) = self.rules.iter().find(|rule| rule.target == target) {
            *self.struck.entry((rule.target, fault)).or_default() += 1;
        }
    }

    /// A line for each action with how often each fault has struck, and one for all.
    pub(super) fn lines(&self) -> Vec<String> {
        let of = |targets: &[&str], fault: Fault| -> u64 {
            let struck =
                self.struck.iter().filter(|((target, kind), _)| targets.contains(target) && *kind == fault);
            struck.map(|(_, count)| count).sum()
        };
        let counts = |targets: &[&str]| {
            Fault::ALL.map(|fault| format!("{}={}", fault.as_str(), of(targets, fault))).join(" ")
        };
        let all: Vec<&str> = self.rules.iter().map(|rule| rule.target).collect();
        let mut lines: Vec<String> =
            all.iter().map(|target| format!("{} {}", short(target), counts(&[*target]))).collect();
        let sum: u64 = self.struck.values().sum();
        lines.push(format!("struck={sum} {}", counts(&all)));
        lines
    }

    /// The faults that no call has met. A lost reply counts here also where the call was refused: two who write at once are enough
    /// for that, and no play must fail by it.
    pub(super) fn missing(&self) -> Vec<String> {
        let all = self.rules.iter().flat_map(|rule| Fault::ALL.map(|fault| (rule.target, fault)));
        all.filter(|key| !self.met.contains(key))
            .map(|(target, fault)| format!("{} {}", short(target), fault.as_str()))
            .collect()
    }
}

/// The action without its service.
fn short(target: &str) -> &str {
    target.rsplit('.').next().unwrap_or(target)
}

/// SQS's form: the shape in the document, the older name in a header
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-json-api-responses.html>, read 2026-11-22).
fn sqs(status: u16, kind: &str, side: &str) -> Response<Vec<u8>> {
    let code = kind.rsplit('#').next().unwrap_or(kind);
    let mut reply = document(status, &json!({ "__type": kind, "message": "planned by the proxy" }));
    if let Ok(value) = HeaderValue::from_str(&format!("{code};{side}")) {
        reply.headers_mut().insert("x-amzn-query-error", value);
    }
    reply
}

/// DynamoDB's form (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>, read 2026-11-22).
fn dynamodb(status: u16, code: &str) -> Response<Vec<u8>> {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    document(status, &json!({ "__type": kind, "message": "planned by the proxy" }))
}

/// A throttled transaction is a cancelled one, with a reason for each of its items
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html>, read 2026-11-22).
fn cancelled(body: &[u8]) -> Response<Vec<u8>> {
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    let items = input["TransactItems"].as_array().map_or(1, Vec::len);
    let throttled = json!({ "Code": "ProvisionedThroughputExceeded", "Message": "planned by the proxy" });
    let none = std::iter::repeat_n(json!({ "Code": "None" }), items.saturating_sub(1));
    let reasons: Vec<Value> = std::iter::once(throttled).chain(none).collect();
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    let message = "Transaction cancelled, please refer cancellation reasons for specific reasons";
    document(400, &json!({ "__type": kind, "Message": message, "CancellationReasons": reasons }))
}

fn document(status: u16, document: &Value) -> Response<Vec<u8>> {
    let mut reply = Response::new(document.to_string().into_bytes());
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let media_type = HeaderValue::from_static("application/x-amz-json-1.0");
    reply.headers_mut().insert(http::header::CONTENT_TYPE, media_type);
    reply
}

#[cfg(test)]
mod tests {
    use jit_aws::dynamodb::{Cancellation, DynamoDbError, TransactWriteItems, UpdateItem};
    use jit_aws::sqs::{ErrorClass, SendMessage};

    use super::*;

    const SEND: &str = "AmazonSQS.SendMessage";

    #[test]
    fn the_number_of_a_call_alone_says_what_it_meets() {
        let mut plan = Plan::whole();
        let met: Vec<(u64, Fault)> = (1..=100).filter_map(|call| Some((call, plan.strike(SEND)?))).collect();
        let expected =
            [(4, Fault::Throttled), (9, Fault::Failed), (14, Fault::ReplyLost), (19, Fault::Throttled)];
        assert_eq!(met, expected);
        let mut plan = Plan::whole();
        assert_eq!(
            [1, 2, 3, 4].map(|_| plan.strike(TRANSACT)),
            [Some(Fault::Throttled), Some(Fault::Failed), Some(Fault::ReplyLost), None,]
        );
        assert_eq!(plan.strike("DynamoDB_20120810.GetItem"), None);
        assert_eq!(Plan::default().strike(TRANSACT), None);
    }

    #[test]
    fn each_rule_has_each_fault_in_it() {
        for rule in RULES {
            let faults: Vec<Fault> = (1..=1_000).filter_map(|call| rule.fault(call)).collect();
            assert_eq!(u64::try_from(faults.len()).unwrap(), rule.most, "{rule:?}");
            assert!(Fault::ALL.iter().all(|fault| faults.contains(fault)), "{rule:?}");
        }
    }

    #[test]
    fn what_has_struck_is_counted_and_what_has_not_is_told() {
        let mut plan = Plan::whole();
        assert_eq!(plan.missing().len(), RULES.len() * Fault::ALL.len());
        plan.has_struck(SEND, Fault::Failed);
        plan.has_struck(SEND, Fault::Failed);
        plan.has_struck("DynamoDB_20120810.GetItem", Fault::Failed);
        let lines = plan.lines();
        assert_eq!(lines[0], "SendMessage throttled=0 failed=2 reply_lost=0");
        assert_eq!(lines.last().unwrap(), "struck=2 throttled=0 failed=2 reply_lost=0");
        assert_eq!(plan.missing().len(), RULES.len() * Fault::ALL.len(), "no call has met any");
        while plan.strike(SEND) != Some(Fault::Throttled) {}
        let missing = plan.missing();
        assert!(
            missing.contains(&"SendMessage failed".to_owned())
                && !missing.contains(&"SendMessage throttled".to_owned())
        );
    }

    /// The documents are those of the services: a reader that knows nothing of the proxy makes of them what is meant.
    #[test]
    fn each_fault_is_read_as_what_it_is() {
        let of = |fault: Fault, target: &str| fault.reply(target, br#"{"TransactItems":[{},{}]}"#).unwrap();
        let send = |fault| SendMessage::parse(&of(fault, SEND)).unwrap_err().class();
        assert_eq!(
            (send(Fault::Throttled), send(Fault::Failed)),
            (ErrorClass::Throttled, ErrorClass::UnknownOutcome)
        );
        let update = |fault| UpdateItem::parse(&of(fault, "DynamoDB_20120810.UpdateItem")).unwrap_err();
        assert!(matches!(update(Fault::Throttled), DynamoDbError::Throttled(_)));
        assert!(matches!(update(Fault::Failed), DynamoDbError::UnknownOutcome(_)));
        let transact = |fault| TransactWriteItems::parse(&of(fault, TRANSACT)).unwrap_err();
        let DynamoDbError::Cancelled { reasons, .. } = transact(Fault::Throttled) else {
            panic!("not cancelled")
        };
        assert!(
            matches!(reasons.as_slice(), [Cancellation::Throttled { .. }, Cancellation::None]),
            "{reasons:?}"
        );
        assert!(matches!(transact(Fault::Failed), DynamoDbError::UnknownOutcome(_)));
        assert!(Fault::ReplyLost.reply(SEND, b"{}").is_none());
    }
}
