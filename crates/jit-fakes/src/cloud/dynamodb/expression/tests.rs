//! Tests of conditions and updates, and of what is refused in them.

use proptest::prelude::*;

use super::*;

fn item(attributes: &[(&str, Value)]) -> Item {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn scope(names: &[(&str, &str)], values: &[(&str, Value)]) -> Scope {
    let names: BTreeMap<_, _> = names.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let values = item(values);
    let placeholders = Placeholders {
        names: Some(names).filter(|names| !names.is_empty()),
        values: Some(values).filter(|values| !values.is_empty()),
    };
    Scope::new(placeholders, true).unwrap()
}

fn holds(condition: &str, of: &Item) -> bool {
    let scope =
        scope(&[("#o", "open")], &[(":1", Value::N(1)), (":2", Value::N(2)), (":x", Value::S("x".into()))]);
    scope.condition(condition).unwrap().holds(of)
}

fn refused(read: Result<impl std::fmt::Debug, ApiError>) -> String {
    read.unwrap_err().message
}

#[test]
fn conditions_bind_as_documented() {
    let of = item(&[("a", Value::N(1)), ("open", Value::S("xy".into()))]);
    for (condition, wanted) in [
        ("a = :1", true),
        ("a = :2 OR a = :1 AND #o = :x", false),
        ("(a = :2 OR a = :1) AND begins_with(#o, :x)", true),
        ("NOT a = :2 AND a <> :2", true),
        ("not attribute_exists(b) and attribute_not_exists(b)", true),
        ("a < :2 AND a <= :1 AND :2 > a AND a >= :1", true),
        ("a BETWEEN :1 AND :2 AND a < :2", true),
        ("a = :x", false),
        ("a < :x OR a > :x", false),
        ("b = :1 OR b < :1 OR b > :1", false),
        ("b <> :1", true),
    ] {
        assert_eq!(holds(condition, &of), wanted, "{condition}");
    }
}

#[test]
fn updates_compute_from_the_item_as_it_was() {
    let before = item(&[("a", Value::N(1)), ("b", Value::N(5)), ("c", Value::Null)]);
    let scope = scope(&[("#n", "n")], &[(":0", Value::N(0)), (":1", Value::N(1))]);
    let update = scope
        .update("SET a = b, b = a - :1, d = if_not_exists(#n, :0) + :1 REMOVE c ADD #n :1, e :0")
        .unwrap();
    let after = item(&[
        ("a", Value::N(5)),
        ("b", Value::N(0)),
        ("d", Value::N(1)),
        ("n", Value::N(1)),
        ("e", Value::N(0)),
    ]);
    assert_eq!(update.apply(&before).unwrap(), after);
    assert_eq!(scope.check_used(), Ok(()));
}

#[test]
fn what_cannot_be_computed_is_refused() {
    let scope = scope(&[], &[(":1", Value::N(1)), (":x", Value::S("x".into()))]);
    let apply = |update: &str, before: &Item| scope.update(update).unwrap().apply(before);
    assert!(apply("SET a = b", &Item::new()).is_err());
    assert!(apply("SET a = a + :1", &Item::new()).is_err());
    assert!(apply("SET a = a + :1", &item(&[("a", Value::Null)])).is_err());
    assert!(apply("ADD a :1", &item(&[("a", Value::Null)])).is_err());
    assert!(refused(scope.update("ADD a :x")).contains("operator: ADD"));
}

#[test]
fn what_is_not_used_or_not_defined_is_refused() {
    let unused = scope(&[("#a", "a"), ("#b", "b")], &[(":1", Value::N(1))]);
    unused.condition("#a = :1").unwrap();
    assert!(refused(unused.check_used()).ends_with("unused in expressions: keys: {#b}"));
    let unused = scope(&[], &[(":1", Value::N(1)), (":2", Value::N(1))]);
    unused.condition("a = :1").unwrap();
    assert!(
        refused(unused.check_used()).contains("ExpressionAttributeValues unused in expressions: keys: {:2}")
    );
    assert!(refused(scope(&[], &[]).condition("a = :1")).contains("attribute value: :1"));
    assert!(refused(scope(&[], &[]).condition("attribute_exists(#a)")).contains("attribute name: #a"));
    let some = Placeholders { names: Some(BTreeMap::new()), values: None };
    assert!(refused(Scope::new(some.clone(), true)).contains("must not be empty"));
    assert!(refused(Scope::new(some, false)).contains("only be specified when using expressions"));
}

#[test]
fn reserved_words_double_targets_and_nonsense_are_refused() {
    let scope = scope(&[], &[(":1", Value::N(1))]);
    assert!(refused(scope.condition("name = :1")).contains("reserved keyword: name"));
    assert!(refused(scope.update("SET a = :1 REMOVE a")).contains("overlap"));
    assert!(refused(scope.update("SET a = :1 SET b = :1")).contains("only be used once"));
    for nonsense in
        ["a =", "= :1", "a = :1 :1", "a = :1 AND", "(a = :1", "attribute_exists(:1)", "a ? :1", "a.b = :1"]
    {
        assert!(scope.condition(nonsense).is_err(), "{nonsense}");
    }
    for nonsense in ["SET", "SET a", "SET a = ", "GIVE a :1", "REMOVE", "a = :1", "SET a = :1,"] {
        assert!(scope.update(nonsense).is_err(), "{nonsense}");
    }
    let deep = format!("{}a = :1{}", "(".repeat(500), ")".repeat(500));
    assert!(refused(scope.condition(&deep)).contains("too deeply"));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z#:<>=(),+ .?é]{0,40}|(NOT |a = :1|AND|OR|SET |[()]| ){0,12}") {
        let scope = scope(&[("#a", "a")], &[(":1", Value::N(1))]);
        let _ = scope.condition(&text);
        let _ = scope.update(&text);
    }
}
