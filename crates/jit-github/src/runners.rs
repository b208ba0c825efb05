//! Runners: minting a JIT config, listing, looking at one, deregistering one.
//!
//! Not here: when to do which, and what a missing runner means.
//!
//! <https://docs.github.com/en/rest/actions/self-hosted-runners>

use std::fmt;

use http::{Request, Response, StatusCode};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::api::{Api, Authorization, Target};
use crate::error::{Error, Refusal, classify};
use crate::ids::{RunnerGroupId, RunnerId};
use crate::names::{FilePath, Labels, RunnerName, Scope};
pub use crate::open_enums::Connection;
use crate::page::{self, Page, PageNumber};
use crate::{reply, wire};

const LIST: &str = "list runners";
const GET: &str = "get runner";
const DELETE: &str = "delete runner";
const MINT: &str = "generate jit config";

/// A runner's registration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Runner {
    /// Its id.
    pub id: RunnerId,
    /// Its name, unique among the live runners of its scope.
    pub name: String,
    /// The operating system that its agent reported; `unknown` before it ever connected.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub os: Option<String>,
    /// Whether its agent is connected.
    #[serde(rename = "status")]
    pub connection: Connection,
    /// Whether it works on a job.
    pub busy: bool,
    /// Its labels, which GitHub may give in lower case.
    #[serde(default, deserialize_with = "label_names")]
    pub labels: Vec<String>,
    /// Its group, where GitHub says.
    #[serde(default, deserialize_with = "wire::optional_id")]
    pub runner_group_id: Option<RunnerGroupId>,
    /// Whether it takes one job only, where GitHub says.
    #[serde(default)]
    pub ephemeral: Option<bool>,
    /// The agent's version, where GitHub says.
    #[serde(default, deserialize_with = "wire::optional_text")]
    pub version: Option<String>,
}

fn label_names<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Label {
        name: String,
    }
    let labels: Vec<Label> = wire::or_default(deserializer)?;
    Ok(labels.into_iter().map(|label| label.name).collect())
}

/// What a JIT config is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JitRequest {
    /// The runner's name; GitHub answers 409 if a live runner of the scope has it.
    pub name: RunnerName,
    /// The group that decides which repositories may use the runner; a repository has the default group 1 only.
    pub runner_group_id: RunnerGroupId,
    /// Its labels. GitHub adds none, not even `self-hosted`.
    pub labels: Labels,
    /// Where jobs work, relative to the agent's folder; `None` means `_work`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "path_text")]
    pub work_folder: Option<FilePath>,
}

fn path_text<S: serde::Serializer>(path: &Option<FilePath>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(FilePath::as_str).serialize(serializer)
}

/// A registered runner and the single-use text that its agent starts with.
pub struct JitConfig {
    /// The registration, offline until the agent connects.
    pub runner: Runner,
    /// The agent's `--jitconfig`, good for one start within minutes.
    pub encoded: SecretString,
}

impl fmt::Debug for JitConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("JitConfig").field("runner", &self.runner).finish_non_exhaustive()
    }
}

/// How a request to deregister a runner ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// 204: the registration is removed.
    Deleted,
    /// 404: it is gone, *or* we may not see it. Only a listing of the same scope, by the same token, tells which.
    NotFound,
    /// 422: it works on a job, or GitHub believes so, which lasts 10 to 15 minutes after its machine died.
    Busy(Refusal),
}

