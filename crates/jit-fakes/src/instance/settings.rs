//! How instances behave, and what goes wrong with single ones.
//! Not in it: the behaviour itself; see `life`.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::cloud::Delay;

/// What goes wrong with one instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    #[default]
    Healthy,
    /// It is powered on and never does anything.
    NeverBoots,
    /// It boots that much later.
    BootsSlowly(SignedDuration),
    /// The metadata service hands out the role's credentials only that long after the boot.
    MetadataLate(SignedDuration),
    /// Its boot script fails before it claims.
    BootScriptFails,
    /// It never sees that many of its first replies to claims.
    ClaimReplyLost(u32),
    /// The agent gets a JIT config and exits without connecting.
    AgentExitsAtOnce,
    /// The agent connects and then does nothing more.
    AgentHangs,
    /// The machine falls silent that long after its job started; EC2 goes on showing it as running.
    MachineDies(SignedDuration),
    /// The job attacks: it claims again while it runs and after it, in its own name and in a sibling's.
    Hostile,
}

/// What the agent does when nobody answers its question whether the job may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnansweredHook {
    /// It lets the job run.
    Allow,
    /// It fails the job, for a rule that can be silenced is none.
    Refuse,
}

/// How all instances behave.
#[derive(Clone, Debug)]
pub struct InstanceSettings {
    /// From power-on to the boot script, agent installed and checked.
    pub boot: Delay,
    /// From the JIT config's arrival until the agent connects with it.
    pub agent_start: SignedDuration,
    /// The boot times of single images, by image id.
    pub boot_by_image: BTreeMap<String, Delay>,
    /// Where the agent finds GitHub, without a slash at its end.
    pub github_url: String,
    /// How often an idle agent looks for a job.
    pub poll_idle: SignedDuration,
    /// How often a busy agent shows that it is alive; GitHub misses it after 50 s.
    pub poll_busy: SignedDuration,
    /// How long a request may take.
    pub request_timeout: SignedDuration,
    /// What an unanswered job-started question means.
    pub unanswered_hook: UnansweredHook,
    /// Everything drawn follows from it.
    pub seed: u64,
    /// Fates by launch order, from 1.
    pub fates: BTreeMap<u64, Fate>,
    /// Fates of all others: each with how many in a thousand meet it. What remains is healthy.
    pub fate_mix: Vec<(u32, Fate)>,
}

impl Default for InstanceSettings {
    fn default() -> Self {
        Self {
            boot: Delay::secs(30),
            agent_start: SignedDuration::ZERO,
            boot_by_image: BTreeMap::new(),
            github_url: "http://github.test".into(),
            poll_idle: SignedDuration::from_secs(2),
            poll_busy: SignedDuration::from_secs(20),
            request_timeout: SignedDuration::from_secs(30),
            unanswered_hook: UnansweredHook::Refuse,
            seed: 0,
            fates: BTreeMap::new(),
            fate_mix: Vec::new(),
        }
    }
}

impl InstanceSettings {
    /// The fate of the instance with that place in launch order, where `drawn` decides within the mix.
    pub(crate) fn fate_of(&self, ordinal: u64, drawn: u64) -> Fate {
        if let Some(fate) = self.fates.get(&ordinal) {
            return *fate;
        }
        let mut rest = drawn % 1000;
        for (per_mille, fate) in &self.fate_mix {
            match rest.checked_sub(u64::from(*per_mille)) {
                None => return *fate,
                Some(left) => rest = left,
            }
        }
        Fate::Healthy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_strikes_as_many_in_a_thousand_as_it_says() {
        let settings = InstanceSettings {
            fates: [(7, Fate::AgentHangs)].into(),
            fate_mix: vec![(20, Fate::NeverBoots), (30, Fate::Hostile)],
            ..InstanceSettings::default()
        };
        let struck = |fate| (0..1000).filter(|drawn| settings.fate_of(1, *drawn) == fate).count();
        assert_eq!((struck(Fate::NeverBoots), struck(Fate::Hostile), struck(Fate::Healthy)), (20, 30, 950));
        assert_eq!(settings.fate_of(7, 0), Fate::AgentHangs);
    }
}
