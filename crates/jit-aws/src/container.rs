//! The container credential endpoint: a host such as ECS or EKS hands a role's temporary credentials to the process that it runs.
//! Not here: which process asks, and where the address and the token come from.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html> says which addresses are allowed:
//! any https one, and http to this machine or to one of the link-local addresses of ECS and EKS.

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, Uri};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Host, Url};

use crate::reply::{self, ErrorDetail, REPLY_BYTES_MAX};
use crate::sigv4::Credentials;
use crate::sts::TemporaryCredentials;

/// The addresses at which ECS and EKS answer without TLS, which never leave the machine.
const LINK_LOCAL_V4: [[u8; 4]; 2] = [[169, 254, 170, 2], [169, 254, 170, 23]];
/// The same in IPv6, fd00:ec2::23.
const LINK_LOCAL_V6: [u16; 8] = [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23];
/// The longest address, in bytes.
const ADDRESS_BYTES_MAX: usize = 2_048;

/// An address to which the token may go and from which credentials are taken.
///
/// ```
/// use jit_aws::container::ContainerAddress;
/// assert!(ContainerAddress::parse("http://169.254.170.2/v2/credentials/0f1e").is_some());
/// assert!(ContainerAddress::parse("http://10.0.0.7/credentials").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerAddress(Uri);

impl ContainerAddress {
    /// Reads an address; none when the SDKs would refuse it too.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_near = match url.host()? {
            Host::Ipv4(address) => address.is_loopback() || LINK_LOCAL_V4.contains(&address.octets()),
            Host::Ipv6(address) => address.is_loopback() || address.segments() == LINK_LOCAL_V6,
            Host::Domain(name) => name == "localhost",
        };
        let is_allowed = url.scheme() == "https" || (url.scheme() == "http" && is_near);
        let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if !is_allowed || !is_bare || text.len() > ADDRESS_BYTES_MAX {
            return None;
        }
        Uri::try_from(url.as_str()).ok().map(Self)
    }

    /// Returns the address.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

/// Why the endpoint gave no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// The token holds characters that a header cannot carry; nothing was asked.
    #[error("the authorization token of the container credential endpoint cannot stand in a header")]
    Token,
    /// The endpoint refused: address or token are wrong, or the process has no role.
    #[error("the container credential endpoint refused: {0}")]
    Refused(ErrorDetail),
    /// The endpoint could not answer: ask again later.
    #[error("the container credential endpoint is not available: {0}")]
    Unavailable(ErrorDetail),
    /// It answered with something that cannot be read.
    #[error("the answer of the container credential endpoint cannot be read: {0}")]
    Malformed(&'static str),
}

/// Asks for the credentials, with the token that the endpoint demands, if it demands one.
///
/// # Errors
/// [`ContainerError::Token`].
///
/// ```
/// use jit_aws::container::{ContainerAddress, request};
/// let address = ContainerAddress::parse("http://169.254.170.23/v1/credentials").ok_or("not allowed")?;
/// let request = request(&address, Some(&"a-token".into()))?;
/// assert!(request.headers()["authorization"].is_sensitive());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn request(
    address: &ContainerAddress,
    token: Option<&SecretString>,
) -> Result<Request<Vec<u8>>, ContainerError> {
    let mut request = Request::new(Vec::new());
    *request.uri_mut() = address.uri().clone();
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(token.expose_secret()).map_err(|_| ContainerError::Token)?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: String,
}

/// Reads the reply.
///
/// # Errors
/// [`ContainerError`].
///
/// ```
/// let body = r#"{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"s","Token":"t","Expiration":"2026-07-01T12:15:00Z"}"#;
/// let read = jit_aws::container::parse(&http::Response::new(body.into()))?;
/// assert_eq!(read.credentials.access_key_id, "ASIAEXAMPLE");
/// # Ok::<(), jit_aws::container::ContainerError>(())
/// ```
pub fn parse(response: &Response<Vec<u8>>) -> Result<TemporaryCredentials, ContainerError> {
    if !response.status().is_success() {
        let detail = reply::fault(response, "", String::new(), None).detail;
        return Err(match detail.status {
            408 | 429 | 500.. => ContainerError::Unavailable(detail),
            _ => ContainerError::Refused(detail),
        });
    }
    if response.body().len() > REPLY_BYTES_MAX {
        return Err(ContainerError::Malformed("the reply is too large"));
    }
    let reply: Reply = serde_json::from_slice(response.body())
        .map_err(|_| ContainerError::Malformed("the reply lacks a part that it must have"))?;
    let expires_at: Timestamp = reply
        .expiration
        .parse()
        .map_err(|_| ContainerError::Malformed("the end of the credentials is no date"))?;
    let credentials =
        Credentials::new(reply.access_key_id, reply.secret_access_key).with_session_token(reply.token);
    Ok(TemporaryCredentials { credentials, expires_at })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn credentials_come_only_from_near_or_over_tls() {
        for right in [
            "http://169.254.170.2/v2/credentials/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://127.0.0.1:8080/role",
            "http://[::1]/role",
            "http://localhost:1/role?a=b",
            "https://credentials.example.com/role",
        ] {
            assert!(ContainerAddress::parse(right).is_some(), "{right}");
        }
        for wrong in [
            "",
            "/v2/credentials/x",
            "http://169.254.169.254/latest/meta-data/",
            "http://10.0.0.1/role",
            "http://credentials.example.com/role",
            "http://localhost.example.com/role",
            "ftp://127.0.0.1/role",
            "https://user@credentials.example.com/role",
            "https://credentials.example.com/role#x",
        ] {
            assert!(ContainerAddress::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_failure_is_told_by_its_status_and_quotes_nothing() {
        let answer = |status: u16, body: &str| {
            parse(&Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap()).unwrap_err()
        };
        assert!(matches!(answer(403, r#"{"code":"x","message":"TELLTALE"}"#), ContainerError::Refused(_)));
        assert!(matches!(answer(404, ""), ContainerError::Refused(_)));
        assert!(matches!(answer(429, ""), ContainerError::Unavailable(_)));
        assert!(matches!(answer(503, ""), ContainerError::Unavailable(_)));
        assert!(matches!(answer(200, r#"{"AccessKeyId":"TELLTALE"}"#), ContainerError::Malformed(_)));
        assert!(!answer(200, r#"{"AccessKeyId":"TELLTALE"}"#).to_string().contains("TELLTALE"));
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_not_sent() {
        let address = ContainerAddress::parse("https://a.example").unwrap();
        assert_eq!(request(&address, Some(&"a\nb".into())).unwrap_err(), ContainerError::Token);
        assert!(request(&address, None).unwrap().headers().is_empty());
    }

    proptest! {
        #[test]
        fn no_text_and_no_reply_panics(text in ".{0,80}", status in 100_u16..1000) {
            let _ = ContainerAddress::parse(&text);
            let _ = parse(&Response::builder().status(status).body(text.into_bytes()).unwrap());
        }
    }
}
