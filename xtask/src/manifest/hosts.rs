//! Which hosts each component may call: a fact of its job, the configured regions and two addresses.
//! Not here: TOML of the manifest.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use toml_edit::{DocumentMut, Item, Table};

/// What a component calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Another component, by chaining.
    Function(&'static str),
    /// GitHub's REST API.
    GitHub,
    /// A service of AWS in every configured region.
    Aws(&'static str),
    /// A service of AWS in the region where records and messages are kept, if they are kept in AWS.
    Storage(&'static str),
}

/// The parent domains of AWS's services by the beginning of a region's name; `tests` hold them to what jit-aws calls.
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
const AWS_DOMAINS: &[(&str, &str)] = &[
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
];

/// The origins behind what components call.
#[derive(Debug)]
pub(super) struct Origins<'a> {
    /// GitHub's.
    pub(super) github: String,
    /// AWS's, if one address stands for all services.
    pub(super) aws: Option<String>,
    /// The configured regions.
    pub(super) regions: &'a BTreeSet<String>,
    /// The region of table and queues; none when they are not in AWS.
    pub(super) storage: Option<&'a str>,
}

/// The hosts of a component, in a fixed order without repetition.
///
/// # Errors
/// When no component of that name is known: a new one needs a decision about what it may reach.
pub(super) fn of(component: &str, origins: &Origins<'_>) -> Result<Vec<String>> {
    let mut hosts = Vec::new();
    for reach in reach(component).with_context(|| format!("nothing says what `{component}` may reach"))? {
        match (reach, &origins.aws) {
            (Reach::Function(name), _) => hosts.push(format!("http://{name}.spin.internal")),
            (Reach::GitHub, _) => hosts.push(origins.github.clone()),
            (Reach::Storage(_), _) if origins.storage.is_none() => {}
            (Reach::Aws(_) | Reach::Storage(_), Some(endpoint)) => hosts.push(endpoint.clone()),
            (Reach::Storage(service), None) => {
                hosts.extend(origins.storage.iter().map(|region| aws(service, region)));
            }
            (Reach::Aws(service), None) => {
                hosts.extend(origins.regions.iter().map(|region| aws(service, region)))
            }
        }
    }
    let mut seen = BTreeSet::new();
    hosts.retain(|host| seen.insert(host.clone()));
    Ok(hosts)
}

/// The regions that a configuration's offerings name.
///
/// # Errors
/// When it is not TOML, an offering has no region, a region could be no part of a host name, or there is none at all.
pub(super) fn regions(configuration: &str) -> Result<BTreeSet<String>> {
    let document: DocumentMut = configuration.parse()?;
    let mut regions = BTreeSet::new();
    let pools = document.get("pool").and_then(Item::as_array_of_tables).into_iter().flatten();
    let text = |table: &Table, key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    for offering in pools.filter_map(|pool| pool.get("offering")?.as_array_of_tables()).flatten() {
        if text(offering, "cloud").is_some_and(|cloud| cloud != "aws") {
            continue;
        }
        let region = text(offering, "region").context("an offering without region")?;
        check_region(&region)?;
        regions.insert(region);
    }
    if regions.is_empty() {
        bail!("no offering names an AWS region");
    }
    Ok(regions)
}

/// The region where a configuration keeps records and messages; none when that is not in AWS.
///
/// # Errors
/// When it is not TOML, or keeps them in AWS without a region that could be part of a host name.
pub(super) fn storage(configuration: &str) -> Result<Option<String>> {
    let document: DocumentMut = configuration.parse()?;
    let text = |key: &str| document.get("storage")?.get(key)?.as_str();
    if text("backend") != Some("aws") {
        return Ok(None);
    }
    let region = text("region").context("`[storage]` in AWS without region")?;
    check_region(region)?;
    Ok(Some(region.to_owned()))
}

fn check_region(region: &str) -> Result<()> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if region.is_empty() || !region.bytes().all(is_plain) {
        bail!("`{region}` is not the name of an AWS region");
    }
    Ok(())
}

/// The origin of an address: scheme, host and port, as Spin compares them.
///
/// # Errors
/// When the address has another scheme than http and https, a user, no host, or anything that could mean several hosts.
pub(super) fn origin(address: &str) -> Result<String> {
    let (scheme, rest) =
        address.split_once("://").with_context(|| format!("`{address}` is not an address"))?;
    if !["http", "https"].contains(&scheme) {
        bail!("`{address}` is neither http nor https");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_number = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-.[]:".contains(&b);
    if host.is_empty() || !host.bytes().all(is_plain) || !port.is_none_or(is_number) {
        bail!("`{address}` names no single host");
    }
    Ok(format!("{scheme}://{}", authority.to_ascii_lowercase()))
}

fn reach(component: &str) -> Option<&'static [Reach]> {
    Some(match component {
        "webhook" => &[Reach::Function("scaleup"), Reach::Function("lifecycle"), Reach::Storage("sqs")],
        "scaleup" => &[Reach::Aws("ec2"), Reach::Storage("dynamodb"), Reach::Storage("sqs")],
        "lifecycle" | "rebalancer" => {
            &[Reach::GitHub, Reach::Aws("ec2"), Reach::Storage("dynamodb"), Reach::Storage("sqs")]
        }
        "scaledown" => &[Reach::GitHub, Reach::Aws("ec2"), Reach::Storage("dynamodb")],
        "registrar" => &[Reach::GitHub, Reach::Aws("sts"), Reach::Storage("dynamodb")],
        _ => return None,
    })
}

