//! Values as YAML and JSON text that GitHub reads back as the same values.
//!
//! Not here: text of the source, which is copied as it stands.

use jit_github::workflow_file::yaml::{self, Single};
use serde_json::Value;

/// A text as a YAML scalar: unquoted where it reads the same and stands out as harmless, else in double quotes.
pub(crate) fn scalar(text: &str) -> String {
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || " _./-".contains(c);
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !text.ends_with(' ')
        && text.chars().all(is_harmless)
        && yaml::parse(text).is_ok_and(|node| node.single() == Some(Single::Text(text)));
    if is_plain { text.to_owned() } else { json(&Value::String(text.to_owned())) }
}

/// JSON on one line, in which every character may stand in YAML: what is neither a letter, a number nor a visible ASCII mark is escaped.
pub(crate) fn json(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if c == ' ' || c.is_ascii_graphic() || (c.is_alphanumeric() && !c.is_ascii()) {
            text.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

/// Lines, each with so many spaces before it, but for empty ones.
pub(crate) fn indented(text: &str, spaces: usize) -> String {
    let line = |line: &str| {
        if line.is_empty() { "\n".to_owned() } else { format!("{:spaces$}{line}\n", "") }
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn harmless_texts_stay_unquoted() {
        for (text, expected) in [
            ("nightly tests", "nightly tests"),
            ("ubuntu-latest", "ubuntu-latest"),
            ("true", "\"true\""),
            ("3.10", "\"3.10\""),
            ("a: b", "\"a: b\""),
            ("tests ${{ matrix.a }}", "\"tests ${{ matrix.a }}\""),
            ("", "\"\""),
            ("-", "\"-\""),
            ("a\u{2028}\u{1f980}", "\"a\\u2028\\ud83e\\udd80\""),
        ] {
            assert_eq!(scalar(text), expected);
        }
    }

    proptest! {
        #[test]
        fn every_text_is_read_back(text in "[ -~é🦀\u{7f}\u{85}\u{2028}\n\t]{0,20}") {
            let json = json(&Value::String(text.clone()));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text.clone());
            prop_assert!(!json.contains('\n'));
            if text.chars().all(|c| u32::from(c) < 0x1_0000) {
                let line = format!("key: {}", scalar(&text));
                let root = yaml::parse(&line).unwrap();
                prop_assert_eq!(root.get("key").unwrap().single(), Some(Single::Text(text.as_str())));
            }
        }
    }
}
