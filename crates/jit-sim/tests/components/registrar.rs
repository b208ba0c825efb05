//! registrar: nobody gets a JIT config without a token and an identity.

use jit_fakes::github::{FaultEffect, FaultRule, Operation};
use serde_json::json;

use crate::stage::scene;

#[test]
fn a_claim_without_a_right_token_gets_nothing() {
    scene(async |stage| {
        assert_eq!(stage.send("GET", "/v1/claim", &[], b"").await.status(), 405);
        assert_eq!(stage.send("POST", "/v1/claim", &[], b"{").await.status(), 400);
        let claim = json!({ "v": 1, "token": "jr1.e30.AAAA", "cloud": "aws", "instance_id": "i-0123456789abcdef0",
            "identity": { "region": "us-east-1", "headers": {} } });
        assert_eq!(stage.send("POST", "/v1/claim", &[], claim.to_string().as_bytes()).await.status(), 401);
        let report = json!({ "v": 1, "token": "x", "instance_id": "i-0123456789abcdef0", "stage": "booted" });
        assert_eq!(stage.send("POST", "/v1/report", &[], report.to_string().as_bytes()).await.status(), 401);
        assert_eq!(stage.world.lock().github.runners().count(), 0);
    });
}

#[test]
fn a_right_token_without_the_instance_s_identity_gets_nothing() {
    scene(async |stage| {
        stage.queue(1, 60);
        let delivery = stage.world.lock().github.take_deliveries().remove(0);
        stage.deliver("workflow_job", &delivery.body).await;
        stage.plane.host.idle().await;
        let (id, token) = {
            let world = stage.world.lock();
            let instance = world.aws.instances().next().unwrap();
            let text = String::from_utf8_lossy(instance.user_data()).into_owned();
            let token = text
                .lines()
                .find_map(|l| l.strip_prefix("JIT_BOOT_TOKEN='"))
                .unwrap()
                .trim_end_matches('\'')
                .to_owned();
            (instance.id.clone(), token)
        };
        let claim = json!({ "v": 1, "token": token, "cloud": "aws", "instance_id": id,
            "identity": { "region": "us-east-1", "headers": {} } });
        assert_eq!(stage.send("POST", "/v1/claim", &[], claim.to_string().as_bytes()).await.status(), 403);
        assert_eq!(stage.world.lock().github.runners().count(), 0);
    });
}

#[test]
fn health_is_well_once_every_schedule_has_run() {
    scene(async |stage| {
        assert_eq!(stage.send("GET", "/healthz", &[], b"").await.status(), 503);
        stage.play();
        stage.wait_until(6, async |s| s.send("GET", "/healthz", &[], b"").await.status() == 200).await;
    });
}

#[test]
fn a_registration_that_a_limit_refused_counts_for_nothing() {
    scene(async |stage| {
        let too_fast =
            FaultRule { times: 4, ..FaultRule::next(Operation::GenerateJitConfig, FaultEffect::TooFast(20)) };
        stage.world.lock().github.add_fault(too_fast);
        stage.play();
        stage.queue(1, 60);
        stage.wait_until(15, async |s| s.completed() == 1).await;
        let world = stage.world.lock();
        assert_eq!(
            world.aws.instances().count(),
            1,
            "its instance waited, although more refusals came than it has mints"
        );
        let names: Vec<String> = world.github.runners().map(|runner| runner.name).collect();
        assert!(matches!(&names[..], [name] if name.ends_with("-1")), "{names:?}");
    });
}
