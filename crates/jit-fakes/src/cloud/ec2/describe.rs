//! DescribeInstances: by id, by filter, in pages, and late.
//! Not in it: the filters themselves; see `filter`.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::filter::Filter;
use super::record::{Ec2Instance, InstanceState};
use super::{Ec2, check_dry_run, reply};
use crate::cloud::error::ApiError;
use crate::cloud::pipeline::Call;
use crate::cloud::query::Query;
use crate::cloud::xml::Xml;

const KNOWN: &[&str] = &[
    "Action",
    "Version",
    "DryRun",
    "InstanceId.N",
    "Filter.N.Name",
    "Filter.N.Value.N",
    "MaxResults",
    "NextToken",
];

/// MaxResults may be 5 to 1000.
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 5..=1000;

/// The name of the bucket that the request draws from: without filter and paging it is the smaller one.
pub(super) fn bucket_name(query: &Query) -> &'static str {
    let is_paged = query.get("MaxResults").is_some() || query.get("NextToken").is_some();
    let is_narrow = is_paged || !query.numbers("Filter").is_empty();
    if is_narrow { "DescribeInstances" } else { "DescribeInstances.all" }
}

impl Ec2 {
    pub(super) fn describe_instances(&self, call: &Call<'_>) -> Result<Xml, ApiError> {
        let Call { query, region, now, .. } = call;
        query.only(KNOWN)?;
        check_dry_run(call)?;
        let filters = Filter::read_all(query)?;
        let ids = query.list("InstanceId");
        let page_size = query.number("MaxResults")?;
        if let Some(wrong) = page_size.filter(|size| !PAGE_SIZES.contains(size)) {
            let message = format!(
                "Value ( {wrong} ) for parameter maxResults is invalid. Expecting a value from 5 to 1000"
            );
            return Err(ApiError::bad("InvalidParameterValue", message));
        }
        if page_size.is_some() && !ids.is_empty() {
            let message = "The parameter instancesSet cannot be used with the parameter maxResults";
            return Err(ApiError::bad("InvalidParameterCombination", message));
        }
        let start = query.get("NextToken").map(read_token).transpose()?.unwrap_or(0);
        let named = self.named(region, &ids, *now)?;
        let is_wanted = |instance: &Ec2Instance, shown| {
            let is_named = named.is_empty() || named.contains(&instance.ordinal);
            is_named && filters.iter().all(|filter| filter.passes(instance, shown))
        };
        let is_hidden = self.is_hidden && ids.is_empty();
        let mut wanted = self
            .known_in(region)
            .filter(|_| !is_hidden)
            .filter(|instance| instance.ordinal >= start)
            .filter_map(|instance| Some((instance, instance.shown_at(*now)?)))
            .filter(|(instance, shown)| is_wanted(instance, *shown));
        // Without MaxResults EC2 answers with everything.
        let size = page_size.map_or(u32::MAX, |size| size.min(self.limits.describe_page_max.max(1)));
        let shown: Vec<_> = wanted.by_ref().take(usize::try_from(size).unwrap_or(usize::MAX)).collect();
        let next_token = wanted.next().map(|(instance, _)| write_token(instance.ordinal));
        Ok(reply::page(call, &shown, next_token.as_deref()))
    }

    /// Finds the named instances, in ascending launch order. One that EC2 does not show spoils the whole call.
    pub(super) fn named(&self, region: &str, ids: &[String], now: Timestamp) -> Result<Vec<u64>, ApiError> {
        if let Some(id) = ids.iter().find(|id| !is_instance_id(id)) {
            let message = format!("Invalid id: \"{id}\"");
            return Err(ApiError::bad("InvalidInstanceID.Malformed", message));
        }
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for id in ids {
            match self.shown(region, id, now) {
                Some((instance, _)) => found.push(instance.ordinal),
                None if missing.contains(&id.as_str()) => {}
                None => missing.push(id.as_str()),
            }
        }
        let message = match missing.as_slice() {
            [] => {
                found.sort_unstable();
                found.dedup();
                return Ok(found);
            }
            [id] => format!("The instance ID '{id}' does not exist"),
            ids => format!("The instance IDs '{}' do not exist", ids.join(", ")),
        };
        Err(ApiError::bad("InvalidInstanceID.NotFound", message))
    }

    /// The instance of that id, if EC2 shows it in that region now.
    fn shown(&self, region: &str, id: &str, now: Timestamp) -> Option<(&Ec2Instance, InstanceState)> {
        let instance = self.find(id)?;
        let is_known = instance.region == region && self.known.contains(&instance.ordinal);
        Some((instance, instance.shown_at(now).filter(|_| is_known)?))
    }
}

/// `i-` and 8 or 17 hexadecimal digits.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>
fn is_instance_id(id: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    id.strip_prefix("i-").is_some_and(|digits| matches!(digits.len(), 8 | 17) && digits.bytes().all(is_digit))
}

/// The token names the instance that the next page begins with.
fn write_token(ordinal: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("jit-fakes page {ordinal}"))
}

fn read_token(token: &str) -> Result<u64, ApiError> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let ordinal = text.and_then(|text| text.strip_prefix("jit-fakes page ")?.parse().ok());
    ordinal.ok_or_else(|| ApiError::bad("InvalidParameterValue", "Unable to parse pagination token"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_instance_id_has_8_or_17_digits() {
        assert!(is_instance_id("i-0123456789abcdef0") && is_instance_id("i-01234567"));
        assert!(!is_instance_id("i-0123456789ABCDEF0") && !is_instance_id("i-") && !is_instance_id("0123"));
    }

    proptest! {
        #[test]
        fn a_page_token_comes_back_as_it_was(ordinal: u64) {
            prop_assert_eq!(read_token(&write_token(ordinal)), Ok(ordinal));
        }

        #[test]
        fn any_page_token_is_read_without_a_panic(token in ".{0,40}") {
            let _ = read_token(&token);
        }
    }
}
