//! Workflow runs: reading one, listing, running failed jobs again, cancelling.
//!
//! Not here: a run's jobs (`jobs`).
//!
//! <https://docs.github.com/en/rest/actions/workflow-runs>

use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use crate::api::{Api, Authorization, Target};
use crate::error::Error;
use crate::ids::{RepositoryId, RunId};
use crate::names::Repository;
use crate::open_enums::{Conclusion, Status};
use crate::page::{self, Page, PageNumber};
use crate::{reply, wire};

/// A workflow run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WorkflowRun {
    /// Its id, the same for all attempts.
    pub id: RunId,
    /// The newest attempt, from 1; `None` where GitHub does not say.
    #[serde(default)]
    pub run_attempt: Option<u32>,
    /// The workflow's name.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub name: Option<String>,
    /// The workflow's file, for some workflows with `@` and a reference; see [`WorkflowRun::workflow_file`].
    pub path: String,
    /// What triggered it, such as `push`.
    pub event: String,
    /// Its status; a run can be `queued` or `in_progress` and hold queued jobs either way.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub status: Option<Status>,
    /// How it ended; `None` before that.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub conclusion: Option<Conclusion>,
    /// The branch that it runs for.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub head_branch: Option<String>,
    /// The commit that it runs for.
    pub head_sha: String,
    /// The login of whoever started it; `None` where GitHub does not say.
    #[serde(default, deserialize_with = "wire::optional_login")]
    pub actor: Option<String>,
    /// The login of whoever started its newest attempt; `None` where GitHub does not say.
    #[serde(default, deserialize_with = "wire::optional_login")]
    pub triggering_actor: Option<String>,
    /// The repository whose workflow it is; `None` where GitHub does not say.
    #[serde(default)]
    pub repository: Option<RunRepository>,
    /// The repository that holds the commit: another one if the change comes from a fork; `None` if that is gone.
    #[serde(default)]
    pub head_repository: Option<RunRepository>,
    /// When it was created.
    #[serde(deserialize_with = "wire::time")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[serde(deserialize_with = "wire::time")]
    pub updated_at: Timestamp,
    /// When its newest attempt started.
    #[serde(default, deserialize_with = "wire::optional_time")]
    pub run_started_at: Option<Timestamp>,
}

/// A repository of a run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RunRepository {
    /// Its id, which survives renaming.
    pub id: RepositoryId,
    /// `owner/name`.
    pub full_name: String,
    /// Whether it is private; internal repositories count as private. `None` where GitHub does not say.
    #[serde(default)]
    pub private: Option<bool>,
}

impl WorkflowRun {
    /// Returns the workflow's file without the reference that GitHub may append to its path.
    pub fn workflow_file(&self) -> &str {
        for extension in [".yml", ".yaml"] {
            if let Some(at) = self.path.find(&format!("{extension}@")) {
                return self.path.get(..at + extension.len()).unwrap_or(&self.path);
            }
        }
        &self.path
    }
}

impl Api {
    /// Reads a run; costs 1 point. Permission: `actions: read`.
    ///
    /// <https://docs.github.com/en/rest/actions/workflow-runs#get-a-workflow-run>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, Repository, RunId};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let request = api.get_run(&token, &Repository::parse("octo-org/app")?, RunId(5));
    /// assert_eq!(request.uri().path(), "/repos/octo-org/app/actions/runs/5");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get_run(
        &self,
        authorization: &Authorization,
        repository: &Repository,
        run: RunId,
    ) -> Request<Vec<u8>> {
        let target = Target::repository(repository).path("/actions/runs").segment(run);
        self.get(authorization, target.parameter("exclude_pull_requests", true))
    }

    /// Lists the runs of a repository, one page; costs 1 point. Permission: `actions: read`.
    ///
    /// With a status, GitHub shows at most [`limits::RUNS_PER_SEARCH_MAX`](crate::limits::RUNS_PER_SEARCH_MAX) runs.
    /// Queued jobs hide in runs of each of [`Status::OPEN`].
    ///
    /// <https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, PageNumber, Repository, Status};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let repository = Repository::parse("octo-org/app")?;
    /// let request = api.list_runs(&token, &repository, Some(&Status::InProgress), PageNumber::FIRST);
    /// assert_eq!(request.uri().path(), "/repos/octo-org/app/actions/runs");
    /// assert_eq!(request.uri().query(), Some("status=in_progress&exclude_pull_requests=true&per_page=100&page=1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list_runs(
        &self,
        authorization: &Authorization,
        repository: &Repository,
        status: Option<&Status>,
        page: PageNumber,
    ) -> Request<Vec<u8>> {
        let target = Target::repository(repository).path("/actions/runs");
        let target = match status {
            Some(status) => target.parameter("status", status),
            None => target,
        };
        // Pull requests make replies long and nothing here reads them.
        self.get(authorization, target.parameter("exclude_pull_requests", true).page(page))
    }

    /// Runs the failed jobs of a run again, and the jobs that depend on them; costs 5 points. Permission: `actions: write`.
    ///
    /// <https://docs.github.com/en/rest/actions/workflow-runs#re-run-failed-jobs-from-a-workflow-run>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, Repository, RunId};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let request = api.rerun_failed_jobs(&token, &Repository::parse("octo-org/app")?, RunId(5));
    /// assert_eq!(request.uri().path(), "/repos/octo-org/app/actions/runs/5/rerun-failed-jobs");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rerun_failed_jobs(
        &self,
        authorization: &Authorization,
        repository: &Repository,
        run: RunId,
    ) -> Request<Vec<u8>> {
        let target = Target::repository(repository).path("/actions/runs").segment(run);
        self.post(authorization, target.path("/rerun-failed-jobs"))
    }

    /// Cancels a run; costs 5 points. Permission: `actions: write`.
    ///
    /// <https://docs.github.com/en/rest/actions/workflow-runs#cancel-a-workflow-run>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, Repository, RunId};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let request = api.cancel_run(&token, &Repository::parse("octo-org/app")?, RunId(5));
    /// assert_eq!(request.uri().path(), "/repos/octo-org/app/actions/runs/5/cancel");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel_run(
        &self,
        authorization: &Authorization,
        repository: &Repository,
        run: RunId,
    ) -> Request<Vec<u8>> {
        let target = Target::repository(repository).path("/actions/runs").segment(run);
        self.post(authorization, target.path("/cancel"))
    }
}

