//! scaleup and lifecycle: messages that stay in their queue, because they are too new or cannot be moved, hold up nothing.

use jit_control::effects::Effects as _;
use jit_control::queue::{Queue as _, QueueName};
use jit_control::settings::{Component, Keeper, ScaleupSettings};
use jit_control::{lifecycle, scaleup};

use crate::world::{World, keeper, variable};

const NEWER: &[u8] = br#"{"v":99,"type":"job"}"#;
const MALFORMED: &[u8] = b"{oops";

fn send(world: &World, queue: QueueName, body: &[u8]) {
    world.run(world.shell(Component::Scaleup).queue.send(queue, body)).expect("a queue at work");
}

fn left(world: &World, queue: QueueName) -> usize {
    world.run(world.shell(Component::Scaleup).queue.receive(queue, 500)).expect("a queue at work").len()
}

/// Lets the function that drains a queue run once; how many messages it dealt with.
fn drain(world: &World, queue: QueueName) -> usize {
    match queue {
        QueueName::Jobs => {
            let settings = ScaleupSettings::read(variable).expect("scaleup's variables");
            let shell = world.shell(Component::Scaleup);
            world.run(scaleup::run(&shell, &settings)).expect("a drain").done
        }
        QueueName::Lifecycle => {
            let shell = world.shell(Component::Lifecycle);
            world.run(lifecycle::run(&shell, &keeper(Keeper::Lifecycle))).expect("a drain").messages
        }
    }
}

#[test]
fn a_message_that_is_too_new_costs_two_looks_a_tick() {
    for queue in [QueueName::Jobs, QueueName::Lifecycle] {
        let world = World::new(|_| None);
        send(&world, queue, NEWER);
        for ticks in 1..=3 {
            drain(&world, queue);
            assert_eq!(world.logged("\"a message is too new for this release"), 2 * ticks, "{queue:?}");
        }
        assert_eq!(left(&world, queue), 1, "it stays for a newer release");
    }
}

#[test]
fn a_dead_letter_that_cannot_be_moved_holds_up_no_other() {
    for queue in [QueueName::Jobs, QueueName::Lifecycle] {
        let world = World::new(|_| None);
        send(&world, queue, MALFORMED);
        let began = world.now();
        *world.refuses.borrow_mut() = Some("d/");
        assert!(drain(&world, queue) < 3, "it is not looked for again and again");
        assert_eq!(world.logged("\"a dead letter was not moved; the message stays\""), 2, "{queue:?}");
        assert_eq!(left(&world, queue), 1);
        *world.refuses.borrow_mut() = None;
        drain(&world, queue);
        assert_eq!(
            left(&world, queue),
            0,
            "it is moved as soon as it can be: {:?}",
            world.now().since(began)
        );
    }
}
