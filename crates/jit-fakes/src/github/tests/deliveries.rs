//! Webhooks: what is in them, what befalls them, the log.

use super::*;

const LOG: &str = "/app/hook/deliveries";

fn rule(fate: DeliveryFate) -> DeliveryRule {
    DeliveryRule { action: Some("queued".to_owned()), job: None, times: 1, fate }
}

#[test]
fn a_delivery_is_signed_over_exactly_its_bytes_and_carries_githubs_headers() {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut world = World::new();
    world.one_job(&["linux"]);
    let delivery = world.github.take_deliveries().remove(0);
    let header = |name: &str| delivery.headers.iter().find(|(key, _)| *key == name).unwrap().1.clone();
    assert_eq!(header("x-github-event"), "workflow_job");
    assert_eq!(header("x-github-delivery"), delivery.guid);
    assert!(header("user-agent").starts_with("GitHub-Hookshot/"));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"webhook secret").unwrap();
    mac.update(&delivery.body);
    let signature = hex::decode(header("x-hub-signature-256").strip_prefix("sha256=").unwrap()).unwrap();
    mac.verify_slice(&signature).unwrap();
}

#[test]
fn a_job_is_told_of_when_it_is_queued_when_it_starts_and_when_it_ends() {
    let mut world = World::new();
    let job = world.one_job(&["Linux"]);
    world.pass(3);
    let (id, session) = world.runner("one", &["linux"]);
    world.offered(&session);
    world.started(&session);
    world.pass(4);
    world.finished(&session, "success");
    let payloads = world.payloads();
    let actions = payloads.iter().map(|payload| payload["action"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(actions, ["queued", "in_progress", "completed"]);
    let [queued, running, over] = payloads.as_slice() else { panic!("three payloads") };
    assert_eq!(queued["workflow_job"]["labels"], json!(["Linux"]));
    assert_eq!(queued["workflow_job"]["runner_id"], Value::Null);
    assert_eq!(queued["workflow_job"]["conclusion"], Value::Null);
    assert_eq!(queued["repository"]["full_name"], "octo-org/octo-repo");
    assert_eq!(queued["organization"]["login"], "octo-org");
    assert_eq!(queued["installation"]["id"], json!(world.installation));
    assert_eq!(queued["sender"]["login"], "octocat");
    assert_eq!(running["workflow_job"]["runner_id"], json!(id));
    assert_eq!(running["workflow_job"]["runner_name"], "one");
    assert_eq!(running["workflow_job"]["started_at"], "2026-11-21T12:00:03Z");
    assert_eq!(over["workflow_job"]["conclusion"], "success");
    assert_eq!(over["workflow_job"]["completed_at"], "2026-11-21T12:00:07Z");
    assert!(payloads.iter().all(|payload| payload["workflow_job"]["id"].as_u64() == Some(job.0)));
}

/// What an example has and a payload lacks, by its place.
fn missing(example: &Value, payload: &Value, place: &str) -> Vec<String> {
    let fields = example.as_object().into_iter().flatten();
    fields
        .flat_map(|(name, field)| {
            let place = format!("{place}/{name}");
            match payload.get(name) {
                None => vec![place],
                Some(found) => missing(field, found, &place),
            }
        })
        .collect()
}

#[test]
fn every_delivery_is_githubs_own_example_with_the_facts_of_this_world() {
    let mut world = World::new();
    world.run(vec![JobSpec::new("ship", &["linux"]).behind("prod", Gate::Approval)]);
    let job = world.github.jobs().next().unwrap().id;
    world.github.approve(world.now, job);
    world.serve("one", &["linux"], "success").unwrap();
    world.one_job(&["linux"]);
    world.serve("two", &["linux"], "failure").unwrap();
    let payloads = world.payloads();
    let names =
        ["waiting.1", "queued.2", "in_progress.3", "completed.2", "queued.1", "in_progress.3", "completed.1"];
    assert_eq!(payloads.len(), names.len());
    for (name, payload) in names.into_iter().zip(&payloads) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../jit-github/tests/payloads");
        let text = std::fs::read(format!("{folder}/workflow_job.{name}.json")).unwrap();
        let example = serde_json::from_slice::<Value>(&text).unwrap();
        assert_eq!(missing(&example, payload, ""), Vec::<String>::new(), "{name}");
        assert_eq!(payload["action"], example["action"], "{name}");
        for unknown in
            ["/repository/license", "/repository/size", "/repository/language", "/repository/has_pages"]
        {
            assert_eq!(payload.pointer(unknown), example.pointer(unknown), "{name}: {unknown}");
        }
        assert_eq!(
            payload["repository"]["has_discussions"],
            json!(false),
            "{name}, also where it is too old for it"
        );
        let text = payload.to_string();
        for theirs in ["lineville", "wolfy1339", "Codertocat", "289782451", "12877621891", "14541957942"] {
            assert!(!text.contains(theirs), "{name} still has {theirs}: {text}");
        }
    }
    let deployment = &payloads[1]["deployment"];
    assert_eq!((&deployment["environment"], &deployment["task"]), (&json!("prod"), &json!("deploy")));
    assert_eq!(deployment["sha"], payloads[1]["workflow_job"]["head_sha"]);
    assert_eq!(deployment["creator"]["login"], "octocat");
    assert!(payloads[4].get("deployment").is_none(), "this job is deployed nowhere");
}

#[test]
fn a_payload_of_a_users_repository_names_no_organization() {
    let mut world = World::new();
    let user = world.github.add_user("mona");
    let repository = world.github.add_repository(user, "dots", Visibility::Public);
    world.github.install(user, RepositorySelection::All);
    let spec = WorkflowSpec::new("CI", vec![JobSpec::new("build", &["linux"])]);
    world.github.start_run(world.now, repository, spec).unwrap();
    let run = world.github.runs().next().unwrap().id;
    world.github.cancel(world.now, run);
    for payload in world.payloads() {
        assert!(payload.get("organization").is_none(), "{payload}");
        assert_eq!(payload["repository"]["visibility"], "public");
    }
}

#[test]
fn a_job_of_a_repository_without_the_app_is_told_to_nobody() {
    let mut world = World::new();
    world.github.set_selection(world.installation, RepositorySelection::Selected(BTreeSet::new()));
    world.one_job(&["linux"]);
    assert!(world.github.take_deliveries().is_empty());
}

#[test]
fn a_failed_delivery_does_not_arrive_and_its_redelivery_has_the_same_guid() {
    let mut world = World::new();
    world.github.add_delivery_rule(rule(DeliveryFate::Fails));
    let job = world.one_job(&["linux"]);
    assert!(world.github.take_deliveries().is_empty());
    let log = world.as_app("GET", &format!("{LOG}?status=failure"), None).body;
    let [failed] = log.as_array().unwrap().as_slice() else { panic!("one failure: {log}") };
    assert_eq!((failed["action"].as_str(), failed["redelivery"].as_bool()), (Some("queued"), Some(false)));
    let path = format!("{LOG}/{}/attempts", failed["id"]);
    assert_eq!(world.as_app("POST", &path, None).status, 202);
    let again = world.github.take_deliveries().remove(0);
    assert_eq!(again.guid, failed["guid"]);
    assert!(world.github.delivered(again.id, Some(202), world.now));
    let body = serde_json::from_slice::<Value>(&again.body).unwrap();
    assert_eq!(body["workflow_job"]["id"].as_u64(), Some(job.0));
    let log = world.as_app("GET", &format!("{LOG}?status=success"), None).body;
    assert_eq!((log[0]["redelivery"].as_bool(), log[0]["status_code"].as_u64()), (Some(true), Some(202)));
}

#[test]
fn a_vanished_delivery_is_in_no_log() {
    let mut world = World::new();
    world.github.add_delivery_rule(rule(DeliveryFate::Vanishes));
    world.one_job(&["linux"]);
    assert!(world.github.take_deliveries().is_empty());
    assert_eq!(world.as_app("GET", LOG, None).body, json!([]));
    world.one_job(&["linux"]);
    assert_eq!(world.events(), ["queued build"], "the rule is used up");
}

#[test]
fn a_late_delivery_is_overtaken_by_a_younger_one() {
    let mut world = World::new();
    world.github.add_delivery_rule(rule(DeliveryFate::Late(SignedDuration::from_hours(2))));
    let run = world.run(vec![JobSpec::new("build", &["linux"])]);
    assert_eq!(world.github.next_at(), Some(start() + SignedDuration::from_hours(2)));
    world.github.cancel(world.now, run);
    assert_eq!(world.events(), ["completed build"]);
    world.pass(7_199);
    assert!(world.events().is_empty());
    world.pass(1);
    assert_eq!(world.events(), ["queued build"]);
}

#[test]
fn a_doubled_delivery_has_one_guid_and_the_same_bytes() {
    let mut world = World::new();
    world.github.add_delivery_rule(rule(DeliveryFate::Twice(SignedDuration::from_secs(9))));
    world.one_job(&["linux"]);
    let first = world.github.take_deliveries().remove(0);
    world.pass(9);
    let second = world.github.take_deliveries().remove(0);
    assert_eq!((&first.guid, &first.body), (&second.guid, &second.body));
    assert_ne!(first.id, second.id);
}

#[test]
fn an_unanswered_delivery_has_failed_after_ten_seconds() {
    let mut world = World::new();
    world.one_job(&["linux"]);
    let delivery = world.github.take_deliveries().remove(0);
    assert_eq!(world.as_app("GET", LOG, None).body, json!([]), "not in the log before its end");
    world.pass(10);
    let log = world.as_app("GET", LOG, None).body;
    assert_eq!(
        (log[0]["guid"].as_str(), log[0]["duration"].as_f64()),
        (Some(delivery.guid.as_str()), Some(10.0))
    );
    assert_ne!(log[0]["status"], "OK");
    assert!(!world.github.delivered(delivery.id, Some(202), world.now), "its answer comes too late");
}

#[test]
fn the_log_is_paged_by_a_cursor_that_new_deliveries_do_not_shift() {
    let mut world = World::new();
    for _ in 0..5 {
        world.pass(1);
        world.one_job(&["linux"]);
        world.payloads();
    }
    let mut seen = Vec::new();
    let mut path = format!("{LOG}?per_page=2");
    loop {
        let answer = world.as_app("GET", &path, None);
        seen.extend(answer.body.as_array().unwrap().iter().map(|entry| entry["id"].as_u64().unwrap()));
        let Some(link) = answer.header("link") else { break };
        path =
            link.split(['<', '>']).nth(1).unwrap().strip_prefix("https://api.github.com").unwrap().to_owned();
        assert!(path.contains("cursor=") && path.contains("per_page=2"), "{path}");
        world.one_job(&["linux"]);
        world.payloads();
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    assert_eq!(world.as_app("GET", &format!("{LOG}?cursor=nonsense"), None).status, 400);
}

#[test]
fn a_delivery_can_be_sent_again_for_three_days_only() {
    let mut world = World::new();
    world.github.add_delivery_rule(rule(DeliveryFate::Fails));
    world.one_job(&["linux"]);
    let id = world.as_app("GET", LOG, None).body[0]["id"].as_u64().unwrap();
    world.pass(3 * 24 * 3_600);
    assert_eq!(world.as_app("POST", &format!("{LOG}/{id}/attempts"), None).status, 202);
    world.pass(1);
    assert_eq!(world.as_app("POST", &format!("{LOG}/{id}/attempts"), None).status, 404);
    assert_eq!(world.as_app("GET", &format!("{LOG}/{id}"), None).status, 404);
}

#[test]
fn random_trouble_strikes_about_as_often_as_it_was_told_and_the_same_way_for_a_seed() {
    let strike = |seed| {
        let mut world = World::with(|settings| settings.seed = seed);
        world.github.set_delivery_noise(DeliveryNoise {
            fails_per_mille: 100,
            vanishes_per_mille: 100,
            twice_per_mille: 100,
            late_per_mille: 100,
            late_max: SignedDuration::from_mins(1),
        });
        for _ in 0..300 {
            world.one_job(&["linux"]);
        }
        let at_once = world.github.take_deliveries().len();
        let failed = world.github.deliveries().filter(|delivery| delivery.outcome.is_some()).count();
        world.pass(60);
        (at_once, failed, world.github.take_deliveries().len())
    };
    let (at_once, failed, later) = strike(5);
    assert!((185..=235).contains(&at_once) && (15..=50).contains(&failed) && (30..=95).contains(&later));
    assert_eq!(strike(5), (at_once, failed, later));
}

#[test]
fn deliveries_take_the_time_they_were_told_to() {
    let seconds = SignedDuration::from_secs;
    let mut world = World::with(|settings| settings.times.delivery_delay = (seconds(2), seconds(5)));
    for _ in 0..20 {
        world.one_job(&["linux"]);
    }
    world.pass(1);
    assert!(world.events().is_empty());
    world.pass(4);
    assert_eq!(world.events().len(), 20);
}
