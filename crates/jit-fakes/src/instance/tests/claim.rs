//! Boot and claim.

use proptest::prelude::*;

use super::*;

fn wait(secs: u32, token: &str) -> Option<(u16, Value)> {
    Some((202, json!({"wait_s": secs, "token": token})))
}

#[test]
fn a_healthy_instance_boots_claims_works_reports_and_powers_off() {
    let mut play = play(Fate::Healthy);
    play.until(3600);
    let expected = [
        "booted",
        "claim",
        "connect",
        "agent_started",
        "started",
        "job_started",
        "finished",
        "job_finished",
        "exited",
    ];
    assert_eq!(play.routes(), expected);
    assert_eq!(play.reached(Stage::Claiming), Some(30));
    assert_eq!(play.reached(Stage::Off), Some(30 + 90));
    assert!(play.instance.powered_off() && play.instance.next_at().is_none());
}

#[test]
fn a_claim_says_who_claims_with_which_token() {
    let mut play = play(Fate::Healthy);
    play.until(31);
    let claim = play.bodies("claim")[0];
    assert_eq!(claim["v"], 1);
    assert_eq!(
        (&claim["token"], &claim["cloud"], &claim["instance_id"]),
        (&json!("boot-token"), &json!("aws"), &json!(OWN))
    );
    assert_eq!(claim["identity"]["region"], "us-east-1");
    let headers = &claim["identity"]["headers"];
    assert_eq!(headers["x-jit-runners-audience"], "registrar.test");
    assert_eq!(headers["x-amz-security-token"], "role-token");
    assert_eq!(headers["x-amz-date"], "20260301T120030Z");
    let authorization = headers["authorization"].as_str().unwrap();
    assert!(authorization.contains("/us-east-1/sts/aws4_request"));
    let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-jit-runners-audience";
    assert!(authorization.contains(signed), "{authorization}");
}

#[test]
fn an_instance_told_to_wait_waits_and_claims_with_the_new_token() {
    let mut play = play(Fate::Healthy);
    play.claim = queue([wait(60, "t2"), wait(45, "t3"), Some((200, config()))]);
    play.until(300);
    assert_eq!(play.times("claim"), [30, 90, 135]);
    let tokens: Vec<_> = play.bodies("claim").iter().map(|body| body["token"].clone()).collect();
    assert_eq!(tokens, ["boot-token", "t2", "t3"]);
}

#[test]
fn an_instance_without_work_or_with_a_bad_token_powers_off_at_once() {
    for status in [410, 401] {
        let mut play = play(Fate::Healthy);
        play.claim = always(status, json!({"reason": "no demand"}));
        play.until(3600);
        assert_eq!(play.routes(), ["booted", "claim"]);
        assert_eq!(play.reached(Stage::Off), Some(30));
    }
}

#[test]
fn an_identity_that_is_not_believed_is_repeated_for_a_minute() {
    let mut play = play(Fate::Healthy);
    play.claim = always(403, Value::Null);
    play.until(3600);
    let times = play.times("claim");
    assert_eq!((times.first(), times.last(), times.len()), (Some(&30), Some(&90), 13));
    assert_eq!(play.reached(Stage::Off), Some(90));
}

#[test]
fn an_identity_that_is_believed_at_last_gets_its_work() {
    let mut play = play(Fate::Healthy);
    play.claim = queue([Some((403, Value::Null)), Some((403, Value::Null)), Some((200, config()))]);
    play.until(60);
    assert_eq!(play.times("claim"), [30, 35, 40]);
    assert_eq!(play.instance.stage(), Stage::Busy);
}

#[test]
fn a_busy_registrar_is_asked_again_when_it_says_and_not_before() {
    let mut play = play(Fate::Healthy);
    play.claim = queue([Some((503, json!({"retry_after": "50"}))), Some((200, config()))]);
    play.until(100);
    assert_eq!(play.times("claim"), [30, 80]);
}

#[test]
fn the_pauses_after_failures_grow_to_half_a_minute_and_differ_between_instances() {
    let mut play = play(Fate::Healthy);
    play.claim = always(503, Value::Null);
    play.until(1100);
    let times = play.times("claim");
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses[0] <= 1 && pauses.iter().all(|pause| *pause <= 30));
    assert!(pauses[8..].iter().all(|pause| *pause >= 15), "{pauses:?}");
    assert!(pauses[8..].iter().collect::<std::collections::BTreeSet<_>>().len() > 2, "there is jitter");
}

#[test]
fn an_instance_that_nobody_answers_powers_off_when_it_may_live_no_longer() {
    for answer in [
        None,
        Some((503, Value::Null)),
        Some((500, json!("?"))),
        Some((409, Value::Null)),
        Some((200, json!({}))),
    ] {
        let mut play = play(Fate::Healthy);
        play.claim = queue([answer.clone()]);
        play.until(5000);
        assert_eq!(play.reached(Stage::Off), Some(30 + 1200), "{answer:?}");
    }
}

