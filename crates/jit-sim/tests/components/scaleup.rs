//! scaleup: launches what is missing, once, however often it is asked.

use jit_fakes::cloud::Fault;

use crate::stage::scene;

const TOKEN: &str = "cron-token-of-a-world";

#[test]
fn each_cron_route_takes_its_token_as_bearer_or_parameter_and_no_other_and_shows_none() {
    scene(async |stage| {
        let bearer = format!("Bearer {TOKEN}");
        for function in ["scaleup", "lifecycle", "scaledown", "rebalancer"] {
            let path = format!("/cron/{function}");
            let wrong = [("authorization", "Bearer cron-token-of-another")];
            for (method, path, headers, status) in [
                ("GET", path.clone(), &[][..], 401),
                ("GET", format!("{path}?t=cron-token-of-another"), &[], 401),
                ("POST", path.clone(), &wrong, 401),
                ("DELETE", path.clone(), &[], 405),
                ("GET", format!("{path}?t={TOKEN}"), &[], 200),
                ("POST", path.clone(), &[("authorization", &bearer)], 200),
            ] {
                let reply = stage.send(method, &path, headers, b"").await;
                assert_eq!(reply.status(), status, "{method} {path}");
                assert!(!String::from_utf8_lossy(reply.body()).contains("cron-token"), "{method} {path}");
            }
        }
        let nudge = stage.send("POST", "/nudge", &[], b"").await;
        assert_eq!(nudge.status(), 404, "the nudge is not for the outside");
        let said = stage.said();
        assert!(said.len() >= 4, "the functions say something: {said:?}");
        assert!(!said.iter().any(|line| line.contains("cron-token")), "{said:?}");
    });
}

#[test]
fn doubled_deliveries_and_repeated_ticks_launch_once() {
    scene(async |stage| {
        stage.queue(3, 60);
        let deliveries = stage.world.lock().github.take_deliveries();
        for delivery in deliveries.iter().chain(&deliveries) {
            assert_eq!(stage.deliver("workflow_job", &delivery.body).await.status(), 202);
        }
        stage.plane.host.idle().await;
        for _ in 0..3 {
            assert_eq!(stage.send("GET", &format!("/cron/scaleup?t={TOKEN}"), &[], b"").await.status(), 200);
        }
        assert_eq!(stage.launched(), 3);
    });
}

#[test]
fn a_launch_without_an_answer_is_given_up_by_the_components_own_clock_and_repeated() {
    scene(async |stage| {
        stage.world.lock().aws.faults.on_next("RunInstances", 1, Fault::LostReply);
        stage.play();
        stage.queue(1, 60);
        stage.wait_until(5, async |s| s.completed() == 1).await;
        stage.wait_until(5, async |s| s.books().await.open() == 0).await;
        assert_eq!(stage.launched(), 1, "the repeated request is the same");
        // A component that cannot end its own wait is ended by the host, which is a fault.
        assert_eq!(stage.faults(), Vec::<String>::new());
    });
}
