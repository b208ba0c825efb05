//! Requests and replies held to GitHub's own OpenAPI description.
//!
//! Every request must be a documented operation with documented parameters and a body that fits its schema. Every documented example must be
//! read, and so must the smallest reply that the schema allows, so that no parser asks for more than GitHub promises.
//!
//! Not here: what the description leaves out (404 on DELETE, 403, 429), which the tests beside the code cover.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use http::{Request, Response};
use jit_github::jobs::Attempts;
use jit_github::runners::JitRequest;
use jit_github::tokens::{Access, TokenRequest};
use jit_github::*;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

#[path = "openapi/schema.rs"]
mod schema;

use schema::{Description, Nullable};

fn api() -> Api {
    // A prefix, so that a builder that drops it is found out.
    Api::new("https://github.example.com/api/v3", "jit-runners").unwrap()
}

fn token() -> Authorization {
    Authorization::bearer(&"ghs_x".into()).unwrap()
}

fn repository() -> Repository {
    Repository::parse("octo-org/octo.repo").unwrap()
}

fn organisation() -> Scope {
    Scope::Organisation(Owner::new("octo-org").unwrap())
}

fn wanted() -> JitRequest {
    JitRequest {
        name: RunnerName::new("jit-i-0abc-1").unwrap(),
        runner_group_id: RunnerGroupId(1),
        labels: Labels::new(["self-hosted", "linux"]).unwrap(),
        work_folder: Some(FilePath::new("_work").unwrap()),
    }
}

/// Every request that the crate can build, with the id of its operation.
fn requests() -> Vec<(&'static str, Request<Vec<u8>>)> {
    let (api, token, first) = (api(), token(), PageNumber::FIRST);
    let (run, runner, name) = (RunId(5), RunnerId(23), wanted().name);
    let permissions = TokenRequest::default()
        .permission("actions", Access::Read)
        .permission("organization_self_hosted_runners", Access::Write)
        .repositories([RepositoryId(1)])
        .unwrap();
    let (org, repo) = (organisation(), Scope::Repository(repository()));
    let owner = repository().owner().clone();
    let path = FilePath::new("README.md").unwrap();
    let main = GitRef::new("main").unwrap();
    let cursor = Cursor::new("v1_17");
    vec![
        ("apps/get-authenticated", api.get_app(&token)),
        ("apps/list-installations", api.list_installations(&token, first)),
        ("apps/get-installation", api.get_installation(&token, InstallationId(1))),
        (
            "apps/create-installation-access-token",
            api.create_installation_token(&token, InstallationId(1), &permissions),
        ),
        (
            "apps/create-installation-access-token",
            api.create_installation_token(&token, InstallationId(1), &TokenRequest::default()),
        ),
        ("apps/list-webhook-deliveries", api.list_deliveries(&token, cursor.as_ref())),
        ("apps/redeliver-webhook-delivery", api.redeliver(&token, DeliveryId(12345678))),
        ("actions/generate-runner-jitconfig-for-org", api.generate_jit_config(&token, &org, &wanted())),
        ("actions/generate-runner-jitconfig-for-repo", api.generate_jit_config(&token, &repo, &wanted())),
        ("actions/list-self-hosted-runners-for-org", api.list_runners(&token, &org, Some(&name), first)),
        ("actions/list-self-hosted-runners-for-repo", api.list_runners(&token, &repo, None, first)),
        ("actions/get-self-hosted-runner-for-org", api.get_runner(&token, &org, runner)),
        ("actions/get-self-hosted-runner-for-repo", api.get_runner(&token, &repo, runner)),
        ("actions/delete-self-hosted-runner-from-org", api.delete_runner(&token, &org, runner)),
        ("actions/delete-self-hosted-runner-from-repo", api.delete_runner(&token, &repo, runner)),
        (
            "actions/list-self-hosted-runner-groups-for-org",
            api.list_runner_groups(&token, &owner, Some(&repository()), first),
        ),
        (
            "actions/list-repo-access-to-self-hosted-runner-group-in-org",
            api.list_group_repositories(&token, &owner, RunnerGroupId(2), first),
        ),
        (
            "actions/list-workflow-runs-for-repo",
            api.list_runs(&token, &repository(), Some(&Status::Pending), first),
        ),
        ("actions/get-workflow-run", api.get_run(&token, &repository(), run)),
        ("actions/re-run-workflow-failed-jobs", api.rerun_failed_jobs(&token, &repository(), run)),
        ("actions/cancel-workflow-run", api.cancel_run(&token, &repository(), run)),
        (
            "actions/list-jobs-for-workflow-run",
            api.list_jobs_of_run(&token, &repository(), run, Attempts::All, first),
        ),
        ("actions/get-job-for-workflow-run", api.get_job(&token, &repository(), JobId(7))),
        ("repos/get-content", api.get_file(&token, &repository(), &path, &main)),
    ]
}

