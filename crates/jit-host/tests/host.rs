//! The host with a real guest: every behaviour that components may rely on, and every one that they may not have.
//!
//! Not in here: the forms of manifests and stores, which are tested beside their code.
#![expect(clippy::unwrap_used, reason = "a test's helpers end it at the first surprise")]

#[path = "host/effects.rs"]
mod effects;
#[path = "host/isolation.rs"]
mod isolation;
#[path = "host/load.rs"]
mod load;
#[path = "host/races.rs"]
mod races;
#[path = "host/remote.rs"]
mod remote;
#[path = "host/routes.rs"]
mod routes;
#[path = "host/schedules.rs"]
mod schedules;
#[path = "host/server.rs"]
mod server;
#[path = "host/support.rs"]
mod support;
#[path = "host/virtual_time.rs"]
mod virtual_time;
#[path = "../probe/src/wire.rs"]
mod wire;
