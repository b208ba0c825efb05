//! The JSON protocol of SQS, DynamoDB, Secrets Manager and Systems Manager: one address, the action in a header.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>. Not here: what an action takes, and what an error's code means.

use http::header::{CONTENT_TYPE, HeaderName};
use http::{Method, Request, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::reply::{self, Fault};

const X_AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// The largest reply that is parsed, in bytes: DynamoDB's largest has items of 16 MB, and base64 adds a third.
const REPLY_BYTES_MAX: usize = 24 << 20;
/// Where the code stands when it is not in the document.
const X_AMZN_ERRORTYPE: &str = "x-amzn-errortype";

/// The version of the protocol that a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// SQS and DynamoDB.
    V1_0,
    /// Secrets Manager and Systems Manager.
    V1_1,
}

/// Builds the unsigned request of an action, such as `DynamoDB_20120810.GetItem`.
pub(crate) fn request(
    endpoint: &Endpoint,
    version: Version,
    target: &'static str,
    input: &impl Serialize,
) -> Request<Vec<u8>> {
    let media_type = match version {
        Version::V1_0 => "application/x-amz-json-1.0",
        Version::V1_1 => "application/x-amz-json-1.1",
    };
    // Holds for every input of this crate: maps with text for keys, text, numbers and lists.
    let body = serde_json::to_vec(input).expect("inputs of actions are JSON");
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.uri().clone();
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(media_type));
    headers.insert(X_AMZ_TARGET, http::HeaderValue::from_static(target));
    request
}

#[derive(Deserialize)]
struct ErrorDocument {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(alias = "Message", default)]
    message: Option<String>,
}

/// Reads any reply that is not a success; every reply makes a fault. Some gateways and emulators answer in XML.
pub(crate) fn read_fault(response: &Response<Vec<u8>>) -> Fault {
    let Ok(document) = serde_json::from_slice::<ErrorDocument>(response.body()) else {
        return reply::read_fault(response);
    };
    let header = response.headers().get(X_AMZN_ERRORTYPE).and_then(|value| value.to_str().ok());
    let kind = if document.kind.is_empty() { header.unwrap_or_default() } else { &document.kind };
    reply::fault(response, short(kind), document.message.unwrap_or_default(), None)
}

/// The code without its namespace before and the address behind: `com.amazonaws.x#Code:http://...` is `Code`.
fn short(kind: &str) -> &str {
    let kind = kind.rsplit('#').next().unwrap_or(kind);
    kind.split(':').next().unwrap_or(kind)
}

/// Reads a success.
///
/// # Errors
/// A short text that says why the reply cannot be read; it quotes nothing of the reply.
pub(crate) fn read_success<T: DeserializeOwned>(response: &Response<Vec<u8>>) -> Result<T, &'static str> {
    if response.body().len() > REPLY_BYTES_MAX {
        return Err("the reply is too large");
    }
    serde_json::from_slice(response.body()).map_err(|_| "the reply lacks a part that it must have")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Region, Service};

    fn response(status: u16, body: &str) -> Response<Vec<u8>> {
        Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_request_names_its_action_in_a_header() {
        let endpoint = Endpoint::regional(Service::DynamoDb, Region::parse("eu-central-1").unwrap());
        let input = serde_json::json!({ "TableName": "t" });
        let request = request(&endpoint, Version::V1_0, "DynamoDB_20120810.GetItem", &input);
        assert_eq!(request.uri(), "https://dynamodb.eu-central-1.amazonaws.com/");
        assert_eq!(request.headers()["x-amz-target"], "DynamoDB_20120810.GetItem");
        assert_eq!(request.headers()["content-type"], "application/x-amz-json-1.0");
        assert_eq!(request.body(), br#"{"TableName":"t"}"#);
    }

    #[test]
    fn a_code_is_read_without_namespace_and_address() {
        for (body, code) in [
            (
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"m"}"#,
                "ThrottlingException",
            ),
            (r#"{"__type":"InvalidSignatureException","Message":"m"}"#, "InvalidSignatureException"),
            (
                r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist:http://internal/","message":"m"}"#,
                "QueueDoesNotExist",
            ),
        ] {
            let fault = read_fault(&response(400, body));
            assert_eq!((fault.detail.code.as_str(), fault.detail.message.as_str()), (code, "m"));
        }
    }

    #[test]
    fn a_code_in_the_header_and_an_error_in_xml_are_read() {
        let mut reply = response(400, "{}");
        let value = http::HeaderValue::from_static("AccessDeniedException:http://internal/");
        reply.headers_mut().insert(X_AMZN_ERRORTYPE, value);
        assert_eq!(read_fault(&reply).detail.code, "AccessDeniedException");
        let xml =
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        assert_eq!(read_fault(&response(403, xml)).detail.code, "AccessDenied");
        assert_eq!(read_fault(&response(503, "<html>")).detail.code, "Http503");
    }

    proptest! {
        #[test]
        fn no_reply_makes_the_reader_panic(status in 300_u16..600, body in prop::collection::vec(any::<u8>(), 0..200)) {
            let fault = read_fault(&Response::builder().status(status).body(body).unwrap());
            prop_assert!(fault.detail.to_string().chars().count() < 400);
        }
    }
}
