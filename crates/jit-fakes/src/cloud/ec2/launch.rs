//! RunInstances: idempotency, limits, and the new instances.
//! Not in it: how the request is parsed; see `parameters`.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>

use jiff::Timestamp;
use secrecy::SecretSlice;

use super::parameters::Parameters;
use super::record::{Ec2Instance, InstanceState};
use super::{Change, Due, Ec2, HistoryEntry, at_least_a_moment, check_dry_run, reply};
use crate::cloud::access::Caller;
use crate::cloud::capacity::CapacityPool;
use crate::cloud::catalogue::CapacityType;
use crate::cloud::error::ApiError;
use crate::cloud::pipeline::Call;
use crate::cloud::xml::Xml;

/// One RunInstances that launched something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// When.
    pub at: Timestamp,
    /// Region.
    pub region: String,
    /// Zone.
    pub zone: String,
    /// The request's token, if it had one.
    pub client_token: Option<String>,
    /// The principal's name.
    pub principal: String,
    /// The fewest that would do.
    pub min_count: u32,
    /// How many were wanted.
    pub max_count: u32,
    /// What was launched.
    pub instance_ids: Vec<String>,
    /// How often the same request came again and launched nothing.
    pub replays: u32,
}

/// What a client token stands for.
#[derive(Debug)]
pub(super) struct Token {
    fingerprint: Vec<(String, String)>,
    launch: usize,
    launched_at: Timestamp,
}

/// Where a launch goes.
struct Place {
    zone: String,
    subnet_id: Option<String>,
    vpc_id: Option<String>,
    /// The scope of the client token: the zone if the request fixes it, else the region.
    token_scope: String,
}

impl Ec2 {
    pub(super) fn run_instances(&mut self, call: &Call<'_>) -> Result<Xml, ApiError> {
        let (region, now) = (call.region.as_str(), call.now);
        let wish = Parameters::parse(call.query)?;
        if wish.profile.is_some() {
            call.check_may("iam:PassRole")?;
        }
        if !wish.tags.is_empty() || !wish.volume_tags.is_empty() {
            call.check_may("ec2:CreateTags")?;
        }
        check_dry_run(call)?;
        let place = self.place(&wish, region, now)?;
        // Everything else has to be the same again, down to the byte.
        let fingerprint = call.query.fingerprint(&["Action", "Version", "ClientToken"]);
        if let Some(launch) = self.replayed(&wish, &place, &fingerprint, now)? {
            return Ok(reply::reservation(call, self, launch));
        }
        self.check_names(&wish, region, &place)?;
        let count = self.affordable(&wish, region, &place, now)?;
        self.take(call, "RunInstances.resources", count)?;
        let (token, scope) = (wish.client_token.clone(), place.token_scope.clone());
        let launch = self.launch(wish, place, region, &call.caller, count, now);
        if let Some(token) = token {
            self.tokens.insert((scope, token), Token { fingerprint, launch, launched_at: now });
        }
        self.advance(now);
        Ok(reply::reservation(call, self, launch))
    }

