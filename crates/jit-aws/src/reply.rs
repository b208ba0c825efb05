//! What all replies share: success told from failure, the error document in XML, and what may be shown of it.
//!
//! Not here: what an error's code means, which each service's module decides; JSON documents (`json.rs`).

use std::fmt;

use http::{Response, StatusCode};
use jiff::Timestamp;
use quick_xml::events::Event;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::sigv4::{self, SignedAt};

/// The most characters of a service's message that are kept.
pub const MESSAGE_CHARS_MAX: usize = 200;
/// The largest reply that is parsed, in bytes: 1,000 described instances, EC2's largest page, take about 6 MB.
pub const REPLY_BYTES_MAX: usize = 16 << 20;
/// The most characters that are kept of a code, a request id or a date, all of which are short when they are genuine.
const WORD_CHARS_MAX: usize = 80;
/// Where a message stops being of use: what follows repeats the signed request, with the session token in it.
const MESSAGE_END: &str = "The Canonical String";

/// What a service said about a failure, safe to log: bounded, on one line, without the request that some messages repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorDetail {
    /// The HTTP status; 0 when there was no reply.
    pub status: u16,
    /// The service's code without its `Client.` or `Server.`; `Http<status>` when the reply had none.
    pub code: String,
    /// The service's message, at most 200 characters; empty when there was none.
    pub message: String,
    /// The id that AWS's support asks for; none when the reply did not name it.
    pub request_id: Option<Box<str>>,
    /// The service's own clock, from the Date header; none when the reply did not tell it.
    pub date: Option<Box<str>>,
}

impl fmt::Display for ErrorDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        write!(f, " (http {}", self.status)?;
        if let Some(request_id) = &self.request_id {
            write!(f, ", request {request_id}")?;
        }
        f.write_str(")")
    }
}

impl ErrorDetail {
    /// Describes a request to which no reply came.
    pub(crate) fn no_reply(why: &str) -> Self {
        Self::local(0, "NoReply", why)
    }

    /// Describes a success that cannot be read.
    pub(crate) fn unreadable(status: StatusCode, why: &str) -> Self {
        Self::local(status.as_u16(), "UnreadableReply", why)
    }

    /// Returns the code that stands for a reply without one.
    pub(crate) fn code_of_status(status: u16) -> String {
        format!("Http{status}")
    }

    /// Describes a failure that the caller saw and no service reported.
    pub(crate) fn local(status: u16, code: &str, message: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: one_line(message, MESSAGE_CHARS_MAX),
            request_id: None,
            date: None,
        }
    }
}

/// An error document, with the whole message beside the part of it that may be shown.
pub(crate) struct Fault {
    pub(crate) detail: ErrorDetail,
    /// The message as it came; only for reading ids and signs of a wrong clock from it.
    pub(crate) message: String,
    /// When the request was signed; none when whoever sent it did not say.
    signed_at: Option<Timestamp>,
}

impl Fault {
    /// Whether the request's date was refused: code or message say so, or the signature was refused for no reason that is told, by
    /// a service whose clock is another one.
    pub(crate) fn is_clock_skew(&self) -> bool {
        let detail = &self.detail;
        if sigv4::is_clock_skew(&detail.code, &self.message) {
            return true;
        }
        let (Some(date), Some(signed_at)) = (&detail.date, self.signed_at) else { return false };
        sigv4::is_about_the_signature(&detail.code) && sigv4::clocks_agree(date, signed_at) == Some(false)
    }
}

/// The error documents of EC2 (`Response/Errors/Error`) and of the other Query services (`ErrorResponse/Error`).
#[derive(Deserialize)]
struct ErrorDocument {
    #[serde(rename = "Errors")]
    errors: Option<ErrorList>,
    #[serde(rename = "Error")]
    error: Option<ErrorItem>,
    #[serde(rename = "RequestID", alias = "RequestId")]
    request_id: Option<String>,
}

