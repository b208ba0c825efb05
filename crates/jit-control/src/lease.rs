//! Drain leases: they spare work when several invocations of one function meet. Safety never rests on them.

use jit_domain::time::Timestamp;

use crate::effects::Effects;
use crate::limits;
use crate::shell::{Failure, Shell, put};
use crate::stored::{Lease, Schedule, Stored as _};

/// A lease that this invocation holds.
#[derive(Debug)]
pub struct Held {
    holder: String,
    version: u64,
}

impl<E: Effects> Shell<'_, E> {
    /// Takes the function's lease; none while another invocation holds it, or took it just now.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn take_lease(&self) -> Result<Option<Held>, Failure> {
        let key = Lease::key(self.function);
        let known = self.read::<Lease>(&key).await?;
        let now = self.now();
        if known.as_ref().is_some_and(|lease| now < lease.value.until) {
            return Ok(None);
        }
        let mut name = [0; 8];
        self.effects.random(&mut name);
        let lease = Lease { holder: hex::encode(name), until: now + limits::LEASE };
        let version = known.map_or(0, |lease| lease.version);
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
