//! Tests of the DynamoDB model through its only door, signed requests, and the client they use.

mod access;
mod items;
mod tables;
mod times;
mod transactions;

use http::Request;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value as Json, json};

use crate::cloud::{Aws, AwsConfig, Delay, Principal, RoleCredentials, signature};
use crate::model::{Model, ReplyDelay, ReplyLost};

const EAST: &str = "us-east-1";
const KEY: &str = "AKIAOPERATOR00000000";

/// A reply with the little reading that tests need.
struct Reply {
    status: u16,
    json: Json,
    lost: bool,
    delay: Option<ReplyDelay>,
}

impl Reply {
    /// The code with its namespace, and the sentence.
    fn error(&self) -> (u16, &str, &str) {
        let message = self.json["message"].as_str().or(self.json["Message"].as_str());
        (self.status, self.json["__type"].as_str().unwrap_or_default(), message.unwrap_or_default())
    }

    fn code(&self) -> &str {
        self.error().1.rsplit('#').next().unwrap_or_default()
    }

    fn is_done(&self) -> bool {
        self.status == 200
    }
}

/// An account with one operator, a table `things` with keys `kind` and `name` and the index `open`, and a clock.
struct World {
    aws: Aws,
    now: Timestamp,
    key: RoleCredentials,
}

fn definition() -> Json {
    let text = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let keys = |range: &str| {
        json!([
            { "AttributeName": "kind", "KeyType": "HASH" },
            { "AttributeName": range, "KeyType": "RANGE" },
        ])
    };
    json!({
        "TableName": "things",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [text("kind"), text("name"), text("open")],
        "KeySchema": keys("name"),
        "LocalSecondaryIndexes": [
            { "IndexName": "open", "KeySchema": keys("open"), "Projection": { "ProjectionType": "ALL" } },
        ],
    })
}

fn key(name: &str) -> Json {
    json!({ "kind": { "S": "k" }, "name": { "S": name } })
}

/// An item with more attributes than its key.
fn item(name: &str, more: Json) -> Json {
    let mut item = key(name);
    for (name, value) in more.as_object().unwrap() {
        item[name] = value.clone();
    }
    item
}

fn world() -> World {
    let mut aws = Aws::new(AwsConfig::default());
    let operator = Principal::new("operator", KEY, SecretString::from("operator secret"), &["dynamodb:*"]);
    aws.add_principal(operator);
    let key = RoleCredentials {
        access_key_id: KEY.into(),
        secret_access_key: SecretString::from("operator secret"),
        session_token: SecretString::from(""),
        expires_at: Timestamp::MAX,
    };
    aws.dynamodb_mut().settings.lag = Delay::NONE;
    let now = "2026-03-01T12:00:00Z".parse().unwrap();
    let mut world = World { aws, now, key };
    let made = world.call("CreateTable", definition());
    assert_eq!(made.json["TableDescription"]["TableStatus"], "CREATING");
    world
}

impl World {
    fn pass(&mut self, by: SignedDuration) {
        self.now += by;
    }

    fn send(&mut self, request: Request<Vec<u8>>) -> Reply {
        let response = self.aws.handle(self.now, request);
        assert!(response.headers().contains_key("x-amzn-requestid"));
        assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
        Reply {
            status: response.status().as_u16(),
            lost: response.extensions().get::<ReplyLost>().is_some(),
            delay: response.extensions().get::<ReplyDelay>().copied(),
            json: serde_json::from_slice(response.body()).unwrap(),
        }
    }

    fn signed(&self, service: &str, region: &str, action: &str, input: &Json) -> Request<Vec<u8>> {
        let mut request = Request::post(format!("https://dynamodb.{region}.amazonaws.com/"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{action}"))
            .body(input.to_string().into_bytes())
            .unwrap();
        signature::sign_request(&mut request, &self.key, (service, region), self.now).unwrap();
        request
    }

    fn call(&mut self, action: &str, input: Json) -> Reply {
        let request = self.signed("dynamodb", EAST, action, &input);
        self.send(request)
    }

    /// An action on the table, with its input besides.
    fn on(&mut self, action: &str, mut input: Json) -> Reply {
        input["TableName"] = "things".into();
        self.call(action, input)
    }

    fn put(&mut self, name: &str, more: Json) -> Reply {
        self.on("PutItem", json!({ "Item": item(name, more) }))
    }

    fn get(&mut self, name: &str, consistent: bool) -> Json {
        let reply = self.on("GetItem", json!({ "Key": key(name), "ConsistentRead": consistent }));
        assert!(reply.is_done(), "{}", reply.json);
        reply.json["Item"].clone()
    }
}
