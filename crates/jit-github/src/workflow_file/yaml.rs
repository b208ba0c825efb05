//! YAML as a tree whose every node knows where it stands in the text, so that a message can name the place and a tool can change one value
//! and leave the rest as it was written.
//!
//! The parser is a library; here its events become nodes, and work is bounded: an alias counts for as many nodes as it stands for.
//! Not here: what a workflow means; and merge keys (`<<`), which GitHub does not support either:
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/reusing-workflow-configurations#yaml-anchors-and-aliases>.

mod single;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::fault::{Fault, Position, Problem};
use crate::limits;

pub use self::single::Single;

/// One value, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it begins; for an alias, where the alias stands.
    pub at: Position,
    /// Its bytes in the text, without white space after it; for an alias, those of the alias.
    pub bytes: Range<usize>,
    /// Whether a collection is written in brackets or braces, or with an alias, and not as an indented block.
    pub is_inline: bool,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A single value.
    Scalar {
        /// Its text, without quotes and escapes.
        text: String,
        /// Whether it is unquoted and untagged, so that `1` is a number and `true` a truth value.
        is_plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys, each once, and their values, in the order in which they are written.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar; none for a list or a mapping.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// The entries of a mapping; none for anything else.
    #[must_use]
    pub fn entries(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            Value::Scalar { .. } | Value::Sequence(_) => None,
        }
    }

    /// The items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            Value::Scalar { .. } | Value::Mapping(_) => None,
        }
    }

    /// The key and the value of an entry of a mapping; none if this is no mapping, or has no such key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        let entry = self.entries()?.iter().find(|(name, _)| name.text() == Some(key))?;
        Some((&entry.0, &entry.1))
    }

    /// The value of an entry of a mapping; none if this is no mapping, or has no such key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        Some(self.entry(key)?.1)
    }

    /// Whether it says nothing: `~`, `null` or no text at all.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, is_plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Whether an expression of GitHub stands in it or anywhere below it, also in a key: then only GitHub knows the value.
    #[must_use]
    pub fn has_expression(&self) -> bool {
        match &self.value {
            Value::Scalar { text, .. } => text.contains("${{"),
            Value::Sequence(items) => items.iter().any(Self::has_expression),
            Value::Mapping(entries) => {
                entries.iter().any(|(key, value)| key.has_expression() || value.has_expression())
            }
        }
    }

    /// Nodes in it, itself among them; each key is one.
    fn size(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::Sequence(items) => items.iter().map(Self::size).sum(),
            Value::Mapping(entries) => entries.iter().map(|(key, value)| key.size() + value.size()).sum(),
        }
    }
}

/// Reads a text that holds one document.
///
/// # Errors
/// [`Fault`] with the place, if it is no YAML, holds anything but one document, or goes beyond a bound of [`limits`].
pub fn parse(text: &str) -> Result<Node, Fault> {
    if text.len() > limits::WORKFLOW_FILE_BYTES_MAX {
        return Err(Fault::at_start(Problem::TooLarge));
    }
    let mut tree =
        Tree { text, offset: (0, 0), open: Vec::new(), root: None, anchors: BTreeMap::new(), nodes: 0 };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => tree.take(event, span)?,
            Err(error) => {
                let problem = Problem::NotYaml(error.info().to_owned());
                return Err(Fault { at: position(error.marker()), problem });
            }
        }
    }
    tree.root.ok_or_else(|| Fault::at_start(Problem::Empty))
}

/// What of the tree is read.
struct Tree<'a> {
    text: &'a str,
    /// A character's index and its byte's; the parser counts in characters and never goes back by much.
    offset: (usize, usize),
    open: Vec<Open>,
    root: Option<Node>,
    /// What an alias stands for, with its size.
    anchors: BTreeMap<usize, (Node, usize)>,
    /// Nodes so far, what aliases stand for among them.
    nodes: usize,
}

/// A collection whose end is not read yet.
struct Open {
    node: Node,
    anchor: usize,
    /// A key that waits for its value.
    key: Option<Node>,
    /// The keys of a mapping.
    keys: BTreeSet<String>,
}

