//! scaleup: takes what is queued and launches what is missing. It asks GitHub nothing.
//!
//! Order: observations become job records, then classes are decided, then written, then the messages go, then requests are sent.
//! Whatever is cut off is found again: a message that stayed, a try that is open.

use std::collections::BTreeMap;

use futures::future;
use futures::stream::{self, StreamExt as _};
use jit_domain::class::{Class, Outcome};
use jit_domain::decide::scaleup::{self as decide, Reply, Stamp, Step};
use jit_domain::ids::{BatchId, ClassKey, Digest};
use jit_domain::instance::Instance;
use jit_domain::policy::{Offering, Policy};
use jit_domain::pool::OfferingHealth;
use serde_json::json;

use crate::admission;
use crate::cloud::{Clouds, Launch};
use crate::effects::Effects;
use crate::entry::Next;
use crate::images::Images;
use crate::lease::Asked;
use crate::ledger::{Key, Kind, Ledger as _};
use crate::limits;
use crate::observe::{self, Batch};
use crate::queue::QueueName;
use crate::settings::ScaleupSettings;
use crate::shell::{Failure, Shell, put};
use crate::stored::Stored as _;
use crate::user_data::UserData;
use crate::world::World;

/// User data without token, by digest.
type Texts = BTreeMap<Digest, UserData>;

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages received.
    pub messages: usize,
    /// Messages done with: deleted, or moved to the dead letters.
    pub done: usize,
    /// Requests sent to a cloud.
    pub launches: usize,
    /// Instances that these made.
    pub instances: usize,
    /// Whether lifecycle is to ask how wide a matrix is.
    pub awaits_width: bool,
}

impl Next for Summary {
    fn next(&self) -> Option<QueueName> {
        self.awaits_width.then_some(QueueName::Lifecycle)
    }
}

/// Drains the jobs queue and decides for every class. A drain that finds another at work leaves at once: its message is in the
/// queue, and the other looks again after it has released the lease.
///
/// No look is taken when it is too late to launch: what is queued then stays for the next nudge or tick, which launches at once.
///
/// # Errors
/// [`Failure`]; the next tick goes on.
pub async fn run<E: Effects>(shell: &Shell<'_, E>, settings: &ScaleupSettings) -> Result<Summary, Failure> {
    let ran_at = shell.now();
    let mut total = Summary::default();
    let mut images = Images::new(&shell.policy);
    for round in 0..limits::DRAIN_LOOKS_MAX {
        if round > 0 && is_too_late(shell) {
            break;
        }
        let Some((lease, batch)) = observe::begin(shell, QueueName::Jobs).await? else { break };
        let is_more = batch.received > 0;
        // Capacity, caps and unknown tries move without a message: the first look always decides.
        let drained = if is_more || round == 0 {
            drain(shell, settings, &mut images, &batch).await
        } else {
            Ok(Summary::default())
        };
        let asked = shell.release_lease(lease).await?;
        let summary = drained?;
        total.messages += summary.messages;
        total.done += summary.done;
        total.launches += summary.launches;
        total.instances += summary.instances;
        total.awaits_width |= summary.awaits_width;
        // Messages that stay are no reason to look again: they would be found at every look.
        if summary.done == 0 && asked == Asked::Nobody && round > 0 {
            break;
        }
    }
    shell.note_schedule(ran_at).await?;
    let Summary { messages, done: _, launches, instances, awaits_width: _ } = total;
    if total != Summary::default() {
        shell.info(
            "drained the jobs queue",
            json!({ "messages": messages, "launches": launches, "instances": instances }),
        );
    }
    Ok(total)
}

/// Whether a launch would not be begun any more. To write a try then would leave it open, and nobody repeats it before its time.
fn is_too_late<E: Effects>(shell: &Shell<'_, E>) -> bool {
    shell.elapsed() >= limits::LAUNCH_STARTS_BEFORE
}

