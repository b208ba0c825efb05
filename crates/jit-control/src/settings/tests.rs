//! Tests of the settings: what each component reads, every fault, and that no secret is ever printed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jit_aws::Credentials;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;

use super::variables::{Need, Secrecy, Shape, VARIABLES, Variable};
use super::*;

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nVEhFLVNFQ1JFVC1LRVk=\n-----END PRIVATE KEY-----\n";

/// A value for each variable that may stand beside all others; those of secrets hold the word SECRET, the PEM text in base64.
fn values() -> BTreeMap<String, String> {
    let value = |variable: &Variable| match variable.shape {
        Shape::AppId => "12345".to_owned(),
        Shape::PrivateKey => KEY.to_owned(),
        Shape::Secret | Shape::Key | Shape::Token | Shape::AwsText => match variable.secrecy {
            Secrecy::Secret => format!("SECRET-of-{}-and-some-more-bytes", variable.name),
            Secrecy::Plain => format!("AKIA{}", variable.name),
        },
        Shape::ProtectedAddress => format!("https://example.com/{}/", variable.name),
        Shape::AnyAddress => "http://emulator:5555".to_owned(),
        Shape::RoleArn => "arn:aws:iam::123456789012:role/r".to_owned(),
        Shape::WebToken | Shape::Path | Shape::ContainerAddress | Shape::SecretArn => String::new(),
    };
    // The rights of each component come from one source: here from a role with a key.
    let stands = |v: &&&Variable| {
        !["_aws_web_", "_aws_container_", "_secret_arn"].iter().any(|part| v.name.contains(part))
    };
    VARIABLES.iter().filter(stands).map(|v| (v.name.to_owned(), value(v))).collect()
}

/// The key that a source of rights begins with.
fn key(aws: &AwsAccess) -> &Credentials {
    match &aws.source {
        CredentialSource::Key(key) | CredentialSource::Role { key, .. } => key,
        other => panic!("{other:?} has no key"),
    }
}

fn read(component: Component, values: &BTreeMap<String, String>) -> Result<Settings, Vec<Fault>> {
    Settings::read(component, |name| values.get(name).cloned())
}

/// All values but one, which is another; the faults of a component that binds it.
fn faults_with(name: &str, value: &str) -> Vec<Fault> {
    let variable = VARIABLES.iter().find(|v| v.name == name).expect("the variable is declared");
    let mut values = values();
    values.insert(name.to_owned(), value.to_owned());
    read(variable.components[0], &values).expect_err("the value is wrong")
}

#[test]
fn each_component_asks_for_exactly_the_variables_that_name_it() {
    for component in Component::ALL {
        let asked = RefCell::new(BTreeSet::new());
        let settings = Settings::read(component, |name| {
            asked.borrow_mut().insert(name.to_owned());
            values().get(name).cloned()
        });
        assert!(settings.is_ok(), "{component:?}: {settings:?}");
        let bound = VARIABLES.iter().filter(|v| v.components.contains(&component));
        let bound: BTreeSet<String> = bound.map(|v| v.name.to_owned()).collect();
        assert_eq!(asked.into_inner(), bound, "{component:?}");
    }
}

#[test]
fn a_component_is_bound_to_nothing_of_another_principal() {
    let names = |component| -> BTreeSet<&str> {
        VARIABLES.iter().filter(|v| v.components.contains(&component)).map(|v| v.name).collect()
    };
    let of_webhook: Vec<&str> =
        names(Component::Webhook).into_iter().filter(|n| !n.starts_with("webhook_aws_")).collect();
    assert_eq!(
        of_webhook,
        [
            "aws_endpoint_url",
            "github_webhook_secret",
            "github_webhook_secret_arn",
            "github_webhook_secret_previous"
        ]
    );
    assert!(names(Component::Scaleup).iter().all(|n| !n.starts_with("github_")), "nothing of GitHub");
    for component in Component::ALL {
        let others = Component::ALL.into_iter().filter(|o| *o != component);
        for other in others {
            let prefix = format!("{}_", other.as_str());
            assert!(names(component).iter().all(|n| !n.starts_with(&prefix)), "{component:?} and {other:?}");
        }
    }
}

