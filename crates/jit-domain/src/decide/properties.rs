//! What must hold in every world, shown on random ones. Single decisions are in `tests/scenarios/`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use crate::class::{Class, ClassIdentity, Outcome, client_token};
use crate::decide::lifecycle::{advance, busy, follow};
use crate::decide::registrar::{self, Claim};
use crate::decide::scaleup::{self, Health, Reply, Stamp};
use crate::decide::supply::Observed;
use crate::fixtures::{self, NOW};
use crate::ids::*;
use crate::instance::{Instance, InstancePhase};
use crate::job::{Job, JobPhase, RunnerRef};
use crate::labels::LabelSet;
use crate::observation::{Action, Observation};
use crate::policy::Policy;
use crate::pool::PoolRecord;
use crate::reason::Reason;
use crate::time::Timestamp;

const CAP: u32 = 12;

/// Every instance of these worlds has its record.
static NONE: BTreeSet<InstanceKey> = BTreeSet::new();
static NO_GROUPS: BTreeMap<crate::ids::GroupKey, crate::group::Group> = BTreeMap::new();

/// A world with two classes of one pool, one's labels within the other's, whose demand does not change.
#[derive(Debug)]
struct World {
    policy: Policy,
    jobs: Vec<(ClassIdentity, Job)>,
    classes: BTreeMap<ClassKey, Class>,
    instances: Vec<Instance>,
    pools: BTreeMap<PoolName, PoolRecord>,
    health: Health,
    now: Timestamp,
    /// All ids that were ever launched for a class.
    launched: BTreeMap<ClassKey, BTreeSet<InstanceKey>>,
    /// Tries that were doubtful at any time, with their slots.
    doubted: BTreeMap<(ClassKey, BatchId, u32), u32>,
}

fn identity(labels: &[&str]) -> ClassIdentity {
    let labels: LabelSet = labels.iter().collect();
    ClassIdentity { labels, ..fixtures::class_identity() }
}

impl World {
    fn new(narrow: u64, wide: u64) -> Self {
        let mut policy = fixtures::policy();
        policy.pools[0].caps.instances = CAP;
        let classes = [(narrow, identity(&["linux"])), (wide, identity(&["linux", "x64"]))];
        let mut jobs = Vec::new();
        for (count, class) in classes {
            for _ in 0..count {
                let job = fixtures::queued_job(jobs.len() as u64 + 1);
                jobs.push((class.clone(), Job { labels: class.labels.clone(), class: class.key(), ..job }));
            }
        }
        Self {
            policy,
            jobs,
            classes: BTreeMap::new(),
            instances: Vec::new(),
            pools: BTreeMap::new(),
            health: Health::new(),
            now: NOW,
            launched: BTreeMap::new(),
            doubted: BTreeMap::new(),
        }
    }

