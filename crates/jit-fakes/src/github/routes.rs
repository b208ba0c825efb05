//! Which operation a request means. Not in it: what the operation does (`rest/`).

use http::Method;
use percent_encoding::percent_decode_str;

use super::accounts::Level;
use super::rest::bare_path;

/// An operation of GitHub's REST API, by the names of GitHub's reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// `GET /app`
    GetApp,
    /// `GET /app/installations`
    ListInstallations,
    /// `GET /app/installations/{id}`, `GET /orgs/{org}/installation`, `GET /repos/{owner}/{repo}/installation`
    GetInstallation,
    /// `POST /app/installations/{id}/access_tokens`
    CreateAccessToken,
    /// `GET /app/hook/deliveries`
    ListDeliveries,
    /// `GET /app/hook/deliveries/{id}`
    GetDelivery,
    /// `POST /app/hook/deliveries/{id}/attempts`
    Redeliver,
    /// `GET /rate_limit`
    GetRateLimit,
    /// `GET /installation/repositories`
    ListRepositories,
    /// `POST .../actions/runners/generate-jitconfig`
    GenerateJitConfig,
    /// `GET .../actions/runners`
    ListRunners,
    /// `GET .../actions/runners/{id}`
    GetRunner,
    /// `DELETE .../actions/runners/{id}`
    DeleteRunner,
    /// `GET /orgs/{org}/actions/runner-groups`
    ListRunnerGroups,
    /// `GET /orgs/{org}/actions/runner-groups/{id}/repositories`
    ListRunnerGroupRepositories,
    /// `GET .../actions/runs`
    ListRuns,
    /// `GET .../actions/runs/{id}`
    GetRun,
    /// `GET .../actions/runs/{id}/jobs`
    ListJobs,
    /// `GET .../actions/jobs/{id}`
    GetJob,
    /// `POST .../actions/runs/{id}/rerun`
    Rerun,
    /// `POST .../actions/runs/{id}/rerun-failed-jobs`
    RerunFailedJobs,
    /// `POST .../actions/runs/{id}/cancel`
    CancelRun,
    /// `POST .../actions/runs/{id}/force-cancel`
    ForceCancelRun,
    /// `GET /repos/{owner}/{repo}/contents/{path}`
    GetContents,
}

/// Where an operation happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The App itself.
    App,
    /// Whatever the token belongs to.
    Installation,
    Organization(String),
    Repository(String, String),
    RepositoryById(u64),
}

/// A request, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) operation: Operation,
    pub(super) place: Place,
    /// The number in the path, 0 when there is none.
    pub(super) number: u64,
    /// The file in the path, empty when there is none.
    pub(super) file: String,
}

impl Operation {
    /// The permission that an installation token needs for it.
    pub(super) fn needs(self, place: &Place) -> Option<(&'static str, Level)> {
        let runners = match place {
            Place::Organization(_) => "organization_self_hosted_runners",
            Place::App | Place::Installation | Place::Repository(..) | Place::RepositoryById(_) => {
                "administration"
            }
        };
        match self {
            Self::GetApp
            | Self::ListInstallations
            | Self::GetInstallation
            | Self::CreateAccessToken
            | Self::ListDeliveries
            | Self::GetDelivery
            | Self::Redeliver
            | Self::GetRateLimit
            | Self::ListRepositories => None,
            Self::GenerateJitConfig | Self::DeleteRunner => Some((runners, Level::Write)),
            Self::ListRunners
            | Self::GetRunner
            | Self::ListRunnerGroups
            | Self::ListRunnerGroupRepositories => Some((runners, Level::Read)),
            Self::ListRuns | Self::GetRun | Self::ListJobs | Self::GetJob => Some(("actions", Level::Read)),
            Self::Rerun | Self::RerunFailedJobs | Self::CancelRun | Self::ForceCancelRun => {
                Some(("actions", Level::Write))
            }
            Self::GetContents => Some(("contents", Level::Read)),
        }
    }
}

/// Understands a request; `None` is GitHub's 404 for a path that does not exist.
///
/// The prefix of GitHub Enterprise Server (`/api/v3`) is taken off.
pub(super) fn route(method: &Method, path: &str) -> Option<Route> {
    let path = bare_path(path);
    let segments = path.trim_start_matches('/').split('/').map(decoded).collect::<Option<Vec<_>>>()?;
    let segments = segments.iter().map(String::as_str).collect::<Vec<_>>();
    let verb = method.as_str();
    let (operation, place, number, file) = match segments.as_slice() {
        ["repos", owner, repo, rest @ ..] => {
            let place = Place::Repository((*owner).to_owned(), (*repo).to_owned());
            let (operation, number, file) = in_repository(verb, rest)?;
            (operation, place, number, file)
        }
        ["repositories", id, rest @ ..] => {
            let (operation, number, file) = in_repository(verb, rest)?;
            (operation, Place::RepositoryById(id.parse().ok()?), number, file)
        }
        ["orgs", org, rest @ ..] => {
            let (operation, number) = in_organization(verb, rest)?;
            (operation, Place::Organization((*org).to_owned()), number, String::new())
        }
        rest => {
            let (operation, place, number) = elsewhere(verb, rest)?;
            (operation, place, number, String::new())
        }
    };
    Some(Route { operation, place, number, file })
}

