//! Who is believed, and what they may do.

use super::*;

const DESCRIBE: [(&str, &str); 2] = [("Action", "DescribeInstances"), ("Version", "2016-11-15")];
const WHOAMI: [(&str, &str); 2] = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];

/// Sends both services the same kind of request, damaged after it was signed.
fn damaged(world: &mut World, damage: impl Fn(&mut Request<Vec<u8>>)) -> [(u16, String); 2] {
    [("ec2", DESCRIBE), ("sts", WHOAMI)].map(|(service, parameters)| {
        let mut request = world.signed(service, EAST, &parameters);
        damage(&mut request);
        let reply = world.send(request);
        let (status, code) = reply.error();
        (status, code.to_owned())
    })
}

fn both(ec2: (u16, &str), sts: (u16, &str)) -> [(u16, String); 2] {
    [(ec2.0, ec2.1.to_owned()), (sts.0, sts.1.to_owned())]
}

#[test]
fn a_rightly_signed_request_is_answered() {
    let mut world = world();
    assert_eq!(world.ec2("DescribeInstances", &[]).status, 200);
    assert_eq!(world.sts().one("Arn"), "arn:aws:iam::123456789012:user/operator");
}

#[test]
fn a_wrong_secret_is_refused() {
    let mut world = world();
    world.key = key(KEY, "another secret", "");
    let refused = both((401, "AuthFailure"), (403, "SignatureDoesNotMatch"));
    assert_eq!(damaged(&mut world, |_| {}), refused);
}

#[test]
fn an_unknown_key_is_refused() {
    let mut world = world();
    world.key = key("AKIANOBODY0000000000", "operator secret", "");
    assert_eq!(damaged(&mut world, |_| {}), both((401, "AuthFailure"), (403, "InvalidClientTokenId")));
}

#[test]
fn a_revoked_key_is_refused() {
    let mut world = world();
    world.aws.remove_principal(KEY);
    assert_eq!(world.ec2("DescribeInstances", &[]).error(), (401, "AuthFailure"));
}

#[test]
fn a_body_path_method_or_signed_header_changed_after_signing_is_refused() {
    let refused = both((401, "AuthFailure"), (403, "SignatureDoesNotMatch"));
    let damages: [fn(&mut Request<Vec<u8>>); 4] = [
        |request| request.body_mut().extend(b"&MaxResults=5"),
        |request| *request.uri_mut() = "/other".parse().unwrap(),
        |request| *request.method_mut() = http::Method::GET,
        |request| drop(request.headers_mut().insert("host", "ec2.us-west-2.amazonaws.com".parse().unwrap())),
    ];
    for damage in damages {
        let mut world = world();
        assert_eq!(damaged(&mut world, damage), refused);
    }
}

#[test]
fn a_header_that_was_not_signed_may_change() {
    let mut world = world();
    let mut request = world.signed("ec2", EAST, &DESCRIBE);
    request.headers_mut().insert("user-agent", "proxy".parse().unwrap());
    assert_eq!(world.send(request).status, 200);
}

#[test]
fn a_request_without_authorization_is_told_so() {
    let mut world = world();
    let unsigned = |request: &mut Request<Vec<u8>>| drop(request.headers_mut().remove("authorization"));
    assert_eq!(
        damaged(&mut world, unsigned),
        both((400, "MissingParameter"), (403, "MissingAuthenticationToken"))
    );
}

#[test]
fn a_signature_that_leaves_out_the_host_is_incomplete() {
    let mut world = world();
    let mut request = world.signed("ec2", EAST, &DESCRIBE);
    let header = request.headers()["authorization"].to_str().unwrap().replace(";host", "");
    request.headers_mut().insert("authorization", header.parse().unwrap());
    assert_eq!(world.send(request).error(), (400, "IncompleteSignature"));
}

#[test]
fn an_old_request_has_expired_and_says_how_old_it_may_be() {
    let mut world = world();
    let ec2 = world.signed("ec2", EAST, &DESCRIBE);
    let (fresh, sts) = (world.signed("sts", EAST, &WHOAMI), world.signed("sts", EAST, &WHOAMI));
    world.pass(5 * 60 + 1);
    assert_eq!(world.send(ec2).error(), (400, "RequestExpired"));
    assert_eq!(world.send(fresh).status, 200);
    world.pass(10 * 60);
    let reply = world.send(sts);
    assert_eq!(reply.error(), (403, "SignatureDoesNotMatch"));
    let message = "Signature expired: 20260301T120000Z is now earlier than 20260301T120001Z (20260301T121501Z - 15 min.)";
    assert_eq!(reply.one("Message"), message);
}

