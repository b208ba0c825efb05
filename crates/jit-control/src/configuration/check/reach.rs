//! Finds pools that no job can ever reach, because earlier ones take everything.
//! The first pool of the file that fits takes a job; a paused pool takes it too, and keeps it waiting.

use std::collections::BTreeSet;

use jit_domain::ids::{Login, MachineType, RepositoryName};
use jit_domain::labels::LabelSet;
use jit_domain::policy::{PoolScope, Wish};

use crate::configuration::draft::{PoolDraft, Values};
use crate::configuration::fault::Faults;

/// Records every pool that can never be chosen.
pub(super) fn check(pools: &[PoolDraft], faults: &Faults) {
    let reaches: Vec<Option<Reach<'_>>> = pools.iter().map(Reach::of).collect();
    for (i, pool) in pools.iter().enumerate() {
        let Some(reach) = &reaches[i] else { continue };
        let before: Vec<&Reach<'_>> = reaches[..i].iter().flatten().collect();
        if reach.is_covered_by(&before) {
            let what =
                "no job can ever reach this pool, as the pools before it take all jobs with its labels";
            let remedy = "put it before them, or give it other labels, repositories or machine types";
            faults.value(&pool.place, what, remedy);
        }
    }
}

/// The jobs that a pool takes.
struct Reach<'a> {
    labels: LabelSet,
    machine_types: BTreeSet<&'a MachineType>,
    /// None means each that the App sees.
    repositories: Option<BTreeSet<&'a RepositoryName>>,
    scope: PoolScope,
    rules: Rules<'a>,
}

/// The rules by which a delivery alone can be refused; an empty set means that any is allowed.
struct Rules<'a> {
    organisations: BTreeSet<&'a Login>,
    actors: BTreeSet<&'a Login>,
    public_repositories: Wish,
}

impl Rules<'_> {
    /// Whether each job that these rules allow is allowed by the others too.
    fn are_within(&self, others: &Self) -> bool {
        let within = |own: &BTreeSet<&Login>, other: &BTreeSet<&Login>| {
            other.is_empty() || !own.is_empty() && own.is_subset(other)
        };
        within(&self.organisations, &others.organisations)
            && within(&self.actors, &others.actors)
            && (self.public_repositories == Wish::Refuse || others.public_repositories == Wish::Allow)
    }
}

impl<'a> Reach<'a> {
    /// What the pool takes; none when a part of that could not be read.
    fn of(pool: &'a PoolDraft) -> Option<Self> {
        let types = pool.offerings.as_ref().ok()?.iter().map(|o| o.machine_types.as_ref().ok());
        let types: Vec<_> = types.collect::<Option<_>>()?;
        let repositories: BTreeSet<_> =
            pool.repositories.as_ref().ok()?.value.iter().map(|r| &r.value).collect();
        Some(Self {
            labels: pool.labels.as_ref().ok()?.value.iter().map(|l| &l.value).collect(),
            machine_types: types.iter().flat_map(|l| &l.value).map(|t| &t.value).collect(),
            repositories: (!repositories.is_empty()).then_some(repositories),
            scope: pool.scope.as_ref().ok()?.value,
            rules: Rules {
                organisations: logins(&pool.allow.organisations)?,
                actors: logins(&pool.allow.actors)?,
                public_repositories: pool.allow.public_repositories.as_ref().ok()?.value,
            },
        })
    }

    /// Whether each job of this pool is taken by one of the others. A job that carries all of the pool's labels is the
    /// hardest to take, so that these jobs alone decide: one for each repository, without a machine type and with each.
    fn is_covered_by(&self, others: &[&Self]) -> bool {
        let repositories: Vec<Option<&RepositoryName>> = match &self.repositories {
            Some(listed) => listed.iter().map(|r| Some(*r)).collect(),
            None => vec![None],
        };
        let selections = || std::iter::once(None).chain(self.machine_types.iter().map(|t| Some(*t)));
        repositories.into_iter().all(|repository| {
            selections().all(|machine_type| others.iter().any(|o| o.takes_of(self, repository, machine_type)))
        })
    }

    /// Whether this pool takes the job with all labels of `pool`, from that repository (none: from any), for that machine.
    fn takes_of(
        &self,
        pool: &Self,
        repository: Option<&RepositoryName>,
        machine_type: Option<&MachineType>,
    ) -> bool {
        // A pool of organisation scope leaves the repositories of users to others.
        let serves_owners = match (self.scope, pool.scope) {
            (PoolScope::Organisation, PoolScope::Repository) => false,
            (PoolScope::Organisation, PoolScope::Organisation) | (PoolScope::Repository, _) => true,
        };
        let serves_repository = match (&self.repositories, repository) {
            (None, _) => true,
            (Some(listed), Some(repository)) => listed.contains(repository),
            (Some(_), None) => false,
        };
        let has_machine = machine_type.is_none_or(|t| self.machine_types.contains(t));
        let allows = pool.rules.are_within(&self.rules);
        serves_owners && serves_repository && allows && has_machine && pool.labels.is_subset(&self.labels)
    }
}

fn logins(list: &Values<Login>) -> Option<BTreeSet<&Login>> {
    Some(list.as_ref().ok()?.value.iter().map(|login| &login.value).collect())
}
