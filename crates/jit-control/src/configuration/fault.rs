//! What is wrong, where, and what to do about it; and the collector that lets reading go on after a fault.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Range;

/// Most characters of a value that a fault repeats.
const QUOTED_CHARS_MAX: usize = 60;

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The line in the file, from 1; none when it is about no line, as for a variable.
    pub line: Option<u32>,
    /// The key, such as `pool[1].offering[0].region`, or the variable's name; empty when it is about the whole file.
    pub path: String,
    /// What is wrong; never holds the value of a secret.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl Fault {
    /// A fault of the file as a whole.
    pub fn of_file(what: String, remedy: String) -> Self {
        Self { line: None, path: String::new(), what, remedy }
    }

    /// One line for a person: `file:12: pool[0].labels: what is wrong; remedy`.
    pub fn in_file(&self, file: &str) -> String {
        let Self { line, path, what, remedy } = self;
        let line = line.map(|l| format!(":{l}")).unwrap_or_default();
        let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
        format!("{file}{line}: {path}{what}; {remedy}")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, path, what, remedy } = self;
        if let Some(line) = line {
            write!(f, "line {line}: ")?;
        }
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        write!(f, "{what}; {remedy}")
    }
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The path of its key.
    pub(super) path: String,
    /// Where it begins in the text, in bytes; none for the file as a whole.
    offset: Option<usize>,
}

impl Place {
    /// The whole file.
    pub(super) fn root() -> Self {
        Self { path: String::new(), offset: None }
    }

    /// A key of this table; it stands where the table stands until [`Place::at`] says better.
    pub(super) fn key(&self, name: &str) -> Self {
        let name = shown(name);
        let path = if self.path.is_empty() { name } else { format!("{}.{name}", self.path) };
        Self { path, offset: self.offset }
    }

    /// An element of this list.
    pub(super) fn index(&self, index: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), offset: self.offset }
    }

    /// The same path at a span of the text.
    pub(super) fn at(self, span: &Range<usize>) -> Self {
        Self { offset: Some(span.start), ..self }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    /// The value.
    pub(super) value: T,
    /// Where it stands.
    pub(super) place: Place,
}

/// Says that a value could not be read and that the reason is among the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recorded;

impl Recorded {
    /// The faults; should the reason not be among them against all expectation, says at least that there is one.
    pub(super) fn among(self, found: Vec<Fault>) -> Vec<Fault> {
        if found.is_empty() {
            let what = "the configuration cannot be read".to_owned();
            return vec![Fault::of_file(what, "report the file to the authors of jit-runners".to_owned())];
        }
        found
    }
}

/// A value that was read, or the mark that it could not be.
pub(super) type Read<T> = Result<T, Recorded>;

/// Collects the faults of one text.
pub(super) struct Faults {
    /// Where the lines after the first begin, in bytes.
    lines: Vec<usize>,
    /// Syntax errors: where they begin, and what they say.
    syntax: RefCell<Vec<(usize, String)>>,
    found: RefCell<Vec<Fault>>,
    whole_text: Cell<bool>,
}

impl Faults {
    /// A collector for the faults of this text.
    pub(super) fn new(text: &str) -> Self {
        let lines = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1).collect();
        Self { lines, syntax: RefCell::default(), found: RefCell::default(), whole_text: Cell::new(true) }
    }

    /// Whether all of the text is TOML, so that what was not found is not there.
    pub(super) fn has_whole_text(&self) -> bool {
        self.whole_text.get()
    }

    /// The text is not TOML there.
    pub(super) fn syntax(&self, span: Option<Range<usize>>, message: &str) {
        self.whole_text.set(false);
        self.syntax.borrow_mut().push((span.map_or(0, |s| s.start), message.to_owned()));
    }

    /// A value is wrong.
    pub(super) fn value(
        &self,
        place: &Place,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Recorded {
        let line = place.offset.map(|o| self.line(o));
        let fault = Fault { line, path: place.path.clone(), what: what.into(), remedy: remedy.into() };
        self.found.borrow_mut().push(fault);
        Recorded
    }

    /// Something is missing, or stands where it does not belong; kept silent where part of the text could not be read.
    pub(super) fn structure(
        &self,
        place: &Place,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Recorded {
        if self.has_whole_text() {
            self.value(place, what, remedy);
        }
        Recorded
    }

    /// All faults in the order of their lines; one for each line that is not TOML, at most `syntax_max` of these.
    pub(super) fn into_sorted(self, syntax_max: usize) -> Vec<Fault> {
        let mut syntax = self.syntax.take();
        syntax.sort();
        let mut syntax: Vec<Fault> = syntax
            .into_iter()
            .map(|(offset, message)| Fault {
                line: Some(self.line(offset)),
                path: String::new(),
                what: format!("not TOML: {message}"),
                remedy: "correct the line; https://toml.io/en/v1.0.0 has the rules".to_owned(),
            })
            .collect();
        syntax.dedup_by_key(|fault| fault.line);
        syntax.truncate(syntax_max);
        let mut all = self.found.take();
        all.retain(|fault| syntax.iter().all(|s| s.line != fault.line));
        all.extend(syntax);
        all.sort_by_key(|fault| fault.line);
        all.dedup();
        all
    }

    fn line(&self, offset: usize) -> u32 {
        let before = self.lines.partition_point(|begin| *begin <= offset);
        u32::try_from(before).unwrap_or(u32::MAX - 1) + 1
    }
}

/// A value of the file as a fault repeats it: in back ticks, on one line, shortened.
pub(super) fn quoted(value: &str) -> String {
    format!("`{}`", shown(value))
}

/// A text of the file on one line, shortened.
fn shown(value: &str) -> String {
    let mut shown: String = value.chars().take(QUOTED_CHARS_MAX).flat_map(char::escape_debug).collect();
    if value.chars().nth(QUOTED_CHARS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}