#[test]
fn a_request_from_the_future_is_refused_beyond_fifteen_minutes() {
    let mut world = world();
    world.pass(15 * 60);
    let requests = [world.signed("ec2", EAST, &DESCRIBE), world.signed("ec2", EAST, &DESCRIBE)];
    let sts = world.signed("sts", EAST, &WHOAMI);
    world.pass(-15 * 60 - 1);
    let [early, good] = requests;
    assert_eq!(world.send(early).error(), (400, "RequestExpired"));
    assert!(world.send(sts).one("Message").starts_with("Signature not yet current: "));
    world.pass(1);
    assert_eq!(world.send(good).status, 200);
}

#[test]
fn a_key_scoped_to_an_unknown_region_or_service_is_refused() {
    let mut world = world();
    for (service, region) in [("ec2", "mars-1"), ("s3", EAST)] {
        let request = world.signed(service, region, &DESCRIBE);
        assert_eq!(world.send(request).error(), (401, "AuthFailure"), "{service} {region}");
    }
    let request = world.signed("sts", "mars-1", &WHOAMI);
    assert_eq!(world.send(request).error(), (403, "SignatureDoesNotMatch"));
}

#[test]
fn a_target_says_which_service_is_asked_and_a_signature_for_another_is_refused_in_its_words() {
    let asked = [
        ("AmazonSQS.SendMessage", 403),
        ("DynamoDB_20120810.GetItem", 400),
        ("secretsmanager.GetSecretValue", 400),
        ("AmazonSSM.GetParameter", 400),
    ];
    for (target, status) in asked {
        let mut world = world();
        let request = Request::post("https://ec2.us-east-1.amazonaws.com/").header("x-amz-target", target);
        let mut request = request.body(b"{}".to_vec()).unwrap();
        signature::sign_request(&mut request, &world.key, ("ec2", EAST), world.now).unwrap();
        let reply = world.send(request);
        assert_eq!(reply.status, status, "{target}: {}", reply.body);
        let code = "com.amazon.coral.service#InvalidSignatureException";
        assert!(reply.body.contains(code), "{target}: {}", reply.body);
    }
}

#[test]
fn an_action_outside_the_policy_is_unauthorized() {
    let mut world = world();
    let secret = SecretString::from("reader secret");
    world.aws.add_principal(Principal::new("reader", "AKIAREADER", secret, &["ec2:Describe*"]));
    world.key = key("AKIAREADER", "reader secret", "");
    assert_eq!(world.ec2("DescribeInstances", &[]).status, 200);
    assert_eq!(world.run(&[]).error(), (403, "UnauthorizedOperation"));
    assert_eq!(
        world.ec2("TerminateInstances", &[("InstanceId.1", "i-1")]).error(),
        (403, "UnauthorizedOperation")
    );
    assert_eq!(world.sts().one("Arn"), "arn:aws:iam::123456789012:user/reader");
}

#[test]
fn a_launch_with_a_role_or_tags_needs_the_right_to_give_them() {
    let mut world = world();
    let secret = SecretString::from("launcher secret");
    world.aws.add_principal(Principal::new("launcher", "AKIALAUNCHER", secret, &["ec2:RunInstances"]));
    world.key = key("AKIALAUNCHER", "launcher secret", "");
    let tags = [
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "a"),
        ("TagSpecification.1.Tag.1.Value", "b"),
    ];
    assert_eq!(world.run(&[]).status, 200);
    assert!(world.run(&[PROFILE]).one("Message").contains("iam:PassRole"));
    assert!(world.run(&tags).one("Message").contains("ec2:CreateTags"));
    assert_eq!(world.aws.instances().count(), 1);
}

#[test]
fn an_instance_proves_who_it_is_by_its_role() {
    let mut world = world();
    let id = world.launched(1, &[PROFILE]).remove(0);
    world.key = world.aws.role_credentials(&id, world.now).unwrap();
    let reply = world.sts();
    assert_eq!(reply.one("Arn"), format!("arn:aws:sts::123456789012:assumed-role/jit-runner/{id}"));
    assert_eq!(reply.one("Account"), "123456789012");
    assert!(reply.one("UserId").starts_with("AROA") && reply.one("UserId").ends_with(&format!(":{id}")));
}

