//! The stored form of a job.

use jit_domain::ids::{
    ClassKey, InstallationId, InstanceKey, JobId, Login, PoolName, RepositoryName, RunId, RunnerId,
    RunnerName,
};
use jit_domain::job::{Job, JobPhase, RunnerRef, Visibility};
use jit_domain::labels::LabelSet;
use jit_domain::limits::TOMBSTONE_KEPT;
use jit_domain::reason::Reason;
use jit_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Stored;
use super::form::{self, formed};
use crate::ledger::{Index, Key, Kind};

formed! { Job: JobForm, RunnerRef: RunnerRefForm }

impl Stored for Job {
    const KIND: Kind = Kind::Job;

    type Name<'a> = JobId;

    fn key(name: JobId) -> Key {
        Key::new(Self::KIND, name)
    }

    fn index(&self) -> Index {
        if self.is_open() { Index::Open } else { Index::Closed }
    }

    fn expires_at(&self) -> Option<Timestamp> {
        (!self.is_open()).then(|| self.moved_at + TOMBSTONE_KEPT)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Job")]
struct JobForm {
    #[serde(with = "form")]
    id: JobId,
    #[serde(with = "form")]
    run: RunId,
    attempt: u32,
    name: String,
    #[serde(with = "form")]
    installation: InstallationId,
    #[serde(with = "form")]
    repository: RepositoryName,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    organisation: Option<Login>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    visibility: Option<Visibility>,
    #[serde(with = "form")]
    labels: LabelSet,
    #[serde(with = "form")]
    pool: PoolName,
    #[serde(with = "form")]
    class: ClassKey,
    #[serde(with = "form")]
    phase: JobPhase,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    permit: Option<InstanceKey>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    runner: Option<RunnerRef>,
    #[serde(with = "form")]
    created_at: Timestamp,
    #[serde(with = "form")]
    seen_at: Timestamp,
    #[serde(with = "form")]
    moved_at: Timestamp,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    asked_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conclusion: Option<String>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    wait: Option<Reason>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "RunnerRef")]
struct RunnerRefForm {
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    id: Option<RunnerId>,
    #[serde(with = "form")]
    name: RunnerName,
}
