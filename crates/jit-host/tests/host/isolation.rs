//! A component that misbehaves ends alone.

use std::time::{Duration, Instant};

use futures::future::join_all;
use jit_host::Options;
use jit_host::log::Outcome;

use crate::support::App;

fn limited(invocation_timeout: Duration) -> App {
    let mut options = Options::default();
    options.limits.invocation_timeout = invocation_timeout;
    App::with(options)
}

#[tokio::test]
async fn a_trap_is_a_500_and_nothing_more() {
    let app = App::new();
    assert_eq!(app.send("trap", "").await, (500, String::new()));
    assert_eq!(app.send("echo", "").await.0, 200);
    app.host.idle().await;
    assert!(
        matches!(&app.log.invocations()[0].outcome, Outcome::Trapped(why) if why.contains("unreachable"))
    );
}

#[tokio::test]
async fn half_a_reply_is_not_a_reply() {
    let app = App::new();
    assert_eq!(app.send("half", "").await, (500, String::new()));
    assert_eq!(app.send("silent", "").await, (500, String::new()));
}

#[tokio::test]
async fn a_trap_after_the_reply_does_not_take_it_back() {
    let app = App::new();
    assert_eq!(app.send("trap-after", "").await, (202, "accepted".to_owned()));
    app.host.idle().await;
    assert!(matches!(app.log.invocations()[0].outcome, Outcome::Trapped(_)));
}

#[tokio::test]
async fn a_chained_trap_is_a_500_for_the_caller() {
    assert_eq!(App::new().told("call", "http://hidden.spin.internal/trap").await, "500 ");
}

#[tokio::test]
async fn memory_ends_at_the_limit() {
    let mut options = Options::default();
    options.limits.memory_bytes = 16 * 1024 * 1024;
    let app = App::with(options);
    assert_eq!(app.send("eat", "").await.0, 500);
    assert_eq!(app.send("echo", "").await.0, 200);
    app.host.idle().await;
    let invocations = app.log.invocations();
    let (eater, other) = (&invocations[0], &invocations[1]);
    assert!((8..=16).contains(&(eater.memory_bytes_peak >> 20)), "{eater:?}");
    assert!(other.memory_bytes_peak < 4 << 20, "{other:?}");
}

/// Loops and healthy requests on the threads of whatever runtime calls this.
async fn loops_beside_healthy_requests() {
    let app = limited(Duration::from_secs(3));
    app.told("echo", "").await;
    let (started, loops) = (Instant::now(), join_all((0..3).map(|_| app.send("loop", ""))));
    let healthy = async {
        for _ in 0..3 {
            app.told("echo", "").await;
        }
        started.elapsed()
    };
    let (looped, healthy) = tokio::join!(loops, healthy);
    assert!(looped.iter().all(|(status, _)| *status == 504), "{looped:?}");
    assert!(healthy < Duration::from_secs(3), "healthy requests waited for the loops: {healthy:?}");
    app.host.idle().await;
    let ended: Vec<_> = app.log.invocations().into_iter().map(|invocation| invocation.outcome).collect();
    assert_eq!(ended.iter().filter(|outcome| **outcome == Outcome::TimedOut).count(), 3);
}

#[tokio::test]
async fn a_loop_does_not_stop_others_on_its_own_thread() {
    loops_beside_healthy_requests().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_does_not_stop_others_on_other_threads() {
    loops_beside_healthy_requests().await;
}

#[tokio::test]
async fn a_component_that_waits_too_long_is_ended() {
    let app = limited(Duration::from_millis(200));
    let started = Instant::now();
    assert_eq!(app.send("wait/60", "").await.0, 504);
    assert_eq!(app.send("call", "http://api.test:8080/slow/60").await.0, 504);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(app.host_lines(), ["probe: used up its time", "probe: used up its time"]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_too_many_is_a_503() {
    let mut options = Options::deterministic(Duration::ZERO, 1);
    options.limits.instances = 2;
    let app = App::with(options);
    let mut answers: Vec<_> = join_all((0..3).map(|_| app.send("wait/5", "")))
        .await
        .into_iter()
        .map(|(status, _)| status)
        .collect();
    answers.sort_unstable();
    assert_eq!(answers, [200, 200, 503]);
    assert_eq!(app.send("echo", "").await.0, 200, "the places are free again");
}

#[tokio::test(start_paused = true)]
async fn a_component_that_is_slow_leaves_room_for_the_others() {
    let mut options = Options::deterministic(Duration::ZERO, 1);
    (options.limits.instances, options.limits.instances_of_component) = (3, 2);
    let app = App::with(options);
    let slow = join_all((0..8).map(|_| app.send_to("/bare/wait/5", "")));
    let ((), answers) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(app.send("echo", "").await.0, 200, "its place was kept");
        },
        slow
    );
    let mut answers: Vec<_> = answers.into_iter().map(|(status, _)| status).collect();
    answers.sort_unstable();
    assert_eq!(answers, [200, 200, 503, 503, 503, 503, 503, 503]);
}

#[tokio::test]
async fn more_invocations_than_places_one_after_the_other_all_run() {
    let mut options = Options::default();
    options.limits.instances = 2;
    let app = App::with(options);
    for _ in 0..50 {
        assert_eq!(app.send("echo", "").await.0, 200);
        app.host.idle().await;
    }
}

#[tokio::test]
async fn an_effect_can_end_the_instance_on_the_spot() {
    let app = App::new();
    assert_eq!(app.send("call", "http://api.test:8080/crash").await, (500, String::new()));
    app.host.idle().await;
    assert_eq!(app.log.invocations()[0].outcome, Outcome::Crashed);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_end_the_component() {
    let app = limited(Duration::from_secs(20));
    let gone =
        tokio::time::timeout(Duration::from_millis(100), app.send("after", "http://api.test:8080/slow/1"));
    let _ = gone.await;
    app.host.idle().await;
    assert_ne!(app.told("get/after", "").await, "absent");
}
