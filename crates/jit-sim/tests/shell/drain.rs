//! scaleup's drain where launches are slow: what is queued meanwhile waits for the next tick, and no longer.

use std::cell::RefCell;
use std::time::Duration;

use jit_control::effects::memory::MemoryEffects;
use jit_control::effects::{Effects, Request, Response, SendError};
use jit_control::entry::{self, Invocation};
use jit_control::settings::Component;

use crate::stage::Stage;

/// An invocation whose first launch takes seven seconds, in which a delivery reaches webhook.
struct SlowLaunch<'a> {
    effects: MemoryEffects,
    stage: &'a Stage,
    delivery: RefCell<Option<Request>>,
}

impl Effects for SlowLaunch<'_> {
    async fn send(&self, request: Request, timeout: Duration) -> Result<Response, SendError> {
        let is_launch = String::from_utf8_lossy(request.body()).contains("Action=RunInstances");
        let delivery = if is_launch { self.delivery.take() } else { None };
        let reply = self.effects.send(request, timeout).await;
        if let Some(delivery) = delivery {
            self.effects.advance(Duration::from_secs(7));
            let webhook = self.effects.another();
            let variable = |name: &str| self.stage.variables.get(name).cloned();
            let call = Invocation {
                effects: &webhook,
                configuration: &self.stage.configuration,
                variable: &variable,
            };
            assert_eq!(entry::webhook(call, &delivery).await.reply.status(), 202);
        }
        reply
    }

    jit_control::passes_on! { effects: key_value, now, random, sleep, log }
}

#[test]
fn a_job_that_is_queued_during_a_slow_launch_is_launched_for_by_the_next_tick() {
    let stage = Stage::new();
    stage.queue(1);
    stage.deliver();
    stage.queue(1);
    let [delivery] = <[Request; 1]>::try_from(stage.deliveries()).unwrap();
    let slow =
        SlowLaunch { effects: stage.effects.another(), stage: &stage, delivery: Some(delivery).into() };
    assert_eq!(stage.call_on(&slow, Component::Scaleup, None).status(), 200);
    assert!(slow.delivery.take().is_none(), "it was delivered during the launch");
    let launched = || stage.world.borrow().aws.instances().count();
    let waiting = || stage.effects.keys().into_iter().filter(|key| key.starts_with("q/jobs/")).count();
    assert_eq!((launched(), waiting()), (1, 1));
    stage.tick(Component::Scaleup);
    assert_eq!((launched(), waiting()), (2, 0));
}
