//! The clients for roles, secrets and parameters over the models that check signatures, trust, sessions and rights; and the GitHub App's
//! key from a secret, which has to sign what the model of GitHub believes.
//! Not here: what is sent byte for byte, which `tests.rs` and jit-aws hold, and faults.

use std::cell::RefCell;
use std::rc::Rc;

use jit_aws::ec2::DescribeInstances;
use jit_domain::class::Scope;
use jit_domain::ids::{InstallationId, Login};
use jit_domain::policy::Policy;
use jit_fakes::cloud::{Aws as Cloud, AwsConfig, Limits, Principal, Provider, Role, SkewCode};
use jit_fakes::github::{GitHub as Hub, RepositorySelection, Settings as HubSettings};
use jit_fakes::model::Model as _;
use jwt_simple::prelude::{Claims, RS256KeyPair, RSAKeyPairLike as _, UnixTimeStamp};
use secrecy::ExposeSecret as _;

use super::*;
use crate::effects::memory::MemoryEffects;
use crate::github::{GitHub, Priority};
use crate::images::Images;
use crate::settings::{Component, Keeper, KeeperSettings, ScaleupSettings, WebhookSecrets, WebhookSettings};
use crate::shell::Shell;

/// The model's account.
const ACCOUNT: &str = "123456789012";
const ROLE: &str = "arn:aws:iam::123456789012:role/scaleup";
const REGION: &str = "us-east-1";
const APP_KEY_ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-key-AbCdEf";
const WEBHOOK_ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:webhook-AbCdEf";
const APP_ID: u64 = 12_345;
const PRIVATE: &str = include_str!("../../../jit-sim/keys/app-private.pem");
const PUBLIC: &str = include_str!("../../../jit-sim/keys/app-public.pem");
const ISSUER: &str = "https://oidc.example.com";
const SUBJECT: &str = "system:serviceaccount:jit:scaleup";

/// An AWS in which `change` has made what a test needs, and a GitHub with one organisation.
struct World {
    effects: MemoryEffects,
    cloud: Rc<RefCell<Cloud>>,
    installation: InstallationId,
}

impl World {
    fn new(change: impl FnOnce(&mut Cloud)) -> Self {
        Self::with(AwsConfig::default(), change)
    }

    fn with(config: AwsConfig, change: impl FnOnce(&mut Cloud)) -> Self {
        let effects = MemoryEffects::new(1);
        let mut cloud = Cloud::new(AwsConfig { account: ACCOUNT.to_owned(), ..config });
        change(&mut cloud);
        let cloud = Rc::new(RefCell::new(cloud));
        let settings = HubSettings::new(1, APP_ID, PUBLIC, "hook".into());
        let mut hub = Hub::new(settings, jiff_time(effects.now())).expect("it is a key");
        let organisation = hub.add_organization("octo");
        let installation = InstallationId(hub.install(organisation, RepositorySelection::All).0);
        let (clock, answering) = (effects.clone(), Rc::clone(&cloud));
        effects.answer(move |request| {
            let now = jiff_time(clock.now());
            Ok(match request.uri().host() {
                Some("api.github.com") => hub.handle(now, request),
                _ => answering.borrow_mut().handle(now, request),
            })
        });
        Self { effects, cloud, installation }
    }

    /// What EC2 answers to who describes instances with these rights.
    fn described(&self, access: &AwsAccess) -> Result<Response, SendError> {
        let aws = Aws::new(&self.effects, access.clone());
        let endpoint = aws.endpoint(Service::Ec2, &Region::new(REGION)).expect("it is a region");
        let ask = DescribeInstances::page(vec![], jit_aws::ec2::PageSize::MAX);
        let sent = self.effects.run(aws.send(&endpoint, ask.request(&endpoint), Duration::from_secs(12)));
        sent.expect("nothing crashes")
    }

    /// The same: the status, or why it was not asked.
    fn describe(&self, access: &AwsAccess) -> Result<u16, String> {
        match self.described(access) {
            Ok(reply) => Ok(reply.status().as_u16()),
            Err(SendError::NotSent(why) | SendError::Unknown(why)) => Err(why),
        }
    }
}

