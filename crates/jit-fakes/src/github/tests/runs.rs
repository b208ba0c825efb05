//! How runs go on.

use super::*;

const RUNS: &str = "/repos/octo-org/octo-repo/actions/runs";

fn status(world: &World, run: RunId) -> &'static str {
    world.github.run(run).unwrap().status
}

fn conclusion(world: &World, run: RunId) -> Option<Conclusion> {
    world.github.run(run).unwrap().conclusion
}

#[test]
fn all_legs_are_announced_at_once_and_max_parallel_of_them_can_be_taken() {
    let mut world = World::new();
    let run = world.run(vec![JobSpec::new("test", &["linux"]).matrix(5, Some(2))]);
    assert_eq!(world.events(), (0..5).map(|leg| format!("queued test ({leg})")).collect::<Vec<_>>());
    assert_eq!(world.github.jobs_available(), 2);
    let jobs = world.get(&format!("{RUNS}/{run}/jobs"));
    assert!(jobs.body["jobs"].as_array().unwrap().iter().all(|job| job["status"] == "queued"));
    let sessions = (0..3).map(|n| world.runner(&format!("r{n}"), &["linux"]).1).collect::<Vec<_>>();
    let offered = sessions.iter().filter_map(|session| world.offered(session)).count();
    assert_eq!(offered, 2);
    for leg in 0..5 {
        let done = sessions.iter().any(|session| world.work(session, "success").is_some());
        assert!(done || world.serve(&format!("s{leg}"), &["linux"], "success").is_some());
    }
    assert_eq!(conclusion(&world, run), Some(Conclusion::Success));
}

#[test]
fn a_job_comes_to_be_when_what_it_needs_has_succeeded() {
    let mut world = World::new();
    let run = world.run(vec![
        JobSpec::new("build", &["linux"]).matrix(2, None),
        JobSpec::new("ship", &["linux"]).after(&["build"]),
    ]);
    world.events();
    assert_eq!(world.jobs_of(run).len(), 2, "a job behind needs is not there yet");
    world.serve("a", &["linux"], "success").unwrap();
    assert_eq!(world.jobs_of(run).len(), 2);
    world.serve("b", &["linux"], "success").unwrap();
    assert_eq!(world.events().last().unwrap(), "queued ship");
    world.serve("c", &["linux"], "success").unwrap();
    assert_eq!(conclusion(&world, run), Some(Conclusion::Success));
}

#[test]
fn what_needs_a_failed_job_is_skipped_down_the_chain() {
    let mut world = World::new();
    let run = world.run(vec![
        JobSpec::new("build", &["linux"]),
        JobSpec::new("test", &["linux"]).matrix(3, None).after(&["build"]),
        JobSpec::new("ship", &["linux"]).after(&["test"]),
    ]);
    world.serve("a", &["linux"], "failure").unwrap();
    let phases = world.jobs_of(run).iter().map(|job| job.phase).collect::<Vec<_>>();
    let skipped = Phase::Completed(Conclusion::Skipped);
    assert_eq!(phases, [Phase::Completed(Conclusion::Failure), skipped, skipped]);
    assert_eq!(conclusion(&world, run), Some(Conclusion::Failure));
    assert_eq!(world.events()[3..], ["completed test (0)", "completed ship"]);
}

#[test]
fn a_failing_leg_cancels_the_others_unless_told_otherwise() {
    for (spec, cancelled) in [
        (JobSpec::new("test", &["linux"]).matrix(4, Some(2)), 3),
        (JobSpec::new("test", &["linux"]).matrix(4, Some(2)).without_fail_fast(), 0),
    ] {
        let mut world = World::new();
        let run = world.run(vec![spec]);
        world.serve("a", &["linux"], "failure").unwrap();
        let ended = world
            .jobs_of(run)
            .iter()
            .filter(|job| job.phase == Phase::Completed(Conclusion::Cancelled))
            .count();
        assert_eq!(ended, cancelled);
    }
}

#[test]
fn a_running_leg_is_asked_to_stop_and_stopped_when_it_does_not_answer() {
    let mut world = World::new();
    let run = world.run(vec![JobSpec::new("test", &["linux"]).matrix(2, None)]);
    let (id, session) = world.runner("runs", &["linux"]);
    let job = world.offered(&session).unwrap();
    world.started(&session);
    assert!(world.github.cancel(world.now, run));
    let message = world.poll(&session).body;
    assert_eq!((message["type"].as_str(), message["job_id"].as_u64()), (Some("cancel"), Some(job.0)));
    assert_eq!(world.phase(job), Phase::InProgress(id));
    world.pass_polling(&session, 299);
    assert_eq!(world.phase(job), Phase::InProgress(id));
    world.pass(1);
    assert_eq!(world.phase(job), Phase::Completed(Conclusion::Cancelled));
    assert_eq!(conclusion(&world, run), Some(Conclusion::Cancelled));
    assert_eq!(world.poll(&session).status, 404);
}

