//! The proxy before servers that are ours: what passes, what is planned, and who waits for whom.
//! Not here: moto.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use jit_fakes::model::Model;
use jit_fakes::server::{Clock, Server};
use serde_json::json;
use tokio::sync::Barrier;

use super::*;

/// Answers with what it was sent, and refuses one path.
struct Echo;

impl Model for Echo {
    fn handle(&mut self, _: Timestamp, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let host = request.headers()[http::header::HOST].clone();
        let status = if request.uri().path() == "/refused" { 403 } else { 200 };
        let mut body = request.into_body();
        if status == 403 {
            body = b"<Error><Code>AccessDenied</Code></Error>".to_vec();
        }
        Response::builder().status(status).header("x-host", host).body(body).unwrap()
    }

    fn next_at(&self) -> Option<Timestamp> {
        None
    }

    fn advance(&mut self, _: Timestamp) {}
}

async fn open(troubles: &[Trouble]) -> (Proxy, SocketAddr) {
    open_with(troubles, Plan::default()).await
}

async fn open_with(troubles: &[Trouble], faults: Plan) -> (Proxy, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    tokio::spawn(async move { Server::new(Echo, Clock::real()).serve(listener).await });
    let names = ["scaleup", "scaledown"].map(|name| (format!("AKIA{name}"), name.to_owned()));
    let listing = json!({ "Statement": [
        { "Effect": "Allow", "Action": ["ec2:DescribeInstances"], "Resource": ["*"] },
    ]});
    let policies = [("scaledown".to_owned(), listing)].into();
    let callers = Callers { names: names.into(), policies, account: "123456789012".to_owned() };
    Proxy::open(upstream, callers, troubles, faults).await.unwrap()
}

async fn ask(at: SocketAddr, path: &str, caller: &str, form: &str) -> Option<(u16, String)> {
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential=AKIA{caller}/20261122/us-east-1/ec2/aws4_request");
    let request = Request::post(path).header("host", "signed.test").header("authorization", authorization);
    let reply = exchange::send(at, request.body(form.into()).unwrap()).await?;
    if let Some(host) = reply.headers().get("x-host") {
        assert_eq!(host, "signed.test", "what was signed is what arrives");
    }
    Some((reply.status().as_u16(), String::from_utf8(reply.into_body()).unwrap()))
}

fn counted(proxy: &Proxy) -> Vec<(String, u64)> {
    let calls = proxy.calls();
    calls.iter().map(|(c, n)| (format!("{} {} {}", c.caller, c.action, c.outcome), *n)).collect()
}

#[tokio::test]
async fn what_is_not_planned_passes_as_it_is_and_is_counted() {
    let (proxy, at) = open(&[]).await;
    let form = "Action=RunInstances&InstanceMarketOptions.MarketType=spot";
    assert_eq!(ask(at, "/", "scaleup", form).await, Some((200, form.to_owned())));
    let (status, body) = ask(at, "/refused", "thief", "Action=RunInstances").await.unwrap();
    assert!(status == 403 && body.contains("AccessDenied"));
    let expected =
        [("AKIAthief RunInstances AccessDenied".to_owned(), 1), ("scaleup RunInstances ok".to_owned(), 1)];
    assert_eq!(counted(&proxy), expected);
}

#[tokio::test]
async fn each_trouble_happens_once_to_the_call_that_it_is_for() {
    let (proxy, at) = open(&Trouble::ALL).await;
    let spot = "Action=RunInstances&InstanceMarketOptions.MarketType=spot";
    let (describe, terminate) = ("Action=DescribeInstances", "Action=TerminateInstances");
    assert_eq!(ask(at, "/", "scaleup", "Action=RunInstances").await.unwrap().0, 200);
    assert!(ask(at, "/", "scaleup", spot).await.unwrap().1.contains("InsufficientInstanceCapacity"));
    assert_eq!(ask(at, "/", "scaleup", spot).await.unwrap().0, 200);
    assert_eq!(ask(at, "/", "rebalancer", describe).await.unwrap().0, 200);
    assert_eq!(ask(at, "/", "scaledown", describe).await.unwrap().0, 503);
    assert_eq!(ask(at, "/", "scaledown", describe).await.unwrap().0, 200);
    assert_eq!(proxy.pending(), [Trouble::ReplyLost]);
    assert_eq!(ask(at, "/", "scaledown", terminate).await, None);
    assert_eq!(ask(at, "/", "scaledown", terminate).await.unwrap().0, 200);
    assert_eq!(proxy.pending(), []);
    let (judged, overstepped) = proxy.judged();
    assert_eq!(judged, 4, "scaledown has a policy, and the others have none here");
    assert_eq!(overstepped, [""; 0], "a termination of nothing needs nothing");
    ask(at, "/", "scaledown", "Action=RunInstances").await.unwrap();
    ask(at, "/", "scaledown", "Action=DeleteVpc").await.unwrap();
    let (_, overstepped) = proxy.judged();
    assert!(overstepped[0].contains("ec2:RunInstances") && overstepped[1].contains("DeleteVpc"));
    assert!(counted(&proxy).contains(&("scaledown TerminateInstances reply_lost".to_owned(), 1)));
}