fn aws(service: &str, region: &str) -> String {
    let domain = AWS_DOMAINS.iter().find(|(beginning, _)| region.starts_with(beginning));
    format!("https://{service}.{region}.{}", domain.map_or("amazonaws.com", |(_, domain)| domain))
}

#[cfg(test)]
mod tests {
    use jit_aws::{Endpoint, Region, Service};

    use super::*;

    #[test]
    fn the_hosts_are_those_that_our_own_client_calls() {
        let partitions = AWS_DOMAINS.iter().map(|(beginning, _)| format!("{beginning}east-1"));
        let regions = ["us-east-1", "ap-southeast-4", "us-gov-west-1"].map(str::to_owned);
        for region in partitions.chain(regions) {
            for service in [Service::Ec2, Service::Sts, Service::Sqs, Service::DynamoDb] {
                let endpoint = Endpoint::regional(service, Region::parse(&region).unwrap());
                let address = endpoint.uri().to_string();
                assert_eq!(aws(service.as_str(), &region), origin(&address).unwrap(), "{region}");
            }
        }
    }

    #[test]
    fn each_region_counts_once_and_other_clouds_do_not() {
        let configuration = r#"
            [[pool]]
            [[pool.offering]]
            cloud = "aws"
            region = "us-west-2"
            [[pool.offering]]
            region = "eu-central-1"
            [[pool]]
            [[pool.offering]]
            region = "us-west-2"
            [[pool.offering]]
            cloud = "gcp"
            region = "europe-west4"
        "#;
        let regions: Vec<_> = regions(configuration).unwrap().into_iter().collect();
        assert_eq!(regions, ["eu-central-1", "us-west-2"]);
    }

    #[test]
    fn a_region_that_would_change_the_host_is_refused() {
        for region in ["", "*", "us-east-1.example.com/", "US-EAST-1", "a@b"] {
            let configuration = format!("[[pool]]\n[[pool.offering]]\nregion = \"{region}\"\n");
            assert!(regions(&configuration).is_err(), "{region}");
        }
        assert!(regions("").is_err());
        assert!(regions("[[pool]]\n[[pool.offering]]\n").is_err());
        assert!(regions("[[pool").is_err());
    }

    #[test]
    fn an_origin_keeps_scheme_host_and_port_only() {
        for (address, expected) in [
            ("https://api.github.com", "https://api.github.com"),
            ("https://GHE.example/api/v3", "https://ghe.example"),
            ("http://127.0.0.1:4000/", "http://127.0.0.1:4000"),
            ("http://[::1]:80?x", "http://[::1]:80"),
            ("http://[::1]", "http://[::1]"),
        ] {
            assert_eq!(origin(address).unwrap(), expected);
        }
        for address in [
            "",
            "api.github.com",
            "ftp://a",
            "https://",
            "https://*",
            "https://a:b@c",
            "https://a:0",
            "https://a b",
        ] {
            assert!(origin(address).is_err(), "{address}");
        }
    }

    #[test]
    fn a_component_reaches_what_its_job_needs_and_no_more() {
        let regions = BTreeSet::from(["us-east-1".to_owned()]);
        let origins = Origins {
            github: "https://api.github.com".to_owned(),
            aws: None,
            regions: &regions,
            storage: None,
        };
        assert_eq!(of("scaleup", &origins).unwrap(), ["https://ec2.us-east-1.amazonaws.com"]);
        let registrar = ["https://api.github.com", "https://sts.us-east-1.amazonaws.com"];
        assert_eq!(of("registrar", &origins).unwrap(), registrar);
        assert!(of("newcomer", &origins).is_err());
        let one = "http://127.0.0.1:1".to_owned();
        let origins =
            Origins { github: one.clone(), aws: Some(one.clone()), regions: &regions, storage: None };
        assert_eq!(of("lifecycle", &origins).unwrap(), [one]);
    }

    #[test]
    fn table_and_queues_are_reached_where_they_are_and_by_nobody_who_keeps_none() {
        let regions = BTreeSet::from(["us-east-1".to_owned()]);
        let github = "https://api.github.com".to_owned();
        let origins = Origins { github, aws: None, regions: &regions, storage: Some("eu-west-1") };
        let webhook = of("webhook", &origins).unwrap();
        assert_eq!(webhook.last().map(String::as_str), Some("https://sqs.eu-west-1.amazonaws.com"));
        assert!(!webhook.iter().any(|host| host.contains("dynamodb")), "{webhook:?}");
        let scaleup = of("scaleup", &origins).unwrap();
        assert!(scaleup.contains(&"https://dynamodb.eu-west-1.amazonaws.com".to_owned()), "{scaleup:?}");
        let aws = "[storage]\nbackend = \"aws\"\n";
        assert_eq!(storage(&format!("{aws}region = \"eu-west-1\"")).unwrap().as_deref(), Some("eu-west-1"));
        assert_eq!(storage("[storage]\nregion = \"eu-west-1\"").unwrap(), None);
        assert!(storage(aws).is_err());
        assert!(storage(&format!("{aws}region = \"*\"")).is_err());
    }
}
