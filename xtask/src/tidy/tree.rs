//! The files of the project with their text, read once.
//! Not here: what is built, downloaded or kept by git.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Folders that hold nothing of ours, wherever they are.
const SKIPPED: [&str; 7] = [".git", ".spin", ".cache", ".venv", "target", "node_modules", "__pycache__"];

/// The files of the project.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Text by path below the root, with `/` between the parts; none for what is not UTF-8.
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// Reads all files below a root.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        read_folder(root, "", &mut files)?;
        Ok(Self { files })
    }

    /// A tree of a few files, for tests.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let own = |(path, text): &(&str, &str)| ((*path).to_owned(), Some((*text).to_owned()));
        Self { files: files.iter().map(own).collect() }
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is such a file.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// The text of a file; none if it is missing or not UTF-8.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// The files below a folder, or all for an empty one, that are text.
    pub(super) fn texts(&self, folder: &str) -> impl Iterator<Item = (&str, &str)> {
        self.paths(folder).filter_map(|path| Some((path, self.text(path)?)))
    }

    /// The paths below a folder, or all for an empty one.
    pub(super) fn paths(&self, folder: &str) -> impl Iterator<Item = &str> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        self.files.keys().map(String::as_str).filter(move |path| path.starts_with(&prefix))
    }

    /// The names of the folders directly in a folder.
    pub(super) fn folders(&self, folder: &str) -> BTreeSet<&str> {
        let below = self.paths(folder).filter_map(|path| path.get(folder.len()..)?.strip_prefix('/'));
        below.filter_map(|path| Some(path.split_once('/')?.0)).collect()
    }
}

fn read_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Option<String>>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().with_context(|| format!("cannot look at {path}"))?;
        if kind.is_dir() {
            if !SKIPPED.contains(&name) {
                read_folder(&entry.path(), &format!("{path}/"), files)?;
            }
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?;
            files.insert(path, String::from_utf8(bytes).ok());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_those_directly_inside() {
        let tree = Tree::of(&[("a/b/c.rs", ""), ("a/d.rs", ""), ("ab/e/f.rs", ""), ("a/b/g/h.rs", "")]);
        assert_eq!(tree.folders("a").into_iter().collect::<Vec<_>>(), ["b"]);
        assert_eq!(tree.paths("a/b").collect::<Vec<_>>(), ["a/b/c.rs", "a/b/g/h.rs"]);
        assert_eq!(tree.texts("").count(), 4);
    }

    #[test]
    fn this_very_file_is_read_and_nothing_that_is_built() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let tree = Tree::read(root).unwrap();
        assert!(tree.text("xtask/src/tidy/tree.rs").is_some_and(|text| text.contains("this_very_file")));
        assert!(tree.paths("target").next().is_none());
        assert!(tree.paths(".git").next().is_none());
    }
}
