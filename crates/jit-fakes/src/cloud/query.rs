//! The parameters of a Query API request: flat names with dots and list numbers.
//! Not in it: which names an action knows.

use std::collections::BTreeMap;

use super::error::ApiError;

/// A request's parameters, ordered by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads the query string and the form body. A name given twice keeps its first value.
    pub(crate) fn read(query: Option<&str>, body: &[u8]) -> Self {
        let mut parameters = BTreeMap::new();
        let query = query.unwrap_or_default().as_bytes();
        for (name, value) in url::form_urlencoded::parse(query).chain(url::form_urlencoded::parse(body)) {
            parameters.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(parameters)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| ApiError::missing(name))
    }

    /// Refuses another version of the API.
    pub(crate) fn check_version(&self, version: &str) -> Result<(), ApiError> {
        match self.require("Version")? {
            given if given == version => Ok(()),
            given => {
                Err(ApiError::bad("NoSuchVersion", format!("The requested version ({given}) is not valid.")))
            }
        }
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, ApiError> {
        let parse = |value: &str| value.parse().map_err(|_| ApiError::invalid(value, name));
        self.get(name).map(parse).transpose()
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(value) => Err(ApiError::invalid(value, name)),
        }
    }

    /// The numbers used in the list `prefix.<n>`, ascending.
    pub(crate) fn numbers(&self, prefix: &str) -> Vec<u32> {
        let start = format!("{prefix}.");
        let mut numbers: Vec<u32> = self
            .0
            .keys()
            .filter_map(|name| name.strip_prefix(&start))
            .filter_map(|rest| rest.split('.').next().and_then(|number| number.parse().ok()))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The values of the list `prefix.1`, `prefix.2`, ... in the order of their numbers.
    pub(crate) fn list(&self, prefix: &str) -> Vec<String> {
        let value = |number| self.get(&format!("{prefix}.{number}")).map(str::to_owned);
        self.numbers(prefix).into_iter().filter_map(value).collect()
    }

    /// Refuses the first parameter whose shape is not among `known`, where `N` stands for a list number.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        for name in self.0.keys() {
            let shape: Vec<_> = name.split('.').map(shape_of).collect();
            if !known.contains(&shape.join(".").as_str()) {
                let message = format!("The parameter {name} is not recognized");
                return Err(ApiError::bad("UnknownParameter", message));
            }
        }
        Ok(())
    }

    /// Everything but the named parameters, as one text that is equal only if all of them are.
    pub(crate) fn fingerprint(&self, except: &[&str]) -> Vec<(String, String)> {
        let kept = self.0.iter().filter(|(name, _)| !except.contains(&name.as_str()));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

fn shape_of(segment: &str) -> &str {
    let is_number = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { "N" } else { segment }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_is_read_in_the_order_of_its_numbers() {
        let query = Query::read(Some("Id.10=c"), b"Id.2=b&Id.1=a&Idx.1=no&Id.x=no");
        assert_eq!(query.list("Id"), ["a", "b", "c"]);
    }

    #[test]
    fn an_unknown_parameter_is_named_in_the_refusal() {
        let query = Query::read(None, b"Filter.1.Value.2=a&Bogus.1=b");
        let refusal = query.only(&["Filter.N.Value.N"]).unwrap_err();
        assert_eq!(refusal.message, "The parameter Bogus.1 is not recognized");
    }

    #[test]
    fn a_flag_is_true_or_false_and_nothing_else() {
        let query = Query::read(None, b"A=true&B=false&C=yes&D=");
        assert_eq!((query.flag("A"), query.flag("B"), query.flag("E")), (Ok(true), Ok(false), Ok(false)));
        assert!(query.flag("C").is_err() && query.flag("D").is_err() && query.number("C").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let query = Query::read(None, &body);
            let _ = (query.list("A"), query.only(&["A.N"]), query.number("A"));
        }

        #[test]
        fn encoded_parameters_come_back_as_they_were(
            parameters in proptest::collection::btree_map("[A-Za-z.0-9]{1,12}", any::<String>(), 0..8),
        ) {
            let mut body = url::form_urlencoded::Serializer::new(String::new());
            body.extend_pairs(&parameters);
            prop_assert_eq!(Query::read(None, body.finish().as_bytes()), Query(parameters));
        }
    }
}
