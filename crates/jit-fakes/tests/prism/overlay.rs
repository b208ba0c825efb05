//! Applies an overlay to an OpenAPI description: what GitHub does and its description does not say.
//! Not in it: the deviations, which stand with their reasons in `overlay.json`.
//!
//! The form is that of the OpenAPI Overlay Specification 1.0 (<https://spec.openapis.org/overlay/v1.0.0.html>, read 2026-11-22), of it
//! updates with an object and removals, at targets made of names and wildcards. Anything else is a fault, and so is a target that matches
//! nothing: the deviation is outdated.

use serde_json::Value;

/// One step of a target.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Any,
}

/// Applies all actions of an overlay, in their order.
pub(crate) fn apply(description: &mut Value, overlay: &Value) -> Result<(), String> {
    if overlay["overlay"] != "1.0.0" {
        return Err("not an overlay 1.0.0".to_owned());
    }
    for action in overlay["actions"].as_array().into_iter().flatten() {
        let target = action["target"].as_str().ok_or("an action without target")?;
        if action["description"].as_str().is_none_or(|reason| reason.len() < 20) {
            return Err(format!("{target}: no reason is given"));
        }
        let steps = steps(target).ok_or_else(|| format!("{target}: not a path of names and wildcards"))?;
        let matches = match (&action["update"], &action["remove"], steps.split_last()) {
            (update @ Value::Object(_), Value::Null, _) => each(description, &steps, &mut |value| {
                merge(value, update);
                1
            }),
            (Value::Null, Value::Bool(true), Some((Step::Name(name), above))) => {
                each(description, above, &mut |value| {
                    let removed = value.as_object_mut().and_then(|fields| fields.remove(name));
                    usize::from(removed.is_some())
                })
            }
            _ => return Err(format!("{target}: neither an update with an object nor the removal of a name")),
        };
        if matches == 0 {
            return Err(format!("{target}: matches nothing"));
        }
    }
    Ok(())
}

/// Reads `$.name.*['any text']`.
fn steps(target: &str) -> Option<Vec<Step>> {
    let mut rest = target.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let name;
        if let Some(quoted) = rest.strip_prefix("['") {
            (name, rest) = quoted.split_once("']")?;
            steps.push(Step::Name(name.to_owned()));
        } else {
            let plain = rest.strip_prefix('.')?;
            (name, rest) = plain.split_at(plain.find(['.', '[']).unwrap_or(plain.len()));
            match name {
                "" => return None,
                "*" => steps.push(Step::Any),
                _ => steps.push(Step::Name(name.to_owned())),
            }
        }
    }
    Some(steps)
}

/// Does something with everything at the end of the steps, and adds up what it says.
fn each(value: &mut Value, steps: &[Step], act: &mut impl FnMut(&mut Value) -> usize) -> usize {
    match (steps.split_first(), value) {
        (None, value) => act(value),
        (Some((Step::Name(name), rest)), value) => {
            value.get_mut(name).map_or(0, |value| each(value, rest, act))
        }
        (Some((Step::Any, rest)), Value::Object(fields)) => {
            fields.values_mut().map(|value| each(value, rest, act)).sum()
        }
        (Some((Step::Any, rest)), Value::Array(items)) => {
            items.iter_mut().map(|value| each(value, rest, act)).sum()
        }
        (Some((Step::Any, _)), _) => 0,
    }
}

/// Objects are merged, lists are joined, everything else is replaced.
fn merge(value: &mut Value, with: &Value) {
    match (value, with) {
        (Value::Object(value), Value::Object(with)) => {
            for (name, field) in with {
                merge(value.entry(name).or_insert(Value::Null), field);
            }
        }
        (Value::Array(value), Value::Array(with)) => value.extend(with.iter().cloned()),
        (value, with) => *value = with.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(target: &str, with: Value) -> Result<Value, String> {
        acted(json!({ "target": target, "description": "a reason that says enough", "update": with }))
    }

    fn acted(action: Value) -> Result<Value, String> {
        let mut description = json!({ "paths": {
            "/a": { "get": { "responses": { "200": {} } }, "parameters": ["p"] },
            "/b": { "get": { "responses": { "200": {}, "404": { "description": "old" } } } },
        } });
        apply(&mut description, &json!({ "overlay": "1.0.0", "actions": [action] }))?;
        Ok(description)
    }

    #[test]
    fn a_wildcard_reaches_every_operation_and_a_name_only_its_own() {
        let gone = json!({ "404": { "description": "gone" } });
        let all = applied("$.paths.*.*.responses", gone.clone()).unwrap();
        assert_eq!(
            all["paths"]["/a"]["get"]["responses"],
            json!({ "200": {}, "404": { "description": "gone" } })
        );
        assert_eq!(all["paths"]["/b"]["get"]["responses"]["404"]["description"], "gone");
        let one = applied("$.paths['/a'].get.responses", gone).unwrap();
        assert_eq!(one["paths"]["/a"]["get"]["responses"]["404"]["description"], "gone");
        assert_eq!(one["paths"]["/b"]["get"]["responses"]["404"]["description"], "old");
    }

    #[test]
    fn lists_are_joined() {
        let joined = applied("$.paths['/a']", json!({ "parameters": ["q"] })).unwrap();
        assert_eq!(joined["paths"]["/a"]["parameters"], json!(["p", "q"]));
    }

    #[test]
    fn a_name_is_removed_wherever_it_is() {
        let remove = |target: &str| json!({ "target": target, "description": "a reason that says enough", "remove": true });
        let without = acted(remove("$.paths.*.get.responses.404")).unwrap();
        assert_eq!(without["paths"]["/b"]["get"]["responses"], json!({ "200": {} }));
        assert!(acted(remove("$.paths.*.get.responses.500")).is_err());
        assert!(acted(remove("$.paths.*")).is_err());
    }

    #[test]
    fn what_is_outdated_or_not_understood_is_a_fault() {
        for target in ["$.paths['/c']", "$.paths.*.post", "paths", "$.", "$..responses", "$.paths['/a"] {
            assert!(applied(target, json!({})).is_err(), "{target}");
        }
        assert!(applied("$.paths", json!(1)).is_err());
        let silent = json!({ "overlay": "1.0.0", "actions": [{ "target": "$", "update": {} }] });
        assert!(apply(&mut json!({}), &silent).is_err(), "an action must give its reason");
        assert!(apply(&mut json!({}), &json!({})).is_err());
    }
}
