//! Hook: what is answered when an instance asks, before a job's first step, whether the job may run.
//!
//! What an instance says is a hint. It is enough to refuse; it is believed where nobody but those who may write to the repository
//! could have started the run and the ledger knows a job of that run; in any other case GitHub is asked about the run, which
//! costs a point.

use crate::class::Scope;
use crate::decide::allow::{Fact, Facts, Layer, Origin, Refusal, allow};
use crate::ids::{EventName, RepositoryName, RunId};
use crate::job::Job;
use crate::policy::Pool;

/// Events that only somebody who may write to the repository causes, or GitHub itself in its name. All others, also those that
/// GitHub will have one day, may come from outside.
///
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows> (read 2026-11-23)
const INSIDE: [&str; 13] = [
    "branch_protection_rule",
    "create",
    "delete",
    "deployment",
    "label",
    "merge_group",
    "milestone",
    "push",
    "registry_package",
    "release",
    "repository_dispatch",
    "schedule",
    "workflow_dispatch",
];

/// What an instance says of the job that its agent was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Repository, event and actors.
    pub facts: Facts,
    /// The run.
    pub run: Option<RunId>,
}

/// What to do about the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The job may run.
    Allow,
    /// It may not.
    Refuse(Refusal),
    /// Look for a job of that run in the ledger, then [`after_ledger`].
    LookInLedger(RepositoryName, RunId),
    /// Ask GitHub about the run, then [`after_github`].
    AskGitHub(RepositoryName, RunId),
}

/// The answer by what the instance says alone, or who is asked next.
pub fn answer(pool: &Pool, scope: &Scope, told: &Told) -> Answer {
    let Some(repository) = told.facts.repository.clone() else {
        return Answer::Refuse(Refusal::Unknown(Fact::Repository));
    };
    if !scope.reaches(&repository) {
        return Answer::Refuse(Refusal::AnotherScope(repository));
    }
    // Nobody gains by accusing himself.
    if let Err(refusal) = allow(pool, &told.facts, Layer::Admission) {
        return Answer::Refuse(refusal);
    }
    if pool.allow.is_everything() && pool.repositories.is_empty() {
        return Answer::Allow;
    }
    match told.run {
        None => Answer::Refuse(Refusal::Unknown(Fact::Run)),
        Some(run) if told.facts.event.as_ref().is_some_and(is_from_inside) => {
            Answer::LookInLedger(repository, run)
        }
        Some(run) => Answer::AskGitHub(repository, run),
    }
}

/// The answer once a job of the run was looked for; `found` is one of that run and repository.
pub fn after_ledger(
    pool: &Pool,
    told: &Told,
    (repository, run): (RepositoryName, RunId),
    found: Option<&Job>,
) -> Answer {
    let Some(job) = found else { return Answer::AskGitHub(repository, run) };
    let facts = Facts { origin: Some(Origin::Own), visibility: job.visibility, ..told.facts.clone() };
    match allow(pool, &facts, Layer::Enforcement) {
        Ok(()) => Answer::Allow,
        Err(Refusal::Unknown(_)) => Answer::AskGitHub(repository, run),
        Err(refusal) => Answer::Refuse(refusal),
    }
}

/// The answer by what GitHub says of the run; none if it does not know it.
///
/// # Errors
/// The rule that refuses the job.
pub fn after_github(pool: &Pool, scope: &Scope, run: Option<&Facts>) -> Result<(), Refusal> {
    let facts = run.ok_or(Refusal::NoRun)?;
    let repository = facts.repository.as_ref().ok_or(Refusal::Unknown(Fact::Repository))?;
    if !scope.reaches(repository) {
        return Err(Refusal::AnotherScope(repository.clone()));
    }
    allow(pool, facts, Layer::Enforcement)
}

