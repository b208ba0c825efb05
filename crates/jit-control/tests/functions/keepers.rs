//! rebalancer, scaledown and lifecycle: whom they ask, whom they end, and until when.

use std::collections::BTreeSet;
use std::time::Duration;

use jit_control::cloud::Clouds;
use jit_control::github::{GitHub, GitHubError, Priority};
use jit_control::message::{JobObservation, Message};
use jit_control::queue::{Queue as _, QueueName};
use jit_control::settings::{Component, Keeper};
use jit_control::shell::Failure;
use jit_control::{lifecycle, limits, rebalancer, scaledown};
use jit_domain::class::Scope;
use jit_domain::ids::{
    Cloud, InstallationId, JobId, Login, Region, RepositoryName, RunId, RunnerId, RunnerName,
};
use jit_domain::instance::Instance;
use jit_domain::job::Job;
use jit_domain::observation::Action;

use crate::world::{START, World, claimed, instances, keeper, key, queued, reply, runners};

fn rebalance(world: &World) -> rebalancer::Summary {
    let shell = world.shell(Component::Rebalancer);
    world.run(rebalancer::run(&shell, &keeper(Keeper::Rebalancer))).expect("a pass")
}

fn sweep(world: &World) -> scaledown::Summary {
    let shell = world.shell(Component::Scaledown);
    world.run(scaledown::run(&shell, &keeper(Keeper::Scaledown))).expect("a sweep")
}

/// Twenty runs of which GitHub does not speak have the oldest doubt; one other is in doubt too.
fn a_run_behind_twenty(bend: impl FnMut(&str) -> Option<http::Response<Vec<u8>>> + 'static) -> World {
    let world = World::new(bend);
    for id in 1..=20 {
        let gone = Job { installation: InstallationId(7), ..queued(id, "octo/gone", START) };
        world.record(JobId(id), &gone);
    }
    world.record(JobId(99), &queued(99, "octo/app", START + Duration::from_secs(1)));
    world.advance(300);
    world
}

fn runs_asked(world: &World) -> BTreeSet<String> {
    let of_run = |what: String| what.split("/runs/").nth(1)?.split('/').next().map(str::to_owned);
    world.taken("/runs/").into_iter().filter_map(of_run).collect()
}

#[test]
fn runs_that_github_refuses_do_not_keep_it_from_being_asked_about_another() {
    let world = a_run_behind_twenty(|what| what.contains("/octo/gone/").then(|| reply(404, "{}")));
    rebalance(&world);
    assert_eq!(runs_asked(&world), (1..=20).map(|id: u64| id.to_string()).collect());
    world.advance(60);
    rebalance(&world);
    assert!(runs_asked(&world).contains("99"));
}

#[test]
fn runs_of_a_suspended_installation_do_not_keep_github_from_being_asked_about_another() {
    let world = a_run_behind_twenty(|what| what.contains("/installations/7/").then(|| reply(403, "{}")));
    rebalance(&world);
    assert_eq!(runs_asked(&world), BTreeSet::new());
    world.advance(60);
    rebalance(&world);
    assert_eq!(runs_asked(&world), ["99".to_owned()].into());
}

#[test]
fn a_rate_limit_leaves_the_order_of_doubt_as_it_is() {
    let world = a_run_behind_twenty(|what| what.contains("/runs/1/").then(|| reply(429, "{}")));
    rebalance(&world);
    assert_eq!(world.read::<Job>(JobId(1)).expect("the job").asked_at, None);
}

/// An instance that got its JIT config, and the cloud took back.
fn interrupted() -> (World, Instance) {
    let world = World::new(|what| what.contains("/actions/runners?").then(|| runners(&[(71, GHOSTS[0])])));
    let instance = claimed(IDS[0], 71, START);
    world.record(&instance.key, &instance);
    world.advance(600);
    (world, instance)
}

const IDS: [&str; 3] = ["i-0123456789abcdef0", "i-0123456789abcdef1", "i-0123456789abcdef2"];
const GHOSTS: [&str; 3] =
    ["jit-i-0123456789abcdef0-1", "jit-i-0123456789abcdef1-1", "jit-i-0123456789abcdef2-1"];
const LISTED: [(u64, &str); 3] = [(71, GHOSTS[0]), (72, GHOSTS[1]), (73, GHOSTS[2])];

#[test]
fn a_ghost_is_deregistered_though_nothing_of_its_scope_is_open_any_more() {
    let (world, instance) = interrupted();
    assert_eq!(rebalance(&world).moved, 1);
    assert!(world.read::<Instance>(&instance.key).expect("the record").ended_at.is_some());
    world.taken("");
    world.advance(300);
    assert_eq!(sweep(&world).deregistered, 1);
    let deleted = world.taken("DELETE ");
    assert_eq!(deleted, ["DELETE api.github.com/orgs/octo/actions/runners/71"]);
    // As long as GitHub may still keep it, and no longer.
    world.advance(23 * 3600);
    sweep(&world);
    assert_eq!(world.taken("/actions/runners?").len(), 1);
    world.advance(3600);
    sweep(&world);
    assert_eq!(world.taken("/actions/runners").len(), 0);
}

#[test]
fn a_ghost_that_github_holds_or_does_not_answer_for_leaves_the_others_to_be_deregistered() {
    let (world, _) = interrupted();
    rebalance(&world);
    world.bend(|what| match what.rsplit('/').next() {
        _ if what.contains("/actions/runners?") => Some(runners(&LISTED)),
        Some("71") => Some(reply(422, r#"{"message":"Runner is currently running a job"}"#)),
        Some("72") => Some(reply(502, "")),
        _ => None,
    });
    world.taken("");
    assert_eq!(sweep(&world).deregistered, 1, "one of three is gone");
    assert_eq!(world.taken("DELETE ").len(), 3);
    assert_eq!(world.logged("\"a ghost runner was deregistered\""), 1);
    assert_eq!(world.logged("\"a ghost runner is still held busy by github\""), 1);
    assert_eq!(world.logged("\"a ghost runner was not deregistered\""), 1);
}
