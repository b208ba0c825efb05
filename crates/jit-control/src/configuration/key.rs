//! The declaration of a key and of a table of keys. The declarations themselves are in `keys.rs`.

use super::form::Form;

/// What holds when a key is not there.
pub(super) enum Presence {
    /// It must be there.
    Required,
    /// It may be left out, which means this.
    Optional(&'static str),
    /// It has this value, written as in the file.
    Default(&'static str),
}

/// A key: its name, its form, what holds without it, and what it means.
pub(super) struct Key<F> {
    /// Its name.
    pub(super) name: &'static str,
    /// The form of its value.
    pub(super) form: F,
    /// What holds without it.
    pub(super) presence: Presence,
    /// What it means, in whole sentences.
    pub(super) meaning: &'static str,
}

/// A key of any form, as the reference and the search for unknown keys see it.
pub(super) trait Declared: Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Its type.
    fn kind(&self) -> String;
    /// Its unit; empty without one.
    fn unit(&self) -> &'static str;
    /// What is allowed.
    fn range(&self) -> String;
    /// What holds without it.
    fn presence(&self) -> &Presence;
    /// What it means.
    fn meaning(&self) -> &'static str;
}

impl<F: Form> Declared for Key<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn kind(&self) -> String {
        self.form.kind()
    }

    fn unit(&self) -> &'static str {
        self.form.unit()
    }

    fn range(&self) -> String {
        self.form.range()
    }

    fn presence(&self) -> &Presence {
        &self.presence
    }

    fn meaning(&self) -> &'static str {
        self.meaning
    }
}

/// How often a table stands in the table above it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// Once, or not at all when none of its keys is required: `[table]`.
    Once,
    /// As a list of this many: `[[table]]`.
    Many {
        /// Fewest.
        min: usize,
        /// Most.
        max: usize,
    },
}

/// A table of keys.
pub(super) struct Table {
    /// Its name in the table above it; empty for the file itself.
    pub(super) name: &'static str,
    /// Its header in the file; empty for the file itself.
    pub(super) header: &'static str,
    /// How often it stands there.
    pub(super) times: Times,
    /// What it is about, in whole sentences.
    pub(super) meaning: &'static str,
    /// Its keys.
    pub(super) keys: &'static [&'static dyn Declared],
    /// The tables in it.
    pub(super) tables: &'static [&'static Table],
}

impl Table {
    /// Names of everything that may stand in it.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|k| k.name()).chain(self.tables.iter().map(|t| t.name))
    }
}

/// Declares a key that must be there.
pub(super) const fn required<F>(name: &'static str, form: F, meaning: &'static str) -> Key<F> {
    Key { name, form, presence: Presence::Required, meaning }
}

/// Declares a key that may be left out, which means `absence`.
pub(super) const fn optional<F>(
    name: &'static str,
    form: F,
    absence: &'static str,
    meaning: &'static str,
) -> Key<F> {
    Key { name, form, presence: Presence::Optional(absence), meaning }
}

/// Declares a key with a default, written as in the file.
pub(super) const fn default<F>(
    name: &'static str,
    form: F,
    value: &'static str,
    meaning: &'static str,
) -> Key<F> {
    Key { name, form, presence: Presence::Default(value), meaning }
}
