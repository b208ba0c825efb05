//! Faults of a manifest: what is wrong and on which line.
//!
//! Not in here: deciding what is a fault.

use std::cell::RefCell;
use std::fmt;

/// One thing that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, as a lower-case fragment that names the key.
    pub message: String,
}

/// Everything that is wrong with a manifest, by line; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Wraps what was found; none when nothing was.
    pub(crate) fn of(mut faults: Vec<Fault>) -> Option<Self> {
        faults.sort();
        faults.dedup();
        (!faults.is_empty()).then_some(Self(faults))
    }

    /// The faults in the order of their lines.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(out, "{separator}line {}: {}", fault.line, fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Collects faults while a manifest is read and turns byte offsets into lines.
pub(super) struct Sink {
    line_starts: Vec<usize>,
    faults: RefCell<Vec<Fault>>,
}

impl Sink {
    pub(super) fn new(text: &str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { line_starts: std::iter::once(0).chain(starts).collect(), faults: RefCell::default() }
    }

    /// The line of a byte offset, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    pub(super) fn fault(&self, line: usize, message: impl Into<String>) {
        self.faults.borrow_mut().push(Fault { line, message: message.into() });
    }

    pub(super) fn into_faults(self) -> Option<Faults> {
        Faults::of(self.faults.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_on_the_line_that_contains_it() {
        let sink = Sink::new("a\nbc\n\nd");
        assert_eq!([0, 1, 2, 4, 5, 6, 99].map(|at| sink.line(at)), [1, 1, 2, 2, 3, 4, 4]);
    }

    #[test]
    fn faults_are_shown_by_line_and_once() {
        let sink = Sink::new("");
        sink.fault(3, "b");
        sink.fault(1, "a");
        sink.fault(3, "b");
        assert_eq!(sink.into_faults().unwrap().to_string(), "line 1: a\nline 3: b");
    }
}
