//! Drain leases: they spare work when several invocations of one function meet. Safety never rests on them.
//!
//! Who finds the lease held leaves a mark in it: the holder looks once more. Giving the lease back deletes its record, on the
//! condition of its version. So either the holder sees the mark, or who leaves it sees that the lease is free; no message is
//! left to a drain that has just looked for the last time.

use jit_domain::time::Timestamp;

use crate::effects::Effects;
use crate::ledger::{Change, LedgerError, Write};
use crate::limits;
use crate::shell::{Failure, Shell, Versioned, put};
use crate::stored::{Lease, Schedule, Stored as _};

/// A lease that this invocation holds.
#[derive(Debug)]
pub struct Held {
    holder: String,
}

/// Whether somebody asked the holder of a lease for another look while it was at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nobody did.
    Nobody,
    /// Somebody did, and relies on it.
    Somebody,
}

impl<E: Effects> Shell<'_, E> {
    /// Takes the function's lease; none while another invocation holds it. A lease that was given back has no record, so that
    /// as a rule nothing has to be read first.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn take_lease(&self) -> Result<Option<Held>, Failure> {
        let key = Lease::key(self.function);
        let mut name = [0; 8];
        self.effects.random(&mut name);
        let holder = hex::encode(name);
        let mut version = 0;
        for _ in 0..limits::UPDATE_ROUNDS_MAX {
            self.check_time("taking a lease")?;
            let until = self.now() + limits::LEASE;
            let lease = Lease { holder: holder.clone(), until, is_asked: false };
            if self.commit(vec![put(&key, version, &lease)]).await? {
                return Ok(Some(Held { holder }));
            }
            version = match self.read::<Lease>(&key).await? {
                Some(known) if self.now() < known.value.until => return Ok(None),
                // Its holder never came to its end.
                Some(known) => known.version,
                None => 0,
            };
        }
        Ok(None)
    }

    /// Asks whoever holds the lease for another look before it leaves. False if nobody holds it, so that nobody will.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn ask_for_another_look(&self) -> Result<bool, Failure> {
        let key = Lease::key(self.function);
        for _ in 0..limits::UPDATE_ROUNDS_MAX {
            self.check_time("asking for another look")?;
            let Some(Versioned { version, value }) = self.read::<Lease>(&key).await? else {
                return Ok(false);
            };
            if value.until <= self.now() {
                return Ok(false);
            }
            let asked = Lease { is_asked: true, ..value };
            if value.is_asked || self.commit(vec![put(&key, version, &asked)]).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives the lease back, and says whether another look was asked for. One that expired and was taken by another is left alone.
    ///
    /// On key-value a mark and the release contend for one ticket, and who loses is told that the record is busy: then the mark is
    /// about to be written, and the release is tried again instead of leaving the lease held until it ends by itself.
    ///
    /// # Errors
    /// [`Failure`]; the lease then ends by itself.
    pub async fn release_lease(&self, held: Held) -> Result<Asked, Failure> {
        let key = Lease::key(self.function);
        let mut failure = Failure::Contended(key.to_string());
        for _ in 0..limits::UPDATE_ROUNDS_MAX {
            let Some(Versioned { version, value }) = self.read::<Lease>(&key).await? else {
                return Ok(Asked::Nobody);
            };
            if value.holder != held.holder {
                return Ok(Asked::Nobody);
            }
            let release = Write { key: key.clone(), expected: version, value: Change::Delete };
            match self.commit(vec![release]).await {
                Ok(true) => return Ok(if value.is_asked { Asked::Somebody } else { Asked::Nobody }),
                Ok(false) => {}
                Err(busy @ Failure::Ledger(LedgerError::Busy { .. })) if self.has_time() => failure = busy,
                Err(other) => return Err(other),
            }
        }
        Err(failure)
    }

    /// Runs a pass under the function's lease, and notes that its schedule ran; none while another invocation is at it.
    ///
    /// # Errors
    /// [`Failure`], also the pass's own; the lease is given back first.
    pub async fn pass_alone<T>(
        &self,
        pass: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Option<T>, Failure> {
        let ran_at = self.now();
        let Some(lease) = self.take_lease().await? else { return Ok(None) };
        let passed = pass.await;
        self.release_lease(lease).await?;
        let passed = passed?;
        self.note_schedule(ran_at).await?;
        Ok(Some(passed))
    }

    /// Notes that the function's schedule ran, for `/healthz`.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn note_schedule(&self, ran_at: Timestamp) -> Result<(), Failure> {
        let ended = Schedule { ran_at, ended_at: Some(self.now()) };
        self.update::<Schedule>(&Schedule::key(self.function), |known| {
            known.is_none_or(|k| k.ran_at < ran_at).then_some(ended.clone())
        })
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
