//! The webhook function: GitHub's deliveries in, observations into the queues.
//! Everything it decides and does is `webhook` in jit-control; here is only the host's form of it.
#![cfg(target_arch = "wasm32")]
#![expect(unsafe_code, reason = "the SDK generates the component model's calling convention")]

use jit_control::effects::spin::{self, SpinEffects};
use jit_control::entry::{self, Invocation};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let configuration = spin::configuration();
    let invocation =
        Invocation { effects: &SpinEffects, configuration: &configuration, variable: &spin::variable };
    let request = spin::receive(request, jit_control::limits::WEBHOOK_BYTES_MAX).await;
    let answer = entry::webhook(invocation, &request).await;
    spin::reply(out, answer.reply).await;
    // GitHub has its reply; what follows costs it nothing.
    if let Some(queue) = answer.nudge {
        entry::nudge(invocation, queue).await;
    }
}
