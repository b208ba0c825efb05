//! A queued job meets an image that is named by a parameter, and a cloud that answers with everything but instances.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use jit_domain::class::Class;
use jit_domain::ids::{Cloud, InstallationId, JobId, Login, RepositoryName, RunId};
use jit_domain::job::Job;
use jit_domain::observation::Action;
use jit_domain::pool::OfferingHealth;
use jit_domain::reason::Reason;

use super::*;
use crate::effects::memory::MemoryEffects;
use crate::effects::{Request, Response};
use crate::message::{JobObservation, Message};
use crate::queue::{Queue as _, QueueName};
use crate::scaleup;
use crate::settings::{Component, ScaleupSettings};
use crate::stored::Stored as _;

const NAME: &str = "resolve:ssm:/jit/image";
const SSM: &str = "https://ssm.us-east-1.amazonaws.com/";
const EC2: &str = "https://ec2.us-east-1.amazonaws.com/";

fn settings() -> ScaleupSettings {
    let value = |name: &str| match name {
        "claim_key" => Some("0123456789abcdef0123456789abcdef"),
        "cron_token" => Some("a-cron-token-of-some-length"),
        "public_url" => Some("https://runners.example.com/"),
        "scaleup_aws_access_key_id" => Some("AKIAEXAMPLE"),
        "scaleup_aws_secret_access_key" => Some("secret"),
        _ => None,
    };
    ScaleupSettings::read(|name| value(name).map(str::to_owned)).expect("the settings are valid")
}

/// The configuration that is shipped, with another image.
fn policy(image: &str) -> Policy {
    let text = include_str!("../../../../config/jit-runners.toml").replace("ami-0123456789abcdef0", image);
    crate::configuration::parse(&text).expect("the configuration is valid")
}

fn queued(now: jit_domain::time::Timestamp) -> Message {
    Message::Job(JobObservation {
        delivery: None,
        action: Action::Queued,
        job: JobId(7),
        run: RunId(70),
        attempt: 1,
        name: "build".into(),
        labels: vec!["self-hosted".into(), "linux".into()],
        installation: InstallationId(1),
        repository: RepositoryName::parse("octo/app").expect("it is a repository"),
        organisation: Some(Login::new("octo")),
        visibility: None,
        sender: None,
        pool: None,
        runner_id: None,
        runner_name: None,
        conclusion: None,
        created_at: now,
        at: now,
        received_at: now,
    })
}

/// Every request and every log line of a queued job's runs of scaleup, and what they left.
struct Played {
    sent: Vec<Request>,
    logged: Vec<String>,
    class: Class,
    health: Option<OfferingHealth>,
}

impl Played {
    fn with(image: &str, answer: impl FnMut(&str) -> Response + 'static) -> Self {
        Self::runs(image, 1, answer)
    }

    /// Several invocations, more than a minute apart, so that what is open is repeated.
    fn runs(image: &str, runs: usize, mut answer: impl FnMut(&str) -> Response + 'static) -> Self {
        let effects = MemoryEffects::new(1);
        let sent = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&sent);
        effects.answer(move |request: Request| {
            log.borrow_mut().push(request.clone());
            Ok(answer(&request.uri().to_string()))
        });
        let settings = settings();
        let policy = policy(image);
        let shell = |effects| {
            Shell::new(effects, Component::Scaleup, policy.clone(), None)
                .expect("records and messages are here")
        };
        let queued = queued(effects.now()).encode();
        let sending = async { shell(&effects).queue.send(QueueName::Jobs, &queued).await };
        effects.run(sending).expect("nothing crashes").expect("it is queued");
        for _ in 0..runs {
            let ran = effects.run(async { scaleup::run(&shell(&effects), &settings).await });
            ran.expect("nothing crashes").expect("the run ends well");
            effects.advance(Duration::from_secs(61));
        }
        let (class, health) = effects
            .run(async {
                let shell = shell(&effects);
                let job = shell.read::<Job>(&Job::key(JobId(7))).await.expect("it is read");
                let key = job.expect("it is recorded").value.class;
                let class = shell.read::<Class>(&Class::key(&key)).await.expect("it is read");
                let region = (Cloud::Aws, &Region::new("us-east-1"));
                let health = shell.read::<OfferingHealth>(&OfferingHealth::key(region)).await;
                (class.expect("it is decided").value, health.expect("it is read").map(|known| known.value))
            })
            .expect("nothing crashes");
        let logged = effects.logged();
        Self { sent: sent.take(), logged, class, health }
    }

    fn launches(&self) -> Vec<&Request> {
        self.sent.iter().filter(|request| request.uri() == EC2).collect()
    }

    fn count(&self, uri: &str) -> usize {
        self.sent.iter().filter(|request| request.uri() == uri).count()
    }

    /// The image of each launch that was asked for.
    fn images(&self) -> Vec<String> {
        let launches = self.launches().into_iter();
        let parameter = |body: &[u8]| {
            url::form_urlencoded::parse(body)
                .find(|(name, _)| name == "ImageId")
                .map(|(_, id)| id.into_owned())
        };
        launches.filter_map(|request| parameter(request.body())).collect()
    }

    fn has_logged(&self, parts: &[&str]) -> bool {
        self.logged.iter().any(|line| parts.iter().all(|part| line.contains(part)))
    }
}

