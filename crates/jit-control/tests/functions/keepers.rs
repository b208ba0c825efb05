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

/// Nothing was begun after the deadline of an invocation that began at `since`.
fn assert_in_time(world: &World, since: jit_domain::time::Timestamp) {
    let asked = world.asked.borrow();
    let late: Vec<_> = asked.iter().filter(|a| a.at.since(since) >= limits::HANDLER_DEADLINE).collect();
    assert!(late.is_empty() && !asked.is_empty(), "{late:?}");
}

#[test]
fn ghosts_are_deregistered_until_the_deadline_and_no_longer() {
    let (world, _) = interrupted();
    rebalance(&world);
    let names: Vec<String> = (0..9).map(|n| format!("jit-i-0123456789abcde{n}{n}-1")).collect();
    world.bend(move |what| {
        let listed: Vec<(u64, &str)> = (1..).zip(names.iter().map(String::as_str)).collect();
        what.contains("/actions/runners?").then(|| runners(&listed))
    });
    world.taken("");
    world.takes.set((Duration::ZERO, Duration::from_secs(4)));
    let begun_at = jit_control::effects::Effects::now(&world);
    let summary = sweep(&world);
    assert_in_time(&world, begun_at);
    let deleted = world.taken("DELETE ").len();
    assert!((1..9).contains(&deleted), "{deleted}, of which {} were counted", summary.deregistered);
}

fn is_late(error: &GitHubError) -> bool {
    matches!(error, GitHubError::Failure(Failure::Deadline(_)))
}

#[test]
fn a_listing_that_takes_too_long_is_no_listing() {
    let world = World::new({
        let mut page = 1;
        move |what| {
            page += 1;
            let next = format!(r#"<https://api.github.com/x?page={page}>; rel="next""#);
            let mut answer = match what {
                _ if what.contains(" ec2.") => return Some(instances(&[], Some(&format!("token-{page}")))),
                _ if what.contains("/access_tokens") => return None,
                _ if what.contains("/jobs") => reply(200, r#"{"total_count":0,"jobs":[]}"#),
                _ => runners(&[]),
            };
            answer.headers_mut().insert("link", next.parse().expect("a header"));
            Some(answer)
        }
    });
    world.takes.set((Duration::ZERO, Duration::from_secs(3)));
    let settings = keeper(Keeper::Rebalancer);
    let (octo, app) =
        (Scope::Organisation(Login::new("octo")), RepositoryName::parse("octo/app").expect("a name"));
    let begun_at = jit_control::effects::Effects::now(&world);
    let shell = world.shell(Component::Rebalancer);
    let github = GitHub::new(&shell, &settings.github, Priority::Truth).expect("settings that can be used");
    let listed = world.run(github.runners(InstallationId(42), &octo, None));
    assert!(is_late(&listed.expect_err("a list that is not whole")));
    assert_in_time(&world, begun_at);
    world.taken("");

    let begun_at = jit_control::effects::Effects::now(&world);
    let shell = world.shell(Component::Rebalancer);
    let github = GitHub::new(&shell, &settings.github, Priority::Truth).expect("settings that can be used");
    let jobs = world.run(github.jobs_of_run(InstallationId(42), &app, RunId(1)));
    assert!(is_late(&jobs.expect_err("a list that is not whole")));
    assert_in_time(&world, begun_at);
    world.taken("");

    let begun_at = jit_control::effects::Effects::now(&world);
    let shell = world.shell(Component::Rebalancer);
    let listed = world.run(Clouds::new(&shell, &settings.aws).live(Cloud::Aws, &Region::new("us-east-1")));
    assert!(listed.expect_err("a list that is not whole").to_string().contains("no time was left"));
    assert_in_time(&world, begun_at);
}

/// What may follow the deadline: the lease is given back, and what was begun is brought to its end.
const TO_THE_END: Duration = Duration::from_secs(3);

#[test]
fn a_sweep_of_many_unknown_instances_stops_at_its_deadline() {
    let listed: Vec<String> = (0..400).map(|n| format!("i-0123456789abcd{n:03}")).collect();
    let world = World::new(move |what| what.contains(" ec2.").then(|| instances(&listed, None)));
    world.takes.set((Duration::from_millis(100), Duration::ZERO));
    let begun_at = jit_control::effects::Effects::now(&world);
    let shell = world.shell(Component::Scaledown);
    let swept = world.run(scaledown::run(&shell, &keeper(Keeper::Scaledown)));
    assert!(matches!(swept, Err(Failure::Deadline(_))), "{swept:?}");
    let took = jit_control::effects::Effects::now(&world).since(begun_at);
    assert!(took < limits::HANDLER_DEADLINE + TO_THE_END, "{took:?}");
}

fn in_progress(id: u64) -> Message {
    Message::Job(JobObservation {
        delivery: None,
        action: Action::InProgress,
        job: JobId(id),
        run: RunId(id),
        attempt: 1,
        name: "test".into(),
        labels: vec!["self-hosted".into(), "linux".into()],
        installation: InstallationId(42),
        repository: RepositoryName::parse("octo/app").expect("a name"),
        organisation: Some(Login::new("octo")),
        visibility: None,
        sender: None,
        pool: None,
        runner_id: Some(RunnerId(id)),
        runner_name: Some(RunnerName::new(format!("jit-i-0123456789abcd{id:03}-1"))),
        conclusion: None,
        created_at: START,
        at: START,
        received_at: START,
    })
}

#[test]
fn a_drain_of_many_events_stops_at_its_deadline_and_leaves_the_rest_in_the_queue() {
    let world = World::new(|_| None);
    let shell = world.shell(Component::Webhook);
    for id in 0..300 {
        let instance = claimed(&format!("i-0123456789abcd{id:03}"), id, START);
        world.record(&instance.key, &instance);
        world.record(JobId(id), &queued(id, "octo/app", START));
        world
            .run(shell.queue.send(QueueName::Lifecycle, &in_progress(id).encode()))
            .expect("a queue at work");
    }
    world.takes.set((Duration::from_millis(8), Duration::ZERO));
    let begun_at = jit_control::effects::Effects::now(&world);
    let shell = world.shell(Component::Lifecycle);
    let drained = world.run(lifecycle::run(&shell, &keeper(Keeper::Lifecycle)));
    let took = jit_control::effects::Effects::now(&world).since(begun_at);
    assert!(took < limits::HANDLER_DEADLINE + TO_THE_END, "{took:?}, {drained:?}");
    world.takes.set((Duration::ZERO, Duration::ZERO));
    let left = world.run(shell.queue.receive(QueueName::Lifecycle, 500)).expect("a queue at work").len();
    let busy = (0..300).filter(|id| {
        let known = world.read::<Instance>(&key(&format!("i-0123456789abcd{id:03}"))).expect("the record");
        known.job == Some(JobId(*id))
    });
    let busy = busy.count();
    assert!(left > 0 && busy > 0 && busy + left >= 300, "{busy} instances, {left} messages");
}
