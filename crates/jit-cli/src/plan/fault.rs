//! Why no workflow is written: what is wrong, where, and what to do.
//!
//! Not here: what is wrong with the arguments' form, which clap says.

use jit_github::workflow_file::{Fault, Position};

/// Something that a person must change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Where in the file; none if it is not at one place.
    at: Option<Position>,
    what: String,
    remedy: String,
}

impl Wrong {
    pub(crate) fn at(at: Position, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at: Some(at), what: what.into(), remedy: remedy.into() }
    }

    pub(crate) fn anywhere(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at: None, what: what.into(), remedy: remedy.into() }
    }

    /// One line that names the file.
    pub(crate) fn in_file(&self, name: &str) -> String {
        let at = self.at.map(|at| format!(":{at}")).unwrap_or_default();
        format!("{name}{at}: {}; {}", self.what, self.remedy)
    }
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self::at(fault.at, fault.problem.to_string(), "mend it, and start again")
    }
}
