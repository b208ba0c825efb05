//! Values of attributes: read, written, compared, measured.
//! Not in it: fractions, which are refused, and what is inside sets, lists and maps, which are kept as they came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};

/// A value with its type. The order is DynamoDB's within a type: numbers by size, text and bytes byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    S(String),
    N(i128),
    B(Vec<u8>),
    Bool(bool),
    Null,
    /// A set, list or map as JSON.
    Other(String),
}

/// The largest number of 38 digits. <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
const NUMBER_MAX: i128 = 10_i128.pow(38) - 1;

impl Value {
    /// The letter of its type, as in attribute definitions.
    pub(crate) fn kind(&self) -> &str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::Other(json) => json.split('"').nth(1).unwrap_or("M"),
        }
    }

    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::S(text) => json!({ "S": text }),
            Self::N(number) => json!({ "N": number.to_string() }),
            Self::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
            Self::Bool(flag) => json!({ "BOOL": flag }),
            Self::Null => json!({ "NULL": true }),
            Self::Other(text) => serde_json::from_str(text).unwrap_or(Json::Null),
        }
    }

    /// Bytes of the value.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => {
                let digits = number.unsigned_abs().to_string().trim_end_matches('0').len();
                digits.div_ceil(2) + 1 + usize::from(*number < 0)
            }
            Self::B(bytes) => bytes.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::Other(json) => json.len(),
        }
    }

    /// The value as a person would write it, for counts and tests.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::S(text) | Self::Other(text) => text.clone(),
            Self::N(number) => number.to_string(),
            Self::B(bytes) => hex::encode(bytes),
            Self::Bool(flag) => flag.to_string(),
            Self::Null => "null".into(),
        }
    }

    /// The sum of two numbers; none if one is none, or the sum has too many digits.
    pub(crate) fn plus(&self, other: &Self, sign: i128) -> Option<Self> {
        let (Self::N(left), Self::N(right)) = (self, other) else { return None };
        let sum = left.checked_add(right.checked_mul(sign)?)?;
        (sum.abs() <= NUMBER_MAX).then_some(Self::N(sum))
    }

    fn read(json: &Json) -> Result<Self, &'static str> {
        let fields = json.as_object().ok_or("an attribute's value is an object")?;
        let mut fields_left = fields.iter();
        let (Some((kind, inner)), None) = (fields_left.next(), fields_left.next()) else {
            return Err("Supplied AttributeValue must contain exactly one of the supported datatypes");
        };
        match (kind.as_str(), inner) {
            ("S", Json::String(text)) => Ok(Self::S(text.clone())),
            ("N", Json::String(digits)) => {
                let number: i128 =
                    digits.parse().map_err(|_| "this model knows whole numbers of up to 38 digits only")?;
                if number.abs() <= NUMBER_MAX { Ok(Self::N(number)) } else { Err("Number overflow") }
            }
            ("B", Json::String(text)) => {
                STANDARD.decode(text).map(Self::B).map_err(|_| "Base64 encoded length is unexpected")
            }
            ("BOOL", Json::Bool(flag)) => Ok(Self::Bool(*flag)),
            ("NULL", Json::Bool(true)) => Ok(Self::Null),
            ("L" | "SS" | "NS" | "BS", Json::Array(_)) | ("M", Json::Object(_)) => {
                Ok(Self::Other(json.to_string()))
            }
            _ => Err("an attribute's value is not of its type"),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Json::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: Json) -> Result<Value, serde_json::Error> {
        serde_json::from_value(json)
    }

    #[test]
    fn values_are_read_and_come_back_as_they_were() {
        for json in [
            json!({ "S": "" }),
            json!({ "N": "-12" }),
            json!({ "B": "AP8=" }),
            json!({ "BOOL": true }),
            json!({ "NULL": true }),
            json!({ "L": [{ "N": "1" }] }),
        ] {
            let read = value(json.clone()).unwrap();
            assert_eq!(read.to_json(), json);
            assert_eq!(json.as_object().unwrap().keys().next().unwrap(), read.kind());
        }
        for json in
            [json!({}), json!({ "S": 1 }), json!({ "N": "x" }), json!({ "N": "1", "S": "1" }), json!("a")]
        {
            assert!(value(json).is_err());
        }
    }

    #[test]
    fn numbers_are_ordered_by_size_and_have_38_digits() {
        assert!(Value::N(9) < Value::N(10));
        assert_eq!(Value::N(NUMBER_MAX).plus(&Value::N(1), 1), None);
        assert_eq!(Value::N(3).plus(&Value::N(5), -1), Some(Value::N(-2)));
        assert_eq!(Value::N(3).plus(&Value::Null, 1), None);
    }
}
