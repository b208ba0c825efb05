//! Runner groups of an organisation, which decide who may use a runner.
//!
//! Not here: changing them; a group is the administrator's.

use http::{Request, Response, StatusCode};
use serde::Deserialize;

use crate::api::{Api, Authorization, Target};
use crate::error::Error;
use crate::ids::RunnerGroupId;
use crate::names::{Owner, Repository};
use crate::page::{self, Page, PageNumber};
use crate::reply;

/// A runner group.
///
/// <https://docs.github.com/en/rest/actions/self-hosted-runner-groups#list-self-hosted-runner-groups-for-an-organization>
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RunnerGroup {
    /// Its id.
    pub id: RunnerGroupId,
    /// Its name.
    pub name: String,
    /// Which repositories may use it: `all`, `selected` or `private`.
    pub visibility: String,
    /// Whether it is the default group.
    pub default: bool,
    /// Whether the enterprise owns it.
    pub inherited: bool,
    /// Whether public repositories may use it, which a runner for strangers' changes must not allow.
    pub allows_public_repositories: bool,
    /// Whether only some workflows may use it, where GitHub says.
    #[serde(default)]
    pub restricted_to_workflows: Option<bool>,
}

impl Api {
    /// Lists the runner groups of an organisation, one page; costs 1 point. With a repository, only groups that it may use.
    ///
    /// Permission: `organization_self_hosted_runners: read`.
    ///
    /// <https://docs.github.com/en/rest/actions/self-hosted-runner-groups#list-self-hosted-runner-groups-for-an-organization>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, Owner, PageNumber, Repository};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let repository = Repository::parse("octo-org/app")?;
    /// let request = api.list_runner_groups(&token, repository.owner(), Some(&repository), PageNumber::FIRST);
    /// assert_eq!(request.uri().path(), "/orgs/octo-org/actions/runner-groups");
    /// assert_eq!(request.uri().query(), Some("visible_to_repository=app&per_page=100&page=1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list_runner_groups(
        &self,
        authorization: &Authorization,
        organisation: &Owner,
        visible_to: Option<&Repository>,
        page: PageNumber,
    ) -> Request<Vec<u8>> {
        let target = Target::new("/orgs").segment(organisation).path("/actions/runner-groups");
        let target = match visible_to {
            Some(repository) => target.parameter("visible_to_repository", repository.name()),
            None => target,
        };
        self.get(authorization, target.page(page))
    }

    /// Lists the repositories that may use a group whose visibility is `selected`, one page; costs 1 point.
    ///
    /// Permission: `organization_self_hosted_runners: read`.
    ///
    /// <https://docs.github.com/en/rest/actions/self-hosted-runner-groups#list-repository-access-to-a-self-hosted-runner-group-in-an-organization>
    ///
    /// ```
    /// # use jit_github::{Api, Authorization, Owner, PageNumber, RunnerGroupId};
    /// # let api = Api::new("https://api.github.com", "jit-runners")?;
    /// # let token = Authorization::bearer(&"ghs_x".into())?;
    /// let request = api.list_group_repositories(&token, &Owner::new("octo-org")?, RunnerGroupId(2), PageNumber::FIRST);
    /// assert_eq!(request.uri().path(), "/orgs/octo-org/actions/runner-groups/2/repositories");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list_group_repositories(
        &self,
        authorization: &Authorization,
        organisation: &Owner,
        group: RunnerGroupId,
        page: PageNumber,
    ) -> Request<Vec<u8>> {
        let target = Target::new("/orgs").segment(organisation).path("/actions/runner-groups");
        self.get(authorization, target.segment(group).path("/repositories").page(page))
    }
}

/// Reads a page of the repositories that may use a group.
///
/// # Errors
/// [`Error::NotFound`] if the group is gone; [`Error::Conflict`] if no list limits it; the others as they say.
pub fn parse_repositories(response: &Response<Vec<u8>>) -> Result<Page<String>, Error> {
    #[derive(Deserialize)]
    struct Body {
        total_count: u64,
        repositories: Vec<Named>,
    }
    #[derive(Deserialize)]
    struct Named {
        full_name: String,
    }
    let operation = "list repositories of runner group";
    let body: Body = reply::json(operation, response, StatusCode::OK)?;
    let next = page::next_number(operation, response)?;
    let items = body.repositories.into_iter().map(|repository| repository.full_name).collect();
    Ok(Page { items, total_count: Some(body.total_count), next })
}

/// Reads a page of runner groups.
///
/// # Errors
/// [`Error::NotFound`] if the organisation is gone, out of sight, or a user; the others as they say.
pub fn parse_list(response: &Response<Vec<u8>>) -> Result<Page<RunnerGroup>, Error> {
    #[derive(Deserialize)]
    struct Body {
        total_count: u64,
        runner_groups: Vec<RunnerGroup>,
    }
    let operation = "list runner groups";
    let body: Body = reply::json(operation, response, StatusCode::OK)?;
    let next = page::next_number(operation, response)?;
    Ok(Page { items: body.runner_groups, total_count: Some(body.total_count), next })
}
