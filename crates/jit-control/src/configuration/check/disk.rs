//! The rules between the keys of the root disk: what EC2 would refuse, or would not do without a word.
//!
//! Not here: whether a KMS key exists and may be used, which EC2 itself finds out only after it has answered.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html>, and for the bounds that depend on each other
//! <https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html> and
//! <https://docs.aws.amazon.com/ebs/latest/userguide/provisioned-iops.html> (all read 2026-11-22).

use std::collections::BTreeSet;

use jit_aws::ec2::KmsKeyReach;
use jit_domain::ids::Region;
use jit_domain::policy::DiskType;

use crate::configuration::draft::{DiskDraft, PoolDraft};
use crate::configuration::fault::{Faults, Located, Place, Read};
use crate::configuration::shapes::Encrypted;

/// What a `gp3` disk has without a word about it, whatever its size.
const GP3_IOPS: u32 = 3_000;
/// A `gp3` disk needs this many operations a second for each MiB of throughput in a second.
const GP3_IOPS_PER_MIBS: u32 = 4;

/// Records every rule that the pool breaks.
pub(super) fn check(pool: &PoolDraft, faults: &Faults) {
    let disk = &pool.machine.disk;
    device(disk, faults);
    iops(disk, faults);
    throughput(disk, faults);
    encryption(disk, faults);
    key(pool, faults);
}

/// A disk is changed under its device's name, and a name alone changes nothing.
fn device(disk: &DiskDraft, faults: &Faults) {
    let DiskDraft { root_device, gib, kind, iops, throughput_mibs, encrypted, kms_key } = disk;
    let Ok(encrypted) = encrypted else { return };
    let encrypted = (encrypted.value == Encrypted::Always).then_some(&encrypted.place);
    let (Ok(gib), Ok(kind), Ok(iops)) = (place_of(gib), place_of(kind), place_of(iops)) else { return };
    let (Ok(throughput), Ok(key)) = (place_of(throughput_mibs), place_of(kms_key)) else { return };
    let changes = [gib, kind, iops, throughput, encrypted, key];
    match (root_device, changes.into_iter().flatten().next()) {
        (Ok(None), Some(change)) => {
            let name = change.path.rsplit('.').next().unwrap_or_default();
            let what = format!("`{name}` needs `root_device`, as EC2 changes a disk under its device's name");
            faults.value(change, what, "add the `root_device` that the image's description shows");
        }
        (Ok(Some(device)), None) => {
            faults.value(
                &device.place,
                "`root_device` has no effect without `disk_gib` or another key of the disk",
                "add `disk_gib`, or remove `root_device`",
            );
        }
        (Ok(None), None) | (Ok(Some(_)), Some(_)) | (Err(_), _) => {}
    }
}

/// Operations are provisioned for some kinds only, within the kind's bounds and what the size allows.
fn iops(disk: &DiskDraft, faults: &Faults) {
    let Ok(kind) = &disk.kind else { return };
    let bounds = kind.as_ref().and_then(|kind| IopsBounds::of(kind.value));
    match (kind, bounds, &disk.iops) {
        (_, Some(bounds), Ok(Some(iops))) => within(&bounds, iops, disk, faults),
        (None, _, Ok(Some(iops))) => {
            let what = "`disk_iops` needs `disk_type`, as only some kinds of disk take it";
            faults.value(&iops.place, what, "add `disk_type = \"gp3\"`, or `io1` or `io2`");
        }
        (Some(kind), None, Ok(Some(iops))) => {
            let what = format!("a disk of kind `{}` has no `disk_iops`", kind.value.as_str());
            faults.value(&iops.place, what, "remove it, or set `disk_type = \"gp3\"`");
        }
        (Some(kind), Some(bounds), Ok(None)) if bounds.is_required => {
            let what = format!("a disk of kind `{}` needs `disk_iops`", kind.value.as_str());
            faults.value(&kind.place, what, "add `disk_iops`, or set `disk_type = \"gp3\"`");
        }
        (_, _, Ok(None) | Err(_)) => {}
    }
}

