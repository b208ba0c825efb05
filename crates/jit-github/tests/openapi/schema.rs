//! As much of OpenAPI as the slice needs: references, operations, checking a value, and making the smallest value.
//!
//! Not here: formats, patterns and numeric ranges, of which nothing that we send has any.

use std::path::Path;

use serde_json::{Map, Value, json};

/// GitHub's description of its REST interface, cut to the operations that we use.
pub(crate) struct Description(Value);

/// What the smallest value has where a schema allows null.
#[derive(Clone, Copy)]
pub(crate) enum Nullable {
    /// Null.
    Null,
    /// A value of the other type.
    Value,
}

/// What a field means that a schema does not describe.
#[derive(Clone, Copy, PartialEq)]
enum Unknown {
    /// A fault: GitHub would ignore it in silence.
    Refused,
    /// Nothing: another part of the same `allOf` may describe it.
    Allowed,
}

/// How deep schemas are followed; GitHub's own nest about ten levels.
const DEPTH_MAX: usize = 40;

impl Description {
    /// Reads the slice.
    pub(crate) fn load() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/github-openapi-slice.json");
        Self(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    }

    /// Finds an operation by its id; returns its method, path template and description.
    pub(crate) fn operation(&self, id: &str) -> (String, String, &Value) {
        for (path, methods) in self.0["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                if operation["operationId"] == id {
                    return (method.to_uppercase(), path.clone(), operation);
                }
            }
        }
        panic!("the slice has no operation {id}");
    }

    /// Follows references until a value is reached.
    pub(crate) fn resolve<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        while let Some(reference) = value["$ref"].as_str() {
            value = self.0.pointer(reference.trim_start_matches('#')).unwrap();
        }
        value
    }

    /// Returns the JSON body of one response: its schema and its examples.
    pub(crate) fn response<'a>(
        &'a self,
        operation: &'a Value,
        status: &str,
    ) -> Option<(&'a Value, Vec<&'a Value>)> {
        let content = &self.resolve(&operation["responses"][status])["content"]["application/json"];
        if content.is_null() {
            return None;
        }
        let examples = content["examples"].as_object().into_iter().flatten();
        let examples = examples.map(|(_, example)| &self.resolve(example)["value"]).collect();
        Some((&content["schema"], examples))
    }

    /// Says what is wrong with a value, if anything.
    pub(crate) fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        self.check_part(schema, value, at, Unknown::Refused)
    }

    fn check_part(&self, schema: &Value, value: &Value, at: &str, unknown: Unknown) -> Result<(), String> {
        let schema = self.resolve(schema);
        if value.is_null() && schema["nullable"] == true {
            return Ok(());
        }
        if let Some(options) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            let fits = options.iter().any(|option| self.check(option, value, at).is_ok());
            return if fits { Ok(()) } else { Err(format!("{at}: fits no alternative")) };
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.check_part(part, value, at, Unknown::Allowed)?;
        }
        if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
            return Err(format!("{at}: {value} is not allowed"));
        }
        let type_fits = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_u64() || value.is_i64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        if !type_fits {
            return Err(format!("{at}: {value} is no {}", schema["type"]));
        }
        self.check_object(schema, value, at, unknown)?;
        self.check_array(schema, value, at)
    }

    fn check_object(&self, schema: &Value, value: &Value, at: &str, unknown: Unknown) -> Result<(), String> {
        let Some(object) = value.as_object() else { return Ok(()) };
        for required in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(required.as_str().unwrap()) {
                return Err(format!("{at}: {required} is missing"));
            }
        }
        for (name, field) in object {
            match schema["properties"].get(name) {
                Some(property) => self.check(property, field, &format!("{at}.{name}"))?,
                None if schema["properties"].is_object() && unknown == Unknown::Refused => {
                    return Err(format!("{at}: {name} is unknown"));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn check_array(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let Some(items) = value.as_array() else { return Ok(()) };
        let count = items.len() as u64;
        let below = schema["minItems"].as_u64().is_some_and(|min| count < min);
        let above = schema["maxItems"].as_u64().is_some_and(|max| count > max);
        if below || above {
            return Err(format!("{at}: {count} items"));
        }
        items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| self.check(&schema["items"], item, &format!("{at}[{index}]")))
    }

    /// Makes the smallest value that a schema allows: required properties only, one item in each list.
    pub(crate) fn smallest(&self, schema: &Value, nullable: Nullable) -> Value {
        self.smallest_at(schema, nullable, 0)
    }

    fn smallest_at(&self, schema: &Value, nullable: Nullable, depth: usize) -> Value {
        assert!(depth < DEPTH_MAX, "a schema contains itself");
        let schema = self.resolve(schema);
        // The whole reply is never null, even where its schema, shared with fields, allows it.
        if depth > 0 && schema["nullable"] == true && matches!(nullable, Nullable::Null) {
            return Value::Null;
        }
        for alternatives in ["oneOf", "anyOf"] {
            if let Some(first) = schema[alternatives].get(0) {
                return self.smallest_at(first, nullable, depth + 1);
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let parts = parts.iter().map(|part| self.smallest_at(part, nullable, depth + 1));
            let fields = parts.filter_map(|part| part.as_object().cloned()).flatten();
            return Value::Object(fields.collect());
        }
        if let Some(allowed) = schema["enum"].get(0) {
            return allowed.clone();
        }
        match schema["type"].as_str() {
            Some("array") => json!([self.smallest_at(&schema["items"], nullable, depth + 1)]),
            Some("string") if schema["format"] == "date-time" => json!("2020-01-22T19:33:08Z"),
            Some("string") => json!("x"),
            Some("integer" | "number") => json!(7),
            Some("boolean") => json!(true),
            _ => {
                let mut object = Map::new();
                for name in schema["required"].as_array().into_iter().flatten() {
                    let name = name.as_str().unwrap();
                    let property = &schema["properties"][name];
                    object.insert(name.to_owned(), self.smallest_at(property, nullable, depth + 1));
                }
                Value::Object(object)
            }
        }
    }
}
