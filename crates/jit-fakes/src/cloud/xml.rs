//! Writes XML documents, escaped. Not in it: any document's shape.

use std::fmt::{Display, Write as _};

/// A document under construction.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// Starts a document with the XML declaration.
    pub(crate) fn document() -> Self {
        Self(String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
    }

    /// Writes an element around what `content` writes.
    pub(crate) fn node(&mut self, name: &str, content: impl FnOnce(&mut Self)) -> &mut Self {
        self.raw(format_args!("<{name}>"));
        content(self);
        self.raw(format_args!("</{name}>"))
    }

    /// Like [`Xml::node`], in a name space.
    pub(crate) fn node_in(&mut self, name: &str, space: &str, content: impl FnOnce(&mut Self)) -> &mut Self {
        self.raw(format_args!("<{name} xmlns=\"{space}\">"));
        content(self);
        self.raw(format_args!("</{name}>"))
    }

    /// Writes an element that holds only text. Quotes need no escape there, and EC2 does not escape them.
    pub(crate) fn text(&mut self, name: &str, value: impl Display) -> &mut Self {
        let value = value.to_string();
        let escaped = quick_xml::escape::partial_escape(value.as_str());
        self.raw(format_args!("<{name}>{escaped}</{name}>"))
    }

    /// Writes the element if there is a value.
    pub(crate) fn option(&mut self, name: &str, value: Option<impl Display>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    fn raw(&mut self, text: std::fmt::Arguments<'_>) -> &mut Self {
        let written = self.0.write_fmt(text);
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_break_out_of_its_element() {
        let mut xml = Xml::default();
        xml.node("a", |xml| {
            xml.text("b", "</b><c>'&'").option("d", None::<&str>).option("e", Some(1));
        });
        let text = String::from_utf8(xml.into_bytes()).unwrap();
        assert_eq!(text, "<a><b>&lt;/b&gt;&lt;c&gt;'&amp;'</b><e>1</e></a>");
    }
}
