//! Accept: what becomes of an event, by its content alone. There is no memory of deliveries here: a doubled event is
//! harmless further on, and a lost one is found by asking GitHub.

use crate::class::{ClassIdentity, Scope};
use crate::decide::allow::{Facts, Layer, Refusal, allow};
use crate::ids::{InstallationId, Login, MachineType, PoolName, RepositoryName};
use crate::instance::instance_id_of;
use crate::job::Job;
use crate::labels::LabelSet;
use crate::limits;
use crate::observation::{Action, Observation};
use crate::policy::{MachineSelection, Policy, Pool, PoolScope};
use crate::time::Timestamp;

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accept {
    /// To the jobs queue: scaleup.
    Jobs(Observation),
    /// To the lifecycle queue: lifecycle.
    Lifecycle(Observation),
    /// `queued` or `waiting`, about a job that GitHub has dropped by now.
    Stale,
    /// The installation or owner is not served here.
    NotServed,
    /// No pool has the labels.
    NoPool,
    /// A pool has the labels, and refuses the job.
    Refused(PoolName, Refusal),
}

/// What a job asks for, and what is known of it.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The installation that told us.
    pub installation: InstallationId,
    /// Its repository.
    pub repository: &'a RepositoryName,
    /// The organisation that owns the repository; none for a user's.
    pub organisation: Option<&'a Login>,
    /// The labels.
    pub labels: &'a LabelSet,
    /// What the pools' rules are about.
    pub facts: Facts,
}

/// Why a job has no class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoClass {
    /// No pool has the labels.
    NoPool,
    /// Every pool that has them refuses the job; this is the first, and why.
    Refused(PoolName, Refusal),
}

impl<'a> Wanted<'a> {
    /// What an event says.
    pub fn by_event(event: &'a Observation) -> Self {
        let Observation { installation, repository, organisation, labels, .. } = event;
        let organisation = organisation.as_ref();
        Self { installation: *installation, repository, organisation, labels, facts: Facts::of_event(event) }
    }

    /// What the ledger knows.
    pub fn by_job(job: &'a Job) -> Self {
        let Job { installation, repository, organisation, labels, .. } = job;
        let organisation = organisation.as_ref();
        Self { installation: *installation, repository, organisation, labels, facts: Facts::of_job(job) }
    }
}

/// Decides what becomes of an event; names the pool in the observation that goes on.
pub fn accept(policy: &Policy, event: Observation, now: Timestamp) -> Accept {
    let is_start = matches!(event.action, Action::Queued | Action::Waiting);
    if is_start && now.since(event.created_at) > limits::QUEUED_EVENT_MAX_AGE {
        return Accept::Stale;
    }
    if !is_served(policy, event.installation, &event.repository) {
        return Accept::NotServed;
    }
    let identity = identify(policy, &Wanted::by_event(&event));
    let runner_is_ours = (event.runner.as_ref())
        .is_some_and(|r| instance_id_of(&policy.runner_prefix, r.name.as_str()).is_some());
    match (identity, is_start) {
        (Ok(identity), true) => Accept::Jobs(Observation { pool: Some(identity.pool), ..event }),
        (Ok(identity), false) => Accept::Lifecycle(Observation { pool: Some(identity.pool), ..event }),
        (Err(_), false) if runner_is_ours => Accept::Lifecycle(event),
        (Err(NoClass::NoPool), _) => Accept::NoPool,
        (Err(NoClass::Refused(pool, refusal)), _) => Accept::Refused(pool, refusal),
    }
}

/// Whether the deployment serves the installation and owner.
pub fn is_served(policy: &Policy, installation: InstallationId, repository: &RepositoryName) -> bool {
    let served = &policy.served;
    (served.installations.is_empty() || served.installations.contains(&installation))
        && (served.owners.is_empty() || served.owners.contains(&repository.owner()))
}

/// The class of a job: that of the first pool in the file that fits and allows it.
///
/// # Errors
/// [`NoClass`] says whether a pool would have fitted.
pub fn identify(policy: &Policy, wanted: &Wanted<'_>) -> Result<ClassIdentity, NoClass> {
    let mut refused = None;
    for pool in &policy.pools {
        let Some(identity) = identify_in(pool, wanted) else { continue };
        match allow(pool, &wanted.facts, Layer::Admission) {
            Ok(()) => return Ok(identity),
            Err(refusal) => _ = refused.get_or_insert_with(|| (pool.name.clone(), refusal)),
        }
    }
    Err(refused.map_or(NoClass::NoPool, |(pool, refusal)| NoClass::Refused(pool, refusal)))
}

/// The class of a job that we have on record: that of its pool, if that still fits, else of the first that does.
pub fn identify_job(policy: &Policy, job: &Job) -> Option<ClassIdentity> {
    let wanted = Wanted::by_job(job);
    let own = policy.pool(&job.pool);
    own.filter(|pool| allow(pool, &wanted.facts, Layer::Admission).is_ok())
        .and_then(|pool| identify_in(pool, &wanted))
        .or_else(|| identify(policy, &wanted).ok())
}

fn identify_in(pool: &Pool, wanted: &Wanted<'_>) -> Option<ClassIdentity> {
    let Wanted { installation, repository, organisation, labels, facts: _ } = *wanted;
    let machine = select_machine(pool, labels)?;
    let scope = match pool.scope {
        PoolScope::Organisation => Scope::Organisation(organisation?.clone()),
        PoolScope::Repository => Scope::Repository(repository.clone()),
    };
    let labels = labels.clone();
    Some(ClassIdentity {
        installation,
        scope,
        runner_group: pool.runner_group,
        pool: pool.name.clone(),
        machine,
        labels,
    })
}

