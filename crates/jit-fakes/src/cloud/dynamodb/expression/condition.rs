//! Conditions on an item.
//! Not in it: how they are written.

use crate::cloud::dynamodb::item::Item;
use crate::cloud::dynamodb::value::Value;

/// What must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Compare(Operand, Comparator, Operand),
    Exists(String),
    BeginsWith(String, Operand),
}

/// An attribute or a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Path(String),
    Value(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparator {
    Equal,
    Different,
    Less,
    NotMore,
    More,
    NotLess,
}

impl Comparator {
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("=", Self::Equal),
        ("<>", Self::Different),
        ("<=", Self::NotMore),
        (">=", Self::NotLess),
        ("<", Self::Less),
        (">", Self::More),
    ];

    /// Compares two values; of different types they are different, and neither is less.
    pub(crate) fn holds(self, left: &Value, right: &Value) -> bool {
        let is_same_kind = left.kind() == right.kind();
        match self {
            Self::Equal => left == right,
            Self::Different => left != right,
            Self::Less => is_same_kind && left < right,
            Self::NotMore => is_same_kind && left <= right,
            Self::More => is_same_kind && left > right,
            Self::NotLess => is_same_kind && left >= right,
        }
    }
}

impl Operand {
    /// Its value in an item; none if the item lacks the attribute.
    pub(crate) fn of<'a>(&'a self, item: &'a Item) -> Option<&'a Value> {
        match self {
            Self::Path(name) => item.get(name),
            Self::Value(value) => Some(value),
        }
    }
}

impl Condition {
    /// Whether it holds for an item; an item that does not exist has no attributes.
    pub(crate) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::And(left, right) => left.holds(item) && right.holds(item),
            Self::Or(left, right) => left.holds(item) || right.holds(item),
            Self::Not(inner) => !inner.holds(item),
            Self::Exists(name) => item.contains_key(name),
            Self::Compare(left, comparator, right) => match (left.of(item), right.of(item)) {
                (Some(left), Some(right)) => comparator.holds(left, right),
                // What is not there differs from everything, and compares with nothing.
                _ => *comparator == Comparator::Different,
            },
            Self::BeginsWith(name, start) => match (item.get(name), start.of(item)) {
                (Some(Value::S(text)), Some(Value::S(start))) => text.starts_with(start),
                (Some(Value::B(bytes)), Some(Value::B(start))) => bytes.starts_with(start),
                _ => false,
            },
        }
    }
}
