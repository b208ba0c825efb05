//! Prism between a client and a server: judges each request and each reply by an OpenAPI description.
//! Not in it: the description (`overlay.rs`), and what is asked (`prism.rs`).
//!
//! <https://docs.stoplight.io/docs/prism/> (read 2026-11-22): a request that breaks the description gets 422 and is not passed on; a reply that
//! breaks it becomes 500, since `--errors` is set; both say why in `sl-violations` and in a problem document.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use super::node;

/// Prism takes about 3 s to read the description; a busy machine is given much more.
const START_MAX: Duration = Duration::from_secs(180);
/// Longer than any exchange here takes, so that a hang is a failure and not a hang.
const EXCHANGE_MAX: Duration = Duration::from_secs(60);
/// How much of Prism's output is kept for a failure.
const LINES_MAX: usize = 60;

const READY: &str = "Prism is listening on ";

/// A running Prism; it ends when this is dropped.
pub(crate) struct Proxy {
    address: String,
    client: Client<HttpConnector, Full<Bytes>>,
    _process: Child,
}

impl Proxy {
    /// Starts Prism in front of a server, on a free port, and waits until it listens.
    pub(crate) async fn start(description: &Path, upstream: &str) -> Self {
        let mut command = node::node();
        command.arg(node::file("node_modules/@stoplight/prism-cli/dist/index.js"));
        command
            .args(["proxy", "--errors", "--host", "127.0.0.1", "--port", "0"])
            .arg(description)
            .arg(upstream);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = tokio::time::timeout(START_MAX, ready(&mut lines)).await;
        // A pipe that nobody empties would stop Prism after some hundred requests.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            address: address.expect("Prism did not start in time"),
            client: Client::builder(TokioExecutor::new()).build_http(),
            _process: process,
        }
    }

    /// Where it listens, as `http://127.0.0.1:<port>`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Passes a request on; an error says how it or its reply breaks the description.
    pub(crate) async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, String> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let exchange = async {
            let (head, body) = self.client.request(request).await.unwrap().into_parts();
            Response::from_parts(head, body.collect().await.unwrap().to_bytes().to_vec())
        };
        let reply = tokio::time::timeout(EXCHANGE_MAX, exchange).await.expect("no reply in time");
        let text =
            |name: &str| reply.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let problem = text("content-type").is_some_and(|kind| kind.contains("problem+json"));
        match text("sl-violations") {
            None if !problem => Ok(reply),
            violations => {
                let violations = violations.unwrap_or_default();
                Err(format!("{} {violations}\n{}", reply.status(), String::from_utf8_lossy(reply.body())))
            }
        }
    }
}

/// Reads on until Prism names its address.
async fn ready(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let mut seen = VecDeque::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, address)) = line.split_once(READY) {
            return address.trim().to_owned();
        }
        seen.push_back(line);
        if seen.len() > LINES_MAX {
            seen.pop_front();
        }
    }
    panic!("Prism ended before it listened:\n{}", seen.make_contiguous().join("\n"));
}