#[test]
fn a_job_that_was_never_run_completes_with_runner_zero_or_null() {
    for (reading, number) in [(NoRunner::Zero, json!(0)), (NoRunner::Null, Value::Null)] {
        let mut world = World::with(|settings| settings.disputed.no_runner = reading);
        let run = world.run(vec![JobSpec::new("build", &["linux"])]);
        assert_eq!(world.payloads()[0]["workflow_job"]["runner_id"], Value::Null);
        assert_eq!(world.call("POST", &format!("{RUNS}/{run}/cancel"), None).status, 202);
        let payload = world.payloads().remove(0);
        assert_eq!(payload["action"], "completed");
        assert_eq!(payload["workflow_job"]["conclusion"], "cancelled");
        assert_eq!(payload["workflow_job"]["runner_id"], number);
        assert_eq!(world.call("POST", &format!("{RUNS}/{run}/cancel"), None).status, 409);
    }
}

#[test]
fn an_assigned_job_that_is_cancelled_leaves_its_runner_free_for_another() {
    let mut world = World::new();
    let (_, session) = world.runner("one", &["linux"]);
    let run = world.run(vec![JobSpec::new("build", &["linux"])]);
    assert!(world.offered(&session).is_some());
    world.github.cancel(world.now, run);
    assert_eq!(world.started(&session), 409);
    let next = world.one_job(&["linux"]);
    assert_eq!(world.offered(&session), Some(next));
}

#[test]
fn force_cancel_ends_a_running_job_at_once() {
    let mut world = World::new();
    let run = world.run(vec![JobSpec::new("build", &["linux"])]);
    let (_, session) = world.runner("one", &["linux"]);
    world.offered(&session);
    world.started(&session);
    assert_eq!(world.call("POST", &format!("{RUNS}/{run}/force-cancel"), None).status, 202);
    assert_eq!(conclusion(&world, run), Some(Conclusion::Cancelled));
}

fn grouped(world: &mut World, others: Others) -> RunId {
    let spec =
        WorkflowSpec::new("CI", vec![JobSpec::new("build", &["linux"])]).in_concurrency_group("main", others);
    world.github.start_run(world.now, world.repository, spec).unwrap()
}

#[test]
fn of_a_concurrency_group_one_run_goes_one_waits_and_a_third_pushes_the_second_out() {
    let mut world = World::new();
    let first = grouped(&mut world, Others::Finish);
    let second = grouped(&mut world, Others::Finish);
    assert_eq!((status(&world, second), world.jobs_of(second).len()), ("pending", 0));
    let third = grouped(&mut world, Others::Finish);
    assert_eq!(conclusion(&world, second), Some(Conclusion::Cancelled));
    assert_eq!(status(&world, third), "pending");
    let job = world.jobs_of(first)[0].id;
    assert_eq!(world.serve("a", &["linux"], "success"), Some(job));
    assert_eq!(status(&world, third), "queued");
    let job = world.jobs_of(third)[0].id;
    assert_eq!(world.serve("b", &["linux"], "success"), Some(job));
    let fourth = grouped(&mut world, Others::Finish);
    assert_eq!(status(&world, fourth), "queued");
}

#[test]
fn cancel_in_progress_ends_the_run_before() {
    let mut world = World::new();
    let first = grouped(&mut world, Others::Cancelled);
    let second = grouped(&mut world, Others::Cancelled);
    assert_eq!(conclusion(&world, first), Some(Conclusion::Cancelled));
    assert_eq!(status(&world, second), "queued");
}

#[test]
fn a_job_in_a_taken_concurrency_group_is_pending_and_not_announced_before_its_turn() {
    let mut world = World::new();
    let spec = || vec![JobSpec::new("deploy", &["linux"]).in_concurrency_group("prod", Others::Finish)];
    world.run(spec());
    let second = world.run(spec());
    assert_eq!(world.events(), ["queued deploy"]);
    assert_eq!((status(&world, second), world.jobs_of(second)[0].phase), ("pending", Phase::Pending));
    world.serve("a", &["linux"], "success").unwrap();
    assert_eq!(world.events().last().unwrap(), "queued deploy");
    assert_eq!(world.jobs_of(second)[0].phase, Phase::Queued);
}

#[test]
fn an_environment_holds_its_job_until_it_is_approved() {
    let mut world = World::new();
    let run = world.run(vec![
        JobSpec::new("deploy", &["linux"]).behind("prod", Gate::Approval),
        JobSpec::new("build", &["linux"]),
    ]);
    assert_eq!(world.events(), ["waiting deploy", "queued build"]);
    assert_eq!(status(&world, run), "waiting", "a waiting run holds a queued job");
    let job = world.jobs_of(run)[0].id;
    assert!(world.github.approve(world.now, job));
    assert!(!world.github.approve(world.now, job));
    assert_eq!(world.events(), ["queued deploy"]);
    let (gate, other) = (world.jobs_of(run)[0].phase, status(&world, run));
    assert_eq!((gate, other), (Phase::Queued, "queued"));
}