fn reply(status: u16, body: &str) -> Response {
    http::Response::builder().status(status).body(body.as_bytes().to_vec()).expect("it is a reply")
}

fn image_is(value: &str) -> Response {
    reply(
        200,
        &json!({ "Parameter": { "Name": "/jit/image", "Type": "String", "Value": value } }).to_string(),
    )
}

fn ec2_error(status: u16, code: &str) -> Response {
    reply(status, &format!("<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>"))
}

#[test]
fn a_parameter_is_read_once_and_every_launch_names_the_id() {
    let played = Played::with(NAME, |uri| match uri {
        SSM => image_is("ami-0fedcba9876543210"),
        _ => ec2_error(500, "InsufficientInstanceCapacity"),
    });
    assert_eq!(played.count(SSM), 1);
    let images = played.images();
    assert!(images.len() > 1, "each refusal leads to the next offering");
    assert!(images.iter().all(|image| image == "ami-0fedcba9876543210"), "{images:?}");
    let ask = &played.sent[0];
    assert_eq!(ask.headers()["x-amz-target"], "AmazonSSM.GetParameter");
    assert!(ask.headers().contains_key("authorization"));
}

#[test]
fn a_name_that_is_not_resolved_launches_nothing_and_says_so() {
    for answer in [
        || reply(400, r#"{"__type":"ParameterNotFound"}"#),
        || reply(503, ""),
        || image_is("ubuntu"),
        || image_is(NAME),
    ] {
        let played = Played::with(NAME, move |_| answer());
        assert_eq!((played.count(SSM), played.count(EC2)), (1, 0));
        let told = ["\"level\":\"error\"", "an image's parameter was not resolved", "/jit/image"];
        assert!(played.has_logged(&told), "{:?}", played.logged);
        assert_eq!(played.class.wait, Some(Reason::ImageNotResolved));
        assert!(played.class.batches.is_empty(), "nothing is born with the name");
        assert_eq!(played.health, None, "no place is to blame");
    }
}

#[test]
fn a_name_that_is_resolved_later_is_launched_then() {
    let mut asked = 0;
    let played = Played::runs(NAME, 2, move |uri| match uri {
        SSM => {
            asked += 1;
            if asked == 1 { reply(503, "") } else { image_is("ami-0fedcba9876543210") }
        }
        _ => ec2_error(500, "InternalError"),
    });
    assert_eq!(played.images(), ["ami-0fedcba9876543210"]);
    assert_eq!(played.class.wait, None);
}

/// The parameter moves between two invocations, and the second one repeats what nobody knows the outcome of.
#[test]
fn a_repeat_has_the_bytes_of_its_first_request_whatever_the_parameter_says_by_then() {
    let mut asked = 0;
    let played = Played::runs(NAME, 2, move |uri| match uri {
        SSM => {
            asked += 1;
            image_is(&format!("ami-0000000000000000{asked}"))
        }
        _ => ec2_error(500, "InternalError"),
    });
    let bodies: Vec<&Vec<u8>> = played.launches().into_iter().map(Request::body).collect();
    assert!(bodies.len() >= 2, "an unknown outcome is asked for again");
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{:?}", played.images());
    assert_eq!(played.images()[0], "ami-00000000000000001");
}

#[test]
fn an_unknown_code_of_a_failed_server_is_told_to_a_person_each_time() {
    let played = Played::runs("ami-0123456789abcdef0", 2, |_| ec2_error(500, "BrandNewProblem"));
    assert!(played.launches().len() >= 2, "it may have had its effect, so it is asked for again");
    let told = ["\"level\":\"error\"", "a code that this release does not know", "BrandNewProblem"];
    let times = played.logged.iter().filter(|line| told.iter().all(|part| line.contains(part))).count();
    assert_eq!(times, played.launches().len());
    let known = Played::with("ami-0123456789abcdef0", |_| ec2_error(500, "InternalError"));
    assert!(!known.has_logged(&told[..2]), "{:?}", known.logged);
}

#[test]
fn an_image_by_id_asks_nobody() {
    let played = Played::with("ami-0123456789abcdef0", |_| ec2_error(500, "InsufficientInstanceCapacity"));
    assert_eq!(played.count(SSM), 0);
    assert!(played.images().iter().all(|image| image == "ami-0123456789abcdef0"));
}

/// An error that nobody has classified ends its try: it is told to a person, and the same request is never sent again.
#[test]
fn an_unclassified_code_is_refused_loudly_and_never_retried() {
    let played = Played::with("ami-0123456789abcdef0", |_| ec2_error(400, "BrandNewProblem"));
    let launches: Vec<&Request> = played.sent.iter().filter(|request| request.uri() == EC2).collect();
    let bodies: std::collections::BTreeSet<&[u8]> = launches.iter().map(|r| r.body().as_slice()).collect();
    assert!(!launches.is_empty() && bodies.len() == launches.len(), "no request is repeated");
    let told = ["\"level\":\"error\"", "a launch was refused", "BrandNewProblem", "not classified"];
    assert!(played.has_logged(&told), "{:?}", played.logged);
}

#[test]
fn an_id_and_a_name_are_told_apart() {
    assert_eq!(parameter(NAME).map(|n| n.as_str().to_owned()).as_deref(), Some("/jit/image"));
    assert!(parameter("ami-01234567").is_none() && parameter("resolve:ssm:jit").is_none());
}