/// One drain under the lease. What does not depend on each other is asked at once: seconds count between a job and its instance.
async fn drain<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &ScaleupSettings,
    images: &mut Images<'_>,
    batch: &Batch,
) -> Result<Summary, Failure> {
    let mut summary = Summary { messages: batch.received, done: batch.buried, ..Summary::default() };
    let wanted = batch.classes(&shell.policy);
    let reads = future::join3(
        observe::record(shell, &batch.jobs),
        World::read_with(shell, &wanted),
        stamp(shell, settings, images),
    );
    let (recorded, world, stamped) = reads.await;
    let (mut world, (mut stamp, texts)) = (world?, stamped?);
    for known in recorded.values() {
        if let Some(job) = &known.job {
            world.put_job(&shell.policy, job.clone(), known.version);
        }
    }
    world.complete(shell).await?;
    let mut handles = handles_of(batch, &recorded);
    for _ in 0..limits::DRAIN_ROUNDS_MAX {
        if is_too_late(shell) {
            break;
        }
        let now = shell.now();
        let plan = |policy: &Policy, stamp: &Stamp| {
            let observed = world.observed(policy, now);
            decide::plan(&observed, &observed.balance(), &world.health, stamp)
        };
        let mut steps = plan(images.policy(), &stamp);
        // Only who is about to launch asks which image a name stands for, and then decides again with the ids.
        let launches = steps.iter().any(|step| !step.sends.is_empty());
        if launches && images.resolve(shell, &settings.aws).await {
            stamp.unresolved.clone_from(images.unresolved());
            steps = plan(images.policy(), &stamp);
            if is_too_late(shell) {
                break;
            }
        }
        let told = std::mem::take(&mut handles);
        let forgetting = observe::forget(shell, QueueName::Jobs, &told);
        let (written, forgotten) = future::join(write(shell, &mut world, steps), forgetting).await;
        summary.done += forgotten;
        let written = written?;
        let sends: usize = written.iter().map(|s| s.sends.len()).sum();
        if sends == 0 {
            break;
        }
        let made = launch(shell, settings, &mut world, (written, &texts)).await?;
        summary.launches += sends;
        summary.instances += made;
    }
    // After the launches, for which nothing that is learned here is needed.
    if let Err(failure) = admission::learn(shell, &mut world).await {
        shell.failed(
            "what the jobs teach of their matrices was not written; the next look writes it",
            &failure,
        );
    }
    summary.awaits_width = admission::awaits_width(shell, &world);
    // Recorded, but too late to be decided on: the next tick decides for every class.
    summary.done += observe::forget(shell, QueueName::Jobs, &handles).await;
    Ok(summary)
}

fn handles_of(batch: &Batch, recorded: &BTreeMap<jit_domain::ids::JobId, observe::Recorded>) -> Vec<String> {
    let told = batch.jobs.iter().filter(|(id, _)| recorded.contains_key(*id));
    told.flat_map(|(_, told)| told.handles.iter().cloned()).chain(batch.hints.iter().cloned()).collect()
}

/// What batches are stamped with now; the user data's text is in the ledger before any batch names it.
async fn stamp<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &ScaleupSettings,
    images: &Images<'_>,
) -> Result<(Stamp, Texts), Failure> {
    let mut user_data = BTreeMap::new();
    let mut texts = Texts::new();
    for pool in &shell.policy.pools {
        let text = UserData::new(settings.public_url.as_str(), &shell.policy.agent, pool);
        let digest = text.digest();
        user_data.insert(pool.name.clone(), digest.clone());
        texts.insert(digest, text);
    }
    let keys: Vec<Key> = texts.keys().map(|digest| Key::new(Kind::UserData, digest)).collect();
    let kept: Vec<Key> = shell.ledger.read_many(&keys).await?.into_iter().map(|record| record.key).collect();
    for write in texts.values().map(UserData::write).filter(|write| !kept.contains(&write.key)) {
        shell.commit(vec![write]).await?;
    }
    let claim_key = settings.claim_keys.current.id.clone();
    Ok((Stamp { user_data, claim_key, unresolved: images.unresolved().clone() }, texts))
}

