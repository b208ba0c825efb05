//! registrar's answers to a claim, one row for each code and each cause: nobody gets a JIT config without a right token, the
//! identity of the instance itself, and a job.
//! Not here: two invocations that race for one record, and a store that fails in the middle.

use std::time::Duration;

use http::header::{CACHE_CONTROL, RETRY_AFTER};
use jit_control::effects::{Effects as _, Response};
use jit_control::settings::{Component, RegistrarSettings};
use jit_control::time::jiff_time;
use jit_control::token::{self, Token};
use jit_domain::ids::{BatchId, ClassKey, Cloud, InstanceKey, Region};
use jit_domain::instance::Instance;
use jit_domain::job::Job;
use jit_fakes::cloud::Fault;
use jit_fakes::github::{FaultEffect, FaultRule, Operation};
use secrecy::ExposeSecret as _;
use serde_json::json;

use self::Before::{Cancel, Claim, Connect, GitHub, Previous, Profile, Set, Sts, Wait};
use self::Shown::{Aged, Form, Own, Request, Session, Signed, Stranger, Told, WithoutStore};
use crate::stage::{ANOTHER_REGION, AUDIENCE, Booted, REGION, Stage, body_of, post};

/// What happens before the claim that a row is about.
enum Before {
    /// Seconds pass.
    Wait(u64),
    /// The instance claims.
    Claim,
    /// The instance claims, and its agent connects.
    Connect,
    /// The job is cancelled, and lifecycle has heard of it.
    Cancel,
    /// A variable gets another value.
    Set(&'static str, &'static str),
    /// A claim key is kept as the previous one.
    Previous,
    /// The file names another instance profile.
    Profile(&'static str),
    /// STS answers the next request so.
    Sts(Fault),
    /// GitHub answers the next registration so.
    GitHub(FaultEffect),
}

/// The claim, and in what it differs from the right one: boot token, own name, own identity.
enum Shown {
    /// In nothing.
    Own,
    /// Another text or value of this member.
    Form(&'static str, &'static str),
    /// A request that is no claim.
    Request(fn() -> jit_control::effects::Request),
    /// Another token, for the instance's key.
    Signed(fn(InstanceKey) -> Token),
    /// The token of a 202 that the claim before was answered with.
    Told,
    /// An identity signed for another region or audience.
    Session(&'static str, &'static str),
    /// The identity of another instance.
    Stranger,
    /// An identity signed so many seconds ago.
    Aged(u64),
    /// The store fails.
    WithoutStore,
}

/// When, what happens before, what is shown, the status, and what the body says.
type Row<'a> = (&'a str, &'a [Before], Shown, u16, &'a str);

const ANOTHER_KEY: &str = "a newer claim key of 32 bytes or more";
const ANOTHER_ID: &str = "i-0fedcba9876543210";

