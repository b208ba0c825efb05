#![doc = include_str!("../README.md")]

pub mod world;
pub mod simulation;
pub mod setting;
pub mod workload;
pub mod faults;
pub mod check;
pub mod native;
#[cfg(feature = "components")]
pub mod plane;
#[cfg(feature = "components")]
pub mod play;
pub mod books;
#[cfg(feature = "components")]
pub mod thief;
pub mod timeline;
