//! Each built component in jit-host, in a world of its own. Build them first: `cargo xtask components`.

#[path = "components/stage.rs"]
mod stage;

#[path = "components/goals.rs"]
mod goals;
#[path = "components/webhook.rs"]
mod webhook;
#[path = "components/scaleup.rs"]
mod scaleup;
#[path = "components/registrar.rs"]
mod registrar;
#[path = "components/lifecycle.rs"]
mod lifecycle;
#[path = "components/rebalancer.rs"]
mod rebalancer;
#[path = "components/scaledown.rs"]
mod scaledown;
