//! The App itself: installations, tokens, the delivery log.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde_json::{Value, json};

use super::super::GitHub;
use super::super::accounts::{Installation, Level};
use super::super::auth::Token;
use super::super::delivery::Record;
use super::super::ids::{DeliveryId, InstallationId, RepositoryId};
use super::super::json::{permissions_json, selection_word, time};
use super::super::timers::after;
use super::{Call, Failure, Reply, Target, json_reply, ok, ok_linked};

impl GitHub {
    pub(super) fn list_installations(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let all = self.accounts.installations.keys().copied().collect::<Vec<_>>();
        let (page, link) = self.page_of(call, &all);
        let found = page.iter().filter_map(|id| self.accounts.installations.get(id));
        Ok(ok_linked(&found.map(|one| self.installation_json(one)).collect(), link))
    }

    pub(super) fn get_installation(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let all = &self.accounts.installations;
        let found = match call.target {
            Target::App | Target::Installation => all.get(&InstallationId(call.route.number)),
            Target::Organization(id) => all.values().find(|installation| installation.account == id),
            Target::Repository(id) => {
                let repository = self.accounts.repositories.get(&id).ok_or(Failure::NotFound)?;
                all.values().find(|installation| installation.reaches(repository))
            }
        };
        Ok(ok(&self.installation_json(found.ok_or(Failure::NotFound)?)))
    }

    /// <https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app>
    pub(super) fn create_access_token(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let id = InstallationId(call.route.number);
        let installation = self.accounts.installations.get(&id).ok_or(Failure::NotFound)?;
        if installation.suspended_at.is_some() {
            return Err(Failure::Forbidden("This installation has been suspended"));
        }
        let body = call.json()?;
        let permissions = wanted_permissions(installation, &body)?;
        let repositories = self.wanted_repositories(installation, &body)?;
        let selection =
            if repositories.is_some() { "selected" } else { selection_word(&installation.selection) };
        let expires_at = after(self.now, self.settings.times.token_life);
        let mut reply = json!({
            "expires_at": time(expires_at),
            "permissions": permissions_json(&permissions),
            "repository_selection": selection,
        });
        if let Some(some) = &repositories {
            let some = some.iter().filter_map(|id| self.accounts.repositories.get(id));
            reply["repositories"] = some.map(|repository| self.full_repository_json(repository)).collect();
        }
        let token = self.add_token(Token { installation: id, expires_at, permissions, repositories });
        reply["token"] = Value::from(token);
        Ok(json_reply(StatusCode::CREATED, &reply))
    }

    fn wanted_repositories(
        &self,
        installation: &Installation,
        body: &Value,
    ) -> Result<Option<BTreeSet<RepositoryId>>, Failure> {
        let unreachable = || {
            let text = "There is at least one repository that does not exist or is not accessible to the parent installation.";
            Failure::Unprocessable(text.to_owned())
        };
        let names = body.get("repositories").and_then(Value::as_array).into_iter().flatten();
        let numbers = body.get("repository_ids").and_then(Value::as_array).into_iter().flatten();
        let owner = self.accounts.login(installation.account);
        let by_name = names.map(|name| self.accounts.named(owner, name.as_str()?));
        let by_number = numbers.map(|number| number.as_u64().map(RepositoryId));
        let mut wanted = BTreeSet::new();
        for id in by_name.chain(by_number) {
            let repository = id.and_then(|id| self.accounts.repositories.get(&id)).ok_or_else(unreachable)?;
            if !installation.reaches(repository) {
                return Err(unreachable());
            }
            wanted.insert(repository.id);
        }
        Ok((!wanted.is_empty()).then_some(wanted))
    }

    pub(super) fn list_repositories(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let token = call.token.ok_or(Failure::NotFound)?;
        let installation = self.accounts.installations.get(&token.installation).ok_or(Failure::NotFound)?;
        let reached = self.accounts.repositories.values().filter(|repository| {
            installation.reaches(repository)
                && token.repositories.as_ref().is_none_or(|some| some.contains(&repository.id))
        });
        let all = reached.map(|repository| repository.id).collect::<Vec<_>>();
        let (page, link) = self.page_of(call, &all);
        let page = page.iter().filter_map(|id| self.accounts.repositories.get(id));
        let page = page.map(|repository| self.full_repository_json(repository)).collect::<Vec<_>>();
        let body = json!({
            "total_count": all.len(),
            "repository_selection": selection_word(&installation.selection),
            "repositories": page,
        });
        Ok(ok_linked(&body, link))
    }

