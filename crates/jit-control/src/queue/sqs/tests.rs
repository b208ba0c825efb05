//! Tests of the queues on SQS over the model of it: the contract, also with what SQS does to its callers, and what only this back
//! end has.

use std::cell::RefCell;
use std::rc::Rc;

use jit_aws::Credentials;
use jit_fakes::cloud::{Aws as Cloud, AwsConfig, Fault, Principal, SqsMessage, SqsRules};
use jit_fakes::model::{Model as _, ReplyDelay, ReplyLost};

use jit_domain::ids::Region;

use super::*;
use crate::effects::memory::{self, MemoryEffects};
use crate::queue::suite;
use crate::settings::{AwsAccess, Component};
use crate::time::jiff_time;

use QueueName::{Jobs, Lifecycle};

const REGION: &str = "us-east-1";
/// From a request to its reply.
const LATENCY: Duration = Duration::from_millis(20);
const ACTIONS: [&str; 3] = ["SendMessage", "ReceiveMessage", "DeleteMessageBatch"];

/// Effects whose requests go to the model, with its delays and its losses.
struct World {
    effects: MemoryEffects,
    cloud: Rc<RefCell<Cloud>>,
}

impl World {
    /// A model that does nothing unpleasant but what `change` adds.
    fn new(change: impl FnOnce(&mut SqsRules)) -> Self {
        let (effects, mut config) = (MemoryEffects::new(7), AwsConfig::default());
        config.sqs = SqsRules {
            sampled_per_mille: 1_000,
            duplicates_per_mille: 0,
            undead_per_mille: 0,
            ..SqsRules::default()
        };
        change(&mut config.sqs);
        let mut cloud = Cloud::new(config);
        let rights =
            ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"];
        cloud.add_principal(Principal::new("scaleup", "AKIASCALEUP", "a secret".into(), &rights));
        cloud.add_principal(Principal::new("webhook", "AKIAWEBHOOK", "a secret".into(), &rights[..1]));
        for name in ["jobs", "jobs-dead", "lifecycle", "lifecycle-dead"] {
            cloud.add_queue(REGION, &format!("jit-{name}"));
        }
        let cloud = Rc::new(RefCell::new(cloud));
        let (clock, answering) = (effects.clone(), Rc::clone(&cloud));
        effects.answer(move |request| Ok(answering.borrow_mut().handle(jiff_time(clock.now()), request)));
        Self { effects, cloud }
    }

    /// One more invocation on the same world.
    fn another(&self) -> Self {
        Self { effects: self.effects.another(), cloud: Rc::clone(&self.cloud) }
    }

    fn queue(&self) -> SqsQueue<'_, Self> {
        self.queue_of("AKIASCALEUP", "jit")
    }

    fn queue_of(&self, key: &str, prefix: &str) -> SqsQueue<'_, Self> {
        let access = AwsAccess::of_key(Component::Scaleup, Credentials::new(key, "a secret"));
        let place = AwsStorage {
            region: Region::new(REGION),
            account: "123456789012".to_owned(),
            name: prefix.to_owned(),
        };
        SqsQueue::new(self, Aws::new(self, access), &place).unwrap()
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.effects.run(future).expect("nothing crashes")
    }

    fn stored(&self, name: &str) -> Vec<SqsMessage> {
        self.cloud.borrow_mut().queue_messages(REGION, name, jiff_time(self.effects.now()))
    }

    fn calls(&self, action: &str) -> u64 {
        self.cloud.borrow().requests_of(action)
    }

    fn fault(&self, action: &str, times: u32, fault: Fault) {
        self.cloud.borrow_mut().faults.on_next(action, times, fault);
    }
}

impl Effects for World {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, SendError> {
        self.effects.sleep(LATENCY).await;
        let mut reply = self.effects.send(request, timeout).await?;
        let delay =
            reply.extensions_mut().remove::<ReplyDelay>().map(|delay| Duration::try_from(delay.0).unwrap());
        let is_lost = reply.extensions_mut().remove::<ReplyLost>().is_some();
        self.effects.sleep(delay.unwrap_or_default().min(timeout)).await;
        if is_lost || delay.is_some_and(|delay| delay > timeout) {
            self.effects.sleep(timeout.saturating_sub(delay.unwrap_or_default())).await;
            return Err(SendError::Unknown("no reply in time".to_owned()));
        }
        Ok(reply)
    }

    crate::passes_on! { effects: key_value, now, random, sleep, log }
}

