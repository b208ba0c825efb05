//! Trouble on order.

use super::*;
use crate::model::{ReplyDelay, ReplyLost};

const RUNNERS: &str = "/orgs/octo-org/actions/runners";

#[test]
fn a_failing_call_has_no_effect_and_the_next_one_is_well() {
    let mut world = World::new();
    world.github.add_fault(FaultRule::next(Operation::GenerateJitConfig, FaultEffect::Fails(502)));
    assert_eq!(world.mint_answer("one", &["linux"]).status, 502);
    assert_eq!(world.get(RUNNERS).body["total_count"], 0);
    assert_eq!(world.mint_answer("one", &["linux"]).status, 201);
}

#[test]
fn a_lost_reply_has_its_effect_and_a_repeat_meets_it() {
    let mut world = World::new();
    world.github.add_fault(FaultRule::next(Operation::GenerateJitConfig, FaultEffect::ReplyLost));
    let answer = world.mint_answer("one", &["linux"]);
    assert!(answer.reply.extensions().get::<ReplyLost>().is_some());
    assert!(answer.reply.body().is_empty());
    assert_eq!(world.mint_answer("one", &["linux"]).status, 409);
}

#[test]
fn a_lost_request_has_no_effect_and_costs_nothing() {
    let mut world = World::new();
    let points = world.github.points_spent();
    world.github.add_fault(FaultRule::next(Operation::GenerateJitConfig, FaultEffect::RequestLost));
    let answer = world.mint_answer("one", &["linux"]);
    assert!(answer.reply.extensions().get::<ReplyLost>().is_some());
    assert_eq!(world.github.points_spent(), points);
    assert_eq!(world.mint_answer("one", &["linux"]).status, 201);
}

#[test]
fn a_reply_may_lie_about_what_happened() {
    let mut world = World::new();
    let (id, _) = world.mint("one", &["linux"]);
    world.github.add_fault(FaultRule::next(Operation::DeleteRunner, FaultEffect::FailsAfter(500)));
    assert_eq!(world.call("DELETE", &format!("{RUNNERS}/{id}"), None).status, 500);
    assert_eq!(world.call("DELETE", &format!("{RUNNERS}/{id}"), None).status, 404);
}

#[test]
fn a_late_reply_says_how_late() {
    let mut world = World::new();
    let late = SignedDuration::from_secs(7);
    world.github.add_fault(FaultRule::next(Operation::ListRunners, FaultEffect::Late(late)));
    assert_eq!(world.get(RUNNERS).reply.extensions().get(), Some(&ReplyDelay(late)));
    assert_eq!(world.get(RUNNERS).reply.extensions().get::<ReplyDelay>(), None);
}

#[test]
fn a_rule_can_skip_calls_strike_several_and_look_at_the_path() {
    let mut world = World::new();
    world.github.add_fault(FaultRule {
        operation: None,
        path: Some("octo-repo".to_owned()),
        skip: 1,
        times: 2,
        effect: FaultEffect::TooFast(33),
    });
    let runs = "/repos/octo-org/octo-repo/actions/runs";
    assert_eq!(world.get(RUNNERS).status, 200);
    assert_eq!(world.get(runs).status, 200);
    let struck = world.get(runs);
    assert_eq!((struck.status, struck.header("retry-after")), (403, Some("33")));
    assert_eq!(world.get(RUNNERS).status, 200);
    assert_eq!(world.get(runs).status, 403);
    assert_eq!(world.get(runs).status, 200);
}

#[test]
fn all_faults_can_be_taken_away() {
    let mut world = World::new();
    world.github.add_fault(FaultRule::next(Operation::ListRunners, FaultEffect::Fails(500)));
    world.github.clear_faults();
    assert_eq!(world.get(RUNNERS).status, 200);
}
