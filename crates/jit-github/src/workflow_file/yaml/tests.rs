//! Where values stand, and what single values are.

use super::*;

#[test]
fn blocks_end_with_their_last_value() {
    let text = "a: &x\n  - 1\n  - |\n    two\n\n  # note\nb: {c: [d] } # why\ne:\nf: *x\n";
    let root = parse(text).unwrap();
    let bytes = |key: &str| &text[root.get(key).unwrap().bytes.clone()];
    assert!(bytes("a").ends_with("    two"), "{:?}", bytes("a"));
    assert_eq!((bytes("b"), bytes("e"), bytes("f")), ("{c: [d] }", "", "*x"));
    let is_inline = |key: &str| root.get(key).unwrap().is_inline;
    assert_eq!((is_inline("a"), is_inline("b"), is_inline("f")), (false, true, true));
    let anchored = "a: &x [1]\nb: &y\n  c: 1\n";
    let root = parse(anchored).unwrap();
    assert!(root.get("a").unwrap().is_inline && !root.get("b").unwrap().is_inline);
}

#[test]
fn single_values_are_those_of_the_core_schema() {
    use Single::{Boolean, Null, Number, Text};
    for (text, expected) in [
        ("~", Null),
        ("Null", Null),
        ("nUll", Text("nUll")),
        ("TRUE", Boolean(true)),
        ("on", Text("on")),
        ("'true'", Text("true")),
        ("!!str 1", Text("1")),
        ("-12", Number(-12.0)),
        ("1e3", Number(1000.0)),
        ("+.5", Number(0.5)),
        ("0o17", Number(15.0)),
        ("0x+1", Text("0x+1")),
        ("-.inf", Number(f64::NEG_INFINITY)),
        ("inf", Text("inf")),
        ("1.2.3", Text("1.2.3")),
        (".", Text(".")),
        ("e1", Text("e1")),
        ("1_000", Text("1_000")),
    ] {
        assert_eq!(parse(text).unwrap().single(), Some(expected), "{text}");
    }
}

#[test]
fn values_become_json() {
    let json = |text: &str| parse(text).unwrap().to_json().map(|json| json.to_string());
    assert_eq!(
        json("{b: [1, 3.10, '3.10', ~, true], a: {c: x}}").as_deref(),
        Some(r#"{"a":{"c":"x"},"b":[1,3.1,"3.10",null,true]}"#)
    );
    assert_eq!(json("9007199254740993").as_deref(), Some("9007199254740992"));
    assert_eq!(json("[.nan]"), None);
}
