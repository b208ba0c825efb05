//! What a person should know of the plan: the arithmetic, what runs when, what is left out, and what means another thing now.
//!
//! Not here: what stops the plan.

use jit_github::workflow_file::Setting;

use super::jobs::{Role, roles};
use super::write::Input;

/// What a run of the plan does not see as the source's runs did: the text, and why.
const OTHERWISE: [(&str, &str); 5] = [
    (
        "github.event_name",
        "it is `workflow_dispatch` in the runs of a chain, `schedule` in those by the clock",
    ),
    ("github.event.", "it holds what started this very run"),
    ("github.head_ref", "it is empty but in runs for a pull request"),
    ("github.base_ref", "it is empty but in runs for a pull request"),
    ("strategy.job-", "it counts the items of one batch"),
];
/// Inputs stand in the event of a run of a chain as they did.
const AS_BEFORE: &str = "github.event.inputs";

/// All remarks, a line each.
pub(crate) fn all(input: &Input<'_>, is_recheck: bool) -> String {
    let mut lines: Vec<String> = input.pace.arithmetic.clone();
    let key = &input.sequential.key;
    let workflow = &input.source.workflow;
    let goes_on = input.sequential.job.strategy.fail_fast == Setting::Literal(false);
    lines.push(match (is_recheck, goes_on) {
        (true, _) => "a failed item is run again by a later run, as often as `--tries` says; then runs fail and name it".to_owned(),
        (false, true) => "a failed item does not stop the chain, as `fail-fast` is false; the last run fails and names its batch".to_owned(),
        (false, false) => "a failed item stops the chain, as `fail-fast` is not false; re-run the failed jobs, and it goes on".to_owned(),
    });
    let roles = roles(workflow, key);
    for (job, role) in &roles {
        match role {
            Role::Before => lines.push(format!("note: `{job}` runs in each run, before `{key}`")),
            Role::After => {
                lines.push(format!(
                    "note: `{job}` runs in the last run only; artifacts of the others are in those runs"
                ));
            }
            Role::Beside => lines.push(format!("note: `{job}` runs in the last run only")),
            Role::Sequential => {}
        }
    }
    let place = |line: usize| format!("note: {}:{line}", input.source.file_name);
    for (job, node) in workflow.jobs.iter().filter(|(job, _)| !roles.contains_key(job.as_str())) {
        lines.push(format!(
            "{}: `{job}` has nothing to do with `{key}`, and is left out",
            place(node.key.at.line)
        ));
    }
    if let Some((name, _)) = workflow.root.entry("concurrency") {
        lines.push(format!(
            "{}: `concurrency` is left out: of the runs that wait in a group GitHub keeps one; {}",
            place(name.at.line),
            if is_recheck { "the recheck has a group of its own" } else { "start one chain at a time" }
        ));
    }
    lines.extend(otherwise(input, &roles.keys().copied().collect::<Vec<_>>()));
    lines.join("\n") + "\n"
}

/// Lines of the kept jobs that name what means another thing now.
fn otherwise(input: &Input<'_>, kept: &[&str]) -> Vec<String> {
    let source = input.source;
    let Some(jobs) = source.workflow.root.get("jobs") else { return Vec::new() };
    let mut lines = Vec::new();
    for range in kept.iter().filter_map(|key| source.range(jobs, key)) {
        let first = source.text[..range.start].matches('\n').count() + 1;
        for (number, line) in source.text[range].lines().enumerate() {
            if line.trim_start().starts_with('#') {
                continue;
            }
            let line = line.replace(AS_BEFORE, "");
            for (text, why) in OTHERWISE.iter().filter(|(text, _)| line.contains(text)) {
                let text = text.trim_end_matches(['.', '-']);
                lines.push(format!("note: {}:{}: `{text}` is used: {why}", source.file_name, first + number));
            }
        }
    }
    lines
}
