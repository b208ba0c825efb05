//! Every bound of the shell, with its unit and its reason. Those of the decisions are in jit-domain.

use std::time::Duration;

/// No effect is started after this; below every host's limit for a handler (Akamai Functions: 30 s).
pub const HANDLER_DEADLINE: Duration = Duration::from_secs(20);
/// Longest outbound call.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How often those who wait for another's key or secret look whether it is there: short beside the call that they wait for.
pub const FETCH_LOOKED_AT_EVERY: Duration = Duration::from_millis(5);
/// Longest launch call: EC2 may take long to answer for many instances.
pub const LAUNCH_TIMEOUT: Duration = Duration::from_secs(12);
/// A launch starts no later than this into an invocation, so that it ends before the deadline.
pub const LAUNCH_STARTS_BEFORE: Duration = Duration::from_secs(6);
/// A drain lease ends by itself after this; longer than the deadline plus one call.
pub const LEASE: Duration = Duration::from_secs(25);
/// Messages that one drain takes at most.
pub const DRAIN_MESSAGES_MAX: usize = 500;
/// Rounds of deciding in one drain: each launch that is refused takes another.
pub const DRAIN_ROUNDS_MAX: usize = 8;
/// Looks of one drain at its queue, each under the lease: the first and the second always, further ones while messages come or
/// somebody asks.
pub const DRAIN_LOOKS_MAX: usize = 8;
/// How often an invocation tries to get a lease whose holder left before it could be asked for another look.
pub const LEASE_TRIES_MAX: usize = 3;
/// Pages of open records read at most: far more than the key-value ledger holds.
pub const OPEN_PAGES_MAX: usize = 200;
/// Attempts at one conditional write before the next tick has to do it.
pub const UPDATE_ROUNDS_MAX: usize = 5;
/// Calls to a cloud under way at once.
pub const CALLS_AT_ONCE_MAX: usize = 16;
/// Records written at once.
pub const WRITES_AT_ONCE_MAX: usize = 16;
/// Runs whose workflow files one invocation asks for: two calls each.
pub const WIDTHS_ASKED_MAX: usize = 4;
/// Pages of one GitHub listing read at most: 100 pages of 100 are GitHub's 10,000 runners of a group.
pub const GITHUB_PAGES_MAX: usize = 100;
/// Instances that one request to a cloud asks for by id: EC2 takes 200 values, and half of them leave time for short pages.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>
pub const LOOK_IDS_MAX: usize = 100;
/// Pages of one cloud listing read at most: 1,000 instances each.
pub const CLOUD_PAGES_MAX: usize = 50;
/// GitHub's secondary limit: points a minute of one App's installation.
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits> (read 2026-11-21)
pub const GITHUB_POINTS_A_MINUTE: u64 = 900;
/// What a registration costs of them: it is a POST.
pub const MINT_POINTS: u64 = 5;
/// An installation token, or a temporary key of AWS, is not used in its last minutes.
pub const TOKEN_MARGIN: Duration = Duration::from_secs(5 * 60);
/// How long a token for `unclaimed_max` outlives it, for a claim that is under way.
pub const TOKEN_SLACK: Duration = Duration::from_secs(5 * 60);
/// How long a report token outlives the longest job.
pub const REPORT_TOKEN_SLACK: Duration = Duration::from_secs(3600);
/// Bodies accepted at `/webhook`; GitHub's cap is 25 MB, but a `workflow_job` payload has some 20 KB.
pub const WEBHOOK_BYTES_MAX: usize = 1 << 20;
/// Claims are counted in windows of this length.
pub const CLAIM_WINDOW: Duration = Duration::from_secs(60);
/// Claims of one instance in a window after it was given a config: a lost reply takes one or two, and each costs a question to STS
/// and one to GitHub.
pub const CLAIMS_AFTER_CONFIG_MAX: u64 = 10;
/// Claims with the boot token of one batch in a window whose identity does not match. An instance whose role is too new to be known
/// makes twelve a minute; five of these at once are waited for.
pub const CLAIMS_NOT_PROVED_MAX: u64 = 60;
/// What an instance is told to wait that has sent all its reports: there is nothing more to come.
pub const REPORTS_SPENT_RETRY_S: u32 = 300;
/// Bodies accepted at `/v1/claim` and `/v1/report`.
pub const CLAIM_BYTES_MAX: usize = 32 << 10;
/// A schedule is late when it has not run for this many of its periods.
pub const SCHEDULE_LATE_PERIODS: u32 = 3;
/// Instance ids of a batch that still lack a record are looked for while the batch is this young.
pub const RECORDS_HEALED_FOR: Duration = Duration::from_secs(10 * 60);
/// Jobs tried for one permit before the claim is answered with 503.
pub const PERMIT_ROUNDS_MAX: usize = 8;
/// Seconds that a refused but retriable claim is told to wait.
pub const RETRY_AFTER_S: u32 = 5;
/// Longest wait that an instance is told when GitHub's limits postpone its registration: by then it is asked again what is so.
pub const POSTPONED_MAX: Duration = Duration::from_secs(5 * 60);
