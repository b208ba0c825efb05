//! What `make bench` measures, and nothing of how a number is judged: it prints ratios and counts, and fails only where work is
//! left undone.
//!
//! Not in here: the command line (`bin/bench.rs`); a test that depends on how fast a machine is.

#[cfg(feature = "components")]
pub mod application;
#[cfg(feature = "components")]
pub mod burst;
pub mod chain;
#[cfg(feature = "components")]
pub mod components;
#[cfg(feature = "components")]
pub mod meter;
pub mod statistics;
#[cfg(feature = "components")]
pub mod webhook;
pub mod writes;