impl Tree<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(&text, style, tag.as_deref(), span);
                self.count(&node.at, 1)?;
                self.keep(anchor, &node);
                self.add(node)
            }
            Event::SequenceStart(anchor, _) => self.open(Value::Sequence(Vec::new()), anchor, span),
            Event::MappingStart(anchor, _) => self.open(Value::Mapping(Vec::new()), anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Fault { at: position(&span.start), problem: Problem::SecondDocument })
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let mut bytes = self.bytes(span);
        // The parser counts a comment behind a quoted text too.
        let written = &self.text[bytes.clone()];
        bytes.end = match style {
            ScalarStyle::DoubleQuoted => bytes.start + quoted(written, '"'),
            ScalarStyle::SingleQuoted => bytes.start + quoted(written, '\''),
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => bytes.end,
        };
        let is_plain = style == ScalarStyle::Plain && tag.is_none();
        let value = Value::Scalar { text: text.to_owned(), is_plain };
        Node { value, at: position(&span.start), bytes, is_inline: true }
    }

    fn open(&mut self, value: Value, anchor: usize, span: Span) -> Result<(), Fault> {
        let at = position(&span.start);
        self.count(&at, 1)?;
        if self.open.len() >= limits::WORKFLOW_FILE_DEPTH_MAX {
            return Err(Fault { at, problem: Problem::TooDeep });
        }
        let bytes = self.bytes(span);
        // The span of a block is empty, or holds an anchor and a tag only; neither can end with a bracket.
        let is_inline = self.text[bytes.clone()].ends_with(['[', '{']);
        let node = Node { value, at, bytes, is_inline };
        self.open.push(Open { node, anchor, key: None, keys: BTreeSet::new() });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), Fault> {
        let Some(Open { mut node, anchor, .. }) = self.open.pop() else { return Ok(()) };
        let last = match &node.value {
            Value::Sequence(items) => items.last(),
            Value::Mapping(entries) => entries.last().map(|(_, value)| value),
            Value::Scalar { .. } => None,
        };
        // The parser ends a block where the next one begins; what belongs to it ends with its last node.
        let end = match last {
            Some(last) if !node.is_inline => last.bytes.end,
            // Only the bracket: the parser counts a comment behind it too.
            Some(_) | None => self.byte(span.start.index()) + 1,
        };
        node.bytes.end = end.clamp(node.bytes.start, self.text.len());
        self.keep(anchor, &node);
        self.add(node)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Fault> {
        let at = position(&span.start);
        // An anchor that is not closed yet would contain itself.
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(Fault { at, problem: Problem::AliasOfItself });
        };
        let (mut node, size) = (node.clone(), *size);
        self.count(&at, size)?;
        node.at = at;
        node.bytes = self.bytes(span);
        node.is_inline = true;
        self.add(node)
    }

    fn keep(&mut self, anchor: usize, node: &Node) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), node.size()));
        }
    }

    fn add(&mut self, node: Node) -> Result<(), Fault> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.node.value, open.key.take()) {
            (Value::Sequence(items), _) => items.push(node),
            (Value::Mapping(entries), Some(key)) => entries.push((key, node)),
            (Value::Mapping(_), None) => {
                let Some(name) = node.text() else {
                    return Err(Fault { at: node.at, problem: Problem::KeyIsNoText });
                };
                if !open.keys.insert(name.to_owned()) {
                    return Err(Fault { at: node.at, problem: Problem::DuplicateKey(name.to_owned()) });
                }
                open.key = Some(node);
            }
            (Value::Scalar { .. }, _) => {}
        }
        Ok(())
    }

    fn count(&mut self, at: &Position, nodes: usize) -> Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes > limits::WORKFLOW_FILE_NODES_MAX {
            return Err(Fault { at: *at, problem: Problem::TooManyValues });
        }
        Ok(())
    }

    /// The bytes of a span, without white space at its end.
    fn bytes(&mut self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        let end = self.byte(span.end.index()).max(start);
        start..start + self.text[start..end].trim_end().len()
    }

    /// The byte at which a character begins.
    fn byte(&mut self, character: usize) -> usize {
        let (characters, bytes) = self.offset;
        let found = if character >= characters {
            let more = self.text[bytes..].char_indices().nth(character - characters);
            more.map_or(self.text.len(), |(more, _)| bytes + more)
        } else {
            let less = self.text[..bytes].char_indices().rev().nth(characters - character - 1);
            less.map_or(0, |(byte, _)| byte)
        };
        self.offset = (character, found);
        found
    }
}

/// Bytes of a quoted text, which a tag and an anchor may come before, up to its closing quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip_while(|(_, c)| *c != quote).skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        let is_doubled = c == '\'' && characters.peek().is_some_and(|(_, next)| *next == '\'');
        if (c == '\\' && quote == '"') || (c == quote && is_doubled) {
            characters.next();
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

#[cfg(test)]
mod tests;
