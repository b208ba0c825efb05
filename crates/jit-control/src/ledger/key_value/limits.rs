//! Every bound of the ledger on key-value, with its unit and its reason.

use std::time::Duration;

/// Who won a ticket writes within this time of drawing it, or not at all.
pub(super) const WRITE_WITHIN: Duration = Duration::from_secs(2);
/// Who has known for this long, in one invocation, that a ticket was drawn may draw its successor: the winner's time is
/// over five times, so that what remains is a winner stopped between its last look and its write.
pub(super) const SUCCESSION_AFTER: Duration = Duration::from_secs(10);
/// The same by a note that an earlier invocation left. Longer, as it is measured by the wall clocks of two invocations.
pub(super) const NOTE_SUCCESSION_AFTER: Duration = Duration::from_secs(30);
/// Draws in one attempt: the first ticket, the one after the noted, and two more that patience may earn.
pub(super) const DRAWS_MAX: usize = 4;
/// How long a loser looks for the winner's write before it gives up; the sum is under a second, so that a drain with many
/// messages stays within its deadline.
pub(super) const LOOKS: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(150),
    Duration::from_millis(250),
    Duration::from_millis(250),
];
/// Tries of the winner's write, all within [`WRITE_WITHIN`].
pub(super) const WRITE_TRIES: usize = 3;
/// Records read for one page of open records.
pub(super) const PAGE: usize = 500;
/// Open records of all kinds: beyond this a key listing in each tick is too slow, and another back end is called for.
pub(super) const OPEN_MAX: usize = 5_000;
/// No invocation lives this long, so what was superseded this long ago is of use to nobody. Tombstones stay as long.
pub(super) const KEPT: Duration = Duration::from_hours(1);
/// Deletions after which a call of tidy stops at the next record: at 10 ms each on a busy disk they take 20 s.
pub(super) const TIDY_DELETIONS_MAX: u64 = 2_000;
