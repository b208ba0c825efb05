//! An application made of the probe, and the world around it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use jit_host::log::Recorded;
use jit_host::outbound::Timeouts;
use jit_host::{BoxFuture, Host, Options, Outbound, OutboundError};
use tempfile::TempDir;

/// The application: `probe` with everything, `bare` with nothing, `hidden` behind no public route, `clock` on a schedule.
pub(crate) const MANIFEST: &str = r#"spin_manifest_version = 2
[application]
name = "probe"
[variables]
given = { required = true, secret = true }
usual = { default = "as usual" }
api = { default = "http://api.test:8080" }
[[trigger.http]]
route = "/p/..."
component = "probe"
[[trigger.http]]
route = "/bare/..."
component = "bare"
[[trigger.http]]
route = { private = true }
component = "hidden"
[[trigger.cron]]
component = "clock"
cron_expression = "0 * * * * *"
[component.probe]
source = "SOURCE"
allowed_outbound_hosts = ["{{ api }}", "http://hidden.spin.internal"]
key_value_stores = ["default"]
variables = { both = "{{ usual }}, {{given}}", usual = "{{ usual }}" }
environment = { COLOUR = "red" }
files = [{ source = "config", destination = "/etc/probe" }, { source = "one.txt", destination = "/two.txt" }]
[component.bare]
source = "SOURCE"
[component.hidden]
source = "SOURCE"
allowed_outbound_hosts = ["http://hidden.spin.internal"]
key_value_stores = ["default"]
[component.clock]
source = "SOURCE"
key_value_stores = ["default"]
"#;

/// The built guest. The first caller builds it.
pub(crate) fn probe() -> &'static Path {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--release",
                "--package",
                "jit-host-probe",
                "--target",
                "wasm32-wasip2",
            ])
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(built.success(), "the guest does not build; is the target wasm32-wasip2 installed?");
        target.join("wasm32-wasip2/release/jit_host_probe.wasm")
    })
}

/// A folder with the manifest, changed by `edit`, and its files.
pub(crate) fn folder(edit: impl Fn(String) -> String) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = edit(MANIFEST.replace("SOURCE", probe().to_str().unwrap()));
    std::fs::write(folder.path().join("spin.toml"), manifest).unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    std::fs::write(folder.path().join("config/a.toml"), "a = 1").unwrap();
    std::fs::write(folder.path().join("one.txt"), "one").unwrap();
    folder
}

/// A running application and what surrounds it.
pub(crate) struct App {
    pub(crate) host: Host,
    pub(crate) log: Arc<Recorded>,
    pub(crate) outside: Arc<Outside>,
    _folder: TempDir,
}

impl App {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let (log, outside) = (Arc::default(), Arc::default());
        let folder = folder(|manifest| manifest);
        let mut options = Options {
            log: Arc::clone(&log) as _,
            outbound: Arc::clone(&outside) as _,
            cache_directory: Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")),
            ..options
        };
        options.variables.insert("given".to_owned(), "a secret".to_owned());
        let host = Host::load(&folder.path().join("spin.toml"), options).unwrap();
        Self { host, log, outside, _folder: folder }
    }

    /// Sends a command to the component `probe`.
    pub(crate) async fn send(&self, command: &str, body: &str) -> (u16, String) {
        self.send_to(&format!("/p/{command}"), body).await
    }

    pub(crate) async fn send_to(&self, path: &str, body: &str) -> (u16, String) {
        shown(self.host.request(post(path, body)).await)
    }

    /// The body of a command that succeeds.
    pub(crate) async fn told(&self, command: &str, body: &str) -> String {
        let (status, text) = self.send(command, body).await;
        assert_eq!(status, 200, "{command}: {text}");
        text
    }

    /// What the host said about components.
    pub(crate) fn host_lines(&self) -> Vec<String> {
        let lines = self.log.lines().into_iter();
        lines
            .filter(|(_, stream, _)| *stream == jit_host::Stream::Host)
            .map(|(component, _, line)| format!("{component}: {line}"))
            .collect()
    }
}

pub(crate) fn post(path: &str, body: &str) -> Request<Bytes> {
    Request::post(path).body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

pub(crate) fn shown(response: Response<Bytes>) -> (u16, String) {
    (response.status().as_u16(), String::from_utf8(response.into_body().to_vec()).unwrap())
}

/// The world outside: answers every call, slowly where the path says so, and remembers them.
#[derive(Default)]
pub(crate) struct Outside {
    calls: Mutex<Vec<String>>,
}

impl Outside {
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

impl Outbound for Outside {
    fn send<'a>(
        &'a self,
        component: &'a str,
        request: Request<Bytes>,
        _: Timeouts,
    ) -> BoxFuture<'a, Result<Response<Bytes>, OutboundError>> {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let call = format!("{component} {} {} {body}", request.method(), request.uri());
        self.calls.lock().unwrap().push(call.clone());
        Box::pin(async move {
            match request.uri().path() {
                "/refuse" => return Err(OutboundError::ConnectionRefused),
                "/crash" => return Err(OutboundError::Crash),
                path => {
                    if let Some(seconds) = path.strip_prefix("/slow/") {
                        tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap())).await;
                    }
                }
            }
            Ok(Response::new(Bytes::from(call)))
        })
    }
}
