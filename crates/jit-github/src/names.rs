//! Text that goes into a request: checked once, then it cannot be wrong.
//!
//! Not here: whether GitHub knows the name.

use std::fmt;

use serde::Serialize;

use crate::limits;

/// Why a text cannot be used; it never repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty or, for a list, has no item.
    #[error("{what} is empty")]
    Empty {
        /// What the text is meant to be.
        what: &'static str,
    },
    /// The text, or the list, is longer than it may be.
    #[error("{what} is longer than {max}")]
    TooLong {
        /// What the text is meant to be.
        what: &'static str,
        /// How long it may be, in characters (paths: bytes; lists: items).
        max: usize,
    },
    /// The text holds a character, or a part such as `..`, that has no place in it.
    #[error("{what} holds a character or a part that is not allowed")]
    NotAllowed {
        /// What the text is meant to be.
        what: &'static str,
    },
}

fn check(
    what: &'static str,
    text: &str,
    characters_max: usize,
    allowed: impl Fn(char) -> bool,
) -> Result<(), NameError> {
    if text.is_empty() {
        Err(NameError::Empty { what })
    } else if text.chars().count() > characters_max {
        Err(NameError::TooLong { what, max: characters_max })
    } else if text == "." || text == ".." || !text.chars().all(allowed) {
        Err(NameError::NotAllowed { what })
    } else {
        Ok(())
    }
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.')
}

/// The login of an account: an organisation or a user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(String);

impl Owner {
    /// Checks a login.
    ///
    /// # Errors
    /// [`NameError`] if it is empty, too long, or holds anything but letters, digits, `-`, `_` and `.`.
    pub fn new(login: &str) -> Result<Self, NameError> {
        check("account login", login, limits::NAME_CHARACTERS_MAX, is_name_character)?;
        Ok(Self(login.to_owned()))
    }

    /// Returns the login as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A repository, named by its owner and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    owner: Owner,
    name: String,
}

impl Repository {
    /// Checks an owner and a name.
    ///
    /// # Errors
    /// [`NameError`] if one of them cannot be a name.
    pub fn new(owner: &str, name: &str) -> Result<Self, NameError> {
        check("repository name", name, limits::NAME_CHARACTERS_MAX, is_name_character)?;
        Ok(Self { owner: Owner::new(owner)?, name: name.to_owned() })
    }

    /// Reads `owner/name`, as a payload's `full_name` has it.
    ///
    /// # Errors
    /// [`NameError`] if there is not exactly one slash, or a part cannot be a name.
    pub fn parse(full_name: &str) -> Result<Self, NameError> {
        let (owner, name) =
            full_name.split_once('/').ok_or(NameError::NotAllowed { what: "repository full name" })?;
        Self::new(owner, name)
    }

    /// Returns the account that the repository belongs to.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Returns the name without its owner.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.owner, self.name)
    }
}

/// Where a runner is registered, and so which jobs can reach it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// An organisation; its runner groups say which repositories may use the runner.
    Organisation(Owner),
    /// One repository.
    Repository(Repository),
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organisation(owner) => owner.fmt(formatter),
            Self::Repository(repository) => repository.fmt(formatter),
        }
    }
}

/// The name of a runner, unique among the live runners of its scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RunnerName(String);

impl RunnerName {
    /// Checks a runner's name.
    ///
    /// # Errors
    /// [`NameError`] if it is empty, longer than [`limits::RUNNER_NAME_CHARACTERS_MAX`], or holds anything but letters, digits,
    /// `-`, `_` and `.`: GitHub takes more, we write no such name.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check("runner name", name, limits::RUNNER_NAME_CHARACTERS_MAX, is_name_character)?;
        Ok(Self(name.to_owned()))
    }

    /// Returns the name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The labels of a runner: 1 to [`limits::LABELS_MAX`], none twice.
///
/// Two labels that differ in case only are one label, as they are for GitHub; the first spelling and the given order are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Labels(Vec<String>);

