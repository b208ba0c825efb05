//! What the API costs and when it refuses.

use super::*;

const RUNNERS: &str = "/orgs/octo-org/actions/runners";

/// A world in which nothing was spent yet in the last minute.
fn rested(change: impl FnOnce(&mut Settings)) -> World {
    let mut world = World::new();
    change(world.github.settings_mut());
    world.pass(60);
    world
}

#[test]
fn nine_hundred_points_a_minute_and_not_one_more() {
    let mut world = rested(|_| {});
    for _ in 0..100 {
        assert_eq!(world.call("DELETE", &format!("{RUNNERS}/1"), None).status, 404);
    }
    for _ in 0..400 {
        assert_eq!(world.get(RUNNERS).status, 200);
    }
    let refused = world.get(RUNNERS);
    assert_eq!((refused.status, refused.header("retry-after")), (403, Some("60")));
    assert!(refused.body["message"].as_str().unwrap().contains("secondary rate limit"));
    world.pass(59);
    assert_eq!(world.get(RUNNERS).header("retry-after"), Some("1"));
    world.pass(1);
    assert_eq!(world.get(RUNNERS).status, 200);
    assert_eq!(world.github.usage().points_per_minute_peak, 900);
}

#[test]
fn the_window_of_points_slides() {
    let mut world = rested(|settings| settings.limits.points_per_minute = 2);
    assert_eq!(world.get(RUNNERS).status, 200);
    world.pass(30);
    assert_eq!(world.get(RUNNERS).status, 200);
    assert_eq!(world.get(RUNNERS).header("retry-after"), Some("30"));
    world.pass(30);
    assert_eq!(world.get(RUNNERS).status, 200);
    assert_eq!(world.get(RUNNERS).status, 403);
}

#[test]
fn a_used_up_hour_is_refused_until_its_reset() {
    let mut world = rested(|settings| {
        settings.limits.requests_per_hour = 2;
        settings.limits.refusal = http::StatusCode::TOO_MANY_REQUESTS;
    });
    let first = world.get(RUNNERS);
    assert_eq!(first.header("x-ratelimit-remaining"), Some("1"));
    assert_eq!(first.header("x-ratelimit-limit"), Some("2"));
    let reset = first.header("x-ratelimit-reset").unwrap().parse::<i64>().unwrap();
    assert_eq!(reset, world.now.as_second() + 3_600);
    world.get(RUNNERS);
    let refused = world.get(RUNNERS);
    assert_eq!((refused.status, refused.header("x-ratelimit-remaining")), (429, Some("0")));
    assert_eq!(refused.header("retry-after"), None);
    world.token = {
        world.pass(3_600);
        world.new_token(json!({}))
    };
    assert_eq!(world.get(RUNNERS).status, 200);
}

#[test]
fn an_unchanged_reply_is_free_of_the_hour_but_not_of_points() {
    let mut world = rested(|_| {});
    let first = world.get(RUNNERS);
    let (tag, used) =
        (first.header("etag").unwrap().to_owned(), first.header("x-ratelimit-used").unwrap().to_owned());
    let points = world.github.points_spent();
    let token = world.token.clone();
    let ask = |world: &mut World| {
        let request = Request::get(RUNNERS)
            .header("authorization", format!("token {token}"))
            .header("if-none-match", tag.as_str())
            .body(Vec::new())
            .unwrap();
        world.send(request)
    };
    let same = ask(&mut world);
    assert_eq!((same.status, same.reply.body().len()), (304, 0));
    assert_eq!(same.header("x-ratelimit-used"), Some(used.as_str()));
    assert_eq!(world.github.points_spent(), points + 1);
    assert_eq!(world.github.usage().not_modified, 1);
    world.mint("new", &["linux"]);
    assert_eq!(ask(&mut world).status, 200);
}

#[test]
fn registrations_have_a_limit_of_their_own_for_each_scope() {
    let mut world = World::with(|settings| {
        settings.limits.registrations = 2;
    });
    world.mint("a", &["linux"]);
    world.pass(100);
    world.mint("b", &["linux"]);
    let refused = world.mint_answer("c", &["linux"]);
    assert_eq!((refused.status, refused.header("retry-after")), (403, Some("200")));
    let body = json!({ "name": "c", "runner_group_id": 1, "labels": ["linux"] });
    let elsewhere = "/repos/octo-org/octo-repo/actions/runners/generate-jitconfig";
    assert_eq!(world.call("POST", elsewhere, Some(body)).status, 201);
    world.pass(200);
    world.mint("c", &["linux"]);
}

#[test]
fn slow_replies_pile_up_to_the_limit_of_concurrency() {
    let mut world = World::with(|settings| settings.limits.concurrent_requests = 3);
    world.github.settings_mut().times.latency = SignedDuration::from_secs(2);
    for _ in 0..3 {
        let answer = world.get(RUNNERS);
        assert_eq!(answer.status, 200);
        let delay = answer.reply.extensions().get::<crate::model::ReplyDelay>();
        assert_eq!(delay, Some(&crate::model::ReplyDelay(SignedDuration::from_secs(2))));
    }
    assert_eq!(world.get(RUNNERS).status, 403);
    world.pass(2);
    assert_eq!(world.get(RUNNERS).status, 200);
}

#[test]
fn an_app_that_does_not_wait_is_banned_when_so_configured() {
    let mut world = rested(|settings| {
        settings.limits.points_per_minute = 1;
        settings.limits.ban_after = Some(3);
    });
    for status in [200, 403, 403, 403] {
        assert_eq!(world.get(RUNNERS).status, status);
    }
    assert!(!world.github.usage().banned);
    world.get(RUNNERS);
    assert_eq!(world.github.usage().sent_while_refused, 3);
    assert!(world.github.usage().banned);
    world.pass(600);
    assert_eq!(world.get(RUNNERS).status, 403);
}

#[test]
fn what_was_used_is_counted_by_operation() {
    let mut world = World::new();
    let points = world.github.points_spent();
    world.get(RUNNERS);
    world.get(RUNNERS);
    world.mint("a", &["linux"]);
    let requests = &world.github.usage().requests;
    assert_eq!(requests.get(&Operation::ListRunners), Some(&2));
    assert_eq!(requests.get(&Operation::GenerateJitConfig), Some(&1));
    assert_eq!(world.github.points_spent(), points + 7);
}

#[test]
fn asking_for_the_limits_is_free_of_the_hour() {
    let mut world = World::new();
    world.get(RUNNERS);
    let first = world.get("/rate_limit");
    let second = world.get("/rate_limit");
    assert_eq!(first.body["rate"]["used"], 1);
    assert_eq!(second.body["rate"]["used"], 1);
}
