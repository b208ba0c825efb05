//! Who gets which job.

use super::*;

#[test]
fn a_runner_gets_the_oldest_job_it_fits_not_the_one_it_was_made_for() {
    let mut world = World::new();
    let old = world.one_job(&["linux"]);
    world.pass(5);
    let young = world.one_job(&["linux"]);
    let (_, session) = world.runner("made-for-the-young-one", &["linux"]);
    assert_eq!(world.offered(&session), Some(old));
    assert_eq!(world.phase(young), Phase::Queued);
}

#[test]
fn the_oldest_job_wins_over_jobs_that_ask_for_more_or_for_less() {
    for (first, second) in [(&["linux"][..], &["linux", "x64"][..]), (&["linux", "x64"][..], &["linux"][..])]
    {
        let mut world = World::new();
        let old = world.one_job(first);
        world.pass(5);
        let young = world.one_job(second);
        let (_, session) = world.runner("fits-both", &["linux", "x64"]);
        assert_eq!(world.offered(&session), Some(old));
        assert_eq!(world.phase(young), Phase::Queued);
    }
}

#[test]
fn a_job_goes_to_a_runner_with_more_labels_whatever_their_case() {
    let mut world = World::new();
    let (_, session) = world.runner("big", &["self-hosted", "linux", "x64", "gpu"]);
    let job = world.one_job(&["Self-Hosted", "GPU"]);
    assert_eq!(world.offered(&session), Some(job));
}

#[test]
fn a_job_does_not_go_to_a_runner_that_lacks_a_label() {
    let mut world = World::new();
    let (_, session) = world.runner("small", &["linux"]);
    let job = world.one_job(&["linux", "gpu"]);
    assert_eq!(world.poll(&session).status, 204);
    assert_eq!(world.phase(job), Phase::Queued);
}

#[test]
fn an_older_job_that_fits_no_runner_does_not_stand_in_the_way() {
    let mut world = World::new();
    world.one_job(&["arm"]);
    let job = world.one_job(&["linux"]);
    assert_eq!(world.serve("one", &["linux"], "success"), Some(job));
}

fn mint_in(world: &mut World, group: GroupId, name: &str) -> String {
    let body = json!({ "name": name, "runner_group_id": group, "labels": ["linux"] });
    let answer = world.call("POST", "/orgs/octo-org/actions/runners/generate-jitconfig", Some(body));
    let config = answer.body["encoded_jit_config"].as_str().unwrap().to_owned();
    world.connect(&config).body["session"].as_str().unwrap().to_owned()
}

#[test]
fn a_runner_group_serves_its_selected_repositories_only() {
    let mut world = World::new();
    let other = world.github.add_repository(world.organization, "other", Visibility::Private);
    let selected = GroupVisibility::Selected(BTreeSet::from([other]));
    let group =
        world.github.add_runner_group(world.organization, "fast", selected, PublicRepositories::Refused);
    let session = mint_in(&mut world, group, "in-group");
    let here = world.one_job(&["linux"]);
    assert_eq!(world.offered(&session), None);
    let spec = WorkflowSpec::new("CI", vec![JobSpec::new("build", &["linux"])]);
    let there = world.github.start_run(world.now, other, spec).unwrap();
    assert_eq!(world.offered(&session), Some(world.jobs_of(there)[0].id));
    assert_eq!(world.phase(here), Phase::Queued);
}

#[test]
fn a_group_that_becomes_visible_takes_waiting_jobs() {
    let mut world = World::new();
    let none = GroupVisibility::Selected(BTreeSet::new());
    let group = world.github.add_runner_group(world.organization, "fast", none, PublicRepositories::Refused);
    let session = mint_in(&mut world, group, "in-group");
    let job = world.one_job(&["linux"]);
    assert_eq!(world.offered(&session), None);
    world.github.set_group_visibility(world.organization, group, GroupVisibility::All);
    assert_eq!(world.offered(&session), Some(job));
}

#[test]
fn a_job_that_names_a_group_runs_nowhere_else() {
    let mut world = World::new();
    let group = world.github.add_runner_group(
        world.organization,
        "Fast",
        GroupVisibility::All,
        PublicRepositories::Refused,
    );
    let (_, outside) = world.runner("outside", &["linux"]);
    let run = world.run(vec![JobSpec::new("build", &[]).on_group("fast")]);
    assert_eq!(world.offered(&outside), None);
    let inside = mint_in(&mut world, group, "inside");
    assert_eq!(world.offered(&inside), Some(world.jobs_of(run)[0].id));
}

