#![doc = include_str!("../README.md")]

mod bindings;
mod clock;
mod cron;
mod host;
mod inspect;
pub mod key_value;
pub mod limits;
pub mod log;
pub mod manifest;
mod options;
pub mod outbound;
mod random;
mod schedule;
mod serve;

pub use clock::Clock;
pub use cron::run_schedules;
pub use host::{Host, LoadError, TickError};
pub use inspect::{Interfaces, inspect};
pub use key_value::{BoxFuture, KeyValue, KeyValueError, MemoryKeyValue, SqliteKeyValue};
pub use limits::Limits;
pub use log::{Log, Stream};
pub use manifest::Manifest;
pub use options::Options;
pub use outbound::{Outbound, OutboundError};
pub use schedule::Schedule;
pub use serve::serve;
