//! Requests and replies of the three operations, in the form of SQS's own examples.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Request, Response};
use serde_json::{Value, json};

use super::*;
use crate::{Endpoint, Region, Service};

fn endpoint() -> Endpoint {
    Endpoint::regional(Service::Sqs, Region::parse("us-east-1").unwrap())
}

fn queue() -> QueueUrl {
    QueueUrl::new(&endpoint(), "177715257436", "MyQueue").unwrap()
}

fn input(request: &Request<Vec<u8>>) -> Value {
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "https://sqs.us-east-1.amazonaws.com/");
    assert_eq!(request.headers()["content-type"], "application/x-amz-json-1.0");
    serde_json::from_slice(request.body()).unwrap()
}

const URL: &str = "https://sqs.us-east-1.amazonaws.com/177715257436/MyQueue";

#[test]
fn a_message_is_sent_with_its_words_beside_it() {
    let mut send = SendMessage::new(&queue(), b"This is a test message");
    let plain = send.request(&endpoint());
    assert_eq!(plain.headers()["x-amz-target"], "AmazonSQS.SendMessage");
    assert_eq!(input(&plain), json!({ "QueueUrl": URL, "MessageBody": "This is a test message" }));
    send.body = b"\xff".to_vec();
    send.attributes = BTreeMap::from([("why", "no \u{0}JSON".to_owned())]);
    let wanted = json!({ "QueueUrl": URL, "MessageBody": "base64:/w==",
        "MessageAttributes": { "why": { "DataType": "String", "StringValue": "no \u{fffd}JSON" } } });
    assert_eq!(input(&send.request(&endpoint())), wanted);
}

#[test]
fn a_receive_is_brought_within_the_bounds_of_sqs() {
    let receive = |most, wait, visibility| {
        let receive = ReceiveMessage { queue: queue(), most, wait, visibility };
        input(&receive.request(&endpoint()))
    };
    let usual = receive(5, Duration::from_millis(900), Duration::from_secs(15));
    let wanted = json!({ "QueueUrl": URL, "MaxNumberOfMessages": 5, "WaitTimeSeconds": 1, "VisibilityTimeout": 15,
        "MessageSystemAttributeNames": ["ApproximateReceiveCount"] });
    assert_eq!(usual, wanted);
    let large = receive(500, Duration::from_secs(60), Duration::from_secs(100_000));
    let wanted = json!({ "QueueUrl": URL, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20, "VisibilityTimeout": 43_200,
        "MessageSystemAttributeNames": ["ApproximateReceiveCount"] });
    assert_eq!(large, wanted);
    assert_eq!(receive(0, Duration::ZERO, Duration::ZERO)["MaxNumberOfMessages"], 1);
}

#[test]
fn nothing_to_receive_is_no_error() {
    for body in ["{}", "{\"Messages\":[]}", "{\"Messages\":null}"] {
        assert_eq!(ReceiveMessage::parse(&Response::new(body.into())), Ok(Vec::new()), "{body}");
    }
}

#[test]
fn every_entry_of_a_batch_has_its_own_result() {
    let handles: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    let batch = MessageBatch::deleting(&queue(), &handles).remove(0);
    let request = batch.request(&endpoint());
    assert_eq!(request.headers()["x-amz-target"], "AmazonSQS.DeleteMessageBatch");
    assert_eq!(input(&request)["Entries"][1], json!({ "Id": "1", "ReceiptHandle": "b" }));
    let reply = json!({
        "Successful": [{ "Id": "0" }],
        "Failed": [
            { "Id": "2", "Code": "ReceiptHandleIsInvalid", "SenderFault": true, "Message": "The input receipt handle is invalid." },
            { "Id": "1", "Code": "InternalError", "SenderFault": false },
            { "Id": "4", "Code": "InvalidParameterValue", "SenderFault": true, "Message": "Reason: The receipt handle has expired." },
        ],
    });
    let failed = batch.parse(&Response::new(reply.to_string().into())).unwrap();
    let classes: Vec<_> =
        failed.iter().map(|failed| (failed.receipt_handle.as_str(), failed.class)).collect();
    let wanted = [
        ("b", ErrorClass::UnknownOutcome),
        ("c", ErrorClass::ReceiptHandleInvalid),
        ("d", ErrorClass::UnknownOutcome),
        ("e", ErrorClass::Refused),
    ];
    assert_eq!(classes, wanted);
}

#[test]
fn what_is_given_back_may_be_received_at_once() {
    let handles: Vec<String> = (0..12).map(|n| format!("h{n}")).collect();
    let batches = MessageBatch::giving_back(&queue(), &handles);
    assert_eq!(batches.len(), 2);
    let request = batches[1].request(&endpoint());
    assert_eq!(request.headers()["x-amz-target"], "AmazonSQS.ChangeMessageVisibilityBatch");
    assert_eq!(request.headers()["content-type"], "application/x-amz-json-1.0");
    let wanted = format!(
        "{{\"QueueUrl\":\"{URL}\",\"Entries\":[{{\"Id\":\"0\",\"ReceiptHandle\":\"h10\",\"VisibilityTimeout\":0}},\
         {{\"Id\":\"1\",\"ReceiptHandle\":\"h11\",\"VisibilityTimeout\":0}}]}}"
    );
    assert_eq!(String::from_utf8_lossy(request.body()), wanted);
    let reply =
        r#"{"Successful":[{"Id":"1"}],"Failed":[{"Id":"0","Code":"MessageNotInflight","SenderFault":true}]}"#;
    let failed = batches[1].parse(&Response::new(reply.into())).unwrap();
    assert_eq!(failed.iter().map(|failed| failed.receipt_handle.as_str()).collect::<Vec<_>>(), ["h10"]);
}

#[test]
fn a_batch_has_ten_entries_and_each_handle_is_in_one() {
    let handles: Vec<String> = (0..21).map(|n| n.to_string()).collect();
    let batches = MessageBatch::deleting(&queue(), &handles);
    assert_eq!(batches.iter().map(|batch| batch.handles().len()).collect::<Vec<_>>(), [10, 10, 1]);
    assert_eq!(batches.iter().flat_map(|batch| batch.handles().to_vec()).collect::<Vec<_>>(), handles);
    assert_eq!(MessageBatch::deleting(&queue(), &[]), []);
}

#[test]
fn an_address_that_could_be_another_queues_is_refused() {
    let new =
        |account: &str, name: &str| QueueUrl::new(&endpoint(), account, name).map(|url| url.to_string());
    assert_eq!(new("177715257436", "MyQueue").as_deref(), Ok(URL));
    for account in ["", "1777152574366", "17771525743x", "177715257436/x"] {
        assert_eq!(new(account, "q"), Err(InvalidQueue::Account), "{account}");
    }
    for name in ["", "a/b", "a.fifo", "a b", &"q".repeat(81)] {
        assert_eq!(new("177715257436", name), Err(InvalidQueue::Name), "{name}");
    }
}
