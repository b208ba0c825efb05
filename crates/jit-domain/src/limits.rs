//! Every bound of the domain, with its unit and its reason.

use std::time::Duration;

/// Slots of one batch. 256 is a matrix's limit at GitHub, so one batch serves the widest matrix.
pub const BATCH_SLOTS_MAX: u32 = 256;
/// Open batches of one class; more would hide that launching does not work.
pub const OPEN_BATCHES_MAX: usize = 4;
/// An open or unknown try may be repeated by anyone after this; longer than any handler lives.
pub const TRY_REPEAT_AFTER: Duration = Duration::from_secs(60);
/// An unknown try is repeated by every tick, but by no two at once.
pub const UNKNOWN_REPEAT_AFTER: Duration = Duration::from_secs(10);
/// A try unknown for this long becomes doubtful; until then no other offering is tried.
pub const TRY_DOUBTFUL_AFTER: Duration = Duration::from_secs(120);
/// A token is good for at least 24 h at EC2; an unknown try older than this is given up, and a sweep by tag finds what it made.
pub const TRY_GIVEN_UP_AFTER: Duration = Duration::from_secs(23 * 3600);
/// Life of a try's boot token from the try's birth.
pub const BOOT_TOKEN_LIFE: Duration = Duration::from_secs(30 * 60);
/// A batch closes this long after its birth, if no try is unknown.
pub const BATCH_OPEN_MAX: Duration = Duration::from_secs(5 * 60);
/// Closed batches are kept this long, so that late instances can be adopted.
pub const BATCH_KEPT: Duration = Duration::from_secs(24 * 3600);
/// A full batch whose instances lack records is kept this long, so that the records can be made.
pub const FILLED_KEPT: Duration = Duration::from_secs(10 * 60);
/// A full batch is kept at least this long, records or not: an invocation that listed instances before these had records
/// must not miss both them and their batch. No invocation lives longer.
pub const FILLED_KEPT_MIN: Duration = Duration::from_secs(60);
/// Closed batches of one class; each takes some 3 KB of a record that may have 350 KiB.
pub const CLOSED_BATCHES_MAX: usize = 48;
/// Instances of all closed batches of one class: eight full ones. Each takes some 40 bytes of the same record.
pub const CLOSED_INSTANCES_MAX: usize = 2048;
/// An id without a record counts as supply for this long after its launch: rebalancer makes missing records once a minute.
pub const UNRECORDED_COVERS: Duration = Duration::from_secs(90);
/// First wait after slots lapsed; doubles with each lapse.
pub const LAPSE_WAIT_MIN: Duration = Duration::from_secs(30);
/// Longest wait after slots lapsed.
pub const LAPSE_WAIT_MAX: Duration = Duration::from_secs(5 * 60);
/// First time an offering counts as unhealthy; doubles with each failure in a row.
pub const UNHEALTHY_MIN: Duration = Duration::from_secs(30);
/// Longest time an offering counts as unhealthy.
pub const UNHEALTHY_MAX: Duration = Duration::from_secs(10 * 60);
/// A reservation whose batch was not born in this time is released.
pub const RESERVATION_UNBORN_MAX: Duration = Duration::from_secs(60);
/// Instances that may end without a job, in a row, before the breaker opens.
pub const BREAKER_FAILURES: u32 = 3;
/// First delay between single launches while a breaker is open.
pub const BREAKER_DELAY_MIN: Duration = Duration::from_secs(60);
/// Longest delay between single launches while a breaker is open.
pub const BREAKER_DELAY_MAX: Duration = Duration::from_secs(30 * 60);
/// Boot durations kept for each image: the largest of 64 stands for the 99th percentile.
pub const BOOT_SAMPLES_MAX: usize = 64;
/// Fewer samples than this teach nothing.
pub const BOOT_SAMPLES_MIN: usize = 8;
/// 99th percentile of boot assumed at first for a baked image.
pub const BOOT_P99_BAKED: Duration = Duration::from_secs(180);
/// 99th percentile of boot assumed at first for a stock image.
pub const BOOT_P99_STOCK: Duration = Duration::from_secs(600);
/// An instance unclaimed for this many times the 99th percentile of boot is no supply any more.
pub const BOOT_P99_FACTOR: u32 = 3;
/// A learned 99th percentile is never taken to be shorter: a run of quick boots must not make us impatient.
pub const BOOT_P99_MIN: Duration = Duration::from_secs(30);
/// How long a busy runner whose job we don't know covers a queued job.
pub const BUSY_UNKNOWN_COVERS: Duration = Duration::from_secs(5 * 60);
/// A claimed instance idle this long with no job for it is deregistered.
pub const IDLE_MAX: Duration = Duration::from_secs(120);
/// A claimed instance younger than this may not be listed by GitHub yet, or not be online.
pub const LISTING_LAG: Duration = Duration::from_secs(60);
/// A registered runner that has not connected for this long never will: its config is dead by then.
pub const OFFLINE_MAX: Duration = Duration::from_secs(5 * 60);
/// A registration being made is left alone for this long: a POST may still be under way.
pub const MINTING_MAX: Duration = Duration::from_secs(15);
/// Registrations for one instance.
pub const MINTS_MAX: u32 = 3;
/// All registrations for one instance happen within this time.
pub const MINTS_WITHIN: Duration = Duration::from_secs(10 * 60);
/// Seconds an instance is told to wait at 202.
pub const WAIT_S: u32 = 2;
/// A retired instance is given this long to power itself off before it is terminated.
pub const POWER_OFF_GRACE: Duration = Duration::from_secs(60);
/// A completed job's record stays this long as a tombstone.
pub const TOMBSTONE_KEPT: Duration = Duration::from_secs(48 * 3600);
/// The record of an instance that the cloud no longer has stays this long, so that a late claim or report finds it.
pub const ENDED_KEPT: Duration = Duration::from_secs(24 * 3600);
/// A `queued` or `waiting` event about a job made longer ago than this is stale: GitHub drops jobs queued for 24 h.
pub const QUEUED_EVENT_MAX_AGE: Duration = Duration::from_secs(25 * 3600);
/// A job queued in our ledger for this long was dropped by GitHub, which does so after 24 h.
pub const QUEUED_MAX: Duration = Duration::from_secs(25 * 3600);
/// A job waiting in our ledger for this long has ended without our knowing: GitHub fails one that nobody approved in 30 days.
/// <https://docs.github.com/en/actions/how-tos/deploy/configure-and-manage-deployments/review-deployments> (read 2026-11-22)
pub const WAITING_MAX: Duration = Duration::from_secs(31 * 24 * 3600);
/// A job in progress for this long has ended without our knowing: GitHub's own limit is five days.
pub const RUNNING_MAX: Duration = Duration::from_secs((5 * 24 + 12) * 3600);
/// Reports accepted from one instance.
pub const REPORTS_MAX: u32 = 20;
/// An instance that the cloud knows and the ledger doesn't is left alone for this long.
pub const ORPHAN_GRACE: Duration = Duration::from_secs(5 * 60);
/// A scope is looked at for registrations that ended instances left behind for this long after the last of them: GitHub itself
/// removes an ephemeral runner that was not connected for a day.
/// <https://docs.github.com/en/actions/reference/runners/self-hosted-runners> (read 2026-11-22)
pub const GHOSTS_SOUGHT_FOR: Duration = Duration::from_secs(24 * 3600);
/// A scope that was noted for this is not noted again before this, so that instances that end together write it once.
pub const GHOSTS_NOTED_AGAIN: Duration = Duration::from_secs(3600);
/// Scopes noted for this at most, those with the latest end: each takes some 100 bytes of one record, and a call in each sweep.
pub const GHOST_SCOPES_MAX: usize = 1_000;
/// A sweep that would end more than this share of live instances, in percent, stops and alarms.
pub const SWEEP_SHARE_MAX_PERCENT: u32 = 30;
/// Below this number of instances the share means nothing.
pub const SWEEP_SHARE_FROM: usize = 4;
/// A job that has not moved for this long is asked about at GitHub, once in this time.
pub const JOB_ASK_AFTER: Duration = Duration::from_secs(120);

