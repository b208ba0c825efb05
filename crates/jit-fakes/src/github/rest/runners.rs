//! Self-hosted runners: JIT configs, lists, DELETE, groups.
//!
//! <https://docs.github.com/en/rest/actions/self-hosted-runners>, read 2026-11-21.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::GitHub;
use super::super::ids::{AccountId, GroupId, RunnerId};
use super::super::runner::{Removal, Runner, Scope};
use super::super::timers::Timer;
use super::{Call, Failure, Reply, Target, digest, empty, json_reply, ok, ok_linked};

/// A JIT config as it was asked for.
struct Wanted {
    name: String,
    group: GroupId,
    labels: Vec<String>,
    work_folder: String,
}

impl GitHub {
    pub(super) fn generate_jit_config(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let scope = scope(call)?;
        let wanted = wanted(&call.json()?)?;
        let known = match scope {
            Scope::Organization(organization) => {
                self.accounts.groups.contains_key(&(organization, wanted.group))
            }
            Scope::Repository(_) => wanted.group == GroupId(1),
        };
        if !known {
            return Err(Failure::NotFound);
        }
        let key = (scope, wanted.name.to_lowercase());
        if self.names.contains_key(&key) {
            return Err(Failure::Conflict(format!(
                "Already exists - A runner with the name {} already exists.",
                wanted.name
            )));
        }
        self.count_registration(scope).map_err(Failure::Refused)?;
        let id = RunnerId(self.next_number());
        let config = self.jit_config(id, &wanted);
        self.configs.insert(digest(config.as_bytes()), id);
        let runner = Runner {
            id,
            name: wanted.name,
            scope,
            group: wanted.group,
            label_set: wanted.labels.iter().cloned().collect(),
            labels: wanted.labels,
            minted_at: self.now,
            connected_at: None,
            idle_since: None,
            last_seen: None,
            session: None,
            job: None,
            ran: None,
            stuck: false,
            watched: false,
            removed: None,
        };
        let reply = json!({ "runner": self.runner_json(&runner), "encoded_jit_config": config });
        self.names.insert(key, id);
        self.live.entry(scope).or_default().insert(id, ());
        self.runners.insert(id, runner);
        self.in_time(self.settings.times.jit_life, Timer::JitLife(id));
        Ok(json_reply(StatusCode::CREATED, &reply))
    }

    /// Three files in base64 within JSON within base64, about 4 kB, as the agent expects it.
    fn jit_config(&mut self, id: RunnerId, wanted: &Wanted) -> String {
        let file = |content: Value| STANDARD.encode(content.to_string());
        let runner = json!({
            "AgentId": id.to_string(),
            "AgentName": wanted.name,
            "PoolId": wanted.group,
            "ServerUrl": self.settings.api_url,
            "WorkFolder": wanted.work_folder,
            "Ephemeral": "True",
            "DisableUpdate": "True",
        });
        let client = self.random.text("jit client", 32);
        let credentials = json!({ "Scheme": "OAuth", "Data": { "ClientId": client } });
        let key =
            json!({ "d": self.random.text("jit key", 1_100), "modulus": self.random.text("jit key", 512) });
        STANDARD.encode(
            json!({
                ".runner": file(runner),
                ".credentials": file(credentials),
                ".credentials_rsaparams": file(key),
            })
            .to_string(),
        )
    }

    pub(super) fn list_runners(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let scope = scope(call)?;
        let name = call.parameter("name").filter(|name| !name.is_empty()).map(str::to_lowercase);
        let live = self.live.get(&scope).into_iter().flat_map(|live| live.keys());
        let all = live
            .filter(|id| {
                let runner = self.runners.get(id);
                name.as_ref()
                    .is_none_or(|name| runner.is_some_and(|runner| runner.name.to_lowercase() == *name))
            })
            .copied()
            .collect::<Vec<_>>();
        let (page, link) = self.page_of(call, &all);
        let page = page.iter().filter_map(|id| self.runners.get(id)).map(|runner| self.runner_json(runner));
        Ok(ok_linked(&json!({ "total_count": all.len(), "runners": page.collect::<Vec<_>>() }), link))
    }

    pub(super) fn get_runner(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let id = self.live_runner(call)?;
        let runner = self.runners.get(&id).ok_or(Failure::NotFound)?;
        Ok(ok(&self.runner_json(runner)))
    }

    /// 422 while the runner is busy, also when its machine is long dead.
    pub(super) fn delete_runner(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let id = self.live_runner(call)?;
        let runner = self.runners.get(&id).ok_or(Failure::NotFound)?;
        if runner.is_busy() {
            let message = format!("Bad request - Runner \"{}\" is still running a job\"", runner.name);
            return Err(Failure::Unprocessable(message));
        }
        self.remove_runner(id, Removal::Deleted);
        Ok(empty(StatusCode::NO_CONTENT))
    }

