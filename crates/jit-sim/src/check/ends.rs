//! What ends instances: none that runs a job is terminated before the job's time is over.
//! Not here: instances that end themselves.

use jiff::{SignedDuration, Timestamp};
use jit_control::effects::Request;
use jit_control::settings::Component;
use jit_fakes::github::JobId;
use jit_fakes::instance::Stage;

use super::{Checks, Promise};
use crate::world::World;

impl Checks {
    /// Looks whom a TerminateInstances would end.
    pub(super) fn check_ends(
        &mut self,
        now: Timestamp,
        component: Component,
        world: &World,
        request: &Request,
    ) {
        let text = String::from_utf8_lossy(request.body());
        if !text.split('&').any(|pair| pair == "Action=TerminateInstances") {
            return;
        }
        for pair in text.split('&') {
            let Some((name, id)) = pair.split_once('=') else { continue };
            if name.starts_with("InstanceId.") && self.is_working(now, world, id) {
                let what = format!("{} ends {id}, which runs a job", component.as_str());
                self.violated(now, Promise::BusyIsLeftAlone, what);
            }
        }
    }

    fn is_working(&self, now: Timestamp, world: &World, id: &str) -> bool {
        let is_live = world
            .aws
            .live_instances()
            .any(|instance| instance.id == id && instance.interruption_at.is_none());
        let Some(machine) = world.fleet.instance(id).filter(|_| is_live) else { return false };
        let Some(job) = machine.job_id().and_then(|job| world.github.job(JobId(job))) else { return false };
        let is_running = machine.stage() == Stage::Busy && job.completed_at.is_none();
        let is_young = job.started_at.is_some_and(|at| now.duration_since(at) < JOB_MAX);
        is_running && is_young
    }
}

/// `job_max` of every world's pools.
const JOB_MAX: SignedDuration = SignedDuration::from_hours(24);
