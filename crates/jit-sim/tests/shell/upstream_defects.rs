//! The defects found in the project that this one follows, as far as GitHub's and AWS's own answers could bring them back: a test
//! for each shows its absence. Where the others are is said in jit-domain's test of the same name.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jit_control::cloud::Clouds;
use jit_control::effects::memory::MemoryEffects;
use jit_control::effects::{Effects, KeyValue, Request, Response, SendError};
use jit_control::limits;
use jit_control::message::Message;
use jit_control::settings::{Component, Keeper, KeeperSettings};
use jit_control::shell::{Shell, put};
use jit_control::stored::Stored as _;
use jit_control::time::jiff_time;
use jit_domain::class::Class;
use jit_domain::ids::{Cloud, JobId, Region};
use jit_domain::job::{Job, JobPhase};
use jit_fakes::cloud::{Fault, Principal};
use jit_fakes::github::{FaultEffect, FaultRule, Operation, Phase};
use jit_sim::world::{PRINCIPALS, access_key_id, secret_access_key, secrets};
use serde_json::json;

use crate::github::{jobs, runners, tokens};
use crate::stage::{REGION, Stage, body_of, post};

fn launched(stage: &Stage) -> usize {
    stage.world.borrow().aws.instances().count()
}

/// Cancels all runs and lets lifecycle hear of it.
fn cancel(stage: &Stage) {
    let now = jiff_time(stage.effects.now());
    let runs: Vec<_> = stage.world.borrow().github.runs().map(|run| run.id).collect();
    for run in runs {
        stage.world.borrow_mut().github.cancel(now, run);
    }
    stage.deliver();
    stage.tick(Component::Lifecycle);
}

#[test]
fn u01_the_gap_that_rebalancer_finds_scaleup_launches() {
    let stage = Stage::new();
    let id = stage.launch(1).remove(0).id;
    stage.wait(60);
    assert!(stage.world.borrow_mut().aws.interrupt_without_notice(&id, jiff_time(stage.effects.now())));
    stage.wait(60);
    stage.tick(Component::Rebalancer);
    let waiting: Vec<String> = stage.effects.keys().into_iter().filter(|key| key.starts_with("q/")).collect();
    let [key] = &waiting[..] else { panic!("one message waits: {waiting:?}") };
    let class = stage.open::<Class>().remove(0).identity.key();
    assert_eq!(Message::decode(&stage.effects.value(key).unwrap()), Ok(Message::Class(class)));
    assert_eq!(launched(&stage), 1, "rebalancer launches nothing");
    stage.tick(Component::Scaleup);
    assert_eq!(launched(&stage), 2);
    assert!(stage.effects.value(key).is_none(), "the message is done");
}

#[test]
fn u02_a_queued_job_of_a_run_in_progress_is_found_and_launched_for() {
    let stage = Stage::new();
    stage.queue(3);
    stage.deliver_but(1);
    stage.tick(Component::Scaleup);
    assert_eq!((launched(&stage), stage.open::<Job>().len()), (2, 2), "the third delivery was lost");
    let first = {
        let world = stage.world.borrow();
        let instance = world.aws.instances().next().unwrap();
        crate::stage::Booted::of(&instance.id, instance.user_data())
    };
    stage.begin_job(&stage.claims(&first));
    stage.deliver();
    stage.tick(Component::Lifecycle);
    let runs: Vec<_> = stage.world.borrow().github.runs().map(|run| run.status).collect();
    assert_eq!(runs, ["in_progress"]);
    stage.wait(121);
    stage.tick(Component::Rebalancer);
    let phases: Vec<JobPhase> = stage.open::<Job>().iter().map(|job| job.phase).collect();
    assert_eq!(phases.iter().filter(|phase| **phase == JobPhase::Queued).count(), 2, "{phases:?}");
    stage.tick(Component::Scaleup);
    assert_eq!(launched(&stage), 3);
}

