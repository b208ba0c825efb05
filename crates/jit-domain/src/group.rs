//! A group: the jobs that one matrix of a run is made of, of which GitHub may run fewer at once than it queues.
//! What a group's record means for its jobs is decided in `decide/admission.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{GroupKey, InstallationId, JobId, PoolName, RepositoryName, RunId, digest};
use crate::job::Job;
use crate::time::Timestamp;

/// A group's record: what was learned of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Hash of run, attempt and stem.
    pub key: GroupKey,
    /// What the names of its jobs have in common.
    pub stem: String,
    /// The installation that sees its run.
    pub installation: InstallationId,
    /// Its repository.
    pub repository: RepositoryName,
    /// Its run.
    pub run: RunId,
    /// The pool of its first job.
    pub pool: PoolName,
    /// When the first of its jobs was seen.
    pub born_at: Timestamp,
    /// How many of its jobs GitHub runs at once.
    pub width: Width,
    /// Seats beyond `proven` while the width is unknown.
    pub probe: u32,
    /// Jobs that started of late.
    pub taken: Taken,
    /// The last probe that idled.
    pub narrowed: Option<Narrowed>,
    /// Jobs that ran at once when the probe last changed.
    pub proven: u32,
    /// Jobs that were queued or running at the last look.
    pub open: u32,
    /// Those of them that ran, each with when that was first known.
    pub running: BTreeMap<JobId, Timestamp>,
    /// When a job was last seen to have come, started or ended.
    pub changed_at: Timestamp,
    /// How long its last jobs ran, oldest first.
    pub durations: Vec<Duration>,
}

/// How many jobs started since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Since when.
    pub since: Timestamp,
    /// How many.
    pub count: u32,
}

/// What a probe that idled has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// Jobs that ran meanwhile.
    pub to: u32,
    /// When.
    pub at: Timestamp,
}

/// How many jobs of a group GitHub runs at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// The workflow file was not read yet.
    Awaited {
        /// When GitHub was last asked for it.
        asked_at: Option<Timestamp>,
    },
    /// The workflow file does not say it, or cannot be read: it is found out by probing.
    Unknown,
    /// The workflow file says it.
    Known(u32),
}

/// What becomes of a group whose width nobody says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownWidth {
    /// It is probed: a few jobs at first, more as these start.
    #[default]
    Probe,
    /// All of its jobs are admitted: faster for matrices that GitHub runs at once, dearer for the others.
    Full,
}

impl Group {
    /// The group of a job; none for a job that is not part of a matrix, by its name.
    pub fn key_of(job: &Job) -> Option<GroupKey> {
        let text = digest(&["group/1", &job.run.to_string(), &job.attempt.to_string(), stem(&job.name)?]);
        Some(GroupKey::new(&text[..32]))
    }

    /// How long a job of the group runs: the median of the last ones. None before the first has ended.
    pub fn duration(&self) -> Option<Duration> {
        let mut sorted = self.durations.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

/// What the jobs of a matrix have in common: GitHub appends the matrix's values in brackets to the name of each. The name of a called
/// workflow's job stands behind its caller's, `caller (a) / test (b)`. A job named otherwise is of no group: doubt means none.
///
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstrategymatrix> (read 2026-11-21)
pub fn stem(name: &str) -> Option<&str> {
    let own = name.rfind(") / ").map_or(0, |at| at + ") / ".len());
    let bracket = name.get(own..)?.find(" (")?;
    (name.ends_with(')') && bracket > 0).then(|| &name[..own + bracket])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_stem_is_the_name_without_the_matrix_values() {
        for (name, expected) in [
            ("test (1, ubuntu)", Some("test")),
            ("Run tests (a (b), c)", Some("Run tests")),
            ("test (x / y)", Some("test")),
            ("call / test (1)", Some("call / test")),
            ("call (a) / test (1)", Some("call (a) / test")),
            ("call (a) / test", None),
            ("build", None),
            ("build (", None),
            (" (1)", None),
            ("", None),
        ] {
            assert_eq!(stem(name), expected, "{name}");
        }
    }

    #[test]
    fn a_group_is_of_one_attempt_of_one_run() {
        let named = |name: &str| Job { name: name.into(), ..fixtures::queued_job(1) };
        let job = named("test (1)");
        let key = Group::key_of(&job);
        assert!(key.is_some());
        assert_eq!(Group::key_of(&named("test (2)")), key);
        assert_ne!(Group::key_of(&Job { attempt: 2, ..job.clone() }), key);
        assert_ne!(Group::key_of(&Job { run: RunId(8), ..job.clone() }), key);
        assert_eq!(Group::key_of(&Job { name: "build".into(), ..job }), None);
    }
}