/// Writes each step, the pool's reservation before the class.
/// A step that lost is left out: who was quicker has decided, and the next look decides again.
async fn write<E: Effects>(
    shell: &Shell<'_, E>,
    world: &mut World,
    steps: Vec<Step>,
) -> Result<Vec<Step>, Failure> {
    let mut written = Vec::new();
    for step in steps {
        shell.check_time("writing a class")?;
        let pool = step.class.identity.pool.clone();
        let mut writes = Vec::new();
        if let Some(record) = &step.pool {
            writes.push(world.write_pool(&pool, record));
        }
        writes.push(world.write_class(&step.key, &step.class));
        if shell.commit(writes).await? {
            if let Some(record) = &step.pool {
                world.wrote_pool(pool, record.clone());
            }
            world.wrote_class(step.key.clone(), step.class.clone());
            report_wait(shell, &step);
            written.push(step);
        } else {
            shell
                .info("a class was decided by another invocation", json!({ "class.key": step.key.as_str() }));
            break;
        }
    }
    Ok(written)
}

fn report_wait<E: Effects>(shell: &Shell<'_, E>, step: &Step) {
    if let Some(reason) = &step.class.wait {
        let fields = json!({
            "class.key": step.key.as_str(),
            "pool": step.class.identity.pool.as_str(),
            "reason": reason.code(),
            "explanation": jit_domain::reason::explain(reason),
        });
        shell.info("jobs of a class wait", fields);
    }
}

/// One request to a cloud, with what its answer is written into.
struct Sent {
    class: ClassKey,
    batch: BatchId,
    n: u32,
    place: Option<Offering>,
    reply: Reply,
}

/// Sends the tries of all steps, several at once, and records what came of them. Returns the number of new instances.
async fn launch<E: Effects>(
    shell: &Shell<'_, E>,
    settings: &ScaleupSettings,
    world: &mut World,
    (steps, known): (Vec<Step>, &Texts),
) -> Result<usize, Failure> {
    // A batch that was stamped before the configuration changed has another text.
    let mut texts = known.clone();
    for step in &steps {
        for batch in step.class.open_batches() {
            let digest = &batch.template.user_data;
            if !texts.contains_key(digest)
                && let Some(record) = shell.ledger.read(&Key::new(Kind::UserData, digest)).await?
                && let Some(text) = UserData::from_stored(&record.value)
            {
                texts.insert(digest.clone(), text);
            }
        }
    }
    let sender = Sender { shell, settings, clouds: Clouds::new(shell, &settings.aws), texts };
    let sender = &sender;
    let sends = steps.iter().flat_map(|step| step.sends.iter().map(move |(batch, n)| (step, batch, *n)));
    let sending = sends.map(|(step, batch, n)| async move { sender.send(step, batch, n).await });
    let mut sent = stream::iter(sending).buffer_unordered(limits::CALLS_AT_ONCE_MAX);
    let mut made = 0;
    while let Some(sent) = sent.next().await {
        if let Some(sent) = sent {
            made += settle(shell, world, sent).await?;
        }
    }
    Ok(made)
}

struct Sender<'s, 'e, E: Effects> {
    shell: &'s Shell<'e, E>,
    settings: &'s ScaleupSettings,
    clouds: Clouds<'s, 'e, E>,
    texts: Texts,
}

impl<E: Effects> Sender<'_, '_, E> {
    async fn send(&self, step: &Step, batch: &BatchId, n: u32) -> Option<Sent> {
        // A launch that could not end before the deadline is not begun: the try stays open, and anyone repeats it.
        if is_too_late(self.shell) {
            return None;
        }
        let known = step.class.batch(batch)?;
        let attempt = known.try_of(n)?;
        let place = known.place(attempt).cloned();
        let Some(user_data) = self.texts.get(&known.template.user_data) else {
            self.shell.error("the user data of a batch is lost", json!({ "batch.id": batch.as_str() }));
            return None;
        };
        let claim_keys = &self.settings.claim_keys;
        let reply = self
            .clouds
            .launch(Launch { class: &step.key, batch: known, attempt, user_data, claim_keys })
            .await;
        Some(Sent { class: step.key.clone(), batch: batch.clone(), n, place, reply })
    }
}

