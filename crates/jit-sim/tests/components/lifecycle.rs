//! lifecycle: a job that ended leaves nothing behind.

use crate::stage::scene;

#[test]
fn after_the_last_job_nothing_is_left() {
    scene(async |stage| {
        stage.play();
        stage.queue(3, 60);
        stage.wait_until(5, async |s| s.completed() == 3).await;
        stage.wait_until(3, async |s| s.books().await.open() == 0).await;
        let world = stage.world.lock();
        assert_eq!((world.instances_live(), world.github.runners_live()), (0, 0));
        assert_eq!(world.aws.instances().count(), 3, "three jobs, three instances");
    });
}
