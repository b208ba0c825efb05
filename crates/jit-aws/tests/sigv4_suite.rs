//! Holds the signer, stage by stage, to the test suite that AWS's own signer ships.
//!
//! The suite is not copied here: it is read from the package aws-sigv4, a dev-dependency, wherever cargo keeps that.
//! Not here: the suite's query-string form and its Version 4a, which the signer does not have.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the test itself may")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use cargo_metadata::MetadataCommand;
use http::Request;
use jit_aws::sigv4::{
    Credentials, PathEncoding, PathNormalization, PayloadHeader, Settings, SigningParams, TokenPlacement,
    canonical_request, sign, signature, string_to_sign,
};
use serde::Deserialize;

/// The cases of the suite that have a context and all stages.
const COMPLETE_CASES: usize = 38;
/// The cases that have a canonical request only; both are about encoding the path twice.
const CANONICAL_ONLY: &[&str] = &["double-encode-path", "double-url-encode"];

#[derive(Deserialize)]
struct Context {
    credentials: ContextCredentials,
    normalize: bool,
    region: String,
    service: String,
    sign_body: bool,
    timestamp: String,
    #[serde(default)]
    omit_session_token: bool,
}

#[derive(Deserialize)]
struct ContextCredentials {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
}

impl Context {
    fn credentials(&self) -> Credentials {
        let credentials = Credentials::new(
            self.credentials.access_key_id.as_str(),
            self.credentials.secret_access_key.as_str(),
        );
        match &self.credentials.token {
            Some(token) => credentials.with_session_token(token.as_str()),
            None => credentials,
        }
    }

    fn params<'a>(&'a self, credentials: &'a Credentials, path_encoding: PathEncoding) -> SigningParams<'a> {
        let settings = Settings {
            path_normalization: if self.normalize {
                PathNormalization::Resolve
            } else {
                PathNormalization::Keep
            },
            path_encoding,
            payload_header: if self.sign_body { PayloadHeader::Send } else { PayloadHeader::Omit },
            token_placement: if self.omit_session_token {
                TokenPlacement::AddedAfter
            } else {
                TokenPlacement::Signed
            },
        };
        SigningParams {
            settings,
            ..SigningParams::new(credentials, &self.region, &self.service, self.timestamp.parse().unwrap())
        }
    }
}

/// The folder of the suite. Cargo is asked once, without the network first: the package was fetched to build this test.
fn suite() -> &'static Path {
    static SUITE: OnceLock<PathBuf> = OnceLock::new();
    SUITE.get_or_init(|| {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let ask = |options: &[&str]| {
            let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
            MetadataCommand::new().manifest_path(manifest).other_options(options).exec()
        };
        let metadata = ask(&["--offline"]).or_else(|_| ask(&[])).expect("cargo metadata lists the packages");
        let package = metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == "aws-sigv4")
            .expect("aws-sigv4 is a dev-dependency");
        let root = package.manifest_path.parent().expect("a manifest lies in a folder");
        root.join("aws-signing-test-suite/v4").into_std_path_buf()
    })
}

fn read(case: &Path, name: &str) -> String {
    std::fs::read_to_string(case.join(name))
        .unwrap_or_else(|error| panic!("{}/{name}: {error}", case.display()))
}

fn cases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(suite()).expect("the suite is a folder");
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn complete_cases() -> Vec<PathBuf> {
    cases().into_iter().filter(|case| case.join("context.json").exists()).collect()
}

