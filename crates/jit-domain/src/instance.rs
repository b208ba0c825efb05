//! An instance as the ledger knows it, and its phase table.
//! Which evidence moves it is decided in `decide/rebalancer.rs`, `decide/registrar.rs` and `decide/lifecycle.rs`.

use crate::class::{ClassIdentity, Scope};
use crate::ids::{BatchId, ClassKey, InstallationId, InstanceKey, JobId, PoolName, RunnerId, RunnerName};
use crate::policy::Offering;
use crate::reason::Reason;
use crate::time::Timestamp;

/// An instance's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its name in the cloud.
    pub key: InstanceKey,
    /// The batch that launched it.
    pub batch: BatchId,
    /// The try of that batch.
    pub try_n: u32,
    /// The class it was launched for; its runner carries exactly that class's labels.
    pub class: ClassKey,
    /// The pool that pays for it.
    pub pool: PoolName,
    /// The installation that registers it.
    pub installation: InstallationId,
    /// Where it registers.
    pub scope: Scope,
    /// Where it was launched.
    pub offering: Offering,
    /// Its phase.
    pub phase: InstancePhase,
    /// When its launch was decided.
    pub launched_at: Timestamp,
    /// First report from the booted machine.
    pub booted_at: Option<Timestamp>,
    /// First claim with a right token and identity.
    pub claimed_at: Option<Timestamp>,
    /// When it was first told to wait (202).
    pub waiting_since: Option<Timestamp>,
    /// Registrations made for it, oldest first.
    pub mints: Vec<Mint>,
    /// The job on whose account it was given a JIT config.
    pub permit: Option<JobId>,
    /// The job that it runs or ran, once known.
    pub job: Option<JobId>,
    /// Since when GitHub lists it busy.
    pub busy_since: Option<Timestamp>,
    /// Since when it was idle with no job for it.
    pub unwanted_since: Option<Timestamp>,
    /// Furthest stage it reported.
    pub stage: Option<Stage>,
    /// Reports it has sent.
    pub reports: u32,
    /// When the cloud confirmed that it is gone.
    pub ended_at: Option<Timestamp>,
}

/// Where an instance is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstancePhase {
    /// The cloud has made it; it has no registration.
    Launched,
    /// A registration is being made.
    Minting,
    /// It was given a JIT config.
    Claimed,
    /// GitHub gave its runner a job.
    Busy,
    /// It has no work to come and must end.
    Retired {
        /// When that was decided.
        at: Timestamp,
        /// Why.
        reason: Reason,
    },
}

impl InstancePhase {
    /// Rank in the only order in which phases follow each other.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Launched => 0,
            Self::Minting => 1,
            Self::Claimed => 2,
            Self::Busy => 3,
            Self::Retired { .. } => 4,
        }
    }
}

impl Instance {
    /// The record of an instance of a class that a try of a batch, born then, has launched.
    pub fn launched(
        key: InstanceKey,
        class: &ClassIdentity,
        (batch, try_n, launched_at): (BatchId, u32, Timestamp),
        offering: Offering,
    ) -> Self {
        Self {
            key,
            batch,
            try_n,
            class: class.key(),
            pool: class.pool.clone(),
            installation: class.installation,
            scope: class.scope.clone(),
            offering,
            phase: InstancePhase::Launched,
            launched_at,
            booted_at: None,
            claimed_at: None,
            waiting_since: None,
            mints: Vec::new(),
            permit: None,
            job: None,
            busy_since: None,
            unwanted_since: None,
            stage: None,
            reports: 0,
            ended_at: None,
        }
    }

    /// Whether it is retired.
    pub fn is_retired(&self) -> bool {
        matches!(self.phase, InstancePhase::Retired { .. })
    }

    /// Whether the record still needs watching: the cloud has not confirmed its end.
    pub fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }

    /// The registration that counts: the last one.
    pub fn mint(&self) -> Option<&Mint> {
        self.mints.last()
    }

    /// The same instance, retired; a retired one keeps its first reason.
    pub fn retired(mut self, at: Timestamp, reason: Reason) -> Self {
        if !self.is_retired() {
            self.phase = InstancePhase::Retired { at, reason };
        }
        self
    }
}

/// One registration at GitHub, named before it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mint {
    /// Its number, from 1.
    pub n: u32,
    /// Its name, which holds the number.
    pub name: RunnerName,
    /// When the request was decided.
    pub at: Timestamp,
    /// GitHub's id once known.
    pub runner: Option<RunnerId>,
}

impl Mint {
    /// The name of an instance's registration number `n`.
    pub fn name(prefix: &str, key: &InstanceKey, n: u32) -> RunnerName {
        RunnerName::new(format!("{prefix}-{}-{n}", key.id))
    }
}

/// Takes a registration's name apart into the instance's id; none if it isn't one of ours.
pub fn instance_id_of<'a>(prefix: &str, name: &'a str) -> Option<&'a str> {
    let rest = name.strip_prefix(prefix)?.strip_prefix('-')?;
    let (id, n) = rest.rsplit_once('-')?;
    let is_number = !n.is_empty() && n.len() <= 3 && n.bytes().all(|b| b.is_ascii_digit());
    (is_number && !id.is_empty()).then_some(id)
}

/// What an instance reports of itself, in the order in which it can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The boot script runs.
    Booted,
    /// The agent was started with the JIT config.
    AgentStarted,
    /// The agent's hook ran before the job's first step.
    JobStarted,
    /// The agent's hook ran after the job.
    JobFinished,
    /// The cloud announced that it takes the machine back.
    Interrupted,
    /// The agent ended; the machine powers off.
    Exited,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 6] = [
        Self::Booted,
        Self::AgentStarted,
        Self::JobStarted,
        Self::JobFinished,
        Self::Interrupted,
        Self::Exited,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Booted => "booted",
            Self::AgentStarted => "agent_started",
            Self::JobStarted => "job_started",
            Self::JobFinished => "job_finished",
            Self::Interrupted => "interrupted",
            Self::Exited => "exited",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Cloud, Region};

    #[test]
    fn a_registration_name_leads_back_to_its_instance() {
        let key = InstanceKey { cloud: Cloud::Aws, region: Region::new("r"), id: "i-0abc".into() };
        let name = Mint::name("jit", &key, 3);
        assert_eq!(name.as_str(), "jit-i-0abc-3");
        assert_eq!(instance_id_of("jit", name.as_str()), Some("i-0abc"));
        for foreign in
            ["jit", "jit-", "jit-x", "other-i-0abc-1", "jit-i-0abc-", "jit-i-0abc-12345", "jitter-i-1-1"]
        {
            assert_eq!(instance_id_of("jit", foreign).filter(|id| *id == "i-0abc"), None, "{foreign}");
        }
    }

    #[test]
    fn stages_keep_their_words() {
        assert!(Stage::ALL.iter().all(|s| Stage::parse(s.as_str()) == Some(*s)));
    }
}
