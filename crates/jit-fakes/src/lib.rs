//! The crate's frame: which models there are and what they share. The rules live in the models' own modules.
#![doc = include_str!("../README.md")]

pub mod cloud;
pub mod github;
pub mod instance;
pub mod model;
pub mod server;
