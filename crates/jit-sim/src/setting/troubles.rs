//! Troubles that come as events of the workload, or as fates of instances, each drawn from the seed.
//! Not here: which troubles a world has, and those that are rates or settings of the models.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use jit_fakes::github::InstallationId;
use jit_fakes::instance::Fate;

use super::{Draw, Trouble, later};
use crate::workload::{Event, Workload};

/// Adds what happens in a world with these troubles between its start and its calm.
pub(super) fn add(
    workload: &mut Workload,
    draw: &Draw,
    (start, calm_at): (Timestamp, Timestamp),
    troubles: &[Trouble],
    installation: InstallationId,
) {
    for trouble in troubles {
        match trouble {
            Trouble::EmptyListings => {
                let time = SignedDuration::from_mins(*draw.pick("hidden", 0, &[2, 7]));
                workload.at(within(draw, "hide", start), Event::Hidden(time));
            }
            Trouble::LaunchesUnknown => {
                // A few are healed by a repeat; many keep a try unknown for longer than it may be waited for.
                let times = *draw.pick("unknown", 0, &[2, 8, 30]);
                workload.at(within(draw, "unanswered", start), Event::LaunchRepliesLost(times));
                workload.at(calm_at, Event::FaultsEnd);
            }
            Trouble::LostAccess => {
                let time = SignedDuration::from_mins(*draw.pick("suspended", 0, &[1, 4, 10]));
                workload.at(within(draw, "suspend", start), Event::Suspended(installation, time));
            }
            _ => {}
        }
    }
}

/// When the configuration changes: while many worlds still launch.
pub(super) fn reconfigured_at(draw: &Draw, start: Timestamp) -> Timestamp {
    let wait = SignedDuration::from_secs(i64::try_from(20 + draw.below("reconfigured", 0, 900)).unwrap_or(0));
    later(start, wait)
}

/// The first instances never get as far as a job. They are few enough that single launches get past them in time.
pub(super) fn broken_image(draw: &Draw) -> BTreeMap<u64, Fate> {
    let (fate, counts): (_, [u64; 3]) = match draw.below("broken", 0, 3) {
        0 => (Fate::NeverBoots, [3, 4, 6]),
        1 => (Fate::AgentExitsAtOnce, [4, 9, 20]),
        _ => (Fate::BootScriptFails, [4, 9, 20]),
    };
    (1..=*draw.pick("broken", 1, &counts)).map(|ordinal| (ordinal, fate)).collect()
}

fn within(draw: &Draw, purpose: &'static str, start: Timestamp) -> Timestamp {
    let wait = SignedDuration::from_secs(i64::try_from(draw.below(purpose, 0, 1_200)).unwrap_or(0));
    later(start, wait)
}