/// A life in which each function does all that it may do in the cloud; what AWS answered, by function and action.
fn life(stage: &Stage) -> BTreeMap<(String, String), BTreeSet<String>> {
    let booted = stage.launch(1);
    stage.wait(30);
    stage.tick(Component::Rebalancer);
    cancel(stage);
    for instance in &booted {
        assert_eq!(stage.claims(instance).status(), 410, "nobody needs it, so it is retired");
    }
    stage.wait(61);
    stage.tick(Component::Lifecycle);
    stage.launch(1);
    for key in stage.effects.keys() {
        stage.effects.run(stage.effects.key_value(KeyValue::Delete(key))).unwrap().unwrap();
    }
    stage.wait(301);
    stage.tick(Component::Scaledown);
    let mut answers: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for request in
        stage.world.borrow().aws.requests().keys().filter(|request| request.action != "GetCallerIdentity")
    {
        let who = (request.caller.clone(), request.action.clone());
        answers.entry(who).or_default().insert(request.outcome.clone());
    }
    answers
}

#[test]
fn u08_the_rights_of_each_function_suffice() {
    let ok = || BTreeSet::from(["ok".to_owned()]);
    let wanted = [
        ("lifecycle", "TerminateInstances"),
        ("rebalancer", "DescribeInstances"),
        ("scaledown", "DescribeInstances"),
        ("scaledown", "TerminateInstances"),
        ("scaleup", "RunInstances"),
    ];
    let wanted = wanted.map(|(who, action)| ((who.to_owned(), action.to_owned()), ok()));
    assert_eq!(life(&Stage::new()), BTreeMap::from(wanted));
}

#[test]
fn u08_each_right_of_a_function_is_needed() {
    for (name, rights) in PRINCIPALS {
        for missing in rights {
            let stage = Stage::new();
            let left: Vec<&str> = rights.iter().copied().filter(|right| right != missing).collect();
            let (id, secret) = (access_key_id(name), secret_access_key(name));
            stage.world.borrow_mut().aws.add_principal(Principal::new(name, &id, secret.into(), &left));
            let refused: BTreeSet<String> = life(&stage)
                .into_iter()
                .filter(|(_, outcomes)| outcomes.contains("UnauthorizedOperation"))
                .map(|((who, _), _)| who)
                .collect();
            assert_eq!(refused, BTreeSet::from([name.to_owned()]), "without {missing}");
        }
    }
}

/// How often EC2 was asked for instances.
fn listings(stage: &Stage) -> usize {
    stage.sent.borrow().iter().filter(|sent| sent.body.contains("DescribeInstances")).count()
}

#[test]
fn u09_every_page_of_a_listing_is_read() {
    let stage = Stage::new();
    let booted = stage.launch(5);
    let run = stage.world.borrow().github.runs().next().unwrap().id;
    for instance in &booted {
        assert_eq!(stage.claims(instance).status(), 200);
    }
    stage.world.borrow_mut().github.settings_mut().limits.page_max = 2;
    stage.world.borrow_mut().aws.limits_mut().describe_page_max = 2;
    stage.sent.borrow_mut().clear();
    let pages = |path: &str| stage.sent.borrow().iter().filter(|sent| sent.path.ends_with(path)).count();
    assert_eq!(runners(&stage, Component::Rebalancer), 5);
    assert_eq!(pages("/runners"), 3);
    assert_eq!(jobs(&stage, run, true), Some(5));
    assert_eq!(pages("/jobs"), 3);
    assert_eq!(jobs(&stage, run, true), Some(5), "what has several pages is known by none of them");

    let effects = stage.effects.another();
    let shell = Shell::new(&effects, Component::Rebalancer, stage.policy(), None).expect("records are here");
    let variable = |name: &str| stage.variables.get(name).cloned();
    let settings = KeeperSettings::read(Keeper::Rebalancer, variable).unwrap();
    let clouds = Clouds::new(&shell, &settings.aws);
    let listed = effects.run(clouds.live(Cloud::Aws, &Region::new(REGION))).unwrap().unwrap();
    let ids: BTreeSet<&str> = listed.keys().map(|key| key.id.as_str()).collect();
    assert_eq!(ids, booted.iter().map(|instance| instance.id.as_str()).collect());
    assert_eq!(listings(&stage), 3);
}

#[test]
fn u09_a_listing_without_one_of_its_pages_is_none() {
    let stage = Stage::new();
    stage.launch(5);
    stage.wait(30);
    stage.world.borrow_mut().aws.limits_mut().describe_page_max = 2;
    stage.world.borrow_mut().aws.faults.on_nth("DescribeInstances", 3, Fault::refused(500, "InternalError"));
    let before = stage.open::<jit_domain::instance::Instance>();
    stage.wait(600);
    stage.tick(Component::Rebalancer);
    let after = stage.open::<jit_domain::instance::Instance>();
    assert_eq!(listings(&stage), 3);
    assert_eq!(after.len(), before.len(), "nobody is gone for being on a page that did not come");
}

