//! GitHub's own examples of `workflow_job` payloads: the fields of a delivery of which the model knows nothing.
//! Not in it: what the model knows, which always goes first (`job.rs` and its neighbours).
//!
//! The examples are Octokit's recordings, kept once, with the tests of the protocol; `tests/octokit.rs` holds the copies to the package.

use std::sync::LazyLock;

use serde_json::Value;

use super::super::workflow::Conclusion;

/// Which example a delivery is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Example {
    Waiting,
    Queued,
    /// Of a job that is deployed to an environment: with the field `deployment`.
    QueuedForDeployment,
    InProgress,
    Succeeded,
    Failed,
}

impl Example {
    const ALL: [Self; 6] = [
        Self::Waiting,
        Self::Queued,
        Self::QueuedForDeployment,
        Self::InProgress,
        Self::Succeeded,
        Self::Failed,
    ];

    /// The example that is closest to what happened.
    pub(in super::super) fn of(action: &str, conclusion: Option<Conclusion>, deployed: bool) -> Self {
        match (action, conclusion) {
            ("waiting", _) => Self::Waiting,
            ("queued", _) if deployed => Self::QueuedForDeployment,
            ("queued", _) => Self::Queued,
            ("in_progress", _) => Self::InProgress,
            (_, Some(Conclusion::Success | Conclusion::Skipped) | None) => Self::Succeeded,
            (_, Some(Conclusion::Failure | Conclusion::Cancelled | Conclusion::TimedOut)) => Self::Failed,
        }
    }

    /// Adds to one part of a payload the fields that the example has there and `part` lacks.
    pub(in super::super) fn complete(self, name: &str, part: &mut Value) {
        if let Some(example) = self.parsed().get(name) {
            fill(part, example);
        }
    }

    /// Does so from this example, and then from a newer one: some examples are older than some fields.
    pub(in super::super) fn complete_as_today(self, name: &str, part: &mut Value) {
        self.complete(name, part);
        Self::InProgress.complete(name, part);
    }

    fn parsed(self) -> &'static Value {
        // Once, not for each delivery: a simulation sends tens of thousands.
        static PARSED: LazyLock<[Value; 6]> = LazyLock::new(|| Example::ALL.map(Example::parse));
        &PARSED[self as usize]
    }

    /// The texts are part of the program, and a test reads them all.
    fn parse(self) -> Value {
        serde_json::from_str(self.text()).unwrap_or(Value::Null)
    }

    fn text(self) -> &'static str {
        macro_rules! example {
            ($name:literal) => {
                include_str!(concat!("../../../../jit-github/tests/payloads/workflow_job.", $name, ".json"))
            };
        }
        match self {
            Self::Waiting => example!("waiting.1"),
            Self::Queued => example!("queued.1"),
            Self::QueuedForDeployment => example!("queued.2"),
            Self::InProgress => example!("in_progress.3"),
            Self::Succeeded => example!("completed.2"),
            Self::Failed => example!("completed.1"),
        }
    }
}

/// Adds fields that are missing, also deeper down; what is there stays, null and empty lists too.
fn fill(value: &mut Value, example: &Value) {
    let (Value::Object(value), Value::Object(example)) = (value, example) else { return };
    for (name, field) in example {
        match value.get_mut(name) {
            Some(known) => fill(known, field),
            None => {
                value.insert(name.clone(), field.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_example_is_where_its_number_says_and_tells_of_its_action() {
        for (number, example) in Example::ALL.into_iter().enumerate() {
            assert_eq!(example as usize, number);
            let action = example.parsed()["action"].as_str().unwrap();
            let conclusion = example.parsed()["workflow_job"]["conclusion"].as_str();
            let deployed = example.parsed().get("deployment").is_some();
            assert_eq!(Example::of(action, conclusion.and_then(Conclusion::parse), deployed), example);
        }
    }

    #[test]
    fn what_is_known_stays_and_what_is_missing_comes_from_the_example() {
        let mut value = json!({ "id": 1, "license": null, "owner": { "login": "octo-org" }, "topics": [] });
        fill(
            &mut value,
            &json!({ "id": 2, "license": { "key": "mit" }, "owner": { "login": "x", "type": "User" }, "topics": ["a"], "size": 3 }),
        );
        let expected = json!({ "id": 1, "license": null, "owner": { "login": "octo-org", "type": "User" }, "topics": [], "size": 3 });
        assert_eq!(value, expected);
    }
}
