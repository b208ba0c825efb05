//! Changes to single values of a job, in a copy of its lines.
//!
//! Not here: which values change.

use std::ops::Range;

use jit_github::workflow_file::Job;
use jit_github::workflow_file::yaml::Node;

use super::fault::Wrong;
use super::quote;
use super::source::Source;

/// A job's lines, and what changes in them.
pub(crate) struct Edited<'a> {
    source: &'a Source,
    job: &'a Job,
    lines: Range<usize>,
    /// Bytes of the source, and what stands there instead; in order, as each is made for another key.
    changes: Vec<(Range<usize>, String)>,
}

impl<'a> Edited<'a> {
    /// The job as it is.
    pub(crate) fn new(source: &'a Source, key: &str) -> Result<Self, Wrong> {
        let root = &source.workflow.root;
        let found =
            root.get("jobs").and_then(|jobs| source.range(jobs, key)).zip(source.workflow.jobs.get(key));
        let Some((lines, job)) = found else {
            return Err(Wrong::anywhere(format!("there is no job `{key}`"), "name one that is there"));
        };
        Ok(Self { source, job, lines, changes: Vec::new() })
    }

    /// The lines with all changes, ending with a line feed.
    pub(crate) fn into_text(mut self) -> String {
        self.changes.sort_by_key(|(range, _)| (range.start, range.end));
        let (mut text, mut at) = (String::new(), self.lines.start);
        for (range, new) in &self.changes {
            text.push_str(&self.source.text[at..range.start]);
            text.push_str(new);
            at = range.end;
        }
        text.push_str(&self.source.text[at..self.lines.end]);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    /// Makes the job wait for another one too, and see its outputs.
    pub(crate) fn need(&mut self, other: &str) -> Result<(), Wrong> {
        let mut needs = vec![other.to_owned()];
        needs.extend(self.job.needs.iter().map(|need| quote::scalar(need)));
        let needs = if needs.len() == 1 { other.to_owned() } else { format!("[{}]", needs.join(", ")) };
        self.set("needs", &needs)
    }

    /// Runs the job only if something more holds.
    pub(crate) fn require(&mut self, condition: &str) -> Result<(), Wrong> {
        let all = match self.job.node.get("if").filter(|node| !node.is_null()) {
            None => condition.to_owned(),
            Some(node) => format!("{condition} && ({})", expression(node)?),
        };
        let all = format!("${{{{ {all} }}}}");
        let text = if is_plain_expression(&all) { all } else { quote::json(&serde_json::Value::String(all)) };
        self.set("if", &text)
    }

    /// Writes the value of a key of the job.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<(), Wrong> {
        let node = &self.job.node;
        self.source.must_be_block(node, &format!("the job `{}`", self.job.key.text().unwrap_or_default()))?;
        if let Some((name, old)) = node.entry(key) {
            self.changes
                .push((name.bytes.start..old.bytes.end.max(name.bytes.end), format!("{key}: {value}")));
            if old.bytes.end <= name.bytes.end {
                // `key:` with nothing after it: the colon is passed over too.
                let colon = self.source.text[name.bytes.end..].find(':').map_or(0, |more| more + 1);
                if let Some(change) = self.changes.last_mut() {
                    change.0.end = name.bytes.end + colon;
                }
            }
        } else if let Some((first, _)) = node.entries().and_then(<[_]>::first) {
            let indent = " ".repeat(first.at.column - 1);
            self.changes.push((first.bytes.start..first.bytes.start, format!("{key}: {value}\n{indent}")));
        }
        Ok(())
    }

    /// Writes the matrix of the job's strategy.
    pub(crate) fn set_matrix(&mut self, expression: &str) -> Result<(), Wrong> {
        let strategy = self.job.node.get("strategy");
        let Some((strategy, (key, old))) = strategy.and_then(|node| Some((node, node.entry("matrix")?)))
        else {
            return Err(Wrong::at(self.job.key.at, "the job has no matrix", "name another with `--job`"));
        };
        self.source.must_be_here(strategy, "`strategy`")?;
        let value = if strategy.is_inline { format!("\"{expression}\"") } else { expression.to_owned() };
        self.changes.push((key.bytes.start..old.bytes.end, format!("matrix: {value}")));
        Ok(())
    }
}

