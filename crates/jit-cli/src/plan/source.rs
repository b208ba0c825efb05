//! The user's workflow file: its text, and which bytes of it belong to which key, comments included.
//!
//! Text is copied, never written anew from what was parsed: quotes, comments and line breaks stay as the user wrote them.
//! Not here: what becomes of the text.

use std::ops::Range;

use jit_github::workflow_file::WorkflowFile;
use jit_github::workflow_file::yaml::Node;

use super::fault::Wrong;
use super::jobs;

/// The user's file.
pub(crate) struct Source {
    /// Its name, without a folder.
    pub(crate) file_name: String,
    /// Its text, with plain line feeds.
    pub(crate) text: String,
    /// What it says.
    pub(crate) workflow: WorkflowFile,
}

impl Source {
    /// Reads the file's bytes.
    pub(crate) fn read(file_name: &str, bytes: &[u8]) -> Result<Self, Wrong> {
        // Checked first: what is cut off or changed below would move the place of a fault.
        WorkflowFile::parse(bytes)?;
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let workflow = WorkflowFile::parse(text.as_bytes())?;
        if let Some(job) = workflow.jobs.get(jobs::BATCH) {
            let what = "this file was written by `jitr plan`";
            return Err(Wrong::at(job.key.at, what, "give the file that it was written from"));
        }
        let source = Self { file_name: file_name.to_owned(), text, workflow };
        source.must_be_block(&source.workflow.root, "the file")?;
        if let Some(jobs) = source.workflow.root.get("jobs") {
            source.must_be_block(jobs, "`jobs`")?;
        }
        Ok(source)
    }

    /// The file's name without its ending.
    pub(crate) fn stem(&self) -> &str {
        self.file_name.rsplit_once('.').map_or(self.file_name.as_str(), |(stem, _)| stem)
    }

    /// The name of the workflow, on one line and not too long for a title.
    pub(crate) fn title(&self) -> String {
        const CHARACTERS_MAX: usize = 60;
        let name = self.workflow.root.get("name").filter(|name| !name.is_null() && !name.has_expression());
        let name = name.and_then(Node::text).unwrap_or(self.stem());
        let words: Vec<&str> = name.split_whitespace().collect();
        words.join(" ").chars().take(CHARACTERS_MAX).collect::<String>().trim_end().to_owned()
    }

    /// A fault unless a mapping is written as an indented block, so that its lines can be copied.
    pub(crate) fn must_be_block(&self, node: &Node, what: &str) -> Result<(), Wrong> {
        if node.is_inline {
            let what = format!("{what} is written in braces or as an alias");
            return Err(Wrong::at(node.at, what, "write it as an indented block, whose lines can be copied"));
        }
        Ok(())
    }

    /// A fault if a value is an alias: what it stands for is written elsewhere.
    pub(crate) fn must_be_here(&self, node: &Node, what: &str) -> Result<(), Wrong> {
        if self.text[node.bytes.clone()].starts_with('*') {
            return Err(Wrong::at(node.at, format!("{what} is an alias"), "write out what it stands for"));
        }
        Ok(())
    }

    /// The lines of an entry of a block mapping: from the comments above its key to the end of its last line.
    pub(crate) fn lines(&self, mapping: &Node, key: &str) -> Option<&str> {
        self.text.get(self.range(mapping, key)?)
    }

    /// The range of [`Source::lines`].
    pub(crate) fn range(&self, mapping: &Node, key: &str) -> Option<Range<usize>> {
        let entries = mapping.entries()?;
        let index = entries.iter().position(|(name, _)| name.text() == Some(key))?;
        let (name, _) = entries.get(index)?;
        let column = name.at.column - 1;
        let begin = match index.checked_sub(1).and_then(|before| entries.get(before)) {
            Some((_, value)) => self.end(value, column),
            None => self.line_start(mapping.bytes.start),
        };
        let end = self.end(&entries[index].1, column);
        let lead = self.text[begin..end].len() - self.text[begin..end].trim_start_matches('\n').len();
        Some(begin + lead..end)
    }

    /// Where the lines of a value end: after its last line, and after comments that are indented deeper than its key.
    fn end(&self, value: &Node, column: usize) -> usize {
        let mut end = self.line_end(value.bytes.end);
        let mut next = end;
        while let Some(line) = self.text[next..].split_inclusive('\n').next() {
            let content = line.trim_start();
            next += line.len();
            if content.starts_with('#') && line.len() - content.len() > column {
                end = next;
            } else if !content.is_empty() {
                break;
            }
        }
        end
    }

    fn line_start(&self, at: usize) -> usize {
        let start = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        // Comments above the first key of a mapping belong to it.
        let mut first = start;
        for line in self.text[..start].split_inclusive('\n').rev() {
            if !line.trim_start().is_empty() && !line.trim_start().starts_with('#') {
                break;
            }
            first -= line.len();
        }
        first
    }

    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |more| at + more + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# top\nname: 'a  b' # n\n\nenv:\n  X: 1\n  # inside\n\n# about jobs\njobs:\n\n  # one\n  a:\n    steps:\n      - run: |\n          x\n      # - run: y\n  # two\n  b: {}\n";

    #[test]
    fn lines_of_a_key_hold_its_comments_and_no_others() {
        let source = Source::read("x.y.yml", TEXT.as_bytes()).unwrap();
        let root = &source.workflow.root;
        assert_eq!(source.lines(root, "name"), Some("# top\nname: 'a  b' # n\n"));
        assert_eq!(source.lines(root, "env"), Some("env:\n  X: 1\n  # inside\n"));
        let jobs = root.get("jobs").unwrap();
        assert!(source.lines(root, "jobs").unwrap().starts_with("# about jobs\n"));
        assert_eq!(
            source.lines(jobs, "a"),
            Some("  # one\n  a:\n    steps:\n      - run: |\n          x\n      # - run: y\n")
        );
        assert_eq!(source.lines(jobs, "b"), Some("  # two\n  b: {}\n"));
        assert_eq!((source.lines(jobs, "c"), source.stem(), source.title().as_str()), (None, "x.y", "a b"));
    }

    #[test]
    fn carriage_returns_and_a_byte_order_mark_are_left_behind() {
        let source =
            Source::read("a.yml", format!("\u{feff}{}", TEXT.replace('\n', "\r\n")).as_bytes()).unwrap();
        assert_eq!(source.text, TEXT);
    }

    #[test]
    fn what_cannot_be_copied_by_lines_is_told() {
        for (text, expected) in [
            ("{jobs: {a: {}}}", "a.yml:1:1: the file is written in braces or as an alias; write it"),
            ("on: push\njobs: {a: {}}\n", "a.yml:2:7: `jobs` is written in braces"),
            ("jobs: [", "a.yml:2:1: this is not YAML: "),
        ] {
            let wrong = Source::read("a.yml", text.as_bytes()).err().unwrap().in_file("a.yml");
            assert!(wrong.starts_with(expected), "{wrong}");
        }
    }
}
