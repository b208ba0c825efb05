//! The control plane compiled into this program, instead of as components in a host: jit-control's entry points over effects that
//! the world answers, on one thread, under virtual time. Whatever waits, fails or is cut off follows from the seed.
//! Not here: what goes wrong (`faults`), what is asked of the plane (`workload`), and what must hold (`check`).

pub mod executor;
pub mod effects;
pub mod plane;
pub mod naive;
pub mod drive;
