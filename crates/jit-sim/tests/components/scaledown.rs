//! scaledown: a machine that never says a word is ended.

use jit_fakes::instance::Fate;

use crate::stage::scene;

#[test]
fn an_instance_that_never_boots_is_replaced_and_swept() {
    scene(async |stage| {
        stage.world.lock().fleet.settings_mut().fates.insert(1, Fate::NeverBoots);
        stage.play();
        stage.queue(1, 60);
        stage.wait_until(20, async |s| s.completed() == 1).await;
        stage.wait_until(10, async |s| s.books().await.open() == 0).await;
        // EC2 takes a while to shut a machine down that it was told to terminate.
        stage.wait_until(2, async |s| s.world.lock().instances_live() == 0).await;
        assert_eq!(stage.launched(), 2);
    });
}
