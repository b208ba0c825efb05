//! One type for each kind of number GitHub hands out. Not in it: what the numbers stand for.

use std::fmt;

use serde::Serialize;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    )*};
}

ids! {
    /// An organisation or a user.
    AccountId;
    /// An installation of the App on one account.
    InstallationId;
    /// A repository; survives renames.
    RepositoryId;
    /// A runner group; unique within its organisation only, 1 is the default group.
    GroupId;
    /// A workflow run; keeps its number over re-runs.
    RunId;
    /// A workflow job; a re-run of a job has a new number.
    JobId;
    /// A registered runner; never used twice.
    RunnerId;
    /// One attempt to deliver a webhook; a redelivery has a new number and the old GUID.
    DeliveryId;
}
