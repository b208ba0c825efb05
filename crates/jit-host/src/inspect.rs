//! What a component asks for and offers.
//!
//! Not in here: judging it; a committed list does.

use std::collections::BTreeSet;

use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// The names of a component's imports and exports, such as `wasi:http/types@0.2.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interfaces {
    /// Interfaces that it imports.
    pub imports: BTreeSet<String>,
    /// Interfaces and functions that it exports.
    pub exports: BTreeSet<String>,
}

/// Reads a component. It is compiled on the way, so what can be inspected can also be run.
///
/// # Errors
/// What makes it no component, in one line.
pub fn inspect(component: &[u8]) -> Result<Interfaces, String> {
    let engine = Engine::new(&Config::new()).map_err(|error| format!("{error:#}"))?;
    let component = Component::from_binary(&engine, component).map_err(|error| format!("{error:#}"))?;
    let of = component.component_type();
    Ok(Interfaces {
        imports: of.imports(&engine).map(|(name, _)| name.to_owned()).collect(),
        exports: of.exports(&engine).map(|(name, _)| name.to_owned()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_refused() {
        for bytes in [&b""[..], b"text", b"\0asm\x01\0\0\0"] {
            assert!(inspect(bytes).is_err());
        }
    }
}
