//! Expressions: read once, with every name and value accounted for, then evaluated against an item.
//! Not in it: paths into lists and maps, `IN`, `contains`, `size`, `attribute_type`, `list_append` and `DELETE`; they are refused.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html>

mod condition;
mod lexer;
mod parser;
mod update;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::condition::{Comparator, Condition, Operand};
use self::parser::Parser;
pub(crate) use self::update::Update;
use super::error;
use super::input::Placeholders;
use super::item::Item;
use super::value::Value;
use crate::cloud::error::ApiError;

/// Names and values behind placeholders, and which of them were used.
#[derive(Debug)]
pub(crate) struct Scope {
    names: BTreeMap<String, String>,
    values: Item,
    used: RefCell<BTreeSet<String>>,
}

impl Scope {
    /// Takes the placeholders of a request; those of one without expressions must be absent, and none may be empty.
    pub(crate) fn new(placeholders: Placeholders, has_expressions: bool) -> Result<Self, ApiError> {
        let Placeholders { names, values } = placeholders;
        if !has_expressions && (names.is_some() || values.is_some()) {
            let what = if names.is_some() { "Names" } else { "Values" };
            return Err(error::invalid(format!(
                "ExpressionAttribute{what} can only be specified when using expressions"
            )));
        }
        if names.as_ref().is_some_and(BTreeMap::is_empty) {
            return Err(error::invalid("ExpressionAttributeNames must not be empty"));
        }
        if values.as_ref().is_some_and(BTreeMap::is_empty) {
            return Err(error::invalid("ExpressionAttributeValues must not be empty"));
        }
        Ok(Self {
            names: names.unwrap_or_default(),
            values: values.unwrap_or_default(),
            used: RefCell::default(),
        })
    }

    /// Reads a condition.
    pub(crate) fn condition(&self, text: &str) -> Result<Condition, ApiError> {
        Parser::new(self, "ConditionExpression", text)?.condition()
    }

    /// Reads a key condition; its shape is checked by the query.
    pub(crate) fn key_condition(&self, text: &str) -> Result<Condition, ApiError> {
        Parser::new(self, "KeyConditionExpression", text)?.condition()
    }

    /// Reads an update.
    pub(crate) fn update(&self, text: &str) -> Result<Update, ApiError> {
        Parser::new(self, "UpdateExpression", text)?.update()
    }

    /// After all expressions were read: refuses what none of them used.
    pub(crate) fn check_used(&self) -> Result<(), ApiError> {
        let used = self.used.borrow();
        let unused = |all: Vec<&String>| -> Vec<String> {
            all.into_iter().filter(|key| !used.contains(*key)).cloned().collect()
        };
        for (what, left) in
            [("Names", unused(self.names.keys().collect())), ("Values", unused(self.values.keys().collect()))]
        {
            if !left.is_empty() {
                let keys = left.join(", ");
                return Err(error::invalid(format!(
                    "Value provided in ExpressionAttribute{what} unused in expressions: keys: {{{keys}}}"
                )));
            }
        }
        Ok(())
    }

    fn name(&self, expression: &str, placeholder: &str) -> Result<String, ApiError> {
        self.used.borrow_mut().insert(placeholder.to_owned());
        self.names.get(placeholder).cloned().ok_or_else(|| {
            error::invalid(format!(
                "Invalid {expression}: An expression attribute name used in the document path is not defined; \
                 attribute name: {placeholder}"
            ))
        })
    }

    fn value(&self, expression: &str, placeholder: &str) -> Result<Value, ApiError> {
        self.used.borrow_mut().insert(placeholder.to_owned());
        self.values.get(placeholder).cloned().ok_or_else(|| {
            error::invalid(format!(
                "Invalid {expression}: An expression attribute value used in expression is not defined; \
                 attribute value: {placeholder}"
            ))
        })
    }
}

#[cfg(test)]
mod tests;
