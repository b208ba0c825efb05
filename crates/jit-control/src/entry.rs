//! The six entry points, the same for the built components, the simulator and tests: read the configuration, look at who asks,
//! run the function, answer. A component adds nothing but the host's own types.

use std::pin::Pin;
use std::time::Duration;

use futures::future;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::configuration::Fault;
use crate::effects::{Effects, Request, Response};
use crate::ledger::key_value::KeyValueLedger;
use crate::queue::QueueName;
use crate::reply::{self, check_cron, text};
use crate::settings::{
    Component, Keeper, KeeperSettings, RegistrarSettings, Rights, Rotating, ScaleupSettings, WebhookSettings,
};
use crate::shell::{Failure, Shell, line};
use crate::start::Start;
use crate::webhook::Answer;
use crate::{lifecycle, rebalancer, registrar, scaledown, scaleup, webhook};

/// Where a chained call asks a function to look at its queue. No public route leads there.
pub const NUDGE_PATH: &str = "/nudge";
/// Longest wait for a nudged function: as long as a handler may take.
const NUDGE_TIMEOUT: Duration = Duration::from_secs(20);

const NOT_NOTED: &str = "the verdict about the configuration was not noted";

/// What set a function going.
#[derive(Clone, Copy, Debug)]
pub enum Trigger<'a> {
    /// A request: of the outside world, or a nudge by chaining.
    Http(&'a Request),
    /// The host's own schedule.
    Cron,
}

/// What every entry point is given by its host.
pub struct Invocation<'a, E: Effects> {
    /// The way to the world.
    pub effects: &'a E,
    /// The text of `config/jit-runners.toml`; the error is why it could not be read.
    pub configuration: &'a Result<String, String>,
    /// Reads one of the component's variables.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl<E: Effects> Clone for Invocation<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: Effects> Copy for Invocation<'_, E> {}

/// webhook: the reply goes out first; then [`nudge`] does the rest.
pub async fn webhook<E: Effects>(invocation: Invocation<'_, E>, request: &Request) -> Answer {
    let start = invocation.start(Component::Webhook);
    match start.read(|| WebhookSettings::read(invocation.variable)) {
        // webhook has no ledger to note it in; GitHub's log keeps the delivery.
        Err(faults) => Answer { reply: start.refuse(&faults), nudge: None },
        Ok((policy, settings)) => {
            match Shell::new(invocation.effects, Component::Webhook, policy, settings.aws()) {
                Ok(shell) => webhook::receive(&shell, &settings, request).await,
                Err(why) => Answer { reply: start.refuse(&[why]), nudge: None },
            }
        }
    }
}

/// The header in which a nudged function names the queue that another function is to look at next.
pub const NEXT_HEADER: &str = "jit-next";
/// Functions nudged one after the other for one delivery.
const NUDGES_MAX: usize = 3;

/// What a function did, as far as it concerns another.
pub trait Next {
    /// The queue whose function is to look next.
    fn next(&self) -> Option<QueueName> {
        None
    }
}

/// Asks the function that drains a queue to look at it now, then whoever that one names: Spin lets a component with a schedule
/// call no other, so the caller passes on what each has for the next. A nudge that is lost costs a tick.
pub async fn nudge<E: Effects>(invocation: Invocation<'_, E>, queue: QueueName) {
    let mut next = Some(queue);
    for _ in 0..NUDGES_MAX {
        let Some(queue) = next else { break };
        next = nudge_one(invocation, queue).await;
    }
}

async fn nudge_one<E: Effects>(invocation: Invocation<'_, E>, queue: QueueName) -> Option<QueueName> {
    let host = match queue {
        QueueName::Jobs => Component::Scaleup,
        QueueName::Lifecycle => Component::Lifecycle,
    };
    let uri = format!("http://{}.spin.internal{NUDGE_PATH}", host.as_str());
    let request = http::Request::post(uri).body(Vec::new()).ok()?;
    match invocation.effects.send(request, NUDGE_TIMEOUT).await {
        Ok(reply) => QueueName::parse(reply.headers().get(NEXT_HEADER)?.to_str().ok()?),
        Err(error) => {
            let fields = json!({ "cause": error.to_string() });
            let text = line(invocation.effects.now(), "warn", "webhook", "a nudge was not answered", fields);
            invocation.effects.log(&text);
            None
        }
    }
}

/// scaleup.
pub async fn scaleup<E: Effects>(invocation: Invocation<'_, E>, trigger: Trigger<'_>) -> Response {
    let read = |get: &dyn Fn(&str) -> Option<String>| ScaleupSettings::read(get);
    let begun = begin(invocation, Component::Scaleup, trigger, read, |s| &s.cron_tokens).await;
    match begun {
        Ok((shell, settings)) => answer(invocation, &shell, Box::pin(scaleup::run(&shell, &settings))).await,
        Err(reply) => reply,
    }
}

