//! Workflow files as people write them, and as nobody should.

use proptest::prelude::*;

use super::*;

fn file(text: &str) -> WorkflowFile {
    WorkflowFile::parse(text.as_bytes()).unwrap()
}

fn fault(text: &str) -> String {
    WorkflowFile::parse(text.as_bytes()).unwrap_err().to_string()
}

/// The width of a job that has these lines.
fn width(lines: &str) -> Width {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    file(&format!("on: push\njobs:\n  a:\n    runs-on: linux\n{lines}")).jobs["a"].width()
}

const SEQUENTIAL: &str = "\
name: migrate
on:
  push: {branches: [main]}
concurrency:
  group: migrate-${{ github.ref }}
  cancel-in-progress: true
jobs:
  build:
    name: Build it
    runs-on: ubuntu-latest
    steps: [{run: make}]
  tests:
    name: tests ${{ matrix.job_id }}
    needs: [build]
    runs-on: [self-hosted, linux, \"${{ matrix.size }}\"]
    concurrency: database
    strategy:
      fail-fast: false
      max-parallel: 3
      matrix:
        job_id: [1, 2, 3, 4]
    steps:
      - run: |
          ./migrate ${{ matrix.job_id }}
  deploy:
    needs: tests
    uses: ./.github/workflows/deploy.yml
  other:
    runs-on: {group: big, labels: [gpu]}
    steps: []
";

#[test]
fn a_real_file_is_read() {
    let file = file(SEQUENTIAL);
    assert_eq!(file.jobs.keys().collect::<Vec<_>>(), ["build", "deploy", "other", "tests"]);
    let concurrency = file.concurrency.unwrap();
    assert!(concurrency.group.unwrap().has_expression);
    assert_eq!(concurrency.cancel_in_progress, Setting::Literal(true));

    let tests = &file.jobs["tests"];
    assert_eq!(tests.key.at, Position { line: 12, column: 3 });
    assert_eq!(tests.name.as_ref().unwrap().text, "tests ${{ matrix.job_id }}");
    assert_eq!(tests.needs, ["build"]);
    assert_eq!(tests.strategy.fail_fast, Setting::Literal(false));
    assert_eq!(tests.strategy.max_parallel, Some(Setting::Literal(3)));
    assert_eq!(tests.width(), Width::Known(1));
    let RunsOn::Runner { labels, group: None } = &tests.runs_on else { panic!("{:?}", tests.runs_on) };
    assert_eq!(labels.iter().filter(|label| label.has_expression).count(), 1);

    let RunsOn::Runner { group, labels } = &file.jobs["other"].runs_on else { panic!("no runner") };
    assert_eq!((group.as_ref().unwrap().text.as_str(), labels.len()), ("big", 1));
    assert_eq!(file.jobs["deploy"].needs, ["tests"]);
    assert_eq!(file.jobs["deploy"].width(), Width::Unknown);
    assert_eq!(file.jobs["build"].width(), Width::Known(1));
}

#[test]
fn the_width_is_the_least_of_what_is_known() {
    for (lines, expected) in [
        ("steps: []", Width::Known(1)),
        ("strategy:\n  max-parallel: 1\n  matrix: {a: [1, 2, 3]}", Width::Known(1)),
        ("strategy:\n  max-parallel: 8\n  matrix: {a: [1, 2, 3]}", Width::Known(3)),
        ("strategy:\n  matrix: {a: [1, 2, 3], b: [x, y]}", Width::Known(6)),
        ("strategy:\n  matrix: {a: [1, 2, 3], exclude: [{a: 1}]}", Width::Known(2)),
        ("strategy:\n  matrix: {include: [{a: 1}, {a: 2}]}", Width::Known(2)),
        ("strategy:\n  matrix: ${{ fromJSON(needs.x.outputs.y) }}", Width::Unknown),
        ("strategy:\n  matrix:\n    a: ${{ fromJSON(needs.x.outputs.y) }}", Width::Unknown),
        ("strategy:\n  max-parallel: 2\n  matrix: ${{ fromJSON(inputs.y) }}", Width::Known(2)),
        ("strategy:\n  max-parallel: ${{ inputs.n }}\n  matrix: {a: [1, 2]}", Width::Known(2)),
        ("strategy:\n  max-parallel: ${{ inputs.n }}\n  matrix: ${{ fromJSON(inputs.y) }}", Width::Unknown),
        ("strategy: ${{ fromJSON(inputs.y) }}", Width::Unknown),
        ("strategy:\n  max-parallel: 0\n  matrix: {a: [1, 2]}", Width::Known(2)),
        ("concurrency: one\nstrategy:\n  matrix: {a: [1, 2]}", Width::Known(1)),
        ("concurrency: {group: one}\nstrategy:\n  matrix: ${{ inputs.x }}", Width::Known(1)),
        ("concurrency: x-${{ matrix.a }}\nstrategy:\n  matrix: {a: [1, 2]}", Width::Known(2)),
        ("strategy:\n  matrix: {a: []}", Width::Unknown),
        ("uses: ./.github/workflows/x.yml\nstrategy:\n  max-parallel: 1\n  matrix: {a: [1]}", Width::Unknown),
    ] {
        assert_eq!(width(lines), expected, "{lines}");
    }
    let all: Vec<String> = (0..257).map(|n| n.to_string()).collect();
    assert_eq!(width(&format!("strategy:\n  matrix: {{a: [{}]}}", all.join(", "))), Width::Unknown);
    assert_eq!(width(&format!("strategy:\n  matrix: {{a: [{}]}}", all[..256].join(", "))), Width::Known(256));
}

#[test]
fn an_alias_stands_for_what_is_anchored() {
    let file = file(
        "on: push\njobs:\n  a: &a\n    runs-on: linux\n    strategy: &s {max-parallel: 1, matrix: {x: [1, 2]}}\n  b: *a\n  c:\n    strategy: *s\n",
    );
    assert_eq!(file.jobs["b"].width(), Width::Known(1));
    assert_eq!(file.jobs["b"].node.at, Position { line: 6, column: 6 });
    assert_eq!(file.jobs["c"].strategy, file.jobs["a"].strategy);
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    for (text, expected) in [
        ("", "1:1: the file is empty"),
        ("# nothing\n", "1:1: the file is empty"),
        ("- a\n", "1:1: `the file` is not a mapping"),
        ("on: push\n", "1:1: there is no `jobs`"),
        ("on: push\njobs:\n", "2:5: `jobs` is not a mapping from keys to jobs"),
        ("jobs:\n  a: 1\n", "2:6: `a` is not a job, which is a mapping"),
        ("jobs:\n  a: {}\n  a: {}\n", "3:3: the key `a` is there twice"),
        ("jobs:\n  ? [a]\n  : {}\n", "2:5: a list or a mapping cannot be a key"),
        (
            "jobs: {a: {}}\n---\nb: 1\n",
            "2:1: a second YAML document begins here, and a workflow file has one",
        ),
        ("jobs: &j\n  a: *j\n", "2:6: this alias stands inside of what it stands for"),
    ] {
        assert_eq!(fault(text), expected, "{text}");
    }
    for (text, place) in [
        ("jobs:\n  a: [1, 2\n", "3:1: this is not YAML: "),
        ("jobs:\n\ta: 1\n", "2:2: this is not YAML: "),
        ("jobs:\n  a: *gone\n", "2:6: this is not YAML: "),
        ("jobs:\n  a: \"x\n", "2:6: this is not YAML: "),
    ] {
        assert!(fault(text).starts_with(place), "{text}: {}", fault(text));
    }
    let fault = WorkflowFile::parse(b"jobs:\n  \xc3\xa9: \xff").unwrap_err();
    assert_eq!(fault.to_string(), "2:6: the file is not UTF-8 from here on");
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_no_fault() {
    let file = file("\u{feff}on: push\r\njobs:\r\n  a:\r\n    strategy:\r\n      max-parallel: 1\r\n");
    assert_eq!(file.jobs["a"].strategy.max_parallel, Some(Setting::Literal(1)));
}

#[test]
fn files_that_are_made_to_be_dear_are_refused_at_once() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..20 {
        let alias = format!("*a{}, ", n - 1).repeat(9);
        bomb += &format!("a{n}: &a{n} [{}]\n", alias.trim_end_matches(", "));
    }
    assert!(fault(&bomb).contains("with aliases counted as what they stand for"), "{}", fault(&bomb));
    let name = |fault: String| fault.split(": ").nth(1).unwrap().to_owned();
    assert_eq!(name(fault(&"- ".repeat(1_000))), "values are nested deeper than 50 levels");
    assert!(
        name(fault(&format!("jobs: {}", "[".repeat(999_000)))).contains("deeper than 50 levels")
            || fault(&format!("jobs: {}", "[".repeat(999_000))).contains("not YAML")
    );
    assert!(fault(&"- 1\n".repeat(200_000)).contains("more than 50000 values"));
    assert_eq!(fault(&"a".repeat(1_000_001)), "1:1: the file has more than 1000000 bytes");
    // The largest file there can be: nothing but a script.
    let script = format!("jobs:\n  a:\n    steps:\n      - run: |\n{}", "          echo é\n".repeat(55_000));
    assert_eq!(file(&script).jobs["a"].width(), Width::Known(1));
    // A key of its own size is not repeated in full.
    let key = "k".repeat(100_000);
    assert!(fault(&format!("{key}: 1\n{key}: 1\n")).len() < 300);
}

/// A chain of anchors, each in the next, is as deep as its length; it must not be deep enough to end the stack.
#[test]
fn a_chain_of_aliases_is_bounded_too() {
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for n in 1..5_000 {
        chain += &format!("a{n}: &a{n} [*a{}]\n", n - 1);
    }
    assert!(fault(&chain).contains("with aliases counted"), "{}", fault(&chain));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = WorkflowFile::parse(&bytes);
    }

    #[test]
    fn any_text_of_yaml_marks_is_read_or_refused(text in "([a-c:\\-\\[\\]{},&*|>'\"#?!é ~0-9\n]|\\$\\{\\{|jobs:\n|  a:\n|    strategy:\n){0,120}") {
        if let Ok(file) = WorkflowFile::parse(text.as_bytes()) {
            for job in file.jobs.values() {
                prop_assert_ne!(job.width(), Width::Known(0));
            }
        }
    }

    /// Each node's bytes are its own text: read alone, they are the same value.
    #[test]
    fn bytes_of_a_value_are_its_text(values in proptest::collection::vec("[a-zé]{1,5}|!!str \"[a-z# ]{0,5}\"|\"(\\\\\"|[a-z# ']){0,5}\"|'([a-z# \"]|''){0,5}'|\\[[a-z]{1,3}, [0-9]{1,3}\\]", 1..8), before in "(# é\n){0,3}") {
        let mut text = before;
        for (n, value) in values.iter().enumerate() {
            text += &format!("k{n}: {value} # c\n");
        }
        let root = yaml::parse(&text).unwrap();
        for ((key, node), (n, written)) in root.entries().unwrap().iter().zip(values.iter().enumerate()) {
            prop_assert_eq!(&text[key.bytes.clone()], format!("k{n}"));
            prop_assert_eq!(&text[node.bytes.clone()], written.as_str());
        }
    }

    /// However many combinations there are, no more than `max-parallel` are said to run at once, and no more than there are.
    #[test]
    fn a_known_width_is_never_above_its_parts(a in 1usize..12, b in 1usize..12, max_parallel in 1u32..200) {
        let axis = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        let lines = format!("strategy:\n  max-parallel: {max_parallel}\n  matrix:\n    a: [{}]\n    b: [{}]", axis(a), axis(b));
        let combinations = u32::try_from(a * b).unwrap();
        prop_assert_eq!(width(&lines), Width::Known(combinations.min(max_parallel)));
    }
}
