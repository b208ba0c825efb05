//! Typed reasons, one for each decision and each decision not to act, and the sentence that explains it.
//! A reason is stored and logged by its code; the sentence is for people.

use crate::decide::runner_group::GroupFault;
use crate::instance::Stage;
use crate::time::Timestamp;

/// Why something was done, or not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    // Why a job waits.
    /// An instance is on its way to it.
    InstanceOnItsWay,
    /// The pool has as many instances as it may.
    PoolCap,
    /// The organisation has as many instances of the pool as it may.
    OrganisationCap,
    /// The repository has as many instances of the pool as it may.
    RepositoryCap,
    /// The pool launched as many instances in an hour as it may.
    LaunchesPerHour,
    /// Launching is paused.
    Paused,
    /// The pool's runner group lets in more than the pool's rules, or is missing.
    RunnerGroup {
        /// In what.
        fault: GroupFault,
    },
    /// Instances of the pool end without a job.
    PoolFailing {
        /// How far the last one came.
        stage: Option<Stage>,
    },
    /// Slots lapsed; the class waits before the next batch.
    WaitsAfterLapse {
        /// Until when.
        until: Timestamp,
    },
    /// The class has as many open batches as it may.
    BatchesOpen,
    /// The pool offers no place for the machine asked for.
    NoOffering,
    /// The pool's images are named by parameters of the cloud, and none of these could be read.
    ImageNotResolved,
    /// The pool is no longer in the configuration, or no longer allows the job.
    PoolGone,
    /// GitHub waits for an approval.
    WaitsForApproval,
    /// GitHub runs as many jobs of its matrix as it does at once.
    HeldByGroup,

    // How a try or batch ended.
    /// The cloud had no capacity.
    InsufficientCapacity {
        /// The cloud's code.
        code: String,
    },
    /// A quota of the account is used up.
    Quota {
        /// The cloud's code.
        code: String,
    },
    /// The cloud asked us to slow down.
    Throttled {
        /// The cloud's code.
        code: String,
    },
    /// The cloud refused, and will refuse again.
    Refused {
        /// The cloud's code.
        code: String,
    },
    /// Every slot has an instance.
    Filled,
    /// All places were tried once.
    OfferingsExhausted,
    /// Nobody needs the open slots any more.
    NoNeed,
    /// The batch was open for as long as it may.
    BatchTooOld,
    /// A try stayed unknown until its token lost its force.
    GivenUp,

    // Why an instance is retired or left alone.
    /// Its job ended.
    JobFinished,
    /// It did not claim in time.
    NeverClaimed,
    /// It waited as long as it may.
    WaitedTooLong,
    /// There is no job for it.
    NotNeeded,
    /// It showed that GitHub runs no more jobs of the matrix at once.
    ProbeIdled,
    /// Its runner is no longer registered, so its JIT config is used up.
    RegistrationSpent,
    /// Its registration was made as often as it may be.
    MintsExhausted,
    /// The cloud no longer has it.
    GoneFromCloud,
    /// Its job ran as long as it may.
    JobTooLong,
    /// It said that its agent ended, and GitHub confirmed that it has no job.
    AgentExited,
    /// Its batch or class is unknown, so nobody asked for it.
    NotOurs,

    // Why a sweep did not act.
    /// It would have ended too large a share at once.
    TooManyAtOnce,
    /// The listing cannot be believed.
    ListingNotBelieved,
}

