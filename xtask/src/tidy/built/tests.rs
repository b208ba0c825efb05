//! Tests of the comparison, with components small enough to be written out.

use super::*;

/// `(component (import "a:b/c" (instance)) (component (import "x" (instance))) (export "d" (instance 0)))` in bytes:
/// <https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md>.
fn component() -> Vec<u8> {
    const PREAMBLE: [u8; 8] = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
    let section = |id: u8, content: &[u8]| [&[id, u8::try_from(content.len()).unwrap()], content].concat();
    // One type: an instance type without declarations.
    let types = section(7, &[1, 0x42, 0]);
    let import = |name: &str| {
        let name = [&[1, 0, u8::try_from(name.len()).unwrap()], name.as_bytes(), &[5, 0]].concat();
        section(10, &name)
    };
    let inner = [&PREAMBLE[..], &types, &import("x")].concat();
    let export = section(11, &[1, 0, 1, b'd', 5, 0, 0]);
    [&PREAMBLE[..], &types, &import("a:b/c"), &section(4, &inner), &export].concat()
}

fn sound() -> Shape {
    Shape {
        size_bytes: 1000,
        imports: vec!["a:b/c".to_owned()],
        exports: vec!["d".to_owned()],
        hosts: vec!["https://e".to_owned()],
    }
}

fn compared(is: &Shape) -> Findings {
    let mut findings = Findings::default();
    compare("webhook", &sound(), is, &mut findings);
    findings
}

#[test]
fn names_are_those_of_the_component_and_not_of_what_is_inside() {
    let bytes = component();
    let shape = shape(&bytes).unwrap();
    assert_eq!(shape.imports, ["a:b/c"]);
    assert_eq!(shape.exports, ["d"]);
    assert_eq!(shape.size_bytes, u64::try_from(bytes.len()).unwrap());
}

#[test]
fn what_is_no_component_is_an_error() {
    assert!(shape(b"").is_err());
    assert!(shape(b"\0asm").is_err());
    assert!(shape(&component()[..20]).is_err());
}

#[test]
fn what_is_committed_is_read_as_it_was_written() {
    let text = table(&sound()).to_string();
    let document: DocumentMut = format!("[webhook]\n{text}").parse().unwrap();
    assert_eq!(committed(&document["webhook"]), sound());
    let empty = Shape::default();
    let document: DocumentMut = format!("[webhook]\n{}", table(&empty)).parse().unwrap();
    assert_eq!(committed(&document["webhook"]), empty);
}

#[test]
fn the_same_shape_is_no_finding() {
    assert!(compared(&sound()).faults.is_empty());
}

#[test]
fn each_name_that_comes_or_goes_is_a_fault() {
    for change in [
        |shape: &mut Shape| shape.imports.push("f:g/h".to_owned()),
        |shape: &mut Shape| shape.imports.clear(),
        |shape: &mut Shape| shape.exports.push("f".to_owned()),
        |shape: &mut Shape| shape.exports.clear(),
        |shape: &mut Shape| shape.hosts.push("https://f".to_owned()),
        |shape: &mut Shape| shape.hosts.clear(),
    ] {
        let mut is = sound();
        change(&mut is);
        assert_eq!(compared(&is).faults.len(), 1);
    }
}

#[test]
fn growth_is_a_fault_beyond_two_percent_and_shrinking_is_told() {
    for (size_bytes, faults, notes) in [(1020, 0, 0), (1021, 1, 0), (950, 0, 0), (949, 0, 1), (0, 0, 1)] {
        let findings = compared(&Shape { size_bytes, ..sound() });
        assert_eq!((findings.faults.len(), findings.notes.len()), (faults, notes), "{size_bytes}");
    }
}

#[test]
fn without_list_or_component_there_is_a_fault_for_each() {
    let nowhere = Path::new("no-such-folder");
    let mut findings = Findings::default();
    check(nowhere, &Tree::of(&[]), &mut findings);
    assert_eq!(findings.faults.len(), 1);
    let mut findings = Findings::default();
    check(nowhere, &Tree::of(&[(LIST, "[newcomer]\n")]), &mut findings);
    assert_eq!(findings.faults.len(), FUNCTIONS.len() + 1, "{:?}", findings.shown());
}
