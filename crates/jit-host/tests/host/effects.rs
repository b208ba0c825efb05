//! What a component can do, and that it can do no more than its manifest says.

use std::time::Duration;

use jit_host::{Options, Stream};

use crate::support::App;

#[tokio::test]
async fn variables_are_filled_from_application_variables() {
    let app = App::new();
    assert_eq!(app.told("variable/usual", "").await, "as usual");
    assert_eq!(app.told("variable/both", "").await, "as usual, a secret");
}

#[tokio::test]
async fn a_variable_that_is_not_the_components_own_is_undefined() {
    let app = App::new();
    // `given` is the application's; the component has it only inside `both`.
    assert_eq!(app.send("variable/given", "").await, (555, "Error::Undefined(\"given\")".to_owned()));
    assert_eq!(app.send_to("/bare/variable/usual", "").await.0, 555);
    assert!(app.send("variable/No-Name", "").await.1.contains("InvalidName"));
}

#[tokio::test]
async fn the_environment_is_the_manifests_alone() {
    let app = App::new();
    assert_eq!(app.told("environment/COLOUR", "").await, "red");
    assert_eq!(app.send("environment/PATH", "").await.0, 555);
}

#[tokio::test]
async fn values_are_kept_between_invocations() {
    let app = App::new();
    assert_eq!(app.told("get/k", "").await, "absent");
    app.told("set/k", "v1").await;
    app.told("set/l", "v2").await;
    assert_eq!(app.told("get/k", "").await, "v1");
    assert_eq!(app.told("keys", "").await, "k,l k,l");
    assert_eq!(app.told("delete/k", "").await, "exists: false");
    assert_eq!(app.told("keys", "").await, "l l");
    assert_eq!(app.told("many/m", "").await, "2 then 0");
}

#[tokio::test]
async fn a_counter_counts_and_is_no_text() {
    let app = App::new();
    for sum in ["1", "2", "3"] {
        assert_eq!(app.told("increment/n", "").await, sum);
    }
    app.told("set/n", "text").await;
    let (status, error) = app.send("increment/n", "").await;
    assert_eq!(status, 555);
    assert!(error.contains("not a counter"), "{error}");
    assert_eq!(app.told("get/n", "").await, "text", "the store goes on");
}

#[tokio::test]
async fn compare_and_set_is_refused_not_faked() {
    let (status, error) = App::new().send("swap/k", "").await;
    assert_eq!(status, 555);
    assert!(error.contains("not supported"), "{error}");
}

#[tokio::test]
async fn a_store_that_the_manifest_does_not_name_is_denied() {
    let app = App::new();
    assert_eq!(app.told("open/default", "").await, "opened");
    for path in ["/p/open/other", "/bare/open/default"] {
        let (status, error) = app.send_to(path, "").await;
        assert_eq!(status, 555);
        assert_eq!(error.matches("AccessDenied").count(), 2, "both interfaces: {error}");
    }
}

#[tokio::test]
async fn a_listed_host_is_called() {
    let app = App::new();
    assert_eq!(
        app.told("call", "http://api.test:8080/a?b").await,
        "200 probe POST http://api.test:8080/a?b ping"
    );
}

#[tokio::test]
async fn any_other_scheme_host_or_port_is_denied() {
    let app = App::new();
    for address in [
        "http://api.test/",
        "https://api.test:8080/",
        "http://api.test:8081/",
        "http://api2.test:8080/",
        "http://x.api.test:8080/",
        "http://127.0.0.1:8080/",
    ] {
        let (status, error) = app.send("call", address).await;
        assert_eq!(status, 555);
        assert!(error.contains("HttpRequestDenied"), "{address}: {error}");
    }
    assert!(app.send_to("/bare/call", "http://api.test:8080/").await.1.contains("HttpRequestDenied"));
    assert!(app.outside.calls().is_empty());
    let refused = app.host_lines();
    assert_eq!(refused.len(), 7);
    assert_eq!(refused[1], "probe: refused a call to https://api.test:8080: not in allowed_outbound_hosts");
}

#[tokio::test]
async fn sockets_are_denied() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(App::new().send("connect", &address).await.0, 555);
}

#[tokio::test]
async fn a_failed_call_has_its_error_code() {
    let (status, error) = App::new().send("call", "http://api.test:8080/refuse").await;
    assert_eq!(status, 555);
    assert!(error.contains("ConnectionRefused"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_the_limit_that_the_component_set() {
    let app = App::with(Options::deterministic(Duration::ZERO, 1));
    let started = tokio::time::Instant::now();
    let (status, error) = app.send("call-within/5", "http://api.test:8080/slow/20").await;
    assert_eq!((status, started.elapsed().as_secs()), (555, 5));
    assert!(error.contains("ConnectionReadTimeout"), "{error}");
    assert_eq!(app.told("call-within/5", "http://api.test:8080/slow/4").await, "200");
}

#[tokio::test]
async fn files_are_there_and_cannot_be_written() {
    let app = App::new();
    assert_eq!(app.told("read/etc/probe/a.toml", "").await, "a = 1");
    assert_eq!(app.told("read/two.txt", "").await, "one");
    for command in ["read/one.txt", "read/../spin.toml", "write/two.txt", "write/new.txt"] {
        assert_eq!(app.send(command, "x").await.0, 555, "{command}");
    }
    assert_eq!(app.told("read/two.txt", "").await, "one");
    assert_eq!(app.send_to("/bare/read/two.txt", "").await.0, 555);
}

#[tokio::test]
async fn output_is_logged_line_by_line() {
    let app = App::new();
    app.told("print", "a\nb").await;
    app.host.idle().await;
    let mut lines = app.log.lines();
    lines.sort_by_key(|(_, stream, _)| *stream);
    let line = |stream, text: &str| ("probe".to_owned(), stream, text.to_owned());
    assert_eq!(
        lines,
        [
            line(Stream::Stdout, "out a"),
            line(Stream::Stdout, "b"),
            line(Stream::Stderr, "err a"),
            line(Stream::Stderr, "b"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn work_goes_on_after_the_reply() {
    let app = App::with(Options::deterministic(Duration::ZERO, 1));
    let started = tokio::time::Instant::now();
    assert_eq!(app.send("after", "http://api.test:8080/slow/20").await, (202, "accepted".to_owned()));
    assert_eq!(started.elapsed(), Duration::ZERO, "the reply did not wait");
    assert_eq!((app.host.running(), app.told("get/after", "").await.as_str()), (1, "absent"));
    app.host.idle().await;
    assert_eq!(started.elapsed().as_secs(), 20);
    assert!(app.told("get/after", "").await.starts_with("200 probe POST"));
}

#[tokio::test(start_paused = true)]
async fn a_chained_component_goes_on_after_its_reply_too() {
    let app = App::with(Options::deterministic(Duration::ZERO, 1));
    assert_eq!(app.told("call", "http://hidden.spin.internal/after").await, "202 accepted");
    app.host.idle().await;
    // `hidden` got "ping" for an address; that it tried is what counts.
    assert_ne!(app.told("get/after", "").await, "absent");
}