impl Api {
    /// Registers a runner that takes one job, and asks for its JIT config; costs 5 points and counts as a registration.
    ///
    /// Permission: `organization_self_hosted_runners: write`, or `administration: write` for a repository.
    ///
    /// <https://docs.github.com/en/rest/actions/self-hosted-runners#create-configuration-for-a-just-in-time-runner-for-an-organization>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, Labels, Owner, RunnerGroupId, RunnerName, Scope, runners::JitRequest};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let wanted = JitRequest {
    ///     name: RunnerName::new("jit-i-0abc-1")?,
    ///     runner_group_id: RunnerGroupId(1),
    ///     labels: Labels::new(["self-hosted", "linux"])?,
    ///     work_folder: None,
    /// };
    /// let request = api.generate_jit_config(&token, &Scope::Organisation(Owner::new("octo-org")?), &wanted);
    /// assert_eq!(request.uri().path(), "/orgs/octo-org/actions/runners/generate-jitconfig");
    /// assert_eq!(request.body(), br#"{"name":"jit-i-0abc-1","runner_group_id":1,"labels":["self-hosted","linux"]}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn generate_jit_config(
        &self,
        authorization: &Authorization,
        scope: &Scope,
        wanted: &JitRequest,
    ) -> Request<Vec<u8>> {
        self.post_json(
            authorization,
            Target::scope(scope).path("/actions/runners/generate-jitconfig"),
            wanted,
        )
    }

    /// Lists the runners of a scope, one page; costs 1 point. With a name, only runners of that name.
    ///
    /// <https://docs.github.com/en/rest/actions/self-hosted-runners#list-self-hosted-runners-for-an-organization>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, PageNumber, Repository, RunnerName, Scope};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let scope = Scope::Repository(Repository::parse("octo-org/app")?);
    /// let name = RunnerName::new("jit-i-0abc-1")?;
    /// let request = api.list_runners(&token, &scope, Some(&name), PageNumber::FIRST);
    /// assert_eq!(request.uri().path(), "/repos/octo-org/app/actions/runners");
    /// assert_eq!(request.uri().query(), Some("name=jit-i-0abc-1&per_page=100&page=1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list_runners(
        &self,
        authorization: &Authorization,
        scope: &Scope,
        name: Option<&RunnerName>,
        page: PageNumber,
    ) -> Request<Vec<u8>> {
        let target = Target::scope(scope).path("/actions/runners");
        let target = match name {
            Some(name) => target.parameter("name", name.as_str()),
            None => target,
        };
        self.get(authorization, target.page(page))
    }

    /// Asks for one runner; costs 1 point.
    ///
    /// <https://docs.github.com/en/rest/actions/self-hosted-runners#get-a-self-hosted-runner-for-an-organization>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, Owner, RunnerId, Scope};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let request = api.get_runner(&token, &Scope::Organisation(Owner::new("octo-org")?), RunnerId(23));
    /// assert_eq!(request.uri().path(), "/orgs/octo-org/actions/runners/23");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get_runner(
        &self,
        authorization: &Authorization,
        scope: &Scope,
        runner: RunnerId,
    ) -> Request<Vec<u8>> {
        self.get(authorization, Target::scope(scope).path("/actions/runners").segment(runner))
    }

    /// Deregisters a runner; costs 5 points. Needless after its job ended: GitHub does it then.
    ///
    /// <https://docs.github.com/en/rest/actions/self-hosted-runners#delete-a-self-hosted-runner-from-an-organization>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, Owner, RunnerId, Scope};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let request = api.delete_runner(&token, &Scope::Organisation(Owner::new("octo-org")?), RunnerId(23));
    /// assert_eq!((request.method().as_str(), request.uri().path()), ("DELETE", "/orgs/octo-org/actions/runners/23"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delete_runner(
        &self,
        authorization: &Authorization,
        scope: &Scope,
        runner: RunnerId,
    ) -> Request<Vec<u8>> {
        self.delete(authorization, Target::scope(scope).path("/actions/runners").segment(runner))
    }
}

/// Reads a minted JIT config.
///
/// # Errors
/// [`Error::Conflict`] if a live runner has the name, perhaps from a reply that was lost; [`Error::Unprocessable`] if group or labels are
/// not accepted; [`Error::NotFound`] or [`Error::Forbidden`] if scope or group are not ours.
pub fn parse_jit_config(response: &Response<Vec<u8>>) -> Result<JitConfig, Error> {
    #[derive(Deserialize)]
    struct Body {
        runner: Runner,
        encoded_jit_config: String,
    }
    let body: Body = reply::json(MINT, response, StatusCode::CREATED)?;
    if body.encoded_jit_config.is_empty() {
        return Err(Error::Malformed { operation: MINT, detail: "encoded_jit_config is empty".to_owned() });
    }
    Ok(JitConfig { runner: body.runner, encoded: body.encoded_jit_config.into() })
}

