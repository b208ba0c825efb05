//! Repositories: the minimal form of the API and the full form of webhooks; contents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::GitHub;
use super::super::accounts::{Repository, Visibility};
use super::example::Example;
use super::{node_id, time};

/// Addresses below a repository's own, by the name of their field.
const BELOW: &[(&str, &str)] = &[
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

impl GitHub {
    pub(in super::super) fn repository_url(&self, repository: &Repository) -> String {
        format!("{}/repos/{}", self.settings.api_url, self.accounts.full_name(repository))
    }

    pub(in super::super) fn repository_html_url(&self, repository: &Repository) -> String {
        format!("{}/{}", self.settings.html_url, self.accounts.full_name(repository))
    }

    /// `minimal-repository`.
    pub(in super::super) fn repository_json(&self, repository: &Repository) -> Value {
        let url = self.repository_url(repository);
        let mut value = json!({
            "id": repository.id,
            "node_id": node_id("R", repository.id.0),
            "name": repository.name,
            "full_name": self.accounts.full_name(repository),
            "private": repository.visibility == Visibility::Private,
            "owner": self.user_json(repository.owner),
            "html_url": self.repository_html_url(repository),
            "description": null,
            "fork": false,
            "url": url,
        });
        for (field, path) in BELOW {
            value[*field] = Value::from(format!("{url}{path}"));
        }
        value
    }

    /// As much of a webhook's `repository` as the model knows.
    pub(in super::super) fn webhook_repository_json(&self, repository: &Repository) -> Value {
        let mut value = self.repository_json(repository);
        let html = self.repository_html_url(repository);
        let full_name = self.accounts.full_name(repository);
        let more = json!({
            "created_at": time(repository.created_at),
            "updated_at": time(repository.created_at),
            "pushed_at": time(repository.created_at),
            "git_url": format!("git://github.com/{full_name}.git"),
            "ssh_url": format!("git@github.com:{full_name}.git"),
            "clone_url": format!("{html}.git"),
            "svn_url": html,
            "visibility": match repository.visibility {
                Visibility::Public => "public",
                Visibility::Private => "private",
            },
            "default_branch": "main",
        });
        if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
            value.extend(more);
        }
        value
    }

    /// `repository`: what the model knows, and GitHub's example for the rest.
    pub(in super::super) fn full_repository_json(&self, repository: &Repository) -> Value {
        let mut value = self.webhook_repository_json(repository);
        Example::InProgress.complete("repository", &mut value);
        value
    }

    /// `content-file`.
    pub(in super::super) fn file_json(&self, repository: &Repository, path: &str, text: &str) -> Value {
        let url = format!("{}/contents/{path}?ref=main", self.repository_url(repository));
        let html = format!("{}/blob/main/{path}", self.repository_html_url(repository));
        let sha = super::super::rest::digest_hex(text.as_bytes(), 40);
        let git = format!("{}/git/blobs/{sha}", self.repository_url(repository));
        json!({
            "type": "file",
            "encoding": "base64",
            "size": text.len(),
            "name": path.rsplit('/').next().unwrap_or(path),
            "path": path,
            "content": STANDARD.encode(text),
            "sha": sha,
            "url": url,
            "git_url": git,
            "html_url": html,
            "download_url": null,
            "_links": { "self": url, "git": git, "html": html },
        })
    }
}
