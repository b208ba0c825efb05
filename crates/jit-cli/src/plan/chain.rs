//! A chain of runs: each runs one batch and starts the next by `workflow_dispatch`, which a job's own token may do:
//! <https://docs.github.com/en/actions/concepts/security/github_token#when-github_token-triggers-workflow-runs>.
//!
//! A failed item is never lost. Where the source says `fail-fast: false`, the chain goes on, and its last run fails and names the
//! batches; else it stops, as a failed item would have stopped the matrix, and goes on when the failed jobs are re-run.
//! Not here: copying the source's jobs.

use jit_github::workflow_file::Setting;
use jit_github::workflow_file::yaml::Node;

use super::fault::Wrong;
use super::jobs::{self, Added};
use super::quote;
use super::write::{Frame, Input};

/// Inputs that the chain needs for itself.
const OWN: [&str; 3] = ["batch", "chain", "failed"];

/// The chain as a workflow file.
pub(crate) fn write(input: &Input<'_>) -> Result<String, Wrong> {
    let title = input.source.title();
    let matrices = matrices(input);
    let batches = matrices.len();
    let inputs = Inputs::of(input)?;
    let run = format!(
        "{title}: batch ${{{{ inputs.batch }}}} of {batches}, chain ${{{{ inputs.chain || github.run_id }}}}"
    );
    let head = format!(
        "name: {}\nrun-name: {}\n\non:\n  workflow_dispatch:\n    inputs:\n      batch:\n        description: The batch to run, from 1 to \
         {batches}; each starts the next\n        default: \"1\"\n      chain:\n        description: Leave this empty; the run that began \
         the chain\n        default: \"\"\n      failed:\n        description: Leave this empty; the batches in which an item failed\n        \
         default: \"\"\n{}",
        quote::scalar(&format!("{title}, in batches")),
        quote::scalar(&run),
        inputs.yaml
    );
    let batch = Added {
        key: jobs::BATCH,
        waits: Vec::new(),
        runs_on: input.runs_on,
        permissions: &[],
        outputs: &["matrix", "last"],
        step: "Give the batch its items",
        variables: vec![("BATCH".to_owned(), "${{ inputs.batch }}".to_owned())],
        list: Some(("MATRICES", matrices)),
        script: include_str!("chain-batch.sh"),
    };
    let frame = Frame {
        head,
        batch: batch.yaml(input.indent()),
        next: Some(next(input, &title, batches, &inputs)),
        each: None,
        last: |looks_at_failures| {
            if looks_at_failures {
                "needs.jitr-batch.outputs.last == 'true'"
            } else {
                "needs.jitr-batch.outputs.last == 'true' && inputs.failed == ''"
            }
        },
        name: None,
    };
    input.write(frame)
}

/// The matrix of each batch, as JSON on one line.
fn matrices(input: &Input<'_>) -> Vec<String> {
    let batches = input.sequential.items.chunks(input.pace.size);
    batches.map(|items| format!("{{\"include\":[{}]}}", items.join(","))).collect()
}

/// The job that ends each run.
fn next(input: &Input<'_>, title: &str, batches: usize, inputs: &Inputs) -> String {
    let key = &input.sequential.key;
    let goes_on = input.sequential.job.strategy.fail_fast == Setting::Literal(false);
    let mut variables: Vec<(String, String)> = [
        ("GH_TOKEN", "${{ github.token }}".to_owned()),
        ("WORKFLOW", quote::scalar(title)),
        ("BATCH", "${{ inputs.batch }}".to_owned()),
        ("BATCHES", format!("\"{batches}\"")),
        ("CHAIN", "${{ inputs.chain || github.run_id }}".to_owned()),
        ("FAILED", "${{ inputs.failed }}".to_owned()),
        ("LAST", format!("${{{{ needs.{}.outputs.last }}}}", jobs::BATCH)),
        ("RESULT", format!("${{{{ needs.{key}.result }}}}")),
        ("GOES_ON", format!("\"{goes_on}\"")),
        ("INPUT_NAMES", quote::scalar(&inputs.names.join(" "))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let values = inputs.names.iter().enumerate();
    variables
        .extend(values.map(|(index, name)| (format!("INPUT_{index}"), format!("${{{{ inputs.{name} }}}}"))));
    let job = Added {
        key: jobs::NEXT,
        // Also after a failed item: the script says what follows from it. A cancelled run starts nothing.
        waits: vec![
            format!("needs: [{}, {}]", jobs::BATCH, quote::scalar(key)),
            format!("if: ${{{{ !cancelled() && needs.{}.result == 'success' }}}}", jobs::BATCH),
        ],
        runs_on: input.runs_on,
        permissions: &["actions: write"],
        outputs: &[],
        step: "Start the next batch",
        variables,
        list: None,
        script: include_str!("chain-next.sh"),
    };
    job.yaml(input.indent())
}

/// The inputs that the source has itself, which each run hands on to the next.
struct Inputs {
    names: Vec<String>,
    yaml: String,
}

impl Inputs {
    fn of(input: &Input<'_>) -> Result<Self, Wrong> {
        let mut inputs = Self { names: Vec::new(), yaml: String::new() };
        let Some(node) = user_inputs(&input.source.workflow.root) else { return Ok(inputs) };
        input.source.must_be_here(node, "`inputs`")?;
        for (name, value) in node.entries().unwrap_or_default() {
            let text = name.text().unwrap_or_default();
            let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
            if !is_name {
                return Err(Wrong::at(
                    name.at,
                    "an input's name has letters, digits, `-` and `_`",
                    "rename it",
                ));
            }
            if OWN.contains(&text) {
                let what = format!("the chain has an input `{text}` of its own");
                return Err(Wrong::at(name.at, what, "rename yours"));
            }
            inputs.names.push(text.to_owned());
            inputs.yaml += &input_yaml(input, node, name, value);
        }
        Ok(inputs)
    }
}

/// One input, its key after six spaces.
fn input_yaml(input: &Input<'_>, inputs: &Node, name: &Node, value: &Node) -> String {
    const SPACES: usize = 6;
    let key = name.text().unwrap_or_default();
    if inputs.is_inline {
        return format!("{:SPACES$}{key}: {}\n", "", &input.source.text[value.bytes.clone()]);
    }
    let lines = input.source.lines(inputs, key).unwrap_or_default();
    let column = name.at.column - 1;
    let shifted = |line: &str| {
        line.get(column..).filter(|_| line[..column].trim().is_empty()).unwrap_or(line).to_owned()
    };
    quote::indented(&lines.lines().map(shifted).collect::<Vec<_>>().join("\n"), SPACES)
}

/// `on.workflow_dispatch.inputs` of a file.
pub(crate) fn user_inputs(root: &Node) -> Option<&Node> {
    root.get("on")?.get("workflow_dispatch")?.get("inputs").filter(|inputs| inputs.entries().is_some())
}
