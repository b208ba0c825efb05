//! Pages, filters, redirects, files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

const RUNS: &str = "/repos/octo-org/octo-repo/actions/runs";
const RUNNERS: &str = "/orgs/octo-org/actions/runners";

/// Follows `rel="next"` and collects what `field` holds.
fn all_pages(world: &mut World, path: &str, field: &str) -> Vec<Value> {
    let mut path = path.to_owned();
    let mut found = Vec::new();
    loop {
        let answer = world.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        found.extend(answer.body[field].as_array().unwrap().clone());
        let next = answer
            .header("link")
            .and_then(|link| link.split(", ").find(|link| link.ends_with("rel=\"next\"")));
        let Some(next) = next else { return found };
        path =
            next.split(['<', '>']).nth(1).unwrap().strip_prefix("https://api.github.com").unwrap().to_owned();
    }
}

#[test]
fn runners_are_listed_on_pages_that_together_have_each_of_them_once() {
    let mut world = World::new();
    let minted = (0..7).map(|n| json!(world.mint(&format!("r{n}"), &["linux"]).0)).collect::<Vec<_>>();
    let listed = all_pages(&mut world, &format!("{RUNNERS}?per_page=3"), "runners");
    assert_eq!(listed.iter().map(|runner| runner["id"].clone()).collect::<Vec<_>>(), minted);
    let third = world.get(&format!("{RUNNERS}?per_page=3&page=3"));
    assert_eq!(
        (third.body["total_count"].as_u64(), third.body["runners"].as_array().unwrap().len()),
        (Some(7), 1)
    );
    assert!(third.header("link").unwrap().contains("rel=\"prev\""));
    assert_eq!(world.get(&format!("{RUNNERS}?per_page=3&page=9")).body["runners"], json!([]));
}

#[test]
fn a_page_has_thirty_unless_told_otherwise_and_never_more_than_a_hundred() {
    let mut world = World::new();
    for n in 0..101 {
        world.mint(&format!("r{n}"), &["linux"]);
        world.pass(1);
    }
    let listed = |world: &mut World, query: &str| {
        world.get(&format!("{RUNNERS}{query}")).body["runners"].as_array().unwrap().len()
    };
    assert_eq!(listed(&mut world, ""), 30);
    assert_eq!(listed(&mut world, "?per_page=1000"), 100);
    assert_eq!(listed(&mut world, "?per_page=nonsense&page=0"), 30);
}

#[test]
fn runners_can_be_asked_for_by_name() {
    let mut world = World::new();
    let (id, _) = world.mint("jit-i-1-1", &["linux"]);
    world.mint("jit-i-1-10", &["linux"]);
    let found = world.get(&format!("{RUNNERS}?name=jit-i-1-1")).body;
    assert_eq!((found["total_count"].as_u64(), found["runners"][0]["id"].as_u64()), (Some(1), Some(id.0)));
}