#[test]
fn a_public_repository_is_served_only_where_a_group_allows_it() {
    let mut world = World::new();
    let public = world.github.add_repository(world.organization, "public", Visibility::Public);
    let open = world.github.add_runner_group(
        world.organization,
        "open",
        GroupVisibility::All,
        PublicRepositories::Allowed,
    );
    let spec = WorkflowSpec::new("CI", vec![JobSpec::new("build", &["linux"])]);
    let run = world.github.start_run(world.now, public, spec).unwrap();
    let (_, closed) = world.runner("closed", &["linux"]);
    assert_eq!(world.offered(&closed), None);
    let session = mint_in(&mut world, open, "open");
    assert_eq!(world.offered(&session), Some(world.jobs_of(run)[0].id));
}

#[test]
fn a_job_that_is_not_picked_up_is_queued_again_and_keeps_its_place() {
    let mut world = World::new();
    let (first, session) = world.runner("hangs", &["linux"]);
    let job = world.one_job(&["linux"]);
    assert_eq!(world.offered(&session), Some(job));
    assert_eq!(world.offered(&session), Some(job), "the message is repeated until it is acted on");
    world.pass(10);
    let younger = world.one_job(&["linux"]);
    world.pass(49);
    assert_eq!(world.phase(job), Phase::Assigned(first));
    world.pass(1);
    assert_eq!(world.phase(job), Phase::Queued);
    let (_, other) = world.runner("works", &["linux"]);
    assert_eq!(world.offered(&other), Some(job));
    assert_eq!(world.phase(younger), Phase::Queued);
    assert_eq!(world.github.job(job).unwrap().assignments, 2);
}

#[test]
fn an_agent_that_starts_too_late_is_turned_away() {
    let mut world = World::new();
    let (_, slow) = world.runner("slow", &["linux"]);
    let job = world.one_job(&["linux"]);
    assert_eq!(world.offered(&slow), Some(job));
    world.pass(60);
    let (_, quick) = world.runner("quick", &["linux"]);
    assert_eq!(world.offered(&quick), Some(job));
    assert_eq!(world.started(&slow), 409);
    assert_eq!(world.finished(&slow, "success"), 409);
    assert_eq!(world.started(&quick), 200);
    assert_eq!(world.started(&quick), 200, "its first reply may have been lost");
}

#[test]
fn a_silent_runner_gets_no_job() {
    let mut world = World::new();
    let (_, session) = world.runner("asleep", &["linux"]);
    world.pass(50);
    let job = world.one_job(&["linux"]);
    assert_eq!(world.phase(job), Phase::Queued);
    assert_eq!(world.offered(&session), Some(job));
}

#[test]
fn a_job_that_nobody_takes_ends_after_a_day_in_either_reading() {
    for (reading, end) in
        [(QueueExpiry::Cancelled, Conclusion::Cancelled), (QueueExpiry::Failure, Conclusion::Failure)]
    {
        let mut world = World::with(|settings| settings.disputed.queue_expiry = reading);
        let job = world.one_job(&["linux"]);
        world.pass(24 * 3_600 - 1);
        assert_eq!(world.phase(job), Phase::Queued);
        world.pass(1);
        assert_eq!(world.phase(job), Phase::Completed(end));
        assert_eq!(world.github.jobs_available(), 0);
    }
}

#[test]
fn the_message_tells_the_agent_what_a_policy_needs() {
    let mut world = World::new();
    let spec =
        WorkflowSpec::new("CI", vec![JobSpec::new("build", &["linux"]).lasting(90, Conclusion::Failure)]);
    world.github.start_run(world.now, world.repository, spec.from_fork_of("mallory")).unwrap();
    let (_, session) = world.runner("one", &["linux"]);
    let message = world.poll(&session).body;
    assert_eq!(message["type"], "job");
    assert_eq!(message["repository"], "octo-org/octo-repo");
    assert_eq!(
        (message["event"].as_str(), message["actor"].as_str()),
        (Some("pull_request"), Some("mallory"))
    );
    assert_eq!((message["fork"].as_bool(), message["private"].as_bool()), (Some(true), Some(true)));
    assert_eq!((message["duration_s"].as_u64(), message["conclusion"].as_str()), (Some(90), Some("failure")));
}
