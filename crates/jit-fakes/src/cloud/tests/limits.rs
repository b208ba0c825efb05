//! Capacity, quotas and throttling.

use super::*;

const IN_A: (&str, &str) = ("SubnetId", SUBNET_A);

fn many(count: &'static str) -> [(&'static str, &'static str); 2] {
    [("MaxCount", count), IN_A]
}

fn limit(world: &mut World, capacity_type: CapacityType, instances: u32) {
    let pool = CapacityPool::new("c7i.large", "us-east-1a", capacity_type);
    let now = world.now;
    world.aws.set_capacity(pool, now, Some(instances));
}

#[test]
fn a_launch_gets_what_there_is_between_min_and_max() {
    let mut world = world();
    limit(&mut world, CapacityType::OnDemand, 3);
    assert_eq!(world.run(&many("10")).ids().len(), 3);
    assert_eq!(world.run(&many("10")).error(), (500, "InsufficientInstanceCapacity"));
}

#[test]
fn below_its_min_count_a_launch_gets_nothing() {
    let mut world = world();
    limit(&mut world, CapacityType::OnDemand, 3);
    let reply = world.run(&[("MinCount", "4"), ("MaxCount", "10"), IN_A]);
    assert_eq!(reply.error(), (500, "InsufficientInstanceCapacity"));
    assert_eq!(world.aws.instances().count(), 0);
}

#[test]
fn capacity_belongs_to_type_zone_and_capacity_type() {
    let mut world = world();
    limit(&mut world, CapacityType::Spot, 0);
    assert_eq!(world.run(&[IN_A, SPOT]).error(), (500, "InsufficientInstanceCapacity"));
    assert_eq!(world.run(&[IN_A]).status, 200);
    assert_eq!(world.run(&[("SubnetId", SUBNET_B), SPOT]).status, 200);
    assert_eq!(world.run(&[IN_A, SPOT, ("InstanceType", "c7i.xlarge")]).status, 200);
}

#[test]
fn without_a_subnet_a_zone_with_capacity_is_chosen() {
    let mut world = world();
    limit(&mut world, CapacityType::OnDemand, 0);
    let reply = world.run(&[]);
    assert_eq!(world.aws.instance(reply.ids()[0]).unwrap().zone, "us-east-1b");
}

#[test]
fn capacity_returns_when_instances_end_and_when_the_schedule_says() {
    let mut world = world();
    limit(&mut world, CapacityType::OnDemand, 1);
    let id = world.launched(1, &[IN_A]).remove(0);
    assert_eq!(world.run(&[IN_A]).status, 500);
    world.ec2("TerminateInstances", &[("InstanceId.1", &id)]);
    assert_eq!(world.run(&[IN_A]).status, 200);
    world.pass(60);
    limit(&mut world, CapacityType::OnDemand, 5);
    assert_eq!(world.run(&many("9")).ids().len(), 4);
}

#[test]
fn quotas_count_vcpus_of_each_capacity_type() {
    let mut world = world_with(|config| config.limits.quotas = Quotas { on_demand_vcpus: 8, spot_vcpus: 5 });
    assert_eq!(world.run(&[("MaxCount", "9"), SPOT]).ids().len(), 2);
    assert_eq!(world.run(&[SPOT]).error(), (400, "MaxSpotInstanceCountExceeded"));
    assert_eq!(world.run(&[("InstanceType", "c7i.xlarge")]).status, 200);
    let refused = world.run(&[("InstanceType", "c7i.2xlarge")]);
    assert_eq!(refused.error(), (400, "VcpuLimitExceeded"));
    assert!(refused.one("Message").contains("vCPU limit of 8"));
    assert_eq!(world.run(&[("MaxCount", "9")]).ids().len(), 2);
}

#[test]
fn a_quota_is_free_again_only_when_the_instance_is_terminated() {
    let mut world = world_with(|config| config.limits.quotas = Quotas { on_demand_vcpus: 2, spot_vcpus: 0 });
    let id = world.launched(1, &[]).remove(0);
    world.ec2("TerminateInstances", &[("InstanceId.1", &id)]);
    assert_eq!(world.run(&[]).error(), (400, "VcpuLimitExceeded"));
    world.pass(21);
    assert_eq!(world.run(&[]).status, 200);
}

