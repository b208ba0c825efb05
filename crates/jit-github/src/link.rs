//! The `Link` header, read as RFC 8288 has it.
//!
//! Not here: what a page is (`page`), and following a link: its address is never called, only its paging parameter is used.
//!
//! <https://www.rfc-editor.org/rfc/rfc8288#section-3>, and GitHub's use of it:
//! <https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api#using-link-headers>.

/// One link: where it leads, and what that is to the page at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The address between the angle brackets, as it was written.
    pub target: String,
    /// The relation types of the first `rel`, in lower case.
    pub relations: Vec<String>,
}

/// A `Link` header that does not follow the grammar.
///
/// It is an error and not "no more pages": a listing that ends too early looks like runners that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("link header is not well-formed at byte {at}")]
pub struct LinkError {
    /// Where in the header's value, from 0.
    pub at: usize,
}

/// Reads one header value, which may hold any number of links.
///
/// ```
/// let links = jit_github::link::parse(r#"<https://api.github.com/x?page=2>; rel="next", </x?page=9>; rel=last"#)?;
/// assert_eq!(links[0].target, "https://api.github.com/x?page=2");
/// assert_eq!(links[1].relations, ["last"]);
/// # Ok::<(), jit_github::link::LinkError>(())
/// ```
///
/// # Errors
/// [`LinkError`] if the value does not follow the grammar; empty list elements and empty parameters are allowed, as RFC 9110 asks.
pub fn parse(value: &str) -> Result<Vec<Link>, LinkError> {
    let mut cursor = Cursor { text: value, at: 0 };
    let mut links = Vec::new();
    loop {
        cursor.skip(|byte| is_blank(byte) || byte == b',');
        if cursor.peek().is_none() {
            return Ok(links);
        }
        links.push(cursor.link()?);
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        self.skip(wanted);
        // Every predicate stops at ASCII bytes only, so both ends lie between characters.
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), LinkError> {
        if self.accept(byte) { Ok(()) } else { Err(LinkError { at: self.at }) }
    }

    fn link(&mut self) -> Result<Link, LinkError> {
        self.expect(b'<')?;
        let target = self.take(|byte| byte != b'>').to_owned();
        self.expect(b'>')?;
        let mut relations = None;
        loop {
            self.skip(is_blank);
            if self.peek().is_none_or(|byte| byte == b',') {
                return Ok(Link { target, relations: relations.unwrap_or_default() });
            }
            self.expect(b';')?;
            if let Some((name, value)) = self.parameter()?
                && name.eq_ignore_ascii_case("rel")
                && relations.is_none()
            {
                relations = Some(value.split_ascii_whitespace().map(str::to_ascii_lowercase).collect());
            }
        }
    }

    fn parameter(&mut self) -> Result<Option<(&'a str, String)>, LinkError> {
        self.skip(is_blank);
        let name =
            self.take(|byte| !is_blank(byte) && !matches!(byte, b'=' | b';' | b',' | b'"' | b'<' | b'>'));
        if name.is_empty() {
            return Ok(None);
        }
        self.skip(is_blank);
        if !self.accept(b'=') {
            return Ok(Some((name, String::new())));
        }
        self.skip(is_blank);
        let value = if self.accept(b'"') {
            self.quoted()?
        } else {
            self.take(|byte| !is_blank(byte) && !matches!(byte, b';' | b',' | b'"')).to_owned()
        };
        Ok(Some((name, value)))
    }

    fn quoted(&mut self) -> Result<String, LinkError> {
        let mut value = String::new();
        loop {
            value.push_str(self.take(|byte| !matches!(byte, b'"' | b'\\')));
            if self.accept(b'"') {
                return Ok(value);
            }
            self.expect(b'\\')?;
            let escaped = self.text.get(self.at..).and_then(|rest| rest.chars().next());
            let escaped = escaped.ok_or(LinkError { at: self.at })?;
            value.push(escaped);
            self.at += escaped.len_utf8();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn link(target: &str, relations: &[&str]) -> Link {
        Link {
            target: target.to_owned(),
            relations: relations.iter().map(|relation| (*relation).to_owned()).collect(),
        }
    }

    #[test]
    fn githubs_own_example_is_read() {
        let value = "<https://api.github.com/repositories/1300192/issues?page=2>; rel=\"prev\", \
                     <https://api.github.com/repositories/1300192/issues?page=4>; rel=\"next\", \
                     <https://api.github.com/repositories/1300192/issues?page=515>; rel=\"last\", \
                     <https://api.github.com/repositories/1300192/issues?page=1>; rel=\"first\"";
        let links = parse(value).unwrap();
        assert_eq!(links.len(), 4);
        assert_eq!(links[1], link("https://api.github.com/repositories/1300192/issues?page=4", &["next"]));
    }

    #[test]
    fn commas_quotes_and_semicolons_inside_a_link_do_not_end_it() {
        let value = r#"<http://a/?x=1,2;3>;title="a, \"b\"; rel=next";REL = "Next  last" ;rel=first,, </b>;rel=prev;"#;
        assert_eq!(
            parse(value).unwrap(),
            [link("http://a/?x=1,2;3", &["next", "last"]), link("/b", &["prev"])]
        );
    }

    #[test]
    fn no_links_are_no_links() {
        assert_eq!(parse(""), Ok(vec![]));
        assert_eq!(parse(" , ,"), Ok(vec![]));
    }

    #[test]
    fn what_breaks_the_grammar_is_an_error_and_not_the_last_page() {
        for wrong in ["https://a; rel=next", "<https://a", "<a> rel=next", "<a>; rel=\"next", "<a>; rel=\"\\"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    fn render(links: &[(String, Vec<String>, String)]) -> String {
        let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let render = |(target, relations, title): &(String, Vec<String>, String)| {
            format!("<{target}>; title=\"{}\" ;rel=\"{}\"", quote(title), relations.join(" "))
        };
        links.iter().map(render).collect::<Vec<_>>().join(" , ")
    }

    proptest! {
        #[test]
        fn what_is_written_by_the_grammar_is_read_back(
            links in proptest::collection::vec(
                ("[!-;=?-~]{0,20}", proptest::collection::vec("[a-z]{1,6}", 0..3), "\\PC{0,12}"), 0..5),
        ) {
            let expected: Vec<Link> = links
                .iter()
                .map(|(target, relations, _)| Link { target: target.clone(), relations: relations.clone() })
                .collect();
            prop_assert_eq!(parse(&render(&links)).unwrap(), expected);
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,60}", marks in "[<>;,=\" \\\\relü]{0,40}") {
            let _ = (parse(&text), parse(&marks));
        }
    }
}
