//! Scenarios: worlds written down in a file instead of drawn, each case with its goals. The file fixes every distribution, and a case
//! is judged by what the models of GitHub and EC2 saw, never by what the control plane says of itself.
//! Not here: how a case is played (`play.rs`) and measured (`measure.rs`), and how results are shown (`bin/scenario.rs`).

pub mod measure;
pub mod play;

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use jit_fakes::cloud::Delay;
use jit_fakes::github::{Conclusion, JobSpec};
use jit_fakes::model::Random;
use serde::Deserialize;

/// A file of cases.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Everything drawn follows from it.
    pub seed: u64,
    /// What all cases share.
    pub distributions: Distributions,
    /// The cases.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
}

/// How long things take that nobody of ours decides.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distributions {
    /// The median from power-on to the boot script's claim; the distribution is log-normal.
    pub boot_p50_s: i64,
    /// Its 99th percentile.
    pub boot_p99_s: i64,
    /// From the JIT config's arrival at an instance until its agent connects.
    pub agent_start_s: i64,
    /// The least and the most time from an event at GitHub until its delivery leaves; uniform.
    pub event_delay_ms: [i64; 2],
}

impl Distributions {
    /// The boot's.
    pub fn boot(&self) -> Delay {
        let [p50, p99] = [self.boot_p50_s, self.boot_p99_s].map(SignedDuration::from_secs);
        Delay::LogNormal { p50, p99 }
    }

    /// The agent's start.
    pub fn agent_start(&self) -> SignedDuration {
        SignedDuration::from_secs(self.agent_start_s)
    }

    /// The bounds of an event's delay.
    pub fn event_delay(&self) -> (SignedDuration, SignedDuration) {
        let [low, high] = self.event_delay_ms.map(SignedDuration::from_millis);
        (low, high)
    }
}

impl fmt::Display for Distributions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { boot_p50_s, boot_p99_s, agent_start_s, event_delay_ms: [low, high] } = self;
        write!(
            formatter,
            "boot=lognormal(p50 {boot_p50_s} s, p99 {boot_p99_s} s) agent_start={agent_start_s} s event_delay=uniform({low} ms, {high} ms)"
        )
    }
}

/// One workflow run and what happens to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Who serves it.
    pub policy: Server,
    /// How long a JIT config lives that no agent uses, and a registration whose agent gets no job.
    pub jit_life_min: i64,
    /// Whether the App may read the workflow file.
    #[serde(default)]
    pub contents: Contents,
    /// The run's matrices.
    pub matrix: Vec<Matrix>,
    /// When somebody cancels the run, counted from its begin.
    pub cancelled_at_min: Option<i64>,
    /// When the whole control plane is down.
    pub down: Option<Down>,
    /// When GitHub forgets the delivery of the next `completed`, each counted from the run's begin.
    #[serde(default)]
    pub completed_lost_at_min: Vec<i64>,
    /// What must come of it.
    pub goals: Goals,
}

/// Who serves the jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Server {
    /// The naive policy, as most projects have it.
    Naive,
    /// The control plane.
    Ours,
}

impl Server {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Ours => "ours",
        }
    }
}

/// Whether the App's permissions include the repository's contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contents {
    /// They do.
    #[default]
    Readable,
    /// They do not: GitHub answers 403, and 422 to a token request that asks for it.
    Denied,
}

/// One matrix of the run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    /// The job's key.
    pub key: String,
    /// How many legs it has, 256 at most.
    pub jobs: u32,
    /// How many of them GitHub runs at once; none is all.
    pub max_parallel: Option<u32>,
    /// The median of their durations.
    pub minutes: u32,
    /// By how much the 99th percentile of their durations lies above the median; the distribution is log-normal. Zero: all are the same.
    #[serde(default)]
    pub spread_percent: u32,
}

impl Matrix {
    /// How long each leg lasts, in seconds.
    pub fn durations_s(&self, seed: u64) -> Vec<u64> {
        let p50 = SignedDuration::from_mins(self.minutes.into());
        let above = p50.saturating_mul(i32::try_from(self.spread_percent).unwrap_or(i32::MAX)) / 100;
        let delay = match self.spread_percent {
            0 => Delay::Fixed(p50),
            _ => Delay::LogNormal { p50, p99: p50.saturating_add(above) },
        };
        let random = Random::new(seed);
        let drawn = (0..self.jobs).map(|leg| delay.draw(&random, "job duration", leg.into()));
        drawn.map(|duration| duration.as_secs().unsigned_abs()).collect()
    }

