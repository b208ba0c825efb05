//! `/healthz`: one word for each schedule, and nothing else.

use jit_control::effects::Response;
use jit_control::settings::Component;
use serde_json::json;

use crate::stage::{Stage, body_of};

const SCHEDULES: [Component; 4] =
    [Component::Scaleup, Component::Lifecycle, Component::Rebalancer, Component::Scaledown];

fn health(stage: &Stage) -> Response {
    let request = http::Request::get("/healthz").body(Vec::new()).unwrap();
    stage.call(Component::Registrar, Some(request))
}

/// Checks the status and the whole body: who is not named is well.
#[track_caller]
fn check(stage: &Stage, late: &[Component]) {
    let reply = health(stage);
    let word = |component| if late.contains(&component) { "late" } else { "ok" };
    let wanted = json!({
        "scaleup": word(Component::Scaleup),
        "lifecycle": word(Component::Lifecycle),
        "rebalancer": word(Component::Rebalancer),
        "scaledown": word(Component::Scaledown),
    });
    assert_eq!(body_of(&reply), wanted);
    assert_eq!(reply.status(), if late.is_empty() { 200 } else { 503 });
}

#[test]
fn each_schedule_is_late_until_it_has_run() {
    let stage = Stage::new();
    let mut late = SCHEDULES.to_vec();
    check(&stage, &late);
    while let Some(component) = late.pop() {
        stage.tick(component);
        check(&stage, &late);
    }
}

#[test]
fn a_schedule_is_late_after_three_periods_of_its_own() {
    let stage = Stage::new();
    let all = || SCHEDULES.into_iter().for_each(|component| stage.tick(component));
    all();
    stage.wait(179);
    check(&stage, &[]);
    stage.wait(1);
    check(&stage, &[Component::Scaleup, Component::Lifecycle, Component::Rebalancer]);
    stage.wait(719);
    for component in [Component::Scaleup, Component::Lifecycle, Component::Rebalancer] {
        stage.tick(component);
    }
    check(&stage, &[]);
    stage.wait(1);
    check(&stage, &[Component::Scaledown]);
    all();
    check(&stage, &[]);
}

#[test]
fn a_function_whose_configuration_is_refused_is_late_though_it_ran() {
    let mut stage = Stage::new();
    SCHEDULES.into_iter().for_each(|component| stage.tick(component));
    let token = stage.variables.remove("cron_token").unwrap();
    assert_eq!(stage.call(Component::Rebalancer, None).status(), 503);
    check(&stage, &[Component::Rebalancer]);
    stage.variables.insert("cron_token".to_owned(), token);
    stage.tick(Component::Rebalancer);
    check(&stage, &[]);
}
