//! The stored form of a class with its batches and their tries.

use std::collections::BTreeSet;

use jit_domain::class::{Batch, Class, ClassIdentity, Closed, Outcome, Scope, Template, Try};
use jit_domain::ids::{
    BatchId, ClassKey, Cloud, Digest, ImageId, InstallationId, InstanceKey, MachineType, PoolName, Region,
    RunnerGroupId, SubnetId,
};
use jit_domain::labels::LabelSet;
use jit_domain::policy::{
    CapacityType, DiskEncryption, DiskType, Image, ImageKind, Machine, MachineSelection, Offering,
    PublicAddress,
};
use jit_domain::reason::Reason;
use jit_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Stored;
use super::form::{self, formed};
use crate::ledger::{Index, Key, Kind};

formed! {
    Class: ClassForm,
    ClassIdentity: ClassIdentityForm,
    Batch: BatchForm,
    Closed: ClosedForm,
    Template: TemplateForm,
    Offering: OfferingForm,
    Image: ImageForm,
    Machine: MachineForm,
    DiskEncryption: DiskEncryptionForm,
    Try: TryForm,
    Outcome: OutcomeForm,
}

impl Stored for Class {
    const KIND: Kind = Kind::Class;

    type Name<'a> = &'a ClassKey;

    fn key(name: &ClassKey) -> Key {
        Key::new(Self::KIND, name)
    }

    /// Open while a batch is kept, for adoption, or a launch is planned.
    fn index(&self) -> Index {
        let is_watched = !self.batches.is_empty() || self.next_launch_at.is_some();
        if is_watched { Index::Open } else { Index::Closed }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Class")]
struct ClassForm {
    #[serde(with = "form")]
    identity: ClassIdentity,
    generation: u64,
    #[serde(default, with = "form::list", skip_serializing_if = "Vec::is_empty")]
    batches: Vec<Batch>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    next_launch_at: Option<Timestamp>,
    #[serde(default)]
    lapses: u32,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    wait: Option<Reason>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "ClassIdentity")]
struct ClassIdentityForm {
    #[serde(with = "form")]
    installation: InstallationId,
    #[serde(with = "form")]
    scope: Scope,
    #[serde(with = "form")]
    runner_group: RunnerGroupId,
    #[serde(with = "form")]
    pool: PoolName,
    #[serde(with = "form")]
    machine: MachineSelection,
    #[serde(with = "form")]
    labels: LabelSet,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Batch")]
struct BatchForm {
    #[serde(with = "form")]
    id: BatchId,
    #[serde(with = "form")]
    born_at: Timestamp,
    slots: u32,
    #[serde(with = "form")]
    template: Template,
    #[serde(default, with = "form::list", skip_serializing_if = "Vec::is_empty")]
    tries: Vec<Try>,
    #[serde(default, with = "form::list", skip_serializing_if = "BTreeSet::is_empty")]
    instances: BTreeSet<InstanceKey>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    closed: Option<Closed>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Closed")]
struct ClosedForm {
    #[serde(with = "form")]
    at: Timestamp,
    #[serde(with = "form")]
    reason: Reason,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Template")]
struct TemplateForm {
    #[serde(with = "form::list")]
    offerings: Vec<Offering>,
    #[serde(with = "form")]
    machine: Machine,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<(String, String)>,
    #[serde(with = "form")]
    user_data: Digest,
    claim_key: String,
    #[serde(rename = "agent")]
    agent_version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Offering")]
struct OfferingForm {
    #[serde(with = "form")]
    cloud: Cloud,
    #[serde(with = "form")]
    region: Region,
    #[serde(with = "form")]
    subnet: SubnetId,
    #[serde(rename = "machine", with = "form")]
    machine_type: MachineType,
    #[serde(rename = "capacity", with = "form")]
    capacity_type: CapacityType,
    #[serde(with = "form")]
    image: Image,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Image")]
struct ImageForm {
    #[serde(with = "form")]
    id: ImageId,
    #[serde(with = "form")]
    kind: ImageKind,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Machine")]
struct MachineForm {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    security_groups: Vec<String>,
    #[serde(rename = "profile", default, skip_serializing_if = "Option::is_none")]
    instance_profile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disk_gib: Option<u32>,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    disk_type: Option<DiskType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disk_iops: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disk_throughput_mibs: Option<u32>,
    #[serde(default, with = "form", skip_serializing_if = "is_as_image")]
    disk_encryption: DiskEncryption,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root_device: Option<String>,
    #[serde(with = "form")]
    public_address: PublicAddress,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "DiskEncryption", rename_all = "snake_case")]
enum DiskEncryptionForm {
    AsImage,
    AccountKey,
    Key(String),
}

fn is_as_image(encryption: &DiskEncryption) -> bool {
    *encryption == DiskEncryption::AsImage
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Try")]
struct TryForm {
    n: u32,
    offering: u32,
    count: u32,
    #[serde(with = "form")]
    born_at: Timestamp,
    #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
    #[serde(with = "form")]
    token_expires_at: Timestamp,
    #[serde(with = "form")]
    outcome: Outcome,
    #[serde(rename = "doubtful", default, skip_serializing_if = "std::ops::Not::not")]
    is_doubtful: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Outcome", rename_all = "snake_case")]
enum OutcomeForm {
    Open,
    Launched {
        count: u32,
    },
    Refused {
        #[serde(with = "form")]
        reason: Reason,
    },
    Unknown {
        #[serde(with = "form")]
        since: Timestamp,
    },
    Mismatch {
        #[serde(default, with = "form::option", skip_serializing_if = "Option::is_none")]
        looked_at: Option<Timestamp>,
    },
}
