//! The way to the clouds: launch a try, see what is there (`look.rs`), terminate. A launch is rebuilt from its try alone.

mod look;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jit_aws::ec2::{
    Ec2Error, InstanceId, InstanceProfile, Market, PublicIp, RootVolume, RunInstances, Tag,
    TerminateInstances, VolumeEncryption, VolumeType,
};
use jit_aws::{Endpoint, Service};
use jit_domain::class::{Batch, Try, client_token};
use jit_domain::decide::scaleup::Reply;
use jit_domain::ids::{ClassKey, Cloud, InstanceKey, Region};
use jit_domain::policy::{CapacityType, DiskEncryption, Machine, Offering, PublicAddress};
use jit_domain::reason::Reason;
use serde_json::json;

use crate::aws::Aws;
use crate::effects::{Effects, Request, Response, SendError};
use crate::images;
use crate::limits;
use crate::settings::{AwsAccess, ClaimKeys};
use crate::shell::{Shell, chain};
use crate::token::{self, Token};
use crate::user_data::UserData;

use self::look::is_live;
pub use self::look::{Look, Seen};

/// The clouds as one invocation reaches them.
pub struct Clouds<'s, 'e, E: Effects> {
    shell: &'s Shell<'e, E>,
    aws: Aws<'e, E>,
}

/// All that a launch request is made of.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The class.
    pub class: &'a ClassKey,
    /// The batch, as written.
    pub batch: &'a Batch,
    /// The try, as written.
    pub attempt: &'a Try,
    /// The batch's user data.
    pub user_data: &'a UserData,
    /// The keys that sign boot tokens; the batch names one.
    pub claim_keys: &'a ClaimKeys,
}

/// Why a cloud did not answer as asked.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// EC2 said so; the variants of the cause say what to do.
    #[error(transparent)]
    Ec2(#[from] Ec2Error),
    /// Nothing was sent.
    #[error("the cloud was not asked: {0}")]
    NotAsked(String),
}

impl<'s, 'e, E: Effects> Clouds<'s, 'e, E> {
    /// The clouds with a function's own credentials.
    pub fn new(shell: &'s Shell<'e, E>, aws: &AwsAccess) -> Self {
        Self { shell, aws: Aws::new(shell.effects, aws.clone()) }
    }

    /// Sends a try's request, the same for ever, and reads what came of it.
    pub async fn launch(&self, launch: Launch<'_>) -> Reply {
        if let Some(name) =
            launch.batch.place(launch.attempt).and_then(|p| images::parameter(p.image.id.as_str()))
        {
            self.shell.error(
                "a launch has no image",
                json!({ "class.key": launch.class.as_str(), "parameter": name.as_str() }),
            );
            return Reply::Refused(Reason::ImageNotResolved);
        }
        let (endpoint, request, place) = match self.launch_request(&launch) {
            Ok(built) => built,
            Err(why) => {
                self.shell.error(
                    "a launch cannot be built",
                    json!({ "class.key": launch.class.as_str(), "cause": why }),
                );
                return Reply::Refused(Reason::Refused { code: "InvalidLaunch".into() });
            }
        };
        let reply = match self.aws.send(&endpoint, request, limits::LAUNCH_TIMEOUT).await {
            Ok(response) => RunInstances::parse(&response),
            Err(SendError::NotSent(why)) => {
                self.shell.error("a launch was not sent", json!({ "offering": place.key(), "cause": why }));
                return Reply::Refused(Reason::Throttled { code: "NotSent".into() });
            }
            Err(SendError::Unknown(why)) => Err(Ec2Error::no_reply(&why)),
        };
        match reply {
            Ok(instances) => {
                let (live, ended): (Vec<_>, Vec<_>) = instances.into_iter().partition(|i| is_live(&i.state));
                let keys = |of: Vec<jit_aws::ec2::Instance>| {
                    of.into_iter().map(|i| aws_key(&place.region, i.id.as_str())).collect::<Vec<_>>()
                };
                Reply::Launched { live: keys(live), ended: keys(ended) }
            }
            Err(error) => {
                self.report(&error, &place);
                reply_of(&error)
            }
        }
    }