    fn observed(&self) -> Observed<'_> {
        let Self { policy, jobs, classes, instances, pools, now, .. } = self;
        let (unrecorded, ended, groups) = (&NONE, &NONE, &NO_GROUPS);
        Observed { policy, jobs, classes, instances, unrecorded, ended, groups, pools, now: *now }
    }

    /// Plans and applies. Returns the number of batches born and requests sent.
    fn plan(&mut self) -> (u64, usize) {
        let user_data = self.policy.pools.iter().map(|p| (p.name.clone(), Digest::new("u"))).collect();
        let stamp = Stamp { user_data, claim_key: "k".into(), unresolved: BTreeSet::new() };
        let observed = self.observed();
        let steps = scaleup::plan(&observed, &observed.balance(), &self.health, &stamp);
        let generations = |w: &Self| w.classes.values().map(|c| c.generation).sum::<u64>();
        let before = generations(self);
        let sends = steps.iter().map(|s| s.sends.len()).sum();
        for step in steps {
            for batch in &step.class.batches {
                for t in batch.tries.iter().filter(|t| t.is_doubtful) {
                    self.doubted.insert((step.key.clone(), batch.id.clone(), t.n), t.count);
                }
            }
            if let Some(pool) = step.pool {
                self.pools.insert(step.class.identity.pool.clone(), pool);
            }
            self.classes.insert(step.key, step.class);
        }
        (generations(self) - before, sends)
    }

    /// Answers the `which`-th unsettled try.
    fn answer(&mut self, which: usize, answer: Answer) {
        let unsettled: Vec<_> = self
            .classes
            .iter()
            .flat_map(|(key, class)| class.batches.iter().map(move |b| (key, b)))
            .flat_map(|(key, b)| b.tries.iter().map(move |t| (key.clone(), b.id.clone(), t.clone())))
            .filter(|(_, _, t)| matches!(t.outcome, Outcome::Open | Outcome::Unknown { .. }))
            .collect();
        if unsettled.is_empty() {
            return;
        }
        let (key, batch, attempt) = unsettled[which % unsettled.len()].clone();
        let made = |n: u32| {
            let id = |i| fixtures::instance(&format!("i-{}-{}-{i}", &batch.as_str()[..8], attempt.n)).key;
            (0..n.min(attempt.count)).map(id).collect::<Vec<_>>()
        };
        let reply = match answer {
            Answer::Launched(n) => Reply::Launched { live: made(n), ended: Vec::new() },
            Answer::Ended => Reply::Launched { live: Vec::new(), ended: made(attempt.count) },
            Answer::NoCapacity => Reply::Refused(Reason::InsufficientCapacity { code: "C".into() }),
            Answer::Throttled => Reply::Refused(Reason::Throttled { code: "T".into() }),
            Answer::Unknown => Reply::Unknown,
            Answer::Mismatch => Reply::Mismatch,
        };
        let before = &self.classes[&key];
        let after = scaleup::settle(before, &batch, attempt.n, &reply, self.now);
        let offering = &before.batch(&batch).unwrap().template.offerings[attempt.offering as usize];
        let region = (offering.cloud, offering.region.clone());
        let known = self.health.get(&region).cloned().unwrap_or_default();
        if let Some(health) = scaleup::health_after(&known, offering, &reply, attempt.is_doubtful, self.now) {
            self.health.insert(region, health);
        }
        if let Reply::Launched { live, .. } = &reply {
            for id in live {
                self.instances.push(scaleup::instance_of(&after, &batch, attempt.n, id).unwrap());
                self.launched.entry(key.clone()).or_default().insert(id.clone());
            }
        }
        self.classes.insert(key, after);
    }

    /// Changes when slots leave supply: doubts, batches that are no longer open, lapses.
    fn withdrawn(&self) -> (usize, u64, u32) {
        let ended = |c: &Class| c.generation - c.open_batches().count() as u64;
        let classes = || self.classes.values();
        (self.doubted.len(), classes().map(ended).sum(), classes().map(|c| c.lapses).sum())
    }

    fn check(&self) {
        let reserved: u32 = self.pools.values().flat_map(|p| p.reservations.values()).map(|r| r.slots).sum();
        assert!(reserved <= CAP, "{reserved} slots are reserved");
        for (key, class) in &self.classes {
            let demand = self.jobs.iter().filter(|(identity, _)| identity.key() == *key).count();
            let slack: u32 = self.doubted.iter().filter(|((k, ..), _)| k == key).map(|(_, n)| n).sum();
            let open: u32 = class.open_batches().map(crate::class::Batch::open_slots).sum();
            let live = self.launched.get(key).map_or(0, BTreeSet::len);
            assert!(
                live + open as usize <= demand + slack as usize,
                "{live} live and {open} open for {demand} jobs with {slack} doubted: {class:#?}"
            );
            let kept: BTreeSet<_> = class.batches.iter().flat_map(|b| &b.instances).collect();
            let known: BTreeSet<_> = self.instances.iter().map(|i| &i.key).collect();
            assert!(kept.is_subset(&known), "an id without a record");
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Launched(u32),
    Ended,
    NoCapacity,
    Throttled,
    Unknown,
    Mismatch,
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Plan,
    Wait(u64),
    Answer(usize, Answer),
}

fn happening() -> impl Strategy<Value = Happening> {
    let answer = prop_oneof![
        4 => (1..6_u32).prop_map(Answer::Launched),
        1 => Just(Answer::Ended),
        2 => Just(Answer::NoCapacity),
        1 => Just(Answer::Throttled),
        3 => Just(Answer::Unknown),
        1 => Just(Answer::Mismatch),
    ];
    prop_oneof![
        3 => Just(Happening::Plan),
        2 => prop_oneof![1..15_u64, 55..65_u64, 115..125_u64].prop_map(Happening::Wait),
        3 => (any::<usize>(), answer).prop_map(|(which, answer)| Happening::Answer(which, answer)),
    ]
}

/// Looks at one moment after which nothing may be left to do: one for each class that passes a gap on, and one.
const LOOKS_MAX: u32 = 4;

/// Instances that never claim are replaced nine minutes after their launch; worlds here end before that.
const WORLD_ENDS: Duration = Duration::from_secs(539);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn launches_pass_neither_the_cap_nor_demand_and_what_is_doubted(
        narrow in 0..8_u64,
        wide in 0..8_u64,
        happenings in prop::collection::vec(happening(), 0..40),
    ) {
        let mut world = World::new(narrow, wide);
        for happening in happenings {
            match happening {
                Happening::Plan => {
                    // What a look takes out of supply is a gap for the next one; else one look is enough.
                    let looks = (0..LOOKS_MAX).find(|_| {
                        let withdrawn = world.withdrawn();
                        world.plan();
                        world.check();
                        world.withdrawn() == withdrawn
                    });
                    prop_assert!(looks.is_some(), "the looks at one world do not come to rest");
                    prop_assert_eq!(world.plan(), (0, 0), "a look at the same world launches nothing more");
                }
                Happening::Wait(s) if (world.now + Duration::from_secs(s)).since(NOW) < WORLD_ENDS => {
                    world.now = world.now + Duration::from_secs(s);
                }
                Happening::Wait(_) => {}
                Happening::Answer(which, answer) => world.answer(which, answer),
            }
            world.check();
        }
    }

    #[test]
    fn no_answer_takes_an_id_away(
        happenings in prop::collection::vec(happening(), 0..30),
        n in 0..4_u32,
        known in prop::collection::btree_set(0..9_u8, 0..5),
        live in prop::collection::vec(0..9_u8, 0..5),
        answer in 0..5_u8,
    ) {
        let mut world = World::new(3, 3);
        world.plan();
        for happening in happenings {
            if let Happening::Answer(which, answer) = happening {
                world.answer(which, answer);
            }
        }
        let keys = |ids: &mut dyn Iterator<Item = u8>| ids.map(|i| fixtures::instance(&format!("i-{i}")).key).collect();
        let live: Vec<InstanceKey> = keys(&mut live.into_iter());
        for class in world.classes.values() {
            let mut class = class.clone();
            class.batches[0].instances.extend(keys(&mut known.iter().copied()));
            let reply = match answer {
                0 => Reply::Unknown,
                1 => Reply::Mismatch,
                2 => Reply::Refused(Reason::Quota { code: "Q".into() }),
                3 => Reply::Launched { live: Vec::new(), ended: live.clone() },
                _ => Reply::Launched { live: live.clone(), ended: Vec::new() },
            };
            let after = scaleup::settle(&class, &class.batches[0].id, n, &reply, NOW);
            prop_assert!(after.batches[0].instances.is_superset(&class.batches[0].instances));
            if answer > 3 {
                prop_assert!(live.iter().all(|id| after.batches[0].instances.contains(id)));
            }
        }
    }

    #[test]
    fn events_end_alike_in_any_order_and_phases_never_go_back(
        actions in prop::collection::vec(0..4_usize, 1..9).prop_shuffle(),
    ) {
        let mut sorted = actions.clone();
        sorted.sort_unstable();
        prop_assert_eq!(told(&actions), told(&sorted));
    }

    #[test]
    fn no_more_runners_without_a_known_job_than_jobs_in_the_queue(
        jobs in 0..4_u64,
        moves in prop::collection::vec((0..5_usize, 0..5_u8, 0..4_u64), 0..40),
    ) {
        let mut crowd = Crowd::new(jobs);
        for (which, kind, job) in moves {
            match kind {
                0 | 1 => crowd.claim(which, kind == 1),
                2 => crowd.confirm(which),
                3 => crowd.listed_busy(which),
                _ => crowd.job_moves(job + 1, which),
            }
        }
    }
}

