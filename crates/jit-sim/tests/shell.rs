//! Each function called by itself, natively: what it answers, what it sends and what it writes, in every case that its contract
//! names. The models of GitHub and AWS answer; the clock and the store are in memory.
//! Not here: how the functions play together (`native.rs`), and the built components (`components.rs`).
#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "shell/stage.rs"]
mod stage;

#[path = "shell/admission.rs"]
mod admission;
#[path = "shell/claim.rs"]
mod claim;
#[path = "shell/drain.rs"]
mod drain;
#[path = "shell/github.rs"]
mod github;
#[path = "shell/groups.rs"]
mod groups;
#[path = "shell/health.rs"]
mod health;
#[path = "shell/hook.rs"]
mod hook;
#[path = "shell/lease.rs"]
mod lease;
#[path = "shell/report.rs"]
mod report;
#[path = "shell/start.rs"]
mod start;
#[path = "shell/upstream_defects.rs"]
mod upstream_defects;
#[path = "shell/webhook.rs"]
mod webhook;