    fn place(&self, wish: &Parameters, region: &str, now: Timestamp) -> Result<Place, ApiError> {
        if let Some(id) = &wish.subnet_id {
            let unknown =
                || ApiError::bad("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"));
            let subnet = self.catalogue.subnet_in(id, region).ok_or_else(unknown)?;
            return Ok(Place {
                zone: subnet.zone.clone(),
                subnet_id: Some(id.clone()),
                vpc_id: Some(subnet.vpc_id.clone()),
                token_scope: subnet.zone.clone(),
            });
        }
        let mut subnets = self.catalogue.subnets.values().filter(|subnet| subnet.region == region);
        if let Some(zone) = &wish.zone {
            if !subnets.any(|subnet| subnet.zone == *zone) {
                return Err(ApiError::invalid(zone, "availability zone"));
            }
            return Ok(Place {
                zone: zone.clone(),
                subnet_id: None,
                vpc_id: None,
                token_scope: zone.clone(),
            });
        }
        let zones: Vec<_> = subnets.map(|subnet| subnet.zone.clone()).collect();
        let free =
            |zone: &&String| self.free_capacity(&wish.instance_type, zone, wish.capacity_type, now) > 0;
        let zone = zones.iter().find(free).or(zones.first()).cloned().unwrap_or_else(|| region.to_owned());
        Ok(Place { zone, subnet_id: None, vpc_id: None, token_scope: region.to_owned() })
    }

    /// Finds what the token already launched. Refuses a token that stood for another request.
    fn replayed(
        &mut self,
        wish: &Parameters,
        place: &Place,
        fingerprint: &[(String, String)],
        now: Timestamp,
    ) -> Result<Option<usize>, ApiError> {
        let Some(token) = &wish.client_token else { return Ok(None) };
        let validity = self.times.token_validity;
        self.tokens.retain(|_, token| now.duration_since(token.launched_at) < validity);
        let Some(known) = self.tokens.get(&(place.token_scope.clone(), token.clone())) else {
            return Ok(None);
        };
        if known.fingerprint != fingerprint {
            let message = "Arguments on this idempotent request are inconsistent with arguments used in previous \
                           request(s).";
            return Err(ApiError::bad("IdempotentParameterMismatch", message));
        }
        if let Some(launch) = self.launches.get_mut(known.launch) {
            launch.replays += 1;
        }
        Ok(Some(known.launch))
    }

    fn check_names(&self, wish: &Parameters, region: &str, place: &Place) -> Result<(), ApiError> {
        if !wish.image_id.starts_with("ami-") {
            let message = format!("Invalid id: \"{}\" (expecting \"ami-...\")", wish.image_id);
            return Err(ApiError::bad("InvalidAMIID.Malformed", message));
        }
        if !self.catalogue.image_in(&wish.image_id, region) {
            let message = format!("The image id '[{}]' does not exist", wish.image_id);
            return Err(ApiError::bad("InvalidAMIID.NotFound", message));
        }
        let Some(machine_type) = self.catalogue.machine_types.get(&wish.instance_type) else {
            return Err(ApiError::invalid(&wish.instance_type, "InstanceType"));
        };
        if machine_type.zones.as_ref().is_some_and(|zones| !zones.contains(&place.zone)) {
            let message = format!(
                "Your requested instance type ({}) is not supported in your requested Availability Zone ({}).",
                wish.instance_type, place.zone
            );
            return Err(ApiError::bad("Unsupported", message));
        }
        if let Some(group) = wish.security_groups.iter().find(|id| !self.catalogue.group_in(id, region)) {
            let message = format!("The security group '{group}' does not exist");
            return Err(ApiError::bad("InvalidGroup.NotFound", message));
        }
        let known = |name: &&String| !self.catalogue.instance_profiles.contains_key(*name);
        if let Some(name) = wish.profile.as_ref().filter(known) {
            let message = format!(
                "Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
            );
            return Err(ApiError::bad("InvalidParameterValue", message));
        }
        Ok(())
    }

    /// How many of the wanted instances can be had, at least `min_count`; else the first limit that is in the way.
    fn affordable(
        &self,
        wish: &Parameters,
        region: &str,
        place: &Place,
        now: Timestamp,
    ) -> Result<u32, ApiError> {
        let capacity_type = wish.capacity_type;
        let vcpus =
            self.catalogue.machine_types.get(&wish.instance_type).map_or(1, |machine| machine.vcpus.max(1));
        let quota = self.limits.quotas.of(capacity_type);
        let counted = |instance: &&Ec2Instance| {
            let is_like = instance.region == region && instance.capacity_type == capacity_type;
            is_like && instance.state_at(now) != InstanceState::Stopped
        };
        let used: u32 = self.live().filter(counted).map(|instance| instance.vcpus).sum();
        let in_quota = quota.saturating_sub(used) / vcpus;
        let in_subnet = place.subnet_id.as_ref().map_or(u32::MAX, |id| self.free_addresses(id));
        let in_pool = self.free_capacity(&wish.instance_type, &place.zone, capacity_type, now);
        let errors = [
            (in_quota, quota_exceeded(capacity_type, quota)),
            (in_subnet, no_addresses(place)),
            (in_pool, no_capacity(capacity_type, &wish.instance_type, &place.zone)),
        ];
        if let Some((_, error)) = errors.into_iter().find(|(limit, _)| *limit < wish.min_count) {
            return Err(error);
        }
        Ok(wish.max_count.min(in_quota).min(in_subnet).min(in_pool))
    }

    fn free_capacity(
        &self,
        instance_type: &str,
        zone: &str,
        capacity_type: CapacityType,
        now: Timestamp,
    ) -> u32 {
        let pool = CapacityPool::new(instance_type, zone, capacity_type);
        let holds = |instance: &&Ec2Instance| {
            let is_up =
                !matches!(instance.state_at(now), InstanceState::ShuttingDown | InstanceState::Stopped);
            is_up
                && instance.capacity_type == capacity_type
                && instance.zone == pool.zone
                && instance.instance_type == pool.instance_type
        };
        self.capacity.free(&pool, number(self.live().filter(holds).count()), now)
    }

    fn free_addresses(&self, subnet_id: &str) -> u32 {
        let size = self.catalogue.subnets.get(subnet_id).map_or(0, |subnet| subnet.addresses);
        let used = self.live().filter(|instance| instance.subnet_id.as_deref() == Some(subnet_id)).count();
        size.saturating_sub(number(used))
    }

    /// Launches and remembers it. Gives the place of the launch in the list.
    fn launch(
        &mut self,
        wish: Parameters,
        place: Place,
        region: &str,
        caller: &Caller,
        count: u32,
        now: Timestamp,
    ) -> usize {
        let first = self.instances.last_key_value().map_or(1, |(last, _)| last + 1);
        let reservation_id = format!("r-0{:016x}", self.random.of("reservation", first));
        let mut instance_ids = Vec::new();
        for launch_index in 0..count {
            let ordinal = first + u64::from(launch_index);
            let instance =
                self.new_instance(&wish, &place, region, caller, &reservation_id, ordinal, launch_index, now);
            instance_ids.push(instance.id.clone());
            self.agenda.insert((instance.running_at, ordinal, Due::Running));
            self.by_id.insert(instance.id.clone(), ordinal);
            self.known.insert(ordinal);
            self.live.insert(ordinal);
            self.history.push(HistoryEntry {
                at: now,
                instance_id: instance.id.clone(),
                change: Change::Pending,
            });
            self.instances.insert(ordinal, instance);
        }
        self.launches.push(Launch {
            at: now,
            region: region.into(),
            zone: place.zone,
            client_token: wish.client_token,
            principal: caller.name().into(),
            min_count: wish.min_count,
            max_count: wish.max_count,
            instance_ids,
            replays: 0,
        });
        self.launches.len() - 1
    }

    #[expect(clippy::too_many_arguments, reason = "one call, and each argument is a column of the record")]
    fn new_instance(
        &self,
        wish: &Parameters,
        place: &Place,
        region: &str,
        caller: &Caller,
        reservation_id: &str,
        ordinal: u64,
        launch_index: u32,
        now: Timestamp,
    ) -> Ec2Instance {
        let pending = at_least_a_moment(self.times.pending.draw(&self.random, "pending", ordinal));
        Ec2Instance {
            id: format!("i-0{:016x}", self.random.of("instance", ordinal)),
            ordinal,
            reservation_id: reservation_id.into(),
            region: region.into(),
            zone: place.zone.clone(),
            subnet_id: place.subnet_id.clone(),
            vpc_id: place.vpc_id.clone(),
            image_id: wish.image_id.clone(),
            instance_type: wish.instance_type.clone(),
            vcpus: self
                .catalogue
                .machine_types
                .get(&wish.instance_type)
                .map_or(1, |machine| machine.vcpus.max(1)),
            capacity_type: wish.capacity_type,
            client_token: wish.client_token.clone(),
            launched_by: caller.name().into(),
            tags: wish.tags.clone(),
            volume_tags: wish.volume_tags.clone(),
            disk: wish.disk.clone(),
            metadata_options: wish.metadata_options.clone(),
            shutdown_behavior: wish.shutdown_behavior,
            instance_profile: wish.profile.clone(),
            security_groups: wish.security_groups.clone(),
            launched_at: now,
            running_at: now.saturating_add(pending).unwrap_or(Timestamp::MAX),
            interruption_at: None,
            user_data: SecretSlice::from(wish.user_data.clone()),
            launch_index,
            lag: self.times.lag.draw(&self.random, "lag", ordinal),
            ending: None,
            stop: None,
        }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html>
fn quota_exceeded(capacity_type: CapacityType, quota: u32) -> ApiError {
    match capacity_type {
        CapacityType::Spot => {
            ApiError::bad("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
        }
        CapacityType::OnDemand => {
            let message = format!(
                "You have requested more vCPU capacity than your current vCPU limit of {quota} allows for the instance \
                 bucket that the specified instance type belongs to."
            );
            ApiError::bad("VcpuLimitExceeded", message)
        }
    }
}

fn no_addresses(place: &Place) -> ApiError {
    let subnet_id = place.subnet_id.as_deref().unwrap_or_default();
    let message = format!(
        "There are not enough free addresses in subnet '{subnet_id}' to satisfy the requested number of instances."
    );
    ApiError::bad("InsufficientFreeAddressesInSubnet", message)
}

/// A server error by EC2's own count, so 500.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
fn no_capacity(capacity_type: CapacityType, instance_type: &str, zone: &str) -> ApiError {
    let message = match capacity_type {
        CapacityType::Spot => "There is no Spot capacity available that matches your request.".to_owned(),
        CapacityType::OnDemand => format!(
            "We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested \
             ({zone})."
        ),
    };
    ApiError::new(500, "InsufficientInstanceCapacity", message)
}