/// Reads a request as the suite writes it; a header's continuation lines are joined by a space, and what a URI cannot
/// carry is percent-encoded, as every HTTP client must do before it sends.
fn parse_request(text: &str) -> Request<Vec<u8>> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, rest) = lines.next().unwrap().split_once(' ').unwrap();
    let target: String = rest
        .strip_suffix(" HTTP/1.1")
        .unwrap_or(rest)
        .bytes()
        .map(
            |byte| {
                if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect();
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        if line.starts_with(' ') {
            let value = &mut headers.last_mut().unwrap().1;
            value.push(' ');
            value.push_str(line);
        } else {
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(body.as_bytes().to_vec()).unwrap()
}

fn sorted_headers(request: &Request<Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    let pairs = request.headers().iter();
    let mut headers: Vec<(String, Vec<u8>)> =
        pairs.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
    headers.sort();
    headers
}

fn check(case: &Path, path_encoding: PathEncoding) {
    let name = case.file_name().unwrap().to_string_lossy();
    let context: Context = serde_json::from_str(&read(case, "context.json")).unwrap();
    let credentials = context.credentials();
    let params = context.params(&credentials, path_encoding);
    let mut request = parse_request(&read(case, "request.txt"));

    let canonical = canonical_request(&request, &params).unwrap();
    assert_eq!(canonical.as_str(), read(case, "header-canonical-request.txt"), "{name}: canonical request");
    let to_sign = string_to_sign(&canonical, &params);
    assert_eq!(to_sign, read(case, "header-string-to-sign.txt"), "{name}: string to sign");
    assert_eq!(signature(&to_sign, &params), read(case, "header-signature.txt"), "{name}: signature");

    sign(&mut request, &params).unwrap();
    let expected = parse_request(&read(case, "header-signed-request.txt"));
    assert_eq!(sorted_headers(&request), sorted_headers(&expected), "{name}: signed request");
    assert_eq!(request.uri(), expected.uri(), "{name}: target");
    assert_eq!(request.body(), expected.body(), "{name}: body");
}

#[test]
fn the_suite_has_the_cases_that_are_counted_on() {
    assert_eq!(complete_cases().len(), COMPLETE_CASES);
    assert_eq!(cases().len(), COMPLETE_CASES + CANONICAL_ONLY.len());
}

/// The suite's contexts encode the path once.
#[test]
fn every_complete_case_agrees_at_every_stage() {
    let checked = complete_cases().iter().map(|case| check(case, PathEncoding::Once)).count();
    assert_eq!(checked, COMPLETE_CASES);
}

/// A path of unreserved characters is the same encoded once and twice, so that these cases hold for the default too.
#[test]
fn every_case_with_a_plain_path_agrees_when_paths_are_encoded_twice() {
    let plain = |case: &PathBuf| !parse_request(&read(case, "request.txt")).uri().path().contains('%');
    let checked = complete_cases()
        .iter()
        .filter(|case| plain(case))
        .map(|case| check(case, PathEncoding::Twice))
        .count();
    assert_eq!(
        checked,
        COMPLETE_CASES - 3,
        "all but get-space-normalized, get-space-unnormalized and get-utf8"
    );
}

#[test]
fn a_path_with_escapes_is_encoded_a_second_time() {
    let credentials = Credentials::new("ANOTREAL", "notrealrnrELgWzOk3IfjzDKtFBhDby");
    // The suite gives these cases no context; this is the time in both canonical requests.
    let time = "2021-05-11T15:40:45Z".parse().unwrap();
    for name in CANONICAL_ONLY {
        let case = suite().join(name);
        let request = parse_request(&read(&case, "request.txt"));
        let params = SigningParams::new(&credentials, "us-east-1", "service", time);
        let canonical = canonical_request(&request, &params).unwrap();
        assert_eq!(canonical.as_str(), read(&case, "header-canonical-request.txt"), "{name}");
    }
}

/// The instance's script, which signs with openssl, has a signer of its own: given the suite's canonical requests, it must come to
/// the suite's signatures. Where there is no openssl to run, there is nothing to hold.
#[test]
fn the_instance_s_script_comes_to_the_same_signatures() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packer/boot/boot");
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    for case in complete_cases() {
        let context: Context = serde_json::from_str(&read(&case, "context.json")).unwrap();
        let date_time = context.timestamp.replace(['-', ':'], "");
        let mut shell = Command::new("sh");
        // `functions` keeps it from booting.
        shell.args([
            "-c",
            &format!(". {script}; signature \"$2\" \"$3\" \"$4\" \"$5\" \"$6\""),
            "sh",
            "functions",
        ]);
        shell.args([&context.credentials.secret_access_key, &date_time, &context.region, &context.service]);
        let signed = shell.arg(read(&case, "header-canonical-request.txt").trim_end()).output().unwrap();
        assert_eq!(
            String::from_utf8(signed.stdout).unwrap(),
            read(&case, "header-signature.txt").trim_end(),
            "{}: {}",
            case.display(),
            String::from_utf8_lossy(&signed.stderr)
        );
    }
}
