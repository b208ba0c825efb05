//! The application behind a socket, and the binary.

use std::path::Path;
use std::process::Stdio;

use jit_host::serve;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::support::{App, folder, probe};

/// Sends bytes on a new connection and reads until the server ends it.
async fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

pub(crate) async fn post(address: &str, path: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let reply = exchange(address, &request).await;
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    format!("{} {body}", head.split(' ').nth(1).unwrap())
}

#[tokio::test]
async fn an_application_is_served_over_http() {
    let app = App::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(serve(app.host.clone(), listener));
    assert_eq!(post(&address, "/p/set/k", "v").await, "200 set");
    assert_eq!(post(&address, "/p/get/k", "").await, "200 v");
    assert_eq!(post(&address, "/nowhere", "").await, "404 ");
    let seen = post(&address, "/p/echo", "").await;
    assert!(seen.contains("spin-client-addr: 127.0.0.1:"), "{seen}");
    let internal =
        exchange(&address, "GET /p/echo HTTP/1.1\r\nhost: hidden.spin.internal\r\nconnection: close\r\n\r\n");
    assert!(internal.await.starts_with("HTTP/1.1 400 "));
    let nonsense = exchange(&address, "nonsense\r\n\r\n").await;
    assert!(nonsense.starts_with("HTTP/1.1 400 ") || nonsense.is_empty(), "{nonsense}");
    server.abort();
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_on_the_way_in() {
    let mut options = jit_host::Options::default();
    options.limits.body_bytes = 100;
    let app = App::with(options);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(serve(app.host.clone(), listener));
    assert_eq!(post(&address, "/p/set/k", &"x".repeat(101)).await, "413 ");
    assert!(app.log.invocations().is_empty());
    server.abort();
}

/// Starts the binary on a free port and waits until it serves.
pub(crate) async fn up(manifest: &Path, state_dir: &Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_jit-host"))
        .args(["up", "--listen", "127.0.0.1:0", "--no-cron", "--from"])
        .arg(manifest)
        .arg("--state-dir")
        .arg(state_dir)
        .env("SPIN_VARIABLE_GIVEN", "from the environment")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    (child, first.strip_prefix("Serving http://").unwrap().to_owned())
}

pub(crate) async fn terminate(mut child: Child) {
    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
    assert!(sent.success());
    assert!(child.wait().await.unwrap().success(), "a signal is a good end");
}

#[tokio::test]
async fn the_binary_serves_keeps_values_and_ends_on_a_signal() {
    let folder = folder(|manifest| manifest);
    let (manifest, state) = (folder.path().join("spin.toml"), folder.path().join("state"));
    let (child, address) = up(&manifest, &state).await;
    assert_eq!(post(&address, "/p/variable/both", "").await, "200 as usual, from the environment");
    assert_eq!(post(&address, "/p/increment/n", "").await, "200 1");
    terminate(child).await;
    let (child, address) = up(&manifest, &state).await;
    assert_eq!(post(&address, "/p/increment/n", "").await, "200 2");
    terminate(child).await;
}

#[tokio::test]
async fn two_processes_on_one_store_draw_each_first_ticket_once() {
    const KEYS: usize = 20;
    let folder = folder(|manifest| manifest);
    let (manifest, state) = (folder.path().join("spin.toml"), folder.path().join("state"));
    let (first, one) = up(&manifest, &state).await;
    let (second, two) = up(&manifest, &state).await;
    let racer = |address: String| async move {
        let mut won = Vec::new();
        for key in 0..KEYS {
            loop {
                let drawn = post(&address, &format!("/p/increment/t-{key}"), "").await;
                match drawn.as_str() {
                    "200 1" => won.push(key),
                    locked if locked.contains("database is locked") => continue,
                    other => assert!(other.starts_with("200 "), "{other}"),
                }
                break;
            }
        }
        won
    };
    let racers = [&one, &two, &one, &two].map(|address| tokio::spawn(racer(address.clone())));
    let mut won = Vec::new();
    for racer in racers {
        won.extend(racer.await.unwrap());
    }
    won.sort_unstable();
    assert_eq!(won, (0..KEYS).collect::<Vec<_>>());
    terminate(first).await;
    terminate(second).await;
}

#[tokio::test]
async fn the_binary_lists_imports_and_exports() {
    let run =
        Command::new(env!("CARGO_BIN_EXE_jit-host")).arg("inspect").arg(probe()).output().await.unwrap();
    let listed = String::from_utf8(run.stdout).unwrap();
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines[..2], ["export handle-cron-event", "export wasi:http/incoming-handler@0.2.0"]);
    assert!(lines.contains(&"import fermyon:spin/variables@2.0.0"), "{listed}");
    assert!(lines.is_sorted());
}
