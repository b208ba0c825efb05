//! Systems Manager's GetParameter: one plain parameter, such as the public ones that name a distribution's newest image.
//! Not here: parameters that hold secrets, and which image is wanted.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>

use http::{Request, Response};
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::json::{self, Version};
use crate::lookup::LookupError;

/// The longest name of a parameter, in characters.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>, `Name`.
const NAME_CHARS_MAX: usize = 1_011;
/// The longest value that is taken, in bytes; an image's id has 21.
const VALUE_BYTES_MAX: usize = 8 << 10;

/// The name of a parameter in a hierarchy, with a version or a label behind a colon if one is wanted.
///
/// ```
/// use jit_aws::ssm::ParameterName;
/// let name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id";
/// assert!(ParameterName::parse(name).is_some());
/// assert!(ParameterName::parse("no-hierarchy").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParameterName(String);

impl ParameterName {
    /// Reads a name; none when it does not begin with a slash or Systems Manager would refuse it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (path, selector) = text.split_once(':').unwrap_or((text, "1"));
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        };
        let is_path = path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_word));
        (is_path && is_word(selector) && text.len() <= NAME_CHARS_MAX).then(|| Self(text.to_owned()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One lookup.
///
/// ```
/// use jit_aws::{Endpoint, Region, Service, ssm::{GetParameter, ParameterName}};
/// let ask = GetParameter { name: ParameterName::parse("/jit/image").ok_or("no name")? };
/// let request = ask.request(&Endpoint::regional(Service::Ssm, Region::parse("us-east-1")?));
/// assert_eq!(request.body(), br#"{"Name":"/jit/image","WithDecryption":false}"#);
/// let body = br#"{"Parameter":{"Name":"/jit/image","Type":"String","Value":"ami-0123456789abcdef0"}}"#;
/// assert_eq!(ask.parse(&http::Response::new(body.to_vec()))?, "ami-0123456789abcdef0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GetParameter {
    /// Its name.
    pub name: ParameterName,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    name: &'a str,
    with_decryption: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    #[serde(rename = "Type")]
    kind: String,
    value: String,
}

impl GetParameter {
    /// Serialises the request, unsigned.
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        let input = Input { name: self.name.as_str(), with_decryption: false };
        json::request(endpoint, Version::V1_1, "AmazonSSM.GetParameter", &input)
    }

    /// Reads the reply: the value of a parameter of type `String`.
    ///
    /// # Errors
    /// [`LookupError`].
    pub fn parse(&self, response: &Response<Vec<u8>>) -> Result<String, LookupError> {
        if !response.status().is_success() {
            return Err(LookupError::of(response));
        }
        let output: Output = json::read_success(response).map_err(LookupError::Malformed)?;
        let Parameter { kind, value } = output.parameter;
        if kind != "String" || value.len() > VALUE_BYTES_MAX {
            return Err(LookupError::Malformed("the parameter is not a short plain text"));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_plain_parameter_is_taken() {
        let ask = GetParameter { name: ParameterName::parse("/a/b").unwrap() };
        let answer = |kind: &str| {
            let body =
                format!(r#"{{"Parameter":{{"Name":"/a/b","Type":"{kind}","Value":"v","Version":3}}}}"#);
            ask.parse(&Response::new(body.into()))
        };
        assert_eq!(answer("String").unwrap(), "v");
        assert!(matches!(answer("SecureString"), Err(LookupError::Malformed(_))));
        assert!(matches!(ask.parse(&Response::new(Vec::new())), Err(LookupError::Malformed(_))));
    }

    #[test]
    fn a_name_is_a_path_with_at_most_one_selector() {
        for right in ["/a", "/a/b.c_d-e", "/a/b:3", "/a/b:stable"] {
            assert!(ParameterName::parse(right).is_some(), "{right}");
        }
        for wrong in ["", "/", "a", "/a//b", "/a/", "/a:", "/a:b:c", "/a b", "/a/é"] {
            assert!(ParameterName::parse(wrong).is_none(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,60}") {
            let _ = ParameterName::parse(&text);
        }
    }
}
