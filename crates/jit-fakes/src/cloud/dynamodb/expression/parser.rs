//! Reads conditions and updates from pieces.
//! Not in it: what they do to an item.

use super::Scope;
use super::condition::{Comparator, Condition, Operand};
use super::lexer::{Token, tokens};
use super::update::{Addend, Term, Update};
use crate::cloud::dynamodb::error;
use crate::cloud::dynamodb::value::Value;
use crate::cloud::error::ApiError;

/// Words that need a `#name`; a few of the 573.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>
const RESERVED: [&str; 36] = [
    "ADD",
    "ALL",
    "AND",
    "BETWEEN",
    "BY",
    "CLOSE",
    "COMMENT",
    "CONDITION",
    "COUNT",
    "COUNTER",
    "DATA",
    "DATE",
    "DELETE",
    "HASH",
    "IN",
    "INDEX",
    "KEY",
    "KEYS",
    "NAME",
    "NOT",
    "OPEN",
    "OR",
    "PATH",
    "POSITION",
    "REGION",
    "REMOVE",
    "SET",
    "SIZE",
    "STATE",
    "STATUS",
    "TIME",
    "TIMESTAMP",
    "TTL",
    "TYPE",
    "VALUE",
    "VALUES",
];
/// The longest expression. <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const EXPRESSION_BYTES_MAX: usize = 4 << 10;
/// Parentheses and negations within each other, so that no text can exhaust the stack.
const DEPTH_MAX: usize = 50;

