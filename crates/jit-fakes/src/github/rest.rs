//! The REST API's frame: who may ask, what it costs, faults, errors, paging, ETags.
//! Not in it: the operations themselves, one file for each family.

mod app;
mod runners;
mod runs;

use http::{HeaderValue, Request, Response, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::GitHub;
use super::accounts::Repository;
use super::auth::{Caller, Token};
use super::faults::FaultEffect;
use super::ids::{AccountId, InstallationId, RepositoryId};
use super::limits::{Hour, Refused};
use super::routes::{Operation, Place, Route, route};
use crate::model::{ReplyDelay, ReplyLost};

pub(super) type Reply = Response<Vec<u8>>;

/// Why an operation was not done.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    BadRequest(&'static str),
    Unauthorized(&'static str),
    Forbidden(&'static str),
    NotFound,
    Conflict(String),
    Unprocessable(String),
    /// The repository has another name now.
    Moved(RepositoryId),
    Refused(Refused),
}

/// What an operation works on.
#[derive(Clone, Copy, Debug)]
enum Target {
    App,
    Installation,
    Organization(AccountId),
    Repository(RepositoryId),
}

/// A request that may be answered: route, caller and target are known to fit each other.
struct Call<'a> {
    route: &'a Route,
    target: Target,
    token: Option<&'a Token>,
    query: Vec<(String, String)>,
    /// The address without its query, for `Link` headers.
    path: &'a str,
    body: &'a [u8],
    page_max: usize,
}

impl Call<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// GitHub takes 30 where the number makes no sense, and its most where it is more.
    fn per_page(&self) -> usize {
        let wanted = self.parameter("per_page").and_then(|text| text.parse::<usize>().ok());
        wanted.filter(|number| *number > 0).unwrap_or(30).min(self.page_max)
    }

    fn page(&self) -> usize {
        self.parameter("page").and_then(|text| text.parse().ok()).unwrap_or(1).max(1)
    }

    /// The JSON body; none at all is an empty object.
    fn json(&self) -> Result<Value, Failure> {
        if self.body.is_empty() {
            return Ok(json!({}));
        }
        match serde_json::from_slice(self.body) {
            Ok(Value::Null) => Ok(json!({})),
            Ok(value @ Value::Object(_)) => Ok(value),
            Ok(_) => Err(Failure::BadRequest("Body should be a JSON object")),
            Err(_) => Err(Failure::BadRequest("Problems parsing JSON")),
        }
    }
}

impl GitHub {
    pub(super) fn answer(&mut self, request: &Request<Vec<u8>>) -> Reply {
        match request.uri().path().strip_prefix("/_agent/") {
            Some(path) => self.answer_agent(path, request),
            None => self.answer_rest(request),
        }
    }

    fn answer_rest(&mut self, request: &Request<Vec<u8>>) -> Reply {
        let caller = match self.caller(request.headers()) {
            Ok(caller) => caller,
            Err(message) => return self.failed(Failure::Unauthorized(message), request),
        };
        let path = request.uri().path();
        let Some(route) = route(request.method(), path) else {
            return self.failed(Failure::NotFound, request);
        };
        let who = match &caller {
            Caller::App => None,
            Caller::Installation(token) => Some(token.installation),
        };
        let fault = self.faults.strike(route.operation, path);
        match fault {
            Some(FaultEffect::RequestLost) => return lost(Response::new(Vec::new())),
            Some(FaultEffect::TooFast(seconds)) => {
                return self.failed(Failure::Refused(Refused::Secondary(seconds)), request);
            }
            _ => {}
        }
        let points = if is_reading(request) { 1 } else { 5 };
        if let Err(refused) = self.let_in(who, points) {
            return self.with_hour(self.failed(Failure::Refused(refused), request), self.hour(who));
        }
        let reply = match fault {
            Some(FaultEffect::Fails(status)) => server_error(status),
            _ => {
                self.perform(&caller, &route, request).unwrap_or_else(|failure| self.failed(failure, request))
            }
        };
        let reply = with_etag(request, reply);
        let free = reply.status() == StatusCode::NOT_MODIFIED || route.operation == Operation::GetRateLimit;
        let hour = self.count(who, route.operation, free);
        let reply = self.with_hour(reply, hour);
        self.deliver_reply(reply, fault)
    }

