//! The page that takes a reader from nothing to `spin up`, as a program: its blocks, and its commands for AWS run on moto.
//! The configuration and the variables that it leads to are given to `jitr check --env` as it says.
//! Not here: what its configuration and its table mean, which `crates/jit-control/tests/getting_started.rs` holds against the code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::command;
use crate::emulator::Emulator;
use crate::manifest::CONFIGURATION;
use crate::python::Python;
use crate::reference::PROGRAM;
use crate::simulation::Programs;
use crate::workspace::{FUNCTIONS, Workspace};

/// The page, below the root.
const PAGE: &str = "docs/getting-started-spin.md";
/// What the page's commands read of the tree, below the root.
const POLICIES: &str = "infra/aws/policies";

/// A GitHub App's private key, of the tests.
const APP_KEY: &str = "crates/jit-sim/keys/app-private.pem";
/// Begins the block that sets the variables and ends with the check of them.
const VARIABLES: &str = "export SPIN_VARIABLE_GITHUB_APP_ID";
/// The webhook secret, which a reader has chosen before.
const SECRET: &str = r#"SPIN_VARIABLE_GITHUB_WEBHOOK_SECRET="...""#;

/// What stands before that block: `jitr` as it is built already, and random digits without openssl.
const TO_JITR: &str = r#"
cargo() { test "$1 $2 $3 $4" = 'run -p jit-cli --'; shift 4; "$JITR" "$@"; }
openssl() { test "$*" = 'rand -hex 32'; od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }
"#;

/// Version 1 of AWS's command line, the one that PyPI has, takes an old address of SQS over the one in the environment.
const TO_MOTO: &str = r#"aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }"#;

/// What moto has to know once the page's commands have run: each line prints what it is about, or fails.
const LOOKS: &str = r#"
set -x
test "$(aws sqs list-queues --queue-name-prefix "$name-" --query 'length(QueueUrls)' --output text)" = 4
test "$(aws dynamodb describe-time-to-live --table-name "$name" --query TimeToLiveDescription.AttributeName --output text)" = exp
test "$(aws iam list-role-policies --role-name "$runner_role" --query 'length(PolicyNames)' --output text)" = 0
test "$(aws iam list-attached-role-policies --role-name "$runner_role" --query 'length(AttachedPolicies)' --output text)" = 0
test "$(aws ec2 describe-security-groups --group-ids "$group" --query 'length(SecurityGroups[0].IpPermissions)' --output text)" = 0
test "$(aws iam get-instance-profile --instance-profile-name "$runner_role" --query 'InstanceProfile.Roles[0].RoleName' --output text)" = "$runner_role"
"#;

/// The texts of the page's fenced blocks in a language, in their order.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, opened)) = rest.split_once("\n```") {
        let Some((head, body)) = opened.split_once('\n') else { break };
        let Some((text, after)) = body.split_once("\n```") else { break };
        if head == language {
            found.push(text);
        }
        rest = after;
    }
    found
}

/// The shipped configuration with the page's sections in the place of its own.
fn configuration(page: &str, shipped: &str) -> Result<String> {
    let mut text = shipped.to_owned();
    for block in blocks(page, "toml") {
        let header = block.lines().next().unwrap_or_default();
        let (before, section) = text
            .split_once(&format!("\n{header}\n"))
            .with_context(|| format!("{CONFIGURATION} has no section {header}"))?;
        let after = section.find("\n[").map_or("", |end| &section[end..]);
        text = format!("{before}\n{block}{after}");
    }
    Ok(text)
}

/// Whether a block calls AWS's command line.
fn calls_aws(block: &str) -> bool {
    block.split(|c: char| c.is_whitespace() || c == '(').any(|word| word == "aws")
}

/// The page's commands for AWS as one script.
fn script(page: &str) -> String {
    blocks(page, "sh").into_iter().filter(|block| calls_aws(block)).collect::<Vec<_>>().join("\n")
}

/// A folder in which the page's commands find what they read, and nothing else; empty otherwise.
fn stage(root: &Path, folder: PathBuf) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let policies = folder.join(POLICIES);
    fs::create_dir_all(&policies).with_context(|| format!("cannot make {}", policies.display()))?;
    for function in FUNCTIONS {
        let file = format!("{function}.json");
        fs::copy(root.join(POLICIES).join(&file), policies.join(&file))?;
    }
    Ok(folder)
}

