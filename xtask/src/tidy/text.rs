//! House rules that can be read off text: README files, sizes, marks that must not stay.
//! Not here: what clippy and rustfmt hold already.

use std::collections::BTreeSet;

use super::fault::Findings;
use super::rust;
use super::tree::Tree;
use crate::workspace::Workspace;

/// The most lines of a Rust file.
const LINES_MAX: usize = 1000;
/// From how many lines on a Rust file is asked why.
const LINES_ASKED: usize = 500;
/// Folders that need a README beside those of all packages.
const FOLDERS: [&str; 10] = [
    "components",
    "crates",
    "crates/jit-sim/keys",
    "wit",
    "config",
    "docs",
    "docs/adr",
    "infra",
    "packer",
    "packer/boot",
];
/// The endings of files that people write.
const WRITTEN: [&str; 9] = ["rs", "md", "toml", "wit", "sh", "py", "yml", "js", "mjs"];

/// Attributes that Rust files may not have, as they begin without white space.
const ATTRIBUTES: [(&str, &str); 2] = [
    ("#[ignore", "mend the test or remove it: an ignored test proves nothing"),
    ("#[should_panic", "return an error and assert on it"),
];

/// Checks every file.
pub(super) fn check(workspace: &Workspace, tree: &Tree, findings: &mut Findings) {
    check_readmes(tree, workspace.packages.iter().map(|package| package.folder.as_str()), findings);
    check_texts(tree, findings);
}

fn check_texts(tree: &Tree, findings: &mut Findings) {
    for (path, text) in tree.texts("") {
        let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
        if ending == "rs" {
            check_rust(path, text, findings);
        }
        if WRITTEN.contains(&ending) || path == "Makefile" || path == ".ci/run" {
            check_marks(path, text, findings);
        }
    }
}

fn check_readmes<'a>(tree: &Tree, packages: impl Iterator<Item = &'a str>, findings: &mut Findings) {
    let folders: BTreeSet<&str> = FOLDERS.into_iter().chain(packages).collect();
    for readme in
        folders.iter().map(|folder| format!("{folder}/README.md")).filter(|readme| !tree.has(readme))
    {
        let remedy = "write what belongs, what does not, where to start, how to test";
        findings.file(&readme, "is missing", remedy);
    }
}

fn check_rust(path: &str, text: &str, findings: &mut Findings) {
    let lines = text.lines().count();
    if lines > LINES_MAX {
        findings.file(path, format!("{lines} lines, at most {LINES_MAX}"), "split it");
    } else if lines > LINES_ASKED {
        findings.note(format!("{path} has {lines} lines; why more than {LINES_ASKED}?"));
    }
    if path.ends_with("/mod.rs") {
        findings.file(path, "is called mod.rs", "write foo.rs beside foo/");
    }
    if !text.starts_with("//!") && !text.starts_with("#![doc") {
        findings.line(
            path,
            1,
            "does not begin with its purpose",
            "begin with `//!`, and say what is not in it",
        );
    }
    let code = rust::code(text);
    check_silencing(path, &code, findings);
    for (line, code) in code.lines().enumerate() {
        for (attribute, remedy) in ATTRIBUTES.iter().filter(|(attribute, _)| code.contains(attribute)) {
            findings.line(path, line + 1, format!("has `{attribute}]`"), *remedy);
        }
    }
}

/// Finds lints that are silenced without a reason.
fn check_silencing(path: &str, code: &str, findings: &mut Findings) {
    for level in ["allow(", "expect("] {
        for attribute in ["#[", "#!["].map(|opening| format!("{opening}{level}")) {
            for (at, _) in code.match_indices(&attribute) {
                let end = code[at..].find(")]").map_or(code.len(), |end| at + end);
                if !code[at..end].contains("reason") {
                    let line = code[..at].matches('\n').count() + 1;
                    let what = format!("`{attribute}..)]` without a reason");
                    findings.line(path, line, what, "use `#[expect(.., reason = \"..\")]`");
                }
            }
        }
    }
}

