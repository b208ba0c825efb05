//! The agent and its job.

use super::*;

fn lost() -> Option<(u16, Value)> {
    None
}

fn nothing() -> Option<(u16, Value)> {
    Some((204, Value::Null))
}

#[test]
fn an_idle_agent_looks_for_a_job_until_there_is_one() {
    let mut play = play(Fate::Healthy);
    play.message = queue([nothing(), nothing(), nothing(), Some((200, job())), nothing()]);
    play.until(40);
    assert_eq!(&play.times("message")[..4], [30, 32, 34, 36]);
    assert_eq!(play.times("started"), [36]);
    assert_eq!(play.instance.job_id(), Some(7));
}

#[test]
fn an_agent_takes_its_time_to_start_and_connects_then() {
    let mut play = play_with(
        Fate::Healthy,
        |settings| settings.agent_start = SignedDuration::from_secs(4),
        &user_data("https://registrar.test"),
    );
    play.until(40);
    assert_eq!((play.times("claim"), play.times("connect")), (vec![30], vec![34]));
}

#[test]
fn a_job_runs_for_as_long_as_github_says_and_ends_as_it_says() {
    let mut play = play(Fate::Healthy);
    let mut failing = job();
    failing["conclusion"] = json!("failure");
    failing["duration_s"] = json!(12.5);
    play.message = queue([Some((200, failing)), nothing()]);
    play.until(200);
    assert_eq!(play.times("finished"), [42]);
    assert_eq!(play.bodies("finished")[0]["conclusion"], "failure");
    assert_eq!(play.bodies("job_finished")[0]["detail"], json!({"conclusion": "failure"}));
}

#[test]
fn the_hook_tells_the_registrar_what_the_job_is() {
    let mut play = play(Fate::Healthy);
    play.until(40);
    let report = play.bodies("job_started")[0];
    assert_eq!(
        (&report["v"], &report["token"], &report["instance_id"]),
        (&json!(1), &json!("report-token"), &json!(OWN))
    );
    let detail = json!({"repository": "o/r", "event": "push", "actor": "mona", "triggering_actor": "mona",
                        "run_id": "5", "run_attempt": 1, "job": "build"});
    assert_eq!(report["detail"], detail);
}

#[test]
fn a_refused_job_fails_before_its_first_step() {
    let mut play = play(Fate::Healthy);
    play.hook = always(200, json!({"verdict": "refuse", "reason": "fork"}));
    play.until(200);
    assert_eq!(play.times("finished"), [30]);
    assert_eq!(play.bodies("finished")[0]["conclusion"], "failure");
    assert_eq!(play.reached(Stage::Off), Some(30));
}

#[test]
fn a_hook_that_nobody_answers_refuses_after_a_minute_unless_told_otherwise() {
    let text = user_data("https://registrar.test");
    for (unanswered, conclusion) in [(UnansweredHook::Refuse, "failure"), (UnansweredHook::Allow, "success")]
    {
        for answer in [lost(), Some((503, Value::Null)), Some((200, json!({"verdict": "maybe"})))] {
            let mut play = play_with(Fate::Healthy, |settings| settings.unanswered_hook = unanswered, &text);
            play.hook = queue([answer]);
            play.until(600);
            assert_eq!(play.bodies("finished")[0]["conclusion"], conclusion);
            let ran = if unanswered == UnansweredHook::Allow { 90 } else { 0 };
            let late = play.times("finished")[0] - 30 - ran;
            assert!((60..=95).contains(&late), "{late}");
        }
    }
}

#[test]
fn a_hook_that_is_answered_late_still_counts() {
    let mut play = play(Fate::Healthy);
    play.hook = queue([lost(), Some((200, json!({"verdict": "allow"})))]);
    play.until(600);
    assert_eq!(play.bodies("finished")[0]["conclusion"], "success");
}

