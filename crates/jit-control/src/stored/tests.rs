//! What holds for every stored form: it survives, forgives unknown fields, refuses newer versions and says where it breaks.

use std::fmt::Debug;
use std::time::Duration;

use jit_domain::class::Class;
use jit_domain::ids::{Cloud, Digest, ImageId, InstallationId, JobId, PoolName, Region};
use jit_domain::instance::{Instance, InstancePhase};
use jit_domain::job::{Job, JobPhase};
use jit_domain::pool::{BootSamples, OfferingHealth, PoolRecord};
use proptest::prelude::*;
use proptest::sample::Index as Cut;
use serde_json::{Value, json};

use super::*;

pub(crate) mod golden;

/// Objects of a form whose keys are not field names: maps, and the one word of a phase, an outcome or an encryption.
const NOT_FIELDS: [&str; 9] = [
    "width",
    "groups",
    "reservations",
    "breakers",
    "boots",
    "unhealthy",
    "phase",
    "outcome",
    "disk_encryption",
];

/// Batches as full as they may be, with six places each of which was tried.
#[test]
fn the_largest_class_fits_into_every_ledger() {
    use jit_domain::class::{Batch, Outcome, Try};
    use jit_domain::limits;

    let whole = golden::class_with_every_outcome();
    let (closed, place) = (&whole.batches[0], &whole.batches[0].template.offerings[0]);
    let mut number = 0_u64;
    let mut batch = |instances: usize, closed_now: bool| {
        let mut batch = Batch { closed: closed.closed.clone().filter(|_| closed_now), ..closed.clone() };
        batch.template.offerings = vec![place.clone(); 6];
        let of = |n: u32| Try {
            n,
            offering: n,
            outcome: Outcome::Launched { count: 43 },
            ..closed.tries[0].clone()
        };
        batch.tries = (0..6).map(of).collect();
        batch.instances = (0..instances)
            .map(|_| {
                number += 1;
                let id = format!("i-{number:017x}");
                jit_domain::ids::InstanceKey { cloud: Cloud::Aws, region: Region::new("ap-southeast-1"), id }
            })
            .collect();
        batch
    };
    let slots = usize::try_from(limits::BATCH_SLOTS_MAX).unwrap();
    let kept = limits::CLOSED_INSTANCES_MAX.div_ceil(limits::CLOSED_BATCHES_MAX);
    let mut batches: Vec<Batch> = (0..limits::CLOSED_BATCHES_MAX).map(|_| batch(kept, true)).collect();
    batches.extend((0..limits::OPEN_BATCHES_MAX).map(|_| batch(slots, false)));
    let bytes = Class { batches, ..whole }.encode().len();
    assert!(bytes <= crate::ledger::VALUE_BYTES_MAX, "{bytes} bytes");
    assert!(bytes * 2 > crate::ledger::VALUE_BYTES_MAX, "{bytes} bytes leave room for more batches");
}

