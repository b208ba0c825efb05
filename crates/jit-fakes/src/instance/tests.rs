//! Tests of the instance against a registrar and a GitHub that a test plays by hand, and the stage for them.

mod agent;
mod claim;
mod fates;
mod fleet;
mod together;

use std::collections::VecDeque;
use std::sync::Arc;

use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use secrecy::{SecretSlice, SecretString};
use serde_json::{Value, json};

use super::*;
use crate::cloud::RoleCredentials;

/// User data as the control plane writes it.
pub(crate) fn user_data(registrar_url: &str) -> Vec<u8> {
    let sha256 = "ab".repeat(32);
    format!(
        "#!/bin/sh\n# jit-runners user data, version 1\nJIT_REGISTRAR_URL='{registrar_url}'\n\
         JIT_BOOT_TOKEN='boot-token'\nJIT_BATCH='b1'\nJIT_STS_URL='https://sts.us-east-1.amazonaws.com/'\n\
         JIT_AGENT_VERSION='2.336.0'\nJIT_AGENT_URL='https://agent.test/a.tgz'\nJIT_AGENT_SHA256='{sha256}'\n\
         JIT_UNCLAIMED_MAX_S='1200'\n"
    )
    .into_bytes()
}

const OWN: &str = "i-00000000000000001";
const SIBLING: &str = "i-00000000000000002";

fn start() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// What one route answers: a queue whose last element repeats. `None` is a lost reply.
#[derive(Clone, Debug)]
struct Route(VecDeque<Option<(u16, Value)>>);

impl Route {
    fn next(&mut self) -> Option<Response<Vec<u8>>> {
        let answer = if self.0.len() > 1 { self.0.pop_front()? } else { self.0.front()?.clone() };
        answer.map(|(status, body)| {
            let builder = Response::builder().status(status);
            let builder = match body.get("retry_after").and_then(Value::as_str) {
                Some(secs) => builder.header("retry-after", secs),
                None => builder,
            };
            builder.body(if body.is_null() { Vec::new() } else { body.to_string().into_bytes() }).unwrap()
        })
    }
}

fn always(status: u16, body: Value) -> Route {
    Route([Some((status, body))].into())
}

fn queue<const N: usize>(answers: [Option<(u16, Value)>; N]) -> Route {
    Route(answers.into())
}

fn config() -> Value {
    json!({"jit_config": "jit-secret", "runner_name": "jit-1", "agent_version": "2.336.0", "job_max_s": 7200,
           "report_token": "report-token"})
}

fn job() -> Value {
    json!({"type": "job", "job_id": 7, "run_id": 5, "run_attempt": 1, "name": "build", "duration_s": 90,
           "conclusion": "success", "repository": "o/r", "event": "push", "fork": false, "actor": "mona"})
}

/// A request as it was sent: seconds since power-on, route, body.
#[derive(Clone, Debug)]
struct Call {
    at: i64,
    route: String,
    body: Value,
}

/// One instance, and what it is answered.
struct Play {
    instance: Instance,
    now: Timestamp,
    claim: Route,
    connect: Route,
    message: Route,
    started: Route,
    finished: Route,
    hook: Route,
    report: Route,
    calls: Vec<Call>,
}

fn play(fate: Fate) -> Play {
    play_with(fate, |_| {}, &user_data("https://registrar.test"))
}

fn play_with(fate: Fate, change: impl FnOnce(&mut InstanceSettings), text: &[u8]) -> Play {
    let mut settings = InstanceSettings::default();
    change(&mut settings);
    let credentials = RoleCredentials {
        access_key_id: "ASIA1".into(),
        secret_access_key: SecretString::from("role-secret"),
        session_token: SecretString::from("role-token"),
        expires_at: Timestamp::MAX,
    };
    let power_on = PowerOn {
        instance_id: OWN.into(),
        ordinal: 1,
        region: "us-east-1".into(),
        image_id: "ami-1".into(),
        user_data: SecretSlice::from(text.to_vec()),
        credentials: Some(credentials),
        fate,
        sibling: Some(SIBLING.into()),
        at: start(),
    };
    Play {
        instance: Instance::new(power_on, Arc::new(settings)),
        now: start(),
        claim: always(200, config()),
        connect: always(200, json!({"runner_id": 1, "session": "s1"})),
        message: queue([Some((200, job())), Some((204, Value::Null))]),
        started: always(200, json!({})),
        finished: always(200, json!({})),
        hook: always(200, json!({"verdict": "allow"})),
        report: always(200, json!({"verdict": "allow"})),
        calls: Vec::new(),
    }
}

impl Play {
    /// Plays until `secs` after power-on, or until nothing is planned.
    fn until(&mut self, secs: i64) -> &mut Self {
        let end = start() + SignedDuration::from_secs(secs);
        for _ in 0..100_000 {
            let Some(next) = self.instance.next_at().filter(|at| *at <= end) else {
                self.now = end;
                return self;
            };
            self.now = self.now.max(next);
            for outgoing in self.instance.poll(self.now) {
                let reply = self.answer(&outgoing.request);
                // A lost reply shows by its time-out only.
                if let Some(reply) = reply {
                    self.instance.reply(self.now, outgoing.tag, Some(&reply));
                }
            }
        }
        panic!("the instance does not come to rest");
    }

    fn answer(&mut self, request: &Request<Vec<u8>>) -> Option<Response<Vec<u8>>> {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
        let (uri, state) = (request.uri().to_string(), body["state"].as_str().unwrap_or_default());
        let (name, route) = match (uri.as_str(), state) {
            ("https://registrar.test/v1/claim", _) => ("claim".to_owned(), &mut self.claim),
            ("https://registrar.test/v1/report", _) if body["stage"] == "job_started" => {
                ("job_started".to_owned(), &mut self.hook)
            }
            ("https://registrar.test/v1/report", _) => {
                (body["stage"].as_str().unwrap().to_owned(), &mut self.report)
            }
            ("http://github.test/_agent/connect", _) => ("connect".to_owned(), &mut self.connect),
            ("http://github.test/_agent/session/s1/message", _) => ("message".to_owned(), &mut self.message),
            ("http://github.test/_agent/session/s1/job", "started") => {
                ("started".to_owned(), &mut self.started)
            }
            ("http://github.test/_agent/session/s1/job", "finished") => {
                ("finished".to_owned(), &mut self.finished)
            }
            other => panic!("unexpected request {other:?}"),
        };
        let at = self.now.duration_since(start()).as_secs();
        self.calls.push(Call { at, route: name, body });
        route.next()
    }

    /// The times of all requests of a route, in seconds since power-on.
    fn times(&self, route: &str) -> Vec<i64> {
        self.calls.iter().filter(|call| call.route == route).map(|call| call.at).collect()
    }

    fn bodies(&self, route: &str) -> Vec<&Value> {
        self.calls.iter().filter(|call| call.route == route).map(|call| &call.body).collect()
    }

    /// The routes in order, without the polls.
    fn routes(&self) -> Vec<&str> {
        self.calls.iter().map(|call| call.route.as_str()).filter(|route| *route != "message").collect()
    }

    /// When it came to a stage first, in seconds since power-on.
    fn reached(&self, stage: Stage) -> Option<i64> {
        let mut history = self.instance.history().iter();
        history.find(|(_, reached)| *reached == stage).map(|(at, _)| at.duration_since(start()).as_secs())
    }
}
