//! registrar: what becomes of a registration that goes wrong half-way, and whose reports are taken.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use jit_aws::{Credentials, Endpoint, Region, Service, sts};
use jit_control::effects::Effects as _;
use jit_control::registrar;
use jit_control::settings::Component;
use jit_control::token::{self, Token};
use jit_domain::class::{Batch, Class, Outcome, Template, Try};
use jit_domain::ids::{BatchId, Digest, JobId};
use jit_domain::instance::{Instance, InstancePhase};
use jit_domain::job::Job;
use jit_domain::policy::{Machine, MachineSelection};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::world::registrar as settings;
use crate::world::{
    START, World, claimed, class, identity, jit_config, key, launched, policy, queued, reply, runners,
};

const ID: &str = "i-0123456789abcdef0";
const NAMES: [&str; 2] = ["jit-i-0123456789abcdef0-1", "jit-i-0123456789abcdef0-2"];

fn post(world: &World, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = http::Request::post(format!("https://runners.example.com{path}"));
    let request = request.body(body.to_string().into_bytes()).expect("a request");
    let shell = world.shell(Component::Registrar);
    let reply = world.run(registrar::answer(&shell, &settings(), &request));
    let body = serde_json::from_slice(reply.body()).unwrap_or(Value::Null);
    (reply.status(), body)
}

fn signed(token: &Token) -> String {
    let keys = settings().claim_keys;
    token::sign(token, START + Duration::from_secs(7_200), &keys.current).expose_secret().to_owned()
}

/// A claim with a right token and a right identity.
fn claim(world: &World) -> (StatusCode, Value) {
    let region = Region::parse("us-east-1").expect("a region");
    let endpoint = Endpoint::regional(Service::Sts, region.clone());
    let credentials = Credentials::new("ASIAEXAMPLE", "secret").with_session_token("token");
    let now = i64::try_from(world.now().as_s()).expect("a time of this age");
    let now = jiff::Timestamp::from_second(now).expect("a time of this age");
    let request = sts::caller_identity_request(&endpoint, "runners.example.com", &credentials, now);
    let identity = sts::identity_json(&region, &request.expect("a signature"));
    let token = signed(&Token::Wait(key(ID)));
    let body = json!({ "v": 1, "token": token, "cloud": "aws", "instance_id": ID, "identity": identity });
    post(world, "/v1/claim", &body)
}

/// A job that waits for the instance.
fn with_a_job(world: &World, instance: &Instance) {
    world.record(&identity().key(), &class());
    world.record(&instance.key, instance);
    let permitted = Job { permit: Some(instance.key.clone()), ..queued(11, "octo/app", START) };
    world.record(JobId(11), &permitted);
}

#[test]
fn a_registration_whose_record_cannot_be_written_is_undone() {
    let world = World::new(|_| None);
    let refuses = std::rc::Rc::clone(&world.refuses);
    world.bend(move |what| {
        what.contains("/generate-jitconfig").then(|| {
            *refuses.borrow_mut() = Some("instance/");
            jit_config(71, NAMES[0])
        })
    });
    with_a_job(&world, &launched(ID, START));
    let (status, body) = claim(&world);
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert_eq!(world.taken("DELETE "), ["DELETE api.github.com/orgs/octo/actions/runners/71"]);

    *world.refuses.borrow_mut() = None;
    world.bend(|what| what.contains("/generate-jitconfig").then(|| jit_config(72, NAMES[1])));
    world.advance(60);
    let (status, body) = claim(&world);
    assert_eq!((status, &body["runner_name"]), (StatusCode::OK, &json!(NAMES[1])), "{body}");
}