proptest! {
    #[test]
    fn a_job_survives(value in arbitrary::job(), cut: Cut) {
        holds(&value, cut)?;
    }

    #[test]
    fn a_class_survives(value in arbitrary::class(), cut: Cut) {
        holds(&value, cut)?;
    }

    #[test]
    fn an_instance_survives(value in arbitrary::instance(), cut: Cut) {
        holds(&value, cut)?;
    }

    #[test]
    fn a_pool_record_survives(value in arbitrary::pool_record(), cut: Cut) {
        holds(&value, cut)?;
    }

    #[test]
    fn the_health_of_offerings_survives(value in arbitrary::offering_health(), cut: Cut) {
        holds(&value, cut)?;
    }

    #[test]
    fn a_group_survives(value in arbitrary::group(), cut: Cut) {
        holds(&value, cut)?;
    }

    #[test]
    fn a_lease_survives(
        holder in arbitrary::text(),
        until in arbitrary::timestamp(),
        is_asked: bool,
        cut: Cut,
    ) {
        holds(&Lease { holder, until, is_asked }, cut)?;
    }

    #[test]
    fn a_schedule_survives(
        ran_at in arbitrary::timestamp(),
        ended_at in proptest::option::of(arbitrary::timestamp()),
        cut: Cut,
    ) {
        holds(&Schedule { ran_at, ended_at }, cut)?;
    }

    #[test]
    fn a_cursor_survives(at in arbitrary::text(), cut: Cut) {
        holds(&Cursor(at), cut)?;
    }

    #[test]
    fn a_verdict_survives(
        digest in arbitrary::word(),
        faults in proptest::collection::vec(arbitrary::text(), 0..4),
        at in arbitrary::timestamp(),
        cut: Cut,
    ) {
        holds(&ConfigVerdict { digest: Digest::new(digest), faults, at }, cut)?;
    }

    #[test]
    fn a_sealed_token_survives(sealed: Vec<u8>, expires_at in arbitrary::timestamp(), cut: Cut) {
        holds(&SealedToken { sealed, expires_at }, cut)?;
    }

    #[test]
    fn a_pause_survives(until in arbitrary::timestamp(), cut: Cut) {
        holds(&BudgetPause { until }, cut)?;
    }

    #[test]
    fn scopes_of_ghosts_survive(scopes in arbitrary::ghost_scopes(), cut: Cut) {
        holds(&scopes, cut)?;
    }

    #[test]
    fn outside_bytes_never_panic(bytes: Vec<u8>) {
        prop_assert!(Job::decode(&bytes).is_err());
        prop_assert!(Class::decode(&bytes).is_err());
    }

    #[test]
    fn a_job_is_listed_until_it_is_completed_and_then_kept_as_a_tombstone(job in arbitrary::job()) {
        let is_over = job.phase == JobPhase::Completed;
        prop_assert_eq!(job.index() == Index::Closed, is_over);
        let kept = Duration::from_secs(48 * 3600);
        prop_assert_eq!(job.expires_at(), is_over.then(|| job.moved_at + kept));
    }

    #[test]
    fn an_instance_is_listed_until_the_cloud_confirms_its_end(instance in arbitrary::instance()) {
        prop_assert_eq!(instance.index() == Index::Closed, instance.ended_at.is_some());
        let kept = Duration::from_secs(24 * 3600);
        prop_assert_eq!(instance.expires_at(), instance.ended_at.map(|at| at + kept));
    }

    #[test]
    fn a_class_is_listed_while_it_keeps_a_batch_or_plans_a_launch(class in arbitrary::class()) {
        let is_idle = class.batches.is_empty() && class.next_launch_at.is_none();
        prop_assert_eq!(class.index() == Index::Closed, is_idle);
        prop_assert_eq!(class.expires_at(), None);
    }
}