    /// Newest first; `cursor` goes on where a page ended, so that new deliveries do not shift the pages.
    ///
    /// <https://docs.github.com/en/rest/apps/webhooks#list-deliveries-for-an-app-webhook>
    pub(super) fn list_deliveries(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        self.prune_deliveries();
        let start = match call.parameter("cursor") {
            None => None,
            Some(cursor) => Some(self.cursor(cursor).ok_or(Failure::BadRequest("Invalid cursor"))?),
        };
        let wanted = |record: &Record| {
            let well = record.outcome().and_then(|(_, _, status)| status).is_some_and(|status| status < 400);
            match call.parameter("status") {
                Some("success") => well,
                Some("failure") => !well,
                _ => true,
            }
        };
        let log = self.deliveries.log.iter().rev();
        let mut found = log
            .filter(|entry| start.is_none_or(|start| **entry < start))
            .filter_map(|(_, id)| self.deliveries.records.get(id))
            .filter(|record| wanted(record));
        let page = found.by_ref().take(call.per_page()).collect::<Vec<_>>();
        let more = found.next().is_some();
        let body = page.iter().map(|record| self.delivery_json(record)).collect::<Vec<_>>();
        let link = page.last().filter(|_| more).map(|last| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(call.query.iter().filter(|(key, _)| key != "cursor"));
            query.append_pair("cursor", &format!("v1_{}", last.id));
            format!("<{}/app/hook/deliveries?{}>; rel=\"next\"", self.settings.api_url, query.finish())
        });
        Ok(ok_linked(&Value::from(body), link))
    }

    pub(super) fn get_delivery(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        let id = DeliveryId(call.route.number);
        let record = self.deliveries.records.get(&id).filter(|record| record.outcome().is_some());
        let record = record.ok_or(Failure::NotFound)?;
        let mut body = self.delivery_json(record);
        body["request"] = json!({
            "headers": { "X-GitHub-Delivery": record.guid, "X-GitHub-Event": "workflow_job" },
            "payload": serde_json::from_str::<Value>(&record.body()).unwrap_or(Value::Null),
        });
        body["response"] = json!({ "headers": {}, "payload": null });
        Ok(ok(&body))
    }

    /// <https://docs.github.com/en/rest/apps/webhooks#redeliver-a-delivery-for-an-app-webhook>
    pub(super) fn answer_redeliver(&mut self, call: &Call<'_>) -> Result<Reply, Failure> {
        self.redeliver(DeliveryId(call.route.number)).ok_or(Failure::NotFound)?;
        Ok(json_reply(StatusCode::ACCEPTED, &json!({})))
    }

    fn cursor(&self, text: &str) -> Option<(jiff::Timestamp, DeliveryId)> {
        let id = DeliveryId(text.strip_prefix("v1_")?.parse().ok()?);
        self.deliveries.log.iter().find(|(_, known)| *known == id).copied()
    }

    fn delivery_json(&self, record: &Record) -> Value {
        let (at, took, status) =
            record.outcome().unwrap_or((record.created_at, jiff::SignedDuration::ZERO, None));
        let words = match status {
            Some(code) => {
                StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason()).unwrap_or("Unknown")
            }
            None => "failed to connect to host",
        };
        json!({
            "id": record.id,
            "guid": record.guid,
            "delivered_at": time(at),
            "redelivery": record.redelivery,
            "duration": took.as_secs_f64(),
            "status": words,
            "status_code": status.unwrap_or(502),
            "event": "workflow_job",
            "action": record.action,
            "installation_id": record.payload.installation,
            "repository_id": record.payload.repository,
            "throttled_at": null,
            "url": "",
        })
    }
}

/// What the token may do: what was asked for, if the installation has it all; else all that it has.
fn wanted_permissions(installation: &Installation, body: &Value) -> Result<BTreeMap<String, Level>, Failure> {
    let Some(asked) = body.get("permissions").and_then(Value::as_object) else {
        return Ok(installation.permissions.clone());
    };
    let refused = || {
        Failure::Unprocessable("The permissions requested are not granted to this installation.".to_owned())
    };
    let mut wanted = BTreeMap::new();
    for (name, level) in asked {
        let level = level.as_str().and_then(Level::parse).ok_or_else(refused)?;
        if installation.permissions.get(name).is_none_or(|held| *held < level) {
            return Err(refused());
        }
        wanted.insert(name.clone(), level);
    }
    // Every token can read metadata, asked for or not.
    wanted.entry("metadata".to_owned()).or_insert(Level::Read);
    Ok(wanted)
}
