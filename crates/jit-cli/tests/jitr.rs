//! Runs the built `jitr` as an operator does. What is a fault and what not is tested in jit-control.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jwt_simple::algorithms::RS256KeyPair;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A command in the repository's folder, without any variable of the machine that runs the test.
fn jitr(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jitr"));
    command.args(arguments).current_dir(repository()).env_clear();
    command
}

fn output(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, .. } = command.output().expect("jitr can be started");
    (status.code(), String::from_utf8(stdout).expect("jitr prints text"))
}

/// Writes a file that only this test uses.
fn file(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("the file can be written");
    path.display().to_string()
}

/// The environment of all components.
fn environment(private_key: &str) -> Vec<(String, String)> {
    let mut variables = vec![
        ("github_app_id", "12345"),
        ("github_private_key", private_key),
        ("github_webhook_secret", "SECRET-of-webhook"),
        ("public_url", "https://registrar.example.com"),
        ("claim_key", "SECRET-claim-key-of-32-bytes-and-more"),
        ("cron_token", "SECRET-cron-token"),
    ];
    variables.extend([
        ("scaleup_aws_access_key_id", "AKIASCALEUP"),
        ("scaleup_aws_secret_access_key", "SECRET-scaleup"),
        ("lifecycle_aws_access_key_id", "AKIALIFECYCLE"),
        ("lifecycle_aws_secret_access_key", "SECRET-lifecycle"),
        ("scaledown_aws_access_key_id", "AKIASCALEDOWN"),
        ("scaledown_aws_secret_access_key", "SECRET-scaledown"),
        ("rebalancer_aws_access_key_id", "AKIAREBALANCER"),
        ("rebalancer_aws_secret_access_key", "SECRET-rebalancer"),
    ]);
    let name = |n: &str| format!("SPIN_VARIABLE_{}", n.to_uppercase());
    variables.into_iter().map(|(n, v)| (name(n), v.to_owned())).collect()
}

#[test]
fn the_shipped_example_is_valid() {
    let (code, printed) = output(jitr(&["check"]));
    assert_eq!((code, printed.as_str()), (Some(0), "configuration is valid: pools=1 offerings=16\n"));
}

#[test]
fn every_fault_is_a_line_with_file_and_line_number() {
    let path = file(
        "faults.toml",
        "[deployment]\nname = \"A\"\n[agent]\nversion = \"2.336.0\"\n[[pool]]\nlabel = []\n",
    );
    let (code, printed) = output(jitr(&["check", "--config", &path]));
    assert_eq!(code, Some(1));
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with(&format!("{path}:2: deployment.name: `A` does not")), "{printed}");
    assert!(lines.contains(
        &format!("{path}:6: pool[0].label: the key `label` is not known; did you mean `labels`?").as_str()
    ));
    assert!(lines.len() > 5 && !printed.contains("is valid"), "{printed}");
}

#[test]
fn a_file_that_is_not_there_is_a_fault() {
    let (code, printed) = output(jitr(&["check", "--config", "no/such/file.toml"]));
    assert_eq!(code, Some(1));
    assert!(
        printed.starts_with("no/such/file.toml: cannot be read: ") && printed.contains("--config"),
        "{printed}"
    );
}

#[test]
fn the_environment_is_looked_at_on_demand_and_each_fault_is_said_once() {
    let (code, printed) = output(jitr(&["check", "--env"]));
    assert_eq!(code, Some(1));
    assert_eq!(printed.matches("environment: github_app_id: it is not set").count(), 1, "{printed}");
    assert!(
        printed.contains("set SPIN_VARIABLE_SCALEUP_AWS_ACCESS_KEY_ID") && !printed.contains("is valid"),
        "{printed}"
    );
}

#[test]
fn an_environment_that_is_right_is_valid_and_one_whose_key_cannot_sign_is_not() {
    let pem = RS256KeyPair::generate(2048).and_then(|key| key.to_pem()).expect("a key can be made");
    let mut right = jitr(&["check", "--env"]);
    right.envs(environment(&pem.replace('\n', "\\n")));
    assert_eq!(output(right), (Some(0), "configuration is valid: pools=1 offerings=16\n".to_owned()));

    let mut wrong = jitr(&["check", "--env"]);
    wrong.envs(environment("-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----"));
    let (code, printed) = output(wrong);
    assert_eq!((code, printed.lines().count()), (Some(1), 1), "{printed}");
    assert!(printed.starts_with("environment: github_private_key: its value is no private key"), "{printed}");
    assert!(!printed.contains("SECRET") && !printed.contains("U0VDUkVU"));
}

#[test]
fn a_session_token_that_nobody_renews_is_a_warning_and_no_fault() {
    let pem = RS256KeyPair::generate(2048).and_then(|key| key.to_pem()).expect("a key can be made");
    let mut command = jitr(&["check", "--env"]);
    command.envs(environment(&pem.replace('\n', "\\n")));
    command.env("SPIN_VARIABLE_SCALEUP_AWS_SESSION_TOKEN", "SECRET-session");
    let (code, printed) = output(command);
    assert_eq!(code, Some(0), "{printed}");
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 2, "{printed}");
    assert!(
        lines[0].starts_with("environment: warning: scaleup_aws_session_token: a session token ends"),
        "{printed}"
    );
    assert_eq!(lines[1], "configuration is valid: pools=1 offerings=16");
    assert!(!printed.contains("SECRET"));
}

#[test]
fn the_reference_is_the_committed_page() {
    let page =
        std::fs::read_to_string(repository().join("docs/configuration.md")).expect("the page is there");
    assert_eq!(output(jitr(&["reference"])), (Some(0), page));
}
