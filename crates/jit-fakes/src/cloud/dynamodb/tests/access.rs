//! Who is believed, what they may do, and what strikes them.

use super::*;
use crate::cloud::{Fault, RequestKey};

fn refused_after(damage: impl FnOnce(&mut World, &mut Request<Vec<u8>>)) -> (u16, String, String) {
    let mut world = world();
    let mut request =
        world.signed("dynamodb", EAST, "GetItem", &json!({ "TableName": "things", "Key": key("a") }));
    damage(&mut world, &mut request);
    let reply = world.send(request);
    let (status, code, message) = reply.error();
    (status, code.to_owned(), message.to_owned())
}

#[test]
fn whoever_is_not_believed_is_told_so_in_json() {
    let service = "com.amazon.coral.service#";
    let (status, code, _) = refused_after(|_, request| drop(request.headers_mut().remove("authorization")));
    assert_eq!((status, code), (400, format!("{service}MissingAuthenticationTokenException")));
    let (_, code, _) = refused_after(|_, request| request.body_mut().push(b' '));
    assert_eq!(code, format!("{service}InvalidSignatureException"));
    let (_, code, message) = refused_after(|world, _| world.pass(SignedDuration::from_mins(16)));
    assert_eq!(code, format!("{service}InvalidSignatureException"));
    assert!(message.starts_with("Signature expired: 20260301T120000Z is now earlier than 20260301T120100Z"));
    let (_, _, message) = refused_after(|world, request| {
        world.now -= SignedDuration::from_mins(16);
        world.aws = Aws::new(AwsConfig::default());
        let operator = Principal::new("operator", KEY, SecretString::from("operator secret"), &[]);
        world.aws.add_principal(operator);
        let _ = request;
    });
    assert!(message.starts_with("Signature not yet current"), "{message}");
    let (_, code, _) = refused_after(|world, _| world.aws.remove_principal(KEY));
    assert_eq!(code, format!("{service}UnrecognizedClientException"));
    let (_, code, message) = refused_after(|world, request| {
        *request = world.signed("ec2", EAST, "GetItem", &json!({}));
    });
    assert_eq!(code, format!("{service}InvalidSignatureException"));
    assert!(message.contains("correct service"));
    let (_, code, _) = refused_after(|world, request| {
        *request = world.signed("dynamodb", EAST, "Scan", &json!({}));
    });
    assert_eq!(code, format!("{service}UnknownOperationException"));
}

#[test]
fn an_action_outside_the_rights_is_refused_and_a_transaction_takes_those_of_its_parts() {
    let mut world = world();
    let rights = ["dynamodb:UpdateItem", "dynamodb:TransactWriteItems"];
    world.aws.add_principal(Principal::new("operator", KEY, SecretString::from("operator secret"), &rights));
    let reply = world.on("GetItem", json!({ "Key": key("a") }));
    assert_eq!(reply.error().1, "com.amazon.coral.service#AccessDeniedException");
    assert!(reply.error().2.contains("not authorized to perform: dynamodb:GetItem"));
    let part = |world: &mut World, kind: &str| {
        let condition = json!({ "TableName": "things", "Key": key("a"), "ConditionExpression": "attribute_not_exists(b)" });
        let reply = world.call("TransactWriteItems", json!({ "TransactItems": [{ kind: condition }] }));
        (reply.status, reply.code().to_owned())
    };
    assert_eq!(part(&mut world, "Update"), (200, String::new()));
    assert_eq!(part(&mut world, "ConditionCheck"), (400, "AccessDeniedException".into()));
}

#[test]
fn faults_strike_and_requests_are_counted() {
    let mut world = world();
    world.aws.faults.on_nth("PutItem", 1, Fault::LostReply);
    world.aws.faults.on_nth("PutItem", 2, Fault::failed_after_effect(500, "InternalServerError"));
    world.aws.faults.on_nth("PutItem", 3, Fault::LostRequest);
    world.aws.faults.on_nth("PutItem", 4, Fault::refused(400, "ThrottlingException"));
    world.aws.faults.on_nth("PutItem", 5, Fault::LateReply(SignedDuration::from_secs(7)));
    assert!(world.put("a", json!({})).lost);
    assert_eq!(world.put("b", json!({})).error().1, "com.amazonaws.dynamodb.v20120810#InternalServerError");
    assert!(world.put("c", json!({})).lost);
    assert_eq!(world.put("d", json!({})).code(), "ThrottlingException");
    assert_eq!(world.put("e", json!({})).delay, Some(ReplyDelay(SignedDuration::from_secs(7))));
    let there: Vec<bool> = ["a", "b", "c", "d", "e"].map(|name| !world.get(name, true).is_null()).to_vec();
    assert_eq!(there, [true, true, false, false, true]);
    let counted = |outcome: &str| {
        let key = RequestKey { action: "PutItem".into(), caller: "operator".into(), outcome: outcome.into() };
        world.aws.requests().get(&key).copied()
    };
    assert_eq!(
        (counted("ok"), counted("InternalServerError"), counted("ThrottlingException")),
        (Some(2), Some(2), Some(1))
    );
}
