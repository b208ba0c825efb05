//! webhook: each fault of a caller has its own answer, in the order that the signature demands.

use jit_github::webhook::signature::sign;
use jit_sim::world::WEBHOOK_SECRET;
use secrecy::SecretString;

use crate::stage::scene;

/// The recorded `workflow_job` payloads of @octokit/webhooks-examples; jit-fakes' tests show that Octokit signs them as we do.
const PAYLOADS: usize = 8;

#[test]
fn every_fault_of_a_caller_has_its_own_answer() {
    scene(async |stage| {
        assert_eq!(stage.send("GET", "/webhook", &[], b"").await.status(), 405);
        assert_eq!(stage.send("POST", "/webhook", &[], &vec![b'x'; (1 << 20) + 1]).await.status(), 413);
        assert_eq!(stage.send("POST", "/webhook", &[("x-github-event", "ping")], b"{}").await.status(), 401);
        assert_eq!(stage.deliver("ping", b"{}").await.status(), 200);
        assert_eq!(stage.deliver("push", b"not even JSON").await.status(), 200);
        let wrong = stage.deliver("workflow_job", br#"{"action":"queued"}"#).await;
        assert_eq!(wrong.status(), 400);
        assert!(
            String::from_utf8_lossy(wrong.body()).contains("workflow_job"),
            "the answer says what is wrong"
        );
        assert_eq!(stage.keys("q/"), 0, "nothing of this was enqueued");
    });
}

#[test]
fn github_s_own_example_payloads_are_all_answered() {
    scene(async |stage| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../jit-github/tests/payloads");
        let mut answered = 0;
        for file in std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()) {
            if file.extension().is_some_and(|e| e == "json") {
                let body = std::fs::read(&file).unwrap();
                let reply = stage.deliver("workflow_job", &body).await;
                let payload: serde_json::Value = serde_json::from_slice(&body).unwrap();
                // Jobs of others and old jobs are dropped; what comes from no App at all is a mistake in its setting up.
                let is_start = matches!(payload["action"].as_str(), Some("queued" | "waiting"));
                let expected = match (payload["installation"].is_object(), is_start) {
                    (false, _) => 400,
                    (true, true) => 200,
                    (true, false) => 202,
                };
                assert_eq!(reply.status(), expected, "{}", file.display());
                let of_another = sign(b"another body", &SecretString::from(WEBHOOK_SECRET));
                let headers =
                    [("x-github-event", "workflow_job"), ("x-hub-signature-256", of_another.as_str())];
                assert_eq!(stage.send("POST", "/webhook", &headers, &body).await.status(), 401);
                answered += 1;
            }
        }
        assert_eq!(answered, PAYLOADS);
        stage.plane.host.idle().await;
        assert_eq!(stage.launched(), 0, "no runner of ours is for any of them");
    });
}

#[test]
fn a_delivery_is_enqueued_before_it_is_answered() {
    scene(async |stage| {
        stage.queue(1, 60);
        let delivery = stage.world.lock().github.take_deliveries().remove(0);
        let reply = stage.deliver("workflow_job", &delivery.body).await;
        assert_eq!(reply.status(), 202);
        stage.plane.host.idle().await;
        assert_eq!(stage.launched(), 1, "the nudge made scaleup look at once");
        assert_eq!(stage.keys("q/"), 0);
    });
}
