//! The steps of both chains, by name, so that one more is seen; and what makes a step. Not here: how they are printed.

use super::*;

fn all(steps: &[Step]) -> Vec<String> {
    steps.iter().map(shown).collect()
}

#[test]
fn a_job_s_way_to_its_launch_has_these_steps() {
    let measured = measure(include_str!("../../../../../config/jit-runners.toml")).unwrap();
    let reads = "dynamodb:BatchGetItem(class)+dynamodb:BatchGetItem(offering)+dynamodb:BatchGetItem(pool)+\
                 dynamodb:BatchGetItem(userdata)+dynamodb:Query(class)+dynamodb:Query(instance)+dynamodb:Query(job)+\
                 dynamodb:UpdateItem(job)";
    let birth = "dynamodb:TransactWriteItems(class,pool)+sqs:DeleteMessageBatch";
    let usual = [
        "sqs:SendMessage",
        "dynamodb:GetItem(config)+dynamodb:GetItem(lease)",
        "dynamodb:UpdateItem(lease)+sqs:ReceiveMessage*2",
        reads,
        birth,
        LAUNCH,
    ];
    assert_eq!(all(&measured.usual), usual);
    // Once for each configuration, its verdict is written, and the user data's text before a batch names it.
    let first = [
        "sqs:SendMessage",
        "dynamodb:GetItem(config)+dynamodb:GetItem(lease)",
        "dynamodb:UpdateItem(config)+dynamodb:UpdateItem(lease)+sqs:ReceiveMessage*2",
        reads,
        "dynamodb:UpdateItem(userdata)",
        birth,
        LAUNCH,
    ];
    assert_eq!(all(&measured.on_empty_ledger), first);
}

fn call(name: &str, began_ms: i64, ended_ms: i64) -> Call {
    let at = |ms| Timestamp::from_millisecond(ms).unwrap();
    Call { name: name.to_owned(), began_at: at(began_ms), ended_at: Some(at(ended_ms)) }
}

#[test]
fn calls_are_one_step_only_if_all_of_them_were_under_way_together() {
    // `c` runs beside `b`, and begins as `a` ends: it may well have waited for `a`.
    let calls = [
        call("a", 0, 2),
        call("b", 1, 4),
        call("c", 2, 4),
        call("d", 3, 5),
        call(LAUNCH, 5, 9),
        call("e", 6, 7),
    ];
    assert_eq!(all(&steps(&calls).unwrap()), ["a+b", "c+d", LAUNCH]);
    assert!(steps(&calls[..4]).is_err(), "a chain without its end");
}