/// Finds marks of unfinished work, and paths of one machine.
fn check_marks(path: &str, text: &str, findings: &mut Findings) {
    // Put together, so that this file does not find itself.
    let unfinished = concat!("FIX", "ME");
    let later = concat!("TO", "DO");
    let machine = [concat!("/Us", "ers/"), concat!("/ro", "ot/")];
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        if has_word(line, unfinished) {
            findings.line(path, number, format!("has {unfinished}"), "mend it");
        }
        if has_word(line, later) && !line.contains("https://") && !line.contains(&format!("`{later}`")) {
            findings.line(
                path,
                number,
                format!("has {later} without a link"),
                "add the address of its issue",
            );
        }
        for folder in machine.iter().filter(|folder| begins_path(line, folder)) {
            let what = format!("has the path {folder} of some machine");
            findings.line(path, number, what, "write paths below the root of the repository");
        }
    }
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let is_letter = |c: char| c.is_alphanumeric() || c == '_';
        let before = line[..at].chars().next_back().is_some_and(is_letter);
        let after = line[at + word.len()..].chars().next().is_some_and(is_letter);
        !before && !after
    })
}

/// Whether a line has an absolute path that begins with a folder.
fn begins_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let is_part = |c: char| c.is_alphanumeric() || "_-.~}/*".contains(c);
        !line[..at].chars().next_back().is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        check_texts(&Tree::of(&[(path, text)]), &mut findings);
        findings.shown()
    }

    #[test]
    fn a_sound_file_has_no_fault() {
        let text = "//! Purpose. `TODO` is a word, \"#[ignore]\" too: https://example.org/Users/x\n\
                    #[expect(dead_code, reason = \"it is an example\")]\nfn _work() { a.expect(b); }\n";
        assert_eq!(faults("xtask/a.rs", text), Vec::<String>::new());
    }

    #[test]
    fn each_mark_is_found_with_its_line() {
        let marks = [
            concat!("FIX", "ME"),
            concat!("TO", "DO: later"),
            concat!("\"/Us", "ers/octocat\""),
            concat!("`/ro", "ot/.cargo`"),
        ];
        for mark in marks {
            let faults = faults("xtask/a.rs", &format!("//! Purpose.\n// {mark}\n"));
            assert!(faults.len() == 1 && faults[0].starts_with("xtask/a.rs:2: "), "{mark}: {faults:?}");
            assert_eq!(self::faults("a.md", mark).len(), 1, "{mark}");
        }
        let linked = concat!("// TO", "DO https://example.org/1");
        assert_eq!(faults("xtask/a.rs", &format!("//! Purpose.\n{linked}\n")), Vec::<String>::new());
    }

    #[test]
    fn each_attribute_that_hides_something_is_found() {
        for attribute in [
            "#[allow(dead_code)]",
            "#![allow(dead_code)]",
            "#[expect(dead_code)]",
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "#[should_panic]",
        ] {
            let faults = faults("xtask/a.rs", &format!("//! Purpose.\n\n{attribute}\nfn f() {{}}\n"));
            assert!(faults.len() == 1 && faults[0].starts_with("xtask/a.rs:3: "), "{attribute}: {faults:?}");
        }
        assert_eq!(faults("xtask/a.rs", "//! P.\n// #[allow(x)]\n"), Vec::<String>::new());
    }

    #[test]
    fn files_have_a_purpose_a_name_and_an_end() {
        assert_eq!(faults("xtask/a.rs", "fn f() {}\n").len(), 1);
        assert_eq!(faults("xtask/a/mod.rs", "//! P.\n").len(), 1);
        assert_eq!(faults("xtask/a.rs", &"//! P.\n".repeat(LINES_MAX)).len(), 0);
        assert_eq!(faults("xtask/a.rs", &"//! P.\n".repeat(LINES_MAX + 1)).len(), 1);
    }

    #[test]
    fn every_folder_of_the_map_and_every_package_has_a_readme() {
        let missed = |tree: &Tree| {
            let mut findings = Findings::default();
            check_readmes(tree, ["crates/a", "crates/a/guest"].into_iter(), &mut findings);
            findings.faults.len()
        };
        assert_eq!(missed(&Tree::of(&[])), FOLDERS.len() + 2);
        let there = [("crates/a/guest/README.md", ""), ("docs/README.md", "")];
        assert_eq!(missed(&Tree::of(&there)), FOLDERS.len());
    }
}