/// Writes what came of a try: into the class, then the instances' records, then the health of its place.
async fn settle<E: Effects>(shell: &Shell<'_, E>, world: &mut World, sent: Sent) -> Result<usize, Failure> {
    let Sent { class: key, batch, n, place, reply } = sent;
    let now = shell.now();
    let after = shell
        .update::<Class>(&Class::key(&key), |known| {
            let before = known?;
            let after = decide::settle(before, &batch, n, &reply, now);
            (after != *before).then_some(after)
        })
        .await?;
    let Some(class) = after else { return Ok(0) };
    world.reread_class(shell, &key).await?;
    log_reply(shell, &class, &batch, n, place.as_ref(), &reply);
    let mut made = 0;
    if let Reply::Launched { live, .. } = &reply {
        for instance in live {
            if let Some(record) = decide::instance_of(&class, &batch, n, instance) {
                made += usize::from(record_instance(shell, world, record).await?);
            }
        }
    }
    if let Some(place) = place {
        let is_doubtful = class.batch(&batch).and_then(|b| b.try_of(n)).is_some_and(|t| t.is_doubtful);
        mark_health(shell, world, &place, &reply, is_doubtful).await?;
    }
    Ok(made)
}

/// Makes an instance's record unless it has one.
///
/// # Errors
/// [`Failure`].
pub async fn record_instance<E: Effects>(
    shell: &Shell<'_, E>,
    world: &mut World,
    record: Instance,
) -> Result<bool, Failure> {
    let key = Instance::key(&record.key);
    if world.version(&key) > 0 {
        return Ok(false);
    }
    let is_new = shell.commit(vec![put(&key, 0, &record)]).await?;
    if is_new {
        let fields = json!({ "instance.id": record.key.id, "class.key": record.class.as_str(), "offering": record.offering.key() });
        shell.info("an instance was launched", fields);
        world.wrote_instance(record);
    }
    Ok(is_new)
}

fn log_reply<E: Effects>(
    shell: &Shell<'_, E>,
    class: &Class,
    batch: &BatchId,
    n: u32,
    place: Option<&Offering>,
    reply: &Reply,
) {
    let outcome = class.batch(batch).and_then(|b| b.try_of(n)).map(|t| &t.outcome);
    let (result, reason) = match (reply, outcome) {
        (_, Some(Outcome::Refused { reason })) => ("refused", Some(reason.code())),
        (Reply::Launched { .. }, _) => ("launched", None),
        (Reply::Refused(reason), Some(Outcome::Unknown { .. })) => ("unknown", Some(reason.code())),
        (Reply::Unknown, _) => ("unknown", None),
        (Reply::Mismatch, _) => ("mismatch", None),
        (Reply::Refused(reason), _) => ("refused", Some(reason.code())),
    };
    let fields = json!({
        "batch.id": batch.as_str(), "try": n, "offering": place.map(Offering::key), "result": result, "reason": reason,
    });
    shell.info("a launch was answered", fields);
}

async fn mark_health<E: Effects>(
    shell: &Shell<'_, E>,
    world: &mut World,
    place: &Offering,
    reply: &Reply,
    is_doubtful: bool,
) -> Result<(), Failure> {
    let region = (place.cloud, place.region.clone());
    let now = shell.now();
    let known = world.health.get(&region).cloned().unwrap_or_default();
    if decide::health_after(&known, place, reply, is_doubtful, now).is_none() {
        return Ok(());
    }
    let after = shell
        .update::<OfferingHealth>(&OfferingHealth::key((place.cloud, &place.region)), |known| {
            let before = known.cloned().unwrap_or_default();
            decide::health_after(&before, place, reply, is_doubtful, now)
        })
        .await?;
    if let Some(after) = after {
        world.health.insert(region, after);
    }
    Ok(())
}