    fn deliver_reply(&mut self, reply: Reply, fault: Option<FaultEffect>) -> Reply {
        let mut takes = self.settings.times.latency;
        let mut reply = match fault {
            Some(FaultEffect::ReplyLost) => lost(reply),
            Some(FaultEffect::FailsAfter(status)) => server_error(status),
            Some(FaultEffect::Late(by)) => {
                takes = takes.saturating_add(by);
                reply
            }
            Some(FaultEffect::Fails(_) | FaultEffect::RequestLost | FaultEffect::TooFast(_)) | None => reply,
        };
        if takes > SignedDuration::ZERO {
            reply.extensions_mut().insert(ReplyDelay(takes));
            self.keep_in_flight(takes);
        }
        reply
    }

    fn perform(
        &mut self,
        caller: &Caller,
        route: &Route,
        request: &Request<Vec<u8>>,
    ) -> Result<Reply, Failure> {
        let target = self.target(caller, route)?;
        let token = match caller {
            Caller::App => None,
            Caller::Installation(token) => Some(token),
        };
        let query = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        let call = Call {
            route,
            target,
            token,
            query: query.into_owned().collect(),
            path: request.uri().path(),
            body: request.body(),
            page_max: self.settings.limits.page_max.max(1),
        };
        match route.operation {
            Operation::GetApp => Ok(ok(&self.app_json())),
            Operation::ListInstallations => self.list_installations(&call),
            Operation::GetInstallation => self.get_installation(&call),
            Operation::CreateAccessToken => self.create_access_token(&call),
            Operation::ListDeliveries => self.list_deliveries(&call),
            Operation::GetDelivery => self.get_delivery(&call),
            Operation::Redeliver => self.answer_redeliver(&call),
            Operation::GetRateLimit => Ok(self.get_rate_limit(token.map(|token| token.installation))),
            Operation::ListRepositories => self.list_repositories(&call),
            Operation::GenerateJitConfig => self.generate_jit_config(&call),
            Operation::ListRunners => self.list_runners(&call),
            Operation::GetRunner => self.get_runner(&call),
            Operation::DeleteRunner => self.delete_runner(&call),
            Operation::ListRunnerGroups => self.list_runner_groups(&call),
            Operation::ListRunnerGroupRepositories => self.list_group_repositories(&call),
            Operation::ListRuns => self.list_runs(&call),
            Operation::GetRun => self.get_run(&call),
            Operation::ListJobs => self.list_jobs(&call),
            Operation::GetJob => self.get_job(&call),
            Operation::Rerun | Operation::RerunFailedJobs => self.answer_rerun(&call),
            Operation::CancelRun | Operation::ForceCancelRun => self.answer_cancel(&call),
            Operation::GetContents => self.get_contents(&call),
        }
    }

    /// Finds what a route is about and whether the caller may touch it.
    fn target(&self, caller: &Caller, route: &Route) -> Result<Target, Failure> {
        let for_app = route.place == Place::App || route.operation == Operation::GetInstallation;
        let token = match (caller, for_app) {
            (Caller::App, true) => return self.target_of_app(route),
            (Caller::App, false) if route.operation == Operation::GetRateLimit => return Ok(Target::App),
            (Caller::App, false) => return Err(Failure::Forbidden("Resource not accessible by integration")),
            (Caller::Installation(_), true) => {
                return Err(Failure::Unauthorized("A JSON web token could not be decoded"));
            }
            (Caller::Installation(token), false) => token,
        };
        let installation = self
            .accounts
            .installations
            .get(&token.installation)
            .ok_or(Failure::Unauthorized("Bad credentials"))?;
        if installation.suspended_at.is_some() {
            return Err(Failure::Forbidden("This installation has been suspended"));
        }
        let target = match &route.place {
            Place::App | Place::Installation => Target::Installation,
            Place::Organization(login) => {
                let account =
                    self.accounts.account(login).filter(|account| account.id == installation.account);
                Target::Organization(account.ok_or(Failure::NotFound)?.id)
            }
            Place::Repository(..) | Place::RepositoryById(_) => {
                let (repository, moved) = self.find_repository(&route.place).ok_or(Failure::NotFound)?;
                let within = token.repositories.as_ref().is_none_or(|some| some.contains(&repository.id));
                if !within || !installation.reaches(repository) {
                    return Err(Failure::NotFound);
                }
                if moved {
                    return Err(Failure::Moved(repository.id));
                }
                Target::Repository(repository.id)
            }
        };
        if let Some((permission, level)) = route.operation.needs(&route.place) {
            let held = |permissions: &std::collections::BTreeMap<_, _>| {
                permissions.get(permission).is_some_and(|held| *held >= level)
            };
            if !held(&token.permissions) || !held(&installation.permissions) {
                return Err(Failure::Forbidden("Resource not accessible by integration"));
            }
        }
        Ok(target)
    }

