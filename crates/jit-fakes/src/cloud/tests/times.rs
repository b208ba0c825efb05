//! The instance's life: interruption, its own power-off, history, bills.

use super::*;

/// Plays the model's own plan to its end, step by step, and gives what happened to the instance.
fn play_out(world: &mut World, id: &str) -> Vec<(i64, Change)> {
    for _ in 0..1000 {
        let Some(next) = world.aws.next_at() else { break };
        assert!(next > world.now || world.now == start(), "a plan must lie ahead");
        world.now = world.now.max(next);
        world.aws.advance(next);
    }
    let mine = world.aws.history().iter().filter(|entry| entry.instance_id == id);
    mine.map(|entry| (entry.at.duration_since(start()).as_secs(), entry.change)).collect()
}

#[test]
fn a_whole_life_is_written_down_in_order() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    world.pass(100);
    world.ec2("TerminateInstances", &[("InstanceId.1", &id)]);
    let life = [
        (0, Change::Pending),
        (5, Change::Running),
        (100, Change::ShuttingDown(EndReason::Terminated)),
        (120, Change::Terminated),
        (3720, Change::Forgotten),
    ];
    assert_eq!(play_out(&mut world, &id), life);
    assert_eq!(world.aws.next_at(), None);
}

#[test]
fn an_instance_terminated_while_pending_never_runs() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    world.ec2("TerminateInstances", &[("InstanceId.1", &id)]);
    assert!(!play_out(&mut world, &id).iter().any(|(_, change)| *change == Change::Running));
}

#[test]
fn an_interruption_with_notice_comes_two_minutes_later() {
    let mut world = world();
    let id = world.launched(1, &[SPOT]).remove(0);
    world.pass(60);
    assert!(world.aws.interrupt_with_notice(&id, world.now));
    let at = world.now + SignedDuration::from_mins(2);
    assert_eq!(world.aws.instance(&id).unwrap().interruption_at, Some(at));
    assert_eq!(world.ec2("DescribeInstances", &[]).states(), ["running"]);
    let life = play_out(&mut world, &id);
    assert_eq!(life[2], (60, Change::InterruptionNotice(at)));
    assert_eq!(life[3], (180, Change::ShuttingDown(EndReason::SpotInterruption)));
}

#[test]
fn an_interruption_without_notice_comes_at_once_and_says_why() {
    let mut world = world();
    let id = world.launched(1, &[SPOT]).remove(0);
    world.pass(60);
    assert!(world.aws.interrupt_without_notice(&id, world.now));
    let reply = world.ec2("DescribeInstances", &[]);
    assert_eq!(reply.states(), ["shutting-down"]);
    assert!(reply.one("stateReason").contains("Server.SpotInstanceTermination"));
    assert!(!world.aws.interrupt_without_notice(&id, world.now), "only once");
}

#[test]
fn an_instance_noticed_and_then_terminated_ends_earlier_and_once() {
    let mut world = world();
    let id = world.launched(1, &[SPOT]).remove(0);
    world.pass(60);
    world.aws.interrupt_with_notice(&id, world.now);
    world.pass(10);
    world.ec2("TerminateInstances", &[("InstanceId.1", &id)]);
    let life = play_out(&mut world, &id);
    let ends: Vec<_> = life.iter().filter(|(_, change)| matches!(change, Change::ShuttingDown(_))).collect();
    assert_eq!(ends, [&(70, Change::ShuttingDown(EndReason::Terminated))]);
    assert_eq!(life.iter().filter(|(_, change)| *change == Change::Terminated).count(), 1);
}

#[test]
fn an_on_demand_instance_is_never_interrupted() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    assert!(!world.aws.interrupt_with_notice(&id, world.now));
    assert!(!world.aws.interrupt_without_notice("i-unknown", world.now));
}

#[test]
fn a_power_off_terminates_an_instance_launched_to_do_so() {
    let mut world = world();
    let id = world.launched(1, &[TERMINATE]).remove(0);
    assert!(!world.aws.power_off(&id, world.now), "not while pending");
    world.pass(60);
    assert!(world.aws.power_off(&id, world.now));
    assert!(
        world.ec2("DescribeInstances", &[]).one("stateReason").contains("Client.InstanceInitiatedShutdown")
    );
    assert!(play_out(&mut world, &id).iter().any(|(at, change)| (*at, *change) == (80, Change::Terminated)));
}

#[test]
fn a_power_off_only_stops_an_instance_by_default_and_it_stays() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    world.pass(60);
    world.aws.power_off(&id, world.now);
    assert_eq!(world.ec2("DescribeInstances", &[]).states(), ["stopping"]);
    world.pass(3600);
    assert_eq!(world.ec2("DescribeInstances", &[]).states(), ["stopped"]);
    assert_eq!(world.aws.live_instances().count(), 1);
    assert_eq!(world.ec2("TerminateInstances", &[("InstanceId.1", &id)]).status, 200);
    world.pass(60);
    world.aws.advance(world.now);
    assert_eq!(world.aws.live_instances().count(), 0);
}

#[test]
fn a_clock_that_goes_back_does_not_take_the_model_back() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    world.pass(60);
    world.aws.advance(world.now);
    world.pass(-120);
    world.aws.advance(world.now);
    world.pass(120);
    assert_eq!(world.ec2("DescribeInstances", &[]).states(), ["running"]);
    assert_eq!(world.aws.history().iter().filter(|entry| entry.instance_id == id).count(), 2);
}

#[test]
fn bills_count_running_seconds_with_a_minutes_minimum() {
    let mut world = world();
    let ids = world.launched(2, &[SPOT]);
    world.launched(1, &[("InstanceType", "c7i.xlarge")]);
    let pending = world.launched(1, &[("InstanceType", "m7i.large")]).remove(0);
    world.ec2("TerminateInstances", &[("InstanceId.1", &pending)]);
    world.pass(15);
    world.ec2("TerminateInstances", &[("InstanceId.1", &ids[0])]);
    world.pass(90);
    let bill = world.aws.billed(world.now);
    let line = |instance_type: &str, capacity_type| {
        let key = BillingKey { region: EAST.into(), instance_type: instance_type.into(), capacity_type };
        bill.get(&key).map(|billed| (billed.instances, billed.seconds))
    };
    assert_eq!(line("c7i.large", CapacityType::Spot), Some((2, 60 + 100)));
    assert_eq!(line("c7i.xlarge", CapacityType::OnDemand), Some((1, 100)));
    assert_eq!(line("m7i.large", CapacityType::OnDemand), None, "a pending instance costs nothing");
}
