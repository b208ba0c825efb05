//! A queue's settings, which SQS passes as text.
//! Not in it: policies, encryption, FIFO and redrive permissions, which it refuses as unknown.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html> (read 2026-11-22)

use serde_json::Value;

use super::super::error::ApiError;
use super::Object;

/// Where a message goes that was received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redrive {
    /// The dead-letter queue's name, in the same account and region.
    pub(super) queue: String,
    /// After so many receives.
    pub(super) receives_max: u32,
}

/// The settings; times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) visibility: u32,
    pub(super) retention: u32,
    pub(super) delay: u32,
    pub(super) wait: u32,
    pub(super) bytes_max: u32,
    pub(super) redrive: Option<Redrive>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { visibility: 30, retention: 345_600, delay: 0, wait: 0, bytes_max: 1_048_576, redrive: None }
    }
}

impl Attributes {
    /// Changes what is named; nothing if anything of it cannot be.
    pub(super) fn set(&mut self, named: Object) -> Result<(), ApiError> {
        let mut changed = self.clone();
        for (name, value) in named {
            let value = value.as_str().ok_or_else(|| invalid(&name))?;
            let number = |low: u32, high: u32| {
                let number = value.parse().ok().filter(|number| (low..=high).contains(number));
                number.ok_or_else(|| invalid(&name))
            };
            match name.as_str() {
                "VisibilityTimeout" => changed.visibility = number(0, 43_200)?,
                "MessageRetentionPeriod" => changed.retention = number(60, 1_209_600)?,
                "DelaySeconds" => changed.delay = number(0, 900)?,
                "ReceiveMessageWaitTimeSeconds" => changed.wait = number(0, 20)?,
                "MaximumMessageSize" => changed.bytes_max = number(1_024, 1_048_576)?,
                "RedrivePolicy" => changed.redrive = redrive(value).ok_or_else(|| invalid(&name))?,
                _ => {
                    return Err(ApiError::bad("InvalidAttributeName", format!("Unknown Attribute {name}.")));
                }
            }
        }
        *self = changed;
        Ok(())
    }

    /// The settings as SQS lists them.
    pub(super) fn shown(&self) -> Object {
        let numbers = [
            ("VisibilityTimeout", self.visibility),
            ("MessageRetentionPeriod", self.retention),
            ("DelaySeconds", self.delay),
            ("ReceiveMessageWaitTimeSeconds", self.wait),
            ("MaximumMessageSize", self.bytes_max),
        ];
        numbers.into_iter().map(|(name, number)| (name.to_owned(), Value::from(number.to_string()))).collect()
    }
}

/// Reads a redrive policy; an empty text takes it back.
fn redrive(text: &str) -> Option<Option<Redrive>> {
    if text.is_empty() {
        return Some(None);
    }
    let policy: Value = serde_json::from_str(text).ok()?;
    let queue = policy["deadLetterTargetArn"].as_str()?.rsplit(':').next()?.to_owned();
    let count = &policy["maxReceiveCount"];
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    let receives_max = u32::try_from(count).ok().filter(|count| (1..=1_000).contains(count))?;
    Some(Some(Redrive { queue, receives_max }))
}

fn invalid(name: &str) -> ApiError {
    ApiError::bad("InvalidAttributeValue", format!("Invalid value for the parameter {name}."))
}
