//! GitHub's numeric ids, each in its own type so that they cannot be exchanged.
//!
//! Not here: names and other text, which are in `names`.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$documentation:meta])* $name:ident;)*) => {$(
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl From<u64> for $name {
            fn from(id: u64) -> Self {
                Self(id)
            }
        }
    )*};
}

ids! {
    /// A GitHub App's number; what a token's `iss` names is an [`AppId`](crate::AppId).
    AppNumber;
    /// An installation of the App on one account.
    InstallationId;
    /// A repository; it survives renaming.
    RepositoryId;
    /// A workflow run; the same for all its attempts.
    RunId;
    /// A workflow job; each attempt of a job has its own.
    JobId;
    /// A runner's registration.
    RunnerId;
    /// A runner group; 1 is the default group.
    RunnerGroupId;
    /// One attempt to deliver a webhook; a redelivery has a new id and the old GUID.
    DeliveryId;
}
