//! What holds for every message: it survives, forgives unknown fields, refuses newer versions and says where it breaks.

use jit_domain::ids::{InstallationId, JobId, Login, PoolName, RepositoryName, RunId, RunnerId, RunnerName};
use jit_domain::job::{RunnerRef, Visibility};
use jit_domain::observation::Observation;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index as Cut, select};
use serde_json::{Value, json};

use super::*;
use crate::stored::arbitrary;
use crate::stored::tests::golden::{Golden, at, class};

prop_compose! {
    fn observation()(
        (delivery, action, conclusion) in
            (option::of(arbitrary::text()), select(&Action::ALL), option::of(arbitrary::text())),
        (job, run, attempt, installation) in any::<(u64, u64, u32, u64)>(),
        (name, labels) in (arbitrary::text(), vec(arbitrary::text(), 0..4)),
        (repository, organisation) in (arbitrary::repository(), option::of(arbitrary::login())),
        (visibility, sender) in (arbitrary::visibility(), option::of(arbitrary::login())),
        (pool, runner_id, runner_name) in
            (option::of(arbitrary::text()), option::of(0..3_u64), option::of(arbitrary::text())),
        (created_at, at, received_at) in
            (arbitrary::timestamp(), arbitrary::timestamp(), arbitrary::timestamp()),
    ) -> JobObservation {
        JobObservation {
            delivery,
            action,
            job: JobId(job),
            run: RunId(run),
            attempt,
            name,
            labels,
            installation: InstallationId(installation),
            repository,
            organisation,
            visibility,
            sender,
            pool: pool.map(PoolName::new),
            runner_id: runner_id.map(RunnerId),
            runner_name: runner_name.map(RunnerName::new),
            conclusion,
            created_at,
            at,
            received_at,
        }
    }
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![observation().prop_map(Message::Job), arbitrary::class_key().prop_map(Message::Class)]
}

proptest! {
    #[test]
    fn a_message_survives_its_form(message in message(), cut: Cut) {
        let bytes = message.encode();
        prop_assert_eq!(Message::decode(&bytes), Ok(message.clone()));

        let mut json: Value = serde_json::from_slice(&bytes).unwrap();
        json["from_the_future"] = json!([1]);
        prop_assert_eq!(Message::decode(json.to_string().as_bytes()), Ok(message));

        json["v"] = json!(2);
        prop_assert_eq!(Message::decode(json.to_string().as_bytes()), Err(MessageError::Newer { v: 2 }));

        let broken = Message::decode(&bytes[..cut.index(bytes.len())]);
        let is_named = matches!(&broken, Err(MessageError::Malformed { place, .. }) if !place.is_empty());
        prop_assert!(is_named, "{:?}", broken);
    }

    #[test]
    fn outside_bytes_never_panic(bytes: Vec<u8>) {
        prop_assert!(Message::decode(&bytes).is_err());
    }

    #[test]
    fn an_observation_names_a_runner_only_by_a_real_id_or_a_name(told in observation()) {
        let seen = Observation::from(told.clone());
        let id = told.runner_id.filter(|id| id.0 > 0);
        let name = told.runner_name.unwrap_or_else(|| RunnerName::new(""));
        let has_runner = id.is_some() || name != RunnerName::new("");
        prop_assert_eq!(seen.runner, has_runner.then_some(RunnerRef { id, name }));
        prop_assert!(told.labels.iter().all(|l| l.trim().is_empty() || seen.labels.contains(l.trim())));
    }
}

fn told(action: Action) -> JobObservation {
    let has_runner = action >= Action::InProgress;
    JobObservation {
        delivery: Some("72d3162e-cc78-11e3-81ab-4c9367dc0958".into()),
        action,
        job: JobId(29_679_449_526),
        run: RunId(10_101_010),
        attempt: 1,
        name: "build".into(),
        labels: vec!["self-hosted".into(), "Linux".into()],
        installation: InstallationId(42),
        repository: RepositoryName::parse("octo/app").unwrap(),
        organisation: Some(Login::new("octo")),
        visibility: None,
        sender: None,
        pool: (!has_runner).then(|| PoolName::new("default")),
        runner_id: has_runner.then_some(RunnerId(771)),
        runner_name: has_runner.then(|| RunnerName::new("jit-i-0123456789abcdef0-1")),
        conclusion: (action == Action::Completed).then(|| "failure".into()),
        created_at: at(0),
        at: at(1),
        received_at: at(2),
    }
}

/// Every message in every phase, as the files in `tests/stored/` hold them.
pub(crate) fn golden() -> Vec<Golden> {
    let jobs =
        Action::ALL.map(|action| (format!("message-job-{}", action.as_str()), Message::Job(told(action))));
    let full = JobObservation {
        visibility: Some(Visibility::Public),
        sender: Some(Login::new("mona")),
        ..told(Action::Queued)
    };
    let full = ("message-job-queued-sender".to_owned(), Message::Job(full));
    let class = ("message-class".to_owned(), Message::Class(class().identity.key()));
    let file = |(name, message): (String, Message)| {
        let written = message.encode();
        Golden::new(name, message, written, Message::decode)
    };
    jobs.into_iter().chain([full, class]).map(file).collect()
}

#[test]
fn every_message_that_is_on_its_way_is_still_read_and_still_written() {
    golden().iter().for_each(Golden::check);
}

#[test]
fn each_message_has_the_queue_whose_drain_handles_it() {
    let queue = |action| Message::Job(told(action)).queue();
    assert_eq!(
        Action::ALL.map(queue),
        [QueueName::Jobs, QueueName::Jobs, QueueName::Lifecycle, QueueName::Lifecycle,]
    );
}

/// The place of the fault after a field of an `in_progress` message was changed.
fn place_after(field: &str, value: Value) -> String {
    let mut json: Value = serde_json::from_slice(&Message::Job(told(Action::InProgress)).encode()).unwrap();
    json[field] = value;
    match Message::decode(json.to_string().as_bytes()) {
        Err(MessageError::Malformed { place, .. }) => place,
        other => panic!("not malformed: {other:?}"),
    }
}

#[test]
fn a_fault_is_named_by_its_field() {
    assert_eq!(place_after("type", json!("jobs")), "type");
    assert_eq!(place_after("type", json!(7)), "type");
    assert_eq!(place_after("v", json!("1")), "v");
    assert_eq!(place_after("action", json!("requested")), "action");
    assert_eq!(place_after("labels", json!(["a", 1])), "labels[1]");
    assert_eq!(place_after("runner_id", json!(-1)), "runner_id");
}

#[test]
fn a_newer_version_is_told_from_an_unknown_type() {
    assert_eq!(Message::decode(br#"{"type":"verdict","v":2}"#), Err(MessageError::Newer { v: 2 }));
    let unknown = Message::decode(br#"{"type":"verdict","v":1}"#);
    assert!(matches!(unknown, Err(MessageError::Malformed { place, .. }) if place == "type"));
}
