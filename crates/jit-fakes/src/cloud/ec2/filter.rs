//! The filters of DescribeInstances.
//! Not in it: paging and ids; see `describe`.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>

use super::record::{Ec2Instance, InstanceState};
use crate::cloud::catalogue::CapacityType;
use crate::cloud::error::ApiError;
use crate::cloud::query::Query;

/// How many filters and values a request may have.
const FILTERS_MAX: usize = 50;
const VALUES_MAX: usize = 200;

/// One filter: any of its values will do.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    field: Field,
    values: Vec<String>,
}

#[derive(Clone, Debug)]
enum Field {
    Tag(String),
    TagKey,
    State,
    StateCode,
    InstanceId,
    ClientToken,
    Lifecycle,
    InstanceType,
    ImageId,
    SubnetId,
    Zone,
    ReservationId,
}

impl Filter {
    /// Reads all filters; an instance has to pass every one.
    pub(super) fn read_all(query: &Query) -> Result<Vec<Self>, ApiError> {
        let numbers = query.numbers("Filter");
        if numbers.len() > FILTERS_MAX {
            return Err(ApiError::bad(
                "FilterLimitExceeded",
                "The maximum number of filters has been exceeded",
            ));
        }
        numbers.into_iter().map(|number| Self::read(query, number)).collect()
    }

    fn read(query: &Query, number: u32) -> Result<Self, ApiError> {
        let name = query.require(&format!("Filter.{number}.Name"))?;
        let values = query.list(&format!("Filter.{number}.Value"));
        if values.is_empty() {
            return Err(ApiError::bad("InvalidParameterValue", format!("The filter '{name}' has no value")));
        }
        if values.len() > VALUES_MAX {
            return Err(ApiError::bad(
                "FilterLimitExceeded",
                "The maximum number of filter values has been exceeded",
            ));
        }
        let field = match name {
            "tag-key" => Field::TagKey,
            "instance-state-name" => Field::State,
            "instance-state-code" => Field::StateCode,
            "instance-id" => Field::InstanceId,
            "client-token" => Field::ClientToken,
            "instance-lifecycle" => Field::Lifecycle,
            "instance-type" => Field::InstanceType,
            "image-id" => Field::ImageId,
            "subnet-id" => Field::SubnetId,
            "availability-zone" => Field::Zone,
            "reservation-id" => Field::ReservationId,
            other => match other.strip_prefix("tag:") {
                Some(key) => Field::Tag(key.into()),
                None => {
                    let message = format!("The filter '{other}' is invalid");
                    return Err(ApiError::bad("InvalidParameterValue", message));
                }
            },
        };
        Ok(Self { field, values })
    }

    /// Whether the instance, shown in that state, passes.
    pub(super) fn passes(&self, instance: &Ec2Instance, shown: InstanceState) -> bool {
        let any = |text: &str| self.values.iter().any(|pattern| matches(pattern, text));
        match &self.field {
            Field::Tag(key) => instance.tags.get(key).is_some_and(|value| any(value)),
            Field::TagKey => instance.tags.keys().any(|key| any(key)),
            Field::State => any(shown.name()),
            Field::StateCode => any(&shown.code().to_string()),
            Field::InstanceId => any(&instance.id),
            Field::ClientToken => instance.client_token.as_deref().is_some_and(any),
            Field::Lifecycle => instance.capacity_type == CapacityType::Spot && any("spot"),
            Field::InstanceType => any(&instance.instance_type),
            Field::ImageId => any(&instance.image_id),
            Field::SubnetId => instance.subnet_id.as_deref().is_some_and(any),
            Field::Zone => any(&instance.zone),
            Field::ReservationId => any(&instance.reservation_id),
        }
    }
}

/// Compares with EC2's wildcards: `*` stands for any text, `?` for one character, a backslash takes their meaning away.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>
fn matches(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Which prefixes of the text the pattern read so far can stand for; linear in both, whatever the pattern.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut rest = pattern.chars();
    while let Some(symbol) = rest.next() {
        let mut next = vec![false; text.len() + 1];
        if symbol == '*' {
            let mut seen = false;
            for (slot, was) in next.iter_mut().zip(&reached) {
                seen |= was;
                *slot = seen;
            }
        } else {
            let literal = if symbol == '\\' { rest.next().unwrap_or('\\') } else { symbol };
            for (index, character) in text.iter().enumerate() {
                next[index + 1] = reached[index] && (symbol == '?' || literal == *character);
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wildcards_stand_for_what_ec2_says() {
        assert!(matches("jit-*", "jit-runners") && matches("*", "") && matches("a?c*", "abc"));
        assert!(!matches("jit-*", "ji") && !matches("a?c", "ac") && !matches("", "a"));
        assert!(matches("100\\*", "100*") && !matches("100\\*", "1000"));
    }

    proptest! {
        #[test]
        fn a_text_without_wildcards_matches_itself_only(one in "[a-z0-9:/-]{0,12}", other in "[a-z0-9:/-]{0,12}") {
            prop_assert!(matches(&one, &one));
            prop_assert_eq!(matches(&one, &other), one == other);
        }

        #[test]
        fn a_star_anywhere_still_matches(left in "[a-z]{0,6}", right in "[a-z]{0,6}", middle in ".{0,6}") {
            let (pattern, text) = (format!("{left}*{right}"), format!("{left}{middle}{right}"));
            prop_assert!(matches(&pattern, &text));
        }
    }
}