/// The expression of an `if`, which may be written with `${{ }}` around it and without.
fn expression(node: &Node) -> Result<&str, Wrong> {
    let text = node.text().unwrap_or_default().trim();
    let bare = text.strip_prefix("${{").and_then(|text| text.strip_suffix("}}")).map_or(text, str::trim);
    if bare.contains("${{") || bare.contains("}}") || bare.is_empty() {
        return Err(Wrong::at(node.at, "this `if` is not one expression", "write all of it in one `${{ }}`"));
    }
    Ok(bare)
}

/// Whether an expression may stand unquoted in a block.
fn is_plain_expression(text: &str) -> bool {
    text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) && !text.contains(": ") && !text.contains(" #")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(job: &str, change: impl Fn(&mut Edited<'_>) -> Result<(), Wrong>) -> Result<String, String> {
        let text = format!("on: push\njobs:\n  # a job\n  a:\n{job}");
        let source = Source::read("a.yml", text.as_bytes()).unwrap();
        let mut edited = Edited::new(&source, "a").unwrap();
        change(&mut edited).map_err(|wrong| wrong.in_file("a.yml"))?;
        Ok(edited.into_text())
    }

    #[test]
    fn needs_are_added_in_every_form() {
        let need =
            |job: &str| edited(job, |edited| edited.need("x")).unwrap().replace("  # a job\n  a:\n", "");
        assert_eq!(need("    needs: b # first b\n"), "    needs: [x, b] # first b\n");
        assert_eq!(need("    needs: [b, 'c']\n    y: 1\n"), "    needs: [x, b, c]\n    y: 1\n");
        assert_eq!(need("    needs:\n      - b\n      - c\n    y: 1\n"), "    needs: [x, b, c]\n    y: 1\n");
        assert_eq!(need("    # y\n    y: 1\n"), "    # y\n    needs: x\n    y: 1\n");
        assert_eq!(need("    needs:\n    y: 1\n"), "    needs: x\n    y: 1\n");
        assert_eq!(need("    needs : b"), "    needs: [x, b]\n");
    }

    #[test]
    fn conditions_are_joined_whatever_their_form() {
        let require = |job: &str| {
            edited(job, |edited| edited.require("q")).map(|text| text.replace("  # a job\n  a:\n", ""))
        };
        assert_eq!(require("    y: 1\n").unwrap(), "    if: ${{ q }}\n    y: 1\n");
        assert_eq!(require("    if: a || b\n").unwrap(), "    if: ${{ q && (a || b) }}\n");
        assert_eq!(require("    if: ${{ always() }}\n").unwrap(), "    if: ${{ q && (always()) }}\n");
        assert_eq!(
            require("    if: >-\n      a == 'x: y'\n      && b\n    y: 1\n").unwrap(),
            "    if: \"${{ q && (a == 'x: y' && b) }}\"\n    y: 1\n"
        );
        assert_eq!(
            require("    if: ${{ a }} && ${{ b }}\n").unwrap_err(),
            "a.yml:5:9: this `if` is not one expression; write all of it in one `${{ }}`"
        );
    }

    #[test]
    fn a_matrix_is_changed_in_a_block_and_in_braces() {
        let set = |job: &str| {
            edited(job, |edited| edited.set_matrix("${{ m }}"))
                .map(|text| text.replace("  # a job\n  a:\n", ""))
        };
        assert_eq!(
            set("    strategy:\n      matrix:\n        a: [1,\n            2]\n        # more\n        b: [x] # x\n      max-parallel: 1\n").unwrap(),
            "    strategy:\n      matrix: ${{ m }} # x\n      max-parallel: 1\n"
        );
        assert_eq!(
            set("    strategy: {matrix: {a: [1]}, max-parallel: 1}\n").unwrap(),
            "    strategy: {matrix: \"${{ m }}\", max-parallel: 1}\n"
        );
        assert!(set("    y: 1\n").unwrap_err().starts_with("a.yml:4:3: the job has no matrix"));
        let alias = "    y: &s {matrix: {a: [1]}}\n    strategy: *s\n";
        assert!(set(alias).unwrap_err().starts_with("a.yml:6:15: `strategy` is an alias; write out"));
    }

    #[test]
    fn a_job_in_braces_is_not_changed() {
        let source = Source::read("a.yml", b"jobs:\n  a: {y: 1}\n").unwrap();
        let mut edited = Edited::new(&source, "a").unwrap();
        let wrong = edited.need("x").unwrap_err().in_file("a.yml");
        assert!(wrong.starts_with("a.yml:2:6: the job `a` is written in braces or as an alias"), "{wrong}");
        assert!(Edited::new(&source, "b").is_err());
    }
}
