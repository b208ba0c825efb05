//! Every key of `config/jit-runners.toml`, declared once: name, form with unit and range, default, meaning.
//! Reading, the refusal of unknown keys and the reference all come from here. Rules between keys are in `check.rs`.

use super::key::{Table, Times};

pub(super) mod deployment;
pub(super) mod pool;

/// The file itself.
pub(super) static ROOT: Table = Table {
    name: "",
    header: "",
    times: Times::Once,
    meaning: "",
    keys: &[],
    tables: &[&deployment::TABLE, &deployment::agent::TABLE, &deployment::storage::TABLE, &pool::TABLE],
};