impl Reason {
    /// The code in records, logs and replies. [`explain`] makes it a sentence.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InstanceOnItsWay => "instance_on_its_way",
            Self::PoolCap => "pool_cap",
            Self::OrganisationCap => "organisation_cap",
            Self::RepositoryCap => "repository_cap",
            Self::LaunchesPerHour => "launches_per_hour",
            Self::Paused => "paused",
            Self::RunnerGroup { .. } => "runner_group",
            Self::PoolFailing { .. } => "pool_failing",
            Self::WaitsAfterLapse { .. } => "waits_after_lapse",
            Self::BatchesOpen => "batches_open",
            Self::NoOffering => "no_offering",
            Self::ImageNotResolved => "image_not_resolved",
            Self::PoolGone => "pool_gone",
            Self::WaitsForApproval => "waits_for_approval",
            Self::HeldByGroup => "held_by_group",
            Self::InsufficientCapacity { .. } => "insufficient_capacity",
            Self::Quota { .. } => "quota",
            Self::Throttled { .. } => "throttled",
            Self::Refused { .. } => "refused",
            Self::Filled => "filled",
            Self::OfferingsExhausted => "offerings_exhausted",
            Self::NoNeed => "no_need",
            Self::BatchTooOld => "batch_too_old",
            Self::GivenUp => "given_up",
            Self::JobFinished => "job_finished",
            Self::NeverClaimed => "never_claimed",
            Self::WaitedTooLong => "waited_too_long",
            Self::NotNeeded => "not_needed",
            Self::ProbeIdled => "probe_idled",
            Self::RegistrationSpent => "registration_spent",
            Self::MintsExhausted => "mints_exhausted",
            Self::GoneFromCloud => "gone_from_cloud",
            Self::JobTooLong => "job_too_long",
            Self::AgentExited => "agent_exited",
            Self::NotOurs => "not_ours",
            Self::TooManyAtOnce => "too_many_at_once",
            Self::ListingNotBelieved => "listing_not_believed",
        }
    }

    /// What a code needs besides itself: the cloud's code, a stage, or milliseconds since the epoch.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::RunnerGroup { fault } => Some(fault.as_str().to_owned()),
            Self::PoolFailing { stage } => stage.map(|s| s.as_str().to_owned()),
            Self::WaitsAfterLapse { until } => Some(until.as_ms().to_string()),
            Self::InsufficientCapacity { code }
            | Self::Quota { code }
            | Self::Throttled { code }
            | Self::Refused { code } => Some(code.clone()),
            Self::InstanceOnItsWay
            | Self::PoolCap
            | Self::OrganisationCap
            | Self::RepositoryCap
            | Self::LaunchesPerHour
            | Self::Paused
            | Self::BatchesOpen
            | Self::NoOffering
            | Self::ImageNotResolved
            | Self::PoolGone
            | Self::WaitsForApproval
            | Self::HeldByGroup
            | Self::Filled
            | Self::OfferingsExhausted
            | Self::NoNeed
            | Self::BatchTooOld
            | Self::GivenUp
            | Self::JobFinished
            | Self::NeverClaimed
            | Self::WaitedTooLong
            | Self::NotNeeded
            | Self::ProbeIdled
            | Self::RegistrationSpent
            | Self::MintsExhausted
            | Self::GoneFromCloud
            | Self::JobTooLong
            | Self::AgentExited
            | Self::NotOurs
            | Self::TooManyAtOnce
            | Self::ListingNotBelieved => None,
        }
    }

    /// Reads a code and its detail back; none for a code of a newer release.
    pub fn parse(code: &str, detail: Option<&str>) -> Option<Self> {
        let text = || detail.unwrap_or_default().to_owned();
        Some(match code {
            "runner_group" => Self::RunnerGroup { fault: GroupFault::parse(detail?)? },
            "pool_failing" => Self::PoolFailing { stage: detail.and_then(Stage::parse) },
            "waits_after_lapse" => Self::WaitsAfterLapse { until: Timestamp::from_ms(detail?.parse().ok()?) },
            "insufficient_capacity" => Self::InsufficientCapacity { code: text() },
            "quota" => Self::Quota { code: text() },
            "throttled" => Self::Throttled { code: text() },
            "refused" => Self::Refused { code: text() },
            _ => return PLAIN.iter().find(|r| r.code() == code).cloned(),
        })
    }
}

/// All reasons without a detail.
const PLAIN: &[Reason] = &[
    Reason::InstanceOnItsWay,
    Reason::PoolCap,
    Reason::OrganisationCap,
    Reason::RepositoryCap,
    Reason::LaunchesPerHour,
    Reason::Paused,
    Reason::BatchesOpen,
    Reason::NoOffering,
    Reason::ImageNotResolved,
    Reason::PoolGone,
    Reason::WaitsForApproval,
    Reason::HeldByGroup,
    Reason::Filled,
    Reason::OfferingsExhausted,
    Reason::NoNeed,
    Reason::BatchTooOld,
    Reason::GivenUp,
    Reason::JobFinished,
    Reason::NeverClaimed,
    Reason::WaitedTooLong,
    Reason::NotNeeded,
    Reason::ProbeIdled,
    Reason::RegistrationSpent,
    Reason::MintsExhausted,
    Reason::GoneFromCloud,
    Reason::JobTooLong,
    Reason::AgentExited,
    Reason::NotOurs,
    Reason::TooManyAtOnce,
    Reason::ListingNotBelieved,
];