/// Plays each row in a world of its own, with one instance that was launched for a queued job and has booted.
#[track_caller]
fn check(rows: &[Row<'_>]) {
    let mut wrong = Vec::new();
    for (when, before, shown, status, said) in rows {
        let mut stage = Stage::new();
        let booted = stage.launch(1).remove(0);
        let last = before.iter().filter_map(|before| happen(&mut stage, &booted, before)).last();
        let reply = send(&stage, &booted, shown, last.as_ref());
        let body = String::from_utf8_lossy(reply.body()).into_owned();
        let seconds =
            reply.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
        let is_as_told = reply.status() == *status
            && body.contains(said)
            && seconds.is_some_and(|seconds| seconds > 0) == (*status == 503)
            && body.contains("jit_config") == (*status == 200);
        if !is_as_told {
            let begins: String = body.chars().take(80).collect();
            wrong.push(format!("{when}: {}, retry after {seconds:?}, {begins}", reply.status()));
        }
    }
    assert!(wrong.is_empty(), "{} not as told:\n{}", wrong.len(), wrong.join("\n"));
}

fn happen(stage: &mut Stage, booted: &Booted, before: &Before) -> Option<Response> {
    match before {
        Wait(seconds) => stage.wait(*seconds),
        Claim => return Some(stage.claims(booted)),
        Connect => drop(stage.connect(&stage.claims(booted))),
        Cancel => {
            let run = stage.world.borrow().github.jobs().next().unwrap().run;
            assert!(stage.world.borrow_mut().github.cancel(jiff_time(stage.effects.now()), run));
            stage.deliver();
            stage.tick(Component::Lifecycle);
        }
        Set(name, value) => drop(stage.variables.insert((*name).to_owned(), (*value).to_owned())),
        Previous => {
            let key = stage.variables["claim_key"].clone();
            stage.variables.insert("claim_key_previous".to_owned(), key);
        }
        Profile(name) => {
            let shipped = "123456789012:instance-profile/jit-runners-runner";
            let text = stage.configuration.clone().unwrap();
            assert!(text.contains(shipped), "the shipped file names its profile");
            stage.configuration = Ok(text.replace(shipped, name));
        }
        Sts(fault) => stage.world.borrow_mut().aws.faults.on_next("GetCallerIdentity", 1, fault.clone()),
        GitHub(effect) => {
            let rule = FaultRule::next(Operation::GenerateJitConfig, *effect);
            stage.world.borrow_mut().github.add_fault(rule);
        }
    }
    None
}

fn send(stage: &Stage, booted: &Booted, shown: &Shown, last: Option<&Response>) -> Response {
    let mut claim = stage.claim(booted, &booted.token);
    match shown {
        Own | WithoutStore => {}
        Form(member, value) => {
            *claim.pointer_mut(member).unwrap() =
                serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        }
        Request(request) => return stage.call(Component::Registrar, Some(request())),
        Signed(token) => claim["token"] = signed(stage, &token(key(&booted.id))).into(),
        Told => claim["token"] = body_of(last.unwrap())["token"].clone(),
        Session(region, audience) => claim["identity"] = stage.identity(&booted.id, region, audience),
        Stranger => {
            let other = stage.launch(1).into_iter().find(|other| other.id != booted.id).unwrap();
            claim["identity"] = stage.identity(&other.id, REGION, AUDIENCE);
        }
        Aged(seconds) => stage.wait(*seconds),
    }
    let request = post("/v1/claim", claim.to_string().into_bytes());
    match shown {
        WithoutStore => stage.call_without_store(Component::Registrar, Some(request)),
        _ => stage.call(Component::Registrar, Some(request)),
    }
}

/// The key of an instance of the shipped pool.
pub(crate) fn key(id: &str) -> InstanceKey {
    InstanceKey { cloud: Cloud::Aws, region: Region::new(REGION), id: id.to_owned() }
}

/// A token that lives for an hour, signed as registrar signs.
pub(crate) fn signed(stage: &Stage, token: &Token) -> String {
    let settings = RegistrarSettings::read(|name| stage.variables.get(name).cloned()).unwrap();
    let expires_at = stage.effects.now() + Duration::from_secs(3600);
    token::sign(token, expires_at, &settings.claim_keys.current).expose_secret().to_owned()
}

#[test]
fn what_is_no_claim_is_refused_by_its_form() {
    check(&[
        ("no JSON", &[], Request(|| post("/v1/claim", b"{".to_vec())), 400, "cannot be read"),
        (
            "too long",
            &[],
            Request(|| post("/v1/claim", vec![b' '; (32 << 10) + 1])),
            413,
            "longer than 32 KiB",
        ),
        ("another version", &[], Form("/v", "2"), 400, "v must be 1"),
        ("another cloud", &[], Form("/cloud", "moon"), 400, "cloud is not one"),
        ("no id of EC2", &[], Form("/instance_id", "../other"), 400, "not an EC2 instance id"),
        ("no region", &[], Form("/identity", "{}"), 400, "identity.region is missing"),
        (
            "another method",
            &[],
            Request(|| http::Request::get("/v1/claim").body(Vec::new()).unwrap()),
            405,
            "method",
        ),
        ("another path", &[], Request(|| post("/v2/claim", Vec::new())), 404, "nothing here"),
    ]);
}

#[test]
fn a_claim_takes_a_token_that_is_good_for_it() {
    let unknown = |_| {
        let (class, batch) = (ClassKey::new("0123456789abcdef"), BatchId::new("0123456789abcdef"));
        Token::Boot { class, batch, try_n: 1 }
    };
    let not_ours = "not one that this deployment signed";
    check(&[
        ("boot token", &[], Own, 200, "report_token"),
        ("boot token, last second", &[Wait(30 * 60 - 1)], Own, 200, "report_token"),
        ("boot token, over", &[Wait(30 * 60)], Own, 401, "the token has expired"),
        (
            "boot token of the key before",
            &[Previous, Set("claim_key", ANOTHER_KEY)],
            Own,
            200,
            "report_token",
        ),
        ("boot token of a key no longer set", &[Set("claim_key", ANOTHER_KEY)], Own, 401, not_ours),
        ("boot token of a class not known", &[], Signed(unknown), 410, "not_ours"),
        ("nobody's token", &[], Form("/token", "jr1.e30.AAAA"), 401, not_ours),
        ("wait token", &[], Signed(Token::Wait), 200, "report_token"),
        ("another's wait token", &[], Signed(|_| Token::Wait(key(ANOTHER_ID))), 403, "another instance's"),
        ("report token", &[], Signed(Token::Report), 401, "a report token makes no claims"),
    ]);
}

#[test]
fn a_claim_proves_that_it_comes_from_the_instance_it_names() {
    let refused = "the identity does not match";
    let unproven = "the identity could not be checked";
    let other_account = "210987654321:instance-profile/jit-runners-runner";
    let other_role = "123456789012:instance-profile/another-runner";
    let forged = "AWS4-HMAC-SHA256 Credential=ASIAUNKNOWN/20261121/us-east-1/sts/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-jit-runners-audience, Signature=00";
    check(&[
        ("no signature", &[], Form("/identity/headers", "{}"), 403, refused),
        ("a forged one", &[], Form("/identity/headers/authorization", forged), 403, refused),
        ("another account", &[Profile(other_account)], Own, 403, refused),
        ("another role", &[Profile(other_role)], Own, 403, refused),
        ("another instance", &[], Stranger, 403, refused),
        ("another region", &[], Session(ANOTHER_REGION, AUDIENCE), 403, refused),
        ("another audience", &[], Session(REGION, "elsewhere.example.com"), 403, refused),
        ("signed 15 min ago", &[], Aged(15 * 60), 200, "report_token"),
        ("signed longer ago", &[], Aged(15 * 60 + 1), 403, refused),
        ("sts is down", &[Sts(Fault::refused(503, "Unavailable"))], Own, 503, unproven),
        ("sts does not answer", &[Sts(Fault::LostReply)], Own, 503, unproven),
        ("sts answers again", &[Sts(Fault::LostReply), Claim], Own, 200, "report_token"),
    ]);
}

#[test]
fn a_claim_that_is_right_is_answered_by_what_the_records_and_github_say() {
    let too_fast = || GitHub(FaultEffect::TooFast(20));
    let lost = || GitHub(FaultEffect::ReplyLost);
    let unregistered = "github did not register the runner";
    check(&[
        ("the job was cancelled", &[Cancel], Own, 410, "not_needed"),
        ("retired before", &[Cancel, Claim], Own, 410, "not_needed"),
        ("claimed before, never connected", &[Claim], Own, 200, "-2\""),
        ("claimed three times before", &[Claim, Claim, Claim], Own, 410, "mints_exhausted"),
        ("the agent is connected", &[Connect], Own, 409, "connected"),
        ("the registration is gone", &[Claim, Wait(11 * 60)], Own, 410, "registration_spent"),
        ("github fails", &[GitHub(FaultEffect::Fails(502))], Own, 503, unregistered),
        ("its reply was lost just now", &[lost(), Claim, Wait(14)], Own, 503, "a registration is under way"),
        ("its reply was lost before", &[lost(), Claim, Wait(15)], Own, 200, "-2\""),
        ("github asks to wait", &[too_fast()], Own, 202, "wait_s"),
        ("after that wait", &[too_fast(), Claim, Wait(30)], Told, 200, "-1\""),
        ("the store fails", &[], WithoutStore, 503, "busy"),
    ]);
}

#[test]
fn a_config_comes_with_all_that_the_instance_needs() {
    let stage = Stage::new();
    let booted = stage.launch(1).remove(0);
    let reply = stage.claims(&booted);
    let told = body_of(&reply);
    let members: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        ["agent_version", "jit_config", "job_max_s", "report_token", "runner_name", "unanswered_hook"]
    );
    assert_eq!(told["agent_version"], stage.policy().agent.version);
    assert_eq!(told["job_max_s"], 24 * 3600);
    assert_eq!(told["unanswered_hook"], "refuse");
    assert_eq!(told["runner_name"], format!("jit-{}-1", booted.id));
    assert_eq!(reply.headers()[CACHE_CONTROL], "no-store", "nobody keeps a JIT config");
    let instances: Vec<Instance> = stage.open();
    let jobs: Vec<Job> = stage.open();
    assert_eq!(jobs[0].permit.as_ref(), Some(&instances[0].key), "the claim took its permit");
    assert!(!stage.connect(&reply).is_empty());
}

