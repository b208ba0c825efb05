//! Allow: whether a pool's runners may run a job, by the pool's rules. One function for both layers: admission, which spares a
//! launch, and enforcement, which fails the job before its first step.
//! Not here: how the facts are found out, which is `decide/hook.rs` and jit-control's.

use std::collections::BTreeSet;
use std::fmt;

use crate::ids::{EventName, Login, RepositoryName};
use crate::job::{Job, Visibility};
use crate::observation::{Action, Observation};
use crate::policy::{Pool, Wish};

/// What is known of a job; none is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its repository.
    pub repository: Option<RepositoryName>,
    /// Who can see the repository.
    pub visibility: Option<Visibility>,
    /// Where the change that it runs comes from.
    pub origin: Option<Origin>,
    /// The event that started its run.
    pub event: Option<EventName>,
    /// Who started its run, and who started it again; never an empty set.
    pub actors: Option<BTreeSet<Login>>,
}

/// Where the change that a run is about comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The repository itself, where only those write who may.
    Own,
    /// Another repository: a fork, whose owner may be anybody.
    Fork,
}

/// What is asked of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Its repository.
    Repository,
    /// Who can see its repository.
    Visibility,
    /// Whether its change comes from a fork.
    Origin,
    /// The event that started its run.
    Event,
    /// Who started its run.
    Actors,
    /// Its run.
    Run,
}

/// Which of the two layers asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Before a launch. What is unknown passes, as it is asked again before the job starts.
    Admission,
    /// Before the job's first step. What is unknown and matters is refused.
    Enforcement,
}

/// Why a job may not run on a pool's runners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The pool does not serve its repository.
    Repository(RepositoryName),
    /// The pool does not serve its repository's owner.
    Organisation(Login),
    /// Its repository is public.
    PublicRepository,
    /// Its change comes from a fork.
    Fork,
    /// The pool does not allow its event.
    Event(EventName),
    /// The pool does not allow who started it.
    Actor(Login),
    /// A rule asks for what nobody could tell.
    Unknown(Fact),
    /// GitHub does not know its run.
    NoRun,
    /// Its runner belongs to another organisation or repository.
    AnotherScope(RepositoryName),
    /// The pool of its runner is no longer configured.
    PoolGone,
}

impl Facts {
    /// What a delivery says. Only one about a job's start says who started it: others are sent by whoever ended it.
    pub fn of_event(event: &Observation) -> Self {
        let is_start = matches!(event.action, Action::Queued | Action::Waiting);
        let sender = event.sender.clone().filter(|_| is_start);
        Self {
            repository: Some(event.repository.clone()),
            visibility: event.visibility,
            actors: sender.map(|sender| BTreeSet::from([sender])),
            ..Self::default()
        }
    }

    /// What the ledger knows.
    pub fn of_job(job: &Job) -> Self {
        Self { repository: Some(job.repository.clone()), visibility: job.visibility, ..Self::default() }
    }
}

