//! Who may become a role, for how long, and what its session may do.

use std::sync::LazyLock;

use jwt_simple::prelude::{Claims, Duration, RS256KeyPair, RSAKeyPairLike as _, UnixTimeStamp};

use super::*;

const ARN: &str = "arn:aws:iam::123456789012:role/jit/scaleup";
static PROVIDER: LazyLock<RS256KeyPair> = LazyLock::new(|| RS256KeyPair::generate(2048).unwrap());
static STRANGER: LazyLock<RS256KeyPair> = LazyLock::new(|| RS256KeyPair::generate(2048).unwrap());

fn with_role() -> World {
    let mut world = world();
    let provider = Provider {
        issuer: "https://oidc.example.com".into(),
        audience: "sts.amazonaws.com".into(),
        subject: "system:serviceaccount:jit:scaleup".into(),
        public_key_pem: PROVIDER.public_key().to_pem().unwrap(),
    };
    let role =
        Role::new("scaleup", &["ec2:DescribeInstances"]).trusting("operator").trusting_provider(provider);
    world.aws.add_role(role);
    world
}

fn assume(world: &mut World, more: &[(&str, &str)]) -> Reply {
    let mut all = vec![("Action", "AssumeRole"), ("Version", "2011-06-15")];
    all.extend_from_slice(more);
    for (name, value) in [("RoleArn", ARN), ("RoleSessionName", "scaleup")] {
        if !more.iter().any(|(given, _)| *given == name) {
            all.push((name, value));
        }
    }
    let request = world.signed("sts", EAST, &all);
    world.send(request)
}

/// The provider's token, as it is unless `change` says otherwise.
fn token(world: &World, by: &RS256KeyPair, audience: &str, subject: &str) -> String {
    let now = u64::try_from(world.now.as_second()).unwrap();
    let mut claims = Claims::create(Duration::from_mins(10))
        .with_issuer("https://oidc.example.com")
        .with_audience(audience)
        .with_subject(subject);
    claims.issued_at = Some(UnixTimeStamp::from_secs(now));
    claims.invalid_before = None;
    claims.expires_at = Some(UnixTimeStamp::from_secs(now + 600));
    by.sign(claims).unwrap()
}

fn genuine(world: &World) -> String {
    token(world, &PROVIDER, "sts.amazonaws.com", "system:serviceaccount:jit:scaleup")
}

fn show(world: &mut World, token: &str, arn: &str) -> Reply {
    let request = request(
        "sts.us-east-1.amazonaws.com",
        &[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", arn),
            ("RoleSessionName", "scaleup"),
            ("DurationSeconds", "900"),
            ("WebIdentityToken", token),
        ],
    );
    world.send(request)
}

/// The credentials of a reply.
fn credentials(reply: &Reply) -> RoleCredentials {
    assert_eq!(reply.status, 200, "{}", reply.body);
    key(reply.one("AccessKeyId"), reply.one("SecretAccessKey"), reply.one("SessionToken"))
}

#[test]
fn a_session_may_do_what_its_role_may_and_nothing_else_until_it_ends() {
    let mut world = with_role();
    let reply = assume(&mut world, &[("DurationSeconds", "900")]);
    assert_eq!(reply.one("Expiration"), "2026-03-01T12:15:00Z");
    assert_eq!(reply.one("Arn"), "arn:aws:sts::123456789012:assumed-role/scaleup/scaleup");
    world.key = credentials(&reply);
    assert_eq!(world.ec2("DescribeInstances", &[]).status, 200);
    assert_eq!(
        world.ec2("TerminateInstances", &[("InstanceId.1", "i-01234567")]).error().1,
        "UnauthorizedOperation"
    );
    assert_eq!(world.sts().one("Arn"), "arn:aws:sts::123456789012:assumed-role/scaleup/scaleup");
    world.pass(900);
    assert_eq!(world.ec2("DescribeInstances", &[]).error(), (400, "RequestExpired"));
    let request = world.signed("sts", EAST, &[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]);
    assert_eq!(world.send(request).error(), (403, "ExpiredToken"));
}