    /// The job as the model of GitHub takes it.
    pub fn job(&self, seed: u64) -> JobSpec {
        let job =
            JobSpec::new(&self.key, &["self-hosted", "linux", "x64"]).matrix(self.jobs, self.max_parallel);
        job.without_fail_fast()
            .lasting(u64::from(self.minutes) * 60, Conclusion::Success)
            .lasting_each(self.durations_s(seed))
    }

    /// How long all legs take on as many runners as may run at once, each free again the moment that its job ends.
    pub fn ideal(&self, seed: u64) -> SignedDuration {
        let width = self.max_parallel.unwrap_or(self.jobs).clamp(1, self.jobs.max(1));
        let mut free_at = vec![0; usize::try_from(width).unwrap_or(1)];
        for duration in self.durations_s(seed) {
            if let Some(first) = free_at.iter_mut().min() {
                *first += duration;
            }
        }
        let last: u64 = free_at.into_iter().max().unwrap_or(0);
        SignedDuration::from_secs(i64::try_from(last).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} x {} min", self.jobs, self.minutes)?;
        if self.spread_percent > 0 {
            write!(formatter, " (lognormal, p99 +{} %)", self.spread_percent)?;
        }
        match self.max_parallel {
            Some(width) => write!(formatter, ", max-parallel {width}"),
            None => write!(formatter, ", no max-parallel"),
        }
    }
}

/// A time in which nothing of the control plane runs.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Down {
    /// Its begin, counted from the run's.
    pub from_min: i64,
    /// Its length.
    pub minutes: i64,
}

/// What must come of a case; what is not named may be anything.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goals {
    /// At least so many jobs end with success.
    pub completed_min: usize,
    /// At most so many do.
    pub completed_max: Option<usize>,
    /// The last job ends within this multiple of the ideal time.
    pub makespan_over_ideal_max: Option<f64>,
    /// So much later than that is allowed.
    #[serde(default)]
    pub extra_s: i64,
    /// No more instances are live at once.
    pub peak_max: Option<usize>,
    /// Instances are idle for at most this part of what the naive policy's are in its own case.
    pub idle_of_naive_percent_max: Option<f64>,
    /// No JIT config is older when its agent connects.
    pub jit_age_s_max: Option<f64>,
    /// All instances are off so long after the cancel.
    pub retired_s_max: Option<f64>,
}

impl Case {
    /// The time from the first claim to the last job's end if no time were lost between jobs.
    pub fn ideal(&self, seed: u64) -> SignedDuration {
        self.matrix.iter().map(|matrix| matrix.ideal(seed)).max().unwrap_or_default()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matrices: Vec<String> = self.matrix.iter().map(Matrix::to_string).collect();
        write!(formatter, "{}; JIT life {} min", matrices.join(" and "), self.jit_life_min)?;
        if self.contents == Contents::Denied {
            write!(formatter, "; contents not readable")?;
        }
        if let Some(at) = self.cancelled_at_min {
            write!(formatter, "; cancelled after {at} min")?;
        }
        if let Some(down) = self.down {
            write!(formatter, "; control plane down from minute {} for {} min", down.from_min, down.minutes)?;
        }
        if !self.completed_lost_at_min.is_empty() {
            write!(formatter, "; `completed` lost after minutes {:?}", self.completed_lost_at_min)?;
        }
        Ok(())
    }
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// It is not TOML, has unknown keys, or names a case twice.
    pub fn parse(text: &str) -> Result<Self> {
        let scenario: Self = toml::from_str(text).context("the scenario cannot be read")?;
        let names: BTreeSet<&str> = scenario.cases.iter().map(|case| case.name.as_str()).collect();
        ensure!(names.len() == scenario.cases.len(), "two cases have one name");
        for case in &scenario.cases {
            ensure!(!case.matrix.is_empty(), "case {} has no jobs", case.name);
            for matrix in &case.matrix {
                ensure!((1..=256).contains(&matrix.jobs), "case {}: {} jobs", case.name, matrix.jobs);
            }
        }
        Ok(scenario)
    }
}
