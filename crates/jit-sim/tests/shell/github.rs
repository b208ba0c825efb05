//! The way to GitHub: how often it is asked for a token, with which permissions, and that what has not changed is neither sent
//! nor written again.

use std::collections::BTreeMap;

use jit_control::effects::Effects as _;
use jit_control::github::{GitHub, GitHubError, Priority, RunJobs, Runners};
use jit_control::settings::{Component, Settings};
use jit_control::shell::Shell;
use jit_control::stored::{SealedToken, Stored as _};
use jit_control::time::jiff_time;
use jit_domain::class::Scope;
use jit_domain::ids::{InstallationId, Login, RepositoryName, RunId};
use jit_domain::job::Job;
use jit_fakes::github::RunId as RunAtGitHub;
use jit_sim::world::ORGANISATION;
use serde_json::{Value, json};

use crate::stage::Stage;

/// How many runners a component lists, asked for in an invocation of its own.
pub(crate) fn runners(stage: &Stage, component: Component) -> usize {
    ask(stage, component, Priority::Jit).unwrap().listed.len()
}

/// The same with another priority; what GitHub, or the budget, said.
fn ask(stage: &Stage, component: Component, priority: Priority) -> Result<Runners, GitHubError> {
    let installation = InstallationId(stage.world.borrow().installation.0);
    let effects = stage.effects.another();
    let shell = Shell::new(&effects, component, stage.policy(), None).expect("records are here");
    let settings = Settings::read(component, |name| stage.variables.get(name).cloned()).unwrap();
    let github = GitHub::new(&shell, settings.github().unwrap(), priority).unwrap();
    let scope = Scope::Organisation(Login::new(ORGANISATION));
    effects.run(github.runners(installation, &scope, None)).unwrap()
}

/// What GitHub says of a run, and whether that is noted as known.
pub(crate) fn jobs(stage: &Stage, run: RunAtGitHub, note: bool) -> Option<usize> {
    let installation = InstallationId(stage.world.borrow().installation.0);
    let effects = stage.effects.another();
    let shell = Shell::new(&effects, Component::Rebalancer, stage.policy(), None).expect("records are here");
    let settings = Settings::read(Component::Rebalancer, |name| stage.variables.get(name).cloned()).unwrap();
    let github = GitHub::new(&shell, settings.github().unwrap(), Priority::Jit).unwrap();
    let repository = RepositoryName::parse("octo-org/app").unwrap();
    let answer = effects.run(github.jobs_of_run(installation, &repository, RunId(run.0))).unwrap().unwrap();
    answer.map(|RunJobs { jobs, mark }| {
        if note {
            assert!(effects.run(shell.commit(mark.into_iter().collect())).unwrap().unwrap());
        }
        jobs.len()
    })
}

/// The permissions of each token asked for so far.
pub(crate) fn tokens(stage: &Stage) -> Vec<Value> {
    let sent = stage.sent.borrow();
    let asked = sent.iter().filter(|sent| sent.path.ends_with("/access_tokens"));
    asked.map(|sent| serde_json::from_str::<Value>(&sent.body).unwrap()["permissions"].clone()).collect()
}

/// All that is kept, but for the counters of GitHub's points.
fn records(stage: &Stage) -> BTreeMap<String, Option<Vec<u8>>> {
    let keys =
        stage.effects.keys().into_iter().filter(|key| !key.starts_with("c/") && !key.starts_with("x/"));
    keys.map(|key| (key.clone(), stage.effects.value(&key))).collect()
}

#[test]
fn a_token_is_asked_for_once_until_its_last_five_minutes() {
    let stage = Stage::new();
    for (seconds, tokens_asked) in [(0, 1), (0, 1), (3_299, 1), (1, 2), (3_299, 2), (1, 3)] {
        stage.wait(seconds);
        runners(&stage, Component::Registrar);
        let elapsed = jiff_time(stage.effects.now());
        assert_eq!(tokens(&stage).len(), tokens_asked, "at {elapsed}");
    }
}

#[test]
fn each_function_has_a_token_of_its_own_for_each_need_and_no_more_rights_than_that() {
    let stage = Stage::new();
    let run = stage.queue(1);
    let listing = json!({ "organization_self_hosted_runners": "write" });
    let asking = json!({ "actions": "read" });
    for _ in 0..2 {
        runners(&stage, Component::Registrar);
        runners(&stage, Component::Rebalancer);
        jobs(&stage, run, false);
    }
    assert_eq!(tokens(&stage), [listing.clone(), listing, asking]);
}

