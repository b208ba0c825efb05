//! The model as a whole: repeatable, and never two runners for a job.

use proptest::prelude::*;

use super::*;

/// A busy quarter of an hour; returns all that anybody could have seen of it.
fn play(seed: u64) -> Vec<u8> {
    let mut world = World::with(|settings| {
        settings.seed = seed;
        settings.times.delivery_delay = (SignedDuration::ZERO, SignedDuration::from_secs(20));
    });
    let mut seen = Vec::new();
    for step in 0..15 {
        world.run(vec![JobSpec::new("test", &["linux"]).matrix(3, Some(2))]);
        let answer = world.mint_answer(&format!("r{step}"), &["linux"]);
        seen.extend_from_slice(answer.reply.body());
        if let Some(config) = answer.body["encoded_jit_config"].as_str().map(str::to_owned) {
            let session = world.connect(&config).body["session"].as_str().unwrap().to_owned();
            world.work(&session, if step % 4 == 0 { "failure" } else { "success" });
        }
        world.pass(60);
        for delivery in world.github.take_deliveries() {
            seen.extend_from_slice(delivery.guid.as_bytes());
            seen.extend_from_slice(&delivery.body);
            world.github.delivered(delivery.id, Some(202), world.now);
        }
        seen.extend_from_slice(world.get("/repos/octo-org/octo-repo/actions/runs").reply.body());
    }
    seen
}

#[test]
fn one_seed_gives_the_same_bytes_and_another_seed_does_not() {
    assert_eq!(play(11), play(11));
    assert_ne!(play(11), play(12));
}

#[test]
fn a_burst_ends_with_every_job_run_once_by_its_own_runner() {
    let mut world = World::with(|settings| settings.limits.points_per_minute = u32::MAX);
    let run = world.run(vec![JobSpec::new("test", &["linux"]).matrix(200, None)]);
    let sessions = (0..200).map(|n| world.runner(&format!("r{n}"), &["linux"]).1).collect::<Vec<_>>();
    let jobs = sessions.iter().filter_map(|session| world.work(session, "success")).collect::<BTreeSet<_>>();
    assert_eq!(jobs.len(), 200);
    let runners = world.jobs_of(run).iter().filter_map(|job| job.ran_on).collect::<BTreeSet<_>>();
    assert_eq!(runners.len(), 200);
    assert_eq!((world.github.runners_live(), world.github.jobs_available()), (0, 0));
    assert_eq!(world.github.run(run).unwrap().conclusion, Some(Conclusion::Success));
}

#[test]
fn time_does_not_go_backwards() {
    let mut world = World::new();
    world.pass(100);
    world.now = start();
    world.one_job(&["linux"]);
    assert_eq!(world.payloads()[0]["workflow_job"]["created_at"], "2026-11-21T12:01:40Z");
}

/// What may happen at any moment.
#[derive(Clone, Debug)]
enum Step {
    Run { legs: u32, width: u32 },
    Mint,
    Connect(usize),
    Poll(usize),
    Start(usize),
    Finish(usize, bool),
    Cancel(usize),
    Rerun(usize),
    Delete(usize),
    Pass(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        (1_u32..4, 1_u32..3).prop_map(|(legs, width)| Step::Run { legs, width }),
        Just(Step::Mint),
        (0_usize..8).prop_map(Step::Connect),
        (0_usize..8).prop_map(Step::Poll),
        (0_usize..8).prop_map(Step::Start),
        (0_usize..8, any::<bool>()).prop_map(|(n, well)| Step::Finish(n, well)),
        (0_usize..4).prop_map(Step::Cancel),
        (0_usize..4).prop_map(Step::Rerun),
        (0_usize..8).prop_map(Step::Delete),
        prop_oneof![1_i64..20, 40_i64..70, 500_i64..900].prop_map(Step::Pass),
    ];
    proptest::collection::vec(one, 1..60)
}

