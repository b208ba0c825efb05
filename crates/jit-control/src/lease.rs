//! Drain leases: they spare work when several invocations of one function meet. Safety never rests on them.

use jit_domain::time::Timestamp;

use crate::effects::Effects;
use crate::limits;
use crate::shell::{Failure, Shell, put};
use crate::stored::{Lease, Schedule, Stored as _};

/// A lease that nobody held when this invocation looked.
#[derive(Debug)]
pub struct Free {
    version: u64,
}

/// A lease that this invocation holds.
#[derive(Debug)]
pub struct Held {
    holder: String,
    version: u64,
}

impl<E: Effects> Shell<'_, E> {
    /// Looks whether the function's lease is free; none while another invocation holds it.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn free_lease(&self) -> Result<Option<Free>, Failure> {
        let known = self.read::<Lease>(&Lease::key(self.function)).await?;
        let is_held = known.as_ref().is_some_and(|lease| self.now() < lease.value.until);
        Ok((!is_held).then(|| Free { version: known.map_or(0, |lease| lease.version) }))
    }

    /// Takes the lease that was free; none when another invocation was quicker.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn take_lease(&self, free: Free) -> Result<Option<Held>, Failure> {
        let key = Lease::key(self.function);
        let mut name = [0; 8];
        self.effects.random(&mut name);
        let lease = Lease { holder: hex::encode(name), until: self.now() + limits::LEASE };
        let version = free.version;
        let taken = self.commit(vec![put(&key, version, &lease)]).await?;
        Ok(taken.then_some(Held { holder: lease.holder, version: version + 1 }))
    }

    /// Gives the lease back. One that expired and was taken by another is left alone.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn release_lease(&self, held: Held) -> Result<(), Failure> {
        let free = Lease { holder: held.holder, until: Timestamp::default() };
        self.commit(vec![put(&Lease::key(self.function), held.version, &free)]).await?;
        Ok(())
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
        let Some(free) = self.free_lease().await? else { return Ok(None) };
        let Some(lease) = self.take_lease(free).await? else { return Ok(None) };
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
