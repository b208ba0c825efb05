//! Group: whether a pool's runner group at GitHub lets only such repositories in as the pool's rules do. Where it lets in more, the
//! pool launches nothing, as each runner could be given a job that must fail.

use std::collections::{BTreeMap, BTreeSet};

use crate::class::{Class, Scope};
use crate::ids::{ClassKey, InstallationId, Login, PoolName, RepositoryName, RunnerGroupId};
use crate::limits;
use crate::policy::{Policy, Pool, Wish};
use crate::pool::PoolRecord;
use crate::time::Timestamp;

/// A runner group as GitHub has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The repositories that may use it; none means that no list limits them.
    pub repositories: Option<BTreeSet<RepositoryName>>,
    /// Whether public repositories may use it.
    pub public_repositories: Wish,
}

/// In what a runner group is wider than the rules of its pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupFault {
    /// The organisation has no such group.
    Missing,
    /// Public repositories may use it, and the pool refuses them.
    PublicRepositories,
    /// No list limits its repositories, and the pool has one.
    AllRepositories,
    /// A repository that the pool does not serve may use it.
    Repository(RepositoryName),
}

/// A group that is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// The pool.
    pub pool: PoolName,
    /// Who may ask.
    pub installation: InstallationId,
    /// Whose group it is.
    pub organisation: Login,
    /// Its id.
    pub group: RunnerGroupId,
}

/// The groups of the pools in use that were not looked at for an hour.
pub fn due(
    policy: &Policy,
    classes: &BTreeMap<ClassKey, Class>,
    records: &BTreeMap<PoolName, PoolRecord>,
    now: Timestamp,
) -> BTreeSet<Due> {
    let of_class = |class: &Class| {
        let identity = &class.identity;
        let Scope::Organisation(organisation) = &identity.scope else { return None };
        let pool = policy.pool(&identity.pool).filter(|pool| pool.runner_group == identity.runner_group)?;
        let known = records.get(&pool.name).and_then(|record| record.groups.get(organisation));
        let is_due = known.is_none_or(|known| now.since(known.at) >= limits::GROUP_LOOKED_AT_EVERY);
        is_due.then(|| Due {
            pool: pool.name.clone(),
            installation: identity.installation,
            organisation: organisation.clone(),
            group: identity.runner_group,
        })
    };
    classes.values().filter_map(of_class).collect()
}

/// In what the group is wider than the pool's rules; none if in nothing.
pub fn judge(pool: &Pool, group: Option<&Group>) -> Option<GroupFault> {
    let Some(group) = group else { return Some(GroupFault::Missing) };
    if group.public_repositories == Wish::Allow && pool.allow.public_repositories == Wish::Refuse {
        return Some(GroupFault::PublicRepositories);
    }
    if pool.repositories.is_empty() {
        return None;
    }
    match &group.repositories {
        None => Some(GroupFault::AllRepositories),
        Some(open) => open.iter().find(|name| !pool.serves(name)).cloned().map(GroupFault::Repository),
    }
}

impl GroupFault {
    /// The word in records: a repository's name, or one without a slash.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Missing => "missing",
            Self::PublicRepositories => "public_repositories",
            Self::AllRepositories => "all_repositories",
            Self::Repository(name) => name.as_str(),
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "missing" => Some(Self::Missing),
            "public_repositories" => Some(Self::PublicRepositories),
            "all_repositories" => Some(Self::AllRepositories),
            name => RepositoryName::parse(name).map(Self::Repository),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixtures::{self, NOW};
    use crate::pool::GroupLook;

    fn name(text: &str) -> RepositoryName {
        RepositoryName::parse(text).unwrap()
    }

    fn selected(names: &[&str]) -> Group {
        let repositories = Some(names.iter().map(|n| name(n)).collect());
        Group { repositories, public_repositories: Wish::Refuse }
    }

    #[test]
    fn a_group_may_let_in_no_more_than_the_rules_of_its_pool() {
        let mut pool = fixtures::pool("p");
        let open = Group { repositories: None, public_repositories: Wish::Refuse };
        assert_eq!(judge(&pool, Some(&open)), None, "the pool serves the whole organisation too");
        let public = Group { public_repositories: Wish::Allow, ..open.clone() };
        assert_eq!(judge(&pool, Some(&public)), Some(GroupFault::PublicRepositories));
        pool.allow.public_repositories = Wish::Allow;
        assert_eq!(judge(&pool, Some(&public)), None);
        pool.repositories = [name("octo/a"), name("octo/b")].into();
        assert_eq!(judge(&pool, Some(&open)), Some(GroupFault::AllRepositories));
        assert_eq!(judge(&pool, Some(&selected(&["octo/b"]))), None);
        let fault = Some(GroupFault::Repository(name("octo/c")));
        assert_eq!(judge(&pool, Some(&selected(&["octo/a", "octo/c"]))), fault);
        assert_eq!(judge(&pool, None), Some(GroupFault::Missing));
    }

    #[test]
    fn each_group_in_use_is_looked_at_once_an_hour() {
        let (policy, class) = (fixtures::policy(), Class::new(fixtures::class_identity()));
        let classes = BTreeMap::from([(class.identity.key(), class)]);
        let mut records = BTreeMap::new();
        assert_eq!(due(&policy, &classes, &records, NOW).len(), 1);
        let mut record = PoolRecord::default();
        record.groups.insert(Login::new("octo"), GroupLook { at: NOW, fault: None });
        records.insert(PoolName::new("default"), record);
        assert_eq!(due(&policy, &classes, &records, NOW + Duration::from_secs(3_599)).len(), 0);
        assert_eq!(due(&policy, &classes, &records, NOW + Duration::from_secs(3_600)).len(), 1);
    }
}