/// Runs the page's commands on moto, with AWS's own command line, and looks at what they made.
///
/// # Errors
/// A command of the page fails, or made something else.
pub(crate) fn on_moto(workspace: &Workspace, programs: &Programs, python: &Python) -> Result<()> {
    let page =
        fs::read_to_string(workspace.root.join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let folder = stage(&workspace.root, workspace.target.join("getting-started"))?;
    let moto = Emulator::start(|port| {
        let mut command = Command::new(python.moto());
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        command
    })?;
    let mut shell = Command::new("sh");
    shell.arg("-euc").arg(format!("{TO_MOTO}\n{}\n{LOOKS}", script(&page))).current_dir(&folder);
    shell.env("PATH", python.path()?).env("AWS_ENDPOINT_URL", moto.url());
    shell.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_PAGER", "");
    // No configuration of this machine.
    shell.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    shell.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
    command::output(&mut shell).context("the commands of getting-started-spin.md do not run on moto")?;
    for function in FUNCTIONS {
        let key = fs::read_to_string(folder.join(function).with_extension("key"))?;
        ensure!(key.split_whitespace().count() == 2, "{function}.key holds no key");
    }
    check(workspace, programs, &page, &folder)?;
    println!("getting started: commands for aws run on moto, users={}", FUNCTIONS.len());
    Ok(())
}

/// Runs the page's check on its configuration and its variables, with the keys that its commands made in `folder`.
fn check(workspace: &Workspace, programs: &Programs, page: &str, folder: &Path) -> Result<()> {
    let file = folder.join(CONFIGURATION);
    fs::create_dir_all(file.parent().unwrap_or(folder))?;
    let shipped = fs::read_to_string(workspace.root.join(CONFIGURATION))?;
    fs::write(&file, configuration(page, &shipped)?)?;
    fs::copy(workspace.root.join(APP_KEY), folder.join("app.private-key.pem"))?;
    let block = blocks(page, "sh").into_iter().find(|block| block.starts_with(VARIABLES));
    let block = block.with_context(|| format!("{PAGE} has no block that begins with `{VARIABLES}`"))?;
    ensure!(block.contains(SECRET) && block.ends_with("check --env"), "{PAGE}: another block of variables");
    let block = block.replace(SECRET, &SECRET.replace("...", "a-webhook-secret-of-some-length-0123456789"));
    let mut shell = Command::new("sh");
    shell.arg("-euc").arg(format!("{TO_JITR}\n{block}")).current_dir(folder);
    command::output(shell.env("JITR", programs.path(PROGRAM)))
        .with_context(|| format!("`jitr check --env` does not pass after {PAGE}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;
    use crate::manifest::{self, Addresses, MANIFESTS};
    use crate::tidy::PLACEHOLDERS;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
    }

    fn read(path: &str) -> String {
        fs::read_to_string(root().join(path)).unwrap()
    }

    /// A folder of a test's own below cargo's output.
    fn folder(name: &str) -> PathBuf {
        let mut target = std::env::current_exe().unwrap();
        while target.file_name().is_some_and(|name| name != "debug" && name != "release") {
            target.pop();
        }
        stage(&root(), target.join("getting-started-tests").join(name)).unwrap()
    }

    /// Runs a script of the page with stubs before it, and gives what it printed.
    fn run(folder: &Path, script: &str) -> String {
        let mut shell = Command::new("sh");
        command::output(shell.arg("-euc").arg(script).current_dir(folder)).unwrap()
    }

    fn block_with(part: &str) -> String {
        let page = read(PAGE);
        let found: Vec<&str> = blocks(&page, "sh").into_iter().filter(|block| block.contains(part)).collect();
        assert_eq!(found.len(), 1, "one block with `{part}`");
        found[0].to_owned()
    }

    #[test]
    fn blocks_are_found_by_their_language_in_their_order() {
        let page = "a\n```sh\none\ntwo\n```\n\n```toml\nthree\n```\n```sh\nfour\n```\n";
        assert_eq!(blocks(page, "sh"), ["one\ntwo", "four"]);
        assert_eq!(blocks(page, "toml"), ["three"]);
        assert!(
            calls_aws("x=$(aws sts y)")
                && calls_aws("  aws iam x")
                && !calls_aws("infra/aws/policies jitaws")
        );
        assert!(blocks(&read(PAGE), "sh").len() >= 10, "the page's own");
    }

    /// What `sed` makes of each policy is the policy with every placeholder filled in, and it knows all of them.
    #[test]
    fn the_page_fills_in_every_placeholder_of_every_policy() {
        let users = block_with("sed -e");
        let named: BTreeSet<&str> =
            users.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        assert_eq!(named, BTreeSet::from(PLACEHOLDERS));
        let folder = folder("policies");
        let values = "name=red region=eu-west-1 runner_role=jit/runner account=210987654321";
        // A path in the role's name needs another sign than a slash in `sed`; names in AWS have no other such sign.
        run(
            &folder,
            &format!("aws() {{ echo AKIA secret; }}\n{}\n{users}", values.replace("jit/runner", "runner")),
        );
        let filled = BTreeMap::from([
            ("Partition", "aws"),
            ("Region", "eu-west-1"),
            ("Account", "210987654321"),
            ("Deployment", "red"),
            ("RunnerRole", "runner"),
            ("Table", "red"),
            ("JobsQueue", "red-jobs"),
            ("JobsDeadLetterQueue", "red-jobs-dead"),
            ("LifecycleQueue", "red-lifecycle"),
            ("LifecycleDeadLetterQueue", "red-lifecycle-dead"),
        ]);
        for function in FUNCTIONS {
            let made = fs::read_to_string(folder.join(format!("{function}-policy.json"))).unwrap();
            let mut wanted = read(&format!("{POLICIES}/{function}.json"));
            for (name, value) in &filled {
                wanted = wanted.replace(&format!("${{{name}}}"), value);
            }
            assert!(!wanted.contains("${"), "{function}");
            let [made, wanted] = [made, wanted].map(|text| serde_json::from_str::<Value>(&text).unwrap());
            assert_eq!(made, wanted, "{function}");
            assert_eq!(fs::read_to_string(folder.join(format!("{function}.key"))).unwrap(), "AKIA secret\n");
        }
    }

    /// Records, messages and the image's parameter are in services that the shipped configuration does not reach.
    #[test]
    fn the_manifest_of_the_pages_configuration_names_the_hosts_of_its_services() {
        let shipped = read(CONFIGURATION);
        let configuration = configuration(&read(PAGE), &shipped).unwrap();
        for manifest in MANIFESTS.map(read) {
            let hosts = |configuration: &str| {
                let text = manifest::with_hosts(&manifest, configuration, Addresses::default()).unwrap();
                let written: toml_edit::DocumentMut = text.parse().unwrap();
                let allowed = |name: &str| {
                    let hosts = written["component"][name]["allowed_outbound_hosts"].as_array().unwrap();
                    hosts.iter().map(|host| host.as_str().unwrap().to_owned()).collect::<BTreeSet<String>>()
                };
                FUNCTIONS.map(allowed)
            };
            for ((function, with), without) in
                FUNCTIONS.iter().zip(hosts(&configuration)).zip(hosts(&shipped))
            {
                for service in ["dynamodb", "sqs", "ssm"] {
                    let host = format!("https://{service}.us-east-1.amazonaws.com");
                    let needs = match service {
                        "ssm" => *function == "scaleup",
                        "dynamodb" => *function != "webhook",
                        _ => !["scaledown", "registrar"].contains(function),
                    };
                    assert!(!without.contains(&host), "{function} {host}");
                    assert_eq!(with.contains(&host), needs, "{function} {host}: {with:?}");
                }
            }
        }
    }

    #[test]
    fn every_variable_that_the_page_sets_is_declared() {
        let folder = folder("variables");
        for file in FUNCTIONS.iter().map(|function| format!("{function}.key")) {
            fs::write(folder.join(file), "AKIAEXAMPLE\tsecret\n").unwrap();
        }
        fs::write(folder.join("app.private-key.pem"), "pem").unwrap();
        let stubs = "cargo() { :; }\nopenssl() { echo 00; }";
        let block = block_with(VARIABLES);
        let printed = run(&folder, &format!("{stubs}\n{block}\nenv"));
        let set: BTreeSet<String> = printed
            .lines()
            .filter_map(|line| line.strip_prefix("SPIN_VARIABLE_")?.split_once('='))
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        assert!(set.len() >= 18, "{set:?}");
        for text in MANIFESTS.map(read) {
            let manifest: toml_edit::DocumentMut = text.parse().unwrap();
            let declared = manifest["variables"].as_table().unwrap();
            for name in &set {
                assert!(declared.contains_key(name), "{name}");
            }
        }
        for function in FUNCTIONS {
            assert!(set.contains(&format!("{function}_aws_secret_access_key")), "{function}");
        }
    }

    #[test]
    fn the_page_calls_and_publishes_the_routes_that_there_are() {
        let manifest: toml_edit::DocumentMut = read("spin-http.toml").parse().unwrap();
        let routes = manifest["trigger"]["http"].as_array_of_tables().unwrap().iter();
        let routes = routes.filter_map(|route| route["route"].as_str());
        let (inside, outside): (BTreeSet<&str>, BTreeSet<&str>) =
            routes.partition(|r| r.starts_with("/cron/"));
        let page = read(PAGE);
        let calls = block_with("/cron/");
        let words = calls.split_whitespace().filter_map(|word| word.strip_prefix("http://127.0.0.1:3000"));
        assert_eq!(words.collect::<BTreeSet<&str>>(), inside);
        let proxy = blocks(&page, "caddyfile").concat();
        let public = proxy.lines().find_map(|line| line.trim().strip_prefix("@public path ")).unwrap();
        let outside: BTreeSet<&str> = outside.into_iter().filter(|route| *route != "/nudge").collect();
        assert_eq!(public.split(' ').collect::<BTreeSet<&str>>(), outside);
    }
}