/// Sends an action of a store; gives back status and body, or none without a reply.
async fn store(at: SocketAddr, path: &str, caller: &str, target: &str) -> Option<(u16, String)> {
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential=AKIA{caller}/20261122/us-east-1/dynamodb/aws4_request");
    let request = Request::post(path).header("host", "signed.test").header("authorization", authorization);
    let request = request.header("x-amz-target", target).body(b"{}".to_vec()).unwrap();
    let reply = exchange::send(at, request).await?;
    Some((reply.status().as_u16(), String::from_utf8(reply.into_body()).unwrap()))
}

#[tokio::test]
async fn the_stores_fail_components_as_planned_and_nobody_else() {
    let (proxy, at) = open_with(&[], Plan::whole()).await;
    let transact = "DynamoDB_20120810.TransactWriteItems";
    let carried = Some((200, "{}".to_owned()));
    assert_eq!(
        store(at, "/", "scaleup", transact).await,
        carried,
        "it has no policy here, so it is no component"
    );
    let (status, body) = store(at, "/", "scaledown", transact).await.unwrap();
    assert!(status == 400 && body.contains("ProvisionedThroughputExceeded"), "{body}");
    let (status, body) = store(at, "/", "scaledown", transact).await.unwrap();
    assert!(status == 500 && body.contains("InternalServerError"), "{body}");
    assert_eq!(store(at, "/", "scaledown", transact).await, None);
    assert_eq!(store(at, "/", "scaledown", transact).await, carried);
    let outcomes = ["failed", "ok", "reply_lost", "throttled"];
    let expected = outcomes.map(|outcome| (format!("scaledown TransactWriteItems {outcome}"), 1));
    assert_eq!(counted(&proxy)[..4], expected);
    let (lines, missing) = proxy.faults();
    assert_eq!(lines.last().unwrap(), "struck=3 throttled=1 failed=1 reply_lost=1");
    assert!(!missing.iter().any(|what| what.contains("Transact")) && !missing.is_empty());
}

#[tokio::test]
async fn a_lost_refusal_is_no_reply_that_was_lost_after_its_effect() {
    let (proxy, at) = open_with(&[], Plan::whole()).await;
    let transact = "DynamoDB_20120810.TransactWriteItems";
    for _ in 0..2 {
        store(at, "/", "scaledown", transact).await.unwrap();
    }
    assert_eq!(store(at, "/refused", "scaledown", transact).await, None);
    assert!(counted(&proxy).contains(&("scaledown TransactWriteItems AccessDenied".to_owned(), 1)));
    let (lines, missing) = proxy.faults();
    assert_eq!(lines.last().unwrap(), "struck=2 throttled=1 failed=1 reply_lost=0");
    assert!(!missing.contains(&"TransactWriteItems reply_lost".to_owned()), "it was met all the same");
}

const WRITES: [&str; 2] = ["DynamoDB_20120810.UpdateItem", "DynamoDB_20120810.TransactWriteItems"];

/// Says how many wrote at once, and answers others only once there are two of them.
#[derive(Clone)]
struct Slow {
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    pair: Arc<Barrier>,
}

impl Slow {
    async fn answer(self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let target = request.headers()["x-amz-target"].to_str().unwrap();
        if !WRITES.contains(&target) {
            self.pair.wait().await;
            return Ok(Response::default());
        }
        self.most.fetch_max(1 + self.inside.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
        // Long enough for others to come in, where they are let.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        Ok(Response::default())
    }
}

#[tokio::test]
async fn a_store_is_asked_one_thing_at_a_time_but_for_messages_by_many() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let pair = Arc::new(Barrier::new(2));
    let slow = Slow { inside: Arc::default(), most: Arc::default(), pair };
    let most = slow.most.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let slow = slow.clone();
            let service = service_fn(move |request| slow.clone().answer(request));
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
    let (_, at) = Proxy::open(upstream, Callers::default(), &[], Plan::default()).await.unwrap();
    let ask = |target: &'static str| async move {
        let request = Request::post("/").header("x-amz-target", target);
        exchange::send(at, request.body(b"{}".to_vec()).unwrap()).await.unwrap().status()
    };
    futures::future::join_all(WRITES.into_iter().cycle().take(6).map(ask)).await;
    assert_eq!(most.load(Ordering::SeqCst), 1);
    // Each of these is answered only beside the other: two who receive, and one at each store.
    for pair in [["AmazonSQS.ReceiveMessage"; 2], ["AmazonSQS.SendMessage", "DynamoDB_20120810.GetItem"]] {
        assert_eq!(futures::future::join_all(pair.map(ask)).await, [StatusCode::OK; 2]);
    }
}
