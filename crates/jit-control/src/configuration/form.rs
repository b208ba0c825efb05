//! The forms a value may have: text, a word of a list, a number, yes or no, a duration, a list of those.
//! Which key has which form is in `keys.rs`.

use std::time::Duration;

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::duration;
use super::fault::{Faults, Located, Place, Read, Recorded, quoted};
use super::nearest::nearest;

/// Reads a value of one form, and describes the form for the reference.
pub(super) trait Form: Sync {
    /// What it becomes.
    type Value;

    /// Reads the value, or records everything that is wrong with it.
    fn read(&self, value: &DeValue<'_>, place: &Place, faults: &Faults) -> Read<Self::Value>;

    /// The type, for the reference.
    fn kind(&self) -> String;

    /// The unit, for the reference; empty without one.
    fn unit(&self) -> &'static str {
        ""
    }

    /// What is allowed, for the reference.
    fn range(&self) -> String;
}

/// A text that follows a rule.
pub(super) struct Text<T> {
    /// The rule, as it is told to people.
    pub(super) rule: &'static str,
    /// A text that follows the rule.
    pub(super) example: &'static str,
    /// Reads a text that follows the rule.
    pub(super) parse: fn(&str) -> Option<T>,
}

impl<T> Form for Text<T> {
    type Value = T;

    fn read(&self, value: &DeValue<'_>, place: &Place, faults: &Faults) -> Read<T> {
        let Some(text) = value.as_str() else { return Err(wrong_type(value, self, place, faults)) };
        (self.parse)(text).ok_or_else(|| {
            let what = format!("{} does not follow the rule: {}", quoted(text), self.rule);
            faults.value(place, what, format!("write it like `{}`", self.example))
        })
    }

    fn kind(&self) -> String {
        "text".to_owned()
    }

    fn range(&self) -> String {
        format!("{}, such as `{}`", self.rule, self.example)
    }
}

/// One of some words.
pub(super) struct Word<T: 'static> {
    /// The words and what they mean.
    pub(super) words: &'static [(&'static str, T)],
    /// Words that a later version will know.
    pub(super) planned: &'static [&'static str],
}

impl<T: Copy + Sync> Form for Word<T> {
    type Value = T;

    fn read(&self, value: &DeValue<'_>, place: &Place, faults: &Faults) -> Read<T> {
        let Some(text) = value.as_str() else { return Err(wrong_type(value, self, place, faults)) };
        if let Some((_, meaning)) = self.words.iter().find(|(word, _)| *word == text) {
            return Ok(*meaning);
        }
        if self.planned.contains(&text) {
            let what = format!("{} is not supported yet by this version", quoted(text));
            return Err(faults.value(place, what, format!("use {}", self.range())));
        }
        let remedy = match nearest(text, self.words.iter().map(|(word, _)| *word)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("use {}", self.range()),
        };
        Err(faults.value(place, format!("{} is not one of the words allowed", quoted(text)), remedy))
    }

    fn kind(&self) -> String {
        "word".to_owned()
    }

    fn range(&self) -> String {
        self.words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
    }
}

/// A whole number within bounds.
pub(super) struct Integer<T> {
    /// The smallest.
    pub(super) min: u64,
    /// The largest.
    pub(super) max: u64,
    /// What is counted.
    pub(super) unit: &'static str,
    /// Wraps a number within the bounds.
    pub(super) wrap: fn(u64) -> T,
}

impl<T> Form for Integer<T> {
    type Value = T;

    fn read(&self, value: &DeValue<'_>, place: &Place, faults: &Faults) -> Read<T> {
        let Some(written) = value.as_integer() else { return Err(wrong_type(value, self, place, faults)) };
        // Every number that TOML allows and that is no u64 is outside all our bounds too.
        let number = u64::from_str_radix(written.as_str(), written.radix()).ok();
        number.filter(|n| (self.min..=self.max).contains(n)).map(self.wrap).ok_or_else(|| {
            let what = format!("{} is not within {}", quoted(&written.to_string()), self.range());
            faults.value(place, what, "choose a number within the range")
        })
    }

    fn kind(&self) -> String {
        "whole number".to_owned()
    }

    fn unit(&self) -> &'static str {
        self.unit
    }

    fn range(&self) -> String {
        format!("{} to {}", self.min, self.max)
    }
}

