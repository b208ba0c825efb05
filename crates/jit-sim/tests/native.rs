//! The simulator itself: the same seed plays the same; and on a small world, every place where an invocation can be cut off or
//! overtaken is tried, one after the other.
//! Not here: drawn worlds; `make sim` plays those.
#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jit_control::settings::Component;
use jit_sim::faults::{Address, Fault};
use jit_sim::scenario::play::play as play_case;
use jit_sim::scenario::{Scenario, Server};
use jit_sim::setting::{START_S, Setting, Store, Trouble};
use jit_sim::simulation::{Outcome, run};
use jit_sim::timeline::{Detail, Timeline};

/// actions/runner #4248: some ten of 37 jobs, as their configs are worth nothing after an hour.
#[test]
fn the_naive_policy_loses_the_jobs_that_wait_longer_than_a_config_lives() {
    let scenario = Scenario::parse(include_str!("../worlds/sequential.toml")).unwrap();
    let case = scenario.cases.iter().find(|case| case.policy == Server::Naive).unwrap();
    let long = play_case(&scenario, case, silent()).unwrap();
    assert_eq!((long.misses(case, None), long.launches), (Vec::new(), 37));
    let mut short = case.clone();
    short.matrix[0].jobs = 5;
    let short = play_case(&scenario, &short, silent()).unwrap();
    assert_eq!((short.completed, short.launches, short.peak), (5, 5, 5));
    assert!(short.idle > SignedDuration::from_mins(6 * (1 + 2 + 3 + 4)), "{:#}", short.idle);
}

fn silent() -> Timeline {
    Timeline::new(START_S.unsigned_abs() * 1000, Detail::Silent)
}

fn play(setting: Setting) -> (Outcome, Vec<(Component, u32)>) {
    let (outcome, plane) = run(setting).unwrap();
    (outcome, plane.effects())
}

#[test]
fn one_seed_plays_the_same_every_time_and_another_does_not() {
    let troubles = [Trouble::Crashes, Trouble::LostReplies, Trouble::Deliveries, Trouble::BadInstances];
    for store in [Store::Host, Store::Aws] {
        let played = |seed| play(Setting::with(seed, store, &troubles, silent()).unwrap()).0;
        let first = played(1);
        assert_eq!(first, played(1));
        assert_ne!(first.fingerprint, played(2).fingerprint);
    }
}

/// The small world: two jobs of one run, nothing drawn goes wrong.
fn small() -> Setting {
    Setting::small(7, Store::Host, silent()).unwrap()
}

/// The invocations to be tried: of each function those with the most effects, which do the most.
fn victims(effects: &[(Component, u32)]) -> Vec<(u64, u32)> {
    let mut by_function: BTreeMap<Component, Vec<(u32, u64)>> = BTreeMap::new();
    for (number, (component, count)) in (1_u64..).zip(effects) {
        by_function.entry(*component).or_default().push((*count, number));
    }
    let mut victims = Vec::new();
    for mut invocations in by_function.into_values() {
        invocations.sort_by_key(|(count, number)| (std::cmp::Reverse(*count), *number));
        victims.extend(invocations.into_iter().take(2).map(|(count, number)| (number, count)));
    }
    victims
}

/// Plays the small world once for each effect of each victim, with that fault there.
fn everywhere(fault: Fault) {
    let (sound, effects) = play(small());
    assert_eq!(sound.violations, [], "the small world holds without any fault");
    let mut failed = Vec::new();
    let mut tried = 0;
    for (invocation, count) in victims(&effects) {
        for effect in 1..=count {
            let mut setting = small();
            setting.parts.faults.listed.insert(Address { invocation, effect }, fault);
            let (outcome, _) = play(setting);
            tried += 1;
            if let Some(violation) = outcome.violations.first() {
                let (component, _) = effects[usize::try_from(invocation).unwrap() - 1];
                failed.push(format!("invocation {invocation} ({component:?}), effect {effect}: {violation}"));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {tried} plays with {fault:?}:\n{}", failed.len(), failed.join("\n"));
    assert!(tried > 100, "only {tried} places were tried");
}

#[test]
fn a_crash_after_any_effect_harms_nothing() {
    everywhere(Fault::CrashAfter);
}

#[test]
fn a_crash_before_any_effect_harms_nothing() {
    everywhere(Fault::CrashBefore);
}

#[test]
fn a_lost_reply_of_any_effect_harms_nothing() {
    everywhere(Fault::ReplyLost);
}

#[test]
fn others_may_run_to_their_ends_between_any_two_effects() {
    everywhere(Fault::Stalls(SignedDuration::from_secs(12)));
}