/// lifecycle.
pub async fn lifecycle<E: Effects>(invocation: Invocation<'_, E>, trigger: Trigger<'_>) -> Response {
    let read = |get: &dyn Fn(&str) -> Option<String>| KeeperSettings::read(Keeper::Lifecycle, get);
    let begun = begin(invocation, Component::Lifecycle, trigger, read, |s| &s.cron_tokens).await;
    match begun {
        Ok((shell, settings)) => {
            answer(invocation, &shell, Box::pin(lifecycle::run(&shell, &settings))).await
        }
        Err(reply) => reply,
    }
}

/// rebalancer.
pub async fn rebalancer<E: Effects>(invocation: Invocation<'_, E>, trigger: Trigger<'_>) -> Response {
    let read = |get: &dyn Fn(&str) -> Option<String>| KeeperSettings::read(Keeper::Rebalancer, get);
    let begun = begin(invocation, Component::Rebalancer, trigger, read, |s| &s.cron_tokens).await;
    match begun {
        Ok((shell, settings)) => {
            answer(invocation, &shell, Box::pin(rebalancer::run(&shell, &settings))).await
        }
        Err(reply) => reply,
    }
}

/// scaledown.
pub async fn scaledown<E: Effects>(invocation: Invocation<'_, E>, trigger: Trigger<'_>) -> Response {
    let read = |get: &dyn Fn(&str) -> Option<String>| KeeperSettings::read(Keeper::Scaledown, get);
    let begun = begin(invocation, Component::Scaledown, trigger, read, |s| &s.cron_tokens).await;
    match begun {
        Ok((shell, settings)) => {
            answer(invocation, &shell, Box::pin(scaledown::run(&shell, &settings))).await
        }
        Err(reply) => reply,
    }
}

/// registrar.
pub async fn registrar<E: Effects>(invocation: Invocation<'_, E>, request: &Request) -> Response {
    let start = invocation.start(Component::Registrar);
    match start.read(|| RegistrarSettings::read(invocation.variable)) {
        Err(faults) => invalid(&start, &faults).await,
        Ok((policy, settings)) => {
            match Shell::new(invocation.effects, Component::Registrar, policy, settings.aws()) {
                Ok(shell) => registrar::answer(&shell, &settings, request).await,
                Err(why) => invalid(&start, &[why]).await,
            }
        }
    }
}

impl<'a, E: Effects> Invocation<'a, E> {
    fn start(&self, component: Component) -> Start<'a, E> {
        Start { effects: self.effects, component, text: self.configuration }
    }
}

/// Begins a scheduled function: a right token unless the trigger is trusted, then valid configuration. Who has no token learns
/// nothing of the configuration and causes no write, as long as the function's own variables can be read.
async fn begin<'a, E: Effects, S: Rights>(
    invocation: Invocation<'a, E>,
    component: Component,
    trigger: Trigger<'_>,
    read: impl FnOnce(&dyn Fn(&str) -> Option<String>) -> Result<S, Vec<Fault>>,
    tokens: impl FnOnce(&S) -> &Rotating,
) -> Result<(Shell<'a, E>, S), Response> {
    let start = invocation.start(component);
    let settings = read(invocation.variable);
    match trigger {
        Trigger::Cron => {}
        Trigger::Http(request) if request.uri().path() == NUDGE_PATH => {}
        Trigger::Http(request) => {
            if let Ok(settings) = &settings {
                check_cron(request, tokens(settings))?;
            }
        }
    }
    let (policy, settings) = match start.read(|| settings) {
        Ok(read) => read,
        Err(faults) => return Err(invalid(&start, &faults).await),
    };
    match Shell::new(invocation.effects, component, policy, settings.aws()) {
        Ok(shell) => Ok((shell, settings)),
        Err(why) => Err(invalid(&start, &[why]).await),
    }
}

async fn invalid<E: Effects>(start: &Start<'_, E>, faults: &[String]) -> Response {
    if let Err(error) = start.note(&KeyValueLedger::new(start.effects), faults).await {
        start.failed(NOT_NOTED, &error);
    }
    start.refuse(faults)
}

/// Runs a scheduled function, and beside it notes that its configuration is valid. What the function keeps while it
/// waits is large: in a box it is not moved through the stack of everything that waits for it.
async fn answer<E: Effects, T: Next>(
    invocation: Invocation<'_, E>,
    shell: &Shell<'_, E>,
    run: Pin<Box<impl Future<Output = Result<T, Failure>>>>,
) -> Response {
    let start = invocation.start(shell.component);
    let (noted, ran) = future::join(start.note(&shell.ledger, &[]), run).await;
    if let Err(error) = noted {
        start.failed(NOT_NOTED, &error);
    }
    match ran {
        Ok(done) => {
            let mut reply = text(StatusCode::OK, "done");
            if let Some(queue) = done.next() {
                reply.headers_mut().insert(NEXT_HEADER, HeaderValue::from_static(queue.as_str()));
            }
            reply
        }
        Err(failure) => {
            shell.failed("the run was cut off; the next tick goes on", &failure);
            reply::later(crate::limits::RETRY_AFTER_S, "cut off")
        }
    }
}