fn elsewhere(verb: &str, path: &[&str]) -> Option<(Operation, Place, u64)> {
    Some(match (verb, path) {
        ("GET", ["app"]) => (Operation::GetApp, Place::App, 0),
        ("GET", ["app", "installations"]) => (Operation::ListInstallations, Place::App, 0),
        ("GET", ["app", "installations", id]) => (Operation::GetInstallation, Place::App, id.parse().ok()?),
        ("POST", ["app", "installations", id, "access_tokens"]) => {
            (Operation::CreateAccessToken, Place::App, id.parse().ok()?)
        }
        ("GET", ["app", "hook", "deliveries"]) => (Operation::ListDeliveries, Place::App, 0),
        ("GET", ["app", "hook", "deliveries", id]) => (Operation::GetDelivery, Place::App, id.parse().ok()?),
        ("POST", ["app", "hook", "deliveries", id, "attempts"]) => {
            (Operation::Redeliver, Place::App, id.parse().ok()?)
        }
        ("GET", ["rate_limit"]) => (Operation::GetRateLimit, Place::Installation, 0),
        ("GET", ["installation", "repositories"]) => (Operation::ListRepositories, Place::Installation, 0),
        _ => return None,
    })
}

fn in_organization(verb: &str, path: &[&str]) -> Option<(Operation, u64)> {
    Some(match (verb, path) {
        ("GET", ["installation"]) => (Operation::GetInstallation, 0),
        ("GET", ["actions", "runner-groups"]) => (Operation::ListRunnerGroups, 0),
        ("GET", ["actions", "runner-groups", id, "repositories"]) => {
            (Operation::ListRunnerGroupRepositories, id.parse().ok()?)
        }
        (verb, ["actions", "runners", rest @ ..]) => runners(verb, rest)?,
        _ => return None,
    })
}

fn in_repository(verb: &str, path: &[&str]) -> Option<(Operation, u64, String)> {
    let (operation, number) = match (verb, path) {
        ("GET", ["contents", file @ ..]) => return Some((Operation::GetContents, 0, file.join("/"))),
        ("GET", ["installation"]) => (Operation::GetInstallation, 0),
        ("GET", ["actions", "runs"]) => (Operation::ListRuns, 0),
        ("GET", ["actions", "runs", id]) => (Operation::GetRun, id.parse().ok()?),
        ("GET", ["actions", "runs", id, "jobs"]) => (Operation::ListJobs, id.parse().ok()?),
        ("GET", ["actions", "jobs", id]) => (Operation::GetJob, id.parse().ok()?),
        ("POST", ["actions", "runs", id, "rerun"]) => (Operation::Rerun, id.parse().ok()?),
        ("POST", ["actions", "runs", id, "rerun-failed-jobs"]) => {
            (Operation::RerunFailedJobs, id.parse().ok()?)
        }
        ("POST", ["actions", "runs", id, "cancel"]) => (Operation::CancelRun, id.parse().ok()?),
        ("POST", ["actions", "runs", id, "force-cancel"]) => (Operation::ForceCancelRun, id.parse().ok()?),
        (verb, ["actions", "runners", rest @ ..]) => runners(verb, rest)?,
        _ => return None,
    };
    Some((operation, number, String::new()))
}

fn runners(verb: &str, path: &[&str]) -> Option<(Operation, u64)> {
    Some(match (verb, path) {
        ("GET", []) => (Operation::ListRunners, 0),
        ("POST", ["generate-jitconfig"]) => (Operation::GenerateJitConfig, 0),
        ("GET", [id]) => (Operation::GetRunner, id.parse().ok()?),
        ("DELETE", [id]) => (Operation::DeleteRunner, id.parse().ok()?),
        _ => return None,
    })
}

fn decoded(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn understood(method: &str, path: &str) -> Option<(Operation, u64, String)> {
        let route = route(&Method::from_bytes(method.as_bytes()).unwrap(), path)?;
        Some((route.operation, route.number, route.file))
    }

    #[test]
    fn an_enterprise_server_has_the_same_operations_below_its_prefix() {
        assert_eq!(
            understood("GET", "/api/v3/repos/o/r/actions/jobs/7"),
            Some((Operation::GetJob, 7, String::new()))
        );
        assert_eq!(
            understood("GET", "/repos/o/r/actions/jobs/7"),
            understood("GET", "/api/v3/repos/o/r/actions/jobs/7")
        );
    }

    #[test]
    fn a_file_keeps_its_slashes_and_loses_its_escapes() {
        assert_eq!(
            understood("GET", "/repos/o/r/contents/.github/workflows/a%20b.yml"),
            Some((Operation::GetContents, 0, ".github/workflows/a b.yml".to_owned()))
        );
    }

    #[test]
    fn a_wrong_verb_or_a_number_that_is_none_is_not_understood() {
        assert_eq!(understood("PUT", "/app"), None);
        assert_eq!(understood("GET", "/orgs/o/actions/runners/abc"), None);
        assert_eq!(understood("GET", "/app/installations/-1"), None);
    }

    proptest! {
        #[test]
        fn no_path_panics(path in "[/a-z0-9%.-]{0,60}") {
            let _ = route(&Method::GET, &path);
            let _ = route(&Method::POST, &path);
        }
    }
}