#[test]
fn a_role_trusts_only_whom_it_names_and_only_its_own_arn() {
    let mut world = with_role();
    let other = [("RoleArn", "arn:aws:iam::123456789012:role/other")];
    assert_eq!(assume(&mut world, &other).error(), (403, "AccessDenied"));
    let elsewhere = [("RoleArn", "arn:aws:iam::210987654321:role/scaleup")];
    assert_eq!(assume(&mut world, &elsewhere).error(), (403, "AccessDenied"));
    world.key = credentials(&assume(&mut world, &[]));
    assert_eq!(assume(&mut world, &[]).error(), (403, "AccessDenied"), "a session does not chain");
    world.aws.add_principal(Principal::new("stranger", "AKIASTRANGER", "s".into(), &["sts:AssumeRole"]));
    world.key = key("AKIASTRANGER", "s", "");
    assert_eq!(assume(&mut world, &[]).error(), (403, "AccessDenied"));
}

#[test]
fn what_no_role_allows_is_a_validation_error() {
    let mut world = with_role();
    for wrong in [
        ("DurationSeconds", "899"),
        ("DurationSeconds", "43201"),
        ("DurationSeconds", "3601"),
        ("RoleSessionName", "with space"),
        ("RoleArn", "scaleup"),
    ] {
        assert_eq!(assume(&mut world, &[wrong]).error(), (400, "ValidationError"), "{wrong:?}");
    }
    assert_eq!(assume(&mut world, &[("Policy", "{}")]).error().1, "UnknownParameter");
}

#[test]
fn a_providers_token_makes_a_session_without_a_signature() {
    let mut world = with_role();
    let token = genuine(&world);
    let reply = show(&mut world, &token, ARN);
    world.key = credentials(&reply);
    assert_eq!(world.ec2("DescribeInstances", &[]).status, 200);
}

#[test]
fn a_token_of_another_provider_subject_audience_or_time_makes_none() {
    let mut world = with_role();
    let (audience, subject) = ("sts.amazonaws.com", "system:serviceaccount:jit:scaleup");
    let forged = token(&world, &STRANGER, audience, subject);
    assert_eq!(show(&mut world, &forged, ARN).error(), (400, "InvalidIdentityToken"));
    assert_eq!(show(&mut world, "no.token.atall", ARN).error(), (400, "InvalidIdentityToken"));
    let other_subject = token(&world, &PROVIDER, audience, "system:serviceaccount:jit:webhook");
    assert_eq!(show(&mut world, &other_subject, ARN).error(), (403, "AccessDenied"));
    let other_audience = token(&world, &PROVIDER, "elsewhere", subject);
    assert_eq!(show(&mut world, &other_audience, ARN).error(), (403, "AccessDenied"));
    let right = genuine(&world);
    let no_role = "arn:aws:iam::123456789012:role/other";
    assert_eq!(show(&mut world, &right, no_role).error(), (403, "AccessDenied"));
    world.pass(601);
    assert_eq!(show(&mut world, &right, ARN).error(), (400, "ExpiredTokenException"));
}

#[test]
fn faults_strike_both_actions() {
    let mut world = with_role();
    world.aws.faults.on_next("AssumeRole", 1, Fault::refused(503, "ServiceUnavailable"));
    world.aws.faults.on_next("AssumeRoleWithWebIdentity", 1, Fault::LostReply);
    assert_eq!(assume(&mut world, &[]).error(), (503, "ServiceUnavailable"));
    assert_eq!(assume(&mut world, &[]).status, 200);
    let token = genuine(&world);
    assert!(show(&mut world, &token, ARN).lost);
    assert!(!show(&mut world, &token, ARN).lost);
    assert_eq!(world.aws.requests_of("AssumeRoleWithWebIdentity"), 2);
}