fn check(world: &World) {
    world.run(suite::check(|| world.queue(), async || world.effects.sleep(limits::VISIBILITY).await));
}

#[test]
fn the_contract_holds() {
    check(&World::new(|_| {}));
}

#[test]
fn the_contract_holds_on_samples_and_with_duplicates() {
    let world = World::new(|rules| (rules.sampled_per_mille, rules.duplicates_per_mille) = (300, 100));
    check(&world);
}

#[test]
fn the_contract_holds_while_requests_are_throttled_fail_and_get_lost() {
    let world = World::new(|rules| rules.sampled_per_mille = 700);
    let faults = [
        Fault::refused(400, "RequestThrottled"),
        Fault::LostReply,
        Fault::failed_after_effect(500, "InternalFailure"),
        Fault::LostRequest,
    ];
    // Seldom enough that nobody is struck three times running, which is an error by right.
    for (action, every) in ACTIONS.into_iter().zip([17, 13, 11]) {
        for (n, fault) in (every..2_000).step_by(every).zip(faults.iter().cycle()) {
            let n = u32::try_from(n).unwrap();
            world.cloud.borrow_mut().faults.on_nth(action, n, fault.clone());
        }
    }
    check(&world);
    let requests = world.cloud.borrow().requests().clone();
    for code in ["RequestThrottled", "InternalFailure"] {
        for action in ACTIONS {
            assert!(
                requests.keys().any(|key| key.action == action && key.outcome == code),
                "{action} {code}"
            );
        }
    }
}

#[test]
fn a_message_that_is_there_is_received_in_one_round_without_a_wait() {
    let world = World::new(|_| {});
    let queue = world.queue();
    world.run(queue.send(Jobs, b"{}")).unwrap();
    let began = world.now();
    assert_eq!(world.run(queue.receive(Jobs, 500)).unwrap().len(), 1);
    assert_eq!(world.now().since(began), LATENCY);
    assert_eq!(world.calls("ReceiveMessage"), u64::try_from(limits::POLLS_FIRST).unwrap());
}

#[test]
fn a_queue_is_empty_only_if_all_servers_say_so() {
    let world = World::new(|rules| rules.sampled_per_mille = 0);
    let queue = world.queue();
    world.run(queue.send(Jobs, b"{}")).unwrap();
    let began = world.now();
    assert_eq!(world.run(queue.receive(Jobs, 500)).unwrap().len(), 1);
    assert_eq!(world.now().since(began), 2 * LATENCY);
    let began = world.now();
    assert_eq!(world.run(queue.receive(Jobs, 500)), Ok(Vec::new()));
    assert_eq!(world.now().since(began), 2 * LATENCY + limits::LONG_POLL);
}

#[test]
fn as_many_messages_as_asked_for_come_within_a_second_and_no_more() {
    let world = World::new(|_| {});
    let queue = world.queue();
    let sends = (0..620).map(|n| world.queue_and_send(n));
    world.run(async { stream::iter(sends).buffer_unordered(50).collect::<Vec<_>>().await });
    for most in [1, 9, 10, 11, 500] {
        let began = world.now();
        assert_eq!(world.run(queue.receive(Lifecycle, most)).unwrap().len(), most);
        let took = world.now().since(began);
        assert!(took <= 5 * LATENCY, "{most} in {took:?}");
    }
    assert_eq!(world.run(queue.receive(Lifecycle, 500)).unwrap().len(), 620 - 531);
}

impl World {
    async fn queue_and_send(&self, n: usize) {
        self.queue().send(Lifecycle, n.to_string().as_bytes()).await.unwrap();
    }
}

#[test]
fn a_message_comes_again_once_it_is_visible_and_only_its_latest_handle_counts() {
    let world = World::new(|rules| rules.duplicates_per_mille = 1_000);
    let queue = world.queue();
    world.run(queue.send(Jobs, b"{}")).unwrap();
    let mut first = world.run(queue.receive(Jobs, 500)).unwrap();
    assert_eq!(first.len(), 1, "each poll brought it, it counts once");
    let times = world.stored("jit-jobs")[0].receive_count;
    assert_eq!(usize::try_from(times).unwrap(), limits::POLLS_FIRST);
    assert_eq!(world.run(queue.delete(Jobs, &[first.remove(0).handle])), Ok(Vec::new()));
    assert_eq!(world.stored("jit-jobs"), []);

    world.cloud.borrow_mut().sqs_rules_mut().duplicates_per_mille = 0;
    world.run(queue.send(Jobs, b"{}")).unwrap();
    assert_eq!(world.run(queue.receive(Jobs, 10)).unwrap().len(), 1);
    assert_eq!(world.run(queue.receive(Jobs, 10)), Ok(Vec::new()));
    world.effects.advance(limits::VISIBILITY);
    assert_eq!(world.run(queue.receive(Jobs, 10)).unwrap().len(), 1);
}

