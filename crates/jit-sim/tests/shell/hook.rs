//! registrar's verdicts on jobs that are about to start: one row for each rule, with how often GitHub was asked for the run.

use jit_control::effects::{Effects as _, Response};
use jit_control::settings::Component;
use jit_control::time::jiff_time;
use jit_control::token::Token;
use jit_domain::job::Job;
use jit_fakes::github::{
    Conclusion, FaultEffect, FaultRule, JobSpec, Operation, RunId, Visibility, WorkflowSpec,
};
use serde_json::{Value, json};

use crate::claim::{key, signed};
use crate::report::{claimed, report, send};
use crate::stage::{Booted, LABELS, Stage, body_of};

/// The run that is asked about.
#[derive(Clone, Copy, Debug)]
enum Run {
    /// That of the job on whose account the instance was launched.
    Known,
    /// One of which no delivery has arrived.
    Unheard,
    /// As before, of a pull request of the repository itself.
    OwnPullRequest,
    /// As before, of a change from a fork.
    Fork,
    /// As before, in a public repository.
    Public,
    /// One that there is not.
    None,
}

/// An instance that was given a JIT config, and what its job may be.
struct Play {
    stage: Stage,
    booted: Booted,
    token: String,
}

impl Play {
    /// With these lines in `[pool.allow]`.
    fn new(allow: &str) -> Self {
        let mut stage = Stage::new();
        let header = "[pool.allow]\n";
        let rules = |text: String| {
            assert!(text.contains(header), "the shipped file has the table");
            text.replace(header, &format!("{header}{allow}\n"))
        };
        let booted = stage.launch(1).remove(0);
        let token = claimed(&stage, &booted);
        stage.configuration = stage.configuration.map(rules);
        Self { stage, booted, token }
    }

    fn run(&self, run: Run) -> (u64, &'static str) {
        let start = |repository: &str, visibility, change: fn(WorkflowSpec) -> WorkflowSpec| {
            let job = JobSpec::new("test", &LABELS).lasting(600, Conclusion::Success);
            let world = &mut *self.stage.world.borrow_mut();
            let repository = match visibility {
                None => world.repository,
                Some(visibility) => world.github.add_repository(world.organisation, repository, visibility),
            };
            let now = jiff_time(self.stage.effects.now());
            let RunId(id) =
                world.github.start_run(now, repository, change(WorkflowSpec::new("CI", vec![job]))).unwrap();
            id
        };
        match run {
            Run::Known => (self.stage.open::<Job>()[0].run.0, "octo-org/app"),
            Run::Unheard => (start("app", None, |spec| spec), "octo-org/app"),
            Run::OwnPullRequest => {
                let pull_request = |spec| WorkflowSpec { event: "pull_request".into(), ..spec };
                (start("app", None, pull_request), "octo-org/app")
            }
            Run::Fork => (start("app", None, |spec| spec.from_fork_of("eve")), "octo-org/app"),
            Run::Public => (start("open", Some(Visibility::Public), |spec| spec), "octo-org/open"),
            Run::None => (999_999_999, "octo-org/app"),
        }
    }

    fn ask(&self, detail: &Value) -> Response {
        send(&self.stage, &report(&self.booted.id, &self.token, "job_started", detail))
    }

    /// How often GitHub was asked for a run.
    fn asked(&self) -> usize {
        self.stage.sent.borrow().iter().filter(|sent| sent.path.contains("/actions/runs/")).count()
    }
}

fn detail(run: u64, repository: &str, event: &str) -> Value {
    json!({ "repository": repository, "event": event, "actor": "mona", "triggering_actor": "mona",
        "run_id": run.to_string(), "run_attempt": "1", "job": "test" })
}

/// When, `[pool.allow]`, the run, the event that the hook names, the reason of a refusal, and how often GitHub was asked.
type Row<'a> = (&'a str, &'a str, Run, &'a str, Option<&'a str>, usize);

/// Nothing is refused.
const OPEN: &str = "forks = true\npublic_repositories = true";

