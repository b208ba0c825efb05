//! SQS: what a queue does to its callers.

use serde_json::{Value, json};

use super::*;

const QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/jit-jobs";

/// Does nothing unpleasant.
const KIND: SqsRules = SqsRules {
    sampled_per_mille: 1_000,
    duplicates_per_mille: 0,
    undead_per_mille: 0,
    in_flight_max: 120_000,
};

struct Answer {
    status: u16,
    body: Value,
    query_error: Option<String>,
    delay: Option<SignedDuration>,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["__type"].as_str().unwrap_or_else(|| panic!("{}", self.body))
    }

    fn bodies(&self) -> Vec<&str> {
        self.messages().iter().map(|message| message["Body"].as_str().unwrap()).collect()
    }

    fn messages(&self) -> Vec<&Value> {
        self.body["Messages"].as_array().map(|messages| messages.iter().collect()).unwrap_or_default()
    }

    fn handle(&self) -> String {
        self.messages()[0]["ReceiptHandle"].as_str().unwrap().to_owned()
    }
}

fn sqs_world(rules: SqsRules) -> World {
    let mut world = world_with(|config| config.sqs = rules);
    let all = ["ec2:*", "iam:PassRole", "sqs:*"];
    world.aws.add_principal(Principal::new("operator", KEY, SecretString::from("operator secret"), &all));
    for name in ["jit-jobs", "jit-jobs-dead"] {
        world.aws.add_queue(EAST, name);
    }
    world
}

impl World {
    fn sqs_request(&self, action: &str, input: &Value) -> Request<Vec<u8>> {
        let request = Request::post("https://sqs.us-east-1.amazonaws.com/")
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"));
        let mut request = request.body(input.to_string().into_bytes()).unwrap();
        signature::sign_request(&mut request, &self.key, ("sqs", EAST), self.now).unwrap();
        request
    }

    fn answer(&mut self, request: Request<Vec<u8>>) -> Answer {
        let response = self.aws.handle(self.now, request);
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Answer {
            status: response.status().as_u16(),
            query_error: header("x-amzn-query-error"),
            delay: response.extensions().get::<ReplyDelay>().map(|delay| delay.0),
            body: serde_json::from_slice(response.body()).unwrap(),
        }
    }

    /// Names the jobs queue unless the input names one.
    fn sqs(&mut self, action: &str, mut input: Value) -> Answer {
        input.as_object_mut().unwrap().entry("QueueUrl").or_insert(QUEUE.into());
        let request = self.sqs_request(action, &input);
        self.answer(request)
    }

    fn send_messages(&mut self, bodies: &[&str]) {
        for body in bodies {
            assert_eq!(self.sqs("SendMessage", json!({ "MessageBody": body })).status, 200);
        }
    }

    fn receive(&mut self) -> Answer {
        self.sqs(
            "ReceiveMessage",
            json!({ "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"] }),
        )
    }

    fn delete(&mut self, handle: &str) -> Answer {
        self.sqs("DeleteMessage", json!({ "ReceiptHandle": handle }))
    }
}

#[test]
fn a_received_message_is_hidden_until_its_time_is_over_or_it_is_deleted() {
    let mut world = sqs_world(KIND);
    world.send_messages(&["a"]);
    let first = world.receive();
    assert_eq!(first.bodies(), ["a"]);
    assert_eq!(first.messages()[0]["Attributes"]["ApproximateReceiveCount"], "1");
    world.pass(29);
    assert_eq!(world.receive().bodies(), [""; 0]);
    world.pass(1);
    let second = world.receive();
    assert_ne!(second.handle(), first.handle());
    assert_eq!(second.messages()[0]["Attributes"]["ApproximateReceiveCount"], "2");
    assert_eq!(world.delete(&second.handle()).status, 200);
    assert_eq!(world.delete(&second.handle()).status, 200, "one already gone is fine");
    world.pass(3_600);
    assert_eq!(world.receive().bodies(), [""; 0]);
}

