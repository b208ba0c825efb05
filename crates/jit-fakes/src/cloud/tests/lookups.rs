//! Secrets and parameters: who may look them up, which version, and what is told of what is not there.

use serde_json::{Value, json};

use super::*;

const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:jit/app-AbCdEf";

fn with_rights() -> World {
    let mut world = world();
    let actions = ["secretsmanager:GetSecretValue", "ssm:GetParameter"];
    world.aws.add_principal(Principal::new("reader", "AKIAREADER", "reader secret".into(), &actions));
    world.key = key("AKIAREADER", "reader secret", "");
    world.aws.put_secret(SECRET, "first".into());
    world.aws.put_parameter(EAST, "/jit/image", "ami-00000000000000001");
    world
}

fn ask(world: &mut World, service: &str, target: &str, input: &Value) -> (u16, Value) {
    let reply = send(world, (service, EAST), target, input);
    (reply.status, serde_json::from_str(&reply.body).unwrap())
}

fn send(world: &mut World, (service, region): (&str, &str), target: &str, input: &Value) -> Reply {
    let mut request = Request::post(format!("https://{service}.{region}.amazonaws.com/"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .body(input.to_string().into_bytes())
        .unwrap();
    signature::sign_request(&mut request, &world.key, (service, region), world.now).unwrap();
    world.send(request)
}

fn secret(world: &mut World, input: &Value) -> (u16, Value) {
    ask(world, "secretsmanager", "secretsmanager.GetSecretValue", input)
}

fn parameter(world: &mut World, name: &str) -> (u16, Value) {
    ask(world, "ssm", "AmazonSSM.GetParameter", &json!({ "Name": name, "WithDecryption": false }))
}

fn code((status, document): &(u16, Value)) -> (u16, &str) {
    (*status, document["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default())
}

#[test]
fn a_secret_has_a_current_version_and_after_a_rotation_a_previous_one() {
    let mut world = with_rights();
    let previous = json!({ "SecretId": SECRET, "VersionStage": "AWSPREVIOUS" });
    assert_eq!(code(&secret(&mut world, &previous)), (400, "ResourceNotFoundException"));
    world.aws.put_secret(SECRET, "second".into());
    let (_, now) = secret(&mut world, &json!({ "SecretId": SECRET }));
    assert_eq!((now["SecretString"].as_str(), now["Name"].as_str()), (Some("second"), Some("jit/app")));
    let (_, before) = secret(&mut world, &previous);
    assert_eq!(before["SecretString"], "first");
    assert_ne!(before["VersionId"], now["VersionId"]);
    assert_eq!(secret(&mut world, &json!({ "SecretId": "jit/app" })).1["ARN"], SECRET);
}

#[test]
fn a_secret_of_another_region_or_name_is_not_there() {
    let mut world = with_rights();
    let missing = json!({ "SecretId": "jit/other" });
    assert_eq!(code(&secret(&mut world, &missing)), (400, "ResourceNotFoundException"));
    let input = json!({ "SecretId": SECRET });
    let west = send(&mut world, ("secretsmanager", "us-west-2"), "secretsmanager.GetSecretValue", &input);
    assert_eq!(west.status, 400);
    assert!(west.body.contains("ResourceNotFoundException"), "{}", west.body);
}

#[test]
fn a_parameter_is_read_in_its_newest_version_or_the_one_that_is_named() {
    let mut world = with_rights();
    world.aws.put_parameter(EAST, "/jit/image", "ami-00000000000000002");
    assert_eq!(parameter(&mut world, "/jit/image").1["Parameter"]["Value"], "ami-00000000000000002");
    assert_eq!(parameter(&mut world, "/jit/image:1").1["Parameter"]["Value"], "ami-00000000000000001");
    assert_eq!(code(&parameter(&mut world, "/jit/image:9")), (400, "ParameterVersionNotFound"));
    assert_eq!(code(&parameter(&mut world, "/jit/other")), (400, "ParameterNotFound"));
}

#[test]
fn who_may_not_or_is_not_believed_is_told_so_in_json() {
    let mut world = with_rights();
    let input = json!({ "SecretId": SECRET });
    world.key = key(KEY, "operator secret", "");
    assert_eq!(code(&secret(&mut world, &input)), (400, "AccessDeniedException"));
    assert_eq!(code(&parameter(&mut world, "/jit/image")), (400, "AccessDeniedException"));
    world.key = key("AKIAREADER", "wrong", "");
    assert_eq!(code(&secret(&mut world, &input)), (400, "InvalidSignatureException"));
    world.key = key("AKIANOBODY", "wrong", "");
    assert_eq!(code(&secret(&mut world, &input)), (400, "UnrecognizedClientException"));
    world.key = key("AKIAREADER", "reader secret", "");
    let crossed = ask(&mut world, "ssm", "secretsmanager.GetSecretValue", &input);
    assert_eq!(code(&crossed), (400, "InvalidSignatureException"), "the scope is another service's");
    assert_eq!(
        code(&ask(&mut world, "ssm", "AmazonSSM.PutParameter", &input)),
        (400, "AccessDeniedException")
    );
}

#[test]
fn faults_strike_lookups_and_requests_are_counted() {
    let mut world = with_rights();
    world.aws.faults.on_next("GetParameter", 1, Fault::refused(400, "ThrottlingException"));
    assert_eq!(code(&parameter(&mut world, "/jit/image")), (400, "ThrottlingException"));
    assert_eq!(parameter(&mut world, "/jit/image").0, 200);
    assert_eq!(world.aws.requests_of("GetParameter"), 2);
}
