//! Who may ask what.

use super::*;

#[test]
fn a_jwt_of_the_app_opens_the_app() {
    let mut world = World::new();
    let answer = world.as_app("GET", "/app", None);
    assert_eq!((answer.status, answer.body["id"].as_u64()), (200, Some(APP)));
}

#[test]
fn a_jwt_is_refused_when_its_times_its_issuer_or_its_key_are_wrong() {
    let mut world = World::new();
    let now = world.now;
    let minutes = SignedDuration::from_mins;
    let stranger = RS256KeyPair::generate(2048).unwrap();
    let app = APP.to_string();
    let fine = jwt(key(), &app, now - minutes(1), now + minutes(10));
    assert_eq!(world.call_as(&fine, "GET", "/app", None).status, 200);
    let wrong = [
        (
            "ends too late",
            jwt(key(), &app, now - minutes(1), now + minutes(10) + SignedDuration::from_secs(1)),
        ),
        ("is over", jwt(key(), &app, now - minutes(20), now)),
        ("comes from the future", jwt(key(), &app, now + minutes(2), now + minutes(5))),
        ("is another app's", jwt(key(), "1", now - minutes(1), now + minutes(5))),
        ("is signed by a stranger", jwt(&stranger, &app, now - minutes(1), now + minutes(5))),
        ("is no jwt", "a.b.c".to_owned()),
    ];
    for (why, jwt) in wrong {
        assert_eq!(world.call_as(&jwt, "GET", "/app", None).status, 401, "{why}");
    }
}

#[test]
fn without_credentials_everything_is_401() {
    let mut world = World::new();
    for path in ["/app", "/orgs/octo-org/actions/runners", "/no/such/path"] {
        let answer = world.send(Request::get(path).body(Vec::new()).unwrap());
        assert_eq!(answer.status, 401, "{path}");
    }
    assert_eq!(world.call_as("ghs_unknown", "GET", "/orgs/octo-org/actions/runners", None).status, 401);
}

#[test]
fn an_installation_token_lives_one_hour() {
    let mut world = World::new();
    let path = format!("/app/installations/{}/access_tokens", world.installation);
    let answer = world.as_app("POST", &path, None);
    assert_eq!(answer.body["expires_at"], "2026-11-21T13:00:00Z");
    world.pass(3_599);
    assert_eq!(world.get("/orgs/octo-org/actions/runners").status, 200);
    world.pass(1);
    assert_eq!(world.get("/orgs/octo-org/actions/runners").status, 401);
}

#[test]
fn a_token_that_asked_for_less_may_do_less() {
    let mut world = World::new();
    let token = world.new_token(json!({ "permissions": { "actions": "read" } }));
    let jobs = "/repos/octo-org/octo-repo/actions/runs";
    assert_eq!(world.call_as(&token, "GET", jobs, None).status, 200);
    assert_eq!(world.call_as(&token, "GET", "/orgs/octo-org/actions/runners", None).status, 403);
    let run = world.run(vec![JobSpec::new("build", &["linux"])]);
    assert_eq!(world.call_as(&token, "POST", &format!("{jobs}/{run}/cancel"), None).status, 403);
}

#[test]
fn a_token_cannot_ask_for_more_than_was_granted() {
    let mut world = World::new();
    let path = format!("/app/installations/{}/access_tokens", world.installation);
    for permissions in
        [json!({ "contents": "write" }), json!({ "secrets": "read" }), json!({ "actions": "owner" })]
    {
        let answer = world.as_app("POST", &path, Some(json!({ "permissions": permissions })));
        assert_eq!(answer.status, 422, "{permissions}");
    }
    assert_eq!(world.as_app("POST", "/app/installations/1/access_tokens", None).status, 404);
}

#[test]
fn a_token_for_one_repository_does_not_see_another_one() {
    let mut world = World::new();
    world.github.add_repository(world.organization, "other", Visibility::Private);
    let token = world.new_token(json!({ "repositories": ["octo-repo"] }));
    assert_eq!(world.call_as(&token, "GET", "/repos/octo-org/octo-repo/actions/runs", None).status, 200);
    assert_eq!(world.call_as(&token, "GET", "/repos/octo-org/other/actions/runs", None).status, 404);
    let path = format!("/app/installations/{}/access_tokens", world.installation);
    assert_eq!(world.as_app("POST", &path, Some(json!({ "repositories": ["unknown"] }))).status, 422);
}

#[test]
fn a_permission_that_is_taken_away_is_gone_for_old_tokens_too() {
    let mut world = World::new();
    world.github.set_permissions(world.installation, &[("actions", Level::Read)]);
    assert_eq!(world.get("/orgs/octo-org/actions/runners").status, 403);
    assert_eq!(world.get("/repos/octo-org/octo-repo/actions/runs").status, 200);
}

#[test]
fn lost_access_looks_like_a_repository_that_is_not_there() {
    let mut world = World::new();
    world.github.set_selection(world.installation, RepositorySelection::Selected(BTreeSet::new()));
    assert_eq!(world.get("/repos/octo-org/octo-repo/actions/runs").status, 404);
    assert_eq!(world.get("/repos/octo-org/unknown/actions/runs").status, 404);
    assert_eq!(world.get("/orgs/elsewhere/actions/runners").status, 404);
}

#[test]
fn a_suspended_installation_is_403_and_a_removed_one_401() {
    let mut world = World::new();
    let path = format!("/app/installations/{}/access_tokens", world.installation);
    world.github.set_suspended(world.installation, Some(world.now));
    assert_eq!(world.get("/orgs/octo-org/actions/runners").status, 403);
    assert_eq!(world.as_app("POST", &path, None).status, 403);
    world.github.set_suspended(world.installation, None);
    assert_eq!(world.get("/orgs/octo-org/actions/runners").status, 200);
    world.github.uninstall(world.installation);
    assert_eq!(world.get("/orgs/octo-org/actions/runners").status, 401);
    assert_eq!(world.as_app("POST", &path, None).status, 404);
}

#[test]
fn app_and_installation_cannot_stand_in_for_each_other() {
    let mut world = World::new();
    assert_eq!(world.get("/app/installations").status, 401);
    assert_eq!(world.as_app("GET", "/orgs/octo-org/actions/runners", None).status, 403);
}

#[test]
fn a_dump_of_the_model_shows_no_token_no_config_and_no_secret() {
    let mut world = World::new();
    let (_, config) = world.mint("one", &["linux"]);
    let dump = format!("{:?}", world.github);
    for secret in [world.token.as_str(), config.as_str(), "webhook secret"] {
        assert!(!dump.contains(secret));
    }
}