    /// Logs why a launch brought nothing: for a person where only a person can help.
    fn report(&self, error: &Ec2Error, place: &Offering) {
        match error {
            Ec2Error::InsufficientCapacity(_)
            | Ec2Error::Quota(_)
            | Ec2Error::Throttled(_)
            | Ec2Error::UnknownOutcome(_)
            | Ec2Error::IdempotencyMismatch(_) => self.shell.failed("a launch brought no instance", error),
            Ec2Error::Refused(_)
            | Ec2Error::NotFound { .. }
            | Ec2Error::ClockSkew(_)
            | Ec2Error::Unclassified(_) => self.shell.error(
                "a launch was refused, and will be until something is changed",
                json!({ "offering": place.key(), "code": error.detail().code, "cause": chain(error) }),
            ),
        }
    }

    /// The request, unsigned: all of it follows from what was written.
    fn launch_request(&self, launch: &Launch<'_>) -> Result<(Endpoint, Request, Offering), String> {
        let Launch { class, batch, attempt, user_data, claim_keys } = *launch;
        let place = batch.place(attempt).ok_or("the try names no offering of its batch")?.clone();
        let claim_key = claim_keys.get(&batch.template.claim_key).ok_or(
            "the batch's claim key is no longer configured; keep the previous key until its batches have ended",
        )?;
        let boot = Token::Boot { class: class.clone(), batch: batch.id.clone(), try_n: attempt.n };
        let token = token::sign(&boot, attempt.token_expires_at, claim_key);
        let sts = self.aws.endpoint(Service::Sts, &place.region)?;
        let machine = &batch.template.machine;
        let mut tags: Vec<Tag> =
            batch.template.tags.iter().map(|(key, value)| Tag::new(key, value)).collect();
        tags.push(Tag::new("jit-runners:batch", batch.id.as_str()));
        tags.push(Tag::new("jit-runners:try", attempt.n.to_string()));
        let launch = RunInstances {
            client_token: client_token(&batch.id, attempt.offering, &place, attempt.n),
            image_id: place.image.id.as_str().to_owned(),
            instance_type: place.machine_type.as_str().to_owned(),
            count_max: NonZeroU32::new(attempt.count).ok_or("the try asks for no instance")?,
            market: match place.capacity_type {
                CapacityType::Spot => Market::Spot,
                CapacityType::OnDemand => Market::OnDemand,
            },
            subnet_id: Some(place.subnet.as_str().to_owned()),
            security_group_ids: machine.security_groups.clone(),
            public_ip: match machine.public_address {
                PublicAddress::AsSubnet => None,
                PublicAddress::Yes => Some(PublicIp::Assign),
                PublicAddress::No => Some(PublicIp::Withhold),
            },
            instance_profile: machine.instance_profile.clone().map(InstanceProfile::Arn),
            user_data: user_data.fill(&batch.id, &token, place.cloud, &sts.uri().to_string()),
            root_volume: root_volume(machine),
            tags,
        };
        let endpoint = self.aws.endpoint(Service::Ec2, &place.region)?;
        let request = launch.request(&endpoint).map_err(|e| e.to_string())?;
        Ok((endpoint, request, place))
    }

    /// Terminates instances, in as few requests as possible. Returns those that are ended, or unknown, which is as good.
    pub async fn terminate(&self, keys: &[InstanceKey]) -> Vec<InstanceKey> {
        let mut by_region: BTreeMap<&Region, Vec<InstanceId>> = BTreeMap::new();
        for key in keys {
            if let Some(id) = InstanceId::parse(&key.id) {
                by_region.entry(&key.region).or_default().push(id);
            }
        }
        let mut ended = Vec::new();
        for (region, ids) in by_region {
            for batch in TerminateInstances::batches(ids) {
                if !self.shell.has_time() {
                    return ended;
                }
                match self.terminate_batch(region, batch).await {
                    Ok(done) => ended.extend(done),
                    Err(error) => self.shell.failed("instances were not terminated", &error),
                }
            }
        }
        ended
    }

