//! Where an AWS service answers: service, region and base address.
//!
//! Not here: which regions a deployment uses, and sending.

use std::fmt;

use http::{Request, Uri};
use jiff::Timestamp;

use crate::sigv4::{self, Credentials, SignError, SigningParams};

/// The longest region name that is accepted, in bytes; the longest of today (`us-isob-east-1` and its kind) has 14.
const REGION_BYTES_MAX: usize = 25;

/// The parent domain of each partition's services, by the beginning of its regions' names; the first match counts.
///
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html> and the partition file that AWS's SDKs ship.
const DNS_SUFFIXES: &[(&str, &str)] = &[
    ("cn-", "amazonaws.com.cn"),
    ("us-gov-", "amazonaws.com"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
];

/// Why a region or an endpoint is unusable; all of them are faults of configuration or of a caller's input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The text does not have the shape of a region's name.
    #[error("not the name of an AWS region: expected a form like us-east-1")]
    Region,
    /// The address is no base URL; the text says why.
    #[error("not usable as an AWS endpoint: {0}")]
    Url(&'static str),
}

/// The name of an AWS region, checked for its shape only: it cannot carry a dot, a slash or anything else that would
/// turn a host name built from it into another host.
///
/// ```
/// use jit_aws::Region;
/// assert_eq!(Region::parse("eu-central-1")?.as_str(), "eu-central-1");
/// assert!(Region::parse("us-east-1.example.com/").is_err());
/// # Ok::<(), jit_aws::EndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl Region {
    /// Reads a region's name: two to five letters, one or two words, and a number, joined by dashes.
    ///
    /// # Errors
    /// [`EndpointError::Region`] for any other text.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let words: Vec<&str> = text.split('-').collect();
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
        let shaped = match words.as_slice() {
            [area, middle @ .., number] => {
                is_word(area)
                    && (2..=5).contains(&area.len())
                    && (1..=2).contains(&middle.len())
                    && middle.iter().all(|word| is_word(word))
                    && (1..=2).contains(&number.len())
                    && number.bytes().all(|byte| byte.is_ascii_digit())
            }
            [] | [_] => false,
        };
        if shaped && text.len() <= REGION_BYTES_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(EndpointError::Region)
        }
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn dns_suffix(&self) -> &'static str {
        DNS_SUFFIXES
            .iter()
            .find(|(beginning, _)| self.0.starts_with(beginning))
            .map_or("amazonaws.com", |(_, suffix)| suffix)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A service that this crate speaks with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Elastic Compute Cloud.
    Ec2,
    /// Security Token Service.
    Sts,
    /// Simple Queue Service.
    Sqs,
    /// The key-value database.
    DynamoDb,
    /// Secrets Manager.
    SecretsManager,
    /// Systems Manager, for its parameters.
    Ssm,
}

impl Service {
    /// Returns the name in host names and in the signature's scope.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Sts => "sts",
            Self::Sqs => "sqs",
            Self::DynamoDb => "dynamodb",
            Self::SecretsManager => "secretsmanager",
            Self::Ssm => "ssm",
        }
    }
}

/// One service in one region and the address at which it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    service: Service,
    region: Region,
    uri: Uri,
}

impl Endpoint {
    /// Names AWS's own endpoint, `https://<service>.<region>.<partition's domain>/`.
    ///
    /// ```
    /// use jit_aws::{Endpoint, Region, Service};
    /// let endpoint = Endpoint::regional(Service::Ec2, Region::parse("cn-north-1")?);
    /// assert_eq!(endpoint.uri().to_string(), "https://ec2.cn-north-1.amazonaws.com.cn/");
    /// # Ok::<(), jit_aws::EndpointError>(())
    /// ```
    #[must_use]
    pub fn regional(service: Service, region: Region) -> Self {
        let text = format!("https://{}.{region}.{}/", service.as_str(), region.dns_suffix());
        // Holds for every Region, whose parser admits lower-case letters, digits and dashes only.
        let uri = Uri::try_from(text).expect("a host of letters, digits, dots and dashes is a URI");
        Self { service, region, uri }
    }

    /// Names another address for the same service, such as an emulator at `http://127.0.0.1:5555`.
    ///
    /// # Errors
    /// [`EndpointError::Url`] when the address is not http or https, has no host, or has a user, path, query or fragment.
    ///
    /// ```
    /// use jit_aws::{Endpoint, Region, Service};
    /// let region = Region::parse("us-east-1")?;
    /// let endpoint = Endpoint::overridden(Service::Sts, region, "http://127.0.0.1:5555")?;
    /// assert_eq!(endpoint.host(), "127.0.0.1:5555");
    /// # Ok::<(), jit_aws::EndpointError>(())
    /// ```
    pub fn overridden(service: Service, region: Region, address: &str) -> Result<Self, EndpointError> {
        let url = url::Url::parse(address).map_err(|_| EndpointError::Url("no absolute URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(EndpointError::Url("the scheme is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::Url("it names a user"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(EndpointError::Url("only scheme, host and port may be given"));
        }
        let uri = Uri::try_from(url.as_str()).map_err(|_| EndpointError::Url("the host is malformed"))?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(EndpointError::Url("it has no host"));
        }
        Ok(Self { service, region, uri })
    }

    /// Returns the service.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service
    }

