//! The way to GitHub: installation tokens (cached and sealed), the App's shared budget of points, paging, and what an answer
//! means. Which question is asked, and what follows from an answer, is the functions'.

use std::cell::RefCell;
use std::time::Duration;

use futures::future;
use jit_domain::ids::{InstallationId, RepositoryName, RunId, RunnerGroupId, RunnerId};
use jit_domain::labels::LabelSet;
use jit_domain::time::Timestamp;
use jit_domain::{class, ids};
use jit_github::runners::{Connection, Deletion, JitConfig, JitRequest, Runner};
use jit_github::runs::WorkflowRun;
use jit_github::tokens::{Access, TokenRequest};
use jit_github::{Api, AppKey, Authorization, Labels, Owner, PageNumber, Repository, RunnerName, Scope};
use secrecy::SecretString;
use serde_json::json;

use crate::effects::{Effects, Request, Response, SendError};
use crate::ledger::{Change, Key, Kind, Ledger as _, Write};
use crate::limits;
use crate::settings::GitHubApp;
use crate::shell::{Failure, Shell, chain, put};
use crate::stored::{BudgetPause, Cursor, SealedToken, Stored as _};
use crate::time::{domain_time, jiff_time};

mod budget;
mod files;
mod groups;
mod seal;

pub use self::budget::Priority;
pub use self::groups::RunnerGroup;

/// A client for one invocation of one function.
pub struct GitHub<'s, 'e, E: Effects> {
    shell: &'s Shell<'e, E>,
    app: &'s GitHubApp,
    api: Api,
    priority: Priority,
    /// Kept tokens that this invocation has used, by key and version.
    used: RefCell<Vec<(Key, u64)>>,
}

/// Why GitHub did not answer as asked.
#[derive(Debug, thiserror::Error)]
pub enum GitHubError {
    /// GitHub said so; the variants of the cause say what to do.
    #[error(transparent)]
    Refused(#[from] jit_github::Error),
    /// No reply came; a change may have happened.
    #[error("github did not answer {operation}")]
    NoReply {
        /// What was asked.
        operation: &'static str,
        /// Why.
        source: SendError,
    },
    /// The budget of points is spent, or GitHub told us to wait.
    #[error("the github budget allows nothing before {until_s} (Unix seconds)")]
    Budget {
        /// When to try again.
        until_s: u64,
    },
    /// The App's key or a name cannot be used; `jitr check` says more.
    #[error("github cannot be asked: {0}")]
    Unusable(String),
    /// The ledger failed.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// What GitHub lists of a scope.
#[derive(Debug)]
pub struct Runners {
    /// The runners.
    pub listed: Vec<Runner>,
    /// Whether a runner that is not listed does not exist.
    pub misses_none: bool,
}

/// What GitHub says of a run.
#[derive(Debug)]
pub struct RunJobs {
    /// Its jobs.
    pub jobs: Vec<jit_github::jobs::WorkflowJob>,
    /// Notes that this answer is known. To be written only when everything in it is recorded: from then on GitHub says
    /// nothing of the run until it changes.
    pub mark: Option<Write>,
}

impl GitHubError {
    /// When the request may be sent again, if it is certain that it had no effect: it was not sent, or a limit refused it.
    pub fn refused_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Budget { until_s } => Some(Timestamp::from_s(*until_s)),
            Self::Refused(jit_github::Error::RateLimited { wait, .. }) => {
                Some(domain_time(wait.end(jiff_time(now))))
            }
            Self::Refused(_) | Self::NoReply { .. } | Self::Unusable(_) | Self::Failure(_) => None,
        }
    }
}

impl<'s, 'e, E: Effects> GitHub<'s, 'e, E> {
    /// A client with that priority in the shared budget.
    ///
    /// # Errors
    /// [`GitHubError::Unusable`] when the address or the App's settings cannot be used.
    pub fn new(shell: &'s Shell<'e, E>, app: &'s GitHubApp, priority: Priority) -> Result<Self, GitHubError> {
        let api = Api::new(app.api_url.as_str(), "jit-runners")
            .map_err(|e| GitHubError::Unusable(e.to_string()))?;
        Ok(Self { shell, app, api, priority, used: RefCell::new(Vec::new()) })
    }

