//! registrar's answers to a report, one row for each code and each cause; and what a report changes.

use jit_control::effects::Response;
use jit_control::settings::Component;
use jit_control::token::Token;
use jit_domain::instance::{Instance, Stage as Reported};
use serde_json::{Value, json};

use self::With::{Boot, ReportToken, Text, Wait, WrongReportToken};
use crate::claim::{key, signed};
use crate::stage::{Booted, Stage, body_of, post};

const ANOTHER_ID: &str = "i-0fedcba9876543210";

/// The token that a report shows.
enum With {
    /// The boot token.
    Boot,
    /// The token of the 200.
    ReportToken,
    /// A wait token of the instance.
    Wait,
    /// A report token of another instance.
    WrongReportToken,
    /// This text.
    Text(&'static str),
}

/// When, the token, the stage, the status, and what the body says.
type Row<'a> = (&'a str, With, &'a str, u16, &'a str);

/// Plays each row in a world of its own, with one instance that was launched for a queued job and has booted.
#[track_caller]
fn check(rows: &[Row<'_>]) {
    let mut wrong = Vec::new();
    for (when, with, reported, status, said) in rows {
        let stage = Stage::new();
        let booted = stage.launch(1).remove(0);
        let token = match with {
            Boot => booted.token.clone(),
            ReportToken => claimed(&stage, &booted),
            Wait => signed(&stage, &Token::Wait(key(&booted.id))),
            WrongReportToken => signed(&stage, &Token::Report(key(ANOTHER_ID))),
            Text(text) => (*text).to_owned(),
        };
        let reply = send(&stage, &report(&booted.id, &token, reported, &json!({})));
        let body = String::from_utf8_lossy(reply.body()).into_owned();
        if reply.status() != *status || !body.contains(said) {
            wrong.push(format!("{when}: {}, {body}", reply.status()));
        }
    }
    assert!(wrong.is_empty(), "{} not as told:\n{}", wrong.len(), wrong.join("\n"));
}

/// Claims, and gives back the report token of the 200.
pub(crate) fn claimed(stage: &Stage, booted: &Booted) -> String {
    body_of(&stage.claims(booted))["report_token"].as_str().unwrap().to_owned()
}

pub(crate) fn report(instance_id: &str, token: &str, reported: &str, detail: &Value) -> Value {
    json!({ "v": 1, "token": token, "instance_id": instance_id, "stage": reported, "detail": detail })
}

pub(crate) fn send(stage: &Stage, report: &Value) -> Response {
    stage.call(Component::Registrar, Some(post("/v1/report", report.to_string().into_bytes())))
}

#[test]
fn a_report_takes_a_token_that_is_good_for_it() {
    check(&[
        ("booted, boot token", Boot, "booted", 200, "allow"),
        ("more than booted, boot token", Boot, "job_started", 401, "not good for this report"),
        ("booted, report token", ReportToken, "booted", 200, "allow"),
        ("the end, report token", ReportToken, "exited", 200, "allow"),
        ("wait token", Wait, "booted", 401, "not good for this report"),
        ("another's report token", WrongReportToken, "exited", 401, "another instance's"),
        ("nobody's token", Text("jr1.e30.AAAA"), "booted", 401, "not one that this deployment signed"),
        ("a stage that is none", Boot, "bored", 400, "stage is not one that is known"),
    ]);
}

#[test]
fn what_is_no_report_is_refused_by_its_form() {
    let stage = Stage::new();
    let booted = stage.launch(1).remove(0);
    let right = report(&booted.id, &booted.token, "booted", &json!({}));
    let mut newer = right.clone();
    newer["v"] = json!(2);
    for (body, status) in [
        (b"[".to_vec(), 400),
        (newer.to_string().into_bytes(), 400),
        (vec![b' '; (32 << 10) + 1], 413),
        (right.to_string().into_bytes(), 200),
    ] {
        let text = String::from_utf8_lossy(&body).into_owned();
        let reply = stage.call(Component::Registrar, Some(post("/v1/report", body)));
        assert_eq!(reply.status(), status, "{text}");
    }
    let request = post("/v1/report", right.to_string().into_bytes());
    let reply = stage.call_without_store(Component::Registrar, Some(request));
    assert_eq!((reply.status().as_u16(), reply.headers()["retry-after"].as_bytes()), (503, &b"5"[..]));
    stage.wait(30 * 60);
    assert_eq!(send(&stage, &right).status(), 401, "the boot token's time is over");
}

#[test]
fn a_report_moves_the_stage_forward_and_nothing_else() {
    let stage = Stage::new();
    let booted = stage.launch(1).remove(0);
    let token = claimed(&stage, &booted);
    let recorded = || stage.open::<Instance>().remove(0);
    let before = recorded();
    for (reported, furthest) in [("exited", Reported::Exited), ("agent_started", Reported::Exited)] {
        assert_eq!(send(&stage, &report(&booted.id, &token, reported, &json!({}))).status(), 200);
        let after = recorded();
        assert_eq!(after.stage, Some(furthest), "after {reported}");
        let unmoved = Instance { stage: before.stage, reports: before.reports, ..after };
        assert_eq!(unmoved, before, "{reported} ended, freed and re-ran nothing");
    }
}
