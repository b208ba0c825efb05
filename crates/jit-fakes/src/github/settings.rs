//! What a caller may choose about the model: identity of the App, limits, times and disputed behaviour.
//! Not in it: accounts, repositories and workflows, which are added to the model afterwards.

use http::StatusCode;
use jiff::SignedDuration;
use secrecy::SecretString;

/// Everything the model is built from. [`Settings::new`] gives GitHub's published values.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seed of all randomness.
    pub seed: u64,
    /// Base address written into replies and `Link` headers, without a trailing slash.
    pub api_url: String,
    /// Base address of pages for people, written into replies only.
    pub html_url: String,
    /// The App's number, the `iss` of its JWT.
    pub app_id: u64,
    /// The App's short name.
    pub app_slug: String,
    /// The App's public key, PEM (`BEGIN PUBLIC KEY`), at least 2048 bit.
    pub app_public_key_pem: String,
    /// Secret that deliveries are signed with.
    pub webhook_secret: SecretString,
    /// Limits on use of the API.
    pub limits: Limits,
    /// How long things last.
    pub times: Times,
    /// Behaviour that sources disagree on.
    pub disputed: Disputed,
}

impl Settings {
    /// Settings with GitHub's published limits and times.
    pub fn new(seed: u64, app_id: u64, app_public_key_pem: &str, webhook_secret: SecretString) -> Self {
        Self {
            seed,
            api_url: "https://api.github.com".to_owned(),
            html_url: "https://github.com".to_owned(),
            app_id,
            app_slug: "jit-runners".to_owned(),
            app_public_key_pem: app_public_key_pem.to_owned(),
            webhook_secret,
            limits: Limits::default(),
            times: Times::default(),
            disputed: Disputed::default(),
        }
    }
}

/// Limits of the REST API and of self-hosted runners.
///
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api> and
/// <https://docs.github.com/en/actions/reference/limits>, both read 2026-11-21.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Points in any 60 s, for the App as a whole: GET and HEAD cost 1, everything else 5.
    pub points_per_minute: u32,
    /// Requests of one installation in an hour; a 304 is free.
    pub requests_per_hour: u32,
    /// Requests at the same moment; only [`Times::latency`] and delays make requests overlap.
    pub concurrent_requests: u32,
    /// JIT configs in [`Limits::registration_window`] for one organisation or repository.
    pub registrations: u32,
    /// Window of [`Limits::registrations`].
    pub registration_window: SignedDuration,
    /// Status of a refusal: GitHub documents 403 and 429.
    pub refusal: StatusCode,
    /// Most items of one page; GitHub gives up to 100, and callers have to take fewer.
    pub page_max: usize,
    /// After so many requests sent while refused the App is banned (403 for ever); `None` never bans.
    pub ban_after: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            points_per_minute: 900,
            requests_per_hour: 5_000,
            concurrent_requests: 100,
            registrations: 1_500,
            registration_window: SignedDuration::from_mins(5),
            refusal: StatusCode::FORBIDDEN,
            page_max: 100,
            ban_after: None,
        }
    }
}

/// How long things last.
#[derive(Clone, Debug)]
pub struct Times {
    /// A JIT config that no agent used within this time is removed. Undocumented; reports go from 2 to 60 min.
    pub jit_life: SignedDuration,
    /// A connected JIT runner that got no job for this time is removed; `None` never. Reports go from 2 to 60 min.
    pub idle_life: Option<SignedDuration>,
    /// An assigned job that was not picked up within this time is queued again.
    pub pick_up: SignedDuration,
    /// A runner whose agent was not heard of for longer is shown offline.
    pub offline_after: SignedDuration,
    /// A running job whose agent was not heard of for longer fails.
    pub silence: SignedDuration,
    /// After [`Times::silence`] the runner may stay busy for up to this time more (DELETE answers 422).
    pub stuck_max: SignedDuration,
    /// A job that no runner took for this time is cancelled.
    pub queue_life: SignedDuration,
    /// A cancelled job whose agent does not answer is ended after this time.
    pub cancel_grace: SignedDuration,
    /// Life of an installation token.
    pub token_life: SignedDuration,
    /// Every reply takes this time.
    pub latency: SignedDuration,
    /// Deliveries leave after a random time between these two.
    pub delivery_delay: (SignedDuration, SignedDuration),
    /// A delivery not answered for this time has failed.
    pub delivery_timeout: SignedDuration,
    /// Deliveries are kept for redelivery for this time.
    pub delivery_log: SignedDuration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            jit_life: SignedDuration::from_mins(10),
            idle_life: Some(SignedDuration::from_mins(10)),
            pick_up: SignedDuration::from_secs(60),
            offline_after: SignedDuration::from_secs(50),
            silence: SignedDuration::from_mins(10),
            stuck_max: SignedDuration::from_mins(5),
            queue_life: SignedDuration::from_hours(24),
            cancel_grace: SignedDuration::from_mins(5),
            token_life: SignedDuration::from_hours(1),
            latency: SignedDuration::ZERO,
            delivery_delay: (SignedDuration::ZERO, SignedDuration::ZERO),
            delivery_timeout: SignedDuration::from_secs(10),
            delivery_log: SignedDuration::from_hours(72),
        }
    }
}

/// Behaviour that GitHub's pages and reports describe in two ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disputed {
    /// What `rerun-failed-jobs` does with cancelled jobs.
    pub cancelled_on_rerun: CancelledOnRerun,
    /// How a job that no runner ever had looks once it is completed.
    pub no_runner: NoRunner,
    /// How a job ends that was queued for too long: one page says fails, the other cancelled.
    pub queue_expiry: QueueExpiry,
}

impl Default for Disputed {
    fn default() -> Self {
        Self {
            cancelled_on_rerun: CancelledOnRerun::RunsAgain,
            no_runner: NoRunner::Zero,
            queue_expiry: QueueExpiry::Cancelled,
        }
    }
}

/// The two readings of `rerun-failed-jobs` for a cancelled job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelledOnRerun {
    /// It counts as failed and runs again.
    RunsAgain,
    /// It stays cancelled.
    Stays,
}

/// The two forms of "no runner" in a completed job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRunner {
    /// Number 0 and an empty name.
    Zero,
    /// `null`.
    Null,
}

/// The two ends of a job that was queued for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueExpiry {
    /// <https://docs.github.com/en/actions/reference/limits>: "automatically cancelled".
    Cancelled,
    /// <https://docs.github.com/en/actions/reference/runners/self-hosted-runners>: "the job will fail".
    Failure,
}
