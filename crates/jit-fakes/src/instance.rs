//! The instance from power-on to power-off: boot script, claim, agent, job, and everything that goes wrong with them.
//! Without I/O: it hands over requests and takes replies, and is polled when it says so.
//! Not in it: the cloud that runs it (`crate::cloud`), the registrar, and GitHub.

mod agent;
mod claim;
mod fleet;
mod life;
mod machines;
mod settings;
#[cfg(test)]
pub(crate) mod tests;
mod user_data;
mod wire;

pub use self::fleet::Fleet;
pub use self::life::{Attack, Instance, PowerOn};
pub use self::machines::{Launched, Machines};
pub use self::settings::{Fate, InstanceSettings, UnansweredHook};
pub use self::user_data::{UserData, UserDataError};

/// Names a request of an instance, so that its reply finds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub u64);

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The control plane's registrar; the address is the one in the user data.
    Registrar,
    /// GitHub's service for agents.
    GitHub,
}

/// A request that an instance wants sent.
#[derive(Debug)]
pub struct Outgoing {
    /// Who sends it.
    pub instance_id: String,
    /// To whom.
    pub target: Target,
    /// Goes with the reply.
    pub tag: Tag,
    /// What, with an absolute address.
    pub request: http::Request<Vec<u8>>,
}

/// How far an instance has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Powered on, boot script not started.
    Booting,
    /// Asks the registrar for work.
    Claiming,
    /// Told to wait, and waits: the warm pool.
    Waiting,
    /// Has a JIT config and connects the agent.
    Connecting,
    /// The agent is connected and has no job.
    Idle,
    /// The agent has a job.
    Busy,
    /// Sends its last report.
    Leaving,
    /// Powered off.
    Off,
    /// Dead with its power on: does nothing, and EC2 does not notice.
    Silent,
}
