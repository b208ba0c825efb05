//! Each component by itself, in real time and on an empty ledger: its size, how long an instance takes to make, how much linear
//! memory one invocation holds at most.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::Request;
use jit_host::outbound::Unreachable;
use jit_host::{Host, MemoryKeyValue, Options};

use super::application::Application;
use super::meter::Meter;
use crate::plane::cache_directory;
use crate::timeline::Detail;
use crate::world::variables;

/// Invocations of each component.
const INVOCATIONS: usize = 100;
/// The six, in the order of a job's way.
pub const COMPONENTS: [&str; 6] = ["webhook", "scaleup", "registrar", "lifecycle", "rebalancer", "scaledown"];

/// Calls each component and prints the table.
///
/// # Errors
/// A component is not built.
pub async fn measure(application: &Application) -> Result<()> {
    let meter = Arc::new(Meter::new(0, Detail::Silent));
    let options = Options {
        variables: variables(),
        key_value: Arc::new(MemoryKeyValue::default()),
        outbound: Arc::new(Unreachable),
        log: meter.clone(),
        cache_directory: Some(cache_directory()),
        ..Options::default()
    };
    let host =
        Host::load(&application.whole(), options).context("the components cannot be run; are they built?")?;
    for second in 0..INVOCATIONS {
        for component in COMPONENTS {
            call(&host, component, second as u64).await?;
            host.idle().await;
        }
    }
    println!(
        "bench: {:<12}{:>12}{:>22}{:>20}",
        "component", "size_bytes", "instantiate_p50_us", "memory_bytes_peak"
    );
    let costs = meter.costs();
    for component in COMPONENTS {
        let cost = costs.get(component).with_context(|| format!("{component} was not called"))?;
        println!(
            "bench: {component:<12}{:>12}{:>22}{:>20}",
            application.size(component)?,
            cost.instantiations().percentile(50).as_micros(),
            cost.memory_bytes_peak,
        );
    }
    Ok(())
}

/// One invocation of a component that has nothing to do: a tick, or a request that is refused.
async fn call(host: &Host, component: &str, second: u64) -> Result<()> {
    let path = match component {
        "webhook" => "/webhook",
        "registrar" => "/v1/claim",
        // Clouds and GitHub are out of reach, and the components say so in their logs; their ticks complete all the same.
        scheduled => {
            return host.tick(scheduled, second).await.with_context(|| format!("a tick of {scheduled}"));
        }
    };
    host.request(Request::post(path).body(Bytes::new())?).await;
    Ok(())
}
