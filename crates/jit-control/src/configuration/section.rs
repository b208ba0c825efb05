//! A table of the file while it is read: gives each key's value or its default, and refuses what is not declared.

use toml::de::{DeTable, DeValue};

use super::fault::{Faults, Located, Place, Read, quoted};
use super::form::Form;
use super::key::{Key, Presence, Table, Times};
use super::nearest::nearest;

/// A table of the file.
pub(super) struct Section<'a> {
    table: Content<'a>,
    declared: &'static Table,
    /// Where it stands; for a table that is not there, where the table above it stands.
    pub(super) place: Place,
    pub(super) faults: &'a Faults,
}

/// What the file has of a table.
#[derive(Clone, Copy)]
enum Content<'a> {
    There(&'a DeTable<'a>),
    /// Nothing: defaults hold, and required keys are missing.
    Absent,
    /// Something else than a table, about which enough was said.
    Broken,
}

impl<'a> Section<'a> {
    /// The file itself.
    pub(super) fn root(
        table: &'a DeTable<'a>,
        declared: &'static Table,
        place: Place,
        faults: &'a Faults,
    ) -> Self {
        let section = Self { table: Content::There(table), declared, place, faults };
        section.refuse_unknown();
        section
    }

    /// The value of a key that is required or has a default.
    pub(super) fn get<F: Form>(&self, key: &Key<F>) -> Read<Located<F::Value>> {
        if let Some(located) = self.optional(key)? {
            return Ok(located);
        }
        let place = self.place.key(key.name);
        match (&key.presence, self.table) {
            (_, Content::Broken) => Err(super::fault::Recorded),
            (Presence::Default(text), _) => self.read_default(key, text, place),
            (Presence::Required | Presence::Optional(_), _) => {
                let remedy = format!("add `{}`; allowed is: {}", key.name, key.form.range());
                Err(self.faults.structure(&place, "is missing", remedy))
            }
        }
    }

    /// The value of a key; none when it is not there.
    pub(super) fn optional<F: Form>(&self, key: &Key<F>) -> Read<Option<Located<F::Value>>> {
        debug_assert!(
            self.declared.names().any(|n| n == key.name),
            "the table's declaration lacks {}",
            key.name
        );
        let Content::There(table) = self.table else { return Ok(None) };
        let Some(written) = table.get(key.name) else { return Ok(None) };
        let place = self.place.key(key.name).at(&written.span());
        let value = key.form.read(written.get_ref(), &place, self.faults)?;
        Ok(Some(Located { value, place }))
    }

    /// The table of that declaration in this one.
    pub(super) fn section(&self, declared: &'static Table) -> Section<'a> {
        let place = self.place.key(declared.name);
        let below = |table, place| Section { table, declared, place, faults: self.faults };
        let Content::There(table) = self.table else { return below(self.table, place) };
        let Some(written) = table.get(declared.name) else { return below(Content::Absent, place) };
        let place = place.at(&written.span());
        let section = match written.get_ref() {
            DeValue::Table(table) => below(Content::There(table), place),
            other => {
                self.refuse_type(other, &place, declared);
                below(Content::Broken, place)
            }
        };
        section.refuse_unknown();
        section
    }

    /// The tables of that declaration in this one, in the order of the file.
    pub(super) fn sections(&self, declared: &'static Table) -> Read<Vec<Section<'a>>> {
        let mut place = self.place.key(declared.name);
        let mut sections = Vec::new();
        if let Content::There(table) = self.table
            && let Some(written) = table.get(declared.name)
        {
            place = place.at(&written.span());
            let DeValue::Array(array) = written.get_ref() else {
                return Err(self.refuse_type(written.get_ref(), &place, declared));
            };
            for (i, element) in array.iter().enumerate() {
                let place = place.index(i).at(&element.span());
                let DeValue::Table(table) = element.get_ref() else {
                    return Err(self.refuse_type(element.get_ref(), &place, declared));
                };
                sections.push(Section { table: Content::There(table), declared, place, faults: self.faults });
            }
        }
        let (min, max) = match declared.times {
            Times::Once => (0, 1),
            Times::Many { min, max } => (min, max),
        };
        if sections.len() < min {
            let remedy = format!("add a `{}` table", declared.header);
            return Err(self.faults.structure(&place, "is missing", remedy));
        }
        if sections.len() > max {
            let what = format!("there are {} of them, more than {max}", sections.len());
            return Err(self.faults.value(&place, what, "remove some, or split the deployment"));
        }
        sections.iter().for_each(Section::refuse_unknown);
        Ok(sections)
    }

    fn read_default<F: Form>(
        &self,
        key: &Key<F>,
        text: &'static str,
        place: Place,
    ) -> Read<Located<F::Value>> {
        // The declarations' test reads every default, so that this never fails on a user.
        let written =
            DeValue::parse(text).map_err(|e| self.faults.value(&place, e.message(), "set the key"))?;
        let value = key.form.read(written.get_ref(), &place, self.faults)?;
        Ok(Located { value, place })
    }

    fn refuse_type(&self, value: &DeValue<'_>, place: &Place, declared: &Table) -> super::fault::Recorded {
        let what = format!("a value of type {} stands where a table belongs", value.type_str());
        self.faults.value(place, what, format!("write it under the header `{}`", declared.header))
    }

    fn refuse_unknown(&self) {
        let Content::There(table) = self.table else { return };
        for (key, _) in table {
            let name = key.get_ref().as_ref();
            if self.declared.names().any(|n| n == name) {
                continue;
            }
            let place = self.place.key(name).at(&key.span());
            let remedy = match nearest(name, self.declared.names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let known: Vec<_> = self.declared.names().map(|n| format!("`{n}`")).collect();
                    format!("remove it; known here are {}", known.join(", "))
                }
            };
            self.faults.structure(&place, format!("the key {} is not known", quoted(name)), remedy);
        }
    }
}
