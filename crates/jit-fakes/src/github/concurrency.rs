//! Concurrency groups: at most one member runs and one waits.
//! Not in it: what running means for a member (`progress.rs`).

use super::GitHub;
use super::ids::RepositoryId;
use super::run::{Member, Phase, RunGate};
use super::workflow::{Concurrency, Others};

impl GitHub {
    /// Enters a concurrency group: runs at once, or waits and pushes out whoever waited before.
    pub(super) fn join(&mut self, repository: RepositoryId, concurrency: &Concurrency, member: Member) {
        let slot = self.slots.entry((repository, concurrency.group.to_lowercase())).or_default();
        let Some(holder) = slot.holder else {
            slot.holder = Some(member);
            return self.grant(member);
        };
        if let Some(pushed_out) = slot.next.replace(member) {
            self.cancel_member(pushed_out);
        }
        if concurrency.others == Others::Cancelled {
            self.cancel_member(holder);
        }
    }

    pub(super) fn leave(&mut self, repository: RepositoryId, concurrency: &Concurrency, member: Member) {
        let key = (repository, concurrency.group.to_lowercase());
        let Some(slot) = self.slots.get_mut(&key) else { return };
        if slot.next == Some(member) {
            slot.next = None;
        } else if slot.holder == Some(member) {
            slot.holder = slot.next.take();
            match slot.holder {
                Some(heir) => self.grant(heir),
                None => {
                    self.slots.remove(&key);
                }
            }
        }
    }

    pub(super) fn grant(&mut self, member: Member) {
        match member {
            Member::Run(id) => {
                if let Some(run) = self.runs.get_mut(&id) {
                    run.gate = RunGate::Open;
                    self.dirty_runs.insert(id);
                }
            }
            Member::Job(id) => {
                let Some(job) = self.jobs.get_mut(&id) else { return };
                job.phase = Phase::Held;
                job.queued_at = Some(self.now);
                let run = job.run;
                self.announce(id, "queued");
                self.dirty_runs.insert(run);
            }
        }
    }

    pub(super) fn cancel_member(&mut self, member: Member) {
        match member {
            Member::Run(id) => self.cancel_run(id),
            Member::Job(id) => self.cancel_job(id),
        }
    }
}