#[test]
fn a_send_is_tried_three_times_within_the_time_that_github_waits() {
    for fault in [Fault::LostReply, Fault::LostRequest, Fault::refused(400, "RequestThrottled")] {
        let world = World::new(|_| {});
        world.fault("SendMessage", 3, fault);
        let began = world.now();
        let sent = world.run(world.queue_of("AKIAWEBHOOK", "jit").send(Jobs, b"{}"));
        assert!(matches!(sent, Err(QueueError::Busy { .. })), "{sent:?}");
        assert!(world.now().since(began) < Duration::from_secs(9), "{:?}", world.now().since(began));
        assert_eq!(world.calls("SendMessage"), 3);
    }
}

#[test]
fn a_lost_reply_may_send_twice_and_loses_nothing() {
    let world = World::new(|_| {});
    world.fault("SendMessage", 2, Fault::LostReply);
    assert_eq!(world.run(world.queue().send(Jobs, b"{}")), Ok(()));
    assert_eq!(world.stored("jit-jobs").len(), 3);
}

#[test]
fn what_will_not_get_better_is_refused_at_once_and_says_what_to_do() {
    let world = World::new(|_| {});
    let webhook = world.queue_of("AKIAWEBHOOK", "jit");
    let refused = |outcome: Result<Vec<Message>, QueueError>| match outcome {
        Err(QueueError::Refused { cause, .. }) => cause,
        other => panic!("{other:?}"),
    };
    let cause = refused(world.run(webhook.receive(Jobs, 10)));
    assert!(cause.contains("AccessDeniedException") && cause.contains("sqs:receivemessage"), "{cause}");
    let cause = refused(world.run(world.queue_of("AKIASCALEUP", "other").receive(Jobs, 10)));
    assert!(cause.contains("correct region, account and prefix"), "{cause}");
    let early = world.effects.another();
    let skewed = World { effects: early, cloud: Rc::clone(&world.cloud) };
    world.cloud.borrow_mut().advance(jiff_time(world.now() + Duration::from_secs(16 * 60)));
    let cause = refused(skewed.run(skewed.queue().receive(Jobs, 500)));
    assert!(cause.contains("set the clock of the host that signs"), "{cause}");
}

#[test]
fn a_receive_outlives_a_failed_round_and_is_busy_after_two() {
    let world = World::new(|_| {});
    let queue = world.queue();
    world.run(queue.send(Jobs, b"{}")).unwrap();
    let polls = u32::try_from(limits::POLLS_FIRST).unwrap();
    world.fault("ReceiveMessage", polls, Fault::refused(400, "RequestThrottled"));
    assert_eq!(world.run(queue.receive(Jobs, 500)).unwrap().len(), 1);
    world.fault("ReceiveMessage", polls + 1, Fault::refused(400, "RequestThrottled"));
    assert!(matches!(world.run(queue.receive(Jobs, 500)), Err(QueueError::Busy { .. })));
    world.fault("ReceiveMessage", polls - 1, Fault::LostReply);
    assert_eq!(world.run(queue.receive(Jobs, 500)), Ok(Vec::new()), "somebody answered");
}

#[test]
fn handles_that_stay_are_named_and_a_failure_of_all_is_an_error() {
    let world = World::new(|_| {});
    let queue = world.queue();
    for n in 0..12 {
        world.run(world.queue_and_send(n));
    }
    let messages = world.run(queue.receive(Lifecycle, 500)).unwrap();
    let handles: Vec<String> = messages.into_iter().map(|message| message.handle).collect();
    assert_eq!(handles.len(), 12);
    world.fault("DeleteMessageBatch", 6, Fault::refused(400, "RequestThrottled"));
    assert!(matches!(world.run(queue.delete(Lifecycle, &handles)), Err(QueueError::Busy { .. })));
    // The three tries of one batch, whichever comes first, fail; the other one's do not.
    world.cloud.borrow_mut().faults.on_nth("DeleteMessageBatch", 1, Fault::refused(403, "AccessDenied"));
    let left = world.run(queue.delete(Lifecycle, &handles)).unwrap();
    assert!(left == handles[..10] || left == handles[10..], "{left:?}");
    assert_eq!(world.stored("jit-lifecycle").len(), left.len());
    assert_eq!(world.run(queue.delete(Jobs, &["not one of SQS's".to_owned()])), Ok(Vec::new()));
}

