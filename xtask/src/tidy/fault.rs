//! What a check finds.
//! Not here: any check.

use std::fmt;

/// Something that must be mended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    /// The file, below the root.
    pub(super) file: String,
    /// The line, from 1; none for the file as a whole.
    pub(super) line: Option<usize>,
    /// What is wrong.
    pub(super) what: String,
    /// What to do.
    pub(super) remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}; {}", self.what, self.remedy)
    }
}

/// Everything that the checks found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What fails the run.
    pub(super) faults: Vec<Fault>,
    /// What a person may want to know.
    pub(super) notes: Vec<String>,
}

impl Findings {
    /// Adds a fault of a file as a whole.
    pub(super) fn file(&mut self, file: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.faults.push(Fault {
            file: file.to_owned(),
            line: None,
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    /// Adds a fault of a line.
    pub(super) fn line(
        &mut self,
        file: &str,
        line: usize,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let line = Some(line);
        self.faults.push(Fault { file: file.to_owned(), line, what: what.into(), remedy: remedy.into() });
    }

    /// Adds a note.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The faults as text, for tests.
    #[cfg(test)]
    pub(super) fn shown(&self) -> Vec<String> {
        self.faults.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_line_that_an_editor_can_follow() {
        let mut findings = Findings::default();
        findings.line("a/b.rs", 3, "is wrong", "mend it");
        findings.file("a/c.rs", "is missing", "write it");
        assert_eq!(findings.shown(), ["a/b.rs:3: is wrong; mend it", "a/c.rs: is missing; write it"]);
    }
}
