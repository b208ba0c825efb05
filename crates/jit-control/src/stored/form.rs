//! How domain types get a form in JSON without knowing serde: a private mirror for each (`#[serde(remote = "..")]`,
//! which the compiler holds to the type field by field), and here what makes mirrors usable inside lists, maps and options.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A type with a form in JSON. Sealed: forms are made in this module only.
pub trait Formed: Sized {
    /// Writes the form.
    ///
    /// # Errors
    /// Those of the serializer.
    fn write_form<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads the form.
    ///
    /// # Errors
    /// Those of the deserializer, and what the type cannot hold.
    fn read_form<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// Gives types the form of their mirrors.
macro_rules! formed {
    ($($domain:ty: $mirror:ty),+ $(,)?) => {$(
        impl $crate::stored::form::Formed for $domain {
            fn write_form<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                <$mirror>::serialize(self, serializer)
            }

            fn read_form<'de, D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$mirror>::deserialize(deserializer)
            }
        }
    )+};
}
pub(crate) use formed;

/// `#[serde(with = "form")]`: one value.
pub(crate) fn serialize<T: Formed, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.write_form(serializer)
}

/// `#[serde(with = "form")]`: one value.
pub(crate) fn deserialize<'de, T: Formed, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read_form(deserializer)
}

/// A value on its way out.
pub(super) struct Wrote<'a, T>(pub(super) &'a T);

impl<T: Formed> Serialize for Wrote<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write_form(serializer)
    }
}

/// A value on its way in.
pub(super) struct Read<T>(pub(super) T);

impl<'de, T: Formed> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read_form(deserializer).map(Self)
    }
}

/// `#[serde(with = "form::option")]`: a value that may be missing.
pub(crate) mod option {
    use super::*;

    pub(crate) fn serialize<T: Formed, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().map(Wrote).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, T: Formed, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(Option::<Read<T>>::deserialize(deserializer)?.map(|read| read.0))
    }
}

/// `#[serde(with = "form::list")]`: any collection of values as an array.
pub(crate) mod list {
    use super::*;

    pub(crate) fn serialize<'a, C, T, S>(values: &'a C, serializer: S) -> Result<S::Ok, S::Error>
    where
        &'a C: IntoIterator<Item = &'a T>,
        T: Formed + 'a,
        S: Serializer,
    {
        serializer.collect_seq(values.into_iter().map(Wrote))
    }

    pub(crate) fn deserialize<'de, C, T, D>(deserializer: D) -> Result<C, D::Error>
    where
        C: IntoIterator<Item = T> + FromIterator<T>,
        T: Formed,
        D: Deserializer<'de>,
    {
        Ok(Vec::<Read<T>>::deserialize(deserializer)?.into_iter().map(|read| read.0).collect())
    }
}

/// `#[serde(with = "form::map")]`: an ordered map with keys of text as an object.
pub(crate) mod map {
    use std::collections::BTreeMap;

    use serde::de::Error as _;

    use super::super::leaf::Text;
    use super::*;

    pub(crate) fn serialize<K: Text + Ord, T: Formed, S: Serializer>(
        values: &BTreeMap<K, T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(values.iter().map(|(key, value)| (key.text(), Wrote(value))))
    }

    pub(crate) fn deserialize<'de, K: Text + Ord, T: Formed, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<K, T>, D::Error> {
        let read = BTreeMap::<String, Read<T>>::deserialize(deserializer)?;
        let typed = |(key, value): (String, Read<T>)| match K::parse_text(&key) {
            Some(key) => Ok((key, value.0)),
            None => Err(D::Error::custom(format_args!("`{key}` is not {}", K::WHAT))),
        };
        read.into_iter().map(typed).collect()
    }
}

/// `#[serde(with = "form::pairs")]`: an ordered map with keys of any form as an array of pairs.
pub(crate) mod pairs {
    use std::collections::BTreeMap;

    use super::*;

    pub(crate) fn serialize<K: Formed, T: Formed, S: Serializer>(
        values: &BTreeMap<K, T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|(key, value)| (Wrote(key), Wrote(value))))
    }

    pub(crate) fn deserialize<'de, K: Formed + Ord, T: Formed, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<K, T>, D::Error> {
        let read = Vec::<(Read<K>, Read<T>)>::deserialize(deserializer)?;
        Ok(read.into_iter().map(|(key, value)| (key.0, value.0)).collect())
    }
}