#[test]
fn an_older_handle_deletes_fails_or_does_nothing() {
    let mut world = sqs_world(KIND);
    let (mut gone, mut stayed, mut expired) = (0, 0, 0);
    for _ in 0..60 {
        world.send_messages(&["a"]);
        let old = world.receive().handle();
        world.pass(30);
        let new = world.receive().handle();
        let reply = world.delete(&old);
        let now = world.now;
        match (reply.status, world.aws.queue_messages(EAST, "jit-jobs", now).len()) {
            (200, 0) => gone += 1,
            (200, 1) => stayed += 1,
            (400, 1) => {
                assert!(reply.body["message"].as_str().unwrap().contains("The receipt handle has expired"));
                expired += 1;
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(world.delete(&new).status, 200);
    }
    assert!(gone > 5 && stayed > 5 && expired > 5, "{gone} {stayed} {expired}");
}

#[test]
fn a_short_poll_misses_messages_and_a_long_one_does_not() {
    let mut world = sqs_world(SqsRules { sampled_per_mille: 500, ..KIND });
    let mut misses = 0;
    for _ in 0..40 {
        world.send_messages(&["a"]);
        let mut reply = world.receive();
        if reply.bodies().is_empty() {
            misses += 1;
            reply = world.sqs("ReceiveMessage", json!({ "WaitTimeSeconds": 1 }));
            assert_eq!((reply.bodies(), reply.delay), (vec!["a"], None));
        }
        world.delete(&reply.handle());
    }
    assert!((5..35).contains(&misses), "{misses}");
}

#[test]
fn a_long_poll_is_answered_when_something_becomes_visible_or_its_wait_ends() {
    let mut world = sqs_world(KIND);
    let long = json!({ "WaitTimeSeconds": 20 });
    let reply = world.sqs("ReceiveMessage", long.clone());
    assert_eq!((reply.bodies().len(), reply.delay), (0, Some(SignedDuration::from_secs(20))));
    world.send_messages(&["a"]);
    world.receive();
    world.pass(25);
    let reply = world.sqs("ReceiveMessage", long);
    assert_eq!((reply.bodies(), reply.delay), (vec!["a"], Some(SignedDuration::from_secs(5))));
    world.pass(34);
    assert_eq!(world.receive().bodies().len(), 0, "hidden from the moment of the answer");
    world.pass(1);
    assert_eq!(world.receive().bodies().len(), 1);
}

#[test]
fn messages_come_in_no_order_and_ten_at_most() {
    let mut world = sqs_world(KIND);
    let sent: Vec<String> = (10..40).map(|n| n.to_string()).collect();
    world.send_messages(&sent.iter().map(String::as_str).collect::<Vec<_>>());
    let mut received = Vec::new();
    for _ in 0..3 {
        let reply = world.receive();
        assert_eq!(reply.bodies().len(), 10);
        received.extend(reply.bodies().into_iter().map(str::to_owned));
    }
    assert_ne!(received, sent);
    received.sort();
    assert_eq!(received, sent);
}

#[test]
fn a_message_may_come_twice_and_once_more_after_it_was_deleted() {
    let mut world = sqs_world(SqsRules { duplicates_per_mille: 1_000, undead_per_mille: 1_000, ..KIND });
    world.send_messages(&["a"]);
    assert_eq!(world.receive().bodies(), ["a"]);
    let handle = world.receive().handle();
    assert_eq!(world.delete(&handle).status, 200);
    let again = world.receive();
    assert_eq!(again.bodies(), ["a"]);
    assert_eq!(world.delete(&again.handle()).status, 200);
    assert_eq!(world.receive().bodies(), [""; 0], "dead for good");
}

#[test]
fn a_message_received_too_often_goes_to_its_dead_letters() {
    let mut world = sqs_world(KIND);
    let policy = json!({ "deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:jit-jobs-dead", "maxReceiveCount": "2" });
    let attributes =
        json!({ "Attributes": { "RedrivePolicy": policy.to_string(), "VisibilityTimeout": "10" } });
    assert_eq!(world.sqs("SetQueueAttributes", attributes).status, 200);
    let word = json!({ "DataType": "String", "StringValue": "b" });
    world.sqs("SendMessage", json!({ "MessageBody": "a", "MessageAttributes": { "why": word } }));
    for _ in 0..2 {
        assert_eq!(world.receive().bodies(), ["a"]);
        world.pass(10);
    }
    assert_eq!(world.receive().bodies(), [""; 0]);
    let dead = QUEUE.replace("jit-jobs", "jit-jobs-dead");
    let reply = world.sqs("ReceiveMessage", json!({ "QueueUrl": dead, "MessageAttributeNames": ["All"] }));
    assert_eq!(reply.bodies(), ["a"]);
    assert_eq!(reply.messages()[0]["MessageAttributes"]["why"]["StringValue"], "b");
}

#[test]
fn a_message_is_kept_for_four_days() {
    let mut world = sqs_world(KIND);
    world.send_messages(&["a"]);
    world.pass(4 * 86_400 - 1);
    assert_eq!(world.sqs("ReceiveMessage", json!({ "VisibilityTimeout": 0 })).bodies(), ["a"]);
    world.pass(1);
    assert_eq!(world.receive().bodies(), [""; 0]);
}

#[test]
fn too_many_messages_in_flight_are_an_error_of_a_short_poll_only() {
    let mut world = sqs_world(SqsRules { in_flight_max: 1, ..KIND });
    world.send_messages(&["a", "b"]);
    assert_eq!(world.sqs("ReceiveMessage", json!({})).bodies().len(), 1);
    let refused = world.sqs("ReceiveMessage", json!({}));
    assert_eq!((refused.status, refused.code()), (403, "com.amazonaws.sqs#OverLimit"));
    assert_eq!(world.sqs("ReceiveMessage", json!({ "WaitTimeSeconds": 1 })).status, 200);
}

#[test]
fn a_refusal_has_the_shape_of_both_protocols() {
    let mut world = sqs_world(KIND);
    let reply = world.sqs("ReceiveMessage", json!({ "QueueUrl": QUEUE.replace("jobs", "none") }));
    assert_eq!((reply.status, reply.code()), (400, "com.amazonaws.sqs#QueueDoesNotExist"));
    assert_eq!(reply.query_error.as_deref(), Some("AWS.SimpleQueueService.NonExistentQueue;Sender"));
    let refusals = [
        ("ReceiveMessage", json!({ "MaxNumberOfMessages": 11 }), "InvalidParameterValueException"),
        ("SendMessage", json!({ "MessageBody": "" }), "MissingRequiredParameterException"),
        ("SendMessage", json!({ "MessageBody": "\u{0}" }), "InvalidMessageContents"),
        ("SendMessage", json!({ "MessageBody": "x".repeat(1_048_577) }), "InvalidParameterValueException"),
        ("DeleteMessageBatch", json!({ "Entries": [] }), "EmptyBatchRequest"),
        ("DeleteMessage", json!({ "ReceiptHandle": "AQEBnone" }), "ReceiptHandleIsInvalid"),
        ("PurgeQueue", json!({}), "InvalidAction"),
    ];
    for (action, input, code) in refusals {
        let reply = world.sqs(action, input);
        assert_eq!(reply.code().rsplit('#').next(), Some(code), "{action}");
    }
}

#[test]
fn a_caller_must_be_believed_and_have_the_right() {
    let mut world = sqs_world(KIND);
    let mut unsigned = world.sqs_request("SendMessage", &json!({}));
    unsigned.headers_mut().remove("authorization");
    assert!(world.answer(unsigned).code().ends_with("#MissingAuthenticationTokenException"));
    world.pass(16 * 60);
    let mut early = world.sqs_request("SendMessage", &json!({ "QueueUrl": QUEUE, "MessageBody": "a" }));
    world.pass(16 * 60);
    let late = world.answer(early.clone());
    assert!(late.code().ends_with("#InvalidSignatureException"), "{}", late.code());
    assert!(late.body["message"].as_str().unwrap().starts_with("Signature expired: "), "{}", late.body);
    world.now -= SignedDuration::from_mins(16);
    early.body_mut().push(b' ');
    assert!(world.answer(early).code().ends_with("#InvalidSignatureException"));

    let sender = Principal::new("sender", "AKIASENDER", SecretString::from("s"), &["sqs:SendMessage"]);
    world.aws.add_principal(sender);
    world.now += SignedDuration::from_mins(16);
    world.key = key("AKIASENDER", "s", "");
    world.send_messages(&["a"]);
    let refused = world.receive();
    assert_eq!((refused.status, refused.code()), (403, "com.amazon.coral.service#AccessDeniedException"));
    let counted = RequestKey {
        action: "ReceiveMessage".into(),
        caller: "sender".into(),
        outcome: "AccessDeniedException".into(),
    };
    assert_eq!(world.aws.requests()[&counted], 1);
}

#[test]
fn faults_strike_the_counted_call_and_a_failure_after_the_effect_has_had_it() {
    let mut world = sqs_world(KIND);
    world.aws.faults.on_nth("SendMessage", 1, Fault::refused(400, "RequestThrottled"));
    let send = json!({ "MessageBody": "a" });
    let reply = world.sqs("SendMessage", send.clone());
    assert_eq!((reply.status, reply.code()), (400, "com.amazonaws.sqs#RequestThrottled"));
    world.aws.faults.on_nth("SendMessage", 1, Fault::failed_after_effect(500, "InternalFailure"));
    assert_eq!(world.sqs("SendMessage", send).status, 500);
    assert_eq!(world.receive().bodies(), ["a"]);
}
