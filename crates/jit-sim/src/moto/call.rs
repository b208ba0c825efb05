//! Signed calls to an AWS that stands behind one loopback address, made with a signer that is not ours.
//! Not here: what is called, and the components' own calls.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use http::{Request, Response};
use jiff::Timestamp;
use jit_fakes::cloud::{RoleCredentials, sign_request};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::program::exchange;

/// As much of an error's body is told.
const TOLD_CHARS_MAX: usize = 300;

/// A service as the credential scope names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Ec2,
    Iam,
    Sts,
    Sqs,
    DynamoDb,
}

impl Service {
    const fn scope(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Sqs => "sqs",
            Self::DynamoDb => "dynamodb",
        }
    }

    /// The version of the API where requests are forms; none where they are JSON only.
    const fn version(self) -> Option<&'static str> {
        match self {
            Self::Ec2 => Some("2016-11-15"),
            Self::Iam => Some("2010-05-08"),
            Self::Sts => Some("2011-06-15"),
            Self::Sqs | Self::DynamoDb => None,
        }
    }

    /// What stands before the action in `X-Amz-Target`; none where requests are forms.
    const fn target(self) -> Option<&'static str> {
        match self {
            Self::DynamoDb => Some("DynamoDB_20120810"),
            Self::Sqs => Some("AmazonSQS"),
            Self::Ec2 | Self::Iam | Self::Sts => None,
        }
    }
}

/// A long-lived access key. `{:?}` does not show its secret.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) secret: SecretString,
}

impl Key {
    /// A key that nobody knows, for the calls that are let in before there is any.
    pub(super) fn unknown() -> Self {
        Self { id: "AKIAUNKNOWNUNKNOWN00".to_owned(), secret: "nobody knows it".into() }
    }
}

/// One action with what it is given.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) service: Service,
    pub(super) region: &'a str,
    pub(super) action: &'a str,
    pub(super) input: Input<'a>,
}

/// What an action is given, in the form of its service.
#[derive(Clone, Debug)]
pub(super) enum Input<'a> {
    /// Names and values of a form, for EC2, IAM and STS.
    Form(Vec<(&'a str, &'a str)>),
    /// For SQS and DynamoDB.
    Json(Value),
}

impl Call<'_> {
    /// Sends it under a key and gives back whatever is answered.
    pub(super) async fn send(&self, address: SocketAddr, key: &Key) -> Result<Response<Vec<u8>>> {
        let mut request = self.request(address)?;
        let credentials = RoleCredentials {
            access_key_id: key.id.clone(),
            secret_access_key: key.secret.expose_secret().into(),
            session_token: "".into(),
            expires_at: Timestamp::MAX,
        };
        let scope = (self.service.scope(), self.region);
        sign_request(&mut request, &credentials, scope, Timestamp::now()).context("it cannot be signed")?;
        exchange::send(address, request).await.with_context(|| format!("no reply to {}", self.action))
    }

    /// Sends it and gives back the body of a success.
    ///
    /// # Errors
    /// Anything but a success, with the beginning of what was said.
    pub(super) async fn succeed(&self, address: SocketAddr, key: &Key) -> Result<String> {
        let reply = self.send(address, key).await?;
        let (status, body) = (reply.status(), String::from_utf8_lossy(reply.body()).into_owned());
        if !status.is_success() {
            let said: String = body.chars().take(TOLD_CHARS_MAX).collect();
            bail!("{} was answered with {status}: {said}", self.action);
        }
        Ok(body)
    }

    fn request(&self, address: SocketAddr) -> Result<Request<Vec<u8>>> {
        let request = Request::post(format!("http://{address}/"));
        let unspoken = "the service does not speak so";
        match &self.input {
            Input::Json(body) => {
                let target = self.service.target().context(unspoken)?;
                let request = request.header("content-type", "application/x-amz-json-1.0");
                let request = request.header("x-amz-target", format!("{target}.{}", self.action));
                Ok(request.body(body.to_string().into_bytes())?)
            }
            Input::Form(parameters) => {
                let version = self.service.version().context(unspoken)?;
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.append_pair("Action", self.action).append_pair("Version", version);
                form.extend_pairs(parameters);
                // moto checks the signature over the form as Python writes it again, whose escapes differ in these two.
                let form = form.finish().replace('*', "%2A").replace("%7E", "~");
                let content_type = "application/x-www-form-urlencoded; charset=utf-8";
                Ok(request.header("content-type", content_type).body(form.into_bytes())?)
            }
        }
    }
}

/// The code of an error, in XML or JSON; moto refuses for want of a right in XML, whatever the service speaks.
pub(super) fn error_code(body: &str) -> Option<String> {
    if let Ok(code) = element(body, "Code") {
        return Some(code.to_owned());
    }
    let body: Value = serde_json::from_str(body).ok()?;
    let kind = body["__type"].as_str()?;
    // A namespace may stand before it: <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>, read 2026-11-22.
    Some(kind.rsplit('#').next().unwrap_or(kind).to_owned())
}

/// The text of the first element of a name; these replies have no entities and no attributes in what is read.
///
/// # Errors
/// There is none.
pub(super) fn element<'a>(xml: &'a str, name: &str) -> Result<&'a str> {
    elements(xml, name).next().with_context(|| format!("the reply has no {name}"))
}

/// The texts of all elements of a name.
pub(super) fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let after = rest.split_once(&open)?.1;
        let (text, left) = after.split_once(&close)?;
        rest = left;
        Some(text)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_are_found_in_order_and_a_missing_one_is_told() {
        let xml = "<a><id>1</id><b/><id>2</id></a>";
        assert_eq!(elements(xml, "id").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(element(xml, "id").unwrap(), "1");
        assert!(element(xml, "name").unwrap_err().to_string().contains("name"));
        assert_eq!(elements("<id>1", "id").count(), 0);
    }

    #[test]
    fn a_call_is_a_form_or_json_as_its_service_speaks() {
        let address = "127.0.0.1:4000".parse().unwrap();
        let request =
            |service, input| Call { service, region: "us-east-1", action: "Do", input }.request(address);
        let form = || Input::Form(vec![("UserName", "a *~")]);
        assert_eq!(
            request(Service::Iam, form()).unwrap().body(),
            b"Action=Do&Version=2010-05-08&UserName=a+%2A~"
        );
        let json = || Input::Json(json!({ "TableName": "t" }));
        let asked = request(Service::DynamoDb, json()).unwrap();
        assert_eq!(asked.body(), br#"{"TableName":"t"}"#);
        assert_eq!(asked.headers()["x-amz-target"], "DynamoDB_20120810.Do");
        assert!(request(Service::Sqs, form()).is_err() && request(Service::Ec2, json()).is_err());
    }

    #[test]
    fn the_code_of_an_error_is_found_in_both_forms() {
        let code = |body: &str| error_code(body);
        assert_eq!(code("<Error><Code>AccessDenied</Code></Error>").unwrap(), "AccessDenied");
        assert_eq!(code(r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#).unwrap(), "QueueDoesNotExist");
        assert_eq!(code(r#"{"__type":"ThrottlingException"}"#).unwrap(), "ThrottlingException");
        assert_eq!((code("{}"), code("busy")), (None, None));
    }

    #[test]
    fn a_key_does_not_show_its_secret() {
        assert!(!format!("{:?}", Key::unknown()).contains("nobody"));
    }
}
