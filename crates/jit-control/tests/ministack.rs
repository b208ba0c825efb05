//! jit-aws's signer and parsers held against ministack 1.5.33, an emulator by other people that checks signatures, dates, session
//! tokens and rights when it is told to, and refuses in each service's own words: what it refuses has to come out as the class that
//! says what to do next. `JIT_MINISTACK` names the program; `cargo xtask test` does.
//!
//! Where ministack is not as AWS's documents say, the line says so, and our code is not bent to it.
//! Not here: throttling, capacity, idempotency and eventual consistency, which no emulator plays (`jit-fakes`), and what works,
//! which is in `emulator.rs` and in the demo on moto.

use jiff::{SignedDuration, Timestamp};
use jit_aws::sts::SessionDuration;
use jit_aws::{Credentials, Service, says_token_expired};

use server::Ministack;
use service::{Asked, Door};

#[path = "emulator/network.rs"]
mod network;
#[path = "ministack/server.rs"]
mod server;
#[path = "ministack/service.rs"]
mod service;

/// What a service says in each case: status and code.
struct Words {
    service: Service,
    unknown_key: (u16, &'static str),
    wrong_secret: (u16, &'static str),
    /// An expired session, and what it comes out as.
    expired: (u16, &'static str, &'static str),
    no_right: (u16, &'static str),
    /// A date too far off, and what it comes out as.
    wrong_date: (u16, &'static str, &'static str),
    /// How far off a date may be, in minutes.
    minutes: i64,
}

const WORDS: [Words; 6] = [
    Words {
        service: Service::Ec2,
        unknown_key: (401, "AuthFailure"),
        wrong_secret: (401, "AuthFailure"),
        // EC2 has one code for a wrong date and the end of a token; its Date header then tells them apart.
        expired: (400, "RequestExpired", "ClockSkew"),
        no_right: (403, "UnauthorizedOperation"),
        // AWS: `RequestExpired`, beyond 15 min
        // (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>); ministack gives the answer to a wrong
        // key, beyond 5 min, and only its Date header tells.
        wrong_date: (401, "AuthFailure", "ClockSkew"),
        minutes: 5,
    },
    Words {
        service: Service::Sts,
        unknown_key: (403, "InvalidClientTokenId"),
        wrong_secret: (403, "SignatureDoesNotMatch"),
        expired: (403, "ExpiredToken", "Expired"),
        no_right: (403, "AccessDenied"),
        wrong_date: (403, "SignatureDoesNotMatch", "ClockSkew"),
        minutes: 15,
    },
    Words {
        service: Service::Sqs,
        unknown_key: (403, "InvalidClientTokenId"),
        wrong_secret: (403, "SignatureDoesNotMatch"),
        expired: (403, "ExpiredToken", "Refused"),
        no_right: (403, "AccessDeniedException"),
        wrong_date: (403, "SignatureDoesNotMatch", "ClockSkew"),
        minutes: 15,
    },
    Words {
        service: Service::DynamoDb,
        unknown_key: (400, "UnrecognizedClientException"),
        wrong_secret: (400, "InvalidSignatureException"),
        expired: (400, "ExpiredTokenException", "Refused"),
        // AWS: 400 (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>); the code decides.
        no_right: (403, "AccessDeniedException"),
        wrong_date: (400, "InvalidSignatureException", "ClockSkew"),
        minutes: 15,
    },
    Words {
        service: Service::SecretsManager,
        unknown_key: (400, "UnrecognizedClientException"),
        wrong_secret: (400, "InvalidSignatureException"),
        expired: (400, "ExpiredTokenException", "Refused"),
        no_right: (403, "AccessDeniedException"),
        wrong_date: (400, "InvalidSignatureException", "ClockSkew"),
        minutes: 5,
    },
    Words {
        service: Service::Ssm,
        unknown_key: (400, "UnrecognizedClientException"),
        wrong_secret: (400, "InvalidSignatureException"),
        expired: (400, "ExpiredTokenException", "Refused"),
        no_right: (400, "AccessDeniedException"),
        wrong_date: (400, "InvalidSignatureException", "ClockSkew"),
        minutes: 5,
    },
];

fn refused((status, code): (u16, &'static str)) -> Asked {
    Asked::new(status, code, "Refused")
}

fn out_of_step(minutes: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(minutes)
}

#[tokio::test]
async fn a_wrong_key_secret_or_token_is_refused_in_each_services_own_words() {
    let Some(ministack) = Ministack::start().await else { return };
    let session = ministack.session(SessionDuration::MIN.as_secs().into()).await;
    let foreign = session.session_token.clone().expect("a session has a token");
    let damaged = Credentials { session_token: Some("FwoGZXIvYXdzEExample".into()), ..session.clone() };
    let bare = Credentials { session_token: None, ..session.clone() };
    let nobody = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let mistyped = Credentials { secret_access_key: "mistyped".into(), ..ministack.user.clone() };
    let with_foreign = Credentials { session_token: Some(foreign), ..ministack.user.clone() };
    for words in &WORDS {
        let door = ministack.door(words.service);
        for credentials in [&ministack.user, &session] {
            assert_eq!(door.ask(credentials).await, door.usual(), "{:?}", words.service);
        }
        for (what, credentials, expected) in [
            ("an unknown key", &nobody, words.unknown_key),
            ("a wrong secret", &mistyped, words.wrong_secret),
            ("a key with the token of another", &with_foreign, words.unknown_key),
            ("a session with another token", &damaged, words.unknown_key),
            ("a session without its token", &bare, words.unknown_key),
            ("a key without a right", &ministack.powerless, words.no_right),
        ] {
            assert_eq!(door.ask(credentials).await, refused(expected), "{:?}: {what}", words.service);
        }
    }
    println!("ministack: services={} refusals of credentials ok", WORDS.len());
}

#[tokio::test]
async fn a_session_that_has_expired_is_told_from_every_other_refusal() {
    let Some(ministack) = Ministack::start().await else { return };
    for words in &WORDS {
        let door = ministack.door(words.service);
        let (status, code, class) = words.expired;
        // AWS lets no session be shorter than 15 min; ministack lets it have ended before it begins, so that nobody has to
        // wait. It forgets those that have ended when it makes another one, so each service has one of its own.
        let ended = ministack.session(-60).await;
        let now = Timestamp::now();
        let reply = door.reply(&ended, now).await;
        assert_eq!(door.hear(&reply), Asked::new(status, code, class), "{:?}", words.service);
        assert!(says_token_expired(&reply, now), "{:?}", words.service);
        for (credentials, time) in
            [(&ministack.powerless, now), (&ministack.user, now), (&ministack.user, out_of_step(-16))]
        {
            let reply = door.reply(credentials, time).await;
            assert!(!says_token_expired(&reply, now), "{:?}: {reply:?}", words.service);
        }
    }
    println!("ministack: services={} expired sessions ok", WORDS.len());
}

#[tokio::test]
async fn a_date_is_refused_beyond_the_services_bound_and_accepted_within_it() {
    let Some(ministack) = Ministack::start().await else { return };
    for words in &WORDS {
        let door = ministack.door(words.service);
        let (status, code, class) = words.wrong_date;
        let within = words.minutes - 1;
        for minutes in [-within, within] {
            let asked = door.ask_at(&ministack.user, out_of_step(minutes)).await;
            assert_eq!(asked, door.usual(), "{:?}: {minutes} min", words.service);
        }
        for minutes in [-16, 16, -(words.minutes + 1), words.minutes + 1] {
            let asked = door.ask_at(&ministack.user, out_of_step(minutes)).await;
            assert_eq!(asked, Asked::new(status, code, class), "{:?}: {minutes} min", words.service);
        }
    }
    println!("ministack: services={} dates ok", WORDS.len());
}

#[tokio::test]
async fn an_action_that_is_not_known_and_a_request_without_its_parameters_are_refused() {
    let Some(ministack) = Ministack::start().await else { return };
    for (service, unknown_action, no_parameters) in [
        // AWS: `MissingParameter` to a TerminateInstances without ids; ministack ends none and calls it done.
        (Service::Ec2, refused((400, "InvalidAction")), Asked::OK),
        (Service::Sts, refused((400, "InvalidAction")), refused((400, "ValidationError"))),
        (
            Service::Sqs,
            refused((400, "InvalidAction")),
            Asked::new(400, "QueueDoesNotExist", "QueueDoesNotExist"),
        ),
        (
            Service::DynamoDb,
            refused((400, "UnknownOperationException")),
            refused((400, "ValidationException")),
        ),
        // AWS: `UnknownOperationException` and `ValidationException`
        // (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html>,
        // <https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html>).
        (
            Service::SecretsManager,
            refused((400, "InvalidRequestException")),
            Asked::new(400, "ResourceNotFoundException", "NotFound"),
        ),
        (Service::Ssm, refused((400, "InvalidAction")), Asked::new(400, "ParameterNotFound", "NotFound")),
    ] {
        let door = || ministack.door(service);
        let user = &ministack.user;
        let asked = door().with_unknown_action().ask(user).await;
        assert_eq!(asked, unknown_action, "{service:?}: unknown action");
        let asked = door().without_parameters().ask(user).await;
        assert_eq!(asked, no_parameters, "{service:?}: no parameters");
    }
    println!("ministack: services=6 actions and parameters ok");
}

#[tokio::test]
async fn what_each_action_is_refused_for_has_its_class() {
    let Some(ministack) = Ministack::start().await else { return };
    let doors = Door::refused(&ministack);
    for (door, expected) in &doors {
        assert_eq!(door.ask(&ministack.user).await, *expected, "{door:?}");
    }
    let caller = ministack.caller().await.expect("sts vouches for a session");
    assert_eq!((caller.role.as_str(), caller.session_name.as_str()), (server::ROLE, server::SESSION));
    println!("ministack: actions={} refusals ok", doors.len());
}