#[test]
fn waiting_holds_the_dead_man_off_but_silence_afterwards_does_not() {
    let mut play = play(Fate::Healthy);
    play.claim = queue([wait(1000, "t2"), wait(1000, "t3"), wait(1000, "t4"), None]);
    play.until(10_000);
    assert_eq!(&play.times("claim")[..4], [30, 1030, 2030, 3030]);
    assert_eq!(play.reached(Stage::Off), Some(2030 + 1000 + 1200));
}

#[test]
fn user_data_that_cannot_be_read_leads_nowhere_but_off() {
    let mut play = play_with(Fate::Healthy, |_| {}, b"#!/bin/sh\necho hello\n");
    play.until(3600);
    assert_eq!((play.calls.len(), play.reached(Stage::Off)), (0, Some(30)));
}

#[test]
fn a_report_that_fails_is_repeated_twice_and_then_given_up() {
    let mut play = play(Fate::Healthy);
    play.claim = always(503, Value::Null);
    play.report = always(500, Value::Null);
    play.until(1000);
    assert_eq!(play.times("booted").len(), 3);
    let mut refused = play_with(Fate::Healthy, |_| {}, &user_data("https://registrar.test"));
    refused.claim = always(503, Value::Null);
    refused.report = always(401, Value::Null);
    refused.until(1000);
    assert_eq!(refused.times("booted").len(), 1);
}

#[test]
fn an_interruption_notice_is_reported_while_something_runs() {
    let mut play = play(Fate::Healthy);
    play.until(20);
    play.instance.interruption_notice(play.now, start() + SignedDuration::from_secs(140));
    play.until(40);
    assert!(play.bodies("interrupted").is_empty(), "nothing runs yet");
    play.instance.interruption_notice(play.now, start() + SignedDuration::from_secs(160));
    play.until(41);
    assert_eq!(play.bodies("interrupted")[0]["detail"], json!({"at": "2026-03-01T12:02:40Z"}));
    assert_eq!(play.bodies("interrupted")[0]["token"], "report-token");
}

#[test]
fn a_killed_instance_is_silent_and_deaf() {
    let mut play = play(Fate::Healthy);
    play.claim = queue([None]);
    play.until(31);
    play.instance.kill(play.now);
    assert_eq!((play.instance.stage(), play.instance.next_at()), (Stage::Off, None));
    let reply = always(200, config()).next().unwrap();
    play.instance.reply(play.now, Tag(2), Some(&reply));
    assert!(play.instance.poll(play.now).is_empty());
    assert_eq!(play.instance.stage(), Stage::Off);
}

#[test]
fn a_reply_to_another_tag_and_a_second_reply_are_ignored() {
    let mut play = play(Fate::Healthy);
    play.claim = queue([None]);
    play.until(30);
    let retire = always(410, Value::Null).next().unwrap();
    play.instance.reply(play.now, Tag(99), Some(&retire));
    assert_eq!(play.instance.stage(), Stage::Claiming);
    play.until(61);
    // The claim at 30 has timed out, so its reply comes too late.
    play.instance.reply(play.now, Tag(2), Some(&retire));
    assert_eq!(play.instance.stage(), Stage::Claiming);
}

#[test]
fn no_secret_shows_in_what_is_printed() {
    let mut play = play(Fate::Healthy);
    play.until(60);
    let printed = format!("{:?} {:?}", play.instance, play.instance.power_on);
    for secret in ["boot-token", "jit-secret", "report-token", "role-secret", "role-token"] {
        assert!(!printed.contains(secret), "{secret}");
    }
}

/// Any reply at all: lost, or any status with a body that may or may not fit.
fn any_answer() -> impl Strategy<Value = Option<(u16, Value)>> {
    let status = prop_oneof![
        Just(200u16),
        Just(204),
        Just(400),
        Just(401),
        Just(403),
        Just(404),
        Just(409),
        Just(410),
        Just(429),
        Just(500),
        Just(503)
    ];
    let body = prop_oneof![
        Just(Value::Null),
        Just(config()),
        Just(job()),
        Just(json!({"type": "cancel"})),
        Just(json!({"session": "s1"})),
        Just(json!({"verdict": "allow"})),
        Just(json!({"verdict": "refuse", "retry_after": "7"})),
    ];
    prop_oneof![1 => Just(None), 6 => (status, body).prop_map(Some)]
}

fn any_route() -> impl Strategy<Value = Route> {
    proptest::collection::vec(any_answer(), 1..6).prop_map(|answers| Route(answers.into()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_is_answered_the_instance_is_off_in_bounded_time(
        routes in (any_route(), any_route(), any_route(), any_route(), any_route(), any_route(), any_route()),
        hostile: bool,
    ) {
        let mut play = play(if hostile { Fate::Hostile } else { Fate::Healthy });
        (play.claim, play.connect, play.message, play.started, play.finished, play.hook, play.report) = routes;
        // Unclaimed, then idle up to the job's limit, then a job up to its limit.
        play.until(30 + 1200 + 2 * 7200 + 1);
        prop_assert!(play.instance.powered_off(), "{:?}", play.instance);
    }
}
