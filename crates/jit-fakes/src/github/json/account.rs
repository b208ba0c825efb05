//! Users, organisations, the App, installations, groups.

use serde_json::{Map, Value, json};

use super::super::GitHub;
use super::super::accounts::{
    Account, AccountKind, Group, GroupVisibility, Installation, Level, PublicRepositories,
    RepositorySelection,
};
use super::super::ids::AccountId;
use super::{node_id, time, time_or_null};
use std::collections::BTreeMap;

impl GitHub {
    /// `simple-user`.
    pub(in super::super) fn user_json(&self, id: AccountId) -> Value {
        match self.accounts.accounts.get(&id) {
            Some(account) => self.simple_user(id.0, &account.login, account.kind),
            None => self.simple_user(id.0, "ghost", AccountKind::User),
        }
    }

    /// `simple-user` of somebody who caused something; need not be an account of the model.
    pub(in super::super) fn actor_json(&self, login: &str) -> Value {
        let known = self.accounts.account(login);
        let id = known.map_or_else(|| login_number(login), |account| account.id.0);
        self.simple_user(id, login, known.map_or(AccountKind::User, |account| account.kind))
    }

    fn simple_user(&self, id: u64, login: &str, kind: AccountKind) -> Value {
        let (api, html) = (&self.settings.api_url, &self.settings.html_url);
        let url = format!("{api}/users/{login}");
        json!({
            "login": login,
            "id": id,
            "node_id": node_id("U", id),
            "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
            "gravatar_id": "",
            "url": url,
            "html_url": format!("{html}/{login}"),
            "followers_url": format!("{url}/followers"),
            "following_url": format!("{url}/following{{/other_user}}"),
            "gists_url": format!("{url}/gists{{/gist_id}}"),
            "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{url}/subscriptions"),
            "organizations_url": format!("{url}/orgs"),
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events{{/privacy}}"),
            "received_events_url": format!("{url}/received_events"),
            "type": kind.as_str(),
            "site_admin": false,
        })
    }

    /// The `organization` of a webhook.
    pub(in super::super) fn organization_json(&self, account: &Account) -> Value {
        let url = format!("{}/orgs/{}", self.settings.api_url, account.login);
        json!({
            "login": account.login,
            "id": account.id,
            "node_id": node_id("O", account.id.0),
            "url": url,
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events"),
            "hooks_url": format!("{url}/hooks"),
            "issues_url": format!("{url}/issues"),
            "members_url": format!("{url}/members{{/member}}"),
            "public_members_url": format!("{url}/public_members{{/member}}"),
            "avatar_url": format!("https://avatars.githubusercontent.com/u/{}?v=4", account.id),
            "description": "",
        })
    }

    /// `integration`.
    pub(in super::super) fn app_json(&self) -> Value {
        let settings = &self.settings;
        let mut all = BTreeMap::new();
        for installation in self.accounts.installations.values() {
            for (name, level) in &installation.permissions {
                let held = all.entry(name.clone()).or_insert(*level);
                *held = (*held).max(*level);
            }
        }
        json!({
            "id": settings.app_id,
            "slug": settings.app_slug,
            "client_id": format!("Iv1.{:016x}", self.random.of("client id", settings.app_id)),
            "node_id": node_id("A", settings.app_id),
            "owner": self.actor_json(&settings.app_slug),
            "name": settings.app_slug,
            "description": null,
            "external_url": settings.html_url,
            "html_url": format!("{}/apps/{}", settings.html_url, settings.app_slug),
            "created_at": time(jiff::Timestamp::UNIX_EPOCH),
            "updated_at": time(jiff::Timestamp::UNIX_EPOCH),
            "permissions": permissions_json(&all),
            "events": ["workflow_job"],
            "installations_count": self.accounts.installations.len(),
        })
    }

    /// `installation`.
    pub(in super::super) fn installation_json(&self, installation: &Installation) -> Value {
        let settings = &self.settings;
        let url = format!("{}/app/installations/{}", settings.api_url, installation.id);
        let kind =
            self.accounts.accounts.get(&installation.account).map_or("User", |account| account.kind.as_str());
        json!({
            "id": installation.id,
            "account": self.user_json(installation.account),
            "repository_selection": selection_word(&installation.selection),
            "access_tokens_url": format!("{url}/access_tokens"),
            "repositories_url": format!("{}/installation/repositories", settings.api_url),
            "html_url": format!("{}/settings/installations/{}", settings.html_url, installation.id),
            "app_id": settings.app_id,
            "app_slug": settings.app_slug,
            "target_id": installation.account,
            "target_type": kind,
            "permissions": permissions_json(&installation.permissions),
            "events": ["workflow_job"],
            "created_at": time(installation.created_at),
            "updated_at": time(installation.created_at),
            "single_file_name": null,
            "has_multiple_single_files": false,
            "single_file_paths": [],
            "suspended_by": null,
            "suspended_at": time_or_null(installation.suspended_at),
        })
    }

    /// `runner-groups-org`.
    pub(in super::super) fn group_json(&self, organization: &Account, group: &Group) -> Value {
        let url = format!(
            "{}/orgs/{}/actions/runner-groups/{}",
            self.settings.api_url, organization.login, group.id
        );
        let visibility = match group.visibility {
            GroupVisibility::All => "all",
            GroupVisibility::Private => "private",
            GroupVisibility::Selected(_) => "selected",
        };
        let mut value = json!({
            "id": group.id,
            "name": group.name,
            "visibility": visibility,
            "default": group.id.0 == 1,
            "runners_url": format!("{url}/runners"),
            "hosted_runners_url": format!("{url}/hosted-runners"),
            "inherited": false,
            "allows_public_repositories": group.public == PublicRepositories::Allowed,
            "workflow_restrictions_read_only": false,
            "restricted_to_workflows": false,
            "selected_workflows": [],
        });
        if matches!(group.visibility, GroupVisibility::Selected(_)) {
            value["selected_repositories_url"] = json!(format!("{url}/repositories"));
        }
        value
    }
}

pub(in super::super) fn permissions_json(permissions: &BTreeMap<String, Level>) -> Value {
    let entries = permissions.iter().map(|(name, level)| (name.clone(), Value::from(level.as_str())));
    Value::Object(entries.collect::<Map<_, _>>())
}

pub(in super::super) fn selection_word(selection: &RepositorySelection) -> &'static str {
    match selection {
        RepositorySelection::All => "all",
        RepositorySelection::Selected(_) => "selected",
    }
}

/// A number for a login that is not in the model, the same every time.
fn login_number(login: &str) -> u64 {
    login.bytes().fold(5_381, |number: u64, byte| number.wrapping_mul(33) ^ u64::from(byte)) & 0xffff_ffff
}