    fn target_of_app(&self, route: &Route) -> Result<Target, Failure> {
        match &route.place {
            Place::App | Place::Installation => Ok(Target::App),
            Place::Organization(login) => {
                let account = self.accounts.account(login).ok_or(Failure::NotFound)?;
                Ok(Target::Organization(account.id))
            }
            Place::Repository(..) | Place::RepositoryById(_) => {
                let (repository, moved) = self.find_repository(&route.place).ok_or(Failure::NotFound)?;
                if moved { Err(Failure::Moved(repository.id)) } else { Ok(Target::Repository(repository.id)) }
            }
        }
    }

    /// The repository of a path, and whether the path has a name it had before.
    fn find_repository(&self, place: &Place) -> Option<(&Repository, bool)> {
        let (id, moved) = match place {
            Place::Repository(owner, name) => match self.accounts.named(owner, name) {
                Some(id) => (id, false),
                None => (self.accounts.formerly_named(owner, name)?, true),
            },
            Place::RepositoryById(id) => (RepositoryId(*id), false),
            Place::App | Place::Installation | Place::Organization(_) => return None,
        };
        self.accounts.repositories.get(&id).map(|repository| (repository, moved))
    }

    /// One page of a list, and the `Link` header that leads on.
    fn page_of<T: Clone>(&self, call: &Call<'_>, all: &[T]) -> (Vec<T>, Option<String>) {
        let (per_page, page) = (call.per_page(), call.page());
        let last = all.len().div_ceil(per_page).max(1);
        let items = all.iter().skip((page - 1).saturating_mul(per_page)).take(per_page).cloned().collect();
        let address = |page: usize| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(call.query.iter().filter(|(key, _)| key != "page"));
            query.append_pair("page", &page.to_string());
            format!("<{}{}?{}>", self.settings.api_url, bare_path(call.path), query.finish())
        };
        let mut links = Vec::new();
        if page > 1 {
            links.push(format!("{}; rel=\"prev\"", address(page - 1)));
        }
        if page < last {
            links.push(format!("{}; rel=\"next\"", address(page + 1)));
            links.push(format!("{}; rel=\"last\"", address(last)));
        }
        if page > 1 {
            links.push(format!("{}; rel=\"first\"", address(1)));
        }
        (items, (!links.is_empty()).then(|| links.join(", ")))
    }

    fn failed(&self, failure: Failure, request: &Request<Vec<u8>>) -> Reply {
        let (status, message) = match failure {
            Failure::BadRequest(message) => (StatusCode::BAD_REQUEST, message.to_owned()),
            Failure::Unauthorized(message) => (StatusCode::UNAUTHORIZED, message.to_owned()),
            Failure::Forbidden(message) => (StatusCode::FORBIDDEN, message.to_owned()),
            Failure::NotFound => (StatusCode::NOT_FOUND, "Not Found".to_owned()),
            Failure::Conflict(message) => (StatusCode::CONFLICT, message),
            Failure::Unprocessable(message) => (StatusCode::UNPROCESSABLE_ENTITY, message),
            Failure::Moved(id) => return self.moved(id, request),
            Failure::Refused(refused) => return self.refused(refused),
        };
        json_reply(
            status,
            &json!({
                "message": message,
                "documentation_url": "https://docs.github.com/rest",
                "status": status.as_u16().to_string(),
            }),
        )
    }

    /// GitHub redirects to the address by number, which survives every rename: a reading with 301, all else with 307.
    /// Seen in the wild: <https://github.com/18F/charlie/pull/85>. That the query is dropped is the worse case.
    fn moved(&self, id: RepositoryId, request: &Request<Vec<u8>>) -> Reply {
        let rest: String =
            bare_path(request.uri().path()).split('/').skip(4).flat_map(|segment| ["/", segment]).collect();
        let url = format!("{}/repositories/{id}{rest}", self.settings.api_url);
        let body = json!({ "message": "Moved Permanently", "url": url, "documentation_url": "https://docs.github.com/rest" });
        let status =
            if is_reading(request) { StatusCode::MOVED_PERMANENTLY } else { StatusCode::TEMPORARY_REDIRECT };
        with_header(json_reply(status, &body), "location", &url)
    }

    fn refused(&self, refused: Refused) -> Reply {
        let (status, message, retry_after) = match refused {
            Refused::Banned => {
                (StatusCode::FORBIDDEN, "This application has been banned for abuse".to_owned(), None)
            }
            Refused::Primary(_) => {
                let message = "API rate limit exceeded for installation. If you reach out to GitHub Support for help, please include the request ID.";
                (self.settings.limits.refusal, message.to_owned(), None)
            }
            Refused::Secondary(seconds) => {
                let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
                (self.settings.limits.refusal, message.to_owned(), Some(seconds))
            }
        };
        let url = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";
        let reply = json_reply(status, &json!({ "message": message, "documentation_url": url }));
        match retry_after {
            Some(seconds) => with_header(reply, "retry-after", &seconds.to_string()),
            None => reply,
        }
    }

    fn with_hour(&self, reply: Reply, hour: Hour) -> Reply {
        let headers = [
            ("x-ratelimit-limit", hour.limit.to_string()),
            ("x-ratelimit-remaining", hour.limit.saturating_sub(hour.used).to_string()),
            ("x-ratelimit-used", hour.used.to_string()),
            ("x-ratelimit-reset", hour.reset.as_second().to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
            ("x-github-api-version-selected", "2022-11-28".to_owned()),
        ];
        headers.iter().fold(reply, |reply, (name, value)| with_header(reply, name, value))
    }

    fn get_rate_limit(&self, who: Option<InstallationId>) -> Reply {
        let hour = self.hour(who);
        let core = json!({
            "limit": hour.limit,
            "used": hour.used,
            "remaining": hour.limit.saturating_sub(hour.used),
            "reset": hour.reset.as_second(),
        });
        ok(&json!({ "resources": { "core": core, "search": core }, "rate": core }))
    }
}

