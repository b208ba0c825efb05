//! Makes and checks Signature Version 4 with the independent crate aws-sigv4: a check signs the request again.
//! Not in it: whose key it is and what the key may do; see `access`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::Request;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use secrecy::{ExposeSecret as _, SecretString};

use super::access::RoleCredentials;

/// What a request says of its own signature.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) access_key: String,
    pub(crate) scope_date: String,
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) time: Timestamp,
    /// The session token, which long-lived keys do not have.
    pub(crate) token: Option<SecretString>,
    signed_headers: Vec<String>,
    signature: String,
}

/// Why a request has no signature that could be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsigned {
    /// No Authorization header at all.
    Missing,
    /// One that does not follow the scheme; the reason is a sentence.
    Malformed(&'static str),
}

impl Claim {
    /// Reads the Authorization header and the headers that belong to it.
    pub(crate) fn read(request: &Request<Vec<u8>>) -> Result<Self, Unsigned> {
        let authorization = header(request, "authorization").ok_or(Unsigned::Missing)?;
        let rest = authorization
            .strip_prefix("AWS4-HMAC-SHA256 ")
            .ok_or(Unsigned::Malformed("unsupported scheme"))?;
        let field = |name: &str| {
            let named = |part: &'_ str| part.trim().strip_prefix(name).map(str::to_owned);
            rest.split(',')
                .find_map(named)
                .ok_or(Unsigned::Malformed("a part of the authorization is missing"))
        };
        let credential = field("Credential=")?;
        let scope: Vec<&str> = credential.split('/').collect();
        let [access_key, date, region, service, "aws4_request"] = scope[..] else {
            return Err(Unsigned::Malformed("the credential scope does not have five parts"));
        };
        let date_header =
            header(request, "x-amz-date").ok_or(Unsigned::Malformed("x-amz-date is missing"))?;
        let claim = Self {
            access_key: access_key.into(),
            scope_date: date.into(),
            region: region.into(),
            service: service.into(),
            time: parse_date(date_header)
                .ok_or(Unsigned::Malformed("x-amz-date is not a basic ISO 8601 date"))?,
            token: header(request, "x-amz-security-token").map(SecretString::from),
            signed_headers: field("SignedHeaders=")?.split(';').map(str::to_owned).collect(),
            signature: field("Signature=")?,
        };
        claim.check_signed_headers().map(|()| claim)
    }

    /// Host, date and token must be under the signature, or an attacker could change them.
    fn check_signed_headers(&self) -> Result<(), Unsigned> {
        let signs = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        if !signs("host") || !signs("x-amz-date") || (self.token.is_some() && !signs("x-amz-security-token"))
        {
            return Err(Unsigned::Malformed("'Host', 'X-Amz-Date' and a token must be signed"));
        }
        Ok(())
    }

    /// Whether the date in the scope is the day of the request's time.
    pub(crate) fn scope_date_agrees(&self) -> bool {
        self.time.strftime("%Y%m%d").to_string() == self.scope_date
    }

    /// Whether `secret` makes this very signature over this very request.
    pub(crate) fn is_made_with(&self, secret: &SecretString, request: &Request<Vec<u8>>) -> bool {
        self.recompute(secret, request).is_some_and(|signature| signature == self.signature)
    }

    fn recompute(&self, secret: &SecretString, request: &Request<Vec<u8>>) -> Option<String> {
        let host = header(request, "host").map(str::to_owned).or_else(|| authority(request))?;
        let mut headers = vec![("host", host.as_str())];
        // The crate adds these two itself, from the time and the credentials.
        let added = ["host", "x-amz-date", "x-amz-security-token"];
        for name in self.signed_headers.iter().filter(|name| !added.contains(&name.as_str())) {
            let mut values = request.headers().get_all(name.as_str()).iter().peekable();
            values.peek()?;
            for value in values {
                headers.push((name.as_str(), value.to_str().ok()?));
            }
        }
        // The sender chose what to sign; nothing is left out on our side.
        let mut settings = SigningSettings::default();
        settings.excluded_headers = None;
        let identity = signer(&self.access_key, secret, self.token.as_ref()).into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(SystemTime::from(self.time))
            .settings(settings)
            .build()
            .ok()?
            .into();
        let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let body = SignableBody::Bytes(request.body());
        let signable =
            SignableRequest::new(request.method().as_str(), target, headers.into_iter(), body).ok()?;
        Some(sign(signable, &parameters).ok()?.signature().to_owned())
    }
}

/// Signs a request in its headers, for a service and region; all headers already there are signed too.
/// Credentials with an empty session token are those of a long-lived key.
/// `None` if it cannot be signed, as when it has no host.
pub fn sign_request(
    request: &mut Request<Vec<u8>>,
    credentials: &RoleCredentials,
    (service, region): (&str, &str),
    time: Timestamp,
) -> Option<()> {
    let token = Some(&credentials.session_token).filter(|token| !token.expose_secret().is_empty());
    let identity = signer(&credentials.access_key_id, &credentials.secret_access_key, token).into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::from(time))
        .settings(SigningSettings::default())
        .build()
        .ok()?
        .into();
    let host = authority(request)?;
    request.headers_mut().insert("host", host.parse().ok()?);
    let headers: Option<Vec<_>> =
        request.headers().iter().map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let (method, uri) = (request.method().as_str(), request.uri().to_string());
    let signable =
        SignableRequest::new(method, uri, headers?.into_iter(), SignableBody::Bytes(request.body()));
    let (instructions, _) = sign(signable.ok()?, &parameters).ok()?.into_parts();
    instructions.apply_to_request_http1x(request);
    Some(())
}

fn signer(access_key_id: &str, secret: &SecretString, token: Option<&SecretString>) -> Credentials {
    let token = token.map(|token| token.expose_secret().to_owned());
    Credentials::new(access_key_id, secret.expose_secret(), token, None, "jit-fakes")
}

fn header<'a>(request: &'a Request<Vec<u8>>, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The host as a client would put it into its Host header, for requests that never crossed a wire.
fn authority(request: &Request<Vec<u8>>) -> Option<String> {
    let (uri, host) = (request.uri(), request.uri().host()?);
    let is_default =
        matches!((uri.scheme_str(), uri.port_u16()), (Some("https"), Some(443)) | (Some("http"), Some(80)));
    Some(uri.port_u16().filter(|_| !is_default).map_or_else(|| host.into(), |port| format!("{host}:{port}")))
}

fn parse_date(text: &str) -> Option<Timestamp> {
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_authorization_header_is_read_without_a_panic(
            text in "(AWS4-HMAC-SHA256 )?(Credential=)?[ -~]{0,80}", date in "[0-9TZ]{0,20}",
        ) {
            let request = Request::builder().header("authorization", text).header("x-amz-date", date);
            let request = request.body(Vec::new()).unwrap();
            if let Ok(claim) = Claim::read(&request) {
                prop_assert!(!claim.is_made_with(&SecretString::from("secret"), &request));
            }
        }
    }

    #[test]
    fn the_default_port_is_not_part_of_the_host() {
        let host = |uri: &str| authority(&Request::builder().uri(uri).body(Vec::new()).unwrap());
        assert_eq!(host("https://sts.us-east-1.amazonaws.com:443/").unwrap(), "sts.us-east-1.amazonaws.com");
        assert_eq!(host("http://127.0.0.1:5000/").unwrap(), "127.0.0.1:5000");
        assert_eq!(host("/"), None);
    }
}
