//! Registrations: how they come, what ends them.

use super::*;

const RUNNERS: &str = "/orgs/octo-org/actions/runners";

#[test]
fn a_jit_config_makes_an_offline_runner_with_exactly_the_labels_asked_for() {
    let mut world = World::new();
    let answer = world.mint_answer("jit-1", &["Self-Hosted", "LINUX", "linux"]);
    assert_eq!(answer.status, 201);
    let runner = &answer.body["runner"];
    assert_eq!((runner["status"].as_str(), runner["busy"].as_bool()), (Some("offline"), Some(false)));
    let labels =
        runner["labels"].as_array().unwrap().iter().map(|label| label["name"].clone()).collect::<Vec<_>>();
    assert_eq!(labels, ["self-hosted", "linux"]);
    assert!((3_000..6_000).contains(&answer.body["encoded_jit_config"].as_str().unwrap().len()));
    assert_eq!(world.get(RUNNERS).body["total_count"], 1);
}

#[test]
fn a_name_is_taken_while_its_runner_lives() {
    let mut world = World::new();
    let (id, _) = world.mint("jit-1", &["linux"]);
    assert_eq!(world.mint_answer("JIT-1", &["linux"]).status, 409);
    assert_eq!(world.call("DELETE", &format!("{RUNNERS}/{id}"), None).status, 204);
    assert_eq!(world.mint_answer("jit-1", &["linux"]).status, 201);
}

#[test]
fn a_bad_request_for_a_jit_config_says_what_is_wrong() {
    let mut world = World::new();
    let many = (0..101).map(|number| number.to_string()).collect::<Vec<_>>();
    let cases = [
        (json!({ "name": "a", "labels": ["linux"] }), 422),
        (json!({ "runner_group_id": 1, "labels": ["linux"] }), 422),
        (json!({ "name": "a", "runner_group_id": 1 }), 422),
        (json!({ "name": "a", "runner_group_id": 1, "labels": [] }), 422),
        (json!({ "name": "a", "runner_group_id": 1, "labels": many }), 422),
        (json!({ "name": "a", "runner_group_id": 1, "labels": [1] }), 422),
        (json!({ "name": "a", "runner_group_id": "1", "labels": ["linux"] }), 422),
        (json!({ "name": "a".repeat(65), "runner_group_id": 1, "labels": ["linux"] }), 422),
        (json!({ "name": "a", "runner_group_id": 99, "labels": ["linux"] }), 404),
        (json!(["not an object"]), 400),
    ];
    for (body, status) in cases {
        let answer = world.call("POST", &format!("{RUNNERS}/generate-jitconfig"), Some(body.clone()));
        assert_eq!(answer.status, status, "{body}");
        assert!(!answer.body["message"].as_str().unwrap().is_empty());
    }
    assert_eq!(world.github.runners().count(), 0);
}

#[test]
fn a_jit_config_that_nobody_uses_is_removed() {
    let mut world = World::with(|settings| settings.times.jit_life = SignedDuration::from_mins(2));
    let (id, config) = world.mint("jit-1", &["linux"]);
    world.pass(119);
    assert_eq!(world.get(&format!("{RUNNERS}/{id}")).status, 200);
    world.pass(1);
    assert_eq!(world.get(&format!("{RUNNERS}/{id}")).status, 404);
    assert_eq!(world.connect(&config).status, 404);
    assert_eq!(world.github.runner(id).unwrap().removed.unwrap().1, Removal::NeverConnected);
}

#[test]
fn a_jit_config_can_be_used_once() {
    let mut world = World::new();
    let (id, config) = world.mint("jit-1", &["linux"]);
    assert_eq!(world.connect("bm9uc2Vuc2U=").status, 401);
    let answer = world.connect(&config);
    assert_eq!((answer.status, answer.body["runner_id"].as_u64()), (200, Some(id.0)));
    assert_eq!(world.connect(&config).status, 409);
    world.call("DELETE", &format!("{RUNNERS}/{id}"), None);
    assert_eq!(world.connect(&config).status, 409);
}

#[test]
fn a_connected_runner_without_a_job_is_removed_though_it_listens() {
    let mut world = World::with(|settings| settings.times.idle_life = Some(SignedDuration::from_mins(3)));
    let (id, session) = world.runner("jit-1", &["linux"]);
    world.pass_polling(&session, 170);
    assert_eq!(world.poll(&session).status, 204);
    world.pass(10);
    assert_eq!(world.poll(&session).status, 404);
    assert_eq!(world.github.runner(id).unwrap().removed.unwrap().1, Removal::Idle);
    assert_eq!(world.one_job(&["linux"]), world.github.jobs().next().unwrap().id);
    assert_eq!(world.github.jobs_available(), 1);
}

