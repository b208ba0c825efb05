//! What is wrong with a workflow file, and where.
//!
//! Not here: what only GitHub refuses, such as an unknown key.

use std::fmt;

use crate::limits;

/// A place in a text, both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// Why a file cannot be read: whoever wrote it must change it, and asking again is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct Fault {
    /// Where.
    pub at: Position,
    /// What.
    pub problem: Problem,
}

impl Fault {
    /// A fault of the file as a whole.
    pub(crate) fn at_start(problem: Problem) -> Self {
        Self { at: Position { line: 1, column: 1 }, problem }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file is larger than is read.
    #[error("the file has more than {} bytes", limits::WORKFLOW_FILE_BYTES_MAX)]
    TooLarge,
    /// The file is not text in UTF-8.
    #[error("the file is not UTF-8 from here on")]
    NotText,
    /// The parser's own words.
    #[error("this is not YAML: {}", short(.0))]
    NotYaml(String),
    /// Nothing but white space and comments.
    #[error("the file is empty")]
    Empty,
    /// A second document begins.
    #[error("a second YAML document begins here, and a workflow file has one")]
    SecondDocument,
    /// Collections in collections, too many.
    #[error("values are nested deeper than {} levels", limits::WORKFLOW_FILE_DEPTH_MAX)]
    TooDeep,
    /// Too many values, aliases counted as what they stand for.
    #[error(
        "the file has more than {} values, with aliases counted as what they stand for",
        limits::WORKFLOW_FILE_NODES_MAX
    )]
    TooManyValues,
    /// An alias inside of its own anchor.
    #[error("this alias stands inside of what it stands for")]
    AliasOfItself,
    /// A list or a mapping in a key's place.
    #[error("a list or a mapping cannot be a key")]
    KeyIsNoText,
    /// A key that was there before.
    #[error("the key `{}` is there twice", short(.0))]
    DuplicateKey(String),
    /// Something that must be there is not.
    #[error("there is no `{0}`")]
    Missing(&'static str),
    /// Something is there in another shape than it must have.
    #[error("`{}` is not {expected}", short(name))]
    Shape {
        /// The name of the value.
        name: String,
        /// The shape that it must have, such as `a list`.
        expected: &'static str,
    },
}

/// The start of a text from outside: enough to recognise it.
fn short(text: &str) -> String {
    let mut short: String = text.chars().take(limits::ERROR_MESSAGE_CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
