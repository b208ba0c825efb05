//! The cases: what is other than usual, and what must come of it.
//! Not here: how a case is played.

use std::time::Duration;

/// Who starts the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Image {
    /// The image's own unit: the script is there, the parameters come from the metadata service.
    Baked,
    /// User data: the image has neither the script nor the agent.
    Stock,
}

/// Whose metadata service it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cloud {
    /// EC2's.
    Aws,
    /// GCE's. The control plane knows no such instance, so the front answers in the registrar's place.
    Gcp,
}

/// What the agent's stand-in does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agent {
    /// Connects, takes a job, runs it between the hooks, ends.
    TakesAJob,
    /// Ends at once.
    Exits,
    /// Connects and then does nothing more.
    Hangs,
    /// Calls the hooks without any GitHub.
    Rehearses,
}

/// What happens outside the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Nothing.
    Nothing,
    /// The job is of a change that comes from a fork, which the pool refuses.
    FromAFork,
    /// The job is cancelled before the instance claims.
    JobCancelled,
    /// The registrar is not to be reached before that long after the boot.
    RegistrarShutFor(Duration),
    /// STS fails so many times.
    StsFails(u32),
    /// The registrar is not to be reached once the agent has started, to the end.
    RegistrarLost,
    /// Nothing is to be reached once the job has started, to the end.
    NetworkCut,
    /// The cloud announces during the job that it takes the instance back.
    Notice,
    /// The machine is cut off and started again during its job.
    StartedAgain,
    /// As before, and what it had written down is gone.
    StartedAgainFromNothing,
}

/// How the job ends at GitHub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobEnd {
    /// As its script says.
    Success,
    /// Before its first step, or in it.
    Failure,
    /// This instance never ran it, or never said how it ended.
    Open,
}

/// A case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    pub(super) image: Image,
    pub(super) cloud: Cloud,
    /// The shell that runs the script.
    pub(super) shell: &'static str,
    pub(super) agent: Agent,
    /// What the job does, as the agent's user; `sudo` runs a line as root.
    pub(super) job: &'static str,
    pub(super) event: Event,
    /// Replaced in the user data.
    pub(super) user_data: (&'static str, &'static str),
    /// How late each reply of the metadata service is.
    pub(super) metadata_late: Duration,
    /// How long after the boot it has the role's credentials.
    pub(super) credentials_late: Duration,
    /// Whether the credentials are another instance's.
    pub(super) is_impostor: bool,
    /// What `date` is told to add to the time.
    pub(super) clock_off: &'static str,
    /// The size of the disk; empty for any.
    pub(super) disk: &'static str,
    /// How the job ends.
    pub(super) job_end: JobEnd,
    /// Stages that the registrar must have been told, and taken.
    pub(super) stages: &'static [&'static str],
    /// What the console must have said.
    pub(super) says: &'static str,
    /// What the registrar must have answered to some claim.
    pub(super) claim_status: u16,
    /// From power-on to power-off at most.
    pub(super) within: Duration,
}

const ALL_STAGES: &[&str] = &["booted", "agent_started", "job_started", "job_finished", "exited"];

/// A job that runs and ends well on a baked EC2 image.
const USUAL: Case = Case {
    name: "",
    image: Image::Baked,
    cloud: Cloud::Aws,
    shell: "dash",
    agent: Agent::TakesAJob,
    job: "sleep 0.3",
    event: Event::Nothing,
    user_data: ("", ""),
    metadata_late: Duration::ZERO,
    credentials_late: Duration::ZERO,
    is_impostor: false,
    clock_off: "",
    disk: "",
    job_end: JobEnd::Success,
    stages: ALL_STAGES,
    says: "leaving: agent ended with 0",
    claim_status: 200,
    within: Duration::from_secs(30),
};

/// A machine that never gets a config: it may report that it booted, and nothing else.
const UNCLAIMED: Case = Case { job_end: JobEnd::Open, stages: &["booted"], ..USUAL };

