//! The steps of both chains, by name, so that one more is seen; and what makes a step. Not here: how they are printed.

use super::*;

fn all(steps: &[Step]) -> Vec<String> {
    steps.iter().map(shown).collect()
}

#[test]
fn a_job_s_way_to_its_launch_has_these_steps() {
    let measured = measure(include_str!("../../../../../config/jit-runners.toml")).unwrap();
    let reads = "dynamodb:BatchGetItem(class)+dynamodb:BatchGetItem(offering)+dynamodb:BatchGetItem(pool)+\
                 dynamodb:BatchGetItem(userdata)+dynamodb:Query(class)+dynamodb:Query(group)+\
                 dynamodb:Query(instance)+dynamodb:Query(job)+dynamodb:UpdateItem(job)";
    let birth = "dynamodb:TransactWriteItems(class,pool)+sqs:DeleteMessageBatch";
    let usual = [
        "sqs:SendMessage",
        "dynamodb:GetItem(config)+dynamodb:UpdateItem(lease)+sqs:ReceiveMessage*2",
        reads,
        birth,
        LAUNCH,
    ];
    assert_eq!(all(&measured.usual), usual);
    assert_eq!(before_launch(measured.usual.len()), GOAL);
    // Once for each configuration, its verdict is written, and the user data's text before a batch names it.
    let first = [
        "sqs:SendMessage",
        "dynamodb:GetItem(config)+dynamodb:UpdateItem(lease)+sqs:ReceiveMessage*2",
        "dynamodb:BatchGetItem(class)+dynamodb:BatchGetItem(offering)+dynamodb:BatchGetItem(pool)+\
         dynamodb:BatchGetItem(userdata)+dynamodb:Query(class)+dynamodb:Query(group)+\
         dynamodb:Query(instance)+dynamodb:Query(job)+dynamodb:UpdateItem(config)+dynamodb:UpdateItem(job)",
        "dynamodb:UpdateItem(userdata)",
        birth,
        LAUNCH,
    ];
    assert_eq!(all(&measured.on_empty_ledger), first);
}

/// Each nudge that finds the lease held has received some of the others' messages by then. All are given back, and the drain at work
/// looks again: with no schedule there is nobody else who would.
#[test]
fn no_message_of_a_burst_is_left_to_a_tick() {
    for apart_ms in [0, 7, 35] {
        let stage = Stage::new(include_str!("../../../../../config/jit-runners.toml")).unwrap();
        let deliveries: Vec<_> = (0..24).map(|_| stage.delivery().unwrap()).collect();
        stage.wire.forget_calls();
        let after = |n: usize| SignedDuration::from_millis(apart_ms * i64::try_from(n).unwrap());
        stage.play(deliveries.into_iter().enumerate().map(|(n, delivery)| (after(n), delivery)));
        assert_eq!(stage.launched(), 24, "{apart_ms} ms apart");
        let now = stage.wire.executor.now();
        let left = stage.wire.world.borrow_mut().aws.queue_messages("us-east-1", "jit-runners-jobs", now);
        assert_eq!(left.len(), 0, "{apart_ms} ms apart");
        let launches = stage.wire.calls().iter().filter(|call| call.name == LAUNCH).count();
        assert!(launches <= 8, "{launches} launches, {apart_ms} ms apart");
    }
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
