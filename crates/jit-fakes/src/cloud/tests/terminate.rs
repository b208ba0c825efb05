//! TerminateInstances.

use super::*;

#[test]
fn each_instance_is_answered_with_its_states_before_and_after() {
    let mut world = world();
    let old = world.launched(1, &[]).remove(0);
    world.pass(10);
    let new = world.launched(1, &[]).remove(0);
    let reply = world.ec2("TerminateInstances", &[("InstanceId.1", &old), ("InstanceId.2", &new)]);
    assert_eq!(reply.ids(), [old.as_str(), new.as_str()]);
    let names = |which| {
        let states = reply.all(which).into_iter();
        states
            .map(|state| state.split("<name>").nth(1).unwrap().trim_end_matches("</name>"))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("previousState"), ["running", "pending"]);
    assert_eq!(names("currentState"), ["shutting-down", "shutting-down"]);
}

#[test]
fn an_unknown_id_spares_all_of_them() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    let ids = [("InstanceId.1", id.as_str()), ("InstanceId.2", "i-00000000000000000")];
    assert_eq!(world.ec2("TerminateInstances", &ids).error(), (400, "InvalidInstanceID.NotFound"));
    assert_eq!(world.aws.instance(&id).unwrap().state_at(world.now), InstanceState::Pending);
}

#[test]
fn terminating_twice_succeeds_and_keeps_the_first_time() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    world.ec2("TerminateInstances", &[("InstanceId.1", &id)]);
    let ended = world.aws.instance(&id).unwrap().ended(world.now);
    world.pass(30);
    let again = world.ec2("TerminateInstances", &[("InstanceId.1", &id)]);
    assert_eq!(again.status, 200);
    assert!(again.one("currentState").contains("terminated"));
    assert_eq!(world.aws.instance(&id).unwrap().ended(world.now), ended);
}

#[test]
fn an_id_given_twice_is_answered_once() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    let reply = world.ec2("TerminateInstances", &[("InstanceId.1", &id), ("InstanceId.2", &id)]);
    assert_eq!(reply.ids(), [id.as_str()]);
}

#[test]
fn a_call_without_ids_is_refused() {
    let mut world = world();
    world.launched(1, &[]);
    assert_eq!(world.ec2("TerminateInstances", &[]).error(), (400, "MissingParameter"));
    assert_eq!(world.aws.live_instances().count(), 1);
}

#[test]
fn a_terminated_instance_is_shown_for_an_hour_and_then_forgotten() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    let by_id = [("InstanceId.1", id.as_str())];
    world.ec2("TerminateInstances", &by_id);
    world.pass(20);
    assert_eq!(world.ec2("DescribeInstances", &by_id).states(), ["terminated"]);
    world.pass(3599);
    assert_eq!(world.ec2("DescribeInstances", &[]).states(), ["terminated"]);
    world.pass(1);
    assert_eq!(world.ec2("DescribeInstances", &[]).ids().len(), 0);
    assert_eq!(world.ec2("DescribeInstances", &by_id).error(), (400, "InvalidInstanceID.NotFound"));
    assert_eq!(world.ec2("TerminateInstances", &by_id).error(), (400, "InvalidInstanceID.NotFound"));
    assert!(world.aws.instance(&id).is_some());
}
