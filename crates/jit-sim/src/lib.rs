#![doc = include_str!("../README.md")]

pub mod world;
pub mod plane;
pub mod play;
pub mod books;
pub mod thief;
pub mod timeline;