    /// Registers a runner and gets its JIT config.
    ///
    /// # Errors
    /// [`GitHubError`]; after `NoReply` and `Unavailable` the registration may exist under its name.
    pub async fn mint(
        &self,
        installation: InstallationId,
        scope: &class::Scope,
        group: RunnerGroupId,
        labels: &LabelSet,
        name: &ids::RunnerName,
    ) -> Result<JitConfig, GitHubError> {
        let wanted = JitRequest {
            name: RunnerName::new(name.as_str()).map_err(unusable)?,
            runner_group_id: jit_github::RunnerGroupId(group.0),
            labels: Labels::new(labels.iter()).map_err(unusable)?,
            work_folder: None,
        };
        let auth = self.authorize(installation, Need::of(scope)).await?;
        let request = self.api.generate_jit_config(&auth, &scope_of(scope)?, &wanted);
        let reply = self.send("generate jit config", request).await?;
        self.read(jit_github::runners::parse_jit_config(&reply)).await
    }

    /// All runners of a scope, or those of one name; every page, or an error. Pages are counted off anew for each request, so a
    /// runner that leaves one of the first moves another from the next page into a gap: a list of several pages may miss some.
    ///
    /// # Errors
    /// [`GitHubError`]; a list that is not whole is an error, as absence from it would prove nothing.
    pub async fn runners(
        &self,
        installation: InstallationId,
        scope: &class::Scope,
        name: Option<&ids::RunnerName>,
    ) -> Result<Runners, GitHubError> {
        let auth = self.authorize(installation, Need::of(scope)).await?;
        let scope = scope_of(scope)?;
        let name = name.map(|n| RunnerName::new(n.as_str())).transpose().map_err(unusable)?;
        let mut all = Vec::new();
        let mut page = PageNumber::FIRST;
        for _ in 0..limits::GITHUB_PAGES_MAX {
            self.shell.check_time("a page of runners")?;
            let reply =
                self.send("list runners", self.api.list_runners(&auth, &scope, name.as_ref(), page)).await?;
            let listed = self.read(jit_github::runners::parse_list(&reply)).await?;
            all.extend(listed.items);
            match listed.next {
                Some(next) => page = next,
                None => {
                    let of_name = |r: &Runner| name.as_ref().is_none_or(|n| n.as_str() == r.name);
                    let misses_none = page == PageNumber::FIRST;
                    return Ok(Runners { listed: all.into_iter().filter(of_name).collect(), misses_none });
                }
            }
        }
        Err(GitHubError::Unusable("a scope lists more runners than GitHub allows".into()))
    }

