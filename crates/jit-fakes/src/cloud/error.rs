//! Refusals, and the documents that tell of them in XML and in JSON.
//! Not in it: when something is refused, which each action decides, and which service writes which document (`service`).

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

    pub(crate) fn unknown_action(action: &str) -> Self {
        Self::bad("InvalidAction", format!("The action {action} is not valid for this web service."))
    }

    pub(crate) fn throttled() -> Self {
        Self::new(503, "RequestLimitExceeded", "Request limit exceeded.")
    }

    /// The Query API's error document of EC2, whose `Errors` is a list.
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-query-api.html>
    pub(crate) fn as_ec2(&self, request_id: &str) -> Xml {
        let mut xml = Xml::document();
        xml.node("Response", |xml| {
            xml.node("Errors", |xml| {
                xml.node("Error", |xml| {
                    xml.text("Code", &self.code).text("Message", &self.message);
                });
            });
            xml.text("RequestID", request_id);
        });
        xml
    }

    /// The error document of STS, which is the Query protocol's common one.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>
    pub(crate) fn as_sts(&self, request_id: &str) -> Xml {
        let mut xml = Xml::document();
        xml.node_in("ErrorResponse", super::sts::NAMESPACE, |xml| {
            xml.node("Error", |xml| {
                xml.text("Type", if self.status < 500 { "Sender" } else { "Receiver" });
                xml.text("Code", &self.code).text("Message", &self.message);
            });
            xml.text("RequestId", request_id);
        });
        xml
    }

    /// The error document of services that speak JSON: the code behind a namespace, the sentence in a member of that name.
    pub(crate) fn as_json(&self, namespace: &str, message: &str) -> Value {
        let mut document = self.more.clone();
        document.insert("__type".into(), format!("{namespace}#{}", self.code).into());
        document.insert(message.into(), self.message.as_str().into());
        document.into()
    }
}
