//! Replies against GitHub's OpenAPI description: required fields, types, words of enumerations.
//!
//! The description is the one that `jit-github` keeps among its test data.

use super::*;

struct Description(Value);

impl Description {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../jit-github/tests/data/github-openapi-slice.json");
        Self(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    }

    fn resolve<'a>(&'a self, mut schema: &'a Value) -> &'a Value {
        while let Some(reference) = schema["$ref"].as_str() {
            schema = self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        }
        schema
    }

    fn response(&self, path: &str, method: &str, status: u16) -> Option<&Value> {
        let response = &self.0["paths"][path][method]["responses"][status.to_string()];
        assert!(!response.is_null(), "{method} {path} has no {status}");
        let content = &self.resolve(response)["content"];
        content.get("application/json").map(|content| &content["schema"])
    }

    /// All that is wrong with `value`, each with its place.
    fn faults(&self, schema: &Value, value: &Value, place: &str) -> Vec<String> {
        let schema = self.resolve(schema);
        if value.is_null() && (schema["nullable"] == true || schema.get("type").is_none()) {
            return Vec::new();
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[choice].as_array() {
                let all = choices.iter().map(|schema| self.faults(schema, value, place)).collect::<Vec<_>>();
                return all.into_iter().min_by_key(Vec::len).unwrap_or_default();
            }
        }
        let mut faults = Vec::new();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            faults.extend(self.faults(part, value, place));
        }
        let fits = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_u64() || value.is_i64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        if !fits {
            faults.push(format!("{place}: {value} is no {}", schema["type"]));
        }
        if let Some(words) = schema["enum"].as_array().filter(|words| !words.contains(value)) {
            faults.push(format!("{place}: {value} is none of {words:?}"));
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if value.get(name).is_none() {
                faults.push(format!("{place}.{name} is missing"));
            }
        }
        for (name, part) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(value) = value.get(name) {
                faults.extend(self.faults(part, value, &format!("{place}.{name}")));
            }
        }
        for (n, item) in value.as_array().into_iter().flatten().enumerate() {
            faults.extend(self.faults(&schema["items"], item, &format!("{place}[{n}]")));
        }
        faults
    }

    fn check(&self, path: &str, method: &str, answer: &Answer) {
        let faults = match self.response(path, method, answer.status) {
            Some(schema) => self.faults(schema, &answer.body, ""),
            None if answer.body.is_null() || answer.body == json!({}) => Vec::new(),
            None => vec![format!("a body where none is described: {}", answer.body)],
        };
        assert!(faults.is_empty(), "{method} {path} {}:\n{}", answer.status, faults.join("\n"));
    }
}

#[test]
fn the_checker_finds_a_missing_field_a_wrong_type_and_a_wrong_word() {
    let description = Description::read();
    let schema = json!({ "$ref": "#/components/schemas/job" });
    let mut world = World::new();
    let job = world.one_job(&["linux"]);
    let good = world.get(&format!("/repos/octo-org/octo-repo/actions/jobs/{job}")).body;
    assert_eq!(description.faults(&schema, &good, ""), Vec::<String>::new());
    let mut bad = good.clone();
    bad.as_object_mut().unwrap().remove("run_url");
    bad["id"] = json!("7");
    bad["status"] = json!("sleeping");
    assert_eq!(description.faults(&schema, &bad, "").len(), 3);
}

#[test]
fn every_reply_for_the_app_is_as_described() {
    let description = Description::read();
    let mut world = World::new();
    world.one_job(&["linux"]);
    world.payloads();
    let installation = world.installation;
    let tokens = format!("/app/installations/{installation}/access_tokens");
    let answer = world.as_app("POST", &tokens, Some(json!({ "repositories": ["octo-repo"] })));
    description.check("/app/installations/{installation_id}/access_tokens", "post", &answer);
    for (path, described) in [
        ("/app".to_owned(), "/app"),
        (format!("/app/installations/{installation}"), "/app/installations/{installation_id}"),
        ("/orgs/octo-org/installation".to_owned(), "/orgs/{org}/installation"),
        ("/repos/octo-org/octo-repo/installation".to_owned(), "/repos/{owner}/{repo}/installation"),
        ("/app/hook/deliveries".to_owned(), "/app/hook/deliveries"),
    ] {
        let answer = world.as_app("GET", &path, None);
        description.check(described, "get", &answer);
    }
    // The list's own schema wants every account to be a user and an enterprise at once, so its items are checked alone.
    let answer = world.as_app("GET", "/app/installations", None);
    let schema = json!({ "type": "array", "items": { "$ref": "#/components/schemas/installation" } });
    assert_eq!(description.faults(&schema, &answer.body, ""), Vec::<String>::new());
    assert_eq!(answer.body[0]["account"]["login"], "octo-org");
    let id = world.as_app("GET", "/app/hook/deliveries", None).body[0]["id"].clone();
    let answer = world.as_app("GET", &format!("/app/hook/deliveries/{id}"), None);
    description.check("/app/hook/deliveries/{delivery_id}", "get", &answer);
    let answer = world.as_app("POST", &format!("/app/hook/deliveries/{id}/attempts"), None);
    description.check("/app/hook/deliveries/{delivery_id}/attempts", "post", &answer);
}

