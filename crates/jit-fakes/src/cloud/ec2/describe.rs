//! DescribeInstances: by id, by filter, in pages, and late.
//! Not in it: the filters themselves; see `filter`.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>

use jiff::Timestamp;

use super::filter::Filter;
use super::page::Page;
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
const BAD_TOKEN: (&str, &str) = ("InvalidParameterValue", "Unable to parse pagination token");

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
        let page = Page::read(query, PAGE_SIZES, BAD_TOKEN)?;
        if page.size.is_some() && !ids.is_empty() {
            let message = "The parameter instancesSet cannot be used with the parameter maxResults";
            return Err(ApiError::bad("InvalidParameterCombination", message));
        }
        let named = self.named(region, &ids, *now)?;
        let is_wanted = |instance: &Ec2Instance, shown| {
            let is_named = named.is_empty() || named.contains(&instance.ordinal);
            is_named && filters.iter().all(|filter| filter.passes(instance, shown))
        };
        let is_hidden = self.is_hidden && ids.is_empty();
        let wanted = self
            .known_in(region)
            .filter(|_| !is_hidden)
            .filter_map(|instance| Some((instance, instance.shown_at(*now)?)))
            .filter(|(instance, shown)| is_wanted(instance, *shown))
            .map(|(instance, shown)| (instance.ordinal, (instance, shown)));
        // Without MaxResults EC2 answers with everything.
        let most = page.size.map_or(u32::MAX, |_| self.limits.describe_page_max.max(1));
        let (shown, next_token) = page.cut(wanted, most);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_has_8_or_17_digits() {
        assert!(is_instance_id("i-0123456789abcdef0") && is_instance_id("i-01234567"));
        assert!(!is_instance_id("i-0123456789ABCDEF0") && !is_instance_id("i-") && !is_instance_id("0123"));
    }
}
