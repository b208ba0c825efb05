//! Reads one table of a manifest key by key and reports the keys that nobody asked for.
//!
//! Not in here: which keys a table may have.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Located;
use super::fault::Sink;

/// A table that is being read. [`finish`](Self::finish) it to learn of unknown keys.
pub(super) struct Section<'a> {
    /// How messages call it, such as `[component.webhook]`.
    pub(super) name: String,
    /// The line of its header.
    pub(super) line: usize,
    table: &'a DeTable<'a>,
    sink: &'a Sink,
    known: BTreeSet<&'static str>,
}

type Entry<'a> = &'a Spanned<DeValue<'a>>;

impl<'a> Section<'a> {
    pub(super) fn new(name: impl Into<String>, line: usize, table: &'a DeTable<'a>, sink: &'a Sink) -> Self {
        Self { name: name.into(), line, table, sink, known: BTreeSet::new() }
    }

    pub(super) fn fault(&self, line: usize, message: impl AsRef<str>) {
        self.sink.fault(line, format!("{} in {}", message.as_ref(), self.name));
    }

    fn entry(&mut self, key: &'static str) -> Option<Entry<'a>> {
        self.known.insert(key);
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    fn line_of(&self, entry: Entry<'_>) -> usize {
        self.sink.line(entry.span().start)
    }

    fn wrong_type(&self, key: &str, wanted: &str, entry: Entry<'_>) {
        let found = entry.get_ref().type_str();
        self.fault(self.line_of(entry), format!("`{key}` must be {wanted}, not {found},"));
    }

    /// Accepts a key without looking at its value.
    pub(super) fn ignore(&mut self, key: &'static str) {
        self.known.insert(key);
    }

    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.entry(key).is_some()
    }

    pub(super) fn has_table(&mut self, key: &'static str) -> bool {
        self.entry(key).is_some_and(|entry| entry.get_ref().is_table())
    }

    pub(super) fn string(&mut self, key: &'static str) -> Option<Located<String>> {
        let entry = self.entry(key)?;
        match entry.get_ref() {
            DeValue::String(text) => Some(Located { value: text.to_string(), line: self.line_of(entry) }),
            _ => {
                self.wrong_type(key, "a string", entry);
                None
            }
        }
    }

    pub(super) fn required_string(&mut self, key: &'static str) -> Option<Located<String>> {
        if !self.has(key) {
            self.fault(self.line, format!("missing key `{key}`"));
        }
        self.string(key)
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let entry = self.entry(key)?;
        let value = entry.get_ref().as_bool();
        if value.is_none() {
            self.wrong_type(key, "true or false", entry);
        }
        value
    }

    /// An integer as it is written.
    pub(super) fn integer(&mut self, key: &'static str) -> Option<Located<String>> {
        let entry = self.entry(key)?;
        match entry.get_ref().as_integer() {
            Some(value) => Some(Located { value: value.to_string(), line: self.line_of(entry) }),
            None => {
                self.wrong_type(key, "a whole number", entry);
                None
            }
        }
    }

    /// The strings of an array; empty when the key is absent.
    pub(super) fn strings(&mut self, key: &'static str) -> Vec<Located<String>> {
        let Some(entry) = self.entry(key) else { return Vec::new() };
        let Some(items) = entry.get_ref().as_array() else {
            self.wrong_type(key, "an array of strings", entry);
            return Vec::new();
        };
        let mut strings = Vec::new();
        for item in items {
            match item.get_ref().as_str() {
                Some(text) => strings.push(Located { value: text.to_owned(), line: self.line_of(item) }),
                None => self.wrong_type(key, "an array of strings", item),
            }
        }
        strings
    }

    /// The strings of a table of strings; empty when the key is absent.
    pub(super) fn string_table(&mut self, key: &'static str) -> BTreeMap<String, Located<String>> {
        let Some(entry) = self.entry(key) else { return BTreeMap::new() };
        let Some(table) = entry.get_ref().as_table() else {
            self.wrong_type(key, "a table of strings", entry);
            return BTreeMap::new();
        };
        let mut strings = BTreeMap::new();
        for (name, value) in table {
            let line = self.line_of(value);
            match value.get_ref().as_str() {
                Some(text) => {
                    strings.insert(name.get_ref().to_string(), Located { value: text.to_owned(), line });
                }
                None => self.wrong_type(name.get_ref(), "a string", value),
            }
        }
        strings
    }

    pub(super) fn section(&mut self, key: &'static str, name: impl Into<String>) -> Option<Section<'a>> {
        let entry = self.entry(key)?;
        self.as_section(key, name.into(), entry)
    }

    /// The tables below a key by their names, as in `[component.<name>]`.
    pub(super) fn named_sections(&mut self, key: &'static str) -> BTreeMap<String, Section<'a>> {
        let Some(entry) = self.entry(key) else { return BTreeMap::new() };
        let Some(table) = entry.get_ref().as_table() else {
            self.wrong_type(key, "a table", entry);
            return BTreeMap::new();
        };
        let mut sections = BTreeMap::new();
        for (name, value) in table {
            let title = format!("[{key}.{}]", name.get_ref());
            if let Some(mut section) = self.as_section(name.get_ref(), title, value) {
                section.line = self.sink.line(name.span().start);
                sections.insert(name.get_ref().to_string(), section);
            }
        }
        sections
    }

    /// The tables of an array of tables; empty when the key is absent.
    pub(super) fn sections(&mut self, key: &'static str, name: &str) -> Vec<Section<'a>> {
        let Some(entry) = self.entry(key) else { return Vec::new() };
        let Some(items) = entry.get_ref().as_array() else {
            self.wrong_type(key, "an array of tables", entry);
            return Vec::new();
        };
        items.iter().filter_map(|item| self.as_section(key, name.to_owned(), item)).collect()
    }

    fn as_section(&self, key: &str, name: String, entry: Entry<'a>) -> Option<Section<'a>> {
        match entry.get_ref().as_table() {
            Some(table) => Some(Section::new(name, self.line_of(entry), table, self.sink)),
            None => {
                self.wrong_type(key, "a table", entry);
                None
            }
        }
    }

    /// Reports every key that was never asked for.
    pub(super) fn finish(self) {
        for (name, _) in self.table {
            if !self.known.contains(name.get_ref().as_ref()) {
                let line = self.sink.line(name.span().start);
                self.fault(line, format!("unknown key `{}`", name.get_ref()));
            }
        }
    }
}