/// Reads a page of runners.
///
/// # Errors
/// [`Error::NotFound`] if the scope is gone or out of sight; the others as they say.
pub fn parse_list(response: &Response<Vec<u8>>) -> Result<Page<Runner>, Error> {
    #[derive(Deserialize)]
    struct Body {
        total_count: u64,
        runners: Vec<Runner>,
    }
    let body: Body = reply::json(LIST, response, StatusCode::OK)?;
    let next = page::next_number(LIST, response)?;
    Ok(Page { items: body.runners, total_count: Some(body.total_count), next })
}

/// Reads one runner.
///
/// # Errors
/// [`Error::NotFound`] if it is gone or out of sight; the others as they say.
pub fn parse(response: &Response<Vec<u8>>) -> Result<Runner, Error> {
    reply::json(GET, response, StatusCode::OK)
}

/// Reads how a deregistration ended.
///
/// # Errors
/// Everything but 204, 404 and 422.
pub fn parse_deletion(response: &Response<Vec<u8>>) -> Result<Deletion, Error> {
    match response.status() {
        StatusCode::NO_CONTENT => Ok(Deletion::Deleted),
        StatusCode::NOT_FOUND => Ok(Deletion::NotFound),
        StatusCode::UNPROCESSABLE_ENTITY => Ok(Deletion::Busy(Refusal::new(DELETE, response))),
        _ => Err(classify(DELETE, response)),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn reply(status: u16, body: &str) -> Response<Vec<u8>> {
        Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_deletion_tells_deleted_not_found_and_busy_apart() {
        assert_eq!(parse_deletion(&reply(204, "")), Ok(Deletion::Deleted));
        assert_eq!(parse_deletion(&reply(404, r#"{"message":"Not Found"}"#)), Ok(Deletion::NotFound));
        let busy = parse_deletion(&reply(422, r#"{"message":"Runner is currently running a job"}"#));
        assert!(
            matches!(busy, Ok(Deletion::Busy(refusal)) if refusal.message == "Runner is currently running a job")
        );
        assert!(matches!(parse_deletion(&reply(403, "")), Err(Error::Forbidden(_))));
        assert!(matches!(parse_deletion(&reply(200, "")), Err(Error::Malformed { .. })));
        assert!(matches!(parse_deletion(&reply(500, "")), Err(Error::Unavailable { .. })));
    }

    const RUNNER: &str = r#"{"id":23,"name":"n","os":"unknown","status":"offline","busy":false,"labels":[]}"#;

    #[test]
    fn a_printed_jit_config_shows_no_secret() {
        let body = format!(r#"{{"runner":{RUNNER},"encoded_jit_config":"c2VjcmV0"}}"#);
        let minted = parse_jit_config(&reply(201, &body)).unwrap();
        assert_eq!(minted.encoded.expose_secret(), "c2VjcmV0");
        assert!(!format!("{minted:?}").contains("c2VjcmV0"));
    }

    #[test]
    fn a_mint_without_a_config_is_malformed_and_one_with_a_taken_name_a_conflict() {
        let body = format!(r#"{{"runner":{RUNNER},"encoded_jit_config":""}}"#);
        assert!(matches!(parse_jit_config(&reply(201, &body)), Err(Error::Malformed { .. })));
        let conflict =
            reply(409, r#"{"message":"Already exists - A runner with the name n already exists."}"#);
        assert!(matches!(parse_jit_config(&conflict), Err(Error::Conflict(_))));
    }

    #[test]
    fn one_runner_that_cannot_be_read_makes_the_page_an_error_and_not_a_shorter_page() {
        let body = format!(r#"{{"total_count":2,"runners":[{RUNNER},{{"id":24}}]}}"#);
        assert!(matches!(parse_list(&reply(200, &body)), Err(Error::Malformed { .. })));
    }
}
