//! Pages of EC2's listings: which one a request asks for, and the token that leads to the next.
//! Not in it: what is listed, and in which order.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::cloud::error::ApiError;
use crate::cloud::query::Query;

/// A page that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// The place of its first row.
    start: u64,
    /// The most rows, if the request says so.
    pub(super) size: Option<u32>,
}

impl Page {
    /// Reads MaxResults and NextToken; `bad_token` is the code and sentence for a token that is none.
    pub(super) fn read(
        query: &Query,
        sizes: RangeInclusive<u32>,
        bad_token: (&str, &str),
    ) -> Result<Self, ApiError> {
        let size = query.number("MaxResults")?;
        if let Some(wrong) = size.filter(|size| !sizes.contains(size)) {
            let (low, high) = sizes.into_inner();
            let message = format!(
                "Value ( {wrong} ) for parameter maxResults is invalid. Expecting a value from {low} to {high}"
            );
            return Err(ApiError::bad("InvalidParameterValue", message));
        }
        let bad_token = || ApiError::bad(bad_token.0, bad_token.1);
        let start =
            query.get("NextToken").map(|token| read_token(token).ok_or_else(bad_token)).transpose()?;
        Ok(Self { start: start.unwrap_or(0), size })
    }

    /// Cuts the page, of `most` rows at the most, out of rows that stand in the order of their places; gives the next one's token.
    pub(super) fn cut<T>(self, rows: impl Iterator<Item = (u64, T)>, most: u32) -> (Vec<T>, Option<String>) {
        let size = usize::try_from(self.size.unwrap_or(most).min(most)).unwrap_or(usize::MAX);
        let mut rows = rows.skip_while(|(place, _)| *place < self.start);
        let shown = rows.by_ref().take(size).map(|(_, row)| row).collect();
        (shown, rows.next().map(|(place, _)| write_token(place)))
    }
}

/// The token of a page that begins at that place.
fn write_token(place: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("jit-fakes page {place}"))
}

fn read_token(token: &str) -> Option<u64> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("jit-fakes page ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_page_token_comes_back_as_it_was(place: u64) {
            prop_assert_eq!(read_token(&write_token(place)), Some(place));
        }

        #[test]
        fn any_page_token_is_read_without_a_panic(token in ".{0,40}") {
            let _ = read_token(&token);
        }
    }
}