#[test]
fn a_kept_token_is_sealed() {
    let stage = Stage::new();
    runners(&stage, Component::Registrar);
    let installation = InstallationId(stage.world.borrow().installation.0);
    let effects = stage.effects.another();
    let shell = Shell::new(&effects, Component::Registrar, stage.policy(), None).expect("records are here");
    let key = SealedToken::key(("registrar-organisation", installation));
    let kept = effects.run(shell.read::<SealedToken>(&key)).unwrap().unwrap().unwrap().value.sealed;
    let shows = |bytes: &[u8]| bytes.windows(4).any(|four| four == b"ghs_");
    assert!(kept.len() > 40 && !shows(&kept), "it is kept, and not in clear");
    for key in stage.effects.keys() {
        assert!(!shows(&stage.effects.value(&key).unwrap_or_default()), "{key}");
    }
    assert!(!shows(stage.effects.logged().concat().as_bytes()), "{:?}", stage.effects.logged());
}

#[test]
fn a_token_that_another_key_has_sealed_is_asked_for_anew() {
    let mut stage = Stage::new();
    runners(&stage, Component::Registrar);
    let pem = stage.variables["github_private_key"].clone();
    stage.variables.insert("github_private_key".to_owned(), format!("{pem}\n"));
    runners(&stage, Component::Registrar);
    assert_eq!(tokens(&stage).len(), 2);
}

#[test]
fn a_token_that_github_no_longer_takes_is_asked_for_anew() {
    let stage = Stage::new();
    runners(&stage, Component::Registrar);
    stage.world.borrow_mut().github.revoke_tokens();
    let refused = ask(&stage, Component::Registrar, Priority::Jit).unwrap_err();
    assert!(matches!(refused, GitHubError::Refused(jit_github::Error::Unauthorized(_))), "{refused}");
    assert_eq!(tokens(&stage).len(), 1);
    runners(&stage, Component::Registrar);
    assert_eq!(tokens(&stage).len(), 2);
    runners(&stage, Component::Registrar);
    assert_eq!(tokens(&stage).len(), 2, "the new one is kept");
}

#[test]
fn all_functions_share_the_points_of_their_app_and_a_mint_is_the_last_to_wait() {
    let stage = Stage::new();
    // Truth may spend six tenths of 900 points a minute, whoever spent them.
    for spent in 0.. {
        if ask(&stage, Component::Rebalancer, Priority::Truth).is_err() {
            assert!((1..540).contains(&spent), "{spent} requests");
            break;
        }
        for _ in 0..50 {
            ask(&stage, Component::Registrar, Priority::Jit).unwrap();
        }
    }
    let told = |priority| ask(&stage, Component::Rebalancer, priority).map(|runners| runners.listed.len());
    assert!(matches!(told(Priority::Truth), Err(GitHubError::Budget { .. })));
    assert!(matches!(told(Priority::Cleanup), Err(GitHubError::Budget { .. })));
    ask(&stage, Component::Registrar, Priority::Jit).unwrap();
    stage.wait(80);
    assert_eq!(told(Priority::Cleanup).unwrap(), 0, "a minute later the points are there again");
}

#[test]
fn a_run_that_has_not_changed_is_neither_sent_nor_written_again() {
    let stage = Stage::new();
    let run = stage.queue(2);
    let statuses = || {
        let sent = stage.sent.borrow();
        let asked = sent.iter().filter(|sent| sent.path.ends_with("/jobs"));
        asked.map(|sent| sent.status.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(jobs(&stage, run, false), Some(2));
    assert_eq!(jobs(&stage, run, true), Some(2), "what was not noted is told again");
    let before = records(&stage);
    assert_eq!(jobs(&stage, run, true), None);
    assert_eq!(statuses(), [200, 200, 304]);
    assert_eq!(records(&stage), before, "nothing was written");
    let now = jiff_time(stage.effects.now());
    assert!(stage.world.borrow_mut().github.cancel(now, run));
    assert_eq!(jobs(&stage, run, true), Some(2), "a change is told");
}

#[test]
fn a_pass_over_a_run_that_has_not_changed_notes_only_that_it_asked() {
    let stage = Stage::new();
    stage.launch(1);
    stage.wait(121);
    stage.tick(Component::Rebalancer);
    let before = stage.open::<Job>().remove(0);
    stage.wait(121);
    stage.tick(Component::Rebalancer);
    let after = stage.open::<Job>().remove(0);
    let asked: Vec<Option<u16>> =
        stage.sent.borrow().iter().filter(|s| s.path.ends_with("/jobs")).map(|s| s.status).collect();
    assert_eq!(asked, [Some(200), Some(304)]);
    assert!(before.asked_at < after.asked_at, "{before:?} {after:?}");
    assert_eq!(Job { asked_at: before.asked_at, ..after }, before);
}
