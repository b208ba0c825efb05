//! Which hosts each component may call: a fact of its job, the configured regions, two addresses, and where its own rights and
//! secrets come from.
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
    /// Systems Manager, in the regions where it names an image.
    Parameters,
}

/// How the id of an image begins that is a parameter of Systems Manager.
const PARAMETER: &str = "resolve:ssm:";

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
    pub(super) regions: &'a Regions,
    /// The region of table and queues; none when they are not in AWS.
    pub(super) storage: Option<&'a str>,
}

/// The regions that a configuration names.
#[derive(Debug, Default)]
pub(super) struct Regions {
    /// Those of offerings.
    pub(super) offered: BTreeSet<String>,
    /// Those where an image is a parameter of Systems Manager.
    pub(super) parameters: BTreeSet<String>,
}

/// What a component's own variables say about where it goes.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// Whether it assumes a role.
    pub(super) has_role: bool,
    /// Where it is handed its rights, if not by STS.
    pub(super) endpoint: Option<String>,
    /// The ARNs of its secrets in Secrets Manager.
    pub(super) secrets: Vec<String>,
}

/// The hosts of a component, in a fixed order without repetition.
///
/// # Errors
/// When no component of that name is known: a new one needs a decision about what it may reach.
pub(super) fn of(component: &str, origins: &Origins<'_>, own: &Own) -> Result<Vec<String>> {
    let mut hosts = Vec::new();
    let in_all = |service: &str, regions: &BTreeSet<String>| -> Vec<String> {
        match &origins.aws {
            Some(endpoint) if !regions.is_empty() => vec![endpoint.clone()],
            Some(_) => Vec::new(),
            None => regions.iter().map(|region| aws(service, region)).collect(),
        }
    };
    let storage: BTreeSet<String> = origins.storage.iter().map(|region| (*region).to_owned()).collect();
    for reach in reach(component).with_context(|| format!("nothing says what `{component}` may reach"))? {
        match reach {
            Reach::Function(name) => hosts.push(format!("http://{name}.spin.internal")),
            Reach::GitHub => hosts.push(origins.github.clone()),
            Reach::Aws(service) => hosts.extend(in_all(service, &origins.regions.offered)),
            Reach::Storage(service) => hosts.extend(in_all(service, &storage)),
            Reach::Parameters => hosts.extend(in_all("ssm", &origins.regions.parameters)),
        }
    }
    if own.has_role {
        // STS is asked where the call goes that needs the key.
        hosts.extend(in_all("sts", &origins.regions.offered.union(&storage).cloned().collect()));
    }
    if let Some(endpoint) = &own.endpoint {
        hosts.push(origin(endpoint)?);
    }
    for arn in &own.secrets {
        hosts.extend(in_all("secretsmanager", &BTreeSet::from([secret_region(arn)?])));
    }
    let mut seen = BTreeSet::new();
    hosts.retain(|host| seen.insert(host.clone()));
    Ok(hosts)
}

/// The region in a secret's ARN.
///
/// # Errors
/// When it is not the ARN of a secret.
fn secret_region(arn: &str) -> Result<String> {
    let mut parts = arn.split(':');
    let (Some("arn"), Some(_), Some("secretsmanager"), Some(region)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        bail!("`{arn}` is not the ARN of a secret");
    };
    check_region(region)?;
    Ok(region.to_owned())
}

