//! Which requests reach which component, and what it is told of them.

use bytes::Bytes;
use http::{Request, StatusCode};

use crate::support::{App, post, shown};

#[tokio::test]
async fn a_component_sees_the_request_and_how_it_came() {
    let app = App::new();
    let mut request = post("/p/echo/x?q=1", "hello");
    request.headers_mut().insert("x-custom", "yes".parse().unwrap());
    request.headers_mut().insert("spin-client-addr", "6.6.6.6:6".parse().unwrap());
    request.headers_mut().insert("host", "runners.example:8443".parse().unwrap());
    request.extensions_mut().insert(std::net::SocketAddr::from(([127, 0, 0, 1], 99)));
    let (status, seen) = shown(app.host.request(request).await);
    assert_eq!(status, 200);
    assert_eq!(
        seen.lines().collect::<Vec<_>>(),
        [
            "Method::Post /p/echo/x?q=1",
            "spin-client-addr: 127.0.0.1:99",
            "spin-full-url: http://runners.example:8443/p/echo/x?q=1",
            "spin-matched-route: /p/...",
            "spin-path-info: /echo/x",
            "x-custom: yes",
            "",
            "hello",
        ]
    );
}

#[tokio::test]
async fn a_path_without_a_route_is_not_found() {
    let app = App::new();
    for path in ["/", "/q", "/hidden", "/pp/echo"] {
        assert_eq!(app.send_to(path, "").await.0, 404, "{path}");
    }
    assert!(app.log.invocations().is_empty());
}

#[tokio::test]
async fn a_private_component_is_reached_by_components_only() {
    let app = App::new();
    let (status, seen) = app.send("call", "http://hidden.spin.internal/echo/y?z").await;
    assert_eq!(status, 200);
    assert!(seen.starts_with("200 Method::Post /echo/y?z\n"), "{seen}");
    assert!(seen.contains("spin-full-url: http://localhost/echo/y?z"), "{seen}");
    assert!(seen.contains("spin-client-addr: 0.0.0.0:0"), "{seen}");
    assert!(seen.ends_with("\n\nping"), "{seen}");
    assert!(app.outside.calls().is_empty(), "a chained call stays in memory");
    for host in ["hidden.spin.internal", "HIDDEN.spin.internal:80"] {
        let mut request = post("/echo", "");
        request.headers_mut().insert("host", host.parse().unwrap());
        assert_eq!(app.host.request(request).await.status(), StatusCode::BAD_REQUEST, "{host}");
        let request = Request::get(format!("http://{host}/p/echo")).body(Bytes::new()).unwrap();
        assert_eq!(app.host.request(request).await.status(), StatusCode::BAD_REQUEST, "{host}");
    }
}

#[tokio::test]
async fn a_component_may_chain_to_listed_components_only() {
    let app = App::new();
    for other in ["bare", "probe", "nobody"] {
        let (status, seen) = app.send("call", &format!("http://{other}.spin.internal/echo")).await;
        assert_eq!(status, 555);
        assert!(seen.contains("HttpRequestDenied"), "{seen}");
    }
}

#[tokio::test]
async fn an_endless_chain_is_broken() {
    let app = App::new();
    let (status, seen) = app.send("ring", "").await;
    assert_eq!(status, 200);
    assert!(seen.contains("LoopDetected"), "{seen}");
    app.host.idle().await;
    assert_eq!(app.log.invocations().len(), 9);
}

#[tokio::test]
async fn the_host_answers_for_its_own_health() {
    assert_eq!(App::new().send_to("/.well-known/spin/health", "").await, (200, "OK".to_owned()));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let mut options = jit_host::Options::default();
    options.limits.body_bytes = 1_000;
    let app = App::with(options);
    let body = "x".repeat(1_001);
    assert_eq!(app.send("echo", &body).await.0, 413);
    assert_eq!(app.send("echo", &body[..500]).await.0, 200);
    // The reply of an echo is longer than its request.
    assert_eq!(app.send("echo", &body[..1_000]).await.0, 500);
    assert_eq!(app.host_lines(), ["probe: the reply is too large"]);
}
