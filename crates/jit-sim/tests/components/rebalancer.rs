//! rebalancer: what events do not tell is found by asking.

use jit_fakes::github::{DeliveryFate, DeliveryRule};

use crate::stage::scene;

#[test]
fn lost_deliveries_of_start_and_end_are_found_out() {
    scene(async |stage| {
        for action in ["in_progress", "completed"] {
            let rule = DeliveryRule {
                action: Some(action.into()),
                job: None,
                times: 1,
                fate: DeliveryFate::Vanishes,
            };
            stage.world.lock().github.add_delivery_rule(rule);
        }
        stage.play();
        stage.queue(1, 90);
        stage.wait_until(5, async |s| s.completed() == 1).await;
        stage.wait_until(15, async |s| s.books().await.open() == 0).await;
        assert_eq!(stage.launched(), 1, "a job that runs is no demand");
    });
}
