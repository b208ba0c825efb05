//! A queued job meets an image that is named by a parameter, and a cloud that answers with everything but instances.

use std::cell::RefCell;
use std::rc::Rc;

use jit_domain::ids::{InstallationId, JobId, Login, RepositoryName, RunId};
use jit_domain::observation::Action;

use super::*;
use crate::effects::memory::MemoryEffects;
use crate::effects::{Request, Response};
use crate::message::{JobObservation, Message};
use crate::queue::{Queue as _, QueueName};
use crate::scaleup;
use crate::settings::{Component, ScaleupSettings};

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
        pool: None,
        runner_id: None,
        runner_name: None,
        conclusion: None,
        created_at: now,
        at: now,
        received_at: now,
    })
}

/// Every request and every log line of one run of scaleup with one queued job.
struct Played {
    sent: Vec<Request>,
    logged: Vec<String>,
}

impl Played {
    fn with(image: &str, mut answer: impl FnMut(&str) -> Response + 'static) -> Self {
        let effects = MemoryEffects::new(1);
        let sent = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&sent);
        effects.answer(move |request: Request| {
            log.borrow_mut().push(request.clone());
            Ok(answer(&request.uri().to_string()))
        });
        let settings = settings();
        let shell = Shell::new(&effects, Component::Scaleup, policy(image), None)
            .expect("records and messages are here");
        let ran = effects.run(async {
            shell.queue.send(QueueName::Jobs, &queued(effects.now()).encode()).await.expect("it is queued");
            scaleup::run(&shell, &settings).await
        });
        ran.expect("nothing crashes").expect("the run ends well");
        let logged = effects.logged();
        Self { sent: sent.take(), logged }
    }

    fn count(&self, uri: &str) -> usize {
        self.sent.iter().filter(|request| request.uri() == uri).count()
    }

    /// The image of each launch that was asked for.
    fn images(&self) -> Vec<String> {
        let launches = self.sent.iter().filter(|request| request.uri() == EC2);
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
        assert!(
            played.has_logged(&["a launch was answered", "\"reason\":\"refused\""]),
            "{:?}",
            played.logged
        );
    }
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
