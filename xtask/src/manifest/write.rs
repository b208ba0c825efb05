//! Puts hosts and defaults into the text of a manifest and leaves every comment where it is.
//! Not here: which hosts.

use anyhow::{Context as _, Result};
use toml_edit::{Array, DocumentMut, Item, TableLike, Value};

use super::Addresses;
use super::hosts::{self, Origins, Own, Regions};

const GITHUB_API: &str = "github_api_url";
const AWS_ENDPOINT: &str = "aws_endpoint_url";
/// The variables that name secrets in Secrets Manager.
const SECRET_ARNS: [&str; 2] = ["github_private_key_secret_arn", "github_webhook_secret_arn"];

pub(super) fn with_hosts(
    manifest: &str,
    regions: &Regions,
    storage: Option<&str>,
    addresses: Addresses<'_>,
) -> Result<String> {
    let mut document: DocumentMut = manifest.parse()?;
    let variables = table(&mut document, "variables")?;
    let github = default(variables, GITHUB_API, addresses.github_api)?;
    let aws = default(variables, AWS_ENDPOINT, addresses.aws_endpoint)?;
    let aws = if aws.is_empty() { None } else { Some(hosts::origin(&aws)?) };
    let origins = Origins { github: hosts::origin(&github)?, aws, regions, storage };
    let variables = document.get("variables").cloned().unwrap_or_default();

    for (name, component) in table(&mut document, "component")?.iter_mut() {
        let own = own(&variables, component, name.get());
        let allowed = component
            .get_mut("allowed_outbound_hosts")
            .and_then(Item::as_array_mut)
            .with_context(|| format!("component `{}` has no list `allowed_outbound_hosts`", name.get()))?;
        let hosts = hosts::of(name.get(), &origins, &own)?;
        if !allowed.iter().map(Value::as_str).eq(hosts.iter().map(|host| Some(host.as_str()))) {
            replace(allowed, hosts);
        }
    }
    Ok(document.to_string())
}

/// The default of a variable, after setting it to what a person gave.
fn default(variables: &mut dyn TableLike, name: &str, given: Option<&str>) -> Result<String> {
    let value = variables
        .get_mut(name)
        .and_then(Item::as_table_like_mut)
        .and_then(|variable| variable.get_mut("default"))
        .and_then(Item::as_value_mut)
        .with_context(|| format!("variable `{name}` has no default"))?;
    if let Some(given) = given {
        let surroundings = value.decor().clone();
        *value = Value::from(given);
        *value.decor_mut() = surroundings;
    }
    value.as_str().map(str::to_owned).with_context(|| format!("the default of `{name}` is not text"))
}

/// What the defaults of a component's own variables say about where it goes.
fn own(variables: &Item, component: &Item, name: &str) -> Own {
    let is_bound =
        |variable: &str| component.get("variables").is_some_and(|bound| bound.get(variable).is_some());
    let value = |variable: &str| {
        let text = variables.get(variable)?.get("default")?.as_str()?;
        (is_bound(variable) && !text.is_empty()).then(|| text.to_owned())
    };
    Own {
        has_role: value(&format!("{name}_aws_role_arn")).is_some(),
        endpoint: value(&format!("{name}_aws_container_credentials_uri")),
        secrets: SECRET_ARNS.iter().filter_map(|variable| value(variable)).collect(),
    }
}

fn replace(allowed: &mut Array, hosts: Vec<String>) {
    allowed.clear();
    allowed.extend(hosts);
    allowed.set_trailing("");
    allowed.set_trailing_comma(false);
}

fn table<'a>(document: &'a mut DocumentMut, name: &str) -> Result<&'a mut dyn TableLike> {
    document.get_mut(name).and_then(Item::as_table_like_mut).with_context(|| format!("no table `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"# About this file.
[variables]
github_api_url = { default = "https://api.github.com" } # GitHub
aws_endpoint_url = { default = "" }

[component.webhook]
allowed_outbound_hosts = []

[component.lifecycle]
# Why.
allowed_outbound_hosts = [ "https://old.example", ] # after
source = "x.wasm"
"#;

    fn regions() -> Regions {
        Regions { offered: ["eu-central-1", "us-east-1"].map(str::to_owned).into(), ..Regions::default() }
    }

    #[test]
    fn the_default_of_a_bound_variable_opens_its_host_and_an_unbound_one_none() {
        let role = r#"lifecycle_aws_role_arn = { default = "arn:aws:iam::123456789012:role/x" }"#;
        let manifest = MANIFEST.replace("[component.webhook]", &format!("{role}\n[component.webhook]"));
        let written = with_hosts(&manifest, &regions(), None, Addresses::default()).unwrap();
        assert!(!written.contains("sts."), "{written}");
        let bound = format!("{manifest}variables = {{ lifecycle_aws_role_arn = \"x\" }}\n");
        let written = with_hosts(&bound, &regions(), None, Addresses::default()).unwrap();
        assert!(written.contains("\"https://sts.us-east-1.amazonaws.com\""), "{written}");
    }

    #[test]
    fn hosts_change_and_everything_else_stays() {
        let written = with_hosts(MANIFEST, &regions(), None, Addresses::default()).unwrap();
        let chained = r#"["http://scaleup.spin.internal", "http://lifecycle.spin.internal"]"#;
        let called = r#"["https://api.github.com", "https://ec2.eu-central-1.amazonaws.com", "https://ec2.us-east-1.amazonaws.com"]"#;
        let expected = MANIFEST.replace("[]", chained).replace(r#"[ "https://old.example", ]"#, called);
        assert_eq!(written, expected);
        assert_eq!(with_hosts(&written, &regions(), None, Addresses::default()).unwrap(), written);
    }

    #[test]
    fn given_addresses_become_defaults_and_hosts() {
        let addresses = Addresses {
            github_api: Some("https://ghe.example/api/v3"),
            aws_endpoint: Some("http://127.0.0.1:4000"),
        };
        let written = with_hosts(MANIFEST, &regions(), None, addresses).unwrap();
        assert!(written.contains(r#"github_api_url = { default = "https://ghe.example/api/v3" } # GitHub"#));
        assert!(written.contains(r#"aws_endpoint_url = { default = "http://127.0.0.1:4000" }"#));
        assert!(written.contains(r#"["https://ghe.example", "http://127.0.0.1:4000"]"#), "{written}");
        // The defaults say where the hosts come from, so a later run agrees.
        assert_eq!(with_hosts(&written, &regions(), None, Addresses::default()).unwrap(), written);
    }

    #[test]
    fn a_manifest_that_cannot_be_understood_is_not_written() {
        assert!(with_hosts("", &regions(), None, Addresses::default()).is_err());
        assert!(with_hosts("[component", &regions(), None, Addresses::default()).is_err());
        let newcomer = format!("{MANIFEST}\n[component.newcomer]\nallowed_outbound_hosts = []\n");
        assert!(with_hosts(&newcomer, &regions(), None, Addresses::default()).is_err());
        let without = MANIFEST.replace("allowed_outbound_hosts = []", "");
        assert!(with_hosts(&without, &regions(), None, Addresses::default()).is_err());
    }
}