    /// One request; when EC2 has forgotten some of its ids, these count as ended and the rest is sent again.
    async fn terminate_batch(
        &self,
        region: &Region,
        batch: TerminateInstances,
    ) -> Result<Vec<InstanceKey>, CloudError> {
        let endpoint = self.ec2(region)?;
        let mut ended = Vec::new();
        let mut left = vec![batch];
        // Each round takes at least one id out, or comes to an end.
        while let Some(batch) = left.pop() {
            if !self.shell.has_time() {
                return Ok(ended);
            }
            match TerminateInstances::parse(&self.send(&endpoint, batch.request(&endpoint)).await?) {
                Ok(done) => ended.extend(done.into_iter().map(|t| aws_key(region, t.id.as_str()))),
                Err(Ec2Error::NotFound { ids, detail }) => {
                    let (gone, rest): (Vec<_>, Vec<_>) =
                        batch.ids().iter().cloned().partition(|id| ids.contains(id));
                    if gone.is_empty() {
                        return Err(Ec2Error::NotFound { ids, detail }.into());
                    }
                    ended.extend(gone.iter().map(|id| aws_key(region, id.as_str())));
                    left.extend(TerminateInstances::batches(rest));
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(ended)
    }

    async fn send(&self, endpoint: &Endpoint, request: Request) -> Result<Response, CloudError> {
        match self.aws.send(endpoint, request, limits::CALL_TIMEOUT).await {
            Ok(response) => Ok(response),
            Err(SendError::NotSent(why)) => Err(CloudError::NotAsked(why)),
            Err(SendError::Unknown(why)) => Err(Ec2Error::no_reply(&why).into()),
        }
    }

    fn ec2(&self, region: &Region) -> Result<Endpoint, CloudError> {
        self.aws.endpoint(Service::Ec2, region).map_err(CloudError::NotAsked)
    }
}

/// The changes to the image's disk. A batch that was born before there were keys for a part of it has nothing there, so that its
/// request stays what it was.
fn root_volume(machine: &Machine) -> Option<RootVolume> {
    Some(RootVolume {
        device_name: machine.root_device.clone()?,
        size_gib: machine.disk_gib.and_then(NonZeroU32::new),
        volume_type: machine.disk_type.map(|kind| VolumeType(kind.as_str().to_owned())),
        iops: machine.disk_iops.and_then(NonZeroU32::new),
        throughput_mibs: machine.disk_throughput_mibs.and_then(NonZeroU32::new),
        encryption: match &machine.disk_encryption {
            DiskEncryption::AsImage => None,
            DiskEncryption::AccountKey => Some(VolumeEncryption::AccountKey),
            DiskEncryption::Key(key) => Some(VolumeEncryption::Key(key.clone())),
        },
    })
}

/// What an error of RunInstances means for its try.
fn reply_of(error: &Ec2Error) -> Reply {
    let code = error.detail().code.clone();
    match error {
        Ec2Error::InsufficientCapacity(_) => Reply::Refused(Reason::InsufficientCapacity { code }),
        Ec2Error::Quota(_) => Reply::Refused(Reason::Quota { code }),
        Ec2Error::Throttled(_) => Reply::Refused(Reason::Throttled { code }),
        Ec2Error::UnknownOutcome(_) => Reply::Unknown,
        Ec2Error::IdempotencyMismatch(_) => Reply::Mismatch,
        Ec2Error::Refused(_)
        | Ec2Error::NotFound { .. }
        | Ec2Error::ClockSkew(_)
        | Ec2Error::Unclassified(_) => Reply::Refused(Reason::Refused { code }),
    }
}

fn aws_key(region: &Region, id: &str) -> InstanceKey {
    InstanceKey { cloud: Cloud::Aws, region: region.clone(), id: id.to_owned() }
}

#[cfg(test)]
mod tests {
    use jit_domain::policy::DiskType;

    use super::*;

    #[test]
    fn the_disk_of_a_launch_is_the_batchs_and_nothing_more() {
        assert_eq!(root_volume(&Machine::default()), None);
        // A batch of the time before there were more keys.
        let sized =
            Machine { disk_gib: Some(40), root_device: Some("/dev/sda1".into()), ..Machine::default() };
        let mut expected = RootVolume {
            device_name: "/dev/sda1".into(),
            size_gib: NonZeroU32::new(40),
            volume_type: None,
            iops: None,
            throughput_mibs: None,
            encryption: None,
        };
        assert_eq!(root_volume(&sized).as_ref(), Some(&expected));

        let mut whole = Machine {
            disk_type: Some(DiskType::Gp3),
            disk_iops: Some(6_000),
            disk_throughput_mibs: Some(500),
            disk_encryption: DiskEncryption::AccountKey,
            ..sized
        };
        expected.volume_type = Some(VolumeType("gp3".into()));
        expected.iops = NonZeroU32::new(6_000);
        expected.throughput_mibs = NonZeroU32::new(500);
        expected.encryption = Some(VolumeEncryption::AccountKey);
        assert_eq!(root_volume(&whole).as_ref(), Some(&expected));
        whole.disk_encryption = DiskEncryption::Key("alias/runner-disks".into());
        expected.encryption = Some(VolumeEncryption::Key("alias/runner-disks".into()));
        assert_eq!(root_volume(&whole), Some(expected));
    }
}
