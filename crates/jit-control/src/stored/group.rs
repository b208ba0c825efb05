//! The stored form of a group.

use std::collections::BTreeMap;
use std::time::Duration;

use jit_domain::group::{Group, Narrowed, Taken, Width};
use jit_domain::ids::{GroupKey, InstallationId, JobId, PoolName, RepositoryName, RunId};
use jit_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Stored;
use super::form::{self, formed};
use crate::ledger::{Index, Key, Kind};

formed! { Group: GroupForm, Narrowed: NarrowedForm, Taken: TakenForm, Width: WidthForm }

impl Stored for Group {
    const KIND: Kind = Kind::Group;

    type Name<'a> = &'a GroupKey;

    fn key(name: &GroupKey) -> Key {
        Key::new(Self::KIND, name)
    }

    /// Its record goes with its last open job.
    fn index(&self) -> Index {
        Index::Open
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Group")]
struct GroupForm {
    #[serde(with = "form")]
    key: GroupKey,
    stem: String,
    #[serde(with = "form")]
    installation: InstallationId,
    #[serde(with = "form")]
    repository: RepositoryName,
    #[serde(with = "form")]
    run: RunId,
    #[serde(with = "form")]
    pool: PoolName,
    #[serde(with = "form")]
    born_at: Timestamp,
    #[serde(with = "form")]
    width: Width,
    probe: u32,
    proven: u32,
    #[serde(with = "form")]
    taken: Taken,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    narrowed: Option<Narrowed>,
    open: u32,
    #[serde(default, with = "form::pairs", skip_serializing_if = "BTreeMap::is_empty")]
    running: BTreeMap<JobId, Timestamp>,
    #[serde(with = "form")]
    changed_at: Timestamp,
    /// Milliseconds each.
    #[serde(rename = "durations_ms", default, with = "form::list", skip_serializing_if = "Vec::is_empty")]
    durations: Vec<Duration>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Taken")]
struct TakenForm {
    #[serde(with = "form")]
    since: Timestamp,
    count: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Narrowed")]
struct NarrowedForm {
    to: u32,
    #[serde(with = "form")]
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Width", rename_all = "snake_case")]
enum WidthForm {
    Awaited {
        #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
        asked_at: Option<Timestamp>,
    },
    Unknown,
    Known(u32),
}
