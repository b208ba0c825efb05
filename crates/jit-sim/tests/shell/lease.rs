//! Drain leases: a drain that meets another's leaves its work, a lease that its holder never gave back ends, and nobody gives back
//! another's.

use jit_control::effects::memory::MemoryEffects;
use jit_control::lease::{Asked, Held};
use jit_control::settings::Component;
use jit_control::shell::Shell;

use crate::stage::Stage;

fn scaleup<'a>(stage: &Stage, effects: &'a MemoryEffects) -> Shell<'a, MemoryEffects> {
    Shell::new(effects, Component::Scaleup, stage.policy(), None).expect("records are here")
}

/// Takes scaleup's lease in an invocation of its own; none while it is held.
fn take(stage: &Stage) -> Option<Held> {
    let effects = stage.effects.another();
    effects.run(scaleup(stage, &effects).take_lease()).unwrap().unwrap()
}

/// Gives it back; whether another look was asked for.
fn give_back(stage: &Stage, held: Held) -> Asked {
    let effects = stage.effects.another();
    effects.run(scaleup(stage, &effects).release_lease(held)).unwrap().unwrap()
}

fn launched(stage: &Stage) -> usize {
    stage.world.borrow().aws.instances().count()
}

#[test]
fn a_drain_that_meets_another_receives_and_launches_nothing() {
    let stage = Stage::new();
    stage.queue(2);
    stage.deliver();
    let held = take(&stage).expect("nobody has it");
    let waiting = || stage.effects.keys().into_iter().filter(|key| key.starts_with("q/")).count();
    let before = waiting();
    stage.tick(Component::Scaleup);
    assert_eq!((launched(&stage), waiting()), (0, before));
    assert_eq!(give_back(&stage, held), Asked::Somebody, "the other was told that there is more");
    stage.tick(Component::Scaleup);
    assert_eq!((launched(&stage), waiting()), (2, 0));
}

#[test]
fn a_lease_that_is_not_given_back_ends_by_itself() {
    let stage = Stage::new();
    stage.queue(1);
    stage.deliver();
    let _crashed = take(&stage).expect("nobody has it");
    stage.wait(24);
    stage.tick(Component::Scaleup);
    assert_eq!(launched(&stage), 0);
    stage.wait(1);
    stage.tick(Component::Scaleup);
    assert_eq!(launched(&stage), 1);
}

#[test]
fn who_was_late_does_not_give_back_the_lease_of_another() {
    let stage = Stage::new();
    let late = take(&stage).expect("nobody has it");
    stage.wait(25);
    let other = take(&stage).expect("it has ended");
    assert_eq!(give_back(&stage, late), Asked::Nobody);
    assert!(take(&stage).is_none(), "the other still has it");
    assert_eq!(give_back(&stage, other), Asked::Nobody);
    assert!(take(&stage).is_some());
}
