#![doc = include_str!("../README.md")]

pub mod time;
pub mod ids;
pub mod labels;
pub mod policy;
pub mod job;
pub mod group;
pub mod observation;
pub mod class;
pub mod instance;
pub mod pool;
pub mod reason;
pub mod limits;
pub mod decide;

#[cfg(test)]
mod fixtures;
