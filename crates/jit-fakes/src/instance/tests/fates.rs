//! What goes wrong with single instances.

use super::*;

#[test]
fn an_instance_that_never_boots_does_nothing_at_all() {
    let mut play = play(Fate::NeverBoots);
    play.until(100_000);
    assert_eq!((play.calls.len(), play.instance.stage(), play.instance.next_at()), (0, Stage::Booting, None));
    play.instance.kill(play.now);
    assert!(play.instance.powered_off());
}

#[test]
fn a_slow_instance_boots_that_much_later() {
    let mut play = play(Fate::BootsSlowly(SignedDuration::from_secs(500)));
    play.until(600);
    assert_eq!(play.times("booted"), [530]);
}

#[test]
fn late_metadata_delay_the_claim_but_not_the_first_report_nor_the_dead_man() {
    let mut play = play(Fate::MetadataLate(SignedDuration::from_secs(100)));
    play.claim = always(503, Value::Null);
    play.until(5000);
    assert_eq!((play.times("booted"), play.times("claim")[0]), (vec![30], 130));
    assert_eq!(play.reached(Stage::Off), Some(1230));
}

#[test]
fn a_boot_script_that_fails_says_so_and_claims_nothing() {
    let mut play = play(Fate::BootScriptFails);
    play.until(600);
    assert_eq!(play.routes(), ["booted", "exited"]);
    assert!(play.instance.powered_off());
}

#[test]
fn a_claim_whose_reply_is_lost_is_made_again() {
    let mut play = play(Fate::ClaimReplyLost(2));
    play.until(100);
    assert_eq!(play.times("claim").len(), 3);
    assert_eq!(play.times("connect").len(), 1);
}

#[test]
fn an_agent_that_exits_at_once_never_connects() {
    let mut play = play(Fate::AgentExitsAtOnce);
    play.until(600);
    assert_eq!(play.routes(), ["booted", "claim", "agent_started", "exited"]);
    assert_eq!(play.reached(Stage::Off), Some(30));
}

#[test]
fn an_agent_that_hangs_is_ended_by_the_dead_man() {
    let mut play = play(Fate::AgentHangs);
    play.until(20_000);
    assert_eq!(play.routes(), ["booted", "claim", "connect", "agent_started"]);
    assert!(play.times("message").is_empty());
    assert_eq!(play.reached(Stage::Off), Some(30 + 7200));
}

#[test]
fn a_machine_that_dies_in_its_job_falls_silent_with_the_power_on() {
    let mut play = play(Fate::MachineDies(SignedDuration::from_secs(10)));
    play.until(100_000);
    assert_eq!(play.reached(Stage::Silent), Some(40));
    assert!(!play.instance.powered_off() && play.times("finished").is_empty());
    play.instance.kill(play.now);
    assert!(play.instance.powered_off());
}

#[test]
fn a_hostile_job_claims_during_and_after_its_job_in_both_names_with_both_tokens() {
    let mut play = play(Fate::Hostile);
    play.claim = queue([Some((200, config())), Some((410, Value::Null))]);
    play.until(600);
    let tried: Vec<_> = play
        .instance
        .attacks()
        .iter()
        .map(|(attack, status)| (attack.instance_id.as_str(), attack.token, attack.after_job, *status))
        .collect();
    let mut expected = Vec::new();
    for after_job in [false, true] {
        for id in [OWN, SIBLING] {
            expected.extend([(id, "claim", after_job, Some(410)), (id, "report", after_job, Some(410))]);
        }
    }
    assert_eq!(tried, expected);
    let tokens: Vec<_> = play.bodies("claim").iter().map(|body| body["token"].clone()).collect();
    assert_eq!(&tokens[1..3], ["boot-token", "report-token"]);
    assert!(play.instance.powered_off());
}

#[test]
fn a_hostile_job_keeps_its_booty_in_the_record() {
    let mut play = play(Fate::Hostile);
    play.until(600);
    assert!(play.instance.attacks().iter().all(|(_, status)| *status == Some(200)));
    assert_eq!(play.times("connect").len(), 1, "a second config is noted, not used");
}