fn is_from_inside(event: &EventName) -> bool {
    INSIDE.contains(&event.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::ids::Login;
    use crate::job::Visibility;
    use crate::policy::{Allow, Wish};

    const RUN: RunId = RunId(7);

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    fn scope() -> Scope {
        Scope::Organisation(Login::new("octo"))
    }

    fn told(event: &str) -> Told {
        let facts = Facts {
            repository: Some(name("octo/app")),
            event: Some(EventName::new(event)),
            actors: Some([Login::new("mona")].into()),
            ..Facts::default()
        };
        Told { facts, run: Some(RUN) }
    }

    #[test]
    fn an_event_that_may_come_from_outside_is_asked_about_at_github() {
        let pool = fixtures::pool("p");
        let place = || (name("octo/app"), RUN);
        for event in
            ["pull_request", "pull_request_target", "workflow_run", "issue_comment", "fork", "", "new_one"]
        {
            let wanted = Answer::AskGitHub(name("octo/app"), RUN);
            assert_eq!(answer(&pool, &scope(), &told(event)), wanted, "{event}");
        }
        for event in INSIDE {
            let told = told(event);
            let wanted = Answer::LookInLedger(name("octo/app"), RUN);
            assert_eq!(answer(&pool, &scope(), &told), wanted, "{event}");
            let job = fixtures::queued_job(1);
            assert_eq!(after_ledger(&pool, &told, place(), Some(&job)), Answer::Allow, "{event}");
            assert_eq!(after_ledger(&pool, &told, place(), None), Answer::AskGitHub(name("octo/app"), RUN));
        }
    }

    #[test]
    fn a_job_that_only_the_jobs_api_told_of_is_asked_about_if_a_rule_wants_more() {
        let mut pool = fixtures::pool("p");
        let place = || (name("octo/app"), RUN);
        let job = Job { visibility: None, ..fixtures::queued_job(1) };
        let ask = Answer::AskGitHub(name("octo/app"), RUN);
        assert_eq!(after_ledger(&pool, &told("push"), place(), Some(&job)), ask);
        pool.allow.public_repositories = Wish::Allow;
        assert_eq!(after_ledger(&pool, &told("push"), place(), Some(&job)), Answer::Allow);
        pool.allow.public_repositories = Wish::Refuse;
        let public = Job { visibility: Some(Visibility::Public), ..job };
        let refused = Answer::Refuse(Refusal::PublicRepository);
        assert_eq!(after_ledger(&pool, &told("push"), place(), Some(&public)), refused);
    }

    #[test]
    fn a_hint_is_enough_to_refuse() {
        let pool = fixtures::pool("p");
        let refused = |told: Told| match answer(&pool, &scope(), &told) {
            Answer::Refuse(refusal) => Some(refusal),
            Answer::Allow | Answer::LookInLedger(..) | Answer::AskGitHub(..) => None,
        };
        assert_eq!(refused(Told::default()), Some(Refusal::Unknown(Fact::Repository)));
        assert_eq!(refused(Told { run: None, ..told("push") }), Some(Refusal::Unknown(Fact::Run)));
        let mut elsewhere = told("push");
        elsewhere.facts.repository = Some(name("evil/app"));
        assert_eq!(refused(elsewhere), Some(Refusal::AnotherScope(name("evil/app"))));
    }

    #[test]
    fn nobody_is_asked_where_everything_is_allowed() {
        let allow = Allow { forks: Wish::Allow, public_repositories: Wish::Allow, ..Allow::default() };
        let pool = Pool { allow, ..fixtures::pool("p") };
        assert_eq!(answer(&pool, &scope(), &told("pull_request")), Answer::Allow);
    }

    #[test]
    fn what_github_says_counts_and_not_what_the_instance_said() {
        let pool = fixtures::pool("p");
        let own = Facts {
            visibility: Some(Visibility::Private),
            origin: Some(Origin::Own),
            ..told("pull_request").facts
        };
        assert_eq!(after_github(&pool, &scope(), Some(&own)), Ok(()));
        let fork = Facts { origin: Some(Origin::Fork), ..own.clone() };
        assert_eq!(after_github(&pool, &scope(), Some(&fork)), Err(Refusal::Fork));
        let deleted_fork = Facts { origin: None, ..own.clone() };
        assert_eq!(after_github(&pool, &scope(), Some(&deleted_fork)), Err(Refusal::Unknown(Fact::Origin)));
        assert_eq!(after_github(&pool, &scope(), None), Err(Refusal::NoRun));
        let here = Scope::Repository(name("octo/other"));
        assert_eq!(after_github(&pool, &here, Some(&own)), Err(Refusal::AnotherScope(name("octo/app"))));
    }
}
