//! AWS's protocols: signs and builds requests, parses replies.
//!
//! Not here: transport, clocks, randomness, retries, and anything of our own domain.
//!
#![doc = include_str!("../README.md")]

mod account;
mod common_error;
pub mod container;
pub mod dynamodb;
pub mod ec2;
pub mod endpoint;
mod expiry;
mod form;
mod json;
pub mod lookup;
pub mod reply;
pub mod secrets_manager;
pub mod sigv4;
pub mod ssm;
pub mod sqs;
pub mod sts;
mod unknown_code;

pub use account::is_account_id;
pub use endpoint::{Endpoint, EndpointError, Region, Service};
pub use expiry::says_token_expired;
pub use reply::ErrorDetail;
pub use sigv4::{Credentials, SignError};
pub use unknown_code::unknown_code;
