//! The Query protocol's body: an ordered list of names and values, percent-encoded as RFC 3986 says.
//!
//! Not here: what the names mean, and signing.
//! Order is the caller's and is kept, so that one value always makes the same bytes.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::endpoint::Endpoint;

/// Everything but RFC 3986's unreserved characters, which is what both the Query protocol and Signature Version 4 encode.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the body of a Query request is sent as.
pub(crate) const CONTENT_TYPE_FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A Query request's parameters, in the order in which they were added.
pub(crate) struct Form {
    body: String,
}

impl Form {
    /// Begins with the two parameters that every Query request has.
    pub(crate) fn new(action: &str, version: &str) -> Self {
        let mut form = Self { body: String::new() };
        form.push("Action", action);
        form.push("Version", version);
        form
    }

    /// Adds one parameter at the end.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        if !self.body.is_empty() {
            self.body.push('&');
        }
        self.body.extend(utf8_percent_encode(name, RESERVED));
        self.body.push('=');
        self.body.extend(utf8_percent_encode(value, RESERVED));
    }

    /// Adds a list as `name.1`, `name.2` and so on.
    pub(crate) fn push_list<'a>(&mut self, name: &str, values: impl IntoIterator<Item = &'a str>) {
        for (index, value) in values.into_iter().enumerate() {
            self.push(&format!("{name}.{}", index + 1), value);
        }
    }

    /// Makes the unsigned `POST /` to the endpoint.
    pub(crate) fn into_request(self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        post(endpoint, self.body.into_bytes())
    }
}

/// Makes the unsigned `POST /` that carries a ready form body.
pub(crate) fn post(endpoint: &Endpoint, body: Vec<u8>) -> Request<Vec<u8>> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.uri().clone();
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_FORM));
    request
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_is_numbered_from_one() {
        let mut form = Form::new("A", "1");
        form.push_list("Id", ["x", "y"]);
        assert_eq!(form.body, "Action=A&Version=1&Id.1=x&Id.2=y");
    }

    #[test]
    fn a_space_is_never_a_plus() {
        let mut form = Form::new("A", "1");
        form.push("Value", "a b+c/=&~");
        assert_eq!(form.body, "Action=A&Version=1&Value=a%20b%2Bc%2F%3D%26~");
    }

    proptest! {
        #[test]
        fn what_is_pushed_is_what_a_form_reader_sees(pairs in prop::collection::vec((".{0,12}", ".{0,40}"), 0..12)) {
            let mut form = Form::new("A", "1");
            for (name, value) in &pairs {
                form.push(name, value);
            }
            let read: Vec<(String, String)> = url::form_urlencoded::parse(form.body.as_bytes()).into_owned().collect();
            prop_assert_eq!(&read[2..], &pairs[..]);
        }

        #[test]
        fn only_unreserved_characters_and_upper_case_escapes_are_written(value in ".{0,60}") {
            let mut form = Form::new("A", "1");
            form.push("V", &value);
            let encoded = form.body.strip_prefix("Action=A&Version=1&V=").unwrap();
            let mut rest = encoded.bytes();
            while let Some(byte) = rest.next() {
                if byte == b'%' {
                    let escape = [rest.next().unwrap(), rest.next().unwrap()];
                    prop_assert!(escape.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')));
                } else {
                    prop_assert!(byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
                }
            }
        }
    }
}