fn path_fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(part, given)| part.starts_with('{') || part == given)
}

#[test]
fn every_request_is_a_documented_operation_with_documented_parameters() {
    let description = Description::load();
    for (id, request) in requests() {
        let (method, template, operation) = description.operation(id);
        assert_eq!(request.method().as_str(), method, "{id}");
        let path = request.uri().path().strip_prefix("/api/v3").unwrap();
        assert!(path_fits(&template, path), "{id}: {path} is not {template}");
        let documented = operation["parameters"].as_array().into_iter().flatten();
        let parameters: Vec<&Value> = documented.map(|parameter| description.resolve(parameter)).collect();
        for (name, text) in url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
        {
            let parameter = parameters.iter().find(|it| it["name"] == *name && it["in"] == "query");
            let schema = &parameter.unwrap_or_else(|| panic!("{id}: {name} is not documented"))["schema"];
            let value = if schema["type"] == "string" { json!(text) } else { text.parse().unwrap() };
            description.check(schema, &value, &name).unwrap_or_else(|error| panic!("{id}: {error}"));
        }
    }
}

#[test]
fn every_body_fits_the_schema_of_its_operation() {
    let description = Description::load();
    for (id, request) in requests() {
        let (_, _, operation) = description.operation(id);
        let body = &operation["requestBody"];
        if request.body().is_empty() {
            assert_ne!(body["required"], true, "{id}");
            assert!(request.headers().get("content-type").is_none(), "{id}");
            continue;
        }
        assert_eq!(request.headers()["content-type"], "application/json", "{id}");
        let value: Value = serde_json::from_slice(request.body()).unwrap();
        let schema = &body["content"]["application/json"]["schema"];
        description.check(schema, &value, "body").unwrap_or_else(|error| panic!("{id}: {error}"));
    }
}

