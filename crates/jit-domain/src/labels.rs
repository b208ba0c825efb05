//! Label sets. GitHub compares labels without case and in no order.

use std::collections::BTreeSet;
use std::fmt;

/// A set of labels in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelSet(BTreeSet<String>);

impl LabelSet {
    /// Whether each label of this set is in `other`: then a runner with `other` may take a job with this set.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether the set holds the label, without case.
    pub fn contains(&self, label: &str) -> bool {
        self.0.contains(&label.to_lowercase())
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The labels that `other` lacks.
    pub fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        self.0.difference(&other.0).map(String::as_str)
    }
}

impl<S: AsRef<str>> FromIterator<S> for LabelSet {
    fn from_iter<I: IntoIterator<Item = S>>(labels: I) -> Self {
        Self(labels.into_iter().map(|l| l.as_ref().trim().to_lowercase()).filter(|l| !l.is_empty()).collect())
    }
}

impl fmt::Display for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, label) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str(label)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::LabelSet;

    fn set(labels: &[&str]) -> LabelSet {
        labels.iter().collect()
    }

    #[test]
    fn matching_ignores_case_and_order() {
        assert!(set(&["B", "a"]).is_subset(&set(&["A", "b", "c"])));
        assert!(!set(&["a", "d"]).is_subset(&set(&["a"])));
        assert_eq!(set(&["x", "X ", ""]), set(&["x"]));
    }
}