/// The sentence for people.
#[expect(clippy::too_many_lines, reason = "one sentence for each reason, and none may be missing")]
pub fn explain(reason: &Reason) -> String {
    match reason {
        Reason::InstanceOnItsWay => "an instance for it is being launched or is booting".into(),
        Reason::PoolCap => {
            "the pool has as many instances as its cap allows; raise caps.instances or wait".into()
        }
        Reason::OrganisationCap => {
            "its organisation has as many instances of the pool as the cap allows".into()
        }
        Reason::RepositoryCap => "its repository has as many instances of the pool as the cap allows".into(),
        Reason::LaunchesPerHour => "the pool launched as many instances in the last hour as it may".into(),
        Reason::Paused => "launching is paused in the configuration".into(),
        Reason::RunnerGroup { fault: GroupFault::Missing } => {
            "its organisation has no runner group of the pool's `runner_group_id`".into()
        }
        Reason::RunnerGroup { fault: GroupFault::PublicRepositories } => {
            "the pool's runner group is open to public repositories, which the pool refuses; close it at GitHub".into()
        }
        Reason::RunnerGroup { fault: GroupFault::AllRepositories } => {
            "the pool's runner group is open to more than selected repositories, and the pool serves some only".into()
        }
        Reason::RunnerGroup { fault: GroupFault::Repository(name) } => {
            format!("the pool's runner group is open to {name}, which the pool does not serve")
        }
        Reason::PoolFailing { stage } => format!(
            "the pool's last instances ended without a job ({}), so it launches one at a time",
            stage.map_or("none of them was heard of", Stage::as_str)
        ),
        Reason::WaitsAfterLapse { until } => {
            format!("no offering had capacity; it is tried again after {until}")
        }
        Reason::BatchesOpen => "its class has as many launches under way as it may".into(),
        Reason::NoOffering => "the pool offers no place with an image for the machine it asks for".into(),
        Reason::ImageNotResolved => {
            "the parameter that names the pool's image could not be read, or names no image".into()
        }
        Reason::PoolGone => "its pool is no longer in the configuration, or no longer allows it".into(),
        Reason::HeldByGroup => {
            "GitHub runs other jobs of its matrix first (max-parallel); it gets a runner when one of them ends".into()
        }
        Reason::WaitsForApproval => "GitHub waits for an approval before it queues the job".into(),
        Reason::InsufficientCapacity { code } => format!("the cloud had no capacity there ({code})"),
        Reason::Quota { code } => {
            format!("a quota of the cloud account is used up ({code}); ask for a higher one")
        }
        Reason::Throttled { code } => format!("the cloud asked us to slow down ({code})"),
        Reason::Refused { code } => {
            format!("the cloud refused the launch and would refuse it again ({code})")
        }
        Reason::Filled => "every slot of the batch has an instance".into(),
        Reason::OfferingsExhausted => "every offering of the pool was tried once".into(),
        Reason::NoNeed => "no job needs the open slots any more".into(),
        Reason::BatchTooOld => "the batch was open for five minutes".into(),
        Reason::GivenUp => {
            "the cloud never said what came of the launch; the sweep looks for it by tag".into()
        }
        Reason::JobFinished => "its job ended".into(),
        Reason::NeverClaimed => "it did not ask for work in time after its launch".into(),
        Reason::WaitedTooLong => "it waited for work as long as it may".into(),
        Reason::NotNeeded => "no job needs it".into(),
        Reason::ProbeIdled => {
            "its runner idled while jobs of its matrix ran, so GitHub runs no more of them at once".into()
        }
        Reason::RegistrationSpent => {
            "its runner is no longer registered, so its JIT config is used up".into()
        }
        Reason::MintsExhausted => "its runner was registered as often as it may be".into(),
        Reason::GoneFromCloud => "the cloud no longer has it".into(),
        Reason::JobTooLong => "its job ran as long as the pool allows".into(),
        Reason::AgentExited => "its agent ended, and GitHub confirmed that it has no job".into(),
        Reason::NotOurs => "no launch of ours accounts for it".into(),
        Reason::TooManyAtOnce => "it would have ended more than 30 % of the live instances at once".into(),
        Reason::ListingNotBelieved => {
            "the cloud's listing was empty or failed, which may be a wrong region or role".into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_its_code_and_has_a_sentence() {
        let with_detail = [
            Reason::RunnerGroup { fault: GroupFault::Missing },
            Reason::RunnerGroup { fault: GroupFault::PublicRepositories },
            Reason::RunnerGroup { fault: GroupFault::AllRepositories },
            Reason::RunnerGroup {
                fault: GroupFault::Repository(crate::ids::RepositoryName::parse("octo/app").unwrap()),
            },
            Reason::PoolFailing { stage: Some(Stage::Booted) },
            Reason::PoolFailing { stage: None },
            Reason::WaitsAfterLapse { until: Timestamp::from_s(7) },
            Reason::InsufficientCapacity { code: "X".into() },
            Reason::Quota { code: "X".into() },
            Reason::Throttled { code: "X".into() },
            Reason::Refused { code: "X".into() },
        ];
        for reason in PLAIN.iter().chain(&with_detail) {
            assert_eq!(Reason::parse(reason.code(), reason.detail().as_deref()).as_ref(), Some(reason));
            assert!(explain(reason).len() > 10);
        }
        assert_eq!(Reason::parse("from_the_future", None), None);
    }
}