    /// Deregisters a runner.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn deregister(
        &self,
        installation: InstallationId,
        scope: &class::Scope,
        runner: RunnerId,
    ) -> Result<Deletion, GitHubError> {
        let auth = self.authorize(installation, Need::of(scope)).await?;
        let request = self.api.delete_runner(&auth, &scope_of(scope)?, jit_github::RunnerId(runner.0));
        let reply = self.send("delete runner", request).await?;
        self.read(jit_github::runners::parse_deletion(&reply)).await
    }

    /// The jobs of a run's newest attempt, all pages. None when nothing changed since [`RunJobs::mark`] was written.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn jobs_of_run(
        &self,
        installation: InstallationId,
        repository: &RepositoryName,
        run: RunId,
    ) -> Result<Option<RunJobs>, GitHubError> {
        let auth = self.authorize(installation, Need::Actions).await?;
        let repository = Repository::parse(repository.as_str()).map_err(unusable)?;
        let key = Cursor::key(&format!("jobs-etag/{run}"));
        let known = self.shell.read::<Cursor>(&key).await?;
        let mut all = Vec::new();
        let mut page = PageNumber::FIRST;
        for _ in 0..limits::GITHUB_PAGES_MAX {
            self.shell.check_time("a page of jobs")?;
            let attempts = jit_github::jobs::Attempts::Latest;
            let mut request =
                self.api.list_jobs_of_run(&auth, &repository, jit_github::RunId(run.0), attempts, page);
            let etag = known
                .as_ref()
                .and_then(|k| jit_github::ETag::new(&k.value.0))
                .filter(|_| page == PageNumber::FIRST);
            if let Some(etag) = &etag {
                request = jit_github::if_none_match(request, etag);
            }
            let reply = self.send("list jobs of run", request).await?;
            let answer = self.read(jit_github::conditional(&reply, jit_github::jobs::parse_list)).await?;
            let jit_github::Answer::Fresh { value: listed, etag } = answer else { return Ok(None) };
            all.extend(listed.items);
            match (listed.next, etag) {
                (Some(next), _) => page = next,
                // An ETag stands for one page, so only a list of one page is known by it.
                (None, Some(etag)) if page == PageNumber::FIRST => {
                    let version = known.as_ref().map_or(0, |k| k.version);
                    let mark = Some(put(&key, version, &Cursor(etag.as_str().to_owned())));
                    return Ok(Some(RunJobs { jobs: all, mark }));
                }
                (None, _) => return Ok(Some(RunJobs { jobs: all, mark: None })),
            }
        }
        Err(GitHubError::Unusable("a run lists more jobs than GitHub allows".into()))
    }

    /// What GitHub says of a run; none when it does not know it.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn run(
        &self,
        installation: InstallationId,
        repository: &RepositoryName,
        run: RunId,
    ) -> Result<Option<WorkflowRun>, GitHubError> {
        let auth = self.authorize(installation, Need::Actions).await?;
        let repository = Repository::parse(repository.as_str()).map_err(unusable)?;
        match self.get_run(&auth, &repository, run).await {
            Ok(run) => Ok(Some(run)),
            Err(GitHubError::Refused(jit_github::Error::NotFound(_))) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn get_run(
        &self,
        auth: &Authorization,
        repository: &Repository,
        run: RunId,
    ) -> Result<WorkflowRun, GitHubError> {
        let request = self.api.get_run(auth, repository, jit_github::RunId(run.0));
        let reply = self.send("get workflow run", request).await?;
        self.read(jit_github::runs::parse_run(&reply)).await
    }

    /// A token for an installation, good for one need only.
    async fn authorize(
        &self,
        installation: InstallationId,
        need: Need,
    ) -> Result<Authorization, GitHubError> {
        let key = SealedToken::key((&format!("{}-{}", self.shell.function, need.as_str()), installation));
        let fetched = self.app.private_key.get(self.shell.effects).await;
        let private_key = fetched.map_err(|error| GitHubError::Unusable(chain(&error)))?;
        let seal = seal::Seal::new(&private_key, self.shell.function);
        let known = self.shell.read::<SealedToken>(&key).await?;
        let now = self.shell.now();
        if let Some(kept) = &known
            && now + limits::TOKEN_MARGIN < kept.value.expires_at
            && let Some(token) = seal.open(&kept.value.sealed)
        {
            self.used.borrow_mut().push((key, kept.version));
            return bearer(&token);
        }
        let app_key = AppKey::from_pem(&private_key).map_err(unusable)?;
        let jwt = app_key.jwt(&self.app.app_id, jiff_time(now)).map_err(unusable)?;
        let request = self.api.create_installation_token(
            &bearer(&jwt)?,
            jit_github::InstallationId(installation.0),
            &need.permissions(),
        );
        let reply = self.send("create installation token", request).await?;
        let made = self.read(jit_github::tokens::parse(&reply)).await?;
        let mut nonce = [0; seal::NONCE_BYTES];
        self.shell.effects.random(&mut nonce);
        let sealed =
            SealedToken { sealed: seal.seal(&made.token, nonce), expires_at: domain_time(made.expires_at) };
        let version = known.map_or(0, |k| k.version);
        // Who loses this write has a token that is as good; the other one is simply cached.
        self.shell.commit(vec![put(&key, version, &sealed)]).await?;
        bearer(&made.token)
    }

    /// Sends a request, once more where its repository has another name by now. The records of a job keep the name under which
    /// its event came.
    async fn send(&self, operation: &'static str, request: Request) -> Result<Response, GitHubError> {
        let reply = self.send_once(operation, request.clone()).await?;
        match self.api.moved(&request, &reply) {
            Some(again) => self.send_once(operation, again).await,
            None => Ok(reply),
        }
    }

    async fn send_once(&self, operation: &'static str, request: Request) -> Result<Response, GitHubError> {
        self.spend(u64::from(jit_github::points(&request))).await?;
        let reply = self.shell.effects.send(request, limits::CALL_TIMEOUT).await;
        reply.map_err(|source| GitHubError::NoReply { operation, source })
    }

    /// Passes a parsed answer on; one that says to wait stops the whole App until then, and one that says that the token is no
    /// longer good makes the next call ask for another.
    async fn read<T>(&self, parsed: Result<T, jit_github::Error>) -> Result<T, GitHubError> {
        match &parsed {
            Err(jit_github::Error::RateLimited { wait, .. }) => {
                let until = domain_time(wait.end(jiff_time(self.shell.now())));
                self.pause(until).await?;
            }
            Err(jit_github::Error::Unauthorized(_)) => self.forget_tokens().await?,
            Err(_) | Ok(_) => {}
        }
        Ok(parsed?)
    }

    /// A token can end before its time, as when the App's permissions change or it is installed anew.
    async fn forget_tokens(&self) -> Result<(), GitHubError> {
        for (key, expected) in self.used.take() {
            // Who was quicker has kept another.
            self.shell.commit(vec![Write { key, expected, value: Change::Delete }]).await?;
        }
        Ok(())
    }

    async fn pause(&self, until: Timestamp) -> Result<(), GitHubError> {
        self.shell.warn("github told the app to wait", json!({ "until_ms": until.as_ms() }));
        let key = BudgetPause::key(self.app.app_id.as_str());
        self.shell.update::<BudgetPause>(&key, |known| BudgetPause::lengthened(known, until)).await?;
        Ok(())
    }

    async fn spend(&self, points: u64) -> Result<(), GitHubError> {
        let now = self.shell.now();
        let pause = self.shell.read::<BudgetPause>(&BudgetPause::key(self.app.app_id.as_str())).await?;
        if let Some(pause) = pause.filter(|p| now < p.value.until) {
            return Err(GitHubError::Budget { until_s: pause.value.until.as_s() });
        }
        let most = self.priority.share_of(limits::GITHUB_POINTS_A_MINUTE);
        let newest = now.as_s() / budget::WINDOW_S;
        let windows = (0..budget::WINDOWS).rev().map(|back| self.count(newest.saturating_sub(back), 0));
        let mut spent = future::try_join_all(windows).await?;
        let fits = |spent: &[u64]| {
            budget::check(newest, spent, points, most).map_err(|until_s| GitHubError::Budget { until_s })
        };
        // Refused requests are not counted: a crowd that asks again and again would keep itself out.
        fits(&spent)?;
        let sum = self.count(newest, points).await?;
        // Others may have spent since.
        if let Some(last) = spent.last_mut() {
            *last = sum.saturating_sub(points);
        }
        fits(&spent)
    }

    /// Adds to the points of a window and returns what they are then.
    async fn count(&self, window: u64, points: u64) -> Result<u64, GitHubError> {
        let counter = Key::new(Kind::Budget, format_args!("{}/{window}", self.app.app_id.as_str()));
        Ok(self.shell.ledger.add(&counter, points, budget::COUNTER_LIFE).await.map_err(Failure::from)?)
    }
}

/// What a token is needed for; it is asked for with no other permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Runners of an organisation.
    OrganisationRunners,
    /// Runners of a repository.
    RepositoryRunners,
    /// Runs and jobs.
    Actions,
    /// A run and its workflow file.
    WorkflowFiles,
}

