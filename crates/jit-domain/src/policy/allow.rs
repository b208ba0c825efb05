//! The rules about which jobs a pool's runners may run. What they mean for a job is in `decide/allow.rs`.

use std::collections::BTreeSet;

use crate::ids::{EventName, Login};

/// Which jobs a pool's runners may run, besides the pool's repositories. An empty set means that any is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// Organisations and users whose repositories are served.
    pub organisations: BTreeSet<Login>,
    /// Events that may start a run.
    pub events: BTreeSet<EventName>,
    /// Who may start a run, or start it again.
    pub actors: BTreeSet<Login>,
    /// Runs of a change that comes from a fork.
    pub forks: Wish,
    /// Runs of public repositories, where anybody can propose a change.
    pub public_repositories: Wish,
}

impl Allow {
    /// Whether every job is allowed, so that nothing needs to be known of one.
    pub fn is_everything(&self) -> bool {
        let Self { organisations, events, actors, forks, public_repositories } = self;
        organisations.is_empty()
            && events.is_empty()
            && actors.is_empty()
            && *forks == Wish::Allow
            && *public_repositories == Wish::Allow
    }
}

/// Whether something is wished. What was not asked for is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// It is refused.
    #[default]
    Refuse,
    /// It is allowed.
    Allow,
}