/// Reads a component's settings from these variables and those that everybody needs.
fn settings<T, E: std::fmt::Debug>(
    variables: &[(&str, &str)],
    read: impl FnOnce(&dyn Fn(&str) -> Option<String>) -> Result<T, E>,
) -> T {
    let usual = [
        ("public_url", "https://runners.example.com"),
        ("claim_key", "0123456789abcdef0123456789abcdef"),
        ("cron_token", "a-cron-token-of-some-length"),
        ("github_app_id", "12345"),
    ];
    let find = |name: &str| {
        let mut all = variables.iter().chain(&usual);
        all.find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    read(&find).expect("the settings are valid")
}

fn scaleup(variables: &[(&str, &str)]) -> AwsAccess {
    settings(variables, |get| ScaleupSettings::read(get)).aws
}

fn principal(name: &str, rights: &[&str]) -> Principal {
    Principal::new(name, &format!("AKIA{}", name.to_uppercase()), "secret".into(), rights)
}

#[test]
fn a_key_becomes_a_role_that_trusts_it_and_may_do_what_the_role_may() {
    let role = Role::new("scaleup", &["ec2:DescribeInstances"]);
    // Clones share the keys that were fetched, so each world gets rights of its own.
    let access = || {
        scaleup(&[
            ("scaleup_aws_access_key_id", "AKIAOPERATOR"),
            ("scaleup_aws_secret_access_key", "secret"),
            ("scaleup_aws_role_arn", ROLE),
        ])
    };
    let world = World::new(|cloud| {
        cloud.add_principal(principal("operator", &[]));
        cloud.add_role(role.clone().trusting("operator"));
    });
    assert_eq!(world.describe(&access()), Ok(200));
    let callers: Vec<String> = world.cloud.borrow().requests().keys().map(|key| key.caller.clone()).collect();
    assert!(callers.iter().any(|caller| caller == "scaleup"), "the session has its name: {callers:?}");
    let world = World::new(|cloud| {
        cloud.add_principal(principal("operator", &[]));
        cloud.add_role(role);
    });
    let why = world.describe(&access()).unwrap_err();
    assert!(why.contains(ROLE) && why.contains("AccessDenied"), "{why}");
}

/// A token of the provider that the role trusts.
fn identity(world: &World, subject: &str) -> String {
    let now = world.effects.now().as_s();
    let mut claims = Claims::create(jwt_simple::prelude::Duration::from_mins(10))
        .with_issuer(ISSUER)
        .with_audience("sts.amazonaws.com")
        .with_subject(subject);
    claims.issued_at = Some(UnixTimeStamp::from_secs(now));
    claims.invalid_before = None;
    claims.expires_at = Some(UnixTimeStamp::from_secs(now + 600));
    RS256KeyPair::from_pem(PRIVATE).expect("it is a key").sign(claims).expect("it can be signed")
}

#[test]
fn a_web_identity_becomes_a_role_from_a_variable_and_from_a_file() {
    let provider = Provider {
        issuer: ISSUER.into(),
        audience: "sts.amazonaws.com".into(),
        subject: SUBJECT.into(),
        public_key_pem: PUBLIC.into(),
    };
    let role = Role::new("scaleup", &["ec2:DescribeInstances"]).trusting_provider(provider);
    let world = World::new(|cloud| cloud.add_role(role));
    let token = identity(&world, SUBJECT);
    let by_value = [("scaleup_aws_role_arn", ROLE), ("scaleup_aws_web_identity_token", token.as_str())];
    assert_eq!(world.describe(&scaleup(&by_value)), Ok(200));

    let by_file = [("scaleup_aws_role_arn", ROLE), ("scaleup_aws_web_identity_token_file", "/aws/token")];
    world.effects.mount("/aws/token", &format!("{}\n", identity(&world, "system:serviceaccount:jit:other")));
    let why = world.describe(&scaleup(&by_file)).unwrap_err();
    assert!(why.contains("AccessDenied"), "{why}");
    world.effects.mount("/aws/token", &format!("{token}\n"));
    assert_eq!(world.describe(&scaleup(&by_file)), Ok(200));
    assert_eq!(world.cloud.borrow().requests_of("AssumeRoleWithWebIdentity"), 3);
}

fn current(world: &World, secret: &StoredSecret) -> secrecy::SecretString {
    world.effects.run(secret.current(&world.effects)).expect("nothing crashes").expect("it may be read")
}

#[test]
fn the_webhook_secret_is_read_in_its_current_and_its_previous_version() {
    let read = |cloud: &mut Cloud| {
        cloud.add_principal(principal("webhook", &["secretsmanager:GetSecretValue"]));
    };
    let variables = [
        ("github_webhook_secret_arn", WEBHOOK_ARN),
        ("webhook_aws_access_key_id", "AKIAWEBHOOK"),
        ("webhook_aws_secret_access_key", "secret"),
    ];
    let stored = || match settings(&variables, |get| WebhookSettings::read(get)).secrets {
        WebhookSecrets::Stored(stored) => stored,
        WebhookSecrets::Values(_) => panic!("it is in Secrets Manager"),
    };
    let world = World::new(|cloud| {
        read(cloud);
        cloud.put_secret(WEBHOOK_ARN, "first\n".into());
    });
    let secret = stored();
    assert_eq!(current(&world, &secret).expose_secret(), "first");
    let previous = world.effects.run(secret.previous(&world.effects)).expect("nothing crashes");
    assert!(previous.expect("it may be read").is_none(), "there is none before the first");

    world.cloud.borrow_mut().put_secret(WEBHOOK_ARN, "second".into());
    let secret = stored();
    assert_eq!(current(&world, &secret).expose_secret(), "second");
    let previous = world.effects.run(secret.previous(&world.effects)).expect("nothing crashes");
    assert_eq!(previous.expect("it may be read").expect("there is one").expose_secret(), "first");

    let world = World::new(|cloud| cloud.put_secret(WEBHOOK_ARN, "first".into()));
    let refused = world.effects.run(stored().current(&world.effects)).expect("nothing crashes");
    assert!(chain(&refused.unwrap_err()).contains("UnrecognizedClientException"), "nobody knows the key");
}

/// Lists the runners of the organisation, which takes an installation token, with the App's key in Secrets Manager.
fn list_runners(world: &World) -> Result<usize, String> {
    let variables = [
        ("github_private_key_secret_arn", APP_KEY_ARN),
        ("rebalancer_aws_access_key_id", "AKIAREBALANCER"),
        ("rebalancer_aws_secret_access_key", "secret"),
    ];
    let settings = settings(&variables, |get| KeeperSettings::read(Keeper::Rebalancer, get));
    let policy: Policy = crate::configuration::parse(include_str!("../../../../config/jit-runners.toml"))
        .expect("the configuration is valid");
    let shell = Shell::new(&world.effects, Component::Rebalancer, policy, None).expect("records are here");
    let github = GitHub::new(&shell, &settings.github, Priority::Truth).expect("it is an address");
    let scope = Scope::Organisation(Login::new("octo"));
    let listed = world.effects.run(github.runners(world.installation, &scope, None));
    listed.expect("nothing crashes").map(|runners| runners.listed.len()).map_err(|error| chain(&error))
}

#[test]
fn the_apps_key_from_secrets_manager_signs_what_github_believes() {
    let world = |key: &str| {
        World::new(|cloud| {
            cloud.add_principal(principal("rebalancer", &["secretsmanager:GetSecretValue"]));
            cloud.put_secret(APP_KEY_ARN, key.into());
        })
    };
    // As editors and copying leave it: with blank lines around.
    for key in [PRIVATE.to_owned(), format!("\n  {}\n\n", PRIVATE.trim())] {
        let world = world(&key);
        assert_eq!(list_runners(&world), Ok(0));
        assert_eq!(world.cloud.borrow().requests_of("GetSecretValue"), 1);
    }
    let torn = world("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----");
    let why = list_runners(&torn).unwrap_err();
    assert!(!why.contains("AAAA"), "{why}");
    let nobody = World::new(|cloud| cloud.put_secret(APP_KEY_ARN, PRIVATE.into()));
    let why = list_runners(&nobody).unwrap_err();
    assert!(why.contains(APP_KEY_ARN), "{why}");
}

#[test]
fn a_parameter_that_names_an_image_is_read_with_the_right_to_it() {
    const NAME: &str = "/jit/image";
    let text = include_str!("../../../../config/jit-runners.toml");
    let text = text.replace("ami-0123456789abcdef0", &format!("resolve:ssm:{NAME}"));
    let policy = crate::configuration::parse(&text).expect("the configuration is valid");
    let access =
        scaleup(&[("scaleup_aws_access_key_id", "AKIASCALEUP"), ("scaleup_aws_secret_access_key", "secret")]);
    let image = |rights: &[&str]| {
        let world = World::new(|cloud| {
            cloud.add_principal(principal("scaleup", rights));
            cloud.put_parameter(REGION, NAME, "ami-0aaaaaaaaaaaaaaaa");
            cloud.put_parameter(REGION, NAME, "ami-0bbbbbbbbbbbbbbbb");
        });
        let shell =
            Shell::new(&world.effects, Component::Scaleup, policy.clone(), None).expect("records are here");
        let mut images = Images::new(&shell.policy);
        assert!(world.effects.run(images.resolve(&shell, &access)).expect("nothing crashes"));
        let id = images.policy().pools[0].images[0].image.id.as_str().to_owned();
        (id, images.unresolved().len())
    };
    assert_eq!(image(&["ssm:GetParameter"]), ("ami-0bbbbbbbbbbbbbbbb".to_owned(), 0));
    assert_eq!(image(&[]), (format!("resolve:ssm:{NAME}"), 1));
}

/// EC2 may answer a wrong date with the words for a wrong key; its clock tells.
#[test]
fn a_wrong_clock_is_told_from_a_wrong_key_by_ec2s_own_clock() {
    let key = |secret: &'static str| {
        scaleup(&[("scaleup_aws_access_key_id", "AKIASCALEUP"), ("scaleup_aws_secret_access_key", secret)])
    };
    let class = |behind: Duration, secret: &'static str, code: SkewCode| {
        let limits = Limits { ec2_skew_code: code, ..Limits::default() };
        let world = World::with(AwsConfig { limits, ..AwsConfig::default() }, |cloud| {
            cloud.add_principal(principal("scaleup", &["ec2:DescribeInstances"]));
        });
        world.cloud.borrow_mut().advance(jiff_time(world.effects.now() + behind));
        let reply = world.described(&key(secret)).expect("it answers");
        DescribeInstances::parse(&reply).err().map(|error| error.class())
    };
    use jit_aws::ec2::ErrorClass::{ClockSkew, Refused};
    let minutes = |n: u64| Duration::from_secs(60 * n);
    for code in [SkewCode::RequestExpired, SkewCode::AuthFailure] {
        assert_eq!(class(minutes(6), "secret", code), Some(ClockSkew), "{code:?}");
        assert_eq!(class(minutes(1), "secret", code), None, "{code:?}");
        assert_eq!(class(minutes(1), "mistyped", code), Some(Refused), "{code:?}");
    }
}