impl Need {
    fn of(scope: &class::Scope) -> Self {
        match scope {
            class::Scope::Organisation(_) => Self::OrganisationRunners,
            class::Scope::Repository(_) => Self::RepositoryRunners,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::OrganisationRunners => "organisation",
            Self::RepositoryRunners => "repository",
            Self::Actions => "actions",
            Self::WorkflowFiles => "workflow-files",
        }
    }

    /// <https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps> (read 2026-11-21)
    fn permissions(self) -> TokenRequest {
        let (name, access) = match self {
            Self::OrganisationRunners => ("organization_self_hosted_runners", Access::Write),
            Self::RepositoryRunners => ("administration", Access::Write),
            Self::Actions | Self::WorkflowFiles => ("actions", Access::Read),
        };
        let request = TokenRequest::default().permission(name, access);
        match self {
            Self::WorkflowFiles => request.permission("contents", Access::Read),
            Self::OrganisationRunners | Self::RepositoryRunners | Self::Actions => request,
        }
    }
}

/// How long GitHub's limits let so many registrations take.
pub fn time_to_mint(registrations: usize) -> Duration {
    let points = u64::try_from(registrations).unwrap_or(u64::MAX).saturating_mul(limits::MINT_POINTS);
    Priority::Jit.time_for(points, limits::GITHUB_POINTS_A_MINUTE)
}

/// What a listed runner does.
pub fn activity(runner: &Runner) -> jit_domain::decide::rebalancer::Activity {
    use jit_domain::decide::rebalancer::Activity;
    match (runner.busy, &runner.connection) {
        (true, _) => Activity::Busy,
        (false, Connection::Online) => Activity::Idle,
        (false, _) => Activity::Offline,
    }
}

fn bearer(token: &SecretString) -> Result<Authorization, GitHubError> {
    Authorization::bearer(token).map_err(unusable)
}

fn unusable(error: impl std::fmt::Display) -> GitHubError {
    GitHubError::Unusable(error.to_string())
}

fn scope_of(scope: &class::Scope) -> Result<Scope, GitHubError> {
    match scope {
        class::Scope::Organisation(login) => {
            Owner::new(login.as_str()).map(Scope::Organisation).map_err(unusable)
        }
        class::Scope::Repository(name) => {
            Repository::parse(name.as_str()).map(Scope::Repository).map_err(unusable)
        }
    }
}