#[test]
fn runs_are_listed_newest_first_and_by_status() {
    let mut world = World::new();
    let first = world.run(vec![JobSpec::new("a", &["linux"])]);
    let second = world.run(vec![JobSpec::new("b", &["linux"])]);
    world.github.cancel(world.now, first);
    let ids = |world: &mut World, query: &str| {
        let runs = world.get(&format!("{RUNS}{query}")).body["workflow_runs"].as_array().unwrap().clone();
        runs.iter().map(|run| RunId(run["id"].as_u64().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(ids(&mut world, ""), [second, first]);
    assert_eq!(ids(&mut world, "?status=queued"), [second]);
    assert_eq!(ids(&mut world, "?status=completed"), [first]);
    assert_eq!(ids(&mut world, "?status=cancelled"), [first]);
    assert_eq!(ids(&mut world, "?event=pull_request"), []);
    assert_eq!(ids(&mut world, "?created=%3E2026-11-21T12:00:00Z"), []);
    assert_eq!(ids(&mut world, "?created=%3E=2026-11-21T12:00:00Z"), [second, first]);
    assert_eq!(world.get(&format!("{RUNS}?status=bogus")).status, 422);
    assert_eq!(world.get(&format!("{RUNS}?created=bogus")).status, 422);
}

#[test]
fn a_filtered_list_of_runs_ends_at_a_thousand_though_there_are_more() {
    let mut world = World::new();
    for _ in 0..1_003 {
        world.run(vec![JobSpec::new("a", &["linux"])]);
    }
    let filtered = all_pages(&mut world, &format!("{RUNS}?status=queued&per_page=100"), "workflow_runs");
    assert_eq!(filtered.len(), 1_000);
    world.pass(60);
    assert_eq!(world.get(&format!("{RUNS}?status=queued")).body["total_count"], 1_003);
    assert_eq!(all_pages(&mut world, &format!("{RUNS}?per_page=100"), "workflow_runs").len(), 1_003);
}

#[test]
fn the_jobs_of_a_wide_matrix_come_on_pages() {
    let mut world = World::new();
    let run = world.run(vec![JobSpec::new("test", &["linux"]).matrix(256, None)]);
    let jobs = all_pages(&mut world, &format!("{RUNS}/{run}/jobs?per_page=100"), "jobs");
    let ids = jobs.iter().map(|job| job["id"].as_u64().unwrap()).collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), 256);
    assert_eq!(world.get(&format!("{RUNS}/{run}/jobs?filter=newest")).status, 422);
}

#[test]
fn a_job_is_found_in_its_own_repository_only() {
    let mut world = World::new();
    world.github.add_repository(world.organization, "other", Visibility::Private);
    let job = world.one_job(&["linux"]);
    assert_eq!(world.get(&format!("/repos/octo-org/octo-repo/actions/jobs/{job}")).status, 200);
    assert_eq!(world.get(&format!("/repos/octo-org/other/actions/jobs/{job}")).status, 404);
    assert_eq!(world.get("/repos/octo-org/octo-repo/actions/jobs/1").status, 404);
}

#[test]
fn a_renamed_repository_answers_its_old_name_with_its_number() {
    let mut world = World::new();
    let job = world.one_job(&["linux"]);
    world.payloads();
    assert!(world.github.rename_repository(world.repository, "renamed"));
    let old = world.get(&format!("/repos/octo-org/octo-repo/actions/jobs/{job}"));
    let address = format!("https://api.github.com/repositories/{}/actions/jobs/{job}", world.repository);
    assert_eq!((old.status, old.header("location")), (301, Some(address.as_str())));
    assert_eq!(world.get(&format!("/repos/octo-org/renamed/actions/jobs/{job}")).status, 200);
    assert_eq!(world.get(&format!("/repositories/{}/actions/jobs/{job}", world.repository)).status, 200);
    world.serve("one", &["linux"], "success").unwrap();
    assert_eq!(world.payloads()[0]["repository"]["full_name"], "octo-org/renamed");
    world.github.add_repository(world.organization, "octo-repo", Visibility::Private);
    assert_eq!(world.get(&format!("/repos/octo-org/octo-repo/actions/jobs/{job}")).status, 404);
}

#[test]
fn groups_are_listed_with_what_they_serve() {
    let mut world = World::new();
    let selected = GroupVisibility::Selected(BTreeSet::from([world.repository]));
    let group =
        world.github.add_runner_group(world.organization, "fast", selected, PublicRepositories::Refused);
    let groups = world.get("/orgs/octo-org/actions/runner-groups").body;
    assert_eq!(groups["total_count"], 2);
    assert_eq!(groups["runner_groups"][0]["default"], true);
    assert_eq!(groups["runner_groups"][1]["visibility"], "selected");
    let path = format!("/orgs/octo-org/actions/runner-groups/{group}/repositories");
    assert_eq!(world.get(&path).body["repositories"][0]["name"], "octo-repo");
    assert_eq!(world.get("/orgs/octo-org/actions/runner-groups/99/repositories").status, 404);
    world.github.add_repository(world.organization, "other", Visibility::Private);
    let visible = world.get("/orgs/octo-org/actions/runner-groups?visible_to_repository=other").body;
    assert_eq!(visible["total_count"], 1);
}

#[test]
fn the_workflow_file_of_a_run_can_be_read() {
    let mut world = World::new();
    let run = world.run(vec![JobSpec::new("test", &["linux"]).matrix(8, Some(3))]);
    let file = |world: &mut World, reference: &str| {
        let path = "/repos/octo-org/octo-repo/contents/.github/workflows/ci.yml";
        let answer = world.get(&format!("{path}?ref={reference}"));
        let text = answer.body["content"].as_str().unwrap();
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    };
    let run = world.get(&format!("/repos/octo-org/octo-repo/actions/runs/{run}")).body;
    assert_eq!(run["path"], ".github/workflows/ci.yml");
    let commit = run["head_sha"].as_str().unwrap();
    world.run(vec![JobSpec::new("test", &["linux"]).matrix(8, Some(5))]);
    let text = file(&mut world, commit);
    assert!(text.contains("max-parallel: 3"), "{text}");
    let text = file(&mut world, "main");
    assert!(text.contains("max-parallel: 5"), "{text}");
    assert_eq!(world.get("/repos/octo-org/octo-repo/contents/none.yml").status, 404);
}
