//! Makes time go on: schedules tick, GitHub's deliveries reach the webhook, instances' requests reach the registrar and GitHub.
//! Not here: what is asked of GitHub and when (`workload`).

use futures::channel::oneshot;
use jiff::{SignedDuration, Timestamp};
use jit_control::effects::{Request, Response};
use jit_control::settings::Component;
use jit_fakes::github::Delivery;
use jit_fakes::instance::{Outgoing, Target};
use jit_fakes::model::{Model as _, Random, ReplyDelay, ReplyLost};

use super::plane::{Plane, broken};
use crate::world::to_route;

/// The schedules of `spin.toml`, in seconds.
pub const SCHEDULES_S: [(Component, i64); 4] = [
    (Component::Scaleup, 10),
    (Component::Lifecycle, 10),
    (Component::Rebalancer, 60),
    (Component::Scaledown, 300),
];

/// How the network between the outside and us is.
#[derive(Clone, Debug)]
pub struct Network {
    /// Draws follow from it.
    pub random: Random,
    /// Of a thousand requests of instances, how many never arrive.
    pub lost_per_mille: u64,
    /// Of a thousand replies to instances, how many never arrive.
    pub reply_lost_per_mille: u64,
    /// From then on nothing is lost.
    pub until: Timestamp,
}

/// Starts the schedules.
pub fn start_schedules(plane: &Plane) {
    for (component, every_s) in SCHEDULES_S {
        let clock = plane.clone();
        plane.executor.spawn(async move {
            loop {
                let now_s = clock.executor.now().as_second();
                let next = Timestamp::from_second((now_s / every_s + 1) * every_s);
                clock.executor.sleep_until(next.unwrap_or(Timestamp::MAX)).await;
                if !clock.is_down() {
                    drop(clock.invoke(component, None));
                }
            }
        });
    }
}

/// Plays until a time, or until `is_over` says so; it is asked every virtual second in which something happens.
pub fn play(plane: &Plane, network: &Network, until: Timestamp, mut is_over: impl FnMut(&Plane) -> bool) {
    let mut asked_at = Timestamp::MIN;
    loop {
        plane.executor.run_ready();
        if step(plane, network) {
            continue;
        }
        let now = plane.executor.now();
        plane.checks.borrow_mut().stepped(now, &plane.world.borrow());
        if now.duration_since(asked_at) >= SignedDuration::from_secs(1) {
            asked_at = now;
            if is_over(plane) {
                return;
            }
        }
        let world = plane.world.borrow().next_at().map(|at| at.max(now.saturating_add(TICK).unwrap_or(now)));
        let Some(next) = plane.executor.next_timer().into_iter().chain(world).min() else { return };
        if next > until {
            plane.executor.advance(until);
            return;
        }
        plane.executor.advance(next);
    }
}

/// What the world has planned for now has happened; it goes on no sooner than this.
const TICK: SignedDuration = SignedDuration::from_micros(100);

/// Lets happen what is due, and sends off what came of it. Whether anything was sent.
fn step(plane: &Plane, network: &Network) -> bool {
    let (deliveries, outgoing) = {
        let now = plane.executor.now();
        let world = &mut *plane.world.borrow_mut();
        world.github.advance(now);
        (world.github.take_deliveries(), world.fleet.poll(now, &mut world.aws))
    };
    let is_something = !deliveries.is_empty() || !outgoing.is_empty();
    for delivery in deliveries {
        plane.executor.spawn(post(plane.clone(), delivery));
    }
    for request in outgoing {
        plane.executor.spawn(carry(plane.clone(), network.clone(), request));
    }
    is_something
}

/// Sends a request to a public route. None: the plane is down.
async fn request(plane: &Plane, request: Request) -> Option<Response> {
    if plane.is_down() {
        return None;
    }
    let component = match request.uri().path() {
        "/webhook" => Component::Webhook,
        _ => Component::Registrar,
    };
    let reply: oneshot::Receiver<_> = plane.invoke(component, Some(request));
    // A sender that is dropped belongs to an invocation that was cut off.
    Some(reply.await.ok().flatten().unwrap_or_else(broken))
}

/// Posts one delivery to the webhook, and tells GitHub what it was answered.
async fn post(plane: Plane, delivery: Delivery) {
    let mut builder = http::Request::post("/webhook");
    for (name, value) in &delivery.headers {
        builder = builder.header(*name, value);
    }
    let body = delivery.body.clone();
    let Ok(to_webhook) = builder.body(delivery.body) else { return };
    plane.executor.sleep(SignedDuration::from_millis(40)).await;
    let reply = request(&plane, to_webhook).await;
    let now = plane.executor.now();
    if let Some(reply) = &reply {
        plane.checks.borrow_mut().delivered(now, &body, reply);
    }
    let status = reply.map(|reply| reply.status().as_u16());
    plane.world.borrow_mut().github.delivered(delivery.id, status, now);
}

/// Carries an instance's request, and its reply back.
async fn carry(plane: Plane, network: Network, outgoing: Outgoing) {
    let Outgoing { instance_id, target, tag, request: sent } = outgoing;
    let bits = network.random.of("network", tag.0 ^ fold(&instance_id));
    let is_lossy = plane.executor.now() < network.until;
    plane.executor.sleep(SignedDuration::from_millis(i64::try_from(bits % 60).unwrap_or(0))).await;
    if is_lossy && (bits >> 8) % 1000 < network.lost_per_mille {
        return;
    }
    let response = match target {
        Target::Registrar => {
            let path = sent.uri().path().to_owned();
            let response = request(&plane, to_route(sent)).await;
            if let Some(response) = &response {
                tell(&plane, &instance_id, &path, response);
            }
            response
        }
        Target::GitHub => {
            let now = plane.executor.now();
            let host = sent.uri().host().unwrap_or_default().to_owned();
            let reply = plane.world.borrow_mut().answer("agent", now, &host, sent);
            match reply {
                Some(reply) if reply.extensions().get::<ReplyLost>().is_none() => {
                    let delay = reply.extensions().get::<ReplyDelay>().map_or(SignedDuration::ZERO, |d| d.0);
                    plane.executor.sleep(delay).await;
                    Some(reply)
                }
                _ => None,
            }
        }
    };
    if is_lossy && (bits >> 24) % 1000 < network.reply_lost_per_mille {
        return;
    }
    if let Some(response) = response {
        let now = plane.executor.now();
        let world = &mut *plane.world.borrow_mut();
        world.fleet.reply(now, &instance_id, tag, Some(&response), &mut world.aws);
    }
}

fn fold(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Says what an instance was answered; reports that were taken are no news.
fn tell(plane: &Plane, instance_id: &str, path: &str, response: &Response) {
    let status = response.status();
    if path == "/v1/report" && status.is_success() {
        return;
    }
    let is_secret = status.is_success();
    let why =
        if is_secret { String::new() } else { String::from_utf8_lossy(response.body()).trim().to_owned() };
    plane.say("instance", &format!("{instance_id} {path} -> {status} {why}"));
}
