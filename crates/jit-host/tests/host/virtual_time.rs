//! Time that passes from timer to timer, and runs that can be repeated.

use std::time::{Duration, Instant};

use futures::future::join_all;
use jit_host::Options;
use jit_host::log::Outcome;

use crate::support::App;

/// 2026-11-21T00:00:00Z.
const EPOCH: Duration = Duration::from_secs(1_795_219_200);

fn app(seed: u64, invocation_timeout: Duration) -> App {
    let mut options = Options::deterministic(EPOCH, seed);
    options.limits.invocation_timeout = invocation_timeout;
    App::with(options)
}

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test(start_paused = true)]
async fn hours_pass_in_milliseconds() {
    let app = app(1, DAY);
    app.told("echo", "").await;
    let started = Instant::now();
    assert_eq!(app.told("wait/36000", "").await, "36000 36000", "both clocks");
    app.told("call", "http://api.test:8080/slow/500").await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(app.told("now", "").await, (EPOCH.as_secs() + 36_500).to_string());
    assert_eq!(app.host.now(), EPOCH + Duration::from_secs(36_500));
}

#[tokio::test(start_paused = true)]
async fn waits_overlap_instead_of_adding_up() {
    let app = app(1, DAY);
    let started = tokio::time::Instant::now();
    join_all((0..50).map(|_| app.told("wait/600", ""))).await;
    assert_eq!(started.elapsed().as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn an_invocation_ends_at_its_virtual_time_limit() {
    let app = app(1, Duration::from_secs(30));
    let started = tokio::time::Instant::now();
    assert_eq!(app.send("wait/31", "").await.0, 504);
    assert_eq!(started.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_loop_ends_after_the_same_number_of_operations() {
    let mut options = Options::deterministic(EPOCH, 1);
    options.limits.fuel = 50_000_000;
    let app = App::with(options);
    assert_eq!(app.send("loop", "").await.0, 504);
    assert_eq!(app.send("echo", "").await.0, 200);
    app.host.idle().await;
    assert_eq!(app.log.invocations()[0].outcome, Outcome::OutOfFuel);
}

#[tokio::test(start_paused = true)]
async fn random_bytes_follow_from_seed_and_number() {
    let mut drawn = Vec::new();
    for seed in [1, 1, 2] {
        let app = app(seed, DAY);
        drawn.push((app.told("random", "").await, app.told("random", "").await));
    }
    assert_eq!(drawn[0], drawn[1]);
    assert_ne!(drawn[0].0, drawn[0].1, "each invocation draws its own");
    assert_ne!(drawn[0].0, drawn[2].0, "each seed draws its own");
}

#[tokio::test]
async fn without_a_seed_random_bytes_differ() {
    let app = App::new();
    assert_ne!(app.told("random", "").await, app.told("random", "").await);
}

/// Everything that can be seen of a small busy world.
async fn transcript(seed: u64) -> Vec<String> {
    let app = app(seed, DAY);
    let commands: Vec<_> = (0..40_u64)
        .map(|n| match n % 5 {
            0 => ("after".to_owned(), format!("http://api.test:8080/slow/{}", n * 7 % 11)),
            1 => (format!("increment/{}", n % 3), String::new()),
            2 => ("random".to_owned(), String::new()),
            3 => ("call".to_owned(), "http://hidden.spin.internal/random".to_owned()),
            _ => (format!("wait/{}", n % 4), String::new()),
        })
        .collect();
    let replies = join_all(commands.iter().map(|(command, body)| app.send(command, body))).await;
    app.host.idle().await;
    let fuel = app.log.invocations().into_iter().map(|ended| format!("{} {:?}", ended.number, ended.fuel));
    replies.into_iter().map(|reply| format!("{reply:?}")).chain(app.outside.calls()).chain(fuel).collect()
}

#[test]
fn two_runs_of_one_seed_are_equal() {
    let run = |seed| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(transcript(seed))
    };
    let first = run(7);
    assert_eq!(first, run(7));
    assert_ne!(first, run(8));
}
