//! Something that an invocation fetches once, when it is first needed, and shares among all who need it.
//! Not here: what is fetched, and how.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::effects::Effects;
use crate::limits;

/// What was fetched, or why not. A clone is the same one, and `{:?}` shows nothing of it.
pub(crate) struct Shared<T, E>(Arc<Mutex<State<T, E>>>);

enum State<T, E> {
    Empty,
    /// Somebody fetches.
    Fetching,
    Good(T),
    /// The last fetch failed. Those who waited for it share the failure; who comes later tries again.
    Failed(E),
}

impl<T, E> Clone for Shared<T, E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T, E> Default for Shared<T, E> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State::Empty)))
    }
}

impl<T, E> fmt::Debug for Shared<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

/// Whoever fetches; should its future be dropped on the way, the next one may.
struct Fetch<'k, T, E>(&'k Shared<T, E>);

impl<T, E> Drop for Fetch<'_, T, E> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if matches!(*state, State::Fetching) {
            *state = State::Empty;
        }
    }
}

impl<T: Clone, E: Clone> Shared<T, E> {
    /// What is there and still fresh, or what `fetch` brings. Waits for another's fetch for at most `timeout`.
    ///
    /// # Errors
    /// That of the fetch, own or shared; `late` when another's did not come to an end.
    pub(super) async fn get<F: Effects>(
        &self,
        (effects, timeout, late): (&F, Duration, E),
        is_fresh: impl Fn(&T) -> bool,
        fetch: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let began = effects.now();
        let mut waited = false;
        loop {
            let turn = {
                let mut state = self.lock();
                match &*state {
                    State::Good(kept) if is_fresh(kept) => return Ok(kept.clone()),
                    State::Failed(error) if waited => return Err(error.clone()),
                    State::Fetching => None,
                    State::Empty | State::Good(_) | State::Failed(_) => {
                        *state = State::Fetching;
                        Some(Fetch(self))
                    }
                }
            };
            if let Some(turn) = turn {
                let fetched = fetch().await;
                *turn.0.lock() = fetched.clone().map_or_else(State::Failed, State::Good);
                return fetched;
            }
            if effects.now().since(began) >= timeout {
                return Err(late);
            }
            // A pause that the host itself ends: a host's executor need not know of wake-ups among our own futures.
            waited = true;
            effects.sleep(limits::FETCH_LOOKED_AT_EVERY).await;
        }
    }
}

impl<T, E> Shared<T, E> {
    /// Gives up what was fetched.
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        if matches!(*state, State::Good(_)) {
            *state = State::Empty;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        // Nothing panics while it is held, and a half-written state is impossible: it is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
