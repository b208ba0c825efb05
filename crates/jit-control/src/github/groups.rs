//! Runner groups of an organisation, as GitHub lists them. What follows from one is rebalancer's.

use jit_domain::ids::{InstallationId, Login, RunnerGroupId};
use jit_github::{Authorization, Owner, PageNumber};

use super::{GitHub, GitHubError, Need, unusable};
use crate::effects::Effects;
use crate::limits;

/// What GitHub says of a runner group.
#[derive(Debug)]
pub struct RunnerGroup {
    /// Full names of the repositories that may use it; none when no list limits them.
    pub repositories: Option<Vec<String>>,
    /// Whether public repositories may use it.
    pub allows_public_repositories: bool,
}

impl<E: Effects> GitHub<'_, '_, E> {
    /// A runner group of an organisation, with all its repositories; none when there is no such group.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn runner_group(
        &self,
        installation: InstallationId,
        organisation: &Login,
        group: RunnerGroupId,
    ) -> Result<Option<RunnerGroup>, GitHubError> {
        let auth = self.authorize(installation, Need::OrganisationRunners).await?;
        let owner = Owner::new(organisation.as_str()).map_err(unusable)?;
        let id = jit_github::RunnerGroupId(group.0);
        let mut page = Some(PageNumber::FIRST);
        for _ in 0..limits::GITHUB_PAGES_MAX {
            let Some(number) = page else { return Ok(None) };
            self.shell.check_time("a page of runner groups")?;
            let request = self.api.list_runner_groups(&auth, &owner, None, number);
            let reply = self.send("list runner groups", request).await?;
            let listed = self.read(jit_github::groups::parse_list(&reply)).await?;
            if let Some(found) = listed.items.into_iter().find(|found| found.id == id) {
                let repositories = match found.visibility.as_str() {
                    "selected" => Some(self.group_repositories(&auth, &owner, id).await?),
                    _ => None,
                };
                let allows_public_repositories = found.allows_public_repositories;
                return Ok(Some(RunnerGroup { repositories, allows_public_repositories }));
            }
            page = listed.next;
        }
        Err(GitHubError::Unusable("an organisation lists more runner groups than are read".into()))
    }

    async fn group_repositories(
        &self,
        auth: &Authorization,
        owner: &Owner,
        group: jit_github::RunnerGroupId,
    ) -> Result<Vec<String>, GitHubError> {
        let (mut all, mut page) = (Vec::new(), Some(PageNumber::FIRST));
        for _ in 0..limits::GITHUB_PAGES_MAX {
            let Some(number) = page else { return Ok(all) };
            self.shell.check_time("a page of a group's repositories")?;
            let request = self.api.list_group_repositories(auth, owner, group, number);
            let reply = self.send("list repositories of runner group", request).await?;
            let listed = self.read(jit_github::groups::parse_repositories(&reply)).await?;
            all.extend(listed.items);
            page = listed.next;
        }
        Err(GitHubError::Unusable("a runner group lists more repositories than are read".into()))
    }
}