fn within(bounds: &IopsBounds, iops: &Located<u32>, disk: &DiskDraft, faults: &Faults) {
    let IopsBounds { kind, min, max, per_gib, is_required: _ } = bounds;
    if !(*min..=*max).contains(&iops.value) {
        let what = format!("a disk of kind `{}` has {min} to {max} operations a second", kind.as_str());
        faults.value(&iops.place, what, "choose a number within that");
        return;
    }
    let Ok(Some(gib)) = &disk.gib else { return };
    let most = gib.value.saturating_mul(*per_gib).max(*min);
    if iops.value > most {
        let what = format!(
            "a disk of kind `{}` with {} GiB has at most {most} operations a second, {per_gib} for each GiB",
            kind.as_str(),
            gib.value
        );
        faults.value(&iops.place, what, "lower it, or raise `disk_gib`");
    }
}

/// How many operations a second a kind of disk may have provisioned.
struct IopsBounds {
    kind: DiskType,
    min: u32,
    max: u32,
    per_gib: u32,
    is_required: bool,
}

impl IopsBounds {
    /// The kind's bounds; none for one whose speed follows from its size.
    fn of(kind: DiskType) -> Option<Self> {
        match kind {
            DiskType::Gp2 => None,
            DiskType::Gp3 => {
                Some(Self { kind, min: GP3_IOPS, max: 80_000, per_gib: 500, is_required: false })
            }
            DiskType::Io1 => Some(Self { kind, min: 100, max: 64_000, per_gib: 50, is_required: true }),
            DiskType::Io2 => Some(Self { kind, min: 100, max: 256_000, per_gib: 1_000, is_required: true }),
        }
    }
}

/// Throughput is provisioned for one kind only, and needs operations to carry it.
fn throughput(disk: &DiskDraft, faults: &Faults) {
    let (Ok(Some(throughput)), Ok(kind)) = (&disk.throughput_mibs, &disk.kind) else { return };
    if kind.as_ref().is_none_or(|kind| kind.value != DiskType::Gp3) {
        let what = "`disk_throughput_mibs` needs `disk_type = \"gp3\"`, the only kind that takes it";
        faults.value(&throughput.place, what, "set that kind, or remove it");
        return;
    }
    let Ok(iops) = &disk.iops else { return };
    let needed = throughput.value.saturating_mul(GP3_IOPS_PER_MIBS);
    if iops.as_ref().map_or(GP3_IOPS, |iops| iops.value) < needed {
        let what = format!("{} MiB a second need a `disk_iops` of {needed} or more", throughput.value);
        faults.value(&throughput.place, what, "lower it, or raise `disk_iops`");
    }
}

/// A key encrypts nothing by itself.
fn encryption(disk: &DiskDraft, faults: &Faults) {
    let (Ok(Some(key)), Ok(encrypted)) = (&disk.kms_key, &disk.encrypted) else { return };
    if encrypted.value == Encrypted::AsImage {
        let what = "`disk_kms_key` needs `disk_encrypted = true`";
        faults.value(&key.place, what, "set that, or remove the key");
    }
}

/// A key belongs to one region, and encrypts disks there only.
fn key(pool: &PoolDraft, faults: &Faults) {
    let (Ok(Some(key)), Ok(offerings)) = (&pool.machine.disk.kms_key, &pool.offerings) else { return };
    let regions: BTreeSet<&Region> =
        offerings.iter().filter_map(|o| o.region.as_ref().ok()).map(|r| &r.value).collect();
    let remedy = "name an alias that each region has, or keep the pool to the key's region";
    match KmsKeyReach::of(&key.value) {
        Some(KmsKeyReach::Region(at)) => {
            if let Some(other) = regions.iter().find(|region| region.as_str() != at.as_str()) {
                let what = format!("the key is in {}, and the pool launches in {other}", at.as_str());
                faults.value(&key.place, what, remedy);
            }
        }
        Some(KmsKeyReach::OneRegion) if regions.len() > 1 => {
            let what =
                format!("a key's id belongs to one region, and the pool launches in {}", regions.len());
            faults.value(&key.place, what, remedy);
        }
        Some(KmsKeyReach::OneRegion | KmsKeyReach::EachRegion) | None => {}
    }
}

fn place_of<T>(value: &Read<Option<Located<T>>>) -> Read<Option<&Place>> {
    value.as_ref().map(|value| value.as_ref().map(|located| &located.place)).map_err(|recorded| *recorded)
}
