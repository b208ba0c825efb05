//! Admission from the deliveries of a matrix to its instances: what is launched before its workflow file is read, after it, and
//! without the right to read it; and who is to look next.

use http::StatusCode;
use jit_control::entry::{NEXT_HEADER, NUDGE_PATH};
use jit_control::settings::Component;
use jit_domain::group::{Group, Width};
use jit_fakes::github::Level;

use crate::stage::{Stage, post};

fn instances(stage: &Stage) -> usize {
    stage.world.borrow().aws.instances().count()
}

fn width(stage: &Stage) -> Option<Width> {
    stage.open::<Group>().first().map(|group| group.width)
}

/// Nudges a function. Whom it names.
fn nudge(stage: &Stage, component: Component) -> Option<String> {
    let reply = stage.call(component, Some(post(NUDGE_PATH, Vec::new())));
    assert_eq!(reply.status(), StatusCode::OK);
    reply.headers().get(NEXT_HEADER).map(|next| next.to_str().unwrap().to_owned())
}

#[test]
fn the_workflow_file_says_for_how_many_jobs_is_launched() {
    for (legs, max_parallel, launched) in [(6, Some(1), 1), (6, Some(2), 2), (6, None, 6)] {
        let stage = Stage::new();
        stage.queue_matrix(legs, max_parallel);
        stage.deliver();
        assert_eq!(nudge(&stage, Component::Scaleup).as_deref(), Some("lifecycle"), "who may ask GitHub");
        assert_eq!(instances(&stage), 1, "one can never be wrong");
        let next = nudge(&stage, Component::Lifecycle);
        assert_eq!(next.is_some(), launched > 1, "scaleup, if there is something to launch");
        assert_eq!(width(&stage), Some(Width::Known(max_parallel.unwrap_or(legs))));
        assert_eq!(nudge(&stage, Component::Scaleup), None);
        assert_eq!(instances(&stage), launched, "max-parallel {max_parallel:?}");
    }
}

#[test]
fn a_file_that_the_app_may_not_read_is_asked_for_once_and_its_matrix_is_probed() {
    let stage = Stage::new();
    let permissions = [("organization_self_hosted_runners", Level::Write), ("actions", Level::Read)];
    let installation = stage.world.borrow().installation;
    stage.world.borrow_mut().github.set_permissions(installation, &permissions);
    stage.queue_matrix(9, Some(1));
    stage.deliver();
    stage.tick(Component::Scaleup);
    stage.tick(Component::Lifecycle);
    assert_eq!(width(&stage), Some(Width::Unknown));
    let asked = stage.sent.borrow().len();
    stage.tick(Component::Lifecycle);
    assert!(stage.sent.borrow()[asked..].iter().all(|sent| !sent.path.contains("access_tokens")));
    stage.tick(Component::Scaleup);
    assert_eq!(instances(&stage), 4, "the first probe");
}

#[test]
fn an_outage_of_github_is_waited_out() {
    let stage = Stage::new();
    stage.queue_matrix(9, Some(2));
    stage.deliver();
    stage.tick(Component::Scaleup);
    stage.world.borrow_mut().github.add_fault(jit_fakes::github::FaultRule {
        operation: None,
        path: None,
        skip: 0,
        times: 1,
        effect: jit_fakes::github::FaultEffect::Fails(502),
    });
    stage.tick(Component::Lifecycle);
    assert!(matches!(width(&stage), Some(Width::Awaited { asked_at: Some(_) })));
    stage.tick(Component::Lifecycle);
    assert!(matches!(width(&stage), Some(Width::Awaited { .. })), "not at once");
    stage.wait(10);
    stage.tick(Component::Lifecycle);
    assert_eq!(width(&stage), Some(Width::Known(2)));
}