#[test]
fn a_runner_goes_when_its_job_ended_and_a_repeated_end_does_no_harm() {
    let mut world = World::new();
    let job = world.one_job(&["linux"]);
    let (id, session) = world.runner("jit-1", &["linux"]);
    assert_eq!(world.work(&session, "success"), Some(job));
    assert_eq!(world.get(&format!("{RUNNERS}/{id}")).status, 404);
    assert_eq!(world.github.runner(id).unwrap().removed.unwrap().1, Removal::JobEnded);
    assert_eq!(world.finished(&session, "failure"), 200);
    assert_eq!(world.phase(job), Phase::Completed(Conclusion::Success));
    assert_eq!(world.poll(&session).status, 404);
    assert_eq!(world.started(&session), 404);
}

#[test]
fn delete_is_204_then_404_and_422_while_a_job_runs() {
    let mut world = World::new();
    let (idle, _) = world.runner("idle", &["arm"]);
    world.one_job(&["linux"]);
    let (busy, session) = world.runner("busy", &["linux"]);
    world.offered(&session);
    world.started(&session);
    assert_eq!(world.get(&format!("{RUNNERS}/{busy}")).body["busy"], true);
    assert_eq!(world.call("DELETE", &format!("{RUNNERS}/{busy}"), None).status, 422);
    assert_eq!(world.call("DELETE", &format!("{RUNNERS}/{idle}"), None).status, 204);
    assert_eq!(world.call("DELETE", &format!("{RUNNERS}/{idle}"), None).status, 404);
    assert_eq!(world.finished(&session, "success"), 200);
    assert_eq!(world.call("DELETE", &format!("{RUNNERS}/{busy}"), None).status, 404);
}

#[test]
fn a_dead_machine_shows_offline_fails_its_job_and_stays_busy_for_a_while() {
    let mut world = World::new();
    let job = world.one_job(&["linux"]);
    let (id, session) = world.runner("jit-1", &["linux"]);
    world.offered(&session);
    assert_eq!(world.started(&session), 200);
    let runner = format!("{RUNNERS}/{id}");
    world.pass(49);
    assert_eq!(world.get(&runner).body["status"], "online");
    world.pass(1);
    assert_eq!(world.get(&runner).body["status"], "offline");
    world.pass(549);
    assert_eq!(world.phase(job), Phase::InProgress(id));
    world.pass(1);
    assert_eq!(world.phase(job), Phase::Completed(Conclusion::Failure));
    assert_eq!(world.call("DELETE", &runner, None).status, 422);
    assert_eq!(world.poll(&session).status, 404, "its agent is told to go should it come back");
    world.pass(300);
    assert_eq!(world.call("DELETE", &runner, None).status, 404);
    let (gone, why) = world.github.runner(id).unwrap().removed.unwrap();
    assert_eq!(why, Removal::Lost);
    let silent = gone.duration_since(start());
    assert!(SignedDuration::from_mins(10) <= silent && silent <= SignedDuration::from_mins(15), "{silent}");
}

#[test]
fn an_agent_that_polls_keeps_its_job_for_hours() {
    let mut world = World::new();
    let job = world.one_job(&["linux"]);
    let (id, session) = world.runner("jit-1", &["linux"]);
    world.offered(&session);
    world.started(&session);
    world.pass_polling(&session, 3 * 3_600);
    assert_eq!(world.phase(job), Phase::InProgress(id));
    assert_eq!(world.poll(&session).status, 204);
}

#[test]
fn a_runner_of_a_repository_is_registered_there_and_only_there() {
    let mut world = World::new();
    let path = "/repos/octo-org/octo-repo/actions/runners";
    let body = json!({ "name": "here", "runner_group_id": 1, "labels": ["linux"] });
    let answer = world.call("POST", &format!("{path}/generate-jitconfig"), Some(body));
    assert_eq!(answer.status, 201);
    assert_eq!(world.get(path).body["total_count"], 1);
    assert_eq!(world.get(RUNNERS).body["total_count"], 0);
    let id = answer.body["runner"]["id"].as_u64().unwrap();
    assert_eq!(world.call("DELETE", &format!("{RUNNERS}/{id}"), None).status, 404);
    assert_eq!(world.call("DELETE", &format!("{path}/{id}"), None).status, 204);
}

#[test]
fn a_deleted_runner_gives_its_unstarted_job_back() {
    let mut world = World::new();
    let (id, session) = world.runner("jit-1", &["linux"]);
    let job = world.one_job(&["linux"]);
    assert_eq!(world.offered(&session), Some(job));
    world.github.remove_runner(id, Removal::Idle);
    world.github.settle();
    assert_eq!(world.phase(job), Phase::Queued);
    assert_eq!(world.serve("jit-2", &["linux"], "success"), Some(job));
}
