//! Where the six functions run, as the world meets them: in this process under virtual time, or in a program behind a socket in
//! real time. Not here: either place; they are in `plane.rs` and `program.rs`.

use std::future::Future;

use anyhow::Result;
use http::{Request, Response};
use jiff::Timestamp;

use crate::books::Books;
use crate::plane::Plane;

/// The six functions somewhere. Clones are the same functions.
pub trait ControlPlane: Clone + Send + Sync + 'static {
    /// The time now, for the functions and the world around them.
    fn now(&self) -> Timestamp;

    /// Sends a request to a public route; none when no reply came in time.
    fn ask(&self, request: Request<Vec<u8>>) -> impl Future<Output = Option<Response<Vec<u8>>>> + Send;

    /// Wakes the functions on their schedules, for ever.
    fn keep_schedules(&self) -> impl Future<Output = ()> + Send;

    /// Reads what the ledger holds.
    ///
    /// # Errors
    /// The store cannot be read as a ledger.
    fn books(&self) -> impl Future<Output = Result<Books>>;

    /// Lets what still runs come to its end, and ends the place itself if it is one of its own. The ledger can still be read.
    ///
    /// # Errors
    /// It did not end in time.
    fn end(&self) -> impl Future<Output = Result<()>>;

    /// What the place said last, for whoever looks for the cause of a failure.
    fn last_words(&self) -> Vec<String>;
}

impl ControlPlane for Plane {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }

    async fn ask(&self, request: Request<Vec<u8>>) -> Option<Response<Vec<u8>>> {
        Some(self.request(request).await)
    }

    async fn keep_schedules(&self) {
        jit_host::run_schedules(self.host.clone()).await;
    }

    async fn books(&self) -> Result<Books> {
        Books::read(self.store.snapshot("default")).await
    }

    async fn end(&self) -> Result<()> {
        self.host.idle().await;
        Ok(())
    }

    /// Nothing: the timeline has it all.
    fn last_words(&self) -> Vec<String> {
        Vec::new()
    }
}