#[test]
fn u09_what_a_page_shows_counts_though_a_later_page_did_not_come() {
    let stage = Stage::new();
    let booted = stage.launch(5);
    stage.wait(30);
    let now = jiff_time(stage.effects.now());
    assert!(stage.world.borrow_mut().aws.power_off(&booted[0].id, now));
    stage.wait(120);
    stage.world.borrow_mut().aws.limits_mut().describe_page_max = 2;
    stage.world.borrow_mut().aws.faults.on_nth("DescribeInstances", 2, Fault::refused(500, "InternalError"));
    stage.tick(Component::Rebalancer);
    let open = stage.open::<jit_domain::instance::Instance>();
    assert!(
        open.iter().all(|instance| instance.key.id != booted[0].id),
        "it was on the first page, and has ended"
    );
    assert_eq!(open.len(), 4, "the others are on later pages");
}

#[test]
fn u09_a_sweep_is_not_told_of_what_has_ended() {
    let stage = Stage::new();
    let booted = stage.launch(5);
    stage.wait(30);
    let now = jiff_time(stage.effects.now());
    assert!(booted.iter().skip(1).all(|ended| stage.world.borrow_mut().aws.power_off(&ended.id, now)));
    stage.wait(120);
    stage.world.borrow_mut().aws.limits_mut().describe_page_max = 1;
    stage.sent.borrow_mut().clear();
    stage.tick(Component::Scaledown);
    assert_eq!(listings(&stage), 1);
}

#[test]
fn u09_every_page_of_open_records_is_read() {
    let stage = Stage::new();
    stage.queue(1);
    stage.deliver();
    stage.tick(Component::Scaleup);
    let job = stage.open::<Job>().remove(0);
    let effects = stage.effects.another();
    let shell = Shell::new(&effects, Component::Scaleup, stage.policy(), None).expect("records are here");
    for id in 1..=1_000 {
        let another = Job { id: JobId(id), ..job.clone() };
        assert!(effects.run(shell.commit(vec![put(&Job::key(another.id), 0, &another)])).unwrap().unwrap());
    }
    let open: BTreeSet<JobId> = stage.open::<Job>().iter().map(|job| job.id).collect();
    assert_eq!(open.len(), 1_001, "500 are on a page");
}

/// Passes everything on, and keeps how long each request may take.
struct Timed {
    effects: MemoryEffects,
    timeouts: RefCell<Vec<(String, Duration)>>,
}

impl Effects for Timed {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, SendError> {
        self.timeouts.borrow_mut().push((request.uri().path().to_owned(), timeout));
        self.effects.send(request, timeout).await
    }

    jit_control::passes_on! { effects: key_value, now, random, sleep, log }
}

#[test]
fn u13_a_token_is_asked_for_once_within_a_bound_by_a_clock_that_may_be_wrong() {
    let stage = Stage::new();
    let booted = stage.launch(2);
    stage.wait(600);
    stage.ahead.set(Duration::from_secs(59));
    let timed = Timed { effects: stage.effects.another(), timeouts: RefCell::default() };
    for instance in &booted {
        let claim = stage.claim(instance, &instance.token).to_string().into_bytes();
        let reply = stage.call_on(&timed, Component::Registrar, Some(post("/v1/claim", claim)));
        assert_eq!(reply.status(), 200, "{:?}", stage.effects.logged());
    }
    assert_eq!(tokens(&stage).len(), 1);
    let timeouts = timed.timeouts.into_inner();
    assert!(timeouts.iter().any(|(path, _)| path.ends_with("/access_tokens")), "{timeouts:?}");
    assert!(timeouts.iter().all(|(_, timeout)| *timeout <= limits::CALL_TIMEOUT), "{timeouts:?}");
}