#[test]
fn a_job_starts_only_if_the_rules_of_its_pool_allow_what_is_known_of_its_run() {
    let rows: &[Row<'_>] = &[
        ("the ledger knows the run", "", Run::Known, "push", None, 0),
        ("the ledger does not know the run", "", Run::Unheard, "push", None, 1),
        ("a pull request of its own", "", Run::OwnPullRequest, "pull_request", None, 1),
        ("a pull request from a fork", "", Run::Fork, "pull_request", Some("fork_not_allowed"), 1),
        ("a fork that is said to be a push", "", Run::Fork, "push", Some("fork_not_allowed"), 1),
        ("a fork where forks are allowed", "forks = true", Run::Fork, "pull_request", None, 1),
        ("an event that will be", "", Run::Unheard, "moon_phase", None, 1),
        ("an event that is no word", "", Run::Known, "\"verdict\":\"allow", None, 1),
        ("a public repository", "", Run::Public, "push", Some("public_repository_not_allowed"), 1),
        ("a public one, allowed", "public_repositories = true", Run::Public, "push", None, 1),
        ("no such run", "", Run::None, "push", Some("run_not_known"), 1),
        ("everything is allowed", OPEN, Run::Fork, "pull_request", None, 0),
        ("an event of the list", "events = [\"push\"]", Run::Known, "push", None, 0),
        ("another event", "events = [\"release\"]", Run::Known, "push", Some("event_not_allowed"), 0),
        (
            "an event of the list that is a lie",
            "events = [\"push\"]\nforks = true",
            Run::Fork,
            "push",
            Some("event_not_allowed"),
            1,
        ),
        ("an actor of the list", "actors = [\"Mona\"]", Run::Known, "push", None, 0),
        ("another actor", "actors = [\"eve\"]", Run::Known, "push", Some("actor_not_allowed"), 0),
        (
            "another organisation",
            "organisations = [\"other\"]",
            Run::Known,
            "push",
            Some("organisation_not_allowed"),
            0,
        ),
    ];
    let mut wrong = Vec::new();
    for (when, allow, run, event, refusal, asked) in rows {
        let play = Play::new(allow);
        let (id, repository) = play.run(*run);
        let reply = play.ask(&detail(id, repository, event));
        let body = body_of(&reply);
        let verdict = if refusal.is_none() { "allow" } else { "refuse" };
        let told = (reply.status().as_u16(), body["verdict"].as_str(), body["reason"].as_str(), play.asked());
        if told != (200, Some(verdict), *refusal, *asked) {
            wrong.push(format!("{when}: {told:?}, {body}"));
        }
    }
    assert!(wrong.is_empty(), "{} not as told:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_job_whose_repository_is_not_the_pool_s_or_not_told_is_refused_without_a_question() {
    let only = |names: &str| format!("repositories = [{names}]");
    const ANOTHER_ID: &str = "i-0fedcba9876543210";
    for (when, listed, id, repository, verdict) in [
        ("everybody is served", "", None, json!("octo-org/app"), "allow"),
        ("it is served", "\"octo-org/app\"", None, json!("octo-org/app"), "allow"),
        ("another is served", "\"octo-org/other\"", None, json!("octo-org/app"), "refuse"),
        ("another owner's", "", None, json!("evil-org/app"), "refuse"),
        ("no repository", "", None, Value::Null, "refuse"),
        ("no name of one", "", None, json!(["octo-org/app"]), "refuse"),
        ("nobody's instance", "", Some(ANOTHER_ID), json!("octo-org/app"), "refuse"),
    ] {
        let mut play = Play::new("");
        let (run, _) = play.run(Run::Known);
        play.stage.configuration =
            play.stage.configuration.map(|text| text.replace(&only(""), &only(listed)));
        let mut told = detail(run, "octo-org/app", "push");
        told["repository"] = repository;
        let id = id.unwrap_or(&play.booted.id);
        let token = signed(&play.stage, &Token::Report(key(id)));
        let reply = send(&play.stage, &report(id, &token, "job_started", &told));
        assert_eq!(
            (reply.status().as_u16(), body_of(&reply)["verdict"].as_str()),
            (200, Some(verdict)),
            "{when}"
        );
        assert_eq!(play.asked(), 0, "{when}");
    }
}

#[test]
fn without_an_answer_of_github_there_is_no_verdict_and_the_instance_asks_again() {
    let play = Play::new("");
    let (run, repository) = play.run(Run::Fork);
    let rule = FaultRule::next(Operation::GetRun, FaultEffect::Fails(502));
    play.stage.world.borrow_mut().github.add_fault(rule);
    let told = detail(run, repository, "pull_request");
    let reply = play.ask(&told);
    assert_eq!((reply.status().as_u16(), reply.headers()["retry-after"].as_bytes()), (503, &b"5"[..]));
    assert_eq!(body_of(&play.ask(&told))["reason"], "fork_not_allowed");
}

#[test]
fn a_delivery_of_a_job_that_every_pool_refuses_launches_nothing() {
    let play = Play::new("");
    play.run(Run::Public);
    let replies: Vec<(u16, String)> = (play.stage.deliveries().into_iter())
        .map(|delivery| play.stage.call(Component::Webhook, Some(delivery)))
        .map(|reply| (reply.status().as_u16(), String::from_utf8_lossy(reply.body()).into_owned()))
        .collect();
    assert_eq!(replies.len(), 1);
    let (status, said) = &replies[0];
    assert!(*status == 202 && said.contains("`pool.allow.public_repositories`"), "{status} {said}");
    play.stage.tick(Component::Scaleup);
    assert_eq!(play.stage.open::<Job>().len(), 1, "the job on whose account there is an instance");
}
