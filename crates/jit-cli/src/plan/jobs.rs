//! Which jobs of the source go into what is written, and the jobs that are added.
//!
//! Not here: what the added jobs' scripts do.

use std::collections::{BTreeMap, BTreeSet};

use jit_github::workflow_file::WorkflowFile;

use super::quote;

/// The job that gives each run its items.
pub(crate) const BATCH: &str = "jitr-batch";
/// The job that ends a run of a chain.
pub(crate) const NEXT: &str = "jitr-next";

/// Why a job is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The sequential job waits for it, so it runs in each run: artifacts do not outlive one.
    Before,
    /// It is the sequential job.
    Sequential,
    /// It waits for all items, so it runs in the last run only.
    After,
    /// A job of the last run waits for it, and the sequential one does not.
    Beside,
}

/// The jobs that are kept, by key. A job that has nothing to do with the sequential one is not.
pub(crate) fn roles<'a>(workflow: &'a WorkflowFile, sequential: &'a str) -> BTreeMap<&'a str, Role> {
    let before = ancestors(workflow, sequential);
    let of = |key: &&'a str| ancestors(workflow, key).contains(sequential);
    let after: BTreeSet<&str> = workflow.jobs.keys().map(String::as_str).filter(of).collect();
    let beside = after.iter().flat_map(|key| ancestors(workflow, key));
    let mut roles: BTreeMap<&str, Role> = beside.map(|key| (key, Role::Beside)).collect();
    roles.extend(after.into_iter().map(|key| (key, Role::After)));
    roles.extend(before.into_iter().map(|key| (key, Role::Before)));
    roles.insert(sequential, Role::Sequential);
    roles
}

/// The jobs that a job waits for, directly or not. A circle, which GitHub refuses, ends the search.
fn ancestors<'a>(workflow: &'a WorkflowFile, key: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let needs = |key: &str| workflow.jobs.get(key).map(|job| job.needs.as_slice()).unwrap_or_default();
    let mut open: Vec<&str> = needs(key).iter().map(String::as_str).collect();
    while let Some(next) = open.pop() {
        if workflow.jobs.contains_key(next) && found.insert(next) {
            open.extend(needs(next).iter().map(String::as_str));
        }
    }
    found
}

/// A job that is added: one script.
pub(crate) struct Added<'a> {
    /// Its key.
    pub(crate) key: &'a str,
    /// Lines between its key and `runs-on`: what it waits for.
    pub(crate) waits: Vec<String>,
    /// The labels that it runs on.
    pub(crate) runs_on: &'a str,
    /// What its token may do.
    pub(crate) permissions: &'a [&'a str],
    /// Names of its outputs.
    pub(crate) outputs: &'a [&'a str],
    /// The name of its step.
    pub(crate) step: &'a str,
    /// The variables of the script, each with its value as YAML on one line.
    pub(crate) variables: Vec<(String, String)>,
    /// A variable with one value on each line.
    pub(crate) list: Option<(&'a str, Vec<String>)>,
    /// What it runs, in bash.
    pub(crate) script: &'a str,
}

impl Added<'_> {
    /// The job as YAML, its key after so many spaces.
    pub(crate) fn yaml(&self, spaces: usize) -> String {
        let mut lines = vec![format!("{}:", self.key)];
        lines.extend(self.waits.iter().map(|line| format!("  {line}")));
        lines.push(format!("  runs-on: {}", runs_on(self.runs_on)));
        lines.push("  timeout-minutes: 10".to_owned());
        lines.push(if self.permissions.is_empty() {
            "  permissions: {}".to_owned()
        } else {
            format!("  permissions:\n    {}", self.permissions.join("\n    "))
        });
        if !self.outputs.is_empty() {
            lines.push("  outputs:".to_owned());
            lines.extend(
                self.outputs.iter().map(|name| format!("    {name}: ${{{{ steps.jitr.outputs.{name} }}}}")),
            );
        }
        lines.push(format!(
            "  steps:\n    - name: {}\n      id: jitr\n      shell: bash\n      env:",
            self.step
        ));
        lines.extend(self.variables.iter().map(|(name, value)| format!("        {name}: {value}")));
        let mut text = lines.join("\n") + "\n";
        if let Some((name, values)) = &self.list {
            text += &format!("        {name}: |\n{}", quote::indented(&values.join("\n"), 10));
        }
        text += &format!("      run: |\n{}", quote::indented(self.script, 8));
        quote::indented(&text, spaces)
    }
}

/// Labels as the value of `runs-on`.
fn runs_on(labels: &str) -> String {
    let labels: Vec<String> = labels.split(',').map(|label| quote::scalar(label.trim())).collect();
    if let [one] = labels.as_slice() { one.clone() } else { format!("[{}]", labels.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_kept_for_what_they_are_to_the_sequential_one() {
        let text = "jobs:\n  a: {x: 1}\n  b: {needs: a}\n  c: {needs: [b, gone]}\n  d: {needs: c}\n  e: {needs: [d, f]}\n  f: {needs: a}\n  g: {x: 1}\n  h: {needs: [i]}\n  i: {needs: [h]}\n";
        let workflow = WorkflowFile::parse(text.as_bytes()).unwrap();
        let roles: Vec<_> = roles(&workflow, "c").into_iter().collect();
        assert_eq!(
            roles,
            [
                ("a", Role::Before),
                ("b", Role::Before),
                ("c", Role::Sequential),
                ("d", Role::After),
                ("e", Role::After),
                ("f", Role::Beside),
            ]
        );
    }

    #[test]
    fn several_labels_are_a_list() {
        assert_eq!(runs_on("ubuntu-latest"), "ubuntu-latest");
        assert_eq!(runs_on("self-hosted, 1"), "[self-hosted, \"1\"]");
    }
}