/// A job that does not come to an end; `job_max` has 30 s here.
const ENDLESS: Case = Case {
    job: "sleep 600",
    job_end: JobEnd::Open,
    says: "leaving: its time is over",
    within: Duration::from_secs(50),
    ..USUAL
};

/// All cases.
pub static CASES: &[Case] = &[
    Case { name: "a job on a baked EC2 image", ..USUAL },
    Case { name: "a job on a baked EC2 image, in busybox", shell: "busybox ash", ..USUAL },
    Case { name: "a job on a stock EC2 image", image: Image::Stock, ..USUAL },
    Case {
        name: "a job on a baked GCE image, registrar played",
        cloud: Cloud::Gcp,
        agent: Agent::Rehearses,
        job_end: JobEnd::Open,
        ..USUAL
    },
    Case {
        name: "GCE announces a preemption, registrar played",
        cloud: Cloud::Gcp,
        agent: Agent::Rehearses,
        job: "sleep 2",
        event: Event::Notice,
        job_end: JobEnd::Open,
        stages: &["booted", "agent_started", "job_started", "interrupted", "job_finished", "exited"],
        ..USUAL
    },
    Case {
        // 2 s here are twenty in the configuration's time.
        name: "the registrar is not to be reached at first",
        event: Event::RegistrarShutFor(Duration::from_secs(2)),
        stages: &["agent_started", "job_started", "job_finished", "exited"],
        ..USUAL
    },
    Case {
        name: "the registrar is never to be reached",
        event: Event::RegistrarShutFor(Duration::from_secs(600)),
        stages: &[],
        says: "leaving: its time is over",
        claim_status: 0,
        ..UNCLAIMED
    },
    Case { name: "STS fails, so the registrar says 503", event: Event::StsFails(3), ..USUAL },
    Case {
        name: "the job is gone, so the registrar says 410",
        event: Event::JobCancelled,
        says: "leaving: not needed",
        claim_status: 410,
        ..UNCLAIMED
    },
    Case {
        name: "the boot token is wrong, so the registrar says 401",
        user_data: ("JIT_BOOT_TOKEN='jr1.", "JIT_BOOT_TOKEN='jr1.x"),
        stages: &[],
        says: "leaving: the boot token is not taken",
        claim_status: 401,
        ..UNCLAIMED
    },
    Case { name: "a job after two machines without one", ..USUAL },
    Case {
        name: "the identity is another instance's, so the registrar says 403",
        is_impostor: true,
        says: "leaving: the identity is not believed",
        claim_status: 403,
        ..UNCLAIMED
    },
    Case {
        name: "the clock is 20 minutes off, so the registrar says 403",
        clock_off: "+20 minutes",
        says: "leaving: the identity is not believed",
        claim_status: 403,
        ..UNCLAIMED
    },
    Case { name: "the clock is 10 minutes off", clock_off: "-10 minutes", ..USUAL },
    Case { name: "the metadata service is slow", metadata_late: Duration::from_millis(500), ..USUAL },
    Case { name: "the role's credentials are late", credentials_late: Duration::from_secs(2), ..USUAL },
    Case {
        name: "the agent's archive is another one",
        image: Image::Stock,
        user_data: ("/agent.tar.gz", "/other.tar.gz"),
        says: "leaving: agent of another sha256",
        claim_status: 0,
        ..UNCLAIMED
    },
    Case {
        name: "the agent is of another version and there is no archive",
        image: Image::Stock,
        user_data: ("JIT_AGENT_URL='", "JIT_NO_AGENT_URL='"),
        says: "leaving: agent of another version and nothing to download",
        claim_status: 0,
        ..UNCLAIMED
    },
    Case { name: "a job after three machines without one", ..USUAL },
    Case {
        name: "the disk is full before the agent is there",
        image: Image::Stock,
        disk: "4k",
        says: "leaving: agent not",
        claim_status: 0,
        ..UNCLAIMED
    },
    Case {
        name: "the agent ends at once",
        agent: Agent::Exits,
        job_end: JobEnd::Open,
        stages: &["booted", "agent_started", "exited"],
        says: "JIT_NO_JOB_PICKUP runner=jit-i-",
        ..USUAL
    },
    Case {
        name: "the agent hangs",
        agent: Agent::Hangs,
        stages: &["booted", "agent_started", "exited"],
        ..ENDLESS
    },
    Case { name: "the job hangs", stages: &["booted", "agent_started", "job_started", "exited"], ..ENDLESS },
    Case { name: "a job after machines that were given up", ..USUAL },
    Case {
        name: "the change comes from a fork, so the job is refused",
        event: Event::FromAFork,
        // What the job would leave if one of its steps ran.
        job: "touch /opt/world/ran; sleep 600",
        job_end: JobEnd::Failure,
        stages: &["booted", "agent_started", "job_started", "exited"],
        ..USUAL
    },
    Case {
        name: "the registrar is lost before the job starts, so the job is refused",
        event: Event::RegistrarLost,
        job_end: JobEnd::Failure,
        stages: &["booted"],
        says: "no verdict on the job, so: refuse",
        within: Duration::from_secs(50),
        ..USUAL
    },
    Case {
        name: "the network is cut during the job",
        job: "sleep 2",
        event: Event::NetworkCut,
        job_end: JobEnd::Open,
        stages: &["booted", "agent_started", "job_started"],
        says: "leaving: agent ended",
        within: Duration::from_secs(50),
        ..USUAL
    },
    Case {
        name: "EC2 announces an interruption",
        job: "sleep 2",
        event: Event::Notice,
        stages: &["booted", "agent_started", "job_started", "interrupted", "job_finished", "exited"],
        ..USUAL
    },
    Case {
        name: "the machine is started again during its job",
        job: "sleep 600",
        event: Event::StartedAgain,
        job_end: JobEnd::Open,
        stages: &["booted", "agent_started", "job_started"],
        says: "leaving: started again after its claim",
        ..USUAL
    },
    Case {
        // The runner is connected, which is 409, until GitHub has missed it for long enough, which is 410.
        name: "the machine is started again and has forgotten, so the registrar says 409",
        job: "sleep 600",
        event: Event::StartedAgainFromNothing,
        job_end: JobEnd::Open,
        stages: &["booted", "agent_started", "job_started"],
        says: "the claim was answered with 409",
        claim_status: 409,
        ..USUAL
    },
    Case {
        name: "the job attacks as the agent's user",
        job: include_str!("attack.sh"),
        // The last of these may be under way when the machine is off already.
        stages: &["booted", "agent_started", "job_started", "exited"],
        says: "attack: done",
        within: Duration::from_secs(60),
        ..USUAL
    },
    Case {
        name: "the job ends the script",
        job: "sudo 'kill -9 $(cat /run/boot.pid)'; sleep 600",
        job_end: JobEnd::Open,
        stages: &["booted", "agent_started", "job_started"],
        says: "powering off",
        ..USUAL
    },
    Case {
        name: "the job stops the script",
        job: "sudo 'kill -STOP $(cat /run/boot.pid)'; sleep 600",
        stages: &["booted", "agent_started", "job_started"],
        says: "powering off",
        ..ENDLESS
    },
    Case {
        name: "the job removes what the script keeps",
        job: "sudo 'rm -rf /run/jit-runners /var/lib/jit-runners /opt/jit-runners'; sleep 600",
        job_end: JobEnd::Open,
        stages: &["booted", "agent_started", "job_started", "exited"],
        says: "leaving: its time is over",
        ..USUAL
    },
    Case { name: "a job after all of them", ..USUAL },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_case_has_a_name_of_its_own_and_a_bound() {
        let names: BTreeSet<&str> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), CASES.len());
        assert!(CASES.iter().all(|case| !case.name.is_empty() && !case.within.is_zero()));
    }

    #[test]
    fn every_way_of_the_registrar_is_met() {
        let met: BTreeSet<u16> = CASES.iter().map(|case| case.claim_status).collect();
        assert_eq!(met, [0, 200, 401, 403, 409, 410].into());
    }
}
