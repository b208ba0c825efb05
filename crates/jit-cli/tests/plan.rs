//! Runs the built `jitr plan`, compares what it writes with the files in `tests/plan`, and runs the scripts that it writes.
//!
//! `BLESS=1 cargo test -p jit-cli --test plan` writes the files anew; `cargo xtask test` has actionlint and act read them.
//! Not here: the arithmetic and the changes to single values, which are tested beside the code.

#[path = "plan/script.rs"]
mod script;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use script::{Ended, Script, Stage};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan")
}

/// Exit code, standard output, standard error.
fn jitr(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jitr"));
    let output = command
        .arg("plan")
        .args(arguments)
        .current_dir(folder())
        .env_clear()
        .output()
        .expect("jitr can be run in its folder");
    let text = |bytes| String::from_utf8(bytes).expect("jitr can be run in its folder");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn written(arguments: &[&str]) -> String {
    let (code, out, err) = jitr(arguments);
    assert_eq!(code, Some(0), "{err}");
    out
}

fn compare(name: &str, text: &str) {
    let path = folder().join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).expect("jitr can be run in its folder");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "{name} is not what is written now; look at the difference after BLESS=1:\n{text}"
    );
}

const CHAIN: [&str; 5] = ["sequential.yml", "--job-minutes", "6", "--limit", "60m"];
const RECHECK: [&str; 6] =
    ["nightly.yml", "--job-minutes=20", "--limit=1h", "--reserve=10m", "--recheck", "--tries=2"];

#[test]
fn a_chain_is_written_as_it_was() {
    compare("sequential-batches.yml", &written(&CHAIN));
}

#[test]
fn a_recheck_is_written_as_it_was() {
    compare("nightly-recheck.yml", &written(&RECHECK));
}

#[test]
fn the_arithmetic_and_what_to_know_are_told() {
    let (_, _, told) = jitr(&CHAIN);
    compare("sequential-batches.txt", &told);
}

#[test]
fn a_file_is_written_into_a_folder_but_over_no_file_of_a_person() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plan-out");
    let _ = std::fs::remove_dir_all(&out);
    let shown = out.display().to_string();
    let arguments = [&CHAIN[..], &["--out", &shown]].concat();
    for _ in 0..2 {
        let (code, told, err) = jitr(&arguments);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        assert!(told.ends_with(&format!("written: {shown}/sequential-batches.yml\n")), "{told}");
        assert_eq!(std::fs::read_to_string(out.join("sequential-batches.yml")).unwrap(), written(&CHAIN));
    }
    std::fs::write(out.join("sequential-batches.yml"), "name: mine\n").unwrap();
    let (code, _, err) = jitr(&arguments);
    assert_eq!(code, Some(1));
    assert!(err.contains("`jitr plan` did not write it; name another folder"), "{err}");
}

#[test]
fn what_is_wrong_is_one_line_with_its_place_and_a_remedy() {
    for (arguments, expected) in [
        (&["no.yml", "--job-minutes=6", "--limit=60m"][..], "no.yml: cannot be read: "),
        (
            &["sequential.yml", "--job-minutes=6", "--limit=60m", "--job=build"],
            "sequential.yml:31:3: the items of `build` run all at once",
        ),
        (
            &["sequential.yml", "--job-minutes=90", "--limit=60m"],
            "sequential.yml: an item of 90 min does not fit",
        ),
        (
            &["sequential.yml", "--job-minutes=6", "--limit=60m", "--recheck"],
            "sequential.yml:8:7: a run by the clock",
        ),
        (
            &["sequential-batches.yml", "--job-minutes=6", "--limit=60m"],
            "sequential-batches.yml:34:3: this file was written by `jitr plan`; give the file that it was written from",
        ),
    ] {
        let (code, out, err) = jitr(arguments);
        assert_eq!((code, out.as_str(), err.lines().count()), (Some(1), "", 1), "{err}");
        assert!(err.starts_with(expected), "{err}");
    }
}

fn chain_next(stage: &Stage, batch: &str, result: &str, more: &[(&str, &str)]) -> Ended {
    let last = if batch == "5" { "true" } else { "false" };
    let script = Script::of(&written(&CHAIN), "jitr-next");
    let run = format!("{}00", batch);
    let own = [("BATCH", batch), ("CHAIN", "100"), ("FAILED", ""), ("LAST", last), ("RESULT", result)];
    let rest = [
        ("INPUT_0", "debug level"),
        ("GITHUB_RUN_ID", run.as_str()),
        ("TITLE_START", "nightly tests: batch"),
    ];
    stage.run(&script, &[&own[..], &rest, more].concat())
}