    fn live_runner(&self, call: &Call<'_>) -> Result<RunnerId, Failure> {
        let (scope, id) = (scope(call)?, RunnerId(call.route.number));
        let live = self.runners.get(&id).is_some_and(|runner| runner.is_live() && runner.scope == scope);
        if live { Ok(id) } else { Err(Failure::NotFound) }
    }

    /// <https://docs.github.com/en/rest/actions/self-hosted-runner-groups>
    pub(super) fn list_runner_groups(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let organization = organization(call)?;
        let account = self.accounts.accounts.get(&organization).ok_or(Failure::NotFound)?;
        let groups = self.accounts.groups.iter().filter(|((owner, _), _)| *owner == organization);
        let all = match call.parameter("visible_to_repository") {
            None => groups.map(|(_, group)| group.id).collect::<Vec<_>>(),
            Some(name) => {
                let id = self.accounts.named(&account.login, name.rsplit('/').next().unwrap_or(name));
                let repository = id.and_then(|id| self.accounts.repositories.get(&id));
                let serves = |group| {
                    repository.is_some_and(|repository| {
                        super::super::accounts::Accounts::group_serves(group, repository)
                    })
                };
                groups.filter(|(_, group)| serves(group)).map(|(_, group)| group.id).collect()
            }
        };
        let (page, link) = self.page_of(call, &all);
        let page = page.iter().filter_map(|id| self.accounts.groups.get(&(organization, *id)));
        let page = page.map(|group| self.group_json(account, group)).collect::<Vec<_>>();
        Ok(ok_linked(&json!({ "total_count": all.len(), "runner_groups": page }), link))
    }

    pub(super) fn list_group_repositories(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let key = (organization(call)?, GroupId(call.route.number));
        let group = self.accounts.groups.get(&key).ok_or(Failure::NotFound)?;
        let super::super::accounts::GroupVisibility::Selected(selected) = &group.visibility else {
            return Err(Failure::Conflict(
                "The runner group is not restricted to selected repositories.".to_owned(),
            ));
        };
        let all = selected.iter().copied().collect::<Vec<_>>();
        let (page, link) = self.page_of(call, &all);
        let page = page.iter().filter_map(|id| self.accounts.repositories.get(id));
        let page = page.map(|repository| self.repository_json(repository)).collect::<Vec<_>>();
        Ok(ok_linked(&json!({ "total_count": all.len(), "repositories": page }), link))
    }
}

fn scope(call: &Call<'_>) -> Result<Scope, Failure> {
    match call.target {
        Target::Organization(id) => Ok(Scope::Organization(id)),
        Target::Repository(id) => Ok(Scope::Repository(id)),
        Target::App | Target::Installation => Err(Failure::NotFound),
    }
}

fn organization(call: &Call<'_>) -> Result<AccountId, Failure> {
    match call.target {
        Target::Organization(id) => Ok(id),
        Target::App | Target::Installation | Target::Repository(_) => Err(Failure::NotFound),
    }
}

fn wanted(body: &Value) -> Result<Wanted, Failure> {
    let bad = |what: String| Failure::Unprocessable(format!("Invalid request.\n\n{what}"));
    let absent = |name: &str| bad(format!("\"{name}\" wasn't supplied."));
    let name = body.get("name").ok_or_else(|| absent("name"))?;
    let name = name.as_str().filter(|name| (1..=64).contains(&name.chars().count()));
    let name = name.ok_or_else(|| bad("Name must be between 1 and 64 characters.".to_owned()))?;
    let group = body.get("runner_group_id").ok_or_else(|| absent("runner_group_id"))?;
    let group = group
        .as_u64()
        .ok_or_else(|| bad(format!("For 'properties/runner_group_id', {group} is not an integer.")))?;
    let labels = body.get("labels").ok_or_else(|| absent("labels"))?;
    let labels =
        labels.as_array().ok_or_else(|| bad("For 'properties/labels', it is not an array.".to_owned()))?;
    if labels.is_empty() || labels.len() > 100 {
        return Err(bad("For 'properties/labels', there must be 1 to 100 items.".to_owned()));
    }
    let mut kept = Vec::<String>::with_capacity(labels.len());
    for label in labels {
        let label = label.as_str().filter(|label| !label.trim().is_empty());
        let label =
            label.ok_or_else(|| bad("For 'labels/items', it is not a string.".to_owned()))?.to_lowercase();
        if !kept.contains(&label) {
            kept.push(label);
        }
    }
    let work_folder = body.get("work_folder").and_then(Value::as_str).unwrap_or("_work");
    Ok(Wanted {
        name: name.to_owned(),
        group: GroupId(group),
        labels: kept,
        work_folder: work_folder.to_owned(),
    })
}