/// The regions that a configuration's offerings and images name.
///
/// # Errors
/// When it is not TOML, an offering has no region, a region could be no part of a host name, or there is none at all.
pub(super) fn regions(configuration: &str) -> Result<Regions> {
    let document: DocumentMut = configuration.parse()?;
    let mut regions = Regions::default();
    let pools = || document.get("pool").and_then(Item::as_array_of_tables).into_iter().flatten();
    let of =
        |name: &'static str| pools().filter_map(move |pool| pool.get(name)?.as_array_of_tables()).flatten();
    let text = |table: &Table, key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    for offering in of("offering") {
        if text(offering, "cloud").is_some_and(|cloud| cloud != "aws") {
            continue;
        }
        let region = text(offering, "region").context("an offering without region")?;
        check_region(&region)?;
        regions.offered.insert(region);
    }
    if regions.offered.is_empty() {
        bail!("no offering names an AWS region");
    }
    for image in of("image") {
        if text(image, "id").is_some_and(|id| id.starts_with(PARAMETER)) {
            let region = text(image, "region").context("an image without region")?;
            check_region(&region)?;
            regions.parameters.insert(region);
        }
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
        "scaleup" => {
            &[Reach::Aws("ec2"), Reach::Parameters, Reach::Storage("dynamodb"), Reach::Storage("sqs")]
        }
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
            for service in [
                Service::Ec2,
                Service::Sts,
                Service::Sqs,
                Service::DynamoDb,
                Service::SecretsManager,
                Service::Ssm,
            ] {
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
            [[pool.image]]
            region = "us-west-2"
            id = "ami-0123456789abcdef0"
            [[pool.image]]
            region = "eu-central-1"
            id = "resolve:ssm:/a/b"
            [[pool]]
            [[pool.offering]]
            region = "us-west-2"
            [[pool.offering]]
            cloud = "gcp"
            region = "europe-west4"
        "#;
        let regions = regions(configuration).unwrap();
        assert_eq!(regions.offered.into_iter().collect::<Vec<_>>(), ["eu-central-1", "us-west-2"]);
        assert_eq!(regions.parameters.into_iter().collect::<Vec<_>>(), ["eu-central-1"]);
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
        let regions = Regions { offered: ["us-east-1".to_owned()].into(), ..Regions::default() };
        let (none, one) = (Own::default(), "http://127.0.0.1:1".to_owned());
        let origins = Origins {
            github: "https://api.github.com".to_owned(),
            aws: None,
            regions: &regions,
            storage: None,
        };
        assert_eq!(of("scaleup", &origins, &none).unwrap(), ["https://ec2.us-east-1.amazonaws.com"]);
        let registrar = ["https://api.github.com", "https://sts.us-east-1.amazonaws.com"];
        assert_eq!(of("registrar", &origins, &none).unwrap(), registrar);
        assert!(of("newcomer", &origins, &none).is_err());
        let origins =
            Origins { github: one.clone(), aws: Some(one.clone()), regions: &regions, storage: None };
        assert_eq!(of("lifecycle", &origins, &none).unwrap(), [one]);
    }

    #[test]
    fn a_role_an_endpoint_a_secret_and_an_images_parameter_each_open_their_own_host() {
        let regions = Regions {
            offered: ["us-east-1", "us-west-2"].map(str::to_owned).into(),
            parameters: ["us-west-2".to_owned()].into(),
        };
        let origins = Origins {
            github: "https://api.github.com".to_owned(),
            aws: None,
            regions: &regions,
            storage: None,
        };
        let more = |component: &str, own: &Own| -> Vec<String> {
            let before = of(component, &origins, &Own::default()).unwrap();
            let after = of(component, &origins, own).unwrap();
            after.into_iter().filter(|host| !before.contains(host)).collect()
        };
        let scaleup = of("scaleup", &origins, &Own::default()).unwrap();
        assert_eq!(scaleup.last().map(String::as_str), Some("https://ssm.us-west-2.amazonaws.com"));
        let role = Own { has_role: true, ..Own::default() };
        assert_eq!(
            more("scaledown", &role),
            ["https://sts.us-east-1.amazonaws.com", "https://sts.us-west-2.amazonaws.com"]
        );
        let endpoint = "http://169.254.170.2/v2/credentials/x".to_owned();
        let endpoint = Own { endpoint: Some(endpoint), ..Own::default() };
        assert_eq!(more("scaledown", &endpoint), ["http://169.254.170.2"]);
        let arn = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:x-AbCdEf".to_owned();
        let secret = Own { secrets: vec![arn], ..Own::default() };
        assert_eq!(more("webhook", &secret), ["https://secretsmanager.cn-north-1.amazonaws.com.cn"]);
        for wrong in ["x", "arn:aws:ssm:us-east-1:1:x", "arn:aws:secretsmanager:*:1:secret:x"] {
            assert!(
                of("webhook", &origins, &Own { secrets: vec![wrong.to_owned()], ..Own::default() }).is_err()
            );
        }
    }

    #[test]
    fn table_and_queues_are_reached_where_they_are_and_by_nobody_who_keeps_none() {
        let regions = Regions { offered: ["us-east-1".to_owned()].into(), ..Regions::default() };
        let github = "https://api.github.com".to_owned();
        let origins = Origins { github, aws: None, regions: &regions, storage: Some("eu-west-1") };
        let none = Own::default();
        let webhook = of("webhook", &origins, &none).unwrap();
        assert_eq!(webhook.last().map(String::as_str), Some("https://sqs.eu-west-1.amazonaws.com"));
        assert!(!webhook.iter().any(|host| host.contains("dynamodb")), "{webhook:?}");
        let scaleup = of("scaleup", &origins, &none).unwrap();
        assert!(scaleup.contains(&"https://dynamodb.eu-west-1.amazonaws.com".to_owned()), "{scaleup:?}");
        let role = Own { has_role: true, ..Own::default() };
        let webhook = of("webhook", &origins, &role).unwrap();
        assert_eq!(webhook.last().map(String::as_str), Some("https://sts.us-east-1.amazonaws.com"));
        assert!(webhook.contains(&"https://sts.eu-west-1.amazonaws.com".to_owned()), "{webhook:?}");
        let aws = "[storage]\nbackend = \"aws\"\n";
        assert_eq!(storage(&format!("{aws}region = \"eu-west-1\"")).unwrap().as_deref(), Some("eu-west-1"));
        assert_eq!(storage("[storage]\nregion = \"eu-west-1\"").unwrap(), None);
        assert!(storage(aws).is_err());
        assert!(storage(&format!("{aws}region = \"*\"")).is_err());
    }
}
