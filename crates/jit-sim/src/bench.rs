//! What `make bench` measures, and nothing of how a number is judged: it prints ratios and counts, and fails only where work is
//! left undone.
//!
//! Not in here: the command line (`bin/bench.rs`); a test that depends on how fast a machine is.

pub mod application;
pub mod burst;
pub mod components;
pub mod meter;
pub mod statistics;
pub mod webhook;
