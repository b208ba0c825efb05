//! What the API costs and when it refuses: points, hourly requests, registrations, concurrency, bans.
//! Not in it: which operation costs what else (`rest.rs`).
//!
//! <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>, read 2026-11-21.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::GitHub;
use super::ids::InstallationId;
use super::routes::Operation;
use super::runner::Scope;
use super::timers::after;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What has been used so far, for tests and reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Points of all requests that were served.
    pub points: u64,
    /// The most points within any 60 s.
    pub points_per_minute_peak: u32,
    /// Requests served, by operation.
    pub requests: BTreeMap<Operation, u64>,
    /// Requests answered with 304, which are in [`Usage::requests`] too.
    pub not_modified: u64,
    /// Requests refused by a limit.
    pub refused: u64,
    /// Requests sent before the time that a refusal had named; these get Apps banned.
    pub sent_while_refused: u64,
    /// Whether the App is banned.
    pub banned: bool,
}

/// A refusal by a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Banned,
    /// The hour is used up; ends at.
    Primary(Timestamp),
    /// Too fast; come back after seconds.
    Secondary(u64),
}

/// Numbers for the `x-ratelimit-*` headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hour {
    pub(super) limit: u32,
    pub(super) used: u32,
    pub(super) reset: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Limiter {
    usage: Usage,
    minute: VecDeque<(Timestamp, u32)>,
    in_minute: u32,
    hours: BTreeMap<Option<InstallationId>, (Timestamp, u32)>,
    registrations: BTreeMap<Scope, VecDeque<Timestamp>>,
    in_flight: BTreeSet<(Timestamp, u64)>,
    arrivals: u64,
    refused_until: Option<Timestamp>,
}

impl GitHub {
    /// What has been used so far.
    pub fn usage(&self) -> &Usage {
        &self.limiter.usage
    }

    /// Points of all requests that were served so far.
    pub fn points_spent(&self) -> u64 {
        self.limiter.usage.points
    }

    /// Lets a request in and counts its points, or refuses it.
    pub(super) fn let_in(&mut self, who: Option<InstallationId>, points: u32) -> Result<(), Refused> {
        let (now, limits) = (self.now, self.settings.limits.clone());
        let early = self.limiter.refused_until.is_some_and(|until| now < until);
        if early {
            self.limiter.usage.sent_while_refused += 1;
            let sent = self.limiter.usage.sent_while_refused;
            self.limiter.usage.banned |= limits.ban_after.is_some_and(|bound| sent >= u64::from(bound));
        }
        let verdict = self.judge(who, points);
        match verdict {
            Ok(()) => {
                self.limiter.refused_until = None;
                self.limiter.minute.push_back((now, points));
                self.limiter.in_minute += points;
                let usage = &mut self.limiter.usage;
                usage.points += u64::from(points);
                usage.points_per_minute_peak = usage.points_per_minute_peak.max(self.limiter.in_minute);
            }
            Err(refused) => {
                self.limiter.usage.refused += 1;
                self.limiter.refused_until = match refused {
                    Refused::Banned => None,
                    Refused::Primary(at) => Some(at),
                    Refused::Secondary(seconds) => Some(after(now, seconds_of(seconds))),
                };
            }
        }
        verdict
    }

    fn judge(&mut self, who: Option<InstallationId>, points: u32) -> Result<(), Refused> {
        let (now, limits) = (self.now, &self.settings.limits);
        let limiter = &mut self.limiter;
        if limiter.usage.banned {
            return Err(Refused::Banned);
        }
        while limiter.in_flight.first().is_some_and(|(until, _)| *until <= now) {
            limiter.in_flight.pop_first();
        }
        if limiter.in_flight.len() >= limits.concurrent_requests as usize {
            return Err(Refused::Secondary(60));
        }
        while let Some((at, spent)) =
            limiter.minute.front().copied().filter(|(at, _)| after(*at, MINUTE) <= now)
        {
            debug_assert!(at <= now);
            limiter.in_minute -= spent;
            limiter.minute.pop_front();
        }
        if limiter.in_minute + points > limits.points_per_minute {
            let oldest = limiter.minute.front().map_or(now, |(at, _)| *at);
            return Err(Refused::Secondary(wait(now, after(oldest, MINUTE))));
        }
        let (reset, used) = limiter.hours.get(&who).copied().unwrap_or((now, 0));
        if now < reset && used >= limits.requests_per_hour {
            return Err(Refused::Primary(reset));
        }
        Ok(())
    }

    /// Counts a served request by operation and, unless it was a 304, against the hour.
    pub(super) fn count(
        &mut self,
        who: Option<InstallationId>,
        operation: Operation,
        not_modified: bool,
    ) -> Hour {
        let now = self.now;
        *self.limiter.usage.requests.entry(operation).or_insert(0) += 1;
        self.limiter.usage.not_modified += u64::from(not_modified);
        let hour = self.limiter.hours.entry(who).or_insert((now, 0));
        if hour.0 <= now {
            *hour = (after(now, HOUR), 0);
        }
        hour.1 += u32::from(!not_modified);
        Hour { limit: self.settings.limits.requests_per_hour, used: hour.1, reset: hour.0 }
    }

    /// The hour as it stands, for replies that are not counted.
    pub(super) fn hour(&self, who: Option<InstallationId>) -> Hour {
        let limit = self.settings.limits.requests_per_hour;
        match self.limiter.hours.get(&who).filter(|(reset, _)| self.now < *reset) {
            Some((reset, used)) => Hour { limit, used: *used, reset: *reset },
            None => Hour { limit, used: 0, reset: after(self.now, HOUR) },
        }
    }

    /// Keeps a request in flight until its reply is out.
    pub(super) fn keep_in_flight(&mut self, takes: SignedDuration) {
        if takes.is_positive() {
            self.limiter.arrivals += 1;
            self.limiter.in_flight.insert((after(self.now, takes), self.limiter.arrivals));
        }
    }

    /// Counts a registration, or refuses it.
    pub(super) fn count_registration(&mut self, scope: Scope) -> Result<(), Refused> {
        let (now, limits) = (self.now, &self.settings.limits);
        let recent = self.limiter.registrations.entry(scope).or_default();
        while recent.front().is_some_and(|at| after(*at, limits.registration_window) <= now) {
            recent.pop_front();
        }
        if recent.len() >= limits.registrations as usize {
            let oldest = recent.front().copied().unwrap_or(now);
            self.limiter.usage.refused += 1;
            return Err(Refused::Secondary(wait(now, after(oldest, limits.registration_window))));
        }
        recent.push_back(now);
        Ok(())
    }
}

/// Whole seconds from `now` until `then`, at least one.
fn wait(now: Timestamp, then: Timestamp) -> u64 {
    let millis = then.duration_since(now).as_millis();
    u64::try_from(millis).unwrap_or(0).div_ceil(1_000).max(1)
}

fn seconds_of(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}
