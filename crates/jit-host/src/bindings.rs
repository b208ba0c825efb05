//! The interfaces of `wit/`, bound by wasmtime.
//!
//! Not in here: what they do (`host::key_value`, `host::variables`).

/// What components import beside WASI.
pub(crate) mod imports {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "jit-runners:host/spin",
        imports: { default: async | trappable },
        with: {
            "fermyon:spin/key-value@2.0.0.store": crate::host::key_value::OpenStore,
            "wasi:keyvalue/store@0.2.0-draft2.bucket": crate::host::key_value::OpenStore,
            "wasi:keyvalue/atomics@0.2.0-draft2.cas": crate::host::key_value::NoSwap,
        },
    });
}

/// What a component with a cron trigger exports.
pub(crate) mod cron {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "fermyon:spin-cron/spin-cron",
        exports: { default: async },
    });
}
