//! DescribeInstances: by filter, page by page, or by id.
//!
//! Not here: the loop over pages, its bound and its cursor, which are the caller's; [`DescribeInstances::next`] makes each
//! following request. Replies are eventually consistent: an instance may be missing for some seconds after its launch
//! (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>).
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>

use http::{Request, Response};
use serde::Deserialize;

use super::instance::{Instance, InstanceId, InstanceItem, InstanceState, ItemSet, filled};
use super::{Ec2Error, VERSION};
use crate::endpoint::Endpoint;
use crate::form::Form;

/// How many instances a page has at most: 5 to 1,000, as EC2 allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageSize(u16);

impl PageSize {
    /// The largest page.
    pub const MAX: Self = Self(1_000);

    /// Takes the nearest size that EC2 allows.
    #[must_use]
    pub fn nearest(size: u16) -> Self {
        Self(size.clamp(5, Self::MAX.0))
    }
}

/// A condition on instances: one of the values must match. Several filters must all match.
///
/// EC2 reads `*` and `?` in values as wildcards; values are escaped here, so that each stands for itself only
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>). At most 200 values in a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filter {
    name: String,
    values: Vec<String>,
}

impl Filter {
    /// Matches instances whose tag has one of the values.
    ///
    /// ```
    /// use jit_aws::ec2::{DescribeInstances, Filter, PageSize};
    /// let filter = Filter::tag("jit-runners:deployment", ["prod"]);
    /// let first = DescribeInstances::page(vec![filter], PageSize::MAX);
    /// assert!(matches!(first, DescribeInstances::Page { token: None, .. }));
    /// ```
    pub fn tag<'a>(key: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(format!("tag:{key}"), values)
    }

    /// Matches instances that have the tag, whatever its value.
    #[must_use]
    pub fn tag_key(key: &str) -> Self {
        Self::new("tag-key".to_owned(), [key])
    }

    /// Matches instances in one of the states.
    #[must_use]
    pub fn states(states: &[InstanceState]) -> Self {
        Self::new("instance-state-name".to_owned(), states.iter().map(InstanceState::as_str))
    }

    /// Matches instances by id; an unknown id is no error here, unlike in [`DescribeInstances::ByIds`].
    #[must_use]
    pub fn ids(ids: &[InstanceId]) -> Self {
        Self::new("instance-id".to_owned(), ids.iter().map(InstanceId::as_str))
    }

    fn new<'a>(name: String, values: impl IntoIterator<Item = &'a str>) -> Self {
        Self { name, values: values.into_iter().map(escape_wildcards).collect() }
    }
}

fn escape_wildcards(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for char in value.chars() {
        if matches!(char, '*' | '?' | '\\') {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}

/// One request for instances.
///
/// ```
/// use jit_aws::{Endpoint, Region, Service, ec2::{DescribeInstances, Filter, InstanceState, PageSize}};
/// let describe = DescribeInstances::page(vec![Filter::states(&[InstanceState::Running])], PageSize::nearest(100));
/// let request = describe.request(&Endpoint::regional(Service::Ec2, Region::parse("us-east-1")?));
/// let expected = "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-state-name&Filter.1.Value.1=running&MaxResults=100";
/// assert_eq!(request.body(), expected.as_bytes());
/// # Ok::<(), jit_aws::EndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DescribeInstances {
    /// The named instances, at most 1,000, all in one reply; one unknown id makes the whole call [`Ec2Error::NotFound`].
    ByIds(Vec<InstanceId>),
    /// One page of those that match all filters.
    Page {
        /// The conditions; none matches every instance of the account in the region.
        filters: Vec<Filter>,
        /// The page's size.
        size: PageSize,
        /// Where the page begins, from the page before; none for the first.
        token: Option<String>,
    },
}

/// One page of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstancePage {
    /// The instances; a page may be empty and yet not the last.
    pub instances: Vec<Instance>,
    /// Where the next page begins; none after the last.
    pub next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    reservation_set: ItemSet<Reservation>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reservation {
    instances_set: ItemSet<InstanceItem>,
}

impl DescribeInstances {
    /// Asks for the first page.
    #[must_use]
    pub fn page(filters: Vec<Filter>, size: PageSize) -> Self {
        Self::Page { filters, size, token: None }
    }

    /// Asks for the page after the given one; none when that was the last.
    ///
    /// # Errors
    /// [`Ec2Error::UnknownOutcome`] when the page's token leads back to the page itself: the listing is not complete and
    /// never will be, and what it lacks must not be taken for gone.
    ///
    /// ```
    /// use jit_aws::ec2::{DescribeInstances, InstancePage, PageSize};
    /// let first = DescribeInstances::page(vec![], PageSize::MAX);
    /// let reply = InstancePage { instances: vec![], next_token: Some("t".to_owned()) };
    /// let second = first.next(&reply)?.ok_or("there is a second page")?;
    /// assert_eq!(second.next(&InstancePage { instances: vec![], next_token: None })?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next(&self, page: &InstancePage) -> Result<Option<Self>, Ec2Error> {
        let (Self::Page { filters, size, token }, Some(next_token)) = (self, &page.next_token) else {
            return Ok(None);
        };
        if token.as_ref() == Some(next_token) {
            return Err(Ec2Error::endless_listing());
        }
        Ok(Some(Self::Page { filters: filters.clone(), size: *size, token: Some(next_token.clone()) }))
    }

    /// Serialises the request, unsigned.
    #[must_use]
    pub fn request(&self, endpoint: &Endpoint) -> Request<Vec<u8>> {
        let mut form = Form::new("DescribeInstances", VERSION);
        match self {
            Self::ByIds(ids) => form.push_list("InstanceId", ids.iter().map(InstanceId::as_str)),
            Self::Page { filters, size, token } => {
                for (index, filter) in filters.iter().enumerate() {
                    let prefix = format!("Filter.{}", index + 1);
                    form.push(&format!("{prefix}.Name"), &filter.name);
                    form.push_list(&format!("{prefix}.Value"), filter.values.iter().map(String::as_str));
                }
                form.push("MaxResults", &size.0.to_string());
                if let Some(token) = token {
                    form.push("NextToken", token);
                }
            }
        }
        form.into_request(endpoint)
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// [`Ec2Error`]; a success that cannot be read is [`Ec2Error::UnknownOutcome`]: nothing is known about any instance.
    ///
    /// ```
    /// use jit_aws::ec2::DescribeInstances;
    /// let body = b"<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
    /// let page = DescribeInstances::parse(&http::Response::new(body.to_vec()))?;
    /// assert!(page.instances.is_empty() && page.next_token.is_none());
    /// # Ok::<(), jit_aws::ec2::Ec2Error>(())
    /// ```
    pub fn parse(response: &Response<Vec<u8>>) -> Result<InstancePage, Ec2Error> {
        let reply: Reply = Ec2Error::check(response, "DescribeInstancesResponse")?;
        let items =
            reply.reservation_set.items.into_iter().flat_map(|reservation| reservation.instances_set.items);
        let instances: Option<Vec<Instance>> = items.map(InstanceItem::read).collect();
        let instances = instances.ok_or_else(|| {
            Ec2Error::unreadable(response, "the reply names an instance that cannot be read")
        })?;
        Ok(InstancePage { instances, next_token: filled(reply.next_token) })
    }
}

#[cfg(test)]
mod tests;