/// Yes or no, with a meaning for each.
pub(super) struct Flag<T> {
    /// The meaning of `true`.
    pub(super) yes: T,
    /// The meaning of `false`.
    pub(super) no: T,
}

impl<T: Copy + Sync> Form for Flag<T> {
    type Value = T;

    fn read(&self, value: &DeValue<'_>, place: &Place, faults: &Faults) -> Read<T> {
        match value.as_bool() {
            Some(true) => Ok(self.yes),
            Some(false) => Ok(self.no),
            None => Err(wrong_type(value, self, place, faults)),
        }
    }

    fn kind(&self) -> String {
        "yes or no".to_owned()
    }

    fn range(&self) -> String {
        "`true` or `false`".to_owned()
    }
}

/// A duration within bounds.
pub(super) struct Span {
    /// The shortest.
    pub(super) min: Duration,
    /// The longest.
    pub(super) max: Duration,
}

impl Form for Span {
    type Value = Duration;

    fn read(&self, value: &DeValue<'_>, place: &Place, faults: &Faults) -> Read<Duration> {
        let Some(text) = value.as_str() else { return Err(wrong_type(value, self, place, faults)) };
        let Some(span) = duration::parse(text) else {
            let what = format!("{} is not a duration", quoted(text));
            return Err(faults.value(place, what, "write it like `90s`, `20m` or `5d2h`"));
        };
        if (self.min..=self.max).contains(&span) {
            return Ok(span);
        }
        let what = format!("{} is not within {}", quoted(text), self.range());
        Err(faults.value(place, what, "choose a duration within the range"))
    }

    fn kind(&self) -> String {
        "duration".to_owned()
    }

    fn unit(&self) -> &'static str {
        "d, h, m, s"
    }

    fn range(&self) -> String {
        format!("{} to {}", duration::format(self.min), duration::format(self.max))
    }
}

/// A list of values of one form, no two alike.
pub(super) struct List<F> {
    /// The form of each.
    pub(super) of: F,
    /// Fewest elements.
    pub(super) min: usize,
    /// Most elements.
    pub(super) max: usize,
}

impl<F: Form<Value: PartialEq>> Form for List<F> {
    type Value = Vec<Located<F::Value>>;

    fn read(&self, value: &DeValue<'_>, place: &Place, faults: &Faults) -> Read<Self::Value> {
        let Some(array) = value.as_array() else { return Err(wrong_type(value, self, place, faults)) };
        if !(self.min..=self.max).contains(&array.len()) {
            let what = format!("the list has {} elements, not {} to {}", array.len(), self.min, self.max);
            return Err(faults.value(place, what, "add or remove elements"));
        }
        let mut list: Self::Value = Vec::new();
        let mut whole = Ok(());
        for (i, element) in array.iter().enumerate() {
            match self.read_element(element, &list, place.index(i), faults) {
                Ok(element) => list.push(element),
                Err(recorded) => whole = Err(recorded),
            }
        }
        whole.map(|()| list)
    }

    fn kind(&self) -> String {
        format!("list of {}", self.of.kind())
    }

    fn unit(&self) -> &'static str {
        self.of.unit()
    }

    fn range(&self) -> String {
        format!("{} to {} different elements, each {}", self.min, self.max, self.of.range())
    }
}

impl<F: Form<Value: PartialEq>> List<F> {
    fn read_element(
        &self,
        element: &Spanned<DeValue<'_>>,
        before: &[Located<F::Value>],
        place: Place,
        faults: &Faults,
    ) -> Read<Located<F::Value>> {
        let place = place.at(&element.span());
        let value = self.of.read(element.get_ref(), &place, faults)?;
        match before.iter().find(|b| b.value == value) {
            Some(same) => {
                let what = format!("the list has this already, as `{}`", same.place.path);
                Err(faults.value(&place, what, "remove one of the two"))
            }
            None => Ok(Located { value, place }),
        }
    }
}

fn wrong_type<F: Form + ?Sized>(value: &DeValue<'_>, form: &F, place: &Place, faults: &Faults) -> Recorded {
    let what = format!("a value of type {} stands where a {} belongs", value.type_str(), form.kind());
    faults.value(place, what, format!("allowed is: {}", form.range()))
}