fn holds<T: Stored + PartialEq + Debug>(value: &T, cut: Cut) -> Result<(), TestCaseError> {
    let bytes = value.encode();
    prop_assert!(bytes.starts_with(br#"{"v":1"#), "{}", String::from_utf8_lossy(&bytes));
    let read = T::decode(&bytes);
    prop_assert_eq!(read.as_ref(), Ok(value));

    let mut json: Value = serde_json::from_slice(&bytes).unwrap();
    add_unknown_fields(&mut json);
    let read = T::decode(json.to_string().as_bytes());
    prop_assert_eq!(read.as_ref(), Ok(value));

    json["v"] = json!(2);
    prop_assert_eq!(T::decode(json.to_string().as_bytes()), Err(StoredError::Newer { v: 2 }));

    let broken = T::decode(&bytes[..cut.index(bytes.len())]);
    let is_named = matches!(&broken, Err(StoredError::Malformed { what, place }) if !what.is_empty() && !place.is_empty());
    prop_assert!(is_named, "{:?}", broken);
    Ok(())
}

fn add_unknown_fields(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match value {
                    Value::Object(inner) if NOT_FIELDS.contains(&name.as_str()) => {
                        inner.values_mut().for_each(add_unknown_fields);
                    }
                    other => add_unknown_fields(other),
                }
            }
            fields.insert("from_the_future".into(), json!({ "deep": [1, null, "x"] }));
        }
        Value::Array(values) => values.iter_mut().for_each(add_unknown_fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The place of the fault after `change` was made to the form of `value`.
fn place_after<T: Stored + Debug>(value: &T, change: impl FnOnce(&mut Value)) -> String {
    let mut json: Value = serde_json::from_slice(&value.encode()).unwrap();
    change(&mut json);
    match T::decode(json.to_string().as_bytes()) {
        Err(StoredError::Malformed { place, .. }) => place,
        other => panic!("not malformed: {other:?}"),
    }
}

#[test]
fn a_fault_is_named_by_the_path_of_its_field() {
    let class = golden::class_with_every_outcome();
    assert_eq!(
        place_after(&class, |j| j["batches"][0]["tries"][1]["outcome"] = json!("won")),
        "batches[0].tries[1].outcome"
    );
    assert_eq!(
        place_after(&class, |j| j["batches"][0]["tries"][0]["count"] = json!(-1)),
        "batches[0].tries[0].count"
    );
    assert_eq!(place_after(&class, |j| j["identity"]["scope"] = json!("a/b/c")), "identity.scope");
    assert_eq!(
        place_after(&class, |j| j["batches"][0]["instances"][0] = json!("aws")),
        "batches[0].instances[0]"
    );
    assert_eq!(
        place_after(&class, |j| j["batches"][0]["closed"]["reason"]["code"] = json!("x")),
        "batches[0].closed.reason"
    );

    let job = golden::job(JobPhase::Queued);
    assert_eq!(place_after(&job, |j| j["phase"] = json!("lost")), "phase");
    assert_eq!(place_after(&job, |j| j["repository"] = json!("octo")), "repository");
    assert_eq!(place_after(&job, |j| j["created_at"] = json!("2026-01-01")), "created_at");

    let token = SealedToken { sealed: vec![1, 2, 3], expires_at: Timestamp::from_s(1) };
    assert_eq!(place_after(&token, |j| j["sealed"] = json!("?")), "sealed");
}

#[test]
fn a_truncated_form_is_named_by_the_field_in_which_it_ends() {
    let class = golden::class_with_every_outcome().encode();
    let at = class.windows(6).position(|w| w == b"tries\"").unwrap();
    let StoredError::Malformed { place, .. } = Class::decode(&class[..at + 20]).unwrap_err() else {
        panic!()
    };
    assert!(place.starts_with("batches[0].tries[0]"), "{place}");

    let job = golden::job(JobPhase::Queued).encode();
    let at = job.windows(6).position(|w| w == b"octo/a").unwrap();
    let broken = Job::decode(&job[..at + 3]);
    assert!(
        matches!(&broken, Err(StoredError::Malformed { place, .. }) if place == "repository"),
        "{broken:?}"
    );
}

#[test]
fn a_version_must_be_there_and_be_one_that_was_ever_written() {
    let job = golden::job(JobPhase::Queued);
    assert_eq!(place_after(&job, |j| j["v"] = json!("1")), "v");
    assert_eq!(place_after(&job, |j| j["v"] = json!(0)), "v");
    let without = place_after(&job, |j| {
        j.as_object_mut().unwrap().remove("v");
    });
    assert_eq!(without, ".");
}

#[test]
fn a_newer_version_is_left_alone_whatever_else_it_holds() {
    assert_eq!(Job::decode(br#"{"jobs":{},"v":7}"#), Err(StoredError::Newer { v: 7 }));
}

#[test]
fn nothing_may_follow_a_form() {
    let mut bytes = golden::job(JobPhase::Queued).encode();
    bytes.extend_from_slice(b"{}");
    assert!(matches!(Job::decode(&bytes), Err(StoredError::Malformed { .. })));
}

#[test]
fn a_boot_duration_too_long_for_milliseconds_is_cut() {
    let longest = Duration::MAX;
    let samples = BootSamples { durations: vec![longest], until: Timestamp::from_s(1) };
    let pool = PoolRecord { boots: [(ImageId::new("ami-1"), samples)].into(), ..PoolRecord::default() };
    let read = PoolRecord::decode(&pool.encode()).unwrap();
    assert_eq!(read.boots[&ImageId::new("ami-1")].durations, [Duration::from_millis(u64::MAX)]);
}

#[test]
fn keys_are_made_of_kind_and_name() {
    let instance = golden::instance(InstancePhase::Launched);
    let keys = [
        Job::key(JobId(7)),
        Class::key(&golden::class().identity.key()),
        Instance::key(&instance.key),
        PoolRecord::key(&PoolName::new("default")),
        OfferingHealth::key((Cloud::Aws, &Region::new("us-east-1"))),
        Lease::key("scaleup"),
        Schedule::key("scaleup"),
        Cursor::key("rebalancer"),
        ConfigVerdict::key("registrar"),
        SealedToken::key(("registrar", InstallationId(42))),
        BudgetPause::key("1234"),
    ];
    let class = format!("class/{}", golden::class().identity.key());
    let expected = [
        "job/7",
        &class,
        "instance/aws/us-east-1/i-0123456789abcdef0",
        "pool/default",
        "offering/aws/us-east-1",
        "lease/scaleup",
        "schedule/scaleup",
        "cursor/rebalancer",
        "config/registrar",
        "token/registrar/42",
        "budget/1234/pause",
    ];
    assert_eq!(keys.map(|key| key.to_string()), expected);
}

#[test]
fn a_write_carries_form_index_and_expiry() {
    let job = golden::job(JobPhase::Completed);
    let write = job.write(job.id, 3);
    assert_eq!((write.key, write.expected), (Job::key(job.id), 3));
    let Change::Put { value, index, expires_at } = write.value else { panic!() };
    assert_eq!((Job::decode(&value), index, expires_at), (Ok(job.clone()), Index::Closed, job.expires_at()));
}

#[test]
fn a_sealed_token_is_not_printed_and_expires() {
    let token = SealedToken { sealed: vec![201; 8], expires_at: Timestamp::from_s(9) };
    assert!(!format!("{token:?}").contains("201"));
    assert_eq!(token.expires_at(), Some(Timestamp::from_s(9)));
}

#[test]
fn a_scope_of_ghosts_is_noted_once_an_hour_and_kept_for_a_day() {
    use jit_domain::class::Scope;
    use jit_domain::ids::Login;
    let scope = |n: usize| Scope::Organisation(Login::new(&format!("o{n}")));
    let at = |s: u64| golden::at(s);
    let one = InstallationId(1);
    let first = GhostScopes::default().noted(one, &scope(1), at(0)).unwrap();
    assert_eq!(first.noted(one, &scope(1), at(3_599)), None, "noted a moment ago");
    let both = first.noted(one, &scope(2), at(3_599)).unwrap();
    assert!(both.noted(InstallationId(2), &scope(1), at(3_599)).is_some(), "of another installation");
    let again = both.noted(one, &scope(1), at(3_600)).unwrap();
    assert_eq!(again.scopes.iter().map(|s| s.at).collect::<Vec<_>>(), [at(3_599), at(3_600)]);
    assert_eq!(again.expires_at(), Some(at(3_600 + 86_400)));
    assert_eq!((again.sought(at(3_599 + 86_400)).count(), again.sought(at(3_600 + 86_400)).count()), (1, 0));
    let many =
        (0..1_100).fold(GhostScopes::default(), |known, n| known.noted(one, &scope(n), at(0)).unwrap());
    assert_eq!((many.scopes.len(), &many.scopes[0].scope), (1_000, &scope(100)), "the oldest go");
}
