//! One workflow that runs by the clock, and each time takes the next items that are not done, until all are.
//!
//! What is done and who has taken what stands in a reference of the repository, which a run replaces on the condition that nobody else did:
//! <https://git-scm.com/docs/git-push#Documentation/git-push.txt---force-with-leaserefnameexpect>.
//! Not here: copying the source's jobs.

use super::chain::user_inputs;
use super::fault::Wrong;
use super::items::NUMBER;
use super::jobs::{self, Added};
use super::quote;
use super::write::{Frame, Input};

/// What the user says of the schedule.
pub(crate) struct Schedule<'a> {
    /// When it runs, in the five fields of cron.
    pub(crate) cron: &'a str,
    /// How often an item may fail before it is given up.
    pub(crate) tries: u32,
}

/// The recheck as a workflow file.
pub(crate) fn write(input: &Input<'_>, schedule: &Schedule<'_>) -> Result<String, Wrong> {
    let source = input.source;
    let title = format!("{}, until all is done", source.title());
    let slug = slug(source.stem());
    let mut head = format!(
        "name: {}\n\non:\n  schedule:\n    - cron: {}\n  workflow_dispatch:\n",
        quote::scalar(&title),
        quote::json(&schedule.cron.into())
    );
    if let Some(inputs) = user_inputs(&source.workflow.root) {
        return Err(Wrong::at(
            inputs.at,
            "a run by the clock has no inputs, and this workflow has some",
            "give their values another way, such as by variables of the repository, and take them out",
        ));
    }
    head += &format!(
        "\n# One run at a time. A run that waits may be replaced by another: all are alike.\nconcurrency:\n  group: jitr-{slug}\n  \
         cancel-in-progress: false\n"
    );
    let key = &input.sequential.key;
    let prefix = format!("{key} item ");
    let variables: Vec<(String, String)> = [
        ("GH_TOKEN", "${{ github.token }}".to_owned()),
        ("REMOTE", "${{ github.server_url }}/${{ github.repository }}".to_owned()),
        ("REF", format!("refs/jitr/{slug}")),
        ("WORKFLOW", quote::scalar(&source.title())),
        ("PREFIX", quote::scalar(&prefix)),
        ("COUNT", format!("\"{}\"", input.pace.size)),
        ("TRIES", format!("\"{}\"", schedule.tries)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let batch = Added {
        key: jobs::BATCH,
        waits: Vec::new(),
        runs_on: input.runs_on,
        permissions: &["actions: read", "contents: write"],
        outputs: &["matrix", "last"],
        step: "Take the next items",
        variables,
        list: Some(("ITEMS", input.sequential.items.clone())),
        script: include_str!("recheck-batch.sh"),
    };
    let frame = Frame {
        head,
        batch: batch.yaml(input.indent()),
        next: None,
        each: Some("needs.jitr-batch.outputs.matrix != ''"),
        last: |_| "needs.jitr-batch.outputs.last == 'true'",
        name: Some(name(input, &prefix)),
    };
    input.write(frame)
}

/// The sequential job's name: by its beginning the items of a run are known again.
fn name(input: &Input<'_>, prefix: &str) -> String {
    let own = match &input.sequential.job.name {
        Some(name) => name.text.clone(),
        None => {
            let values: Vec<String> =
                input.sequential.keys.iter().map(|key| format!("${{{{ matrix.{key} }}}}")).collect();
            values.join(", ")
        }
    };
    format!("{prefix}${{{{ matrix.{NUMBER} }}}}: {own}")
}

/// A name that may stand in a reference.
fn slug(stem: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = stem.chars().map(letter).collect();
    if slug.trim_matches('-').is_empty() { "plan".to_owned() } else { slug.trim_matches('-').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_holds_nothing_that_git_refuses() {
        assert_eq!(slug("Nightly.tests_2"), "nightly-tests-2");
        assert_eq!(slug("é"), "plan");
    }
}
