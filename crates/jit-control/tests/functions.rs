//! Whole invocations of functions on a world in memory: what they ask GitHub, AWS and the store, in which order and until when,
//! and what is in the ledger afterwards. Where a decision alone could be wrong, jit-domain's scenarios show it.

#[path = "functions/drains.rs"]
mod drains;
#[path = "functions/instances.rs"]
mod instances;
#[path = "functions/keepers.rs"]
mod keepers;
#[path = "functions/world.rs"]
mod world;