/// Whether the pool's runners may run a job of which this is known.
///
/// # Errors
/// The first rule that refuses it.
pub fn allow(pool: &Pool, known: &Facts, layer: Layer) -> Result<(), Refusal> {
    let unknown = |fact| match layer {
        Layer::Admission => Ok(()),
        Layer::Enforcement => Err(Refusal::Unknown(fact)),
    };
    let rules = &pool.allow;
    match &known.repository {
        Some(repository) if !pool.serves(repository) => {
            return Err(Refusal::Repository(repository.clone()));
        }
        Some(repository) if !is_among(&rules.organisations, &repository.owner()) => {
            return Err(Refusal::Organisation(repository.owner()));
        }
        None if !(pool.repositories.is_empty() && rules.organisations.is_empty()) => {
            unknown(Fact::Repository)?;
        }
        Some(_) | None => {}
    }
    match (rules.public_repositories, known.visibility) {
        (Wish::Allow, _) | (Wish::Refuse, Some(Visibility::Private)) => {}
        (Wish::Refuse, Some(Visibility::Public)) => return Err(Refusal::PublicRepository),
        (Wish::Refuse, None) => unknown(Fact::Visibility)?,
    }
    match (rules.forks, known.origin) {
        (Wish::Allow, _) | (Wish::Refuse, Some(Origin::Own)) => {}
        (Wish::Refuse, Some(Origin::Fork)) => return Err(Refusal::Fork),
        (Wish::Refuse, None) => unknown(Fact::Origin)?,
    }
    match &known.event {
        Some(event) if !is_among(&rules.events, event) => return Err(Refusal::Event(event.clone())),
        None if !rules.events.is_empty() => unknown(Fact::Event)?,
        Some(_) | None => {}
    }
    match &known.actors {
        Some(actors) => match actors.iter().find(|actor| !is_among(&rules.actors, *actor)) {
            Some(stranger) => Err(Refusal::Actor(stranger.clone())),
            None => Ok(()),
        },
        None if rules.actors.is_empty() => Ok(()),
        None => unknown(Fact::Actors),
    }
}

/// An empty list names everybody.
fn is_among<T: Ord>(list: &BTreeSet<T>, one: &T) -> bool {
    list.is_empty() || list.contains(one)
}

impl Fact {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Repository => "its repository",
            Self::Visibility => "whether its repository is public",
            Self::Origin => "whether its change comes from a fork",
            Self::Event => "the event that started its run",
            Self::Actors => "who started its run",
            Self::Run => "its run",
        }
    }
}

impl Refusal {
    /// The code in logs and replies.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Repository(_) => "repository_not_allowed",
            Self::Organisation(_) => "organisation_not_allowed",
            Self::PublicRepository => "public_repository_not_allowed",
            Self::Fork => "fork_not_allowed",
            Self::Event(_) => "event_not_allowed",
            Self::Actor(_) => "actor_not_allowed",
            Self::Unknown(_) => "not_known",
            Self::NoRun => "run_not_known",
            Self::AnotherScope(_) => "another_scope",
            Self::PoolGone => "pool_gone",
        }
    }
}

