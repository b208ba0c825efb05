//! Runs, jobs, re-runs, cancels, files.
//!
//! <https://docs.github.com/en/rest/actions/workflow-runs> and
//! <https://docs.github.com/en/rest/actions/workflow-jobs>, read 2026-11-21.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::json;

use super::super::GitHub;
use super::super::ids::{JobId, RepositoryId, RunId};
use super::super::routes::Operation;
use super::super::run::Run;
use super::super::workflow::Conclusion;
use super::{Call, Failure, Reply, Target, json_reply, ok, ok_linked};

/// "This endpoint will return up to 1,000 results for each search" with one of [`FILTERS`].
const SEARCH_MAX: usize = 1_000;
const FILTERS: &[&str] = &["actor", "branch", "check_suite_id", "created", "event", "head_sha", "status"];
const OPEN: &[&str] = &["in_progress", "queued", "requested", "waiting", "pending"];
const STATUSES: &[&str] = &[
    "completed",
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "skipped",
    "stale",
    "success",
    "timed_out",
    "in_progress",
    "queued",
    "requested",
    "waiting",
    "pending",
];

impl GitHub {
    pub(super) fn list_runs(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let repository = repository(call)?;
        let status = call.parameter("status");
        if let Some(status) = status.filter(|status| !STATUSES.contains(status)) {
            return Err(Failure::Unprocessable(format!("Validation Failed: status {status} is unknown")));
        }
        let created = match call.parameter("created") {
            Some(text) => {
                let unreadable =
                    || Failure::Unprocessable("Validation Failed: created is no date range".to_owned());
                Some(Range::parse(text).ok_or_else(unreadable)?)
            }
            None => None,
        };
        let fits = |run: &&Run| {
            status.is_none_or(|wanted| {
                self.run_status(run) == wanted || run.conclusion.map(Conclusion::as_str) == Some(wanted)
            }) && created.as_ref().is_none_or(|range| range.contains(run.created_at))
                && call.parameter("event").is_none_or(|wanted| run.spec.event == wanted)
                && call.parameter("branch").is_none_or(|wanted| run.spec.head_branch == wanted)
                && call.parameter("actor").is_none_or(|wanted| run.spec.actor.eq_ignore_ascii_case(wanted))
                && call.parameter("head_sha").is_none_or(|wanted| run.head_sha == wanted)
        };
        // Open runs are few among all that ever were, and asked for every minute.
        let open_only = status.is_some_and(|status| OPEN.contains(&status));
        let index = if open_only { &self.open_runs_of } else { &self.runs_of };
        let runs = index.get(&repository).into_iter().flatten().rev();
        let mut all =
            runs.filter_map(|id| self.runs.get(id)).filter(fits).map(|run| run.id).collect::<Vec<_>>();
        let total = all.len();
        if call.query.iter().any(|(key, _)| FILTERS.contains(&key.as_str())) {
            all.truncate(SEARCH_MAX);
        }
        let (page, link) = self.page_of(call, &all);
        let page =
            page.iter().filter_map(|id| self.runs.get(id)).map(|run| self.run_json(run)).collect::<Vec<_>>();
        Ok(ok_linked(&json!({ "total_count": total, "workflow_runs": page }), link))
    }

    pub(super) fn get_run(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        Ok(ok(&self.run_json(self.run_of(call)?)))
    }

    /// `latest` (the default) has the newest job of each leg, `all` those of every attempt.
    pub(super) fn list_jobs(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let run = self.run_of(call)?;
        let all = match call.parameter("filter") {
            None | Some("latest") => {
                let mut latest =
                    run.plans.iter().flat_map(|plan| plan.current.values().copied()).collect::<Vec<_>>();
                latest.sort_unstable();
                latest
            }
            Some("all") => run.jobs.clone(),
            Some(_) => {
                return Err(Failure::Unprocessable("Validation Failed: filter is latest or all".to_owned()));
            }
        };
        let (page, link) = self.page_of(call, &all);
        let page =
            page.iter().filter_map(|id| self.jobs.get(id)).map(|job| self.job_json(job)).collect::<Vec<_>>();
        Ok(ok_linked(&json!({ "total_count": all.len(), "jobs": page }), link))
    }

    pub(super) fn get_job(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let repository = repository(call)?;
        let job = self.jobs.get(&JobId(call.route.number)).filter(|job| job.repository == repository);
        Ok(ok(&self.job_json(job.ok_or(Failure::NotFound)?)))
    }