fn ok(body: &Value) -> Reply {
    json_reply(StatusCode::OK, body)
}

fn ok_linked(body: &Value, link: Option<String>) -> Reply {
    match link {
        Some(link) => with_header(ok(body), "link", &link),
        None => ok(body),
    }
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Vec::new());
    *reply.status_mut() = status;
    reply
}

pub(super) fn json_reply(status: StatusCode, body: &Value) -> Reply {
    let mut reply = Response::new(body.to_string().into_bytes());
    *reply.status_mut() = status;
    with_header(reply, "content-type", "application/json; charset=utf-8")
}

fn with_header(mut reply: Reply, name: &'static str, value: &str) -> Reply {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
    reply
}

fn server_error(status: u16) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    json_reply(status, &json!({ "message": "Server Error" }))
}

/// For a driver that does not know of lost replies it is a gateway's time-out.
fn lost(mut reply: Reply) -> Reply {
    *reply.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    reply.body_mut().clear();
    reply.extensions_mut().insert(ReplyLost);
    reply
}

/// <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate>
fn with_etag(request: &Request<Vec<u8>>, reply: Reply) -> Reply {
    if request.method() != http::Method::GET || reply.status() != StatusCode::OK {
        return reply;
    }
    let tag = format!("W/\"{}\"", digest_hex(reply.body(), 64));
    let known =
        request.headers().get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    if known.flat_map(|value| value.split(',')).any(|value| opaque(value) == opaque(&tag)) {
        return with_header(empty(StatusCode::NOT_MODIFIED), "etag", &tag);
    }
    with_header(reply, "etag", &tag)
}

/// Whether a request changes nothing.
fn is_reading(request: &Request<Vec<u8>>) -> bool {
    request.method() == http::Method::GET || request.method() == http::Method::HEAD
}

/// A path without the prefix of GitHub Enterprise Server.
pub(super) fn bare_path(path: &str) -> &str {
    path.strip_prefix("/api/v3").unwrap_or(path)
}

pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(super) fn digest_hex(bytes: &[u8], len: usize) -> String {
    let mut text = hex::encode(digest(bytes));
    text.truncate(len);
    text
}

/// The number of a workflow, which belongs to its file.
pub(super) fn workflow_number(path: &str) -> u64 {
    digest(path.as_bytes()).iter().take(4).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