impl Labels {
    /// Checks labels and drops repetitions.
    ///
    /// # Errors
    /// [`NameError`] if there is none, if there are too many, or if one is empty, too long, or holds a control character.
    pub fn new(labels: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, NameError> {
        let mut kept: Vec<String> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for label in labels {
            let label = label.as_ref().trim();
            check("label", label, limits::LABEL_CHARACTERS_MAX, |character| !character.is_control())?;
            if seen.insert(label.to_lowercase()) {
                kept.push(label.to_owned());
            }
            if kept.len() > limits::LABELS_MAX {
                return Err(NameError::TooLong { what: "label list", max: limits::LABELS_MAX });
            }
        }
        if kept.is_empty() { Err(NameError::Empty { what: "label list" }) } else { Ok(Self(kept)) }
    }

    /// Returns the labels in their order.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// The path of a file inside a repository, such as `.github/workflows/ci.yml`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

impl FilePath {
    /// Checks a path.
    ///
    /// # Errors
    /// [`NameError`] if it is empty or longer than [`limits::PATH_BYTES_MAX`] bytes, if it begins or ends with a slash, or has a part
    /// that is empty, `.` or `..`, or a control character.
    pub fn new(path: &str) -> Result<Self, NameError> {
        let what = "file path";
        if path.len() > limits::PATH_BYTES_MAX {
            return Err(NameError::TooLong { what, max: limits::PATH_BYTES_MAX });
        }
        if path.is_empty() {
            return Err(NameError::Empty { what });
        }
        for part in path.split('/') {
            check(what, part, limits::PATH_BYTES_MAX, |character| !character.is_control())
                .map_err(|_| NameError::NotAllowed { what })?;
        }
        Ok(Self(path.to_owned()))
    }

    /// Returns the path as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

/// A branch, a tag or a commit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitRef(String);

impl GitRef {
    /// Checks a reference.
    ///
    /// # Errors
    /// [`NameError`] if it is empty, longer than [`limits::PATH_BYTES_MAX`] bytes, or holds a control character or a blank.
    pub fn new(reference: &str) -> Result<Self, NameError> {
        let what = "git reference";
        if reference.len() > limits::PATH_BYTES_MAX {
            return Err(NameError::TooLong { what, max: limits::PATH_BYTES_MAX });
        }
        check(what, reference, limits::PATH_BYTES_MAX, |character| {
            !character.is_control() && !character.is_whitespace()
        })?;
        Ok(Self(reference.to_owned()))
    }

    /// Returns the reference as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_name_has_exactly_one_slash_and_two_names() {
        let repository = Repository::parse("octo-org/octo.repo_1").unwrap();
        assert_eq!(repository.owner().as_str(), "octo-org");
        assert_eq!(repository.name(), "octo.repo_1");
        assert_eq!(repository.to_string(), "octo-org/octo.repo_1");
        for wrong in ["", "a", "a/", "/b", "a/b/c", "a/..", "../b", "a/b?x=1", "a b/c", "a/b%2f"] {
            assert!(Repository::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_runner_name_of_64_characters_is_the_longest() {
        assert!(RunnerName::new(&"a".repeat(64)).is_ok());
        assert_eq!(
            RunnerName::new(&"a".repeat(65)),
            Err(NameError::TooLong { what: "runner name", max: 64 })
        );
    }

    #[test]
    fn a_file_path_cannot_leave_the_repository() {
        assert!(FilePath::new(".github/workflows/über sicht.yml").is_ok());
        for wrong in ["", "/a", "a/", "a//b", "../a", "a/./b", "a\n"] {
            assert!(FilePath::new(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn labels_that_differ_in_case_only_are_one_label() {
        let labels = Labels::new(["Self-Hosted", "linux", "self-hosted", " LINUX "]).unwrap();
        assert_eq!(labels.as_slice(), ["Self-Hosted", "linux"]);
    }

    #[test]
    fn a_runner_has_1_to_100_labels() {
        let many = |count: usize| (0..count).map(|number| format!("label-{number}"));
        assert_eq!(Labels::new(many(0)), Err(NameError::Empty { what: "label list" }));
        assert!(Labels::new(many(100)).is_ok());
        assert_eq!(Labels::new(many(101)), Err(NameError::TooLong { what: "label list", max: 100 }));
        assert!(Labels::new(["a", " "]).is_err());
    }

    proptest! {
        #[test]
        fn accepted_labels_are_distinct_and_accepting_them_again_changes_nothing(
            given in proptest::collection::vec("[a-dA-D ]{0,3}", 0..140),
        ) {
            if let Ok(labels) = Labels::new(&given) {
                let folded: std::collections::BTreeSet<_> =
                    labels.as_slice().iter().map(|label| label.to_lowercase()).collect();
                prop_assert_eq!(folded.len(), labels.as_slice().len());
                prop_assert!(folded.len() <= limits::LABELS_MAX);
                let wanted: std::collections::BTreeSet<_> =
                    given.iter().map(|label| label.trim().to_lowercase()).collect();
                prop_assert_eq!(folded, wanted);
                prop_assert_eq!(&Labels::new(labels.as_slice()).unwrap(), &labels);
            } else {
                let hollow = given.iter().any(|label| label.trim().is_empty());
                let distinct: std::collections::BTreeSet<_> =
                    given.iter().map(|label| label.trim().to_lowercase()).collect();
                prop_assert!(given.is_empty() || hollow || distinct.len() > limits::LABELS_MAX);
            }
        }
    }
}