    /// Refused while the run is going on.
    pub(super) fn answer_rerun(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let run = self.run_of(call)?;
        let id = run.id;
        if run.conclusion.is_none() {
            return Err(Failure::Forbidden("This workflow is already running"));
        }
        let started = match call.route.operation {
            Operation::RerunFailedJobs => self.rerun_failed(id),
            _ => self.rerun(id),
        };
        if !started {
            return Err(Failure::Forbidden("This workflow run cannot be retried"));
        }
        Ok(json_reply(StatusCode::CREATED, &json!({})))
    }

    pub(super) fn answer_cancel(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let run = self.run_of(call)?;
        let id = run.id;
        if run.conclusion.is_some() {
            return Err(Failure::Conflict("Cannot cancel a workflow run that is completed.".to_owned()));
        }
        match call.route.operation {
            Operation::ForceCancelRun => self.force_cancel_run(id),
            _ => self.cancel_run(id),
        }
        Ok(json_reply(StatusCode::ACCEPTED, &json!({})))
    }

    /// <https://docs.github.com/en/rest/repos/contents#get-repository-content>. A file that was put there is the same at every ref; a
    /// workflow file is that of the run at the commit, and at any other ref that of the newest run.
    pub(super) fn get_contents(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let id = repository(call)?;
        let repository = self.accounts.repositories.get(&id).ok_or(Failure::NotFound)?;
        let path = &call.route.file;
        if let Some(text) = repository.files.get(path) {
            return Ok(ok(&self.file_json(repository, path, text)));
        }
        let of_path = || {
            let runs = self.runs_of.get(&id).into_iter().flatten().rev().filter_map(|id| self.runs.get(id));
            runs.filter(|run| run.spec.path == *path)
        };
        let reference = call.parameter("ref");
        let at_commit = of_path().find(|run| reference == Some(run.head_sha.as_str()));
        let run = at_commit.or_else(|| of_path().next()).ok_or(Failure::NotFound)?;
        Ok(ok(&self.file_json(repository, path, &run.spec.to_yaml())))
    }

    fn run_of(&self, call: &Call<'_>) -> Result<&Run, Failure> {
        let repository = repository(call)?;
        let run = self.runs.get(&RunId(call.route.number)).filter(|run| run.repository == repository);
        run.ok_or(Failure::NotFound)
    }
}

fn repository(call: &Call<'_>) -> Result<RepositoryId, Failure> {
    match call.target {
        Target::Repository(id) => Ok(id),
        Target::App | Target::Installation | Target::Organization(_) => Err(Failure::NotFound),
    }
}

/// A date range in GitHub's search syntax; both ends are included.
/// <https://docs.github.com/en/search-github/getting-started-with-searching-on-github/understanding-the-search-syntax>
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    from: Timestamp,
    to: Timestamp,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let second = jiff::SignedDuration::from_secs(1);
        let everything = Self { from: Timestamp::MIN, to: Timestamp::MAX };
        if let Some((from, to)) = text.split_once("..") {
            return Some(Self {
                from: if from == "*" { everything.from } else { start(from)? },
                to: if to == "*" { everything.to } else { end(to)? },
            });
        }
        if let Some(from) = text.strip_prefix(">=") {
            return Some(Self { from: start(from)?, ..everything });
        }
        if let Some(to) = text.strip_prefix("<=") {
            return Some(Self { to: end(to)?, ..everything });
        }
        if let Some(from) = text.strip_prefix('>') {
            return Some(Self { from: end(from)?.checked_add(second).ok()?, ..everything });
        }
        if let Some(to) = text.strip_prefix('<') {
            return Some(Self { to: start(to)?.checked_sub(second).ok()?, ..everything });
        }
        Some(Self { from: start(text)?, to: end(text)? })
    }

    fn contains(&self, at: Timestamp) -> bool {
        // What a caller sees has whole seconds, so that is what it compares.
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        self.from <= at && at <= self.to
    }
}

fn start(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}

fn end(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{text}T23:59:59Z").parse().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn within(range: &str, at: &str) -> bool {
        Range::parse(range).unwrap().contains(at.parse().unwrap())
    }

    #[test]
    fn date_ranges_include_their_ends_and_days_are_whole() {
        assert!(within("2026-11-20..2026-11-21", "2026-11-21T23:59:59.9Z"));
        assert!(!within("2026-11-20..2026-11-21", "2026-11-22T00:00:00Z"));
        assert!(within(">=2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"));
        assert!(!within(">2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"));
        assert!(within("<2026-11-21", "2026-11-20T23:59:59Z"));
        assert!(!within("<2026-11-21", "2026-11-21T00:00:00Z"));
        assert!(within("*..2026-11-21", "1999-01-01T00:00:00Z"));
        assert_eq!(Range::parse("yesterday"), None);
    }

    proptest! {
        #[test]
        fn no_range_panics(text in "\\PC{0,40}") {
            let _ = Range::parse(&text);
        }
    }
}
