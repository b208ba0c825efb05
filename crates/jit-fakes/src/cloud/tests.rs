//! Tests of the AWS model through its only door, signed requests, and the client they use.

mod access;
mod describe;
mod disks;
mod launch;
mod limits;
mod lookups;
mod roles;
mod spot_prices;
mod sqs;
mod terminate;
mod times;

use http::Request;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::*;
use crate::model::{ReplyDelay, ReplyLost};

const EAST: &str = "us-east-1";
const SUBNET_A: &str = "subnet-0000000000000000a";
const SUBNET_B: &str = "subnet-0000000000000000b";
const IMAGE: &str = "ami-0000000000000000e";
const KEY: &str = "AKIAOPERATOR00000000";

/// A reply with the little reading that tests need.
struct Reply {
    status: u16,
    body: String,
    lost: bool,
    delay: Option<ReplyDelay>,
}

impl Reply {
    /// The texts of all elements of that name, in order.
    fn all(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        self.body.split(&open).skip(1).filter_map(|rest| Some(rest.split_once(&close)?.0)).collect()
    }

    fn one(&self, name: &str) -> &str {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {}", self.body);
        all[0]
    }

    fn ids(&self) -> Vec<&str> {
        self.all("instanceId")
    }

    /// The state names in front of each other: an item's `instanceState` holds one.
    fn states(&self) -> Vec<&str> {
        let names = self.all("instanceState").into_iter();
        names.map(|state| state.split("<name>").nth(1).unwrap().trim_end_matches("</name>")).collect()
    }

    fn error(&self) -> (u16, &str) {
        (self.status, self.one("Code"))
    }
}

/// An account with one operator who may do everything, and a clock.
struct World {
    aws: Aws,
    now: Timestamp,
    key: RoleCredentials,
}

fn start() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn key(access_key_id: &str, secret: &str, token: &str) -> RoleCredentials {
    RoleCredentials {
        access_key_id: access_key_id.into(),
        secret_access_key: SecretString::from(secret),
        session_token: SecretString::from(token),
        expires_at: Timestamp::MAX,
    }
}

fn world() -> World {
    world_with(|_| {})
}

fn world_with(change: impl FnOnce(&mut AwsConfig)) -> World {
    let mut config = AwsConfig::default();
    change(&mut config);
    let mut aws = Aws::new(config);
    let actions = ["ec2:*", "iam:PassRole"];
    aws.add_principal(Principal::new("operator", KEY, SecretString::from("operator secret"), &actions));
    World { aws, now: start(), key: key(KEY, "operator secret", "") }
}

fn form(parameters: &[(&str, &str)]) -> Vec<u8> {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish().into_bytes()
}

fn request(host: &str, parameters: &[(&str, &str)]) -> Request<Vec<u8>> {
    let builder = Request::post(format!("https://{host}/"));
    builder
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .body(form(parameters))
        .unwrap()
}

impl World {
    fn pass(&mut self, secs: i64) {
        self.now += SignedDuration::from_secs(secs);
    }

    fn send(&mut self, request: Request<Vec<u8>>) -> Reply {
        let response = self.aws.handle(self.now, request);
        Reply {
            status: response.status().as_u16(),
            lost: response.extensions().get::<ReplyLost>().is_some(),
            delay: response.extensions().get::<ReplyDelay>().copied(),
            body: String::from_utf8(response.into_body()).unwrap(),
        }
    }

    fn signed(&self, service: &str, region: &str, parameters: &[(&str, &str)]) -> Request<Vec<u8>> {
        let mut request = request(&format!("{service}.{region}.amazonaws.com"), parameters);
        signature::sign_request(&mut request, &self.key, (service, region), self.now).unwrap();
        request
    }

    fn ec2_in(&mut self, region: &str, action: &str, parameters: &[(&str, &str)]) -> Reply {
        let mut all = vec![("Action", action), ("Version", "2016-11-15")];
        all.extend_from_slice(parameters);
        let request = self.signed("ec2", region, &all);
        self.send(request)
    }

    fn ec2(&mut self, action: &str, parameters: &[(&str, &str)]) -> Reply {
        self.ec2_in(EAST, action, parameters)
    }

    /// RunInstances with what every launch needs, unless `parameters` say otherwise.
    fn run(&mut self, parameters: &[(&str, &str)]) -> Reply {
        self.run_in(EAST, parameters)
    }

    fn run_in(&mut self, region: &str, parameters: &[(&str, &str)]) -> Reply {
        let usual = [("ImageId", IMAGE), ("InstanceType", "c7i.large"), ("MinCount", "1"), ("MaxCount", "1")];
        let mut all = parameters.to_vec();
        for (name, value) in usual {
            if !parameters.iter().any(|(given, _)| *given == name) {
                all.push((name, value));
            }
        }
        self.ec2_in(region, "RunInstances", &all)
    }

    /// Launches `count` instances and gives their ids.
    fn launched(&mut self, count: u32, parameters: &[(&str, &str)]) -> Vec<String> {
        let count = count.to_string();
        let mut all = vec![("MaxCount", count.as_str()), ("MinCount", count.as_str())];
        all.extend_from_slice(parameters);
        let reply = self.run(&all);
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.ids().into_iter().map(str::to_owned).collect()
    }

    fn sts(&mut self) -> Reply {
        let request = self.signed("sts", EAST, &[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]);
        self.send(request)
    }
}

const SPOT: (&str, &str) = ("InstanceMarketOptions.MarketType", "spot");
const PROFILE: (&str, &str) = ("IamInstanceProfile.Name", "jit-runner");
const TERMINATE: (&str, &str) = ("InstanceInitiatedShutdownBehavior", "terminate");
