//! What bounds DynamoDB and how long things take there: every number that a world may want to change.
//! Not in it: limits that nobody can change (sizes, counts of items), which stand where they are checked.

use jiff::SignedDuration;

use crate::cloud::delay::Delay;
use crate::cloud::throttle::BucketSize;

/// Limits and times of DynamoDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoDbSettings {
    /// Write units of one partition, which here is one value of the hash key: a table with a local index never splits it.
    /// 1,000 a second: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>
    pub write_units: BucketSize,
    /// How far reads lag behind that don't ask for consistency.
    pub lag: Delay,
    /// From the end of an item's time to live to its deletion: within a few days.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>
    pub deletion: Delay,
    /// How long the token of a transaction is remembered.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
    pub token_validity: SignedDuration,
}

impl Default for DynamoDbSettings {
    fn default() -> Self {
        Self {
            write_units: BucketSize { size: 1000, per_second: 1000 },
            lag: Delay::Uniform { low: SignedDuration::ZERO, high: SignedDuration::from_secs(1) },
            deletion: Delay::Uniform { low: SignedDuration::ZERO, high: SignedDuration::from_hours(48) },
            token_validity: SignedDuration::from_mins(10),
        }
    }
}
