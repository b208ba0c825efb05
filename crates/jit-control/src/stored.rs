//! The stored form of every record: JSON with a version `v`, private here and converted to and from the domain's types.
//! Not here: when a record is written and what it means (jit-domain), and where it is kept (`ledger.rs`).
//!
//! A release reads its own version and the one before, ignores fields that it doesn't know, and leaves a newer version
//! alone. So a new optional field needs no new version; a new word (a phase, a reason, a stage), a new required field
//! and a changed meaning do. The files in `tests/stored/` hold the forms that are already out there.

use jit_domain::time::Timestamp;

use crate::ledger::{Change, Index, Key, Kind, Write};

mod class;
pub(crate) mod form;
mod group;
mod instance;
mod job;
mod leaf;
mod pool;
mod shared;
mod versioned;

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
pub(crate) mod tests;

use self::form::Formed;
pub use self::shared::{
    BudgetPause, ConfigVerdict, Cursor, GhostScope, GhostScopes, Lease, Schedule, SealedToken,
};
pub(crate) use self::versioned::{decode_body, encode_tagged, malformed, tag_of};

/// A value that is kept as a record.
pub trait Stored: Formed {
    /// The kind of its records.
    const KIND: Kind;

    /// What tells one record of the kind from another.
    type Name<'a>;

    /// The key of the record of that name.
    fn key(name: Self::Name<'_>) -> Key;

    /// Whether the record is listed among the open ones.
    fn index(&self) -> Index {
        Index::Closed
    }

    /// When the store may delete the record by itself; none keeps it.
    fn expires_at(&self) -> Option<Timestamp> {
        None
    }

    /// The stored form.
    fn encode(&self) -> Vec<u8> {
        versioned::encode(self)
    }

    /// Reads the stored form back.
    ///
    /// # Errors
    /// [`StoredError`]; the record must be left as it is in both cases.
    fn decode(bytes: &[u8]) -> Result<Self, StoredError> {
        versioned::decode(bytes)
    }

    /// The conditional write of this value over version `expected`; 0 where there is no record.
    fn write(&self, name: Self::Name<'_>, expected: u64) -> Write {
        let value = Change::Put { value: self.encode(), index: self.index(), expires_at: self.expires_at() };
        Write { key: Self::key(name), expected, value }
    }
}

/// Why a stored form cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// A newer release wrote it. Leave it alone.
    #[error("version {v} is newer than this release reads")]
    Newer {
        /// Its version.
        v: u64,
    },
    /// It is not what any release wrote. Leave it alone and alarm.
    #[error("malformed at {place}: {what}")]
    Malformed {
        /// What is wrong.
        what: String,
        /// The path of the field, such as `batches[0].tries[1].outcome`; `.` is the whole value.
        place: String,
    },
}