#[test]
fn a_busy_agent_shows_that_it_is_alive() {
    let mut play = play(Fate::Healthy);
    let mut long = job();
    long["duration_s"] = json!(600);
    play.message = queue([Some((200, long)), nothing()]);
    play.until(600);
    let times = play.times("message");
    assert!(times.len() > 20 && times.windows(2).all(|pair| pair[1] - pair[0] < 50));
}

#[test]
fn a_cancelled_job_ends_as_cancelled_and_once() {
    let mut play = play(Fate::Healthy);
    play.message = queue([Some((200, job())), Some((200, json!({"type": "cancel", "job_id": 7})))]);
    play.finished = queue([lost(), Some((200, json!({})))]);
    play.until(600);
    let conclusions: Vec<_> = play.bodies("finished").iter().map(|body| body["conclusion"].clone()).collect();
    assert_eq!(conclusions, ["cancelled", "cancelled"], "repeated only because the first reply was lost");
    assert_eq!(play.times("finished")[0], 50);
}

#[test]
fn an_agent_whose_registration_is_gone_exits() {
    let mut play = play(Fate::Healthy);
    play.message = queue([nothing(), Some((404, Value::Null))]);
    play.until(600);
    assert_eq!(play.bodies("exited")[0]["detail"], json!({"reason": "registration gone"}));
    assert_eq!(play.reached(Stage::Off), Some(32));
    assert!(play.times("started").is_empty());
}

#[test]
fn a_config_that_github_refuses_ends_the_instance() {
    for status in [401, 404, 409] {
        let mut play = play(Fate::Healthy);
        play.connect = always(status, Value::Null);
        play.until(600);
        assert_eq!(play.bodies("exited")[0]["detail"], json!({"reason": "jit config refused"}));
        assert_eq!(play.times("connect").len(), 1);
    }
}

#[test]
fn a_github_that_does_not_answer_is_tried_five_times() {
    let mut play = play(Fate::Healthy);
    play.connect = always(502, Value::Null);
    play.until(600);
    assert_eq!(play.times("connect").len(), 5);
    assert_eq!(play.bodies("exited")[0]["detail"], json!({"reason": "github unreachable"}));
}

#[test]
fn a_start_whose_reply_is_lost_is_repeated() {
    let mut play = play(Fate::Healthy);
    play.started = queue([lost(), Some((200, json!({})))]);
    play.until(600);
    assert_eq!(play.times("started").len(), 2);
    assert_eq!(play.bodies("finished")[0]["conclusion"], "success");
}

#[test]
fn a_job_given_to_somebody_else_is_not_run() {
    let mut play = play(Fate::Healthy);
    play.started = always(409, Value::Null);
    play.until(100);
    assert_eq!((play.instance.stage(), play.instance.job_id()), (Stage::Idle, None));
    assert!(play.times("job_started").is_empty());
}

#[test]
fn an_end_whose_reply_is_lost_is_repeated() {
    let mut play = play(Fate::Healthy);
    play.finished = queue([lost(), Some((500, Value::Null)), Some((200, json!({})))]);
    play.until(600);
    assert_eq!(play.times("finished").len(), 3);
    assert_eq!(play.times("job_finished").len(), 1);
}

#[test]
fn a_job_may_run_its_whole_limit_however_long_the_agent_idled() {
    let mut play = play(Fate::Healthy);
    let mut endless = job();
    endless["duration_s"] = json!(100_000);
    let mut answers = vec![nothing(); 500];
    answers.extend([Some((200, endless)), nothing()]);
    play.message = Route(answers.into());
    play.until(20_000);
    let began = play.reached(Stage::Busy).unwrap();
    assert!(began > 1000);
    assert_eq!(play.reached(Stage::Off), Some(began + 7200));
}

#[test]
fn a_last_report_that_nobody_takes_holds_the_power_off_up_for_ten_seconds_only() {
    let mut play = play(Fate::Healthy);
    play.report = queue([lost()]);
    play.until(600);
    assert_eq!(play.reached(Stage::Off), Some(play.reached(Stage::Leaving).unwrap() + 10));
}