#[test]
fn a_run_of_a_chain_is_given_its_items_and_no_others() {
    let stage = Stage::new("chain-batch");
    let script = Script::of(&written(&CHAIN), "jitr-batch");
    let mut all = Vec::new();
    for batch in 1..=5 {
        let ended = stage.run(&script, &[("BATCH", &batch.to_string())]);
        assert_eq!(ended.code, Some(0), "{}", ended.text);
        assert_eq!(ended.outputs["last"], (batch == 5).to_string());
        all.extend(ended.items());
    }
    let expected: Vec<_> = (1..=37).map(|n| format!("{{\"job_id\":{n}}}")).collect();
    assert_eq!(all, expected);
    for wrong in ["", "0", "6", "01", "x", "1\n2", "$(touch x)"] {
        let ended = stage.run(&script, &[("BATCH", wrong)]);
        assert_eq!((ended.code, ended.outputs.len()), (Some(1), 0), "{wrong}");
        assert!(ended.text.contains("name one from 1 to 5"), "{}", ended.text);
    }
}

#[test]
fn the_next_batch_is_started_once_with_all_inputs() {
    let stage = Stage::new("chain-next");
    stage.write("runs/100.commit", "abc");
    let ended = chain_next(&stage, "1", "success", &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    let asked = stage.read("dispatched").replace('\n', " ");
    assert_eq!(
        asked,
        "workflow run nightly.yml --repo octo/app --ref main --raw-field batch=2 --raw-field chain=100 --raw-field failed= \
         --raw-field level=debug level "
    );
    assert!(!ended.text.contains("::warning::"), "{}", ended.text);
    stage.remove("dispatched");
    let again = chain_next(&stage, "1", "success", &[("GITHUB_SHA", "other")]);
    assert_eq!(again.code, Some(0), "{}", again.text);
    assert!(
        again.text.contains("started already") && again.text.contains("the chain began on abc"),
        "{}",
        again.text
    );
    assert!(!stage.has("dispatched"));
}

#[test]
fn a_failed_item_is_told_at_the_latest_by_the_last_run() {
    let stage = Stage::new("chain-failed");
    stage.write("runs/100.commit", "abc");
    let ended = chain_next(&stage, "2", "failure", &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    assert!(stage.read("dispatched").contains("failed=2:200\n"));
    stage.remove("dispatched");
    // Where one failure ends the matrix, it ends the chain.
    let stopped = chain_next(&stage, "2", "failure", &[("GOES_ON", "false")]);
    assert_eq!(stopped.code, Some(1));
    for result in ["skipped", "cancelled"] {
        assert_eq!(chain_next(&stage, "2", result, &[]).code, Some(1));
    }
    assert!(!stage.has("dispatched"));

    stage.write("runs/200.conclusion", "failure");
    let last = chain_next(&stage, "5", "success", &[("FAILED", "2:200")]);
    assert_eq!(last.code, Some(1));
    assert!(
        last.text.contains("an item of batch 2 failed: https://github.com/octo/app/actions/runs/200"),
        "{}",
        last.text
    );
    stage.write("runs/200.conclusion", "success");
    assert_eq!(chain_next(&stage, "5", "success", &[("FAILED", "2:200")]).code, Some(0));
    assert_eq!(chain_next(&stage, "5", "failure", &[("FAILED", "2:200")]).code, Some(1));
    assert_eq!(chain_next(&stage, "5", "success", &[]).code, Some(0));
}

fn recheck(stage: &Stage, run: &str, attempt: &str) -> Ended {
    let script = Script::of(&written(&RECHECK), "jitr-batch");
    stage.run(&script, &recheck_variables(stage, run, attempt))
}

fn recheck_variables<'a>(stage: &'a Stage, run: &'a str, attempt: &'a str) -> [(&'a str, &'a str); 3] {
    [("GITHUB_RUN_ID", run), ("GITHUB_RUN_ATTEMPT", attempt), ("REMOTE", &stage.remote)]
}

/// Numbers of the items that a run took.
fn numbers(ended: &Ended) -> Vec<u64> {
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    let items = ended.items();
    let number = |item: &String| {
        serde_json::from_str::<serde_json::Value>(item).expect("an item has a number")["jitr_item"].as_u64()
    };
    items.iter().map(|item| number(item).expect("an item has a number")).collect()
}

#[test]
fn a_recheck_runs_each_item_until_it_is_done_or_given_up() {
    let stage = Stage::new("recheck");
    let first = recheck(&stage, "1", "1");
    assert_eq!((numbers(&first), first.outputs["last"].as_str()), (vec![1, 2], "false"));
    assert_eq!(first.items()[0], r#"{"site":"north","zone":1,"deep":{"list":["a",2.5,null]},"jitr_item":1}"#);

    // While the run goes on, its items are its own; a repeat of the very same attempt is given the same.
    stage.write("runs/1.status", "in_progress");
    assert_eq!(numbers(&recheck(&stage, "1", "1")), [1, 2]);
    let second = recheck(&stage, "2", "1");
    assert_eq!(numbers(&second), [3]);
    stage.write("runs/2.status", "in_progress");
    let third = recheck(&stage, "3", "1");
    assert_eq!((numbers(&third), third.outputs["matrix"].as_str()), (vec![], ""));

    // The first item was done, the second failed, the third was cancelled: that is no try.
    stage.write("runs/1.status", "completed");
    stage.write(
        "runs/1/jobs",
        "success\tsites item 1: north, 1\nfailure\tsites item 2: south, 1\nsuccess\tother\n",
    );
    stage.write("runs/2.status", "completed");
    stage.write("runs/2/jobs", "cancelled\tsites item 3: it's\nsuccess\tsites item 30: no\n");
    let fourth = recheck(&stage, "4", "1");
    assert_eq!((numbers(&fourth), fourth.outputs["last"].as_str()), (vec![3, 2], "true"));
    assert!(
        fourth.text.contains("1 of 3 items are done, this run takes 2, other runs have 0, 0 failed 2 times"),
        "{}",
        fourth.text
    );

    // The second fails again, and is given up; the third is done in the second attempt of its run.
    stage.write("runs/4.status", "completed");
    stage.write(
        "runs/4/jobs",
        "failure\tsites item 2: south, 1\nfailure\tsites item 3: it's\nsuccess\tsites item 3: it's\n",
    );
    let fifth = recheck(&stage, "5", "1");
    assert_eq!(fifth.code, Some(1));
    assert!(
        fifth.text.contains(r#"::error::given up after the last try: {"site":"south","zone":1}"#),
        "{}",
        fifth.text
    );
    assert_eq!(
        stage.progress("refs/jitr/nightly").lines().filter(|line| line.starts_with("done ")).count(),
        2
    );
}

#[test]
fn a_run_that_is_gone_or_begun_again_gives_its_items_back() {
    let stage = Stage::new("recheck-gone");
    assert_eq!(numbers(&recheck(&stage, "1", "1")), [1, 2]);
    // No run 1 at GitHub: somebody deleted it.
    assert_eq!(numbers(&recheck(&stage, "2", "1")), [1, 2]);
    // All jobs of run 2 are begun again after its first item was done.
    stage.write("runs/2/jobs", "success\tsites item 1: north, 1\n");
    assert_eq!(numbers(&recheck(&stage, "2", "2")), [2, 3]);
}

#[test]
fn two_runs_that_overlap_never_take_one_item() {
    let stage = Stage::new("recheck-race");
    stage.write("runs/1.status", "in_progress");
    stage.write("runs/2.status", "in_progress");
    let script = Script::of(&written(&RECHECK), "jitr-batch");
    // Run 2 reads the same progress as run 1, and writes first.
    let variables = stage.variables(&script, &recheck_variables(&stage, "2", "1"));
    let exports: BTreeMap<_, _> =
        variables.into_iter().map(|(name, value)| (name, value.replace('\'', "'\\''"))).collect();
    let mut before: String =
        exports.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
    before +=
        &format!("export GITHUB_OUTPUT='{}'\nset -eo pipefail\n{}", stage.path("other-outputs"), script.text);
    stage.write("before-push", &before);
    let loser = recheck(&stage, "1", "1");
    let winner = stage.read("other-outputs");
    assert!(winner.contains("\"jitr_item\":1}") && winner.contains("\"jitr_item\":2}"), "{winner}");
    assert_eq!(numbers(&loser), [3]);
    let progress = stage.progress("refs/jitr/nightly");
    let mut taken: Vec<_> = progress.lines().map(|line| line.split(' ').nth(3).unwrap()).collect();
    taken.sort_unstable();
    assert_eq!(taken, ["1", "2", "3"], "{progress}");
}

#[test]
fn nothing_is_taken_if_the_progress_cannot_be_written_or_read() {
    let stage = Stage::new("recheck-refused");
    let script = Script::of(&written(&RECHECK), "jitr-batch");
    let mut variables = recheck_variables(&stage, "1", "1");
    variables[2].1 = "/nowhere/at/all";
    let ended = stage.run(&script, &variables);
    assert_ne!(ended.code, Some(0));
    assert!(ended.outputs.is_empty(), "{}", ended.text);
    stage.refuse_pushes();
    let ended = recheck(&stage, "1", "1");
    assert_eq!(ended.code, Some(1));
    assert!(ended.outputs.is_empty() && ended.text.contains("could not be written"), "{}", ended.text);
}
