//! What a single value is: the core schema of YAML 1.2, by which GitHub reads workflow files too.
//!
//! Not here: GitHub's coercions inside expressions.
//!
//! <https://yaml.org/spec/1.2.2/#103-core-schema>

use super::{Node, Value};

/// A single value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Single<'a> {
    /// Nothing.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A number; GitHub keeps all of them as 64-bit floating point.
    Number(f64),
    /// A text.
    Text(&'a str),
}

impl Node {
    /// What a scalar is; none for a list or a mapping.
    ///
    /// ```
    /// # use jit_github::workflow_file::yaml::{Single, parse};
    /// let list = parse("[3.10, '3.10', yes, 0x1F]")?;
    /// let values: Vec<_> = list.items().unwrap_or_default().iter().filter_map(|node| node.single()).collect();
    /// assert_eq!(values, [Single::Number(3.1), Single::Text("3.10"), Single::Text("yes"), Single::Number(31.0)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn single(&self) -> Option<Single<'_>> {
        match &self.value {
            Value::Scalar { text, is_plain: false } => Some(Single::Text(text)),
            Value::Scalar { text, is_plain: true } => Some(match text.as_str() {
                "" | "~" | "null" | "Null" | "NULL" => Single::Null,
                "true" | "True" | "TRUE" => Single::Boolean(true),
                "false" | "False" | "FALSE" => Single::Boolean(false),
                text => number(text).map_or(Single::Text(text), Single::Number),
            }),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// The value as JSON, keys of mappings in alphabetical order; none if a number in it is infinite or none, which JSON does not have.
    #[must_use]
    pub fn to_json(&self) -> Option<serde_json::Value> {
        use serde_json::Value as Json;
        match &self.value {
            Value::Scalar { .. } => match self.single()? {
                Single::Null => Some(Json::Null),
                Single::Boolean(value) => Some(Json::Bool(value)),
                Single::Number(value) => json_number(value),
                Single::Text(text) => Some(Json::String(text.to_owned())),
            },
            Value::Sequence(items) => items.iter().map(Self::to_json).collect::<Option<_>>().map(Json::Array),
            Value::Mapping(entries) => {
                let entry = |(key, value): &(Self, Self)| Some((key.text()?.to_owned(), value.to_json()?));
                entries.iter().map(entry).collect::<Option<_>>().map(Json::Object)
            }
        }
    }
}

/// The largest whole number up to which every whole number has a 64-bit floating point of its own.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

#[expect(clippy::cast_possible_truncation, reason = "it is whole, and within the bound")]
fn json_number(value: f64) -> Option<serde_json::Value> {
    if value.fract() == 0.0 && value.abs() <= EXACT_MAX {
        return Some((value as i64).into());
    }
    serde_json::Number::from_f64(value).map(serde_json::Value::Number)
}

fn number(text: &str) -> Option<f64> {
    let radix = |digits: &str, radix| {
        let digits = digits.bytes().all(|b| b.is_ascii_alphanumeric()).then_some(digits)?;
        u64::from_str_radix(digits, radix).ok()
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16).map(exact);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8).map(exact);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => return Some(f64::NAN),
        _ => {}
    }
    // Rust reads `inf` and `nan` too, which are texts in YAML.
    let is_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().any(|b| b.is_ascii_digit())
        && unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if is_number { text.parse().ok() } else { None }
}

#[expect(clippy::cast_precision_loss, reason = "GitHub loses it as well")]
fn exact(number: u64) -> f64 {
    number as f64
}