/// A running job that has not moved for this long is asked about: its `completed` may have been lost.
pub const RUNNING_ASK_AFTER: Duration = Duration::from_secs(10 * 60);
/// The same job is not asked about again before this.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_secs(55);
/// A runner group is looked at this often; it costs a point for each page.
pub const GROUP_LOOKED_AT_EVERY: Duration = Duration::from_secs(3600);
/// Runs asked about in one pass; each costs at least one point of GitHub's 900 a minute.
pub const RUNS_ASKED_MAX: usize = 20;
/// Longest job of an instance whose pool is no longer in the configuration: GitHub's own limit is five days.
pub const JOB_MAX_DEFAULT: Duration = Duration::from_secs((5 * 24 + 2) * 3600);
/// How long the jobs of a matrix wait for its workflow file, but for one of them: a nudge brings the answer within two seconds.
pub const WIDTH_AWAITED_FOR: Duration = Duration::from_secs(15);
/// A workflow file that was asked for in vain is asked for again after this.
pub const WIDTH_ASKED_AGAIN: Duration = Duration::from_secs(10);
/// A workflow file that could not be had for this long is asked for no more; its matrix is probed.
pub const WIDTH_GIVEN_UP_AFTER: Duration = Duration::from_secs(2 * 60);
/// Seats of a matrix of unknown width at first.
pub const PROBE_FIRST: u32 = 4;
/// A runner that idles for this long while jobs of its matrix run and others are queued shows that no more may run.
pub const PROBE_IDLE_MAX: Duration = Duration::from_secs(60);
/// What a probe that idled has shown is believed for this long.
pub const PROBED_AGAIN_AFTER: Duration = Duration::from_secs(15 * 60);
/// Nothing of a matrix ran or changed for this long: one more of its jobs is admitted, and again after the same time.
pub const GROUP_STALLED_AFTER: Duration = Duration::from_secs(15 * 60);
/// Durations kept of a group's last jobs; their median is what the next is expected to take.
pub const DURATIONS_MAX: usize = 16;
/// Boot time assumed for a prefetch before any was learned.
pub const PREFETCH_BOOT: Duration = Duration::from_secs(60);
/// A boot that took longer than this is no reason to prefetch earlier.
pub const PREFETCH_BOOT_MAX: Duration = Duration::from_secs(5 * 60);
/// Added to the boot time, as decisions are made every ten seconds.
pub const PREFETCH_MARGIN: Duration = Duration::from_secs(15);
/// An instance waits for the end of a job of unlearned duration for this long at most.
pub const PREFETCH_UNLEARNED_MAX: Duration = Duration::from_secs(15 * 60);
/// An instance waits no more for the end of a job that runs for this many times the longest before it.
pub const PREFETCH_OVERRUN_FACTOR: u32 = 2;

/// Doubles `first` for each of `times`, up to `most`.
pub fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times.min(16))).min(most)
}
