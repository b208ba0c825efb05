//! The rebalancer function: lays the ledger beside what the clouds and GitHub say.
//! Everything it decides and does is `rebalancer` in jit-control; here is only the host's form of it: an HTTP route and a cron trigger.
#![cfg(target_arch = "wasm32")]
#![expect(unsafe_code, reason = "the SDK generates the component model's calling convention")]

use jit_control::effects::spin::{self, SpinEffects};
use jit_control::entry::{self, Invocation, Trigger};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

mod cron {
    wit_bindgen::generate!({ path: "../../wit/cron", world: "scheduled" });
}

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let request = spin::receive(request, 0).await;
    let reply = run(Trigger::Http(&request)).await;
    spin::reply(out, reply).await;
}

struct Scheduled;

impl cron::Guest for Scheduled {
    fn handle_cron_event(_: cron::Metadata) -> Result<(), cron::Error> {
        let reply = spin::run(run(Trigger::Cron));
        if reply.status().is_success() { Ok(()) } else { Err(cron::Error::Other(reply.status().to_string())) }
    }
}

cron::export!(Scheduled with_types_in cron);

async fn run(trigger: Trigger<'_>) -> jit_control::effects::Response {
    let configuration = spin::configuration();
    let invocation =
        Invocation { effects: &SpinEffects, configuration: &configuration, variable: &spin::variable };
    entry::rebalancer(invocation, trigger).await
}
