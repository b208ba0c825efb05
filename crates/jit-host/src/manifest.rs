//! Parses `spin.toml`, manifest version 2, into a [`Manifest`] that cannot be wrong in form.
//!
//! Every fault of a manifest is found in one pass, each with its line.
//! Not in here: the values of variables (they come with [`Options`](crate::Options)), reading files, compiling components.
//! Facts about the format: <https://spinframework.dev/v3/manifest-reference> (read 2026-11-21).

mod fault;
mod host_pattern;
mod read;
mod route;
mod section;
mod template;

pub use fault::{Fault, Faults};
pub use host_pattern::HostPattern;
pub use route::Route;
pub use template::Template;

pub(crate) use host_pattern::internal_component;
pub(crate) use template::is_variable_name;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::schedule::Schedule;

/// A parsed application manifest.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The application's name.
    pub name: String,
    /// The application's version; empty when the manifest gives none.
    pub version: String,
    /// The application's variables by name.
    pub variables: BTreeMap<String, Variable>,
    /// HTTP triggers in the order of the file.
    pub http_triggers: Vec<HttpTrigger>,
    /// Cron triggers in the order of the file.
    pub cron_triggers: Vec<CronTrigger>,
    /// Components by name.
    pub components: BTreeMap<String, Component>,
}

impl Manifest {
    /// Parses the text of a manifest.
    ///
    /// # Errors
    /// All faults of the text at once, in the order of their lines.
    ///
    /// ```
    /// let faults = jit_host::Manifest::parse("spin_manifest_version = 3").unwrap_err();
    /// assert!(faults.to_string().contains("line 1"));
    /// ```
    pub fn parse(text: &str) -> Result<Self, Faults> {
        read::manifest(text)
    }
}

/// An application variable.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Where its value comes from when nobody gives one.
    pub source: VariableSource,
    /// The line of its declaration.
    pub line: usize,
}

/// Where an application variable's value comes from when the environment gives none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableSource {
    /// The manifest's default.
    Default(String),
    /// Nowhere: without a value the application does not start.
    Required,
}

/// A route that leads to a component.
#[derive(Debug, Clone)]
pub struct HttpTrigger {
    /// The component's name.
    pub component: String,
    /// Which requests it takes.
    pub route: Route,
}

/// A schedule that wakes a component.
#[derive(Debug, Clone)]
pub struct CronTrigger {
    /// The component's name.
    pub component: String,
    /// When, in UTC.
    pub schedule: Schedule,
}

/// A component and everything it may reach.
#[derive(Debug, Clone)]
pub struct Component {
    /// The WebAssembly file, relative to the manifest's folder.
    pub source: PathBuf,
    /// Hosts it may call, before its templates are filled.
    pub allowed_outbound_hosts: Vec<Located<Template>>,
    /// Labels of the key-value stores it may open.
    pub key_value_stores: Vec<String>,
    /// Its variables by name, each made from application variables.
    pub variables: BTreeMap<String, Template>,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// Files it may read.
    pub files: Vec<FileMount>,
}

/// A file or folder that a component may read.
#[derive(Debug, Clone)]
pub struct FileMount {
    /// Path relative to the manifest's folder.
    pub source: PathBuf,
    /// Absolute path inside the component, of plain segments only.
    pub destination: PathBuf,
    /// The line of its declaration.
    pub line: usize,
}

/// A value and the line on which it stands.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its line, from 1.
    pub line: usize,
}