#[test]
fn a_second_registration_that_githubs_limits_postpone_is_made_later() {
    let world = World::new(|what| match what {
        _ if what.contains("/generate-jitconfig") => {
            let mut limited = reply(403, r#"{"message":"You have exceeded a secondary rate limit"}"#);
            limited.headers_mut().insert("retry-after", 60.into());
            Some(limited)
        }
        _ if what.contains("/actions/runners?") => Some(runners(&[(71, NAMES[0])])),
        _ => None,
    });
    with_a_job(&world, &claimed(ID, 71, START));
    world.advance(30);
    let (status, body) = claim(&world);
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert_eq!(world.taken("DELETE ").len(), 1, "the first is deregistered");
    let phase = |world: &World| world.read::<Instance>(&key(ID)).expect("the record").phase;
    assert_eq!(phase(&world), InstancePhase::Minting);

    world.bend(|what| what.contains("/generate-jitconfig").then(|| jit_config(72, NAMES[1])));
    world.advance(61);
    let (status, body) = claim(&world);
    assert_eq!((status, &body["runner_name"]), (StatusCode::OK, &json!(NAMES[1])), "{body}");
    assert_eq!(phase(&world), InstancePhase::Claimed);
}

fn report(world: &World, token: &Token, id: &str, stage: &str) -> StatusCode {
    let body = json!({ "v": 1, "token": signed(token), "instance_id": id, "stage": stage });
    post(world, "/v1/report", &body).0
}

/// The class with two batches, each with one try.
fn class_with_batches() -> Class {
    let offerings = policy().pools[0].expand(&MachineSelection::Default, 1);
    let batch = |id: &str| Batch {
        id: BatchId::new(id),
        born_at: START,
        slots: 1,
        template: Template {
            offerings: offerings.clone(),
            machine: Machine::default(),
            tags: Vec::new(),
            user_data: Digest::new("00"),
            claim_key: "k1".into(),
            agent_version: "2.336.0".into(),
        },
        tries: vec![Try {
            n: 1,
            offering: 0,
            count: 1,
            born_at: START,
            sent_at: Some(START),
            token_expires_at: START,
            outcome: Outcome::Open,
            is_doubtful: false,
        }],
        instances: BTreeSet::new(),
        closed: None,
    };
    Class { batches: vec![batch("batch-1"), batch("batch-2")], ..class() }
}

#[test]
fn a_boot_token_reports_the_boot_of_no_other_batchs_instance() {
    let world = World::new(|_| None);
    world.record(&identity().key(), &class_with_batches());
    let instance = launched(ID, START);
    world.record(&instance.key, &instance);
    let boot = |batch: &str| Token::Boot { class: identity().key(), batch: BatchId::new(batch), try_n: 1 };
    let booted = |world: &World| world.read::<Instance>(&key(ID)).expect("the record").booted_at;
    assert_eq!(report(&world, &boot("batch-2"), ID, "booted"), StatusCode::UNAUTHORIZED);
    assert_eq!(booted(&world), None);
    assert_eq!(report(&world, &boot("batch-forgotten"), ID, "booted"), StatusCode::UNAUTHORIZED);
    assert_eq!(booted(&world), None);
    assert_eq!(report(&world, &boot("batch-1"), ID, "booted"), StatusCode::OK);
    assert!(booted(&world).is_some());
    let unrecorded = "i-0123456789abcdef1";
    assert_eq!(
        report(&world, &boot("batch-2"), unrecorded, "booted"),
        StatusCode::OK,
        "its launch may be answered later"
    );
}

#[test]
fn twenty_reports_of_an_instance_are_taken_new_ones_or_not() {
    let world = World::new(|_| None);
    let instance = launched(ID, START);
    world.record(&instance.key, &instance);
    let token = Token::Report(key(ID));
    for n in 1..=20 {
        let stage = ["booted", "agent_started"][n % 2];
        assert_eq!(report(&world, &token, ID, stage), StatusCode::OK, "report {n}");
    }
    assert_eq!(report(&world, &token, ID, "exited"), StatusCode::TOO_MANY_REQUESTS);
    let known = world.read::<Instance>(&key(ID)).expect("the record");
    assert_eq!((known.reports, known.stage.map(|s| s.as_str())), (20, Some("agent_started")));
}

#[test]
fn a_boot_token_uses_up_one_report_of_an_instance_at_most() {
    let world = World::new(|_| None);
    world.record(&identity().key(), &class_with_batches());
    let instance = launched(ID, START);
    world.record(&instance.key, &instance);
    let boot = Token::Boot { class: identity().key(), batch: BatchId::new("batch-1"), try_n: 1 };
    for n in 1..=30 {
        assert_eq!(report(&world, &boot, ID, "booted"), StatusCode::OK, "report {n}");
    }
    assert_eq!(world.read::<Instance>(&key(ID)).expect("the record").reports, 1);
    assert_eq!(report(&world, &Token::Report(key(ID)), ID, "agent_started"), StatusCode::OK);
}