#[test]
fn an_environment_may_be_a_timer_or_say_no() {
    let mut world = World::new();
    let run = world.run(vec![
        JobSpec::new("later", &["linux"]).behind("prod", Gate::WaitTimer(600)),
        JobSpec::new("never", &["linux"]).behind("prod", Gate::Approval),
    ]);
    let jobs = world.jobs_of(run);
    assert!(world.github.reject(world.now, jobs[1].id));
    assert_eq!(world.phase(jobs[1].id), Phase::Completed(Conclusion::Failure));
    world.pass(599);
    assert_eq!(world.phase(jobs[0].id), Phase::Waiting);
    world.pass(1);
    assert_eq!(world.phase(jobs[0].id), Phase::Queued);
}

#[test]
fn a_job_that_runs_for_too_long_times_out() {
    let mut world = World::new();
    let mut spec = JobSpec::new("build", &["linux"]);
    spec.timeout_s = 600;
    let run = world.run(vec![spec]);
    let (_, session) = world.runner("one", &["linux"]);
    let job = world.offered(&session).unwrap();
    world.started(&session);
    world.pass_polling(&session, 600);
    assert_eq!(world.phase(job), Phase::Completed(Conclusion::TimedOut));
    assert_eq!(conclusion(&world, run), Some(Conclusion::Failure));
}

#[test]
fn a_rerun_of_failed_jobs_makes_new_jobs_for_them_and_what_needs_them() {
    let mut world = World::new();
    let run = world.run(vec![
        JobSpec::new("fine", &["arm"]),
        JobSpec::new("build", &["linux"]),
        JobSpec::new("ship", &["linux"]).after(&["build"]),
    ]);
    let rerun = format!("{RUNS}/{run}/rerun-failed-jobs");
    assert_eq!(world.call("POST", &rerun, None).status, 403, "refused while the run goes on");
    let fine = world.serve("a", &["arm"], "success").unwrap();
    let failed = world.serve("b", &["linux"], "failure").unwrap();
    assert_eq!(world.call("POST", &rerun, None).status, 201);
    let again = world.serve("c", &["linux"], "success").unwrap();
    assert_ne!(failed, again);
    assert_eq!(world.github.job(again).unwrap().attempt, 2);
    world.serve("d", &["linux"], "success").unwrap();
    assert_eq!(conclusion(&world, run), Some(Conclusion::Success));
    let names = |answer: Answer| {
        let jobs = answer.body["jobs"].as_array().unwrap().clone();
        jobs.iter().map(|job| job["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let latest = world.get(&format!("{RUNS}/{run}/jobs"));
    assert_eq!(latest.body["jobs"][0]["id"].as_u64(), Some(fine.0));
    assert_eq!(names(latest), ["fine", "build", "ship"]);
    let all = world.get(&format!("{RUNS}/{run}/jobs?filter=all"));
    assert_eq!(names(all), ["fine", "build", "ship", "build", "ship"]);
    assert_eq!(world.call("POST", &rerun, None).status, 403, "nothing failed");
    assert_eq!(world.call("POST", &format!("{RUNS}/{run}/rerun"), None).status, 201);
    assert_eq!(world.github.run(run).unwrap().attempt, 3);
}

#[test]
fn cancelled_jobs_run_again_or_not_in_the_two_readings() {
    for (reading, status) in [(CancelledOnRerun::RunsAgain, 201), (CancelledOnRerun::Stays, 403)] {
        let mut world = World::with(|settings| settings.disputed.cancelled_on_rerun = reading);
        let run = world.run(vec![JobSpec::new("build", &["linux"])]);
        world.github.cancel(world.now, run);
        assert_eq!(world.call("POST", &format!("{RUNS}/{run}/rerun-failed-jobs"), None).status, status);
    }
}

#[test]
fn a_workflow_that_makes_no_sense_is_not_started() {
    let mut world = World::new();
    let (now, here) = (world.now, world.repository);
    let mut start = |repository, jobs| world.github.start_run(now, repository, WorkflowSpec::new("CI", jobs));
    assert_eq!(start(here, vec![]), Err(StartError::NoJobs));
    let nowhere = RepositoryId(1);
    assert_eq!(
        start(nowhere, vec![JobSpec::new("a", &["linux"])]),
        Err(StartError::UnknownRepository(nowhere))
    );
    let need = StartError::UnknownNeed { job: "a".to_owned(), need: "b".to_owned() };
    assert_eq!(start(here, vec![JobSpec::new("a", &["linux"]).after(&["b"])]), Err(need));
    assert_eq!(world.github.runs().count(), 0);
}