/// One expression being read.
pub(super) struct Parser<'a> {
    scope: &'a Scope,
    expression: &'static str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(scope: &'a Scope, expression: &'static str, text: &str) -> Result<Self, ApiError> {
        if text.len() > EXPRESSION_BYTES_MAX {
            return Err(error::invalid(format!(
                "Invalid {expression}: Expression size has exceeded the maximum allowed size"
            )));
        }
        if text.trim().is_empty() {
            return Err(error::invalid(format!("Invalid {expression}: The expression can not be empty;")));
        }
        let tokens = tokens(text).map_err(|what| syntax(expression, &what))?;
        Ok(Self { scope, expression, tokens, at: 0, depth: 0 })
    }

    /// Reads the whole as a condition.
    pub(super) fn condition(mut self) -> Result<Condition, ApiError> {
        let condition = self.any()?;
        self.end()?;
        Ok(condition)
    }

    /// Reads the whole as an update.
    pub(super) fn update(mut self) -> Result<Update, ApiError> {
        let mut update = Update::default();
        let mut seen = Vec::new();
        while self.at < self.tokens.len() {
            let section = ["SET", "REMOVE", "ADD"].into_iter().find(|word| self.keyword(word));
            let Some(section) = section else { return Err(self.unexpected()) };
            if seen.contains(&section) {
                return Err(self.invalid(&format!(
                    "The \"{section}\" section can only be used once in an update expression;"
                )));
            }
            seen.push(section);
            loop {
                match section {
                    "SET" => self.set(&mut update)?,
                    "ADD" => self.add(&mut update)?,
                    _ => {
                        let path = self.path()?;
                        update.removes.push(path);
                    }
                }
                if !self.sign(",") {
                    break;
                }
            }
        }
        update.check_paths().map_err(|message| self.invalid(message))?;
        Ok(update)
    }

    fn set(&mut self, update: &mut Update) -> Result<(), ApiError> {
        let path = self.path()?;
        self.expect("=")?;
        let first = self.term()?;
        let addend = if self.sign("+") {
            Some(Addend { sign: 1, term: self.term()? })
        } else if self.sign("-") {
            Some(Addend { sign: -1, term: self.term()? })
        } else {
            None
        };
        update.sets.push((path, first, addend));
        Ok(())
    }

    fn add(&mut self, update: &mut Update) -> Result<(), ApiError> {
        let path = self.path()?;
        match self.operand()? {
            Operand::Value(value @ Value::N(_)) => update.adds.push((path, value)),
            Operand::Value(_) | Operand::Path(_) => {
                return Err(self.invalid("Incorrect operand type for operator or function; operator: ADD"));
            }
        }
        Ok(())
    }

    fn term(&mut self) -> Result<Term, ApiError> {
        if self.function("if_not_exists") {
            let path = self.path()?;
            self.expect(",")?;
            let otherwise = self.operand()?;
            self.expect(")")?;
            return Ok(Term::IfNotExists(path, otherwise));
        }
        self.operand().map(Term::Operand)
    }

    fn any(&mut self) -> Result<Condition, ApiError> {
        let mut left = self.all()?;
        while self.keyword("OR") {
            left = Condition::Or(Box::new(left), Box::new(self.all()?));
        }
        Ok(left)
    }

    fn all(&mut self) -> Result<Condition, ApiError> {
        let mut left = self.one()?;
        while self.keyword("AND") {
            left = Condition::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Condition, ApiError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.invalid("The expression is nested too deeply"));
        }
        let condition = self.one_inside()?;
        self.depth -= 1;
        Ok(condition)
    }

    fn one_inside(&mut self) -> Result<Condition, ApiError> {
        if self.keyword("NOT") {
            return Ok(Condition::Not(Box::new(self.one()?)));
        }
        if self.sign("(") {
            let inner = self.any()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.function("attribute_exists") {
            let path = self.path()?;
            self.expect(")")?;
            return Ok(Condition::Exists(path));
        }
        if self.function("attribute_not_exists") {
            let path = self.path()?;
            self.expect(")")?;
            return Ok(Condition::Not(Box::new(Condition::Exists(path))));
        }
        if self.function("begins_with") {
            let path = self.path()?;
            self.expect(",")?;
            let start = self.operand()?;
            self.expect(")")?;
            return Ok(Condition::BeginsWith(path, start));
        }
        let left = self.operand()?;
        if self.keyword("BETWEEN") {
            let low = self.operand()?;
            if !self.keyword("AND") {
                return Err(self.unexpected());
            }
            let high = self.operand()?;
            let above = Condition::Compare(left.clone(), Comparator::NotLess, low);
            let below = Condition::Compare(left, Comparator::NotMore, high);
            return Ok(Condition::And(Box::new(above), Box::new(below)));
        }
        let comparator = Comparator::ALL.into_iter().find(|(sign, _)| self.sign(sign));
        let Some((_, comparator)) = comparator else { return Err(self.unexpected()) };
        Ok(Condition::Compare(left, comparator, self.operand()?))
    }

    fn operand(&mut self) -> Result<Operand, ApiError> {
        if let Some(Token::Value(placeholder)) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            return self.scope.value(self.expression, &placeholder).map(Operand::Value);
        }
        self.path().map(Operand::Path)
    }

    fn path(&mut self) -> Result<String, ApiError> {
        let name = match self.tokens.get(self.at).cloned() {
            Some(Token::Name(placeholder)) => self.scope.name(self.expression, &placeholder)?,
            Some(Token::Word(word)) if RESERVED.contains(&word.to_ascii_uppercase().as_str()) => {
                return Err(
                    self.invalid(&format!("Attribute name is a reserved keyword; reserved keyword: {word}"))
                );
            }
            Some(Token::Word(word)) if !word.starts_with(|char: char| char.is_ascii_digit()) => word,
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        if self.sign(".") {
            return Err(self.invalid("this model has no paths into maps"));
        }
        Ok(name)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let is_it =
            matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(is_it);
        is_it
    }

    /// A function's name with its opening parenthesis. Names of functions are lower case.
    fn function(&mut self, name: &str) -> bool {
        let is_it = matches!(
            self.tokens.get(self.at..self.at + 2),
            Some([Token::Word(word), Token::Sign("(")]) if word == name
        );
        self.at += if is_it { 2 } else { 0 };
        is_it
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is_it = matches!(self.tokens.get(self.at), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, sign: &str) -> Result<(), ApiError> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn end(&self) -> Result<(), ApiError> {
        if self.at == self.tokens.len() { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> ApiError {
        let shown = match self.tokens.get(self.at) {
            None => "<EOF>".to_owned(),
            Some(Token::Word(text) | Token::Name(text) | Token::Value(text)) => text.clone(),
            Some(Token::Sign(sign)) => (*sign).to_owned(),
        };
        syntax(self.expression, &shown)
    }

    fn invalid(&self, message: &str) -> ApiError {
        error::invalid(format!("Invalid {}: {message}", self.expression))
    }
}

fn syntax(expression: &str, token: &str) -> ApiError {
    error::invalid(format!("Invalid {expression}: Syntax error; token: \"{token}\""))
}
