//! One page of a list, and how the next one is asked for.
//!
//! Not here: following pages, which the caller does and bounds ([`limits::PAGES_MAX`]).

use std::num::NonZeroU32;

use http::{HeaderMap, Response, header};

use crate::error::Error;
use crate::{limits, link};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, N = PageNumber> {
    /// The items, in GitHub's order; may be empty.
    pub items: Vec<T>,
    /// How many items there are on all pages, where the operation tells.
    ///
    /// For workflow runs this counts runs and may exceed what the pages show ([`limits::RUNS_PER_SEARCH_MAX`]).
    pub total_count: Option<u64>,
    /// What to ask for next; `None` means that this is the last page.
    pub next: Option<N>,
}

/// The number of a page, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageNumber(NonZeroU32);

impl PageNumber {
    /// The first page.
    pub const FIRST: PageNumber = PageNumber(NonZeroU32::MIN);

    /// Returns the page with this number; `None` for 0.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// Returns the number.
    pub fn number(self) -> u32 {
        self.0.get()
    }
}

/// A mark inside a list that is not numbered; opaque, and good for the same list only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// Takes a mark that was kept from an earlier page; `None` if it is empty or longer than [`limits::ADDRESS_BYTES_MAX`] bytes.
    pub fn new(mark: &str) -> Option<Self> {
        (!mark.is_empty() && mark.len() <= limits::ADDRESS_BYTES_MAX).then(|| Self(mark.to_owned()))
    }

    /// Returns the mark, to be kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(crate) fn next_number(
    operation: &'static str,
    response: &Response<Vec<u8>>,
) -> Result<Option<PageNumber>, Error> {
    next_parameter(operation, response.headers(), "page", |text| text.parse().ok().and_then(PageNumber::new))
}

pub(crate) fn next_cursor(
    operation: &'static str,
    response: &Response<Vec<u8>>,
) -> Result<Option<Cursor>, Error> {
    next_parameter(operation, response.headers(), "cursor", Cursor::new)
}

/// Finds the `next` link and takes one parameter out of it.
///
/// Only the parameter is used, so that our token never goes to an address that a reply names.
fn next_parameter<N>(
    operation: &'static str,
    headers: &HeaderMap,
    parameter: &str,
    read: impl Fn(&str) -> Option<N>,
) -> Result<Option<N>, Error> {
    let malformed = |detail: &str| Error::Malformed { operation, detail: detail.to_owned() };
    for value in headers.get_all(header::LINK) {
        let value = value.to_str().map_err(|_| malformed("link header is not text"))?;
        let links = link::parse(value).map_err(|error| malformed(&error.to_string()))?;
        let next = links.iter().find(|link| link.relations.iter().any(|relation| relation == "next"));
        if let Some(next) = next {
            let (_, query) = next.target.split_once('?').unwrap_or_default();
            let query = query.split('#').next().unwrap_or_default();
            let found = url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == parameter)
                .and_then(|(_, text)| read(&text));
            return found
                .map(Some)
                .ok_or_else(|| malformed(&format!("next link has no usable parameter {parameter}")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(links: &[&str]) -> Response<Vec<u8>> {
        let mut builder = Response::builder();
        for link in links {
            builder = builder.header("link", *link);
        }
        builder.body(Vec::new()).unwrap()
    }

    #[test]
    fn the_next_page_comes_from_the_next_link_in_whichever_header_line_it_is() {
        let reply = reply(&[
            "<https://h/x?page=1>; rel=prev",
            "<https://h/x?per_page=100&page=3#f>; rel=\"last next\"",
        ]);
        assert_eq!(next_number("x", &reply), Ok(PageNumber::new(3)));
    }

    #[test]
    fn no_next_link_means_the_last_page() {
        assert_eq!(next_number("x", &reply(&[])), Ok(None));
        assert_eq!(next_number("x", &reply(&["<https://h/x?page=1>; rel=first"])), Ok(None));
    }

    #[test]
    fn a_next_link_that_cannot_be_used_is_an_error() {
        for link in [
            "<https://h/x>; rel=next",
            "<https://h/x?page=0>; rel=next",
            "<https://h/x?page=>; rel=next",
            "<https://h/x?page=99999999999>; rel=next",
            "<https://h/x?page=2; rel=next",
        ] {
            assert!(next_number("x", &reply(&[link])).is_err(), "{link}");
        }
    }

    #[test]
    fn a_cursor_is_decoded_and_kept() {
        let reply =
            reply(&["<https://h/app/hook/deliveries?per_page=100&cursor=v1%5F1207%2B5>; rel=\"next\""]);
        assert_eq!(next_cursor("x", &reply).unwrap().unwrap().as_str(), "v1_1207+5");
    }
}
