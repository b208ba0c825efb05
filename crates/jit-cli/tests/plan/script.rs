//! Runs a script of a written workflow as a runner does: in bash with its variables, with a `gh` of ours and a bare repository.
//!
//! Not here: what the scripts should do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use jit_github::workflow_file::WorkflowFile;
use jit_github::workflow_file::yaml::Node;

/// The script of a job's first step, and its variables that are no expressions.
pub(crate) struct Script {
    /// The script.
    pub(crate) text: String,
    variables: BTreeMap<String, String>,
}

impl Script {
    /// Takes it from a workflow.
    pub(crate) fn of(workflow: &str, job: &str) -> Self {
        let workflow = WorkflowFile::parse(workflow.as_bytes()).expect("a stage can be set up");
        let step =
            &workflow.jobs[job].node.get("steps").and_then(Node::items).expect("a stage can be set up")[0];
        let text = |node: &Node| node.text().expect("a stage can be set up").to_owned();
        let variables = step.get("env").and_then(Node::entries).expect("a stage can be set up").iter();
        let variables = variables.filter(|(_, value)| !value.has_expression());
        Self {
            text: text(step.get("run").expect("a stage can be set up")),
            variables: variables.map(|(name, value)| (text(name), text(value))).collect(),
        }
    }
}

/// How a script ended.
pub(crate) struct Ended {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// All that it printed.
    pub(crate) text: String,
    /// Its outputs.
    pub(crate) outputs: BTreeMap<String, String>,
}

impl Ended {
    /// The items of the output `matrix`, each as JSON.
    pub(crate) fn items(&self) -> Vec<String> {
        let list = self.outputs.get("matrix").map_or("", String::as_str);
        let inner =
            list.strip_prefix("{\"include\":[").and_then(|list| list.strip_suffix("]}")).unwrap_or(list);
        let mut items = Vec::new();
        let (mut depth, mut begin) = (0, 0);
        for (at, c) in inner.char_indices() {
            match c {
                '{' => {
                    if depth == 0 {
                        begin = at;
                    }
                    depth += 1;
                }
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        items.push(inner[begin..=at].to_owned());
                    }
                }
                _ => {}
            }
        }
        items
    }
}

/// A place for one test: the state of our `gh`, and the repository.
pub(crate) struct Stage {
    folder: PathBuf,
    /// The repository's address.
    pub(crate) remote: String,
}

impl Stage {
    /// An empty one.
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plan").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("state/runs")).expect("a stage can be set up");
        let remote = folder.join("remote.git").display().to_string();
        let stage = Self { folder, remote };
        stage.git(&["init", "--quiet", "--bare", &stage.remote]);
        stage.write("titles", "");
        stage
    }

    /// Where a file of the state is.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join("state").join(name).display().to_string()
    }

    /// Writes a file of the state.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = PathBuf::from(self.path(name));
        fs::create_dir_all(path.parent().expect("a stage can be set up")).expect("a stage can be set up");
        fs::write(path, text).expect("a stage can be set up");
    }

    /// Reads a file of the state.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a stage can be set up")
    }

    /// Removes a file of the state.
    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("a stage can be set up");
    }

    /// Whether a file of the state is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        Path::new(&self.path(name)).exists()
    }

    /// The progress that a reference of the repository holds.
    pub(crate) fn progress(&self, reference: &str) -> String {
        self.git(&["--git-dir", &self.remote, "show", &format!("{reference}:progress")])
    }

    /// Lets the repository refuse every push.
    pub(crate) fn refuse_pushes(&self) {
        use std::os::unix::fs::PermissionsExt as _;
        let hook = Path::new(&self.remote).join("hooks/pre-receive");
        fs::create_dir_all(hook.parent().expect("a stage can be set up")).expect("a stage can be set up");
        fs::write(&hook, "#!/bin/sh\nexit 1\n").expect("a stage can be set up");
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("a stage can be set up");
    }

    /// All variables of a script, these ones among them.
    pub(crate) fn variables(&self, script: &Script, more: &[(&str, &str)]) -> BTreeMap<String, String> {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan");
        let path = env::var_os("PATH").expect("a stage can be set up");
        let real = env::split_paths(&path)
            .map(|folder| folder.join("git"))
            .find(|file| file.is_file())
            .expect("a stage can be set up");
        let path = env::join_paths(std::iter::once(ours).chain(env::split_paths(&path)))
            .expect("a stage can be set up");
        let mut variables = script.variables.clone();
        let fixed = [
            ("PATH", path.to_str().expect("a stage can be set up")),
            ("REAL_GIT", real.to_str().expect("a stage can be set up")),
            ("STATE", &self.path("")),
            ("HOME", &self.path("")),
            ("GH_TOKEN", "SECRET-token"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "octo/app"),
            ("GITHUB_REF_NAME", "main"),
            ("GITHUB_SHA", "abc"),
            ("GITHUB_WORKFLOW_REF", "octo/app/.github/workflows/nightly.yml@refs/heads/main"),
            ("GITHUB_OUTPUT", &self.path("outputs")),
            ("GITHUB_STEP_SUMMARY", &self.path("summary")),
        ];
        for (name, value) in fixed.iter().chain(more) {
            variables.insert((*name).to_owned(), (*value).to_owned());
        }
        variables
    }

    /// Runs a script to its end.
    pub(crate) fn run(&self, script: &Script, more: &[(&str, &str)]) -> Ended {
        self.write("outputs", "");
        let mut command = Command::new("bash");
        // As GitHub starts `shell: bash`.
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &script.text]);
        let output =
            command.env_clear().envs(self.variables(script, more)).output().expect("a stage can be set up");
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let outputs = self.read("outputs");
        let outputs = outputs.lines().map(|line| line.split_once('=').expect("a stage can be set up"));
        Ended {
            code: output.status.code(),
            text,
            outputs: outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .env("HOME", &self.folder)
            .output()
            .expect("a stage can be set up");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a stage can be set up")
    }
}