#[derive(Deserialize)]
struct ErrorList {
    #[serde(rename = "Error", default)]
    items: Vec<ErrorItem>,
}

#[derive(Deserialize)]
struct ErrorItem {
    #[serde(rename = "Code", default)]
    code: String,
    #[serde(rename = "Message", default)]
    message: String,
}

/// Reads any reply that is not a success; every reply makes a fault, for a proxy's page is one too.
pub(crate) fn read_fault(response: &Response<Vec<u8>>) -> Fault {
    let document: Option<ErrorDocument> = document(response.body()).ok();
    let (item, request_id) = match document {
        Some(document) => (first_item(document.errors, document.error), document.request_id),
        None => (None, None),
    };
    let item = item.unwrap_or(ErrorItem { code: String::new(), message: String::new() });
    fault(response, &item.code, item.message, request_id)
}

/// Makes a fault of what an error document said, and of the headers for what it did not.
pub(crate) fn fault(
    response: &Response<Vec<u8>>,
    code: &str,
    message: String,
    request_id: Option<String>,
) -> Fault {
    let status = response.status().as_u16();
    let header =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let code = code.trim();
    let code = code.strip_prefix("Client.").or_else(|| code.strip_prefix("Server.")).unwrap_or(code);
    let shown = message.split(MESSAGE_END).next().unwrap_or_default();
    let detail = ErrorDetail {
        status,
        code: if code.is_empty() {
            ErrorDetail::code_of_status(status)
        } else {
            one_line(code, WORD_CHARS_MAX)
        },
        message: one_line(shown, MESSAGE_CHARS_MAX),
        request_id: request_id
            .or_else(|| header("x-amzn-requestid"))
            .map(|id| one_line(&id, WORD_CHARS_MAX).into()),
        date: header("date").map(|date| one_line(&date, WORD_CHARS_MAX).into()),
    };
    let signed_at = response.extensions().get::<SignedAt>().map(|signed| signed.0);
    Fault { detail, message, signed_at }
}

fn first_item(errors: Option<ErrorList>, error: Option<ErrorItem>) -> Option<ErrorItem> {
    errors.and_then(|list| list.items.into_iter().next()).or(error)
}

/// Reads a success whose document has the given root element.
///
/// # Errors
/// A short text that says why the reply cannot be read; it quotes nothing of the reply.
pub(crate) fn read_success<T: DeserializeOwned>(
    response: &Response<Vec<u8>>,
    root: &str,
) -> Result<T, &'static str> {
    let text = text(response.body())?;
    if root_name(text).as_deref() != Some(root) {
        return Err("the reply is another document than asked for");
    }
    quick_xml::de::from_str(text).map_err(|_| "the reply lacks a part that it must have")
}

fn document<T: DeserializeOwned>(body: &[u8]) -> Result<T, &'static str> {
    quick_xml::de::from_str(text(body)?).map_err(|_| "the reply is no such document")
}

fn text(body: &[u8]) -> Result<&str, &'static str> {
    if body.len() > REPLY_BYTES_MAX {
        return Err("the reply is too large");
    }
    std::str::from_utf8(body).map_err(|_| "the reply is not utf-8")
}

/// Returns the root element's name without its prefix; the deserialiser itself takes any root.
fn root_name(text: &str) -> Option<String> {
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start) | Event::Empty(start)) => {
                return Some(start.local_name().as_ref().to_owned());
            }
            Ok(Event::Eof) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// Makes foreign text fit for one line of a log: control characters become spaces, runs of spaces one, and the rest is cut.