fn take(world: &mut World, step: &Step, configs: &mut Vec<(RunnerId, String)>, sessions: &mut Vec<String>) {
    let session = |n: &usize| sessions.get(*n % sessions.len().max(1)).cloned().unwrap_or_default();
    match step {
        Step::Run { legs, width } => {
            world.run(vec![
                JobSpec::new("test", &["linux"]).matrix(*legs, Some(*width)),
                JobSpec::new("ship", &["linux"])
                    .after(&["test"])
                    .in_concurrency_group("ship", Others::Finish),
            ]);
        }
        Step::Mint => configs.push(world.mint(&format!("r{}", configs.len()), &["linux"])),
        Step::Connect(n) => {
            let Some((_, config)) = configs.get(*n).cloned() else { return };
            let answer = world.connect(&config);
            sessions.extend(answer.body["session"].as_str().map(str::to_owned));
        }
        Step::Poll(n) => drop(world.poll(&session(n))),
        Step::Start(n) => drop(world.started(&session(n))),
        Step::Finish(n, well) => drop(world.finished(&session(n), if *well { "success" } else { "failure" })),
        Step::Cancel(n) => {
            let run = world.github.runs().nth(*n).map(|run| run.id);
            run.map(|run| world.github.cancel(world.now, run));
        }
        Step::Rerun(n) => {
            let Some(run) = world.github.runs().nth(*n).map(|run| run.id) else { return };
            world.call(
                "POST",
                &format!("/repos/octo-org/octo-repo/actions/runs/{run}/rerun-failed-jobs"),
                None,
            );
        }
        Step::Delete(n) => {
            let Some((id, _)) = configs.get(*n).cloned() else { return };
            world.call("DELETE", &format!("/orgs/octo-org/actions/runners/{id}"), None);
        }
        Step::Pass(seconds) => world.pass(*seconds),
    }
}

fn check(world: &World) {
    for runner in world.github.runners() {
        let has = world.github.jobs().filter(|job| job.phase.runner() == Some(runner.id)).collect::<Vec<_>>();
        assert!(has.len() <= 1, "{runner:?} has {has:?}");
        assert_eq!(runner.job, has.first().map(|job| job.id), "{runner:?}");
        let ran = world.github.jobs().filter(|job| job.ran_on == Some(runner.id)).count();
        assert!(ran <= 1, "{runner:?} ran {ran} jobs");
        assert!(runner.removed.is_none() || !runner.online);
    }
    for run in world.github.runs() {
        let open = |job: &JobId| world.github.job(*job).unwrap().completed_at.is_none();
        assert!(run.conclusion.is_none() || !run.jobs.iter().any(open), "{run:?}");
        let legs = run.jobs.iter().filter_map(|job| world.github.job(*job));
        let taken = legs.filter(|job| {
            job.name.starts_with("test")
                && matches!(job.phase, Phase::Queued | Phase::Assigned(_) | Phase::InProgress(_))
        });
        assert!(taken.count() <= 2, "max-parallel: {run:?}");
    }
    let shipping = world.github.jobs().filter(|job| {
        job.name == "ship" && matches!(job.phase, Phase::Queued | Phase::Assigned(_) | Phase::InProgress(_))
    });
    assert!(shipping.count() <= 1, "concurrency group");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn whatever_happens_the_rules_hold_and_in_the_end_nothing_is_left(steps in steps()) {
        let mut world = World::with(|settings| {
            settings.limits.points_per_minute = u32::MAX;
            settings.times.token_life = SignedDuration::from_hours(1_000);
        });
        let (mut configs, mut sessions) = (Vec::new(), Vec::new());
        for step in &steps {
            take(&mut world, step, &mut configs, &mut sessions);
            check(&world);
        }
        for _ in 0..40 {
            world.pass(24 * 3_600);
        }
        check(&world);
        prop_assert_eq!(world.github.runners_live(), 0);
        prop_assert!(world.github.runs().all(|run| run.conclusion.is_some()));
    }
}
