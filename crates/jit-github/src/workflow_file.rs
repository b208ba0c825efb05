//! A workflow file: which jobs it has, and how many of a job's GitHub runs at once at most.
//!
//! What only GitHub can work out, an expression (`${{ }}`) above all, is said to be unknown; nothing is guessed.
//! A file that GitHub would refuse for its content, such as an unknown key, is read all the same.
//! Not here: evaluating expressions, and asking GitHub for the file, which is in [`crate::contents`].
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax>

mod fault;
mod job;
mod matrix;
pub mod yaml;

use std::collections::BTreeMap;

pub use self::fault::{Fault, Position, Problem};
pub use self::job::{Concurrency, Job, RunsOn, Setting, Strategy, Text, Width};
pub use self::matrix::{Combination, Matrix, Why};
use self::yaml::Node;

/// A workflow file that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowFile {
    /// The file as a tree.
    pub root: Node,
    /// Its jobs by key.
    pub jobs: BTreeMap<String, Job>,
    /// The concurrency of its runs, if the file limits it.
    pub concurrency: Option<Concurrency>,
}

impl WorkflowFile {
    /// Reads a file's bytes, which [`crate::contents::parse`] gives.
    ///
    /// Time and memory are bounded whatever the bytes: see `WORKFLOW_FILE_*` in [`crate::limits`].
    ///
    /// ```
    /// # use jit_github::workflow_file::{Width, WorkflowFile};
    /// let text = b"on: push\njobs:\n  test:\n    runs-on: linux\n    strategy:\n      max-parallel: 2\n      matrix:\n        shard: [1, 2, 3]\n";
    /// let file = WorkflowFile::parse(text)?;
    /// assert_eq!(file.jobs["test"].width(), Width::Known(2));
    ///
    /// let fault = WorkflowFile::parse(b"on: push\njobs: []\n").unwrap_err();
    /// assert_eq!(fault.to_string(), "2:7: `jobs` is not a mapping from keys to jobs");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Fault`] with its place, if this is no YAML, goes beyond a bound, or has no jobs.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let text = text(bytes)?;
        let root = yaml::parse(text)?;
        let shape = |node: &Node, name: &str, expected| {
            let problem = Problem::Shape { name: name.to_owned(), expected };
            Fault { at: node.at, problem }
        };
        if root.entries().is_none() {
            return Err(shape(&root, "the file", "a mapping"));
        }
        let Some(node) = root.get("jobs") else {
            return Err(Fault { at: root.at, problem: Problem::Missing("jobs") });
        };
        let entries = node.entries().filter(|entries| !entries.is_empty());
        let entries = entries.ok_or_else(|| shape(node, "jobs", "a mapping from keys to jobs"))?;
        let mut jobs = BTreeMap::new();
        for (key, job) in entries {
            let name = key.text().unwrap_or_default();
            if job.entries().is_none() {
                return Err(shape(job, name, "a job, which is a mapping"));
            }
            jobs.insert(name.to_owned(), Job::read(key, job));
        }
        let concurrency = root.get("concurrency").map(Concurrency::read);
        Ok(Self { root, jobs, concurrency })
    }
}

/// The text of a file; a byte order mark is text to the parser, which passes over it.
fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| {
        let sound = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = sound.matches('\n').count() + 1;
        let column = sound.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        Fault { at: Position { line, column }, problem: Problem::NotText }
    })
}

#[cfg(test)]
mod tests;