#[test]
fn who_floods_claims_after_its_config_is_told_to_wait_and_nobody_else_is() {
    let stage = Stage::new();
    let [booted, sibling]: [Booted; 2] = stage.launch(2).try_into().unwrap();
    let reply = stage.claims(&booted);
    assert_eq!(reply.status(), 200);
    stage.connect(&reply);
    for n in 0..10 {
        assert_eq!(stage.claims(&booted).status(), 409, "claim {n} after the config");
    }
    let sent = stage.sent.borrow().len();
    let refused = stage.claims(&booted);
    assert_eq!(refused.status(), 429);
    assert_eq!(stage.sent.borrow().len(), sent, "neither STS nor GitHub is asked");
    assert_eq!(stage.claims(&sibling).status(), 200);
    let wait: u64 = refused.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    stage.wait(wait);
    assert_eq!(stage.claims(&booted).status(), 409);
}

#[test]
fn claims_of_a_batch_whose_identities_do_not_match_are_refused_for_a_while() {
    let stage = Stage::new();
    let [booted, sibling]: [Booted; 2] = stage.launch(2).try_into().unwrap();
    let forged = || {
        let mut claim = stage.claim(&booted, &booted.token);
        claim["identity"] = stage.identity(&sibling.id, REGION, AUDIENCE);
        stage.send_claim(&claim).status().as_u16()
    };
    for n in 0..60 {
        assert_eq!(forged(), 403, "claim {n}");
    }
    let sent = stage.sent.borrow().len();
    assert_eq!(forged(), 429);
    assert_eq!(stage.sent.borrow().len(), sent, "STS is not asked");
    stage.wait(60);
    assert_eq!(stage.claims(&sibling).status(), 200);
}
