//! The combinations of a matrix, as GitHub makes them: the product of the axes, less what `exclude` names, and what `include` adds.
//!
//! Not here: what an expression stands for.
//!
//! <https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations>

use std::collections::BTreeMap;

use super::fault::Position;
use super::yaml::{Node, Value};
use crate::limits;

/// One job of a matrix: its keys in the order in which they came, each with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Combination(Vec<(String, Node)>);

/// What a matrix holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Matrix {
    /// Its combinations, in GitHub's order.
    Known(Vec<Combination>),
    /// It cannot be known from the file.
    Unknown {
        /// Where the value stands that cannot be known.
        at: Position,
        /// Why not.
        why: Why,
    },
}

/// Why the combinations of a matrix are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// An expression stands in it.
    #[error("an expression stands in it, which only GitHub can work out")]
    Expression,
    /// It has a shape that GitHub does not document.
    #[error("it is not a mapping from names to lists of values")]
    Shape,
    /// GitHub would refuse it.
    #[error("`exclude` names something that is no key of the matrix")]
    Exclude,
    /// There are more combinations than GitHub takes, or than are worked out.
    #[error("it has more combinations than GitHub allows")]
    TooMany,
}

impl Combination {
    /// The keys and values.
    #[must_use]
    pub fn entries(&self) -> &[(String, Node)] {
        &self.0
    }

    fn value(&self, key: &str) -> Option<&Node> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    fn set(&mut self, key: &str, value: &Node) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some(entry) => entry.1 = value.clone(),
            None => self.0.push((key.to_owned(), value.clone())),
        }
    }
}

impl Matrix {
    pub(super) fn unknown(node: &Node) -> Self {
        let why = if node.has_expression() { Why::Expression } else { Why::Shape };
        Self::Unknown { at: node.at, why }
    }

    pub(super) fn read(node: &Node) -> Self {
        match combinations(node) {
            Ok(known) if known.len() > limits::MATRIX_JOBS_MAX => {
                Self::Unknown { at: node.at, why: Why::TooMany }
            }
            Ok(known) => Self::Known(known),
            Err((at, why)) => Self::Unknown { at, why },
        }
    }
}

/// A list of partial combinations: `include` or `exclude`.
type Partial<'a> = Vec<Vec<(&'a str, &'a Node)>>;

fn combinations(node: &Node) -> Result<Vec<Combination>, (Position, Why)> {
    if let Some(at) = expression(node) {
        return Err((at, Why::Expression));
    }
    let entries = node.entries().ok_or((node.at, Why::Shape))?;
    let is_axis = |name: &str| !matches!(name, "include" | "exclude");
    let mut axes: BTreeMap<&str, &[Node]> = BTreeMap::new();
    let mut product = vec![Combination(Vec::new())];
    for (key, values) in entries {
        let name = key.text().filter(|name| is_axis(name));
        let Some(name) = name else { continue };
        let values = values.items().filter(|items| !items.is_empty()).ok_or((values.at, Why::Shape))?;
        axes.insert(name, values);
        if product.len() * values.len() > limits::MATRIX_PRODUCT_MAX {
            return Err((key.at, Why::TooMany));
        }
        product = product.iter().flat_map(|so_far| extend(so_far, name, values)).collect();
    }
    if axes.is_empty() {
        product.clear();
    }
    let exclude = partial(node, "exclude")?;
    for entry in &exclude {
        if entry.is_empty() || entry.iter().any(|(key, _)| !axes.contains_key(key)) {
            return Err((node.at, Why::Exclude));
        }
    }
    product.retain(|combination| !exclude.iter().any(|entry| agrees(combination, entry)));
    Ok(add(product, &partial(node, "include")?, &axes))
}

fn extend<'a>(
    so_far: &'a Combination,
    name: &'a str,
    values: &'a [Node],
) -> impl Iterator<Item = Combination> + 'a {
    values.iter().map(move |value| {
        let mut next = so_far.clone();
        next.0.push((name.to_owned(), value.clone()));
        next
    })
}

/// Adds what `include` names: to each combination of the product whose axes it does not change, else as a combination of its own.
fn add(
    mut product: Vec<Combination>,
    include: &Partial<'_>,
    axes: &BTreeMap<&str, &[Node]>,
) -> Vec<Combination> {
    let mut own = Vec::new();
    // What an earlier entry added can be overwritten; what stands on an axis cannot.
    for entry in include {
        let of_axes: Vec<(&str, &Node)> =
            entry.iter().filter(|(key, _)| axes.contains_key(key)).copied().collect();
        let mut is_added = false;
        for combination in product.iter_mut().filter(|combination| agrees(combination, &of_axes)) {
            is_added = true;
            entry.iter().for_each(|(key, value)| combination.set(key, value));
        }
        if !is_added {
            let entries = entry.iter().map(|(key, node)| ((*key).to_owned(), (*node).clone()));
            own.push(Combination(entries.collect()));
        }
    }
    product.append(&mut own);
    product
}

/// Whether a combination has all these values.
fn agrees(combination: &Combination, entry: &[(&str, &Node)]) -> bool {
    entry.iter().all(|(key, value)| combination.value(key).is_some_and(|own| is_same(own, value)))
}

/// Whether two values are the same, wherever they stand; a quoted number is a text, and the order of keys is nothing.
fn is_same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Scalar { .. }, Value::Scalar { .. }) => one.single() == other.single(),
        (Value::Sequence(items), Value::Sequence(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(one, other)| is_same(one, other))
        }
        (Value::Mapping(entries), Value::Mapping(others)) => {
            entries.len() == others.len()
                && entries.iter().all(|(key, value)| {
                    key.text().and_then(|key| other.get(key)).is_some_and(|other| is_same(value, other))
                })
        }
        (Value::Scalar { .. } | Value::Sequence(_) | Value::Mapping(_), _) => false,
    }
}

fn partial<'a>(matrix: &'a Node, name: &str) -> Result<Partial<'a>, (Position, Why)> {
    let Some(node) = matrix.get(name).filter(|node| !node.is_null()) else { return Ok(Vec::new()) };
    let items = node.items().ok_or((node.at, Why::Shape))?;
    if items.len() > limits::MATRIX_PRODUCT_MAX {
        return Err((node.at, Why::TooMany));
    }
    let entry = |item: &'a Node| {
        let entries = item.entries().ok_or((item.at, Why::Shape))?;
        Ok(entries.iter().filter_map(|(key, value)| Some((key.text()?, value))).collect())
    };
    items.iter().map(entry).collect()
}

/// The first place at which an expression stands.
fn expression(node: &Node) -> Option<Position> {
    match &node.value {
        Value::Scalar { .. } => node.has_expression().then_some(node.at),
        Value::Sequence(items) => items.iter().find_map(expression),
        Value::Mapping(entries) => {
            entries.iter().find_map(|(key, value)| expression(key).or_else(|| expression(value)))
        }
    }
}

#[cfg(test)]
mod tests;
