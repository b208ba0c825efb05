//! What came of a case, as the models of GitHub and EC2 saw it, and which goals it misses.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use jit_fakes::github::{Conclusion, Phase};
use jit_fakes::instance::Stage;

use super::{Case, Server};
use crate::check::Violation;
use crate::native::plane::Plane;

/// When what happened.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The run began.
    pub begins_at: Timestamp,
    /// The play was over.
    pub ended_at: Timestamp,
    /// The run was cancelled.
    pub cancelled_at: Option<Timestamp>,
}

/// What came of a case.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Jobs that ended with success.
    pub completed: usize,
    /// All jobs.
    pub jobs: usize,
    /// Instances that were ever launched.
    pub launches: usize,
    /// The age of the oldest JIT config when its agent connected with it.
    pub jit_age_max: SignedDuration,
    /// The time that all instances together had no job: of each from its launch to its job's start, and from its job's end to its
    /// power-off, at which EC2's bill ends. One that never had a job was idle all its life.
    pub idle: SignedDuration,
    /// The most instances that were live at once.
    pub peak: usize,
    /// From the run's begin to its last job's end, or to the play's end if jobs are left.
    pub makespan: SignedDuration,
    /// The jobs' own time at the workflow's width, and the boot of the first instance from its launch to its first claim.
    pub ideal: SignedDuration,
    /// From the cancel until the last instance was off; none if nobody cancelled.
    pub retired: Option<SignedDuration>,
    /// Promises that were broken on the way, whatever the goals.
    pub violations: Vec<Violation>,
}

impl Measured {
    /// Measures a world that was played. `ideal` is the jobs' own time.
    pub fn of(plane: &Plane, ideal: SignedDuration, times: Times) -> Self {
        let world = plane.world.borrow();
        let Times { begins_at, ended_at, cancelled_at } = times;
        let (mut completed, mut jobs, mut busy, mut last) = (0, 0, SignedDuration::ZERO, begins_at);
        for job in world.github.jobs() {
            jobs += 1;
            completed += usize::from(job.phase == Phase::Completed(Conclusion::Success));
            let end = job.completed_at.unwrap_or(ended_at);
            last = last.max(end);
            if let Some(started) = job.started_at {
                busy += end.duration_since(started);
            }
        }
        let lives: Vec<(Timestamp, Timestamp)> = (world.aws.instances())
            .map(|instance| (instance.launched_at, instance.ended(ended_at).map_or(ended_at, |(at, _)| at)))
            .collect();
        let alive = lives.iter().fold(SignedDuration::ZERO, |sum, (from, to)| sum + to.duration_since(*from));
        let last_off = lives.iter().map(|(_, to)| *to).max();
        let runners = world.github.runners();
        let ages = runners.filter_map(|r| Some(r.connected_at?.duration_since(r.minted_at)));
        Self {
            completed,
            jobs,
            launches: lives.len(),
            jit_age_max: ages.max().unwrap_or_default(),
            idle: alive - busy,
            peak: peak(&lives),
            makespan: last.duration_since(begins_at),
            ideal: ideal + first_boot(plane),
            retired: cancelled_at
                .map(|at| last_off.unwrap_or(at).duration_since(at).max(SignedDuration::ZERO)),
            violations: plane.checks.borrow().violations().to_vec(),
        }
    }

    /// How many times the ideal time it took.
    pub fn makespan_over_ideal(&self) -> f64 {
        self.makespan.as_secs_f64() / self.ideal.as_secs_f64()
    }

    /// The idle time in minutes.
    pub fn idle_minutes(&self) -> f64 {
        self.idle.as_secs_f64() / 60.0
    }

    /// The goals that it misses, in words. `naive` is what came of the naive policy's case.
    pub fn misses(&self, case: &Case, naive: Option<&Self>) -> Vec<String> {
        let goals = &case.goals;
        let mut misses = Vec::new();
        let mut miss = |is_missed: bool, what: String| {
            if is_missed {
                misses.push(what);
            }
        };
        let completed = self.completed;
        miss(
            completed < goals.completed_min,
            format!("completed {completed}, fewer than {}", goals.completed_min),
        );
        if let Some(max) = goals.completed_max {
            miss(completed > max, format!("completed {completed}, more than {max}"));
        }
        if let Some(ratio) = goals.makespan_over_ideal_max {
            let (took, bound) =
                (self.makespan.as_secs_f64(), self.ideal.as_secs_f64() * ratio + goals.extra_s as f64);
            miss(took > bound, format!("took {took:.0} s, more than {bound:.0} s"));
        }
        if let Some(max) = goals.peak_max {
            miss(self.peak > max, format!("{} instances at once, more than {max}", self.peak));
        }
        if let (Some(percent), Some(naive)) = (goals.idle_of_naive_percent_max, naive) {
            let (idle, bound) = (self.idle_minutes(), naive.idle_minutes() * percent / 100.0);
            miss(idle > bound, format!("{idle:.1} idle minutes, more than {bound:.1}"));
        }
        if let Some(max) = goals.jit_age_s_max {
            let age = self.jit_age_max.as_secs_f64();
            miss(age > max, format!("a JIT config was {age:.1} s old, more than {max}"));
        }
        if let Some(max) = goals.retired_s_max {
            let retired = self.retired.unwrap_or_default().as_secs_f64();
            miss(
                retired > max,
                format!("the last instance was off {retired:.0} s after the cancel, more than {max}"),
            );
        }
        // The promises are ours, and nobody else gave them.
        if case.policy == Server::Ours {
            misses.extend(self.violations.iter().map(Violation::to_string));
        }
        misses
    }

    /// The result in one line, as a case of that server is told.
    pub fn line(&self, server: Server) -> String {
        let idle = self.idle_minutes();
        let mut line = format!("{}: completed={}/{}", server.as_str(), self.completed, self.jobs);
        line += &match server {
            Server::Naive => format!(" idle_instance_minutes={idle:.1}"),
            Server::Ours => format!(
                " jit_age_at_start_s_max={:.1} idle_instance_minutes={idle:.1} peak_instances={} makespan_over_ideal={:.4}",
                self.jit_age_max.as_secs_f64(),
                self.peak,
                self.makespan_over_ideal(),
            ),
        };
        if let Some(retired) = self.retired {
            line += &format!(" retired_after_cancel_s={:.0}", retired.as_secs_f64());
        }
        line
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "launches={} makespan_s={:.0} ideal_s={:.0}",
            self.launches,
            self.makespan.as_secs_f64(),
            self.ideal.as_secs_f64()
        )
    }
}

/// From the first instance's launch to its first claim.
fn first_boot(plane: &Plane) -> SignedDuration {
    let world = plane.world.borrow();
    let boot = world.aws.instances().min_by_key(|instance| instance.ordinal).and_then(|instance| {
        let stages = world.fleet.instance(&instance.id)?.history();
        let claiming = stages.iter().find(|(_, stage)| *stage == Stage::Claiming)?;
        Some(claiming.0.duration_since(instance.launched_at))
    });
    boot.unwrap_or_default()
}

/// The most lives that overlap; one that ends when another begins does not.
fn peak(lives: &[(Timestamp, Timestamp)]) -> usize {
    let at = |moment: Timestamp| lives.iter().filter(|(from, to)| *from <= moment && moment < *to).count();
    lives.iter().map(|(from, _)| at(*from)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