/// The final phase, runner and conclusion of a job, and the phase and job of the instance that ran it.
fn told(actions: &[usize]) -> (JobPhase, Option<RunnerRef>, Option<String>, u8, Option<JobId>) {
    let runner = RunnerRef { id: Some(RunnerId(71)), name: RunnerName::new("jit-i-1-1") };
    let (mut job, mut instance): (Option<Job>, _) = (None, fixtures::instance("i-1"));
    let mut now = NOW;
    for action in actions.iter().map(|n| Action::ALL[*n]) {
        now = now + Duration::from_secs(1);
        let has_runner = action >= Action::InProgress;
        let event = Observation {
            runner: has_runner.then(|| runner.clone()),
            conclusion: (action == Action::Completed).then(|| "success".into()),
            ..fixtures::observation(action, 1)
        };
        let class = Some((PoolName::new("default"), fixtures::class_identity().key()));
        let before = (job.as_ref().map(|j: &Job| j.phase), instance.phase.rank());
        job = advance(job.as_ref(), &event, class, now).or(job);
        if has_runner {
            instance = follow(&instance, action, event.job, now).unwrap_or(instance);
        }
        assert!(job.as_ref().map(|j| j.phase) >= before.0, "the job went back");
        assert!(instance.phase.rank() >= before.1, "the instance went back");
    }
    let job = job.expect("each event is of a pool");
    (job.phase, job.runner, job.conclusion, instance.phase.rank(), instance.job)
}

