//! Refusals and how EC2 and STS put them into XML.
//! Not in it: when something is refused; each action decides that.

use http::{Response, StatusCode, header};
use serde_json::{Map, Value};

use super::xml::Xml;

/// One refusal: HTTP status, AWS error code, sentence, and what else the document carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// Members of the document in JSON.
    pub(crate) more: Map<String, Value>,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), more: Map::new() }
    }

    /// A client error: 400, the same request will fail again.
    pub(crate) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::bad("MissingParameter", format!("The request must contain the parameter {parameter}"))
    }

    pub(crate) fn invalid(value: &str, parameter: &str) -> Self {
        Self::bad("InvalidParameterValue", format!("Invalid value '{value}' for {parameter}."))
    }

    pub(crate) fn throttled() -> Self {
        Self::new(503, "RequestLimitExceeded", "Request limit exceeded.")
    }

    /// The Query API's error document of EC2, whose `Errors` is a list.
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-query-api.html>
    pub(crate) fn as_ec2(&self, request_id: &str) -> Response<Vec<u8>> {
        let mut xml = Xml::document();
        xml.node("Response", |xml| {
            xml.node("Errors", |xml| {
                xml.node("Error", |xml| {
                    xml.text("Code", &self.code).text("Message", &self.message);
                });
            });
            xml.text("RequestID", request_id);
        });
        respond(self.status, xml)
    }

    /// The error document of STS, which is the Query protocol's common one.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>
    pub(crate) fn as_sts(&self, request_id: &str) -> Response<Vec<u8>> {
        let mut xml = Xml::document();
        xml.node_in("ErrorResponse", super::sts::NAMESPACE, |xml| {
            xml.node("Error", |xml| {
                xml.text("Type", if self.status < 500 { "Sender" } else { "Receiver" });
                xml.text("Code", &self.code).text("Message", &self.message);
            });
            xml.text("RequestId", request_id);
        });
        respond(self.status, xml)
    }
}

/// Puts an XML document into a reply. A status that HTTP does not have becomes 500.
pub(crate) fn respond(status: u16, xml: Xml) -> Response<Vec<u8>> {
    let mut response = Response::new(xml.into_bytes());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = header::HeaderValue::from_static("text/xml;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