pub(crate) fn one_line(text: &str, chars_max: usize) -> String {
    let printable: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let words: Vec<&str> = printable.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn response(status: u16, body: &str) -> Response<Vec<u8>> {
        Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_message_is_cut_before_the_request_it_repeats() {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>The request \
                    signature we calculated does not match.\n\nThe Canonical String for this request should have been\n'POST\n\
                    x-amz-security-token:FwoGZXIvYXdz'</Message></Error><RequestId>r-1</RequestId></ErrorResponse>";
        let fault = read_fault(&response(403, body));
        assert_eq!(fault.detail.message, "The request signature we calculated does not match.");
        assert_eq!(
            fault.detail.to_string(),
            "SignatureDoesNotMatch: The request signature we calculated does not match. (http 403, request r-1)"
        );
    }

    #[test]
    fn a_signature_that_is_refused_by_another_clock_is_refused_for_its_date() {
        const MESSAGE: &str = "AWS was not able to validate the provided access credentials";
        let is_skew = |code: &str, date: Option<&'static str>, signed_at: Option<&str>| {
            let body = format!(
                "<ErrorResponse><Error><Code>{code}</Code><Message>{MESSAGE}</Message></Error></ErrorResponse>"
            );
            let mut response = response(401, &body);
            if let Some(date) = date {
                response.headers_mut().insert("date", http::HeaderValue::from_static(date));
            }
            if let Some(at) = signed_at {
                response.extensions_mut().insert(SignedAt(at.parse().unwrap()));
            }
            read_fault(&response).is_clock_skew()
        };
        let date = Some("Sun, 22 Nov 2026 12:00:00 GMT");
        for code in ["AuthFailure", "SignatureDoesNotMatch", "InvalidSignatureException"] {
            for skewed in ["2026-11-22T11:54:00Z", "2026-11-22T12:06:00Z", "2026-11-22T12:16:00Z"] {
                assert!(is_skew(code, date, Some(skewed)), "{code} {skewed}");
            }
            for right in ["2026-11-22T11:57:00Z", "2026-11-22T12:03:00Z"] {
                assert!(!is_skew(code, date, Some(right)), "{code} {right}");
            }
        }
        let skewed = Some("2026-11-22T11:54:00Z");
        assert!(!is_skew("AccessDenied", date, skewed), "a right is missing whatever the clock says");
        assert!(!is_skew("AuthFailure", None, skewed), "the service did not tell its time");
        assert!(!is_skew("AuthFailure", Some("soon"), skewed));
        assert!(!is_skew("AuthFailure", date, None), "nobody said when it was signed");
    }

    #[test]
    fn a_page_that_is_no_error_document_is_named_by_its_status() {
        for body in ["", "<html><body>Bad Gateway</body></html>", "{\"message\":null}", "\u{0}", "<Response>"]
        {
            let fault = read_fault(&response(502, body));
            assert_eq!(fault.detail.code, "Http502");
            assert_eq!(fault.detail.message, "");
        }
    }

    #[test]
    fn the_request_id_is_taken_from_the_header_when_the_document_lacks_it() {
        let mut response = response(503, "");
        response.headers_mut().insert("x-amzn-requestid", http::HeaderValue::from_static("abc"));
        assert_eq!(read_fault(&response).detail.request_id.as_deref(), Some("abc"));
    }

    #[test]
    fn a_document_with_another_root_is_not_a_success() {
        #[derive(Debug, Deserialize)]
        struct Anything {}
        let read = |body: &str| read_success::<Anything>(&response(200, body), "Wanted").map(|_| ());
        assert_eq!(read("<?xml version=\"1.0\"?><!-- x --><Wanted xmlns=\"y\"/>"), Ok(()));
        assert!(read("<html/>").is_err());
        assert!(read("").is_err());
    }

    proptest! {
        #[test]
        fn no_reply_makes_the_reader_panic_or_print_without_bound(status in 300_u16..600, body in prop::collection::vec(any::<u8>(), 0..200)) {
            let fault = read_fault(&Response::builder().status(status).body(body).unwrap());
            prop_assert!(fault.detail.to_string().chars().count() < 400);
        }

        #[test]
        fn a_long_message_is_bounded_and_on_one_line(message in "[ -~\n\r\té]{0,600}") {
            let line = one_line(&message, MESSAGE_CHARS_MAX);
            prop_assert!(line.chars().count() <= MESSAGE_CHARS_MAX);
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
