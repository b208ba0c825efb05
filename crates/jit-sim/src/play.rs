//! Makes time go on: GitHub's deliveries reach the webhook, instances' requests reach the registrar and GitHub, and schedules tick.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use jiff::{SignedDuration, Timestamp};
use jit_fakes::github::Delivery;
use jit_fakes::instance::{Outgoing, Target};
use jit_fakes::model::Model as _;

use crate::control_plane::ControlPlane;
use crate::plane::{Shared, deliver, settle};
use crate::timeline::Timeline;
use crate::world::to_route;

/// Plays for ever. End it by dropping the future.
pub async fn play<P: ControlPlane>(plane: P, world: Shared, timeline: Arc<Timeline>) {
    let waking = plane.clone();
    let _end_with_us = AbortOnDrop(tokio::spawn(async move { waking.keep_schedules().await }));
    loop {
        let now = plane.now();
        step(&plane, &world, &timeline, now);
        let next = world.lock().next_at();
        // The models also move when they are asked, so they are looked at every so often.
        let pause = next.map_or(PAUSE_MAX, |at| wait(now, at)).clamp(PAUSE_MIN, PAUSE_MAX);
        tokio::time::sleep(pause).await;
    }
}

const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(250);

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn wait(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now).max(SignedDuration::ZERO)).unwrap_or_default()
}

/// Lets happen what is due, and sends off what came of it.
fn step<P: ControlPlane>(plane: &P, world: &Shared, timeline: &Arc<Timeline>, now: Timestamp) {
    let (deliveries, outgoing) = {
        let mut world = world.lock();
        world.github.advance(now);
        (world.github.take_deliveries(), world.poll_instances(now))
    };
    for delivery in deliveries {
        tokio::spawn(post(plane.clone(), world.clone(), delivery));
    }
    for request in outgoing {
        tokio::spawn(carry(plane.clone(), world.clone(), timeline.clone(), request));
    }
}

/// Posts one delivery to the webhook, and tells GitHub what it was answered.
async fn post<P: ControlPlane>(plane: P, world: Shared, delivery: Delivery) {
    let mut request = Request::post("/webhook");
    for (name, value) in &delivery.headers {
        request = request.header(*name, value);
    }
    let Ok(request) = request.body(delivery.body) else { return };
    let status = plane.ask(request).await.map(|reply| reply.status().as_u16());
    world.lock().github.delivered(delivery.id, status, plane.now());
}

/// Carries an instance's request, and its reply back.
async fn carry<P: ControlPlane>(plane: P, world: Shared, timeline: Arc<Timeline>, outgoing: Outgoing) {
    let Outgoing { instance_id, target, tag, request } = outgoing;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let response = match target {
        Target::Registrar => {
            let request = to_route(request);
            let path = request.uri().path().to_owned();
            let response = plane.ask(request).await;
            if let Some(response) = &response {
                tell(plane.now(), &timeline, &instance_id, &path, response);
            }
            response
        }
        Target::GitHub => match deliver(&world, "agent", plane.now(), request) {
            Some(response) => settle(response).await.ok(),
            None => None,
        },
    };
    let now = plane.now();
    world.lock().answer_instance(now, &instance_id, tag, response.as_ref());
}

/// Says what an instance was answered; reports that were taken are no news.
fn tell(
    now: Timestamp,
    timeline: &Timeline,
    instance_id: &str,
    path: &str,
    response: &http::Response<Vec<u8>>,
) {
    let status = response.status();
    if path == "/v1/report" && status.is_success() {
        return;
    }
    let why = if status.is_success() {
        String::new()
    } else {
        String::from_utf8_lossy(response.body()).trim().to_owned()
    };
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
    timeline.say(now_ms, "instance", &format!("{instance_id} {path} -> {status} {why}"));
}
