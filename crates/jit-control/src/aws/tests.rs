//! Rights from each source: fetched once, shared, renewed, never kept when they failed, and what a person is told.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures::future::join_all;

use super::*;
use crate::effects::memory::MemoryEffects;
use crate::settings::Component;
use crate::settings::{ScaleupSettings, Settings, WebhookSettings};

const ROLE: &str = "arn:aws:iam::123456789012:role/scaleup";

/// Scaleup's rights as its variables name them.
fn access(variables: &[(&str, &str)]) -> AwsAccess {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in [
        ("public_url", "https://runners.example.com"),
        ("claim_key", "0123456789abcdef0123456789abcdef"),
        ("cron_token", "a-cron-token-of-some-length"),
    ] {
        values.insert(name.to_owned(), value.to_owned());
    }
    for (name, value) in variables {
        values.insert(format!("scaleup_aws_{name}"), (*value).to_owned());
    }
    let read = ScaleupSettings::read(|name| values.get(name).cloned());
    read.map(|settings| settings.aws).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn role() -> AwsAccess {
    access(&[("access_key_id", "AKIASTATIC"), ("secret_access_key", "secret"), ("role_arn", ROLE)])
}

/// Everything that was sent, and what STS and the endpoint answer: keys that last so long.
struct World {
    effects: MemoryEffects,
    sent: Rc<RefCell<Vec<Request>>>,
}

impl World {
    fn new(lasts: Duration) -> Self {
        let effects = MemoryEffects::new(1);
        let sent = Rc::new(RefCell::new(Vec::new()));
        let (log, clock) = (Rc::clone(&sent), effects.clone());
        effects.answer(move |request| {
            log.borrow_mut().push(request.clone());
            let end = jiff_time(clock.now() + lasts);
            Ok(http::Response::new(reply(&request, &end.to_string()).into_bytes()))
        });
        Self { effects, sent }
    }

    /// Calls EC2 so many times at once.
    fn call(&self, aws: &Aws<'_, MemoryEffects>, times: usize) -> Vec<Result<Response, SendError>> {
        let endpoint = aws.endpoint(Service::Ec2, &Region::new("eu-central-1")).unwrap();
        let call = || {
            let request = http::Request::post(endpoint.uri()).body(b"Action=X".to_vec()).unwrap();
            aws.send(&endpoint, request, Duration::from_secs(12))
        };
        self.effects.run(join_all((0..times).map(|_| call()))).unwrap()
    }

    /// The hosts that were called, in order.
    fn hosts(&self) -> Vec<String> {
        self.sent.borrow().iter().map(|r| r.uri().host().unwrap_or_default().to_owned()).collect()
    }

    fn authorization(&self, number: usize) -> String {
        self.sent.borrow()[number].headers()["authorization"].to_str().unwrap().to_owned()
    }
}

fn reply(request: &Request, end: &str) -> String {
    let body = String::from_utf8_lossy(request.body());
    let action = ["AssumeRoleWithWebIdentity", "AssumeRole"]
        .into_iter()
        .find(|action| body.starts_with(&format!("Action={action}&")));
    match action {
        Some(action) => format!(
            "<{action}Response><{action}Result><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s\
             </SecretAccessKey><SessionToken>t</SessionToken><Expiration>{end}</Expiration></Credentials>\
             </{action}Result></{action}Response>"
        ),
        None if request.method() == http::Method::GET => format!(
            "{{\"AccessKeyId\":\"ASIACONTAINER\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"{end}\"}}"
        ),
        None => String::new(),
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const STS: &str = "sts.eu-central-1.amazonaws.com";
const EC2: &str = "ec2.eu-central-1.amazonaws.com";

#[test]
fn a_static_key_signs_without_asking_anybody() {
    let world = World::new(HOUR);
    let aws =
        Aws::new(&world.effects, access(&[("access_key_id", "AKIASTATIC"), ("secret_access_key", "secret")]));
    assert!(world.call(&aws, 2).iter().all(Result::is_ok));
    assert_eq!(world.hosts(), [EC2, EC2]);
    assert!(world.authorization(0).contains("Credential=AKIASTATIC/"));
}

#[test]
fn calls_at_once_share_one_assumed_role_and_so_do_clones() {
    let world = World::new(HOUR);
    let access = role();
    let aws = Aws::new(&world.effects, access.clone());
    assert!(world.call(&aws, 3).iter().all(Result::is_ok));
    let other = Aws::new(&world.effects, access);
    assert!(world.call(&other, 1).iter().all(Result::is_ok));
    assert_eq!(world.hosts(), [STS, EC2, EC2, EC2, EC2]);
    assert!(world.authorization(0).contains("Credential=AKIASTATIC/"));
    let body = String::from_utf8(world.sent.borrow()[0].body().clone()).unwrap();
    assert!(body.contains("RoleSessionName=scaleup&DurationSeconds=900"), "{body}");
    assert!(world.authorization(4).contains("Credential=ASIAROLE/"));
    assert_eq!(world.sent.borrow()[4].headers()["x-amz-security-token"], "t");
}

#[test]
fn a_key_in_its_last_five_minutes_is_replaced() {
    let world = World::new(Duration::from_secs(900));
    let aws = Aws::new(&world.effects, role());
    world.call(&aws, 1);
    world.effects.advance(Duration::from_secs(599));
    world.call(&aws, 1);
    world.effects.advance(Duration::from_secs(1));
    world.call(&aws, 1);
    assert_eq!(world.hosts(), [STS, EC2, EC2, STS, EC2]);
}

#[test]
fn a_web_identity_is_shown_unsigned_and_its_file_is_read_at_each_use() {
    let world = World::new(Duration::from_secs(60));
    let aws =
        Aws::new(&world.effects, access(&[("role_arn", ROLE), ("web_identity_token_file", "/aws/token")]));
    let missing = world.call(&aws, 1).remove(0).unwrap_err();
    assert!(
        matches!(&missing, SendError::NotSent(why) if why.contains("/aws/token: no such file")),
        "{missing}"
    );
    for token in ["first-token", "second-token"] {
        world.effects.mount("/aws/token", &format!("{token}\n"));
        world.sent.borrow_mut().clear();
        assert!(world.call(&aws, 1)[0].is_ok());
        let sent = world.sent.borrow();
        assert!(sent[0].body().ends_with(format!("&WebIdentityToken={token}").as_bytes()));
        assert!(!sent[0].headers().contains_key("authorization"));
    }
}

#[test]
fn the_container_endpoint_gets_its_token() {
    let world = World::new(HOUR);
    let uri = "http://169.254.170.23/v1/credentials";
    let source =
        access(&[("container_credentials_uri", uri), ("container_authorization_token", "pod-token")]);
    assert!(world.call(&Aws::new(&world.effects, source), 1)[0].is_ok());
    assert_eq!(world.hosts(), ["169.254.170.23", EC2]);
    assert_eq!(world.sent.borrow()[0].headers()["authorization"], "pod-token");
    assert!(world.authorization(1).contains("Credential=ASIACONTAINER/"));
}

#[test]
fn a_failure_is_shared_by_those_who_waited_and_then_forgotten() {
    let world = World::new(HOUR);
    let calls = Rc::new(RefCell::new(0));
    let count = Rc::clone(&calls);
    world.effects.answer(move |request| {
        *count.borrow_mut() += 1;
        let status = if request.uri().host() == Some(STS) { 503 } else { 200 };
        Ok(http::Response::builder().status(status).body(Vec::new()).unwrap())
    });
    let aws = Aws::new(&world.effects, role());
    for result in world.call(&aws, 3) {
        let error = result.unwrap_err();
        let SendError::NotSent(why) = error else { panic!("{error:?}") };
        assert!(why.starts_with(&format!("the role {ROLE} was not assumed: sts is not available")), "{why}");
    }
    assert_eq!(*calls.borrow(), 1);
    world.call(&aws, 1);
    assert_eq!(*calls.borrow(), 2, "a failure is not kept");
}

#[test]
fn a_fetch_that_was_given_up_does_not_block_the_next() {
    let world = World::new(HOUR);
    let aws = Aws::new(&world.effects, role());
    let endpoint = aws.endpoint(Service::Ec2, &Region::new("eu-central-1")).unwrap();
    let request = http::Request::post(endpoint.uri()).body(Vec::new()).unwrap();
    let mut given_up = Box::pin(aws.send(&endpoint, request, HOUR));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(given_up.as_mut().poll(&mut context).is_pending());
    drop(given_up);
    assert!(world.call(&aws, 1)[0].is_ok());
    assert_eq!(world.hosts(), [STS, EC2]);
}

/// What is logged when EC2 answers so.
fn logged(source: &[(&str, &str)], status: u16, code: &str, clock_off: i64) -> Vec<String> {
    let effects = MemoryEffects::new(1);
    let date = jiff_time(effects.now()).saturating_add(jiff::SignedDuration::from_secs(clock_off)).unwrap();
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let body = format!("<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>");
    effects.answer(move |_| {
        let reply = http::Response::builder().status(status).header("date", &date);
        Ok(reply.body(body.clone().into_bytes()).unwrap())
    });
    let world = World { effects, sent: Rc::default() };
    world.call(&Aws::new(&world.effects, access(source)), 2);
    world.effects.logged()
}

#[test]
fn the_end_of_a_session_token_is_told_once_with_the_variable_and_a_wrong_clock_is_not_one() {
    let temporary =
        [("access_key_id", "ASIATEMP"), ("secret_access_key", "secret"), ("session_token", "TELLTALE")];
    for (status, code) in [(403, "ExpiredToken"), (400, "ExpiredTokenException"), (400, "RequestExpired")] {
        let lines = logged(&temporary, status, code, 20);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("\"variable\":\"scaleup_aws_session_token\""), "{lines:?}");
        assert!(lines[0].contains("\"level\":\"error\"") && !lines[0].contains("TELLTALE"), "{lines:?}");
    }
    assert!(
        logged(&temporary, 400, "RequestExpired", 3600).is_empty(),
        "EC2's clock says that ours is wrong"
    );
    assert!(logged(&temporary, 403, "AuthFailure", 0).is_empty());
    let long_term = [("access_key_id", "AKIALONG"), ("secret_access_key", "secret")];
    assert!(logged(&long_term, 400, "RequestExpired", 0).is_empty(), "a long-term key has no end");
}

#[test]
fn only_what_needs_rights_must_have_them() {
    let only = |name: &str| (name == "github_webhook_secret").then(|| "secret".to_owned());
    let settings = WebhookSettings::read(only).unwrap();
    assert!(settings.aws.is_none());
    assert!(Settings::read(Component::Scaleup, |_| None).is_err());
}