#[test]
fn an_instance_may_do_nothing_else() {
    let mut world = world();
    let id = world.launched(1, &[PROFILE]).remove(0);
    world.key = world.aws.role_credentials(&id, world.now).unwrap();
    assert_eq!(world.ec2("DescribeInstances", &[]).error(), (403, "UnauthorizedOperation"));
    assert_eq!(
        world.ec2("TerminateInstances", &[("InstanceId.1", &id)]).error(),
        (403, "UnauthorizedOperation")
    );
}

#[test]
fn an_instance_without_a_profile_has_no_credentials() {
    let mut world = world();
    let id = world.launched(1, &[]).remove(0);
    assert!(world.aws.role_credentials(&id, world.now).is_none());
    assert!(world.aws.role_credentials("i-unknown", world.now).is_none());
}

#[test]
fn role_credentials_without_their_token_or_with_a_siblings_are_refused() {
    let mut world = world();
    let ids = world.launched(2, &[PROFILE]);
    let [one, other] = [0, 1].map(|index| world.aws.role_credentials(&ids[index], world.now).unwrap());
    let mut tokenless = one.clone();
    tokenless.session_token = SecretString::from("");
    let mut mixed = one;
    mixed.session_token = other.session_token;
    for wrong in [tokenless, mixed] {
        world.key = wrong;
        assert_eq!(damaged(&mut world, |_| {}), both((401, "AuthFailure"), (403, "InvalidClientTokenId")));
    }
}

#[test]
fn role_credentials_expire_but_outlive_their_instance() {
    let mut world = world();
    let id = world.launched(1, &[PROFILE]).remove(0);
    let credentials = world.aws.role_credentials(&id, world.now).unwrap();
    world.ec2("TerminateInstances", &[("InstanceId.1", &id)]);
    world.key = credentials;
    world.pass(6 * 3600 - 1);
    assert_eq!(world.sts().status, 200);
    world.pass(1);
    assert_eq!(world.sts().error(), (403, "ExpiredToken"));
    assert_eq!(world.ec2("DescribeInstances", &[]).error(), (400, "RequestExpired"));
}

#[test]
fn no_secret_shows_in_what_is_printed() {
    let mut world = world();
    let id = world.launched(1, &[PROFILE, ("UserData", "Ym9vdCB0b2tlbg==")]).remove(0);
    let credentials = world.aws.role_credentials(&id, world.now).unwrap();
    let printed = format!("{:?} {credentials:?}", world.aws);
    let token = secrecy::ExposeSecret::expose_secret(&credentials.session_token).to_owned();
    for secret in ["operator secret", "boot token", &token] {
        assert!(!printed.contains(secret), "{secret}");
    }
    assert_eq!(world.aws.instance(&id).unwrap().user_data(), b"boot token");
}

#[test]
fn requests_are_counted_by_action_caller_and_outcome() {
    let mut world = world();
    world.run(&[]);
    world.run(&[("ImageId", "ami-0")]);
    world.key = key(KEY, "wrong", "");
    world.run(&[]);
    let count = |action: &str, caller: &str, outcome: &str| {
        let key = RequestKey { action: action.into(), caller: caller.into(), outcome: outcome.into() };
        world.aws.requests().get(&key).copied()
    };
    assert_eq!(count("RunInstances", "operator", "ok"), Some(1));
    assert_eq!(count("RunInstances", "operator", "InvalidAMIID.NotFound"), Some(1));
    assert_eq!(count("-", "-", "AuthFailure"), Some(1));
    assert_eq!(world.aws.requests_of("RunInstances"), 2);
}

#[test]
fn an_unknown_action_version_or_parameter_is_refused() {
    let mut world = world();
    assert_eq!(world.ec2("StartInstances", &[]).error(), (400, "InvalidAction"));
    assert_eq!(world.ec2("DescribeInstances", &[("Bogus", "1")]).error(), (400, "UnknownParameter"));
    let request = world.signed("ec2", EAST, &[("Action", "DescribeInstances"), ("Version", "2010-01-01")]);
    assert_eq!(world.send(request).error(), (400, "NoSuchVersion"));
    let request = world.signed("sts", EAST, &[("Action", "GetSessionToken"), ("Version", "2011-06-15")]);
    assert_eq!(world.send(request).error(), (400, "InvalidAction"));
}
