//! The guest that jit-host's tests run: one route for each behaviour of the host.
//!
//! It does what it is told and says what it saw; it judges nothing, the tests do.
//! Not in here: anything on other targets than WebAssembly.
#![cfg(target_family = "wasm")]
#![expect(unsafe_code, reason = "the component's exports are generated with it")]

mod effects;
mod misbehave;
mod shared;
mod wire;

use futures::SinkExt;
use spin_sdk::http::{Fields, IncomingRequest, OutgoingResponse, ResponseOutparam};
use spin_sdk::http_component;

mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "
            package jit-runners:probe;
            world probe {
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
                import wasi:keyvalue/batch@0.2.0-draft2;
                include fermyon:spin-cron/spin-cron@2.0.0;
            }
        ",
        generate_all,
    });
}

struct Probe;

bindings::export!(Probe with_types_in bindings);

impl bindings::Guest for Probe {
    /// Writes the time of the tick down; 13 is refused, 14 traps.
    fn handle_cron_event(metadata: bindings::Metadata) -> Result<(), bindings::Error> {
        match metadata.timestamp {
            13 => Err(bindings::Error::Other("unlucky".to_owned())),
            14 => panic!("told to trap"),
            timestamp => spin_sdk::http::run(async {
                effects::set("tick", timestamp.to_string().as_bytes()).map_err(bindings::Error::Other)
            }),
        }
    }
}

/// Takes `/<command>/<argument>` with a body, and answers 200 with what was seen or 555 with an error.
#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let path = request.path_with_query().unwrap_or_default();
    let headers: Vec<(String, Vec<u8>)> = request.headers().entries();
    // Where it stands among the routes is the manifest's matter.
    let info = headers.iter().find(|(name, _)| name == "spin-path-info").map(|(_, value)| value.clone());
    let info = String::from_utf8(info.unwrap_or_default()).unwrap_or_default();
    let info = info.trim_start_matches('/');
    let (command, argument) = info.split_once('/').unwrap_or((info, ""));
    let (command, argument) = (command.to_owned(), argument.to_owned());
    let method = format!("{:?}", request.method());
    let body = request.into_body().await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body).into_owned();
    match command.as_str() {
        "half" => return misbehave::half_a_reply(out).await,
        "silent" => return,
        // A nudge, or a request of the bench: the least that a component can do.
        "" | "nudge" => return reply(out, 200, Vec::new()).await,
        "after" => {
            reply(out, 202, b"accepted".to_vec()).await;
            // Work after the reply: a call that may take long, then a mark that it was done.
            let seen = effects::call(&text, None).await.unwrap_or_else(|error| error);
            effects::set("after", seen.as_bytes()).expect("the mark is written");
            return;
        }
        "trap-after" => {
            reply(out, 202, b"accepted".to_vec()).await;
            panic!("told to trap after the reply");
        }
        _ => {}
    }
    let seen = match command.as_str() {
        "echo" => Ok(echo(&method, &path, headers, &text)),
        "call" => effects::call(&text, None).await,
        "call-within" => effects::call(&text, Some(argument.parse().expect("seconds"))).await,
        "ring" => effects::call("http://hidden.spin.internal/ring", None).await,
        "variable" => effects::variable(&argument),
        "environment" => std::env::var(&argument).map_err(|error| error.to_string()),
        "open" => effects::open(&argument),
        "get" => effects::get(&argument),
        "set" => effects::set(&argument, &body).map(|()| "set".to_owned()),
        "delete" => effects::delete(&argument),
        "keys" => effects::keys(),
        "many" => effects::many(&argument),
        "increment" => effects::increment(&argument),
        "swap" => effects::swap(&argument),
        "shared" => shared::answer(&body).await,
        "read" => std::fs::read_to_string(format!("/{argument}")).map_err(|error| error.kind().to_string()),
        "write" => std::fs::write(format!("/{argument}"), &body)
            .map(|()| "written".to_owned())
            .map_err(|error| error.kind().to_string()),
        "wait" => Ok(effects::wait(argument.parse().expect("seconds"))),
        "now" => Ok(effects::now()),
        "random" => Ok(effects::random()),
        "connect" => std::net::TcpStream::connect(&text)
            .map(|_| "connected".to_owned())
            .map_err(|error| error.kind().to_string()),
        "print" => {
            println!("out {text}");
            eprint!("err {text}");
            Ok(String::new())
        }
        "trap" => panic!("told to trap"),
        "loop" => misbehave::run_for_ever(),
        "eat" => misbehave::eat_memory(),
        other => Err(format!("no command {other}")),
    };
    match seen {
        Ok(seen) => reply(out, 200, seen.into_bytes()).await,
        Err(error) => reply(out, 555, error.into_bytes()).await,
    }
}

async fn reply(out: ResponseOutparam, status: u16, body: Vec<u8>) {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).expect("a valid status");
    let mut sink = response.take_body();
    out.set(response);
    sink.send(body).await.expect("the body is taken");
}

fn echo(method: &str, path: &str, headers: Vec<(String, Vec<u8>)>, body: &str) -> String {
    let mut lines: Vec<_> = headers
        .into_iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(&value)))
        .collect();
    lines.sort();
    format!("{method} {path}\n{}\n\n{body}", lines.join("\n"))
}
