//! The decisions, one file for each function of the same name, and what several of them share.
//! Each is `(policy, observed, now) -> decision with reasons`; carrying it out is jit-control's.

pub mod allow;
pub mod webhook;
pub mod admission;
pub mod matching;
pub mod supply;
pub mod caps;
pub mod runner_group;
pub mod breaker;
pub mod scaleup;
pub mod registrar;
pub mod hook;
pub mod lifecycle;
pub mod rebalancer;
pub mod scaledown;

#[cfg(test)]
mod properties;
