//! A mark and a release that meet on key-value, where both contend for one ticket: in every order, and with a mark that is slow.

use std::time::Duration;

use futures::future;
use jit_domain::policy::Policy;

use super::*;
use crate::configuration;
use crate::effects::memory::MemoryEffects;
use crate::effects::memory::interleave::{Task, every_schedule, interleave};
use crate::effects::{KeyValue, KeyValueError, KeyValueReply};
use crate::settings::Component;

/// More orders than the case here has.
const ORDERS_MAX: usize = 200_000;
/// Every order with this many switches; more find nothing new and take minutes.
const SWITCHES: usize = 3;
/// For how long who won a ticket may write.
const TICKET: Duration = Duration::from_secs(2);

fn policy() -> Policy {
    configuration::parse(include_str!("../../../../config/jit-runners.toml")).expect("it is shipped")
}

fn scaleup<E: Effects>(effects: &E) -> Shell<'_, E> {
    Shell::new(effects, Component::Scaleup, policy(), None).expect("records are here")
}

fn take(world: &MemoryEffects) -> Option<Held> {
    let effects = world.another();
    effects.run(scaleup(&effects).take_lease()).expect("nothing crashes").expect("a ledger at work")
}

/// An invocation that is stopped for a while after each draw of a ticket.
struct Slow {
    effects: MemoryEffects,
    stops: Duration,
}

impl Effects for Slow {
    async fn key_value(&self, operation: KeyValue) -> Result<KeyValueReply, KeyValueError> {
        let is_draw = matches!(operation, KeyValue::Increment(..));
        let reply = self.effects.key_value(operation).await;
        if is_draw {
            self.effects.sleep(self.stops).await;
        }
        reply
    }

    crate::passes_on! { effects: send, now, random, sleep, log }
}

#[test]
fn a_release_outlives_a_mark_that_has_the_ticket_and_writes_late() {
    let world = MemoryEffects::new(7);
    let held = take(&world).expect("nobody has it");
    // Longer than a loser of the ticket looks for the write, and not too long for the winner to write.
    let marking = Slow { effects: world.another(), stops: Duration::from_millis(1_500) };
    let releasing = world.another();
    let (marker, holder) = (scaleup(&marking), scaleup(&releasing));
    let both = future::join(marker.ask_for_another_look(), holder.release_lease(held));
    let (marked, released) = world.run(both).expect("nothing crashes");
    assert!(marked.expect("it has the ticket"));
    assert_eq!(released.expect("it waits for the mark"), Asked::Somebody);
    assert!(take(&world).is_some(), "the lease was given back");
}

#[test]
fn a_mark_that_is_left_is_met_by_the_release_in_every_order() {
    let (mut marks, mut misses) = (0, 0);
    every_schedule(ORDERS_MAX, |schedule| {
        let world = MemoryEffects::new(7);
        let held = take(&world).expect("nobody has it");
        let (began, marking, releasing) = (world.now(), world.another(), world.another());
        let (marker, holder) = (scaleup(&marking), scaleup(&releasing));
        let ask = async { marker.ask_for_another_look().await.map(|is_left| (is_left, None::<Asked>)) };
        let release = async { holder.release_lease(held).await.map(|asked| (false, Some(asked))) };
        let tasks = vec![Task::new(&marking, ask), Task::new(&releasing, release)];
        let answers = interleave(tasks, schedule.with_switches(SWITCHES));
        let [Some(marked), Some(released)] = answers.as_slice() else { panic!("{answers:?}") };
        let Ok((_, Some(asked))) = released else {
            // Only a winner that was stopped for longer than its ticket is good, just before its write, outlasts the rounds.
            assert!(world.now().since(began) > TICKET, "{answers:?}");
            return;
        };
        // Who cannot mark because the release has the ticket is told that it is busy, and fails: its tick comes.
        let is_left = matches!(marked, Ok((true, _)));
        if is_left {
            marks += 1;
        } else {
            misses += 1;
        }
        assert_eq!(*asked == Asked::Somebody, is_left, "{marked:?}");
        assert!(take(&world).is_some(), "the lease was given back");
    });
    assert!(marks > 0 && misses > 0, "{marks} marks, {misses} misses");
}
