//! Every bound of the queues on SQS, with its unit and its reason.
//! SQS's own limits are in jit-aws.

use std::time::Duration;

/// How long a message that was received stays hidden from other receivers: longer than the handler's 20 s and its last call's 5 s,
/// so that nobody else gets what is still being recorded, and hardly longer, for after a crash it is the delay.
pub const VISIBILITY: Duration = Duration::from_secs(30);
/// Longest wait for the reply to a send. Three of them and the pauses between stay within the 10 s that GitHub waits for webhook.
pub const SEND_TIMEOUT: Duration = Duration::from_millis(2_500);
/// The pauses before the second and the third try, at least; up to twice as long is waited.
pub const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(300)];
/// No round of receiving starts later than this after the first: what has come by then is worth more than what may come.
pub const RECEIVE_MAX: Duration = Duration::from_secs(1);
/// How long the poll waits that makes sure of an empty queue: the least that SQS takes for a long poll.
pub const LONG_POLL: Duration = Duration::from_secs(1);
/// Longest wait for the reply to a poll, a long one too. If nobody answers, a second round follows; after both there is still time
/// before the last moment for a launch.
pub const POLL_TIMEOUT: Duration = Duration::from_millis(2_500);
/// Calls to receive at once in the first round: the common case is one message, and one call may miss it. Each costs money, also
/// on an empty queue: with the long poll behind it, looked at twice every 10 s, some 1.6 million requests a month for each queue.
pub const POLLS_FIRST: usize = 2;
/// By how much a round is wider than the one before, while messages keep coming.
pub const POLLS_GROWTH: usize = 4;
/// Longest reason kept with a dead letter, in bytes.
pub const REASON_BYTES_MAX: usize = 1_024;