/// Reads a run.
///
/// # Errors
/// [`Error::NotFound`] if the run or its repository is gone or out of sight; the others as they say.
pub fn parse_run(response: &Response<Vec<u8>>) -> Result<WorkflowRun, Error> {
    reply::json("get workflow run", response, StatusCode::OK)
}

/// Reads a page of runs.
///
/// # Errors
/// [`Error::NotFound`] if the repository is gone or out of sight; the others as they say.
pub fn parse_list(response: &Response<Vec<u8>>) -> Result<Page<WorkflowRun>, Error> {
    #[derive(Deserialize)]
    struct Body {
        total_count: u64,
        workflow_runs: Vec<WorkflowRun>,
    }
    let operation = "list workflow runs";
    let body: Body = reply::json(operation, response, StatusCode::OK)?;
    let next = page::next_number(operation, response)?;
    Ok(Page { items: body.workflow_runs, total_count: Some(body.total_count), next })
}

/// Reads whether GitHub took the order to run failed jobs again (201).
///
/// # Errors
/// [`Error::Forbidden`] also if the run is still at work or too old; the others as they say.
pub fn parse_rerun(response: &Response<Vec<u8>>) -> Result<(), Error> {
    reply::accept("rerun failed jobs", response, StatusCode::CREATED)
}

/// Reads whether GitHub took the order to cancel (202); the run ends later.
///
/// # Errors
/// [`Error::Conflict`] if the run has ended already; the others as they say.
pub fn parse_cancellation(response: &Response<Vec<u8>>) -> Result<(), Error> {
    reply::accept("cancel run", response, StatusCode::ACCEPTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(path: &str) -> WorkflowRun {
        let body = serde_json::json!({
            "id": 1, "path": path, "event": "push", "head_sha": "e3",
            "created_at": "2020-01-22T19:33:08Z", "updated_at": "2020-01-22T19:33:08+02:00",
        });
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn the_workflow_file_is_the_path_without_the_reference() {
        assert_eq!(run(".github/workflows/build.yml@main").workflow_file(), ".github/workflows/build.yml");
        assert_eq!(run(".github/workflows/a@b.yaml@refs/x@1").workflow_file(), ".github/workflows/a@b.yaml");
        assert_eq!(run(".github/workflows/build.yml").workflow_file(), ".github/workflows/build.yml");
    }

    #[test]
    fn a_time_with_an_offset_is_the_same_moment_in_utc() {
        assert_eq!(run("x").updated_at, "2020-01-22T17:33:08Z".parse().unwrap());
    }

    #[test]
    fn orders_are_taken_only_with_their_own_status() {
        let reply = |status: u16| Response::builder().status(status).body(Vec::new()).unwrap();
        assert_eq!(parse_rerun(&reply(201)), Ok(()));
        assert!(matches!(parse_rerun(&reply(403)), Err(Error::Forbidden(_))));
        assert_eq!(parse_cancellation(&reply(202)), Ok(()));
        assert!(matches!(parse_cancellation(&reply(409)), Err(Error::Conflict(_))));
        assert!(matches!(parse_cancellation(&reply(200)), Err(Error::Malformed { .. })));
    }
}
