//! Text with `{{ variable }}` in it.
//!
//! Not in here: where the values come from.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

/// Text in which `{{ name }}` stands for the value of an application variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    /// Parses text; the error says what is wrong with its braces or names.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (name, tail) = after.split_once("}}").ok_or("`{{` is never closed")?;
            let name = name.trim();
            if !is_variable_name(name) {
                return Err(format!("`{name}` is not a variable's name"));
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The variables that it names.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Variable(name) => Some(name.as_str()),
        })
    }

    /// Its text, when it names no variable.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Fills in the values; an unknown variable counts as empty, as the manifest has been checked.
    pub(crate) fn fill(&self, values: &BTreeMap<String, SecretString>) -> SecretString {
        let filled: String = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Variable(name) => values.get(name).map_or("", |value| value.expose_secret()),
            })
            .collect();
        SecretString::from(filled)
    }
}

/// Whether a name has the form of a Spin variable: lower-case words of letters and digits joined by single underscores.
pub(crate) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.ends_with('_')
        && !name.contains("__")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fill(text: &str) -> String {
        let values = BTreeMap::from([("a".to_owned(), "1".into()), ("b_c".to_owned(), "22".into())]);
        Template::parse(text).unwrap().fill(&values).expose_secret().to_owned()
    }

    #[test]
    fn variables_are_filled_in() {
        assert_eq!(fill("x{{ a }}y{{b_c}}"), "x1y22");
        assert_eq!(fill("{{a}}"), "1");
        assert_eq!(fill(""), "");
        assert_eq!(fill("plain } text {"), "plain } text {");
    }

    #[test]
    fn open_braces_and_bad_names_are_refused() {
        assert!(Template::parse("x{{ a").unwrap_err().contains("never closed"));
        assert!(Template::parse("{{ A }}").unwrap_err().contains("not a variable's name"));
        assert!(Template::parse("{{}}").is_err());
    }

    #[test]
    fn names_are_lower_case_words() {
        assert!(["a", "a1", "a_b", "github_app_id"].iter().all(|name| is_variable_name(name)));
        assert!(["", "A", "1a", "_a", "a_", "a__b", "a-b"].iter().all(|name| !is_variable_name(name)));
    }

    proptest! {
        #[test]
        fn text_without_braces_is_its_own_value(text in "[^{]*") {
            let template = Template::parse(&text).unwrap();
            prop_assert_eq!(template.literal(), Some(text.as_str()));
            prop_assert_eq!(template.variables().count(), 0);
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = Template::parse(&text);
        }
    }
}