/// The sentence for people: the rule, and the key of the configuration that holds it.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(name) => {
                write!(f, "the pool does not serve the repository {name}, see `pool.repositories`")
            }
            Self::Organisation(login) => {
                write!(f, "the pool does not serve the organisation {login}, see `pool.allow.organisations`")
            }
            Self::PublicRepository => {
                f.write_str("the pool refuses public repositories, see `pool.allow.public_repositories`")
            }
            Self::Fork => {
                f.write_str("the pool refuses changes that come from forks, see `pool.allow.forks`")
            }
            Self::Event(event) => {
                write!(f, "the pool does not allow the event {event}, see `pool.allow.events`")
            }
            Self::Actor(login) => {
                write!(f, "the pool does not allow runs that {login} started, see `pool.allow.actors`")
            }
            Self::Unknown(fact) => {
                write!(f, "a rule of `pool.allow` asks for {}, which could not be told", fact.as_str())
            }
            Self::NoRun => {
                f.write_str("GitHub does not know its run, which the rules of `pool.allow` are about")
            }
            Self::AnotherScope(name) => {
                write!(f, "the runner is registered elsewhere than for {name}, see `pool.scope`")
            }
            Self::PoolGone => f.write_str("the runner's pool is no longer in the configuration"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::policy::Allow;

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    fn harmless() -> Facts {
        Facts {
            repository: Some(name("octo/app")),
            visibility: Some(Visibility::Private),
            origin: Some(Origin::Own),
            event: Some(EventName::new("push")),
            actors: Some(BTreeSet::from([Login::new("mona")])),
        }
    }

    fn everything() -> Allow {
        Allow { forks: Wish::Allow, public_repositories: Wish::Allow, ..Allow::default() }
    }

    fn pool(allow: Allow) -> Pool {
        Pool { allow, ..fixtures::pool("p") }
    }

    fn enforce(allow_: Allow, known: &Facts) -> Result<(), Refusal> {
        allow(&pool(allow_), known, Layer::Enforcement)
    }

    #[test]
    fn by_default_only_forks_and_public_repositories_are_refused() {
        assert_eq!(enforce(Allow::default(), &harmless()), Ok(()));
        let fork = Facts { origin: Some(Origin::Fork), ..harmless() };
        assert_eq!(enforce(Allow::default(), &fork), Err(Refusal::Fork));
        let public = Facts { visibility: Some(Visibility::Public), ..harmless() };
        assert_eq!(enforce(Allow::default(), &public), Err(Refusal::PublicRepository));
        assert_eq!(enforce(everything(), &fork), Ok(()));
        assert_eq!(enforce(everything(), &public), Ok(()));
    }

    #[test]
    fn a_list_allows_what_it_names_and_an_empty_one_everything() {
        let organisations =
            |login: &str| Allow { organisations: [Login::new(login)].into(), ..Allow::default() };
        assert_eq!(enforce(organisations("Octo"), &harmless()), Ok(()));
        let refusal = Refusal::Organisation(Login::new("octo"));
        assert_eq!(enforce(organisations("other"), &harmless()), Err(refusal));
        let events = |event: &str| Allow { events: [EventName::new(event)].into(), ..Allow::default() };
        assert_eq!(enforce(events("push"), &harmless()), Ok(()));
        assert_eq!(enforce(events("release"), &harmless()), Err(Refusal::Event(EventName::new("push"))));
        let mut some = pool(Allow::default());
        some.repositories.insert(name("octo/other"));
        let refusal = Refusal::Repository(name("octo/app"));
        assert_eq!(allow(&some, &harmless(), Layer::Admission), Err(refusal));
    }

    #[test]
    fn everybody_who_started_a_run_must_be_allowed() {
        let actors = Allow { actors: [Login::new("mona")].into(), ..Allow::default() };
        assert_eq!(enforce(actors.clone(), &harmless()), Ok(()));
        let again = Facts { actors: Some([Login::new("mona"), Login::new("eve")].into()), ..harmless() };
        assert_eq!(enforce(actors, &again), Err(Refusal::Actor(Login::new("eve"))));
    }

    #[test]
    fn what_is_unknown_passes_at_admission_and_never_where_a_rule_asks_for_it_at_enforcement() {
        let all = Allow {
            organisations: [Login::new("octo")].into(),
            events: [EventName::new("push")].into(),
            actors: [Login::new("mona")].into(),
            ..Allow::default()
        };
        let without = [
            (Fact::Repository, Facts { repository: None, ..harmless() }),
            (Fact::Visibility, Facts { visibility: None, ..harmless() }),
            (Fact::Origin, Facts { origin: None, ..harmless() }),
            (Fact::Event, Facts { event: None, ..harmless() }),
            (Fact::Actors, Facts { actors: None, ..harmless() }),
        ];
        for (fact, known) in without {
            assert_eq!(enforce(all.clone(), &known), Err(Refusal::Unknown(fact)));
            assert_eq!(enforce(everything(), &known), Ok(()), "no rule asks for {fact:?}");
            assert_eq!(allow(&pool(all.clone()), &known, Layer::Admission), Ok(()), "{fact:?}");
        }
    }

    #[test]
    fn every_refusal_names_what_holds_the_rule() {
        let (octo, app) = (Login::new("octo"), name("octo/app"));
        for refusal in [
            Refusal::Repository(app.clone()),
            Refusal::Organisation(octo.clone()),
            Refusal::PublicRepository,
            Refusal::Fork,
            Refusal::Event(EventName::new("push")),
            Refusal::Actor(octo),
            Refusal::Unknown(Fact::Run),
            Refusal::NoRun,
            Refusal::AnotherScope(app),
        ] {
            assert!(refusal.to_string().contains("`pool."), "{refusal}");
        }
    }
}
