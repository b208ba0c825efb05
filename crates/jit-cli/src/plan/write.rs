//! Puts a workflow file together: what is copied, what is changed, what is added; and makes sure that the copy says what the source says.
//!
//! Not here: what a chain and a recheck add; they are in `chain.rs` and `recheck.rs`.

use jit_github::workflow_file::WorkflowFile;
use jit_github::workflow_file::yaml::Node;

use super::edit::Edited;
use super::fault::Wrong;
use super::items::Sequential;
use super::jobs::{self, Role, roles};
use super::pace::Pace;
use super::quote;
use super::source::Source;

/// How each file begins that may be written over.
pub(crate) const MARK: &str = "# Written by `jitr plan`";
/// The matrix that the sequential job takes.
const MATRIX: &str = "${{ fromJSON(needs.jitr-batch.outputs.matrix) }}";
/// Keys of the source that are replaced or left out; all others are copied.
const OWN: [&str; 5] = ["name", "run-name", "on", "concurrency", "jobs"];

/// What both ways of cutting are given.
pub(crate) struct Input<'a> {
    /// The user's file.
    pub(crate) source: &'a Source,
    /// The job to cut.
    pub(crate) sequential: &'a Sequential<'a>,
    /// The batches.
    pub(crate) pace: &'a Pace,
    /// What the added jobs run on.
    pub(crate) runs_on: &'a str,
}

/// What one way of cutting puts around the jobs.
pub(crate) struct Frame {
    /// Lines between the head and the copied keys: `name`, `on` and so on.
    pub(crate) head: String,
    /// The job that gives the items.
    pub(crate) batch: String,
    /// The job that ends the run, if there is one.
    pub(crate) next: Option<String>,
    /// What must hold for a job of each run; none if it always runs.
    pub(crate) each: Option<&'static str>,
    /// What must hold for a job of the last run, by whether the job looks at failures itself.
    pub(crate) last: fn(bool) -> &'static str,
    /// The sequential job's new name; none if it keeps its own.
    pub(crate) name: Option<String>,
}

impl Input<'_> {
    /// Spaces before the keys of jobs.
    pub(crate) fn indent(&self) -> usize {
        self.sequential.job.key.at.column - 1
    }

    /// The file.
    pub(crate) fn write(&self, frame: Frame) -> Result<String, Wrong> {
        let source = self.source;
        let mut text = format!("{MARK} from {}; write it anew after a change there.\n", source.file_name);
        for line in &self.pace.arithmetic {
            text += &format!("# {line}.\n");
        }
        text += &frame.head;
        for key in self.copied() {
            text += &format!("\n{}", whole(source.lines(&source.workflow.root, key).unwrap_or_default()));
        }
        text += &format!("\njobs:\n{}", frame.batch);
        let roles = roles(&source.workflow, &self.sequential.key);
        let jobs = source.workflow.root.get("jobs").and_then(Node::entries).unwrap_or_default();
        for key in jobs.iter().filter_map(|(key, _)| key.text()) {
            if let Some(role) = roles.get(key) {
                text += &format!("\n{}", self.job(key, *role, &frame)?);
            }
        }
        if let Some(next) = &frame.next {
            text += &format!("\n{next}");
        }
        self.compare(&text, roles.keys().copied())?;
        Ok(text)
    }

    fn copied(&self) -> Vec<&str> {
        let entries = self.source.workflow.root.entries().unwrap_or_default();
        entries.iter().filter_map(|(key, _)| key.text()).filter(|key| !OWN.contains(key)).collect()
    }

    fn job(&self, key: &str, role: Role, frame: &Frame) -> Result<String, Wrong> {
        let mut edited = Edited::new(self.source, key)?;
        let condition = match role {
            Role::Before | Role::Sequential => frame.each,
            Role::After | Role::Beside => Some((frame.last)(looks_at_failures(self.source, key))),
        };
        if role == Role::Sequential || condition.is_some() {
            edited.need(jobs::BATCH)?;
        }
        if let Some(condition) = condition {
            edited.require(condition)?;
        }
        if role == Role::Sequential {
            edited.set_matrix(MATRIX)?;
            if let Some(name) = &frame.name {
                edited.set("name", &quote::scalar(name))?;
            }
        }
        Ok(edited.into_text())
    }

    /// Reads what was written, and compares each copied value with the source's: an anchor may stand in a part that is left out, and
    /// text may mean another thing in another place.
    fn compare<'k>(&self, text: &str, kept: impl Iterator<Item = &'k str>) -> Result<(), Wrong> {
        let lost = |at, what: String| {
            Wrong::at(at, format!("{what} cannot be copied as it is"), "write it without anchors and aliases")
        };
        let start = self.source.workflow.root.at;
        let written = WorkflowFile::parse(text.as_bytes())
            .map_err(|fault| lost(start, format!("the file ({fault} in the copy)")))?;
        let same =
            |one: Option<&Node>, other: Option<&Node>| one.map(Node::to_json) == other.map(Node::to_json);
        for key in self.copied() {
            let (own, copy) = (self.source.workflow.root.get(key), written.root.get(key));
            if !same(own, copy) {
                return Err(lost(own.map_or(start, |node| node.at), format!("`{key}`")));
            }
        }
        for key in kept {
            let (Some(own), Some(copy)) = (self.source.workflow.jobs.get(key), written.jobs.get(key)) else {
                return Err(lost(start, format!("the job `{key}`")));
            };
            let changed = |name: &&str| match *name {
                "needs" | "if" => true,
                "name" | "strategy" => key == self.sequential.key,
                _ => false,
            };
            let names = own.node.entries().unwrap_or_default().iter().filter_map(|(name, _)| name.text());
            for name in names.filter(|name| !changed(name)) {
                if !same(own.node.get(name), copy.node.get(name)) {
                    return Err(lost(own.key.at, format!("`{name}` of the job `{key}`")));
                }
            }
        }
        Ok(())
    }
}

/// Whether a job's own condition takes a failure of another into account, so that GitHub does not skip it for that:
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/expressions#status-check-functions>.
fn looks_at_failures(source: &Source, key: &str) -> bool {
    let condition = source.workflow.jobs.get(key).and_then(|job| job.node.get("if")).and_then(Node::text);
    condition.is_some_and(|text| {
        ["always(", "failure(", "cancelled("].iter().any(|function| text.contains(function))
    })
}

/// Lines that end with a line feed.
fn whole(lines: &str) -> String {
    if lines.ends_with('\n') { lines.to_owned() } else { format!("{lines}\n") }
}