#[test]
fn every_reply_about_runners_is_as_described() {
    let description = Description::read();
    let mut world = World::new();
    let selected = GroupVisibility::Selected(BTreeSet::from([world.repository]));
    let group =
        world.github.add_runner_group(world.organization, "fast", selected, PublicRepositories::Refused);
    for (owner, described) in
        [("/orgs/octo-org", "/orgs/{org}"), ("/repos/octo-org/octo-repo", "/repos/{owner}/{repo}")]
    {
        let described = format!("{described}/actions/runners");
        let runners = format!("{owner}/actions/runners");
        let mint = json!({ "name": "one", "runner_group_id": 1, "labels": ["linux"] });
        let (path, pattern) =
            (format!("{runners}/generate-jitconfig"), format!("{described}/generate-jitconfig"));
        for body in [
            mint.clone(),
            mint,
            json!({ "name": "two" }),
            json!({ "name": "a", "runner_group_id": 9, "labels": ["x"] }),
        ] {
            let answer = world.call("POST", &path, Some(body));
            description.check(&pattern, "post", &answer);
        }
        let answer = world.get(&runners);
        description.check(&described, "get", &answer);
        let one = format!("{runners}/{}", answer.body["runners"][0]["id"]);
        let answer = world.get(&one);
        description.check(&format!("{described}/{{runner_id}}"), "get", &answer);
        let answer = world.call("DELETE", &one, None);
        assert_eq!(answer.status, 204);
        description.check(&format!("{described}/{{runner_id}}"), "delete", &answer);
    }
    let answer = world.get("/orgs/octo-org/actions/runner-groups");
    description.check("/orgs/{org}/actions/runner-groups", "get", &answer);
    let answer = world.get(&format!("/orgs/octo-org/actions/runner-groups/{group}/repositories"));
    description.check("/orgs/{org}/actions/runner-groups/{runner_group_id}/repositories", "get", &answer);
}

#[test]
fn every_reply_about_runs_and_jobs_is_as_described_in_every_phase() {
    let description = Description::read();
    let mut world = World::new();
    let run = world.run(vec![
        JobSpec::new("gated", &["linux"]).behind("prod", Gate::Approval),
        JobSpec::new("queued", &["arm"]),
        JobSpec::new("over", &["linux"]),
        JobSpec::new("grouped", &["linux"]).in_concurrency_group("g", Others::Finish),
        JobSpec::new("pending", &["linux"]).in_concurrency_group("g", Others::Finish),
    ]);
    world.serve("one", &["linux"], "failure").unwrap();
    let (_, session) = world.runner("two", &["linux"]);
    world.offered(&session).unwrap();
    world.started(&session);
    let (base, pattern) = ("/repos/octo-org/octo-repo/actions", "/repos/{owner}/{repo}/actions");
    let jobs = world.get(&format!("{base}/runs/{run}/jobs"));
    let seen = jobs.body["jobs"].as_array().unwrap().iter().map(|job| job["status"].as_str().unwrap());
    assert_eq!(seen.collect::<BTreeSet<_>>().len(), 5);
    description.check(&format!("{pattern}/runs/{{run_id}}/jobs"), "get", &jobs);
    let job = jobs.body["jobs"][0]["id"].clone();
    for (path, described) in [
        (format!("{base}/runs"), format!("{pattern}/runs")),
        (format!("{base}/runs/{run}"), format!("{pattern}/runs/{{run_id}}")),
        (format!("{base}/jobs/{job}"), format!("{pattern}/jobs/{{job_id}}")),
        (
            "/repos/octo-org/octo-repo/contents/.github/workflows/ci.yml".to_owned(),
            "/repos/{owner}/{repo}/contents/{path}".to_owned(),
        ),
        ("/rate_limit".to_owned(), "/rate_limit".to_owned()),
        ("/installation/repositories".to_owned(), "/installation/repositories".to_owned()),
    ] {
        let answer = world.get(&path);
        if answer.status == 200 {
            description.check(&described, "get", &answer);
        } else {
            panic!("{path}: {}", answer.status);
        }
    }
    for (verb, status) in [
        ("cancel", 202),
        ("force-cancel", 202),
        ("cancel", 409),
        ("rerun-failed-jobs", 201),
        ("force-cancel", 202),
        ("rerun", 201),
    ] {
        let answer = world.call("POST", &format!("{base}/runs/{run}/{verb}"), None);
        assert_eq!(answer.status, status, "{verb}");
        description.check(&format!("{pattern}/runs/{{run_id}}/{verb}"), "post", &answer);
    }
}

#[test]
fn the_job_of_a_webhook_is_as_described_too() {
    let description = Description::read();
    let mut world = World::new();
    world.one_job(&["linux"]);
    world.serve("one", &["linux"], "success").unwrap();
    let payloads = world.payloads();
    assert_eq!(payloads.len(), 3);
    for payload in payloads {
        let schema = json!({ "$ref": "#/components/schemas/job" });
        assert_eq!(description.faults(&schema, &payload["workflow_job"], ""), Vec::<String>::new());
        let schema = json!({ "$ref": "#/components/schemas/minimal-repository" });
        assert_eq!(description.faults(&schema, &payload["repository"], ""), Vec::<String>::new());
        let schema = json!({ "$ref": "#/components/schemas/simple-user" });
        assert_eq!(description.faults(&schema, &payload["sender"], ""), Vec::<String>::new());
    }
}
