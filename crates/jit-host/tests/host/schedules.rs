//! Components that a clock wakes.

use std::time::Duration;

use jit_host::log::Outcome;
use jit_host::{Options, TickError, run_schedules};

use crate::support::App;

#[tokio::test]
async fn a_tick_reaches_the_cron_export_with_its_time() {
    let app = App::new();
    app.host.tick("clock", 1_795_219_200).await.unwrap();
    assert_eq!(app.told("get/tick", "").await, "1795219200");
}

#[tokio::test]
async fn a_tick_that_fails_says_how() {
    let app = App::new();
    assert_eq!(app.host.tick("nobody", 1).await, Err(TickError::NoSuchComponent));
    assert_eq!(app.host.tick("clock", 13).await, Err(TickError::Ended(Outcome::Refused("unlucky".into()))));
    let trapped = app.host.tick("clock", 14).await;
    assert!(matches!(trapped, Err(TickError::Ended(Outcome::Trapped(_)))), "{trapped:?}");
    app.host.tick("clock", 15).await.unwrap();
}

#[tokio::test]
async fn a_cron_component_without_an_http_trigger_has_no_route() {
    let app = App::new();
    assert_eq!(app.send_to("/clock", "").await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn schedules_are_due_when_they_say() {
    // Half a minute past: the first tick comes 30 s later.
    let app = App::with(Options::deterministic(Duration::from_secs(1_795_219_230), 1));
    let schedules = tokio::spawn(run_schedules(app.host.clone()));
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!(app.log.invocations().len(), 0);
    tokio::time::sleep(Duration::from_secs(600)).await;
    app.host.idle().await;
    assert_eq!(app.log.invocations().len(), 10);
    assert_eq!(app.told("get/tick", "").await, (1_795_219_260 + 9 * 60).to_string());
    schedules.abort();
    let _ = schedules.await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(app.log.invocations().len(), 11, "ten ticks and one request");
}
