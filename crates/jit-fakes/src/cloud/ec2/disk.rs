//! The root disk that a RunInstances asks for: what EC2 accepts of it, and what the instance then has.
//! Not in it: other disks, snapshots, and KMS, which EC2 asks only after it has answered.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html>

use crate::cloud::error::ApiError;
use crate::cloud::query::Query;

/// A root disk as the request gave it; `None` is the image's, or what the type begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Device name.
    pub device_name: String,
    /// Size in GiB.
    pub size_gib: Option<u32>,
    /// Type, as in `gp3`.
    pub volume_type: Option<String>,
    /// Provisioned operations a second.
    pub iops: Option<u32>,
    /// Provisioned throughput in MiB a second.
    pub throughput_mibs: Option<u32>,
    /// Whether encryption was asked for.
    pub is_encrypted: bool,
    /// The KMS key, as named.
    pub kms_key: Option<String>,
}

/// A type with its bounds: operations a second, and how many of them for each GiB.
struct Bounds {
    iops: std::ops::RangeInclusive<u32>,
    per_gib: u32,
    is_required: bool,
}

/// Types without provisioned operations.
const PLAIN_TYPES: [&str; 4] = ["gp2", "st1", "sc1", "standard"];
/// What a `gp3` volume has without a word about it.
const GP3_IOPS: u32 = 3_000;

impl Disk {
    /// Reads the first device mapping; none without one.
    pub(super) fn parse(query: &Query) -> Result<Option<Self>, ApiError> {
        let Some(first) = query.numbers("BlockDeviceMapping").first().copied() else { return Ok(None) };
        let prefix = format!("BlockDeviceMapping.{first}");
        let ebs = |name: &str| format!("{prefix}.Ebs.{name}");
        let disk = Self {
            device_name: query.require(&format!("{prefix}.DeviceName"))?.into(),
            size_gib: query.number(&ebs("VolumeSize"))?,
            volume_type: query.get(&ebs("VolumeType")).map(str::to_owned),
            iops: query.number(&ebs("Iops"))?,
            throughput_mibs: query.number(&ebs("Throughput"))?,
            is_encrypted: query.flag(&ebs("Encrypted"))?,
            kms_key: query.get(&ebs("KmsKeyId")).map(str::to_owned),
        };
        disk.check()?;
        Ok(Some(disk))
    }

    fn check(&self) -> Result<(), ApiError> {
        // The images here have disks of that type.
        let volume_type = self.volume_type.as_deref().unwrap_or("gp3");
        match bounds(volume_type) {
            Some(bounds) => self.check_iops(volume_type, &bounds)?,
            None if PLAIN_TYPES.contains(&volume_type) => self.check_plain(volume_type)?,
            None => {
                let message = format!("Unknown volume type '{volume_type}'");
                return Err(ApiError::bad("UnknownVolumeType", message));
            }
        }
        self.check_throughput(volume_type)?;
        if self.kms_key.is_some() && !self.is_encrypted {
            let message = "The parameter KmsKeyId requires the parameter Encrypted to be set.";
            return Err(ApiError::bad("InvalidParameterDependency", message));
        }
        Ok(())
    }

    fn check_plain(&self, volume_type: &str) -> Result<(), ApiError> {
        if self.iops.is_some() {
            let message = format!("The parameter iops is not supported for {volume_type} volumes.");
            return Err(ApiError::bad("InvalidParameterCombination", message));
        }
        Ok(())
    }

    fn check_iops(&self, volume_type: &str, bounds: &Bounds) -> Result<(), ApiError> {
        let Some(iops) = self.iops else {
            if bounds.is_required {
                let message = format!("The parameter iops must be specified for {volume_type} volumes.");
                return Err(ApiError::bad("MissingParameter", message));
            }
            return Ok(());
        };
        if !bounds.iops.contains(&iops) {
            let message = format!(
                "Volume iops of {iops} is not within {} to {} for {volume_type} volumes.",
                bounds.iops.start(),
                bounds.iops.end()
            );
            return Err(ApiError::bad("InvalidParameterValue", message));
        }
        let most = self.size_gib.map_or(u32::MAX, |gib| gib.saturating_mul(bounds.per_gib));
        if iops > most.max(*bounds.iops.start()) {
            let message = format!("Iops to volume size ratio is too high; maximum is {}.", bounds.per_gib);
            return Err(ApiError::bad("InvalidParameterValue", message));
        }
        Ok(())
    }

    fn check_throughput(&self, volume_type: &str) -> Result<(), ApiError> {
        let Some(throughput) = self.throughput_mibs else { return Ok(()) };
        if volume_type != "gp3" {
            let message = format!("The parameter throughput is not supported for {volume_type} volumes.");
            return Err(ApiError::bad("InvalidParameterCombination", message));
        }
        if !(125..=2_000).contains(&throughput) {
            return Err(ApiError::invalid(&throughput.to_string(), "throughput"));
        }
        if throughput > self.iops.unwrap_or(GP3_IOPS) / 4 {
            let message = "Throughput (MiBps) to iops ratio is too high; maximum is 0.250000 MiBps per iops.";
            return Err(ApiError::bad("InvalidParameterValue", message));
        }
        Ok(())
    }
}

fn bounds(volume_type: &str) -> Option<Bounds> {
    match volume_type {
        "gp3" => Some(Bounds { iops: GP3_IOPS..=80_000, per_gib: 500, is_required: false }),
        "io1" => Some(Bounds { iops: 100..=64_000, per_gib: 50, is_required: true }),
        "io2" => Some(Bounds { iops: 100..=256_000, per_gib: 1_000, is_required: true }),
        _ => None,
    }
}
