//! AWS's protocols: signs and builds requests, parses replies.
//!
//! Not here: transport, clocks, randomness, retries, and anything of our own domain.
//!
#![doc = include_str!("../README.md")]

pub mod container;
pub mod ec2;
pub mod endpoint;
mod form;
#[expect(dead_code, reason = "its first users are the next modules")]
mod json;
pub mod reply;
pub mod sigv4;
pub mod sts;

pub use endpoint::{Endpoint, EndpointError, Region, Service};
pub use reply::ErrorDetail;
pub use sigv4::{Credentials, SignError};