#[test]
fn the_body_check_finds_what_is_wrong() {
    let description = Description::load();
    let (_, _, operation) = description.operation("actions/generate-runner-jitconfig-for-org");
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let check = |value: Value| description.check(schema, &value, "body");
    assert_eq!(check(json!({"name": "n", "runner_group_id": 1, "labels": ["a"]})), Ok(()));
    for wrong in [
        json!({"name": "n", "labels": ["a"]}),
        json!({"name": "n", "runner_group_id": "1", "labels": ["a"]}),
        json!({"name": "n", "runner_group_id": 1, "labels": []}),
        json!({"name": "n", "runner_group_id": 1, "labels": ["a"], "group": 1}),
    ] {
        assert!(check(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn reads_cost_one_point_and_changes_five() {
    for (id, request) in requests() {
        let expected = if request.method() == "GET" { 1 } else { 5 };
        assert_eq!(points(&request), expected, "{id}");
    }
}

type Reader = fn(&Response<Vec<u8>>) -> Result<(), Error>;

/// Every operation whose reply has a body, with its good status and its parser.
const READERS: [(&str, u16, Reader); 18] = [
    ("apps/get-authenticated", 200, |it| installations::parse_app(it).map(drop)),
    ("apps/list-installations", 200, |it| installations::parse_list(it).map(drop)),
    ("apps/get-installation", 200, |it| installations::parse(it).map(drop)),
    ("apps/create-installation-access-token", 201, |it| tokens::parse(it).map(drop)),
    ("apps/list-webhook-deliveries", 200, |it| deliveries::parse_list(it).map(drop)),
    ("actions/generate-runner-jitconfig-for-org", 201, |it| runners::parse_jit_config(it).map(drop)),
    ("actions/generate-runner-jitconfig-for-repo", 201, |it| runners::parse_jit_config(it).map(drop)),
    ("actions/list-self-hosted-runners-for-org", 200, |it| runners::parse_list(it).map(drop)),
    ("actions/list-self-hosted-runners-for-repo", 200, |it| runners::parse_list(it).map(drop)),
    ("actions/get-self-hosted-runner-for-org", 200, |it| runners::parse(it).map(drop)),
    ("actions/get-self-hosted-runner-for-repo", 200, |it| runners::parse(it).map(drop)),
    ("actions/list-self-hosted-runner-groups-for-org", 200, |it| groups::parse_list(it).map(drop)),
    ("actions/list-repo-access-to-self-hosted-runner-group-in-org", 200, |it| {
        groups::parse_repositories(it).map(drop)
    }),
    ("actions/list-workflow-runs-for-repo", 200, |it| runs::parse_list(it).map(drop)),
    ("actions/get-workflow-run", 200, |it| runs::parse_run(it).map(drop)),
    ("actions/list-jobs-for-workflow-run", 200, |it| jobs::parse_list(it).map(drop)),
    ("actions/get-job-for-workflow-run", 200, |it| jobs::parse(it).map(drop)),
    ("repos/get-content", 200, |it| contents::parse(it).map(drop)),
];

fn reply(status: u16, body: &Value) -> Response<Vec<u8>> {
    Response::builder().status(status).body(body.to_string().into_bytes()).unwrap()
}

#[test]
fn every_documented_example_is_read() {
    let description = Description::load();
    for (id, status, read) in READERS {
        let (_, _, operation) = description.operation(id);
        let (_, examples) = description.response(operation, &status.to_string()).unwrap();
        assert!(!examples.is_empty(), "{id}");
        for example in examples.into_iter().map(restore_line_breaks) {
            let result = read(&reply(status, &example));
            if id == "repos/get-content" && example["type"] != "file" {
                assert!(matches!(result, Err(Error::Malformed { .. })), "{id}: only files are read");
            } else {
                assert_eq!(result, Ok(()), "{id}");
            }
        }
    }
}

/// In the example of a file, the line breaks of the content were escaped twice; real replies have line breaks.
fn restore_line_breaks(example: &Value) -> Value {
    let mut example = example.clone();
    if let Some(content) = example.get("content").and_then(Value::as_str) {
        example["content"] = json!(content.replace("\\n", "\n"));
    }
    example
}

#[test]
fn no_parser_asks_for_more_than_github_promises() {
    let description = Description::load();
    for (id, status, read) in READERS {
        let (_, _, operation) = description.operation(id);
        let (schema, _) = description.response(operation, &status.to_string()).unwrap();
        if id == "repos/get-content" {
            // Its first alternative is a folder; the file's own schema says nothing of base64.
            continue;
        }
        for nullable in [Nullable::Null, Nullable::Value] {
            let mut smallest = description.smallest(schema, nullable);
            description.check(schema, &smallest, "reply").unwrap_or_else(|error| panic!("{id}: {error}"));
            restore_times(&mut smallest);
            assert_eq!(read(&reply(status, &smallest)), Ok(()), "{id}: {smallest}");
        }
    }
}

/// The description marks only some times as times; no other text of ours stands under such a name.
fn restore_times(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(restore_times),
        Value::Object(fields) => {
            for (name, field) in fields {
                if field == "x" && name.ends_with("_at") {
                    *field = json!("2020-01-22T19:33:08Z");
                }
                restore_times(field);
            }
        }
        _ => {}
    }
}

#[test]
fn the_examples_are_read_correctly() {
    let description = Description::load();
    let example = |id: &str, status: u16| {
        let (_, _, operation) = description.operation(id);
        reply(status, description.response(operation, &status.to_string()).unwrap().1[0])
    };
    let token = tokens::parse(&example("apps/create-installation-access-token", 201)).unwrap();
    assert_eq!(token.token.expose_secret(), "ghs_16C7e42F292c6912E7710c838347Ae178B4a");
    assert_eq!(token.expires_at, "2016-07-11T22:14:10Z".parse().unwrap());
    assert_eq!(token.permissions["issues"], Access::Write);

    let runners = runners::parse_list(&example("actions/list-self-hosted-runners-for-org", 200)).unwrap();
    assert_eq!((runners.total_count, runners.next), (Some(2), None));
    assert_eq!(runners.items[0].labels, ["self-hosted", "X64", "Linux"]);
    assert_eq!(runners.items[0].connection, runners::Connection::Online);
    assert_eq!((runners.items[0].busy, runners.items[1].busy), (true, false));

    let minted =
        runners::parse_jit_config(&example("actions/generate-runner-jitconfig-for-org", 201)).unwrap();
    assert_eq!((minted.runner.id, minted.encoded.expose_secret()), (RunnerId(23), "abc123"));

    let jobs = jobs::parse_list(&example("actions/list-jobs-for-workflow-run", 200)).unwrap();
    assert_eq!((jobs.items[0].id, jobs.items[0].run_id), (JobId(399444496), RunId(29679449)));
    assert_eq!(jobs.items[0].conclusion, Some(Conclusion::Success));

    let runs = runs::parse_list(&example("actions/list-workflow-runs-for-repo", 200)).unwrap();
    assert_eq!((runs.items[0].id, runs.items[0].status.as_ref()), (RunId(30433642), Some(&Status::Queued)));
    assert_eq!(runs.items[0].workflow_file(), ".github/workflows/build.yml");

    let run = runs::parse_run(&example("actions/get-workflow-run", 200)).unwrap();
    assert_eq!((run.actor.as_deref(), run.triggering_actor.as_deref()), (Some("octocat"), Some("octocat")));
    let (own, head) = (run.repository.unwrap(), run.head_repository.unwrap());
    assert_eq!(
        (own.id, own.private, own.full_name.as_str()),
        (RepositoryId(1296269), Some(false), "octocat/Hello-World")
    );
    assert_ne!(own.id, head.id);

    let deliveries = deliveries::parse_list(&example("apps/list-webhook-deliveries", 200)).unwrap();
    assert_eq!((deliveries.items[1].id, deliveries.items[1].redelivery), (DeliveryId(123456789), true));
    assert!(deliveries.items[1].is_accepted());

    let groups = groups::parse_list(&example("actions/list-self-hosted-runner-groups-for-org", 200)).unwrap();
    assert_eq!((groups.items.len(), groups.items[0].name.as_str()), (3, "Default"));

    let installation = installations::parse(&example("apps/get-installation", 200)).unwrap();
    assert_eq!((installation.account.as_deref(), installation.suspended_at), (Some("octocat"), None));

    let (_, _, operation) = description.operation("repos/get-content");
    let (_, examples) = description.response(operation, "200").unwrap();
    let file = examples.into_iter().find(|example| example["type"] == "file").unwrap();
    let file = contents::parse(&reply(200, &restore_line_breaks(file))).unwrap();
    assert!(file.bytes.starts_with(b"# Yoga"));
}