/// Whether the labels fit the pool: each is one of the pool's, but for at most one that names a machine type it lists.
/// A job without labels fits no pool, since every runner would fit it.
fn select_machine(pool: &Pool, labels: &LabelSet) -> Option<MachineSelection> {
    if labels.is_empty() {
        return None;
    }
    let mut others = labels.without(&pool.labels);
    match (others.next(), others.next()) {
        (None, _) => Some(MachineSelection::Default),
        (Some(label), None) => {
            let wanted = MachineType::new(label);
            pool.machine_types().contains(&wanted).then_some(MachineSelection::Named(wanted))
        }
        (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, NOW};
    use crate::ids::RunnerName;
    use crate::job::{RunnerRef, Visibility};
    use crate::policy::Wish;
    use std::time::Duration;

    fn labels(labels: &[&str]) -> LabelSet {
        labels.iter().collect()
    }

    fn machine(job: &[&str]) -> Option<MachineSelection> {
        select_machine(&fixtures::pool("p"), &labels(job))
    }

    #[test]
    fn labels_match_without_case_and_order_and_may_name_one_machine_type() {
        assert_eq!(machine(&["Linux", "SELF-HOSTED"]), Some(MachineSelection::Default));
        let big = MachineSelection::Named(MachineType::new("c6i.4xlarge"));
        assert_eq!(machine(&["self-hosted", "C6i.4xlarge"]), Some(big));
        assert_eq!(machine(&["self-hosted", "c6i.4xlarge", "c6i.xlarge"]), None);
        assert_eq!(machine(&["self-hosted", "p5.48xlarge"]), None, "a machine the pool does not list");
    }

    #[test]
    fn a_hosted_job_or_one_without_labels_has_no_pool() {
        assert_eq!(machine(&["ubuntu-latest"]), None);
        assert_eq!(machine(&[]), None);
    }

    #[test]
    fn an_organisation_pool_does_not_take_a_users_repository() {
        let policy = fixtures::policy();
        let event = Observation { organisation: None, ..fixtures::observation(Action::Queued, 1) };
        assert_eq!(accept(&policy, event, NOW), Accept::NoPool);
    }

    #[test]
    fn an_old_queued_event_is_stale_but_an_old_completed_one_is_not() {
        let late = NOW + limits::QUEUED_EVENT_MAX_AGE + Duration::from_secs(1);
        let policy = fixtures::policy();
        assert_eq!(accept(&policy, fixtures::observation(Action::Queued, 1), late), Accept::Stale);
        let completed = accept(&policy, fixtures::observation(Action::Completed, 1), late);
        assert!(matches!(completed, Accept::Lifecycle(_)));
    }

    #[test]
    fn a_foreign_installation_or_owner_is_not_served() {
        let mut policy = fixtures::policy();
        policy.served.installations.insert(InstallationId(1));
        assert_eq!(accept(&policy, fixtures::observation(Action::Queued, 1), NOW), Accept::NotServed);
        policy.served.installations.clear();
        policy.served.owners.insert(Login::new("someone"));
        assert_eq!(accept(&policy, fixtures::observation(Action::Queued, 1), NOW), Accept::NotServed);
    }

    #[test]
    fn a_job_that_its_pool_refuses_goes_to_the_next_one_that_fits_or_launches_nothing() {
        let mut policy = fixtures::policy();
        let public =
            |action| Observation { visibility: Some(Visibility::Public), ..fixtures::observation(action, 1) };
        let refused = Accept::Refused(PoolName::new("default"), Refusal::PublicRepository);
        assert_eq!(accept(&policy, public(Action::Queued), NOW), refused);
        assert_eq!(
            accept(&policy, public(Action::Completed), NOW),
            refused,
            "and nothing is kept of its end"
        );
        let mut open = fixtures::pool("open");
        open.allow.public_repositories = Wish::Allow;
        policy.pools.push(open);
        let accepted = Observation { pool: Some(PoolName::new("open")), ..public(Action::Queued) };
        assert_eq!(accept(&policy, accepted.clone(), NOW), Accept::Jobs(accepted));
    }

    #[test]
    fn who_ends_a_job_need_not_be_allowed_to_start_one() {
        let mut policy = fixtures::policy();
        policy.pools[0].allow.actors.insert(Login::new("somebody"));
        let refused = Accept::Refused(PoolName::new("default"), Refusal::Actor(Login::new("mona")));
        assert_eq!(accept(&policy, fixtures::observation(Action::Queued, 1), NOW), refused);
        let ended = accept(&policy, fixtures::observation(Action::Completed, 1), NOW);
        assert!(matches!(ended, Accept::Lifecycle(_)));
    }

    #[test]
    fn the_end_of_a_job_on_our_runner_is_followed_even_when_its_pool_is_gone() {
        let mut policy = fixtures::policy();
        policy.pools.clear();
        let mut event = fixtures::observation(Action::Completed, 1);
        assert_eq!(accept(&policy, event.clone(), NOW), Accept::NoPool);
        event.runner = Some(RunnerRef { id: None, name: RunnerName::new("jit-i-0a-1") });
        assert!(matches!(accept(&policy, event, NOW), Accept::Lifecycle(_)));
    }
}
