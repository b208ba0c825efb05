//! Updates of an item.
//! Not in it: how they are written, and which attributes are keys.

use std::collections::BTreeSet;

use super::Operand;
use crate::cloud::dynamodb::item::Item;
use crate::cloud::dynamodb::value::Value;

/// What is to change. All values are computed from the item as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Update {
    pub(super) sets: Vec<(String, Term, Option<Addend>)>,
    pub(super) removes: Vec<String>,
    pub(super) adds: Vec<(String, Value)>,
}

/// A value to be set, or one part of a sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Operand(Operand),
    IfNotExists(String, Operand),
}

/// The other part of a sum or difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addend {
    pub(super) sign: i128,
    pub(super) term: Term,
}

const NOT_THERE: &str = "The provided expression refers to an attribute that does not exist in the item";
const WRONG_TYPE: &str = "An operand in the update expression has an incorrect data type";

impl Term {
    fn of<'a>(&'a self, item: &'a Item) -> Result<&'a Value, &'static str> {
        match self {
            Self::Operand(operand) => operand.of(item).ok_or(NOT_THERE),
            Self::IfNotExists(name, otherwise) => {
                item.get(name).or_else(|| otherwise.of(item)).ok_or(NOT_THERE)
            }
        }
    }
}

impl Update {
    /// The attributes that it names as targets.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &String> {
        let sets = self.sets.iter().map(|(path, _, _)| path);
        sets.chain(&self.removes).chain(self.adds.iter().map(|(path, _)| path))
    }

    pub(super) fn check_paths(&self) -> Result<(), &'static str> {
        let mut seen = BTreeSet::new();
        if self.paths().all(|path| seen.insert(path)) {
            Ok(())
        } else {
            Err("Two document paths overlap with each other; must remove or rewrite one of these paths;")
        }
    }

    /// The item after the update; the error is a sentence.
    pub(crate) fn apply(&self, item: &Item) -> Result<Item, &'static str> {
        let mut after = item.clone();
        for (path, first, addend) in &self.sets {
            let first = first.of(item)?;
            let value = match addend {
                None => first.clone(),
                Some(Addend { sign, term }) => first.plus(term.of(item)?, *sign).ok_or(WRONG_TYPE)?,
            };
            after.insert(path.clone(), value);
        }
        for path in &self.removes {
            after.remove(path);
        }
        for (path, value) in &self.adds {
            let sum = match item.get(path) {
                None => value.clone(),
                Some(before) => before.plus(value, 1).ok_or(WRONG_TYPE)?,
            };
            after.insert(path.clone(), sum);
        }
        Ok(after)
    }
}
