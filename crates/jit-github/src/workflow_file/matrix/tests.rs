//! Matrices whose combinations GitHub documents, and some that it does not allow.

use super::super::yaml;
use super::*;

fn read(text: &str) -> Vec<String> {
    match Matrix::read(&yaml::parse(text).unwrap()) {
        Matrix::Known(all) => all.iter().map(shown).collect(),
        Matrix::Unknown { at, why } => vec![format!("{at} {why:?}")],
    }
}

fn shown(combination: &Combination) -> String {
    let entries = combination.entries().iter();
    entries
        .map(|(key, value)| format!("{key}={}", value.to_json().unwrap()).replace('"', ""))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_last_axis_changes_first() {
    assert_eq!(
        read("{version: [10, 12], os: [ubuntu, windows]}"),
        ["version=10 os=ubuntu", "version=10 os=windows", "version=12 os=ubuntu", "version=12 os=windows"]
    );
}

/// The rules on fruits and animals in
/// <https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations#expanding-or-adding-matrix-configurations>.
#[test]
fn include_adds_to_combinations_that_it_does_not_change_or_is_its_own() {
    assert_eq!(
        read(
            "
fruit: [apple, pear]
animal: [cat, dog]
include:
  - color: green
  - color: pink
    animal: cat
  - fruit: apple
    shape: circle
  - fruit: banana
  - fruit: banana
    animal: cat
"
        ),
        [
            "fruit=apple animal=cat color=pink shape=circle",
            "fruit=apple animal=dog color=green shape=circle",
            "fruit=pear animal=cat color=pink",
            "fruit=pear animal=dog color=green",
            "fruit=banana",
            "fruit=banana animal=cat",
        ]
    );
}

#[test]
fn exclude_matches_in_part_and_comes_before_include() {
    assert_eq!(
        read("{a: [1, 2], b: [x, y], exclude: [{a: 1}, {a: 2, b: y}], include: [{a: 1, b: x}]}"),
        ["a=2 b=x", "a=1 b=x"]
    );
    assert_eq!(read("{a: [1], exclude: [{a: '1'}]}"), ["a=1"]);
    assert_eq!(read("{a: [{n: 1, m: 2}, {n: 2}], exclude: [{a: {m: 2, n: 1}}]}"), ["a={n:2}"]);
    assert_eq!(read("{a: [1, 2], exclude: [{a: 1}, {a: 2}]}"), Vec::<String>::new());
}

#[test]
fn include_alone_is_a_list_of_combinations() {
    assert_eq!(read("include: [{site: a, zone: 1}, {site: b}]"), ["site=a zone=1", "site=b"]);
}

#[test]
fn what_cannot_be_known_says_why_and_where() {
    for (text, expected) in [
        ("{a: [1, '${{ x }}']}", "1:9 Expression"),
        ("a: ${{ fromJSON(x) }}", "1:4 Expression"),
        ("{a: [1], include: '${{ x }}'}", "1:19 Expression"),
        ("{'${{ x }}': [1]}", "1:2 Expression"),
        ("{a: 1}", "1:5 Shape"),
        ("[1]", "1:1 Shape"),
        ("{a: [1], include: [1]}", "1:20 Shape"),
        ("{a: [1], exclude: [{b: 1}]}", "1:1 Exclude"),
        ("{a: [1], exclude: [{}]}", "1:1 Exclude"),
    ] {
        assert_eq!(read(text), [expected], "{text}");
    }
    let axis = format!("[{}]", vec!["1"; 40].join(","));
    assert_eq!(read(&format!("{{a: {axis}, b: {axis}}}")), ["1:137 TooMany".replace("137", "88")]);
}