#[test]
fn u13_github_is_left_alone_for_as_long_as_it_asks() {
    let stage = Stage::new();
    let booted = stage.launch(2);
    let too_fast = FaultRule::next(Operation::GenerateJitConfig, FaultEffect::TooFast(20));
    stage.world.borrow_mut().github.add_fault(too_fast);
    stage.claims(&booted[0]);
    let asked = || stage.sent.borrow().iter().filter(|sent| sent.host == "api.github.com").count();
    let before = asked();
    for (seconds, is_asked) in [(0, false), (19, false), (1, true)] {
        stage.wait(seconds);
        let status = stage.claims(&booted[1]).status();
        assert_eq!(
            (asked() > before, status == 200),
            (is_asked, is_asked),
            "after {seconds} s more: {status}"
        );
    }
}

#[test]
fn u15_a_walk_through_the_offerings_stops_in_time_and_goes_on_at_the_next_tick() {
    let stage = Stage::new();
    let full = Fault::refused(400, "InsufficientInstanceCapacity");
    stage.world.borrow_mut().aws.faults.on_next("RunInstances", 4, full);
    stage.latency.set(Duration::from_secs(4));
    stage.queue(1);
    stage.deliver();
    let places = || -> Vec<(bool, String)> {
        let sent = stage.sent.borrow();
        let launches = sent.iter().filter(|sent| sent.body.contains("Action=RunInstances"));
        launches
            .map(|sent| {
                let subnet = sent.body.split('&').find(|pair| pair.contains("SubnetId=")).unwrap();
                (sent.body.contains("MarketType=spot"), subnet.to_owned())
            })
            .collect()
    };
    stage.tick(Component::Scaleup);
    assert_eq!(places().len(), 2, "none starts later than 6 s into the invocation");
    stage.tick(Component::Scaleup);
    let places = places();
    assert_eq!(
        places.iter().collect::<BTreeSet<_>>().len(),
        4,
        "both subnets, spot and on-demand: {places:?}"
    );
    assert_eq!(places.iter().map(|(is_spot, _)| *is_spot).collect::<Vec<_>>(), [true, true, false, false]);
}

#[test]
fn u19_user_data_and_tags_hold_no_secret_but_the_boot_token() {
    let stage = Stage::new();
    let booted = stage.launch(1).remove(0);
    assert_eq!(booted.user_data.matches(&booted.token).count(), 1);
    let world = stage.world.borrow();
    assert_eq!(world.github.runners().count(), 0, "there is no JIT config yet");
    let instance = world.aws.instances().next().unwrap();
    let tags = format!("{:?} {:?}", instance.tags, instance.volume_tags);
    assert!(!tags.contains(&booted.token), "{tags}");
    let rest = booted.user_data.replace(&booted.token, "");
    let access_keys = PRINCIPALS.map(|(name, _)| access_key_id(name));
    for secret in secrets().iter().chain(&access_keys).map(String::as_str).chain(["PRIVATE KEY", "ghs_"]) {
        assert!(!rest.contains(secret) && !tags.contains(secret), "found {} bytes of a secret", secret.len());
    }
}

#[test]
fn u19_an_instance_cannot_claim_in_another_s_name() {
    let stage = Stage::new();
    let booted = stage.launch(2);
    let (own, sibling) = (&booted[0], &booted[1]);
    let mut claim = stage.claim(own, &own.token);
    claim["instance_id"] = json!(sibling.id);
    assert_eq!(stage.send_claim(&claim).status(), 403);
    assert_eq!(stage.world.borrow().github.runners().count(), 0);
    assert_eq!(stage.claims(sibling).status(), 200, "and the sibling's claim is as good as before");
}

#[test]
fn u19_what_the_job_finds_on_its_instance_gets_no_second_config() {
    let stage = Stage::new();
    let booted = stage.launch(1).remove(0);
    let reply = stage.claims(&booted);
    stage.begin_job(&reply);
    stage.deliver();
    stage.tick(Component::Lifecycle);
    let phase = stage.world.borrow().github.jobs().next().unwrap().phase;
    assert!(matches!(phase, Phase::InProgress(_)), "{phase:?}");
    let report_token = body_of(&reply)["report_token"].as_str().unwrap().to_owned();
    assert_eq!(stage.send_claim(&stage.claim(&booted, &report_token)).status(), 401);
    assert_eq!(stage.claims(&booted).status(), 409);
    assert_eq!(stage.world.borrow().github.runners().count(), 1);
}
