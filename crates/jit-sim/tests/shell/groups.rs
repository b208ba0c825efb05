//! rebalancer's look at runner groups, and what scaleup launches while one is wider than the rules of its pool.

use jit_control::settings::Component;
use jit_domain::class::Class;
use jit_fakes::github::{GroupVisibility, PublicRepositories, Visibility};
use jit_sim::world::World;

use crate::stage::Stage;

/// A pool that serves one repository, with the runner group that the test makes.
fn stage(repositories: &[&str], public: PublicRepositories) -> Stage {
    let mut stage = Stage::new();
    let group = make_group(&mut stage.world.borrow_mut(), repositories, public);
    let serves = |text: String| {
        text.replace("repositories = []", "repositories = [\"octo-org/app\"]")
            .replace("runner_group_id = 1", &format!("runner_group_id = {group}"))
    };
    stage.configuration = stage.configuration.map(serves);
    stage
}

fn make_group(world: &mut World, repositories: &[&str], public: PublicRepositories) -> u64 {
    let (organisation, app) = (world.organisation, world.repository);
    let other = world.github.add_repository(organisation, "other", Visibility::Private);
    let id = |name: &&str| if *name == "app" { app } else { other };
    let selected = GroupVisibility::Selected(repositories.iter().map(id).collect());
    let visibility = if repositories.is_empty() { GroupVisibility::All } else { selected };
    // More groups than a page has stand before it.
    for n in 0..120 {
        let nobody = GroupVisibility::Selected([].into());
        world.github.add_runner_group(
            organisation,
            &format!("group {n}"),
            nobody,
            PublicRepositories::Refused,
        );
    }
    world.github.add_runner_group(organisation, "pool", visibility, public).0
}

#[test]
fn a_pool_whose_group_is_wider_than_its_rules_launches_nothing_more() {
    for (repositories, public, fault) in [
        (&["app"][..], PublicRepositories::Refused, None),
        (&["app", "other"][..], PublicRepositories::Refused, Some("octo-org/other")),
        (&["app"][..], PublicRepositories::Allowed, Some("public_repositories")),
        (&[][..], PublicRepositories::Refused, Some("all_repositories")),
    ] {
        let stage = stage(repositories, public);
        // The class is known once its first job is.
        assert_eq!(stage.launch(1).len(), 1);
        stage.tick(Component::Rebalancer);
        assert_eq!(stage.launch(1).len(), if fault.is_none() { 2 } else { 1 }, "{fault:?}");
        let waits = stage.open::<Class>().into_iter().filter_map(|class| class.wait);
        let told =
            waits.filter(|reason| reason.code() == "runner_group").filter_map(|reason| reason.detail());
        assert_eq!(told.collect::<Vec<_>>(), fault.into_iter().map(str::to_owned).collect::<Vec<_>>());
    }
}
