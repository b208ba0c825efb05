//! The steps of instances: they claim, are looked at, and report. Each is applied as registrar would.

use jit_domain::decide::registrar::{self, AfterLook, Claim, Contact, Registration};
use jit_domain::ids::{JobId, RunnerId};
use jit_domain::instance::{Instance, InstancePhase, Mint};
use jit_domain::reason::Reason;

use crate::world::{World, instance_key, stage};
use crate::{show, world};

/// An instance claims; with `config`, it gets its JIT config at once and is claimed after it, else it stays `minting`.
pub(crate) fn claim(world: &mut World, id: &str, config: Option<u64>) -> String {
    let mut instance = world.instances[&instance_key(id)].clone();
    instance.claimed_at.get_or_insert(world.now);
    instance.booted_at.get_or_insert(world.now);
    let decision = world.decide(|o| registrar::claim(o, &instance, "jit"));
    let told = match decision {
        Claim::Permit { candidates, mint } => {
            let taken = candidates[0];
            let job = world.jobs.get_mut(&taken).expect("a job of the scenario");
            job.permit = Some(instance.key.clone());
            instance.permit = Some(taken);
            let text = format!("permit on one of {}, {}", jobs(&candidates), show::mint(&mint));
            register(&mut instance, mint, config);
            text
        }
        Claim::Mint(mint) => {
            let text = show::mint(&mint);
            register(&mut instance, mint, config);
            text
        }
        Claim::Wait { wait_s } => {
            instance.waiting_since.get_or_insert(world.now);
            format!("202, ask again in {wait_s} s")
        }
        Claim::Later { retry_after_s } => format!("503, ask again in {retry_after_s} s"),
        Claim::Resolve { lost, next } => {
            let next_text = next.as_ref().map_or("retire".to_owned(), show::mint);
            match next {
                Some(mint) => register(&mut instance, mint, config),
                None => instance = instance.retired(world.now, Reason::MintsExhausted),
            }
            format!("delete what is named {}, then {next_text}", lost.name)
        }
        Claim::Look(mint) => format!("ask GitHub about {}", mint.name),
        Claim::Connected => "409, connected".into(),
        Claim::Gone(reason) => {
            instance = instance.retired(world.now, reason.clone());
            format!("410: {}", show::reason(&reason))
        }
    };
    let line = format!("{id} claims: {told}");
    world.instances.insert(instance.key.clone(), instance);
    line
}

fn register(instance: &mut Instance, mint: Mint, config: Option<u64>) {
    let runner = config.map(RunnerId);
    instance.phase = if runner.is_some() { InstancePhase::Claimed } else { InstancePhase::Minting };
    instance.mints.push(Mint { runner, ..mint });
}

fn jobs(ids: &[JobId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// What GitHub says of the registration decides about a second claim.
pub(crate) fn look(world: &mut World, id: &str, seen: &str) -> String {
    let runner = RunnerId(71);
    let registration = match seen {
        "not_listed" => Registration::NotListed,
        "connected" => Registration::Listed { runner, contact: Contact::Connected },
        "never" => Registration::Listed { runner, contact: Contact::Never },
        other => panic!("no view of a registration: {other}"),
    };
    let mut instance = world.instances[&instance_key(id)].clone();
    let told = match registrar::after_look(&instance, registration, "jit", world.now) {
        AfterLook::Connected => "409, connected".to_owned(),
        AfterLook::Spent => {
            instance = instance.retired(world.now, Reason::RegistrationSpent);
            "410, spent".to_owned()
        }
        AfterLook::Exhausted => {
            instance = instance.retired(world.now, Reason::MintsExhausted);
            "410, too many registrations".to_owned()
        }
        AfterLook::Again { delete, mint } => {
            let text = format!("delete runner {delete}, then {}", show::mint(&mint));
            register(&mut instance, mint, Some(delete.0 + 1));
            text
        }
    };
    world.instances.insert(instance.key.clone(), instance);
    format!("{id} is {seen}: {told}")
}

/// An instance reports a stage.
pub(crate) fn report(world: &mut World, id: &str, word: &str) -> String {
    let known = &world.instances[&instance_key(id)];
    let Some(after) = registrar::report(known, stage(word), world.now) else {
        return format!("{id} reports {word}: one too many");
    };
    let furthest = after.stage.map_or("none", jit_domain::instance::Stage::as_str);
    let booted = after.booted_at.map_or("never".to_owned(), show::time);
    let line = format!("{id} reports {word}: stage {furthest}, booted {booted}, {} reports", after.reports);
    world.instances.insert(world::instance_key(id), after);
    line
}
