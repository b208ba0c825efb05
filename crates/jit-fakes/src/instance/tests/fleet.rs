//! The fleet on the model of AWS, with a registrar that asks STS who is there.

use super::*;
use crate::cloud::{Aws, AwsConfig, Change, Delay, EndReason, InstanceState, Principal, signature};
use crate::model::Model as _;

const KEY: &str = "AKIAOPERATOR00000000";

/// Cloud, fleet, and a registrar that gives a config to whomever STS knows; GitHub has one job for each.
pub(super) struct World {
    pub(super) aws: Aws,
    fleet: Fleet,
    now: Timestamp,
    /// Who claimed: the ARN that STS answered, or its error code.
    identities: Vec<(String, String)>,
    reports: Vec<(String, String)>,
    launched: u32,
    job_s: u32,
    /// The model of GitHub in place of the one line that answers otherwise.
    pub(super) github: Option<together::GitHubSide>,
    pub(super) verdict: &'static str,
}

pub(super) fn world(change: impl FnOnce(&mut InstanceSettings)) -> World {
    let mut settings = InstanceSettings::default();
    change(&mut settings);
    let mut aws = Aws::new(AwsConfig::default());
    aws.add_principal(Principal::new(
        "scaleup",
        KEY,
        SecretString::from("secret"),
        &["ec2:*", "iam:PassRole"],
    ));
    let (identities, reports) = (Vec::new(), Vec::new());
    World {
        aws,
        fleet: Fleet::new(settings),
        now: start(),
        identities,
        reports,
        launched: 0,
        job_s: 90,
        github: None,
        verdict: "allow",
    }
}

impl World {
    fn ec2(&mut self, parameters: &[(&str, &str)]) -> String {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("Version", "2016-11-15")
            .extend_pairs(parameters)
            .finish();
        let mut request =
            Request::post("https://ec2.us-east-1.amazonaws.com/").body(body.into_bytes()).unwrap();
        let credentials = RoleCredentials {
            access_key_id: KEY.into(),
            secret_access_key: SecretString::from("secret"),
            session_token: SecretString::from(""),
            expires_at: Timestamp::MAX,
        };
        signature::sign_request(&mut request, &credentials, ("ec2", "us-east-1"), self.now).unwrap();
        let response = self.aws.handle(self.now, request);
        let body = String::from_utf8(response.body().clone()).unwrap();
        assert_eq!(response.status(), 200, "{body}");
        body
    }

    /// Launches instances and gives their ids.
    pub(super) fn launch(&mut self, count: u32) -> Vec<String> {
        use base64::Engine as _;
        let data = base64::engine::general_purpose::STANDARD.encode(user_data("https://registrar.test"));
        let (count, before) = (count.to_string(), self.launched);
        self.ec2(&[
            ("Action", "RunInstances"),
            ("ImageId", "ami-0000000000000000e"),
            ("InstanceType", "c7i.large"),
            ("MinCount", &count),
            ("MaxCount", &count),
            ("UserData", &data),
            ("IamInstanceProfile.Name", "jit-runner"),
            ("InstanceMarketOptions.MarketType", "spot"),
            ("InstanceInitiatedShutdownBehavior", "terminate"),
        ]);
        let ids: Vec<_> = self.aws.instances().map(|instance| instance.id.clone()).collect();
        self.launched = u32::try_from(ids.len()).unwrap();
        ids[usize::try_from(before).unwrap()..].to_vec()
    }

    pub(super) fn until(&mut self, secs: i64) {
        let end = start() + SignedDuration::from_secs(secs);
        for _ in 0..100_000 {
            let github = self.github.as_ref().and_then(together::GitHubSide::next_at);
            let due = self.fleet.next_at(&self.aws).into_iter().chain(github).min();
            let Some(next) = due.filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if let Some(github) = &mut self.github {
                github.advance(self.now);
            }
            for outgoing in self.fleet.poll(self.now, &mut self.aws) {
                let reply = self.answer(&outgoing);
                self.fleet.reply(self.now, &outgoing.instance_id, outgoing.tag, Some(&reply), &mut self.aws);
            }
        }
        panic!("the world does not come to rest");
    }