/// Five instances that claim for a few jobs, one after the other.
struct Crowd {
    world: World,
}

impl Crowd {
    fn new(jobs: u64) -> Self {
        let mut world = World::new(jobs, 0);
        let class = identity(&["linux"]);
        world.classes.insert(class.key(), Class::new(class.clone()));
        let instance = |n: usize| Instance { class: class.key(), ..fixtures::instance(&format!("i-{n}")) };
        world.instances = (0..5).map(instance).collect();
        Self { world }
    }

    /// Claims, and applies the permit; with `is_cut_off` the handler ends before the name of the registration is written.
    fn claim(&mut self, which: usize, is_cut_off: bool) {
        let observed = self.world.observed();
        let mut instance = self.world.instances[which].clone();
        let mint = match registrar::claim(&observed, &instance, "jit") {
            Claim::Permit { candidates, mint } => {
                let job = self.world.jobs.iter_mut().find(|(_, j)| j.id == candidates[0]).unwrap();
                job.1.permit = Some(instance.key.clone());
                mint
            }
            Claim::Mint(mint) => mint,
            Claim::Wait { .. }
            | Claim::Later { .. }
            | Claim::Resolve { .. }
            | Claim::Look(_)
            | Claim::Connected
            | Claim::Gone(_) => return,
        };
        if is_cut_off {
            return;
        }
        instance.phase = InstancePhase::Minting;
        instance.mints.push(mint);
        self.world.instances[which] = instance;
        let without_job = self.world.instances.iter().filter(|i| {
            let is_registered =
                matches!(i.phase, InstancePhase::Minting | InstancePhase::Claimed | InstancePhase::Busy);
            is_registered && i.job.is_none()
        });
        let queued = self.world.jobs.iter().filter(|(_, j)| j.phase == JobPhase::Queued);
        let (runners, jobs) = (without_job.count(), queued.count());
        assert!(runners <= jobs, "{runners} runners were registered for {jobs} jobs");
    }

    fn confirm(&mut self, which: usize) {
        let instance = &mut self.world.instances[which];
        if instance.phase == InstancePhase::Minting {
            instance.phase = InstancePhase::Claimed;
        }
    }

    /// GitHub lists the runner busy; its event was lost.
    fn listed_busy(&mut self, which: usize) {
        let instance = &mut self.world.instances[which];
        if instance.phase == InstancePhase::Claimed {
            *instance = busy(instance, None, NOW).unwrap();
        }
    }

    /// An event says which runner took a job; or, where that instance has no runner, that the job was cancelled.
    fn job_moves(&mut self, id: u64, which: usize) {
        let Some((_, job)) = self.world.jobs.iter_mut().find(|(_, j)| j.id == JobId(id)) else { return };
        if job.phase != JobPhase::Queued {
            return;
        }
        let instance = &mut self.world.instances[which];
        let is_runner =
            matches!(instance.phase, InstancePhase::Claimed | InstancePhase::Busy) && instance.job.is_none();
        job.phase = if is_runner { JobPhase::InProgress } else { JobPhase::Completed };
        if is_runner {
            *instance = follow(instance, Action::InProgress, job.id, NOW).unwrap();
        }
    }
}

/// The values were computed by another program from the definition: SHA-256 over the parts, each after its length in eight bytes.
#[test]
fn keys_and_tokens_are_the_same_for_ever() {
    let class = fixtures::class_identity().key();
    assert_eq!(class.as_str(), "0f1575e759d63a60a78f9867fadc79ae");
    let batch = Class::batch_id(&class, 1);
    assert_eq!(batch.as_str(), "abb4f43b5307ec2f4f9103474d3e2367");
    assert_eq!(Class::batch_id(&class, 2).as_str(), "01c517c0b37c341471992a5ea5840749");
    let places = fixtures::pool("default").expand(&fixtures::class_identity().machine, 0);
    assert_eq!(
        client_token(&batch, 0, &places[0], 1),
        "07e8afd26e07eef3a7c19f32d637787e4cfb2bf71b4949f256bc532de97ba9e7"
    );
    assert_eq!(
        client_token(&batch, 1, &places[1], 2),
        "6742f5d72525e25bd3d97f6a0e3f9359ce00066a6800388e2987d1d219b588aa"
    );
}