#[test]
fn what_a_throttled_call_gives_back_is_given_back_by_the_next() {
    const ACTION: &str = "ChangeMessageVisibilityBatch";
    let world = World::new(|_| {});
    let queue = world.queue();
    for n in 0..12 {
        world.run(world.queue_and_send(n));
    }
    let received = || world.run(queue.receive(Lifecycle, 500)).unwrap();
    let handles = |messages: Vec<Message>| messages.into_iter().map(|m| m.handle).collect::<Vec<String>>();
    let first = handles(received());
    world.fault(ACTION, 4, Fault::refused(400, "RequestThrottled"));
    assert_eq!(world.run(queue.give_back(Lifecycle, &first)), Ok(Vec::new()));
    let second = handles(received());
    assert_eq!(second.len(), 12, "nobody waits until they come by themselves");
    // A batch that is never taken is named; the other one is given back.
    world.cloud.borrow_mut().faults.on_nth(ACTION, 1, Fault::refused(403, "AccessDenied"));
    let left = world.run(queue.give_back(Lifecycle, &second)).unwrap();
    assert!(left == second[..10] || left == second[10..], "{left:?}");
    assert_eq!(received().len(), 12 - left.len());
    world.fault(ACTION, 3, Fault::refused(400, "RequestThrottled"));
    let gift = world.run(queue.give_back(Lifecycle, &second[..1]));
    assert!(matches!(gift, Err(QueueError::Busy { .. })), "{gift:?}");
}

#[test]
fn a_dead_letter_is_the_message_itself_with_its_reason() {
    let world = World::new(|_| {});
    let queue = world.queue();
    world.run(queue.send(Lifecycle, b"{oops\n\xff")).unwrap();
    let message = world.run(queue.receive(Lifecycle, 1)).unwrap().remove(0);
    world.run(queue.dead_letter(Lifecycle, &message, &"\u{e9}".repeat(limits::REASON_BYTES_MAX))).unwrap();
    assert_eq!(world.stored("jit-lifecycle"), []);
    let [dead] = <[SqsMessage; 1]>::try_from(world.stored("jit-lifecycle-dead")).unwrap();
    assert_eq!(jit_aws::sqs::from_text(&dead.body), b"{oops\n\xff");
    assert_eq!(dead.attributes["why"], "\u{e9}".repeat(limits::REASON_BYTES_MAX / 2));
}

#[test]
fn a_crash_at_any_step_of_a_dead_letter_leaves_the_message_somewhere() {
    for (effect, fault) in
        (1..=2).flat_map(|n| [(n, memory::Fault::CrashBefore), (n, memory::Fault::CrashAfter)])
    {
        let world = World::new(|_| {});
        world.run(world.queue().send(Jobs, b"x")).unwrap();
        let message = world.run(world.queue().receive(Jobs, 1)).unwrap().remove(0);
        let crashing = world.another();
        crashing.effects.fault(effect, fault);
        let ended = crashing.effects.run(crashing.queue().dead_letter(Jobs, &message, "why"));
        assert!(ended.is_none(), "effect {effect} is reached");
        assert!(!world.stored("jit-jobs").is_empty() || !world.stored("jit-jobs-dead").is_empty());
    }
}

#[test]
fn a_place_that_cannot_be_one_is_refused_with_its_reason() {
    let world = World::new(|_| {});
    let open = |region: &str, account: &str, prefix: &str| {
        let access = AwsAccess::of_key(Component::Scaleup, Credentials::new("AKIA", "s"));
        let place = AwsStorage { region: Region::new(region), account: account.into(), name: prefix.into() };
        SqsQueue::new(&world, Aws::new(&world, access), &place).map(drop)
    };
    assert_eq!(open(REGION, "123456789012", "jit"), Ok(()));
    assert!(open("nowhere", "123456789012", "jit").unwrap_err().contains("region"));
    assert!(open(REGION, "1234", "jit").unwrap_err().contains("12 digits"));
    assert!(open(REGION, "123456789012", "jit runners").unwrap_err().contains("name of a queue"));
}
