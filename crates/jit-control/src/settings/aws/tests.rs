//! Which variables make which source of rights, and every combination that makes none.

use std::collections::BTreeMap;

use super::*;
use crate::configuration::Fault;
use crate::settings::{Settings, WebhookSettings};

const ALL: [(&str, &str); 8] = [
    ("access_key_id", "AKIASTATIC"),
    ("secret_access_key", "TELLTALE-secret"),
    ("session_token", "TELLTALE-session"),
    ("role_arn", "arn:aws:iam::123456789012:role/webhook"),
    ("web_identity_token", "TELLTALE-web"),
    ("web_identity_token_file", "/aws/token"),
    ("container_credentials_uri", "http://169.254.170.2/v2/credentials/x"),
    ("container_authorization_token", "TELLTALE-pod"),
];

/// Webhook's rights, with these of its variables set.
fn read(names: &[&str]) -> Result<Option<AwsAccess>, Vec<Fault>> {
    let chosen = ALL.iter().filter(|(name, _)| names.contains(name));
    let values: BTreeMap<String, &str> =
        chosen.map(|(name, value)| (format!("webhook_aws_{name}"), *value)).collect();
    let get = |name: &str| match name {
        "github_webhook_secret" => Some("secret".to_owned()),
        _ => values.get(name).map(|value| (*value).to_owned()),
    };
    WebhookSettings::read(get).map(|settings| settings.aws)
}

/// The name of the source, if there is one.
fn source(names: &[&str]) -> Option<&'static str> {
    read(names).ok()?.map(|access| match access.source {
        CredentialSource::Key(_) => "key",
        CredentialSource::Role { .. } => "role",
        CredentialSource::WebIdentity { token: WebIdentityToken::Value(_), .. } => "web identity",
        CredentialSource::WebIdentity { token: WebIdentityToken::File(_), .. } => "web identity in a file",
        CredentialSource::Container { .. } => "container",
    })
}

#[test]
fn each_source_has_its_variables() {
    let key = ["access_key_id", "secret_access_key"];
    let with = |more: &[&'static str]| [&key[..], more].concat();
    assert_eq!(source(&key), Some("key"));
    assert_eq!(source(&with(&["session_token"])), Some("key"));
    assert_eq!(source(&with(&["role_arn"])), Some("role"));
    assert_eq!(source(&with(&["session_token", "role_arn"])), Some("role"));
    assert_eq!(source(&["role_arn", "web_identity_token"]), Some("web identity"));
    assert_eq!(source(&["role_arn", "web_identity_token_file"]), Some("web identity in a file"));
    assert_eq!(source(&["container_credentials_uri"]), Some("container"));
    assert_eq!(source(&["container_credentials_uri", "container_authorization_token"]), Some("container"));
}

/// All 256 sets of variables: eight of them are a source, the empty one is none, and every other is a fault.
#[test]
fn every_other_set_of_variables_is_a_fault_that_names_what_to_do() {
    let mut sources = 0;
    for set in 0_u32..256 {
        let names: Vec<&str> = ALL
            .iter()
            .enumerate()
            .filter(|(bit, _)| set & (1 << bit) != 0)
            .map(|(_, (name, _))| *name)
            .collect();
        match read(&names) {
            Ok(None) => assert!(names.is_empty(), "{names:?}"),
            Ok(Some(_)) => sources += 1,
            Err(faults) => {
                assert!(!faults.is_empty());
                for fault in faults {
                    let short =
                        fault.path.strip_prefix("webhook_aws_").expect("it is one of these variables");
                    assert!(names.contains(&short), "{names:?}: {fault}");
                    assert!(fault.remedy.contains("SPIN_VARIABLE_WEBHOOK_AWS_"), "{fault}");
                    assert!(!fault.to_string().contains("TELLTALE"), "{fault}");
                }
            }
        }
    }
    assert_eq!(sources, 8);
}

#[test]
fn two_sources_are_a_fault_that_names_both_and_half_a_key_one_that_names_the_other_half() {
    let fault = |names: &[&str]| {
        let mut faults = read(names).expect_err("it is a fault");
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults.remove(0).to_string()
    };
    let both = fault(&["access_key_id", "secret_access_key", "container_credentials_uri"]);
    assert_eq!(
        both,
        "webhook_aws_container_credentials_uri: it is set and so is webhook_aws_access_key_id, of which only one \
         may be; remove SPIN_VARIABLE_WEBHOOK_AWS_CONTAINER_CREDENTIALS_URI or SPIN_VARIABLE_WEBHOOK_AWS_ACCESS_KEY_ID"
    );
    let half = fault(&["access_key_id"]);
    assert!(
        half.starts_with(
            "webhook_aws_access_key_id: it is set, but webhook_aws_secret_access_key is not; set "
        )
    );
    let alone = fault(&["role_arn"]);
    assert!(
        alone.contains("but webhook_aws_access_key_id or webhook_aws_web_identity_token is not"),
        "{alone}"
    );
}

#[test]
fn who_must_have_rights_and_has_none_is_told_so() {
    let faults = Settings::read(Component::Scaleup, |_| None).expect_err("nothing is set");
    let fault = faults.iter().find(|f| f.path == "scaleup_aws_access_key_id").expect("it is among them");
    assert!(fault.remedy.contains("SPIN_VARIABLE_SCALEUP_AWS_SECRET_ACCESS_KEY"), "{fault}");
}

#[test]
fn what_ends_with_nobody_to_renew_it_is_known_by_its_variable() {
    let key = ["access_key_id", "secret_access_key"];
    let ends = |names: &[&str]| read(names).ok().flatten().and_then(|a| a.session_token_without_renewal());
    assert_eq!(ends(&key), None);
    let token = [&key[..], &["session_token"]].concat();
    assert_eq!(ends(&token).as_deref(), Some("webhook_aws_session_token"));
    assert_eq!(
        ends(&[&token[..], &["role_arn"]].concat()).as_deref(),
        Some("webhook_aws_session_token"),
        "the role is out of reach once the key has ended"
    );
    assert_eq!(ends(&["role_arn", "web_identity_token_file"]), None);
    assert_eq!(ends(&["container_credentials_uri"]), None);
}

#[test]
fn rights_are_never_printed() {
    for names in
        [&["access_key_id", "secret_access_key", "session_token"][..], &["role_arn", "web_identity_token"]]
    {
        let printed = format!("{:?}", read(names).expect("it is a source"));
        assert!(!printed.contains("TELLTALE"), "{printed}");
    }
}
