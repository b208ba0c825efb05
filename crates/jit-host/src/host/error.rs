//! Why an application does not start, and why a tick fails.
//!
//! Not in here: failures of requests, which are responses.

use std::io;
use std::path::PathBuf;

use crate::log::Outcome;
use crate::manifest::Faults;

/// What keeps an application from starting. No message holds a variable's value.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is wrong, or its variables have no usable values.
    #[error("{path} is wrong:\n{faults}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Everything that is wrong.
        faults: Faults,
    },
    /// The machine cannot run WebAssembly with these limits.
    #[error("cannot start the engine: {0}")]
    Engine(String),
    /// A component does not compile, imports what the host lacks, or lacks the export that its trigger calls.
    #[error("cannot run component `{component}`: {problem}")]
    Component {
        /// The component's name.
        component: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A component's files cannot be laid out.
    #[error("cannot lay out {path} for component `{component}`")]
    Files {
        /// The component's name.
        component: String,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Why a tick was not carried out whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TickError {
    /// The application has no such component.
    #[error("no such component")]
    NoSuchComponent,
    /// The component exports no `handle-cron-event`.
    #[error("the component has no cron export")]
    NoCronExport,
    /// Too many instances are alive; nothing was done.
    #[error("too many instances")]
    Busy,
    /// The component ended otherwise than by completing.
    #[error("the component {0}")]
    Ended(Outcome),
}
