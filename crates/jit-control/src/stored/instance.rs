//! The stored form of an instance.

use jit_domain::class::Scope;
use jit_domain::ids::{
    BatchId, ClassKey, InstallationId, InstanceKey, JobId, PoolName, RunnerId, RunnerName,
};
use jit_domain::instance::{Instance, InstancePhase, Mint, Stage};
use jit_domain::limits::ENDED_KEPT;
use jit_domain::policy::Offering;
use jit_domain::reason::Reason;
use jit_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Stored;
use super::form::{self, formed};
use crate::ledger::{Index, Key, Kind};

formed! { Instance: InstanceForm, InstancePhase: InstancePhaseForm, Mint: MintForm }

impl Stored for Instance {
    const KIND: Kind = Kind::Instance;

    type Name<'a> = &'a InstanceKey;

    fn key(name: &InstanceKey) -> Key {
        Key::new(Self::KIND, name)
    }

    fn index(&self) -> Index {
        if self.is_open() { Index::Open } else { Index::Closed }
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.ended_at.map(|at| at + ENDED_KEPT)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Instance")]
struct InstanceForm {
    #[serde(with = "form")]
    key: InstanceKey,
    #[serde(with = "form")]
    batch: BatchId,
    #[serde(rename = "try")]
    try_n: u32,
    #[serde(with = "form")]
    class: ClassKey,
    #[serde(with = "form")]
    pool: PoolName,
    #[serde(with = "form")]
    installation: InstallationId,
    #[serde(with = "form")]
    scope: Scope,
    #[serde(with = "form")]
    offering: Offering,
    #[serde(with = "form")]
    phase: InstancePhase,
    #[serde(with = "form")]
    launched_at: Timestamp,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    booted_at: Option<Timestamp>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    claimed_at: Option<Timestamp>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    waiting_since: Option<Timestamp>,
    #[serde(default, with = "form::list", skip_serializing_if = "Vec::is_empty")]
    mints: Vec<Mint>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    permit: Option<JobId>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    job: Option<JobId>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    busy_since: Option<Timestamp>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    unwanted_since: Option<Timestamp>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    stage: Option<Stage>,
    #[serde(default)]
    reports: u32,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "InstancePhase", rename_all = "snake_case")]
enum InstancePhaseForm {
    Launched,
    Minting,
    Claimed,
    Busy,
    Retired {
        #[serde(with = "form")]
        at: Timestamp,
        #[serde(with = "form")]
        reason: Reason,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Mint")]
struct MintForm {
    n: u32,
    #[serde(with = "form")]
    name: RunnerName,
    #[serde(with = "form")]
    at: Timestamp,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    runner: Option<RunnerId>,
}