    /// Returns the region whose name goes into signatures.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Returns the address every request goes to, always with the path `/`.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns the host, and the port unless it is the scheme's own: the value of the Host header.
    #[must_use]
    pub fn host(&self) -> &str {
        self.uri.authority().map_or("", http::uri::Authority::as_str)
    }

    /// Signs a request for this service and region at the given time, replacing any earlier signature.
    ///
    /// # Errors
    /// As [`sigv4::sign`].
    ///
    /// ```
    /// use jit_aws::{Credentials, Endpoint, Region, Service, ec2::{InstanceId, TerminateInstances}};
    /// let endpoint = Endpoint::regional(Service::Ec2, Region::parse("us-east-1")?);
    /// let batches = TerminateInstances::batches([InstanceId::parse("i-0123456789abcdef0").ok_or("bad id")?]);
    /// let mut request = batches[0].request(&endpoint);
    /// let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    /// endpoint.sign(&mut request, &credentials, "2026-07-01T12:00:00Z".parse()?)?;
    /// assert!(request.headers().contains_key("authorization"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sign(
        &self,
        request: &mut Request<Vec<u8>>,
        credentials: &Credentials,
        time: Timestamp,
    ) -> Result<(), SignError> {
        sigv4::sign(
            request,
            &SigningParams::new(credentials, self.region.as_str(), self.service.as_str(), time),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn region(text: &str) -> Region {
        Region::parse(text).unwrap()
    }

    #[test]
    fn every_partition_has_its_own_domain() {
        for (name, host) in [
            ("us-east-1", "sts.us-east-1.amazonaws.com"),
            ("ap-southeast-4", "sts.ap-southeast-4.amazonaws.com"),
            ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
            ("cn-northwest-1", "sts.cn-northwest-1.amazonaws.com.cn"),
            ("us-iso-east-1", "sts.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", "sts.us-isob-east-1.sc2s.sgov.gov"),
            ("eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!(Endpoint::regional(Service::Sts, region(name)).host(), host);
        }
    }

    #[test]
    fn a_region_that_could_change_the_host_is_refused() {
        for text in [
            "",
            "us",
            "us-east",
            "us-east-1.evil.com",
            "us-east-1/",
            "us-east-1@evil",
            "US-EAST-1",
            "-east-1",
        ] {
            assert_eq!(Region::parse(text), Err(EndpointError::Region), "{text}");
        }
        for text in ["us-east-1-1", "us--east-1", "us-east-1\n", "us-east-123", "u-east-1", "us-a-b-c-1"] {
            assert_eq!(Region::parse(text), Err(EndpointError::Region), "{text}");
        }
    }

    #[test]
    fn a_default_port_is_left_out_of_the_host() {
        let endpoint =
            Endpoint::overridden(Service::Ec2, region("us-east-1"), "https://EC2.example:443/").unwrap();
        assert_eq!(endpoint.host(), "ec2.example");
        let endpoint = Endpoint::overridden(Service::Ec2, region("us-east-1"), "http://[::1]:5555").unwrap();
        assert_eq!(endpoint.host(), "[::1]:5555");
    }

    #[test]
    fn an_override_with_more_than_scheme_host_and_port_is_refused() {
        for text in [
            "ftp://127.0.0.1",
            "127.0.0.1:5555",
            "http://user@127.0.0.1",
            "http://:secret@127.0.0.1",
            "http://127.0.0.1/path",
            "http://127.0.0.1/?query",
            "http://127.0.0.1/#fragment",
            "https://",
        ] {
            assert!(Endpoint::overridden(Service::Ec2, region("us-east-1"), text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_an_endpoint_outside_aws(text in "[a-z0-9./@:#?-]{0,30}") {
            if let Ok(region) = Region::parse(&text) {
                let host = Endpoint::regional(Service::Sts, region.clone()).host().to_owned();
                let expected = format!("sts.{text}.");
                let ends_in_aws =
                    ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", ".gov", ".uk"].iter().any(|end| host.ends_with(end));
                prop_assert!(host.starts_with(&expected) && ends_in_aws);
            }
        }
    }
}