#[test]
fn a_quota_counts_in_its_own_region() {
    let mut world = world_with(|config| config.limits.quotas = Quotas { on_demand_vcpus: 2, spot_vcpus: 0 });
    world.launched(1, &[]);
    assert_eq!(world.run_in("us-west-2", &[("ImageId", "ami-0000000000000000f")]).status, 200);
}

#[test]
fn a_subnet_runs_out_of_addresses() {
    let mut world = world();
    world.aws.catalogue_mut().subnets.get_mut(SUBNET_A).unwrap().addresses = 2;
    assert_eq!(world.run(&many("9")).ids().len(), 2);
    assert_eq!(world.run(&[IN_A]).error(), (400, "InsufficientFreeAddressesInSubnet"));
}

#[test]
fn run_instances_draws_one_request_token_a_call() {
    let mut world = world();
    let outcomes: Vec<_> = (0..7).map(|_| world.run(&[]).status).collect();
    assert_eq!(outcomes, [200, 200, 200, 200, 200, 503, 503]);
    assert_eq!(world.run(&[]).error(), (503, "RequestLimitExceeded"));
    world.pass(1);
    let outcomes: Vec<_> = (0..3).map(|_| world.run(&[]).status).collect();
    assert_eq!(outcomes, [200, 200, 503]);
}

#[test]
fn run_instances_draws_one_resource_token_an_instance() {
    let mut world = world();
    assert_eq!(world.run(&[("MaxCount", "600")]).ids().len(), 600);
    assert_eq!(world.run(&[("MaxCount", "401")]).error(), (503, "RequestLimitExceeded"));
    assert_eq!(world.run(&[("MaxCount", "400")]).ids().len(), 400);
    world.pass(10);
    assert_eq!(world.run(&[("MaxCount", "21")]).error(), (503, "RequestLimitExceeded"));
    assert_eq!(world.run(&[("MaxCount", "20")]).ids().len(), 20);
}

#[test]
fn a_replayed_token_draws_no_resource_token() {
    let mut world = world();
    let all = [IN_A, ("ClientToken", "t"), ("MaxCount", "1000")];
    assert_eq!(world.run(&all).ids().len(), 1000);
    assert_eq!(world.run(&all).ids().len(), 1000);
    assert_eq!(world.run(&[]).error(), (503, "RequestLimitExceeded"));
}

#[test]
fn buckets_are_per_region() {
    let mut world = world();
    while world.run(&[]).status == 200 {}
    assert_eq!(world.run_in("us-west-2", &[("ImageId", "ami-0000000000000000f")]).status, 200);
}

#[test]
fn describing_without_filter_and_pages_draws_from_a_smaller_bucket() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    let wide = (0..200).take_while(|_| world.ec2("DescribeInstances", &[]).status == 200).count();
    let narrow =
        (0..200).take_while(|_| world.ec2("DescribeInstances", &[("MaxResults", "5")]).status == 200).count();
    assert_eq!((wide, narrow), (50, 100));
    let by_id = [("InstanceId.1", id.as_str())];
    assert_eq!(world.ec2("DescribeInstances", &by_id).error(), (503, "RequestLimitExceeded"));
}

#[test]
fn terminate_instances_draws_requests_and_resources() {
    let mut world = world_with(|config| {
        config.limits.terminate_resources = BucketSize { size: 3, per_second: 1 };
        config.limits.terminate_requests = BucketSize { size: 3, per_second: 1 };
    });
    let ids = world.launched(4, &[]);
    let named: Vec<_> =
        ids.iter().enumerate().map(|(index, id)| (format!("InstanceId.{}", index + 1), id)).collect();
    let named: Vec<_> = named.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect();
    assert_eq!(world.ec2("TerminateInstances", &named).error(), (503, "RequestLimitExceeded"));
    assert_eq!(world.ec2("TerminateInstances", &named[..3]).status, 200);
    assert_eq!(world.ec2("TerminateInstances", &named[3..]).error(), (503, "RequestLimitExceeded"));
    assert_eq!(world.ec2("TerminateInstances", &[]).error(), (503, "RequestLimitExceeded"));
}

#[test]
fn a_throttled_call_has_no_effect() {
    let mut world = world_with(|config| config.limits.run_requests = BucketSize { size: 0, per_second: 0 });
    assert_eq!(world.run(&[]).error(), (503, "RequestLimitExceeded"));
    assert_eq!(world.aws.instances().count(), 0);
}