#[test]
fn variables_are_declared_once_and_in_the_names_that_spin_takes() {
    let names: BTreeSet<&str> = VARIABLES.iter().map(|v| v.name).collect();
    assert_eq!(names.len(), VARIABLES.len());
    for variable in VARIABLES {
        assert!(variable.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", variable.name);
        assert!(!variable.components.is_empty() && variable.meaning.ends_with('.'), "{}", variable.name);
    }
    assert_eq!(CRON_TOKEN.in_environment(), "SPIN_VARIABLE_CRON_TOKEN");
}

#[test]
fn everything_that_is_not_set_is_reported_at_once() {
    for component in Component::ALL {
        let faults = Settings::read(component, |_| None).expect_err("nothing is set");
        let missed: BTreeSet<String> = faults.iter().map(|f| f.path.clone()).collect();
        let bound =
            VARIABLES.iter().filter(|v| v.components.contains(&component) && v.need == Need::Required);
        let mut due: BTreeSet<String> = bound.map(|v| v.name.to_owned()).collect();
        due.extend(match component {
            Component::Webhook => Some("github_webhook_secret".to_owned()),
            Component::Scaleup => None,
            _ => Some("github_private_key".to_owned()),
        });
        if !matches!(component, Component::Webhook | Component::Registrar) {
            due.insert(format!("{}_aws_access_key_id", component.as_str()));
        }
        assert_eq!(missed, due, "{component:?}");
        assert_eq!(faults.len(), missed.len(), "each once");
        assert!(
            faults.iter().all(|f| f.line.is_none() && f.remedy.starts_with("set SPIN_VARIABLE_")),
            "{faults:?}"
        );
    }
}

#[test]
fn an_empty_value_is_none() {
    let mut values = values();
    values.insert("github_webhook_secret_previous".into(), String::new());
    let Ok(Settings::Webhook(settings)) = read(Component::Webhook, &values) else { panic!("webhook is set") };
    let WebhookSecrets::Values(secrets) = &settings.secrets else { panic!("it is a value") };
    assert_eq!(secrets.accepted().len(), 1);
    values.insert("github_webhook_secret".into(), String::new());
    assert!(read(Component::Webhook, &values).is_err_and(|f| f[0].what.contains("not set")));
}

#[test]
fn what_is_left_out_has_its_default() {
    let mut values = values();
    for optional in
        ["github_api_url", "aws_endpoint_url", "lifecycle_aws_session_token", "cron_token_previous"]
    {
        values.remove(optional);
    }
    let Ok(Settings::Lifecycle(settings)) = read(Component::Lifecycle, &values) else {
        panic!("lifecycle is set")
    };
    assert_eq!(settings.github.api_url.as_str(), "https://api.github.com");
    assert!(settings.aws.endpoint_url.is_none() && key(&settings.aws).session_token.is_none());
    assert_eq!(settings.cron_tokens.accepted().len(), 1);
}

#[test]
fn each_component_has_its_own_rights_in_the_cloud() {
    let values = values();
    for component in Component::ALL {
        let settings = read(component, &values).expect("all is set");
        let aws = settings.aws().expect("each may have rights");
        assert_eq!(aws.component, component);
        assert_eq!(key(aws).access_key_id, format!("AKIA{}_aws_access_key_id", component.as_str()));
        assert!(key(aws).secret_access_key.expose_secret().contains(component.as_str()));
    }
}

#[test]
fn no_secret_is_ever_printed() {
    for component in Component::ALL {
        let settings = read(component, &values()).expect("all is set");
        let printed = format!("{settings:?} {settings:#?}");
        assert!(!printed.contains("SECRET-of") && !printed.contains("VEhFLVNFQ1JFVC1LRVk"), "{printed}");
    }
}

#[test]
fn a_fault_repeats_no_value() {
    for variable in VARIABLES {
        for wrong in [" TELLTALE ", "TELLTALE\nTELLTALE", "ftp://TELLTALE", "-----BEGIN TELLTALE-----"] {
            let mut values = values();
            values.insert(variable.name.to_owned(), wrong.to_owned());
            if let Err(faults) = read(variable.components[0], &values) {
                assert!(!format!("{faults:?}").contains("TELLTALE"), "{}", variable.name);
            }
        }
    }
}

#[test]
fn a_value_out_of_range_is_refused() {
    for (name, wrong) in [
        ("github_app_id", "no id"),
        ("github_private_key", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"),
        ("github_webhook_secret", "secret\n"),
        ("github_api_url", "http://api.github.com"),
        ("github_api_url", "api.github.com"),
        ("public_url", "http://registrar.example.com"),
        ("public_url", "https://user:pass@registrar.example.com"),
        ("public_url", "https://registrar.example.com/?a=b"),
        ("claim_key", "thirty-one-bytes-are-too-short-"),
        ("claim_key_previous", "short"),
        ("cron_token", "fifteen-chars-x"),
        ("cron_token", "a token with white space"),
        ("aws_endpoint_url", "ftp://emulator"),
        ("scaleup_aws_access_key_id", "AKIA EXAMPLE"),
        ("rebalancer_aws_secret_access_key", "with\nbreak"),
        ("webhook_aws_role_arn", "scaleup"),
    ] {
        let faults = faults_with(name, wrong);
        assert_eq!(faults.len(), 1, "{name}: {faults:?}");
        assert_eq!((faults[0].path.as_str(), faults[0].line), (name, None));
        assert!(faults[0].remedy.contains("SPIN_VARIABLE_"), "{faults:?}");
    }
}

#[test]
fn a_claim_key_is_known_by_the_beginning_of_its_digest() {
    let mut values = values();
    values.insert("claim_key".into(), "0123456789abcdef0123456789abcdef".into());
    let Ok(Settings::Registrar(settings)) = read(Component::Registrar, &values) else {
        panic!("registrar is set")
    };
    // printf 0123456789abcdef0123456789abcdef | sha256sum
    assert_eq!(settings.claim_keys.current.id, "3eb1bd43");
    let previous = settings.claim_keys.previous.as_ref().expect("there is one");
    assert_eq!(previous.id.len(), 8);
    let found = settings.claim_keys.get(&previous.id).expect("it is accepted");
    assert!(found.secret.expose_secret().contains("claim_key_previous"));
    assert!(settings.claim_keys.get("00000000").is_none());
}

#[test]
fn an_address_loses_its_last_slash_and_http_is_for_this_machine() {
    let mut values = values();
    for (given, kept) in [
        ("https://ghe.example.com/api/v3/", "https://ghe.example.com/api/v3"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:3000/", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ] {
        values.insert("github_api_url".into(), given.into());
        let settings = read(Component::Scaledown, &values).expect("the address is right");
        assert_eq!(settings.github().map(|app| app.api_url.as_str()), Some(kept));
    }
}

#[test]
fn whether_the_private_key_can_sign_is_found_out_on_demand() {
    let settings = read(Component::Rebalancer, &values()).expect("its shape is right");
    let faults = settings.dear_faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].path, "github_private_key");
    assert!(!faults[0].to_string().contains("VEhF"));
    assert!(read(Component::Scaleup, &values()).expect("all is set").dear_faults().is_empty());
}

proptest! {
    #[test]
    fn any_values_give_settings_or_faults(value in "\\PC{0,80}") {
        for component in Component::ALL {
            if let Err(faults) = Settings::read(component, |_| Some(value.clone())) {
                prop_assert!(!faults.is_empty());
            }
        }
    }
}