    fn answer(&mut self, outgoing: &Outgoing) -> Response<Vec<u8>> {
        if let Some(github) = self.github.as_mut().filter(|_| outgoing.target == Target::GitHub) {
            return github.agent(self.now, &outgoing.request);
        }
        let body: Value = serde_json::from_slice(outgoing.request.body()).unwrap_or(Value::Null);
        let path = outgoing.request.uri().path();
        let (status, reply) = match (outgoing.target, path) {
            (Target::Registrar, "/v1/claim") => {
                let arn = self.who(&body["identity"]);
                let is_own = arn.ends_with(&format!("/{}", outgoing.instance_id));
                self.identities.push((body["instance_id"].as_str().unwrap().into(), arn));
                match self.github.as_mut() {
                    _ if !is_own => (403, Value::Null),
                    Some(github) => (200, github.mint(self.now, &outgoing.instance_id)),
                    None => (200, config()),
                }
            }
            (Target::Registrar, _) => {
                self.reports.push((outgoing.instance_id.clone(), body["stage"].as_str().unwrap().into()));
                (200, json!({"verdict": self.verdict}))
            }
            (Target::GitHub, "/_agent/connect") => (200, json!({"runner_id": 1, "session": "s1"})),
            (Target::GitHub, "/_agent/session/s1/message") => {
                let mut job = job();
                job["duration_s"] = json!(self.job_s);
                (200, job)
            }
            (Target::GitHub, _) => (200, json!({})),
        };
        Response::builder().status(status).body(reply.to_string().into_bytes()).unwrap()
    }

    /// Forwards an identity as the registrar does: exactly its headers, to the regional endpoint.
    fn who(&mut self, identity: &Value) -> String {
        let mut request = Request::post("https://sts.us-east-1.amazonaws.com/");
        for (name, value) in identity["headers"].as_object().unwrap() {
            request = request.header(name, value.as_str().unwrap());
        }
        let body = b"Action=GetCallerIdentity&Version=2011-06-15".to_vec();
        let response = self.aws.handle(self.now, request.body(body).unwrap());
        let text = String::from_utf8(response.into_body()).unwrap();
        let between =
            |open: &str, close: &str| Some(text.split_once(open)?.1.split_once(close)?.0.to_owned());
        between("<Arn>", "</Arn>").or_else(|| between("<Code>", "</Code>")).unwrap()
    }

    pub(super) fn stage(&self, id: &str) -> Stage {
        self.fleet.instance(id).unwrap().stage()
    }

    fn ended(&self, id: &str) -> Option<(i64, EndReason)> {
        let (at, reason) = self.aws.instance(id).unwrap().ended(self.now)?;
        Some((at.duration_since(start()).as_secs(), reason))
    }
}

#[test]
fn an_instance_boots_when_ec2_runs_it_and_ends_at_ec2_when_it_powers_off() {
    let mut world = world(|_| {});
    let id = world.launch(1).remove(0);
    assert!(world.fleet.instance(&id).is_none(), "pending instances are off");
    world.until(5);
    assert_eq!(world.stage(&id), Stage::Booting);
    world.until(60);
    assert_eq!(world.stage(&id), Stage::Busy);
    world.until(600);
    assert_eq!(world.ended(&id), Some((5 + 30 + 90, EndReason::OwnPowerOff)));
    assert_eq!(world.aws.live_instances().count(), 0);
}

#[test]
fn sts_knows_each_instance_by_its_id() {
    let mut world = world(|_| {});
    let ids = world.launch(3);
    world.until(60);
    let expected: Vec<_> = ids
        .iter()
        .map(|id| (id.clone(), format!("arn:aws:sts::123456789012:assumed-role/jit-runner/{id}")))
        .collect();
    let mut seen = world.identities.clone();
    seen.sort();
    let mut wanted = expected;
    wanted.sort();
    assert_eq!(seen, wanted);
}

#[test]
fn an_identity_changed_on_its_way_is_worth_nothing() {
    let mut world = world(|_| {});
    let id = world.launch(1).remove(0);
    world.until(10);
    let credentials = world.aws.role_credentials(&id, world.now).unwrap();
    let sts = "https://sts.us-east-1.amazonaws.com/";
    let registrar = "https://registrar.test";
    let good = wire::identity(&credentials, "us-east-1", sts, registrar, world.now).unwrap();
    assert!(world.who(&good).ends_with(&id));
    let mut elsewhere = good.clone();
    elsewhere["headers"]["x-jit-runners-audience"] = json!("evil.test");
    assert_eq!(world.who(&elsewhere), "SignatureDoesNotMatch");
    world.until(10 + 15 * 60 + 1);
    assert_eq!(world.who(&good), "SignatureDoesNotMatch", "too old");
}

