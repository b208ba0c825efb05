//! Wasmtime's engine, set up for real or for virtual time.
//!
//! Not in here: limits of single invocations (`state`, `invoke`).

use std::path::Path;
use std::thread;

use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result,
};

use crate::clock::Clock;
use crate::limits::{
    CORE_INSTANCES_PER_COMPONENT, EPOCH_TICK, Limits, MEMORIES_PER_COMPONENT, TABLE_ELEMENTS_MAX,
};
use crate::options::Options;

pub(super) fn engine(options: &Options) -> Result<Engine> {
    let mut config = Config::new();
    match options.clock {
        // Interrupts by real time let guests on one thread take turns.
        Clock::Real => {
            config.epoch_interruption(true);
        }
        // In virtual time a guest runs from one wait to the next without turns, and only counted operations end it:
        // both depend on nothing but the guest.
        Clock::Tokio { .. } => {
            config.consume_fuel(true).cranelift_nan_canonicalization(true).relaxed_simd_deterministic(true);
        }
    }
    if let Some(directory) = &options.cache_directory {
        config.cache(Some(cache(directory)?));
    }
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(&options.limits)));
    // The pool reserves address space; where that is scarce, instances are allocated one by one.
    let engine = Engine::new(&config).or_else(|_| {
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        Engine::new(&config)
    })?;
    if matches!(options.clock, Clock::Real) {
        tick(&engine);
    }
    Ok(engine)
}

fn cache(directory: &Path) -> Result<Cache> {
    let mut config = CacheConfig::new();
    config.with_directory(directory);
    Cache::new(config)
}

fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits.instances)
        .total_core_instances(limits.instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_tables(limits.instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(limits.instances.saturating_mul(MEMORIES_PER_COMPONENT))
        .total_stacks(limits.instances)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_memory_size(limits.memory_bytes);
    pool
}

/// Advances the engine's epoch for as long as the engine lives.
fn tick(engine: &Engine) {
    let engine = engine.weak();
    thread::spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(EPOCH_TICK);
        }
    });
}