#[test]
fn an_instance_terminated_at_ec2_dies_at_once() {
    let mut world = world(|_| {});
    let id = world.launch(1).remove(0);
    world.until(60);
    world.ec2(&[("Action", "TerminateInstances"), ("InstanceId.1", &id)]);
    world.until(61);
    assert_eq!(world.stage(&id), Stage::Off);
    assert_eq!(world.ended(&id), Some((60, EndReason::Terminated)));
    assert!(!world.reports.contains(&(id, "exited".into())), "its power was cut");
}

#[test]
fn an_instance_terminated_while_pending_never_boots() {
    let mut world = world(|_| {});
    let id = world.launch(1).remove(0);
    world.ec2(&[("Action", "TerminateInstances"), ("InstanceId.1", &id)]);
    world.until(600);
    assert!(world.fleet.instance(&id).is_none() && world.reports.is_empty());
}

#[test]
fn a_noticed_interruption_is_reported_and_kills_two_minutes_later() {
    let mut world = world(|settings| settings.boot = Delay::secs(10));
    world.job_s = 600;
    let id = world.launch(1).remove(0);
    world.until(20);
    assert!(world.aws.interrupt_with_notice(&id, world.now));
    world.until(139);
    assert!(world.reports.contains(&(id.clone(), "interrupted".into())));
    assert_eq!(world.stage(&id), Stage::Busy);
    world.until(600);
    assert_eq!((world.stage(&id), world.ended(&id)), (Stage::Off, Some((140, EndReason::SpotInterruption))));
}

#[test]
fn an_unnoticed_interruption_kills_without_a_word() {
    let mut world = world(|_| {});
    let id = world.launch(1).remove(0);
    world.until(60);
    assert!(world.aws.interrupt_without_notice(&id, world.now));
    world.until(600);
    assert_eq!((world.stage(&id), world.ended(&id)), (Stage::Off, Some((60, EndReason::SpotInterruption))));
    assert!(!world.reports.iter().any(|(_, stage)| stage == "interrupted" || stage == "exited"));
}

#[test]
fn a_silent_machine_goes_on_running_at_ec2() {
    let fate = Fate::MachineDies(SignedDuration::from_secs(5));
    let mut world = world(|settings| settings.fates = [(1, fate)].into());
    let id = world.launch(1).remove(0);
    world.until(100_000);
    assert_eq!(world.stage(&id), Stage::Silent);
    assert_eq!(world.aws.instance(&id).unwrap().state_at(world.now), InstanceState::Running);
}

#[test]
fn fates_strike_by_launch_order() {
    let mut world = world(|settings| {
        settings.fates = [(2, Fate::NeverBoots), (3, Fate::AgentExitsAtOnce)].into();
    });
    let ids = world.launch(3);
    world.until(600);
    let stages: Vec<_> = ids.iter().map(|id| world.stage(id)).collect();
    assert_eq!(stages, [Stage::Off, Stage::Booting, Stage::Off]);
    assert_eq!(world.aws.live_instances().count(), 1);
}

#[test]
fn a_hostile_job_cannot_pass_for_its_sibling() {
    let mut world = world(|settings| settings.fates = [(2, Fate::Hostile)].into());
    let ids = world.launch(2);
    world.until(600);
    let attacks = world.fleet.instance(&ids[1]).unwrap().attacks();
    assert!(attacks.iter().any(|(attack, _)| attack.instance_id == ids[0]));
    let as_sibling =
        world.identities.iter().filter(|(claimed, arn)| *claimed == ids[0] && arn.ends_with(&ids[1]));
    assert_eq!(as_sibling.count(), 4, "STS tells who really asked");
}

#[test]
fn credentials_are_renewed_before_they_expire() {
    let fate = Fate::BootsSlowly(SignedDuration::from_hours(7));
    let mut world = world(|settings| settings.fates = [(1, fate)].into());
    let id = world.launch(1).remove(0);
    world.until(8 * 3600);
    assert_eq!(world.identities.len(), 1);
    assert!(world.identities[0].1.ends_with(&id), "{:?}", world.identities);
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let play = |seed| {
        let mut world = world(|settings| {
            settings.seed = seed;
            let (p50, p99) = (SignedDuration::from_secs(40), SignedDuration::from_secs(120));
            settings.boot = Delay::LogNormal { p50, p99 };
            settings.fate_mix = vec![(200, Fate::AgentExitsAtOnce), (100, Fate::BootScriptFails)];
        });
        world.launch(20);
        world.until(3600);
        let gone = world.aws.history().iter().filter(|entry| entry.change == Change::Terminated).count();
        assert_eq!(gone, 20);
        world.aws.history().to_vec()
    };
    assert_eq!(play(1), play(1));
    assert_ne!(play(1), play(2));
}
