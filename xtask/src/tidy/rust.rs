//! Rust source reduced to code: comments, text in quotes and what is compiled for tests only become blanks, and lines
//! stay where they are.
//!
//! Not here: a parser. What remains is read as words, which is enough to see a path or an attribute.

use std::ops::Range;

/// Code without comments and quoted text.
pub(super) fn code(source: &str) -> String {
    let mut blanked = source.as_bytes().to_vec();
    let mut at = 0;
    while at < blanked.len() {
        let (end, keep) = item(source.as_bytes(), at);
        if !keep {
            blank(&mut blanked, at..end);
        }
        at = end;
    }
    String::from_utf8_lossy(&blanked).into_owned()
}

/// Code without tests, and the modules that are compiled for tests only.
pub(super) fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let mut blanked = code.as_bytes().to_vec();
    let mut modules = Vec::new();
    let mut from = 0;
    while let Some(start) = code.get(from..).and_then(|rest| rest.find(MARK)).map(|found| from + found) {
        let body = start + MARK.len();
        let end = item_end(code.as_bytes(), body);
        modules.extend(code.get(body..end).and_then(module_elsewhere));
        blank(&mut blanked, start..end);
        from = end.max(body);
    }
    (String::from_utf8_lossy(&blanked).into_owned(), modules)
}

/// The end of what begins here, and whether it is code.
fn item(source: &[u8], at: usize) -> (usize, bool) {
    let next = source.get(at + 1).copied();
    match source[at] {
        b'/' if next == Some(b'/') => (find(source, at, b"\n"), false),
        b'/' if next == Some(b'*') => (comment_end(source, at), false),
        b'"' => (text_end(source, at), false),
        b'\'' => character_end(source, at).map_or((at + 1, true), |end| (end, false)),
        byte if is_word(byte) => {
            let end = at + source[at..].iter().take_while(|byte| is_word(**byte)).count();
            match raw_text_end(source, at, end) {
                Some(end) => (end, false),
                None => (end, true),
            }
        }
        _ => (at + 1, true),
    }
}

fn comment_end(source: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < source.len() {
        if source[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if source[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn text_end(source: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < source.len() {
        match source[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    source.len()
}

/// The end of a character literal; none for a lifetime.
fn character_end(source: &[u8], start: usize) -> Option<usize> {
    if source.get(start + 1) == Some(&b'\\') {
        return Some(find(source, start + 3, b"'") + 1);
    }
    let rest = source.get(start + 1..)?;
    let width = rest.iter().skip(1).take_while(|byte| (0x80..0xC0).contains(*byte)).count() + 1;
    (rest.get(width) == Some(&b'\'')).then_some(start + 1 + width + 1)
}

/// The end of a raw text whose prefix is the word from start to end; none if it is an ordinary word.
fn raw_text_end(source: &[u8], start: usize, end: usize) -> Option<usize> {
    if ![&b"r"[..], b"br", b"cr"].contains(&source.get(start..end)?) {
        return None;
    }
    let hashes = source[end..].iter().take_while(|byte| **byte == b'#').count();
    if source.get(end + hashes) != Some(&b'"') {
        return None;
    }
    let mut closing = vec![b'"'];
    closing.extend(std::iter::repeat_n(b'#', hashes));
    Some((find(source, end + hashes + 1, &closing) + closing.len()).min(source.len()))
}

/// The end of the item behind an attribute: its closing brace or its semicolon.
fn item_end(code: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in code[from..].iter().enumerate() {
        let at = from + offset;
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' if depth == 0 => return at,
            b'}' | b')' | b']' => {
                depth -= 1;
                if depth == 0 && *byte == b'}' {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The name of a module whose body is in another file.
fn module_elsewhere(item: &str) -> Option<String> {
    let mut words = item.trim().strip_suffix(';')?.split_whitespace().rev();
    let name = words.next()?;
    (words.next()? == "mod").then(|| name.to_owned())
}

fn find(source: &[u8], from: usize, what: &[u8]) -> usize {
    let rest = source.get(from..).unwrap_or_default();
    rest.windows(what.len()).position(|window| window == what).map_or(source.len(), |found| from + found)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn blank(bytes: &mut [u8], range: Range<usize>) {
    let end = range.end.min(bytes.len());
    for byte in &mut bytes[range.start.min(end)..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_quoted_text_become_blanks_and_code_stays() {
        for (source, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y", 'z')"#, "f(      ,    )"),
            (r##"g(r#"a"b"#, br"c")"##, "g(        ,      )"),
            ("fn h<'a>(x: &'a str) {}", "fn h<'a>(x: &'a str) {}"),
            ("['\\'', '\\u{41}', 'é', b'x'] k", "[    ,         ,     , b   ] k"),
            ("r#async + for", "r#async + for"),
            ("\"open", "     "),
            ("/* open", "       "),
            ("'\\", "  "),
        ] {
            assert_eq!(code(source), expected, "{source}");
        }
    }

    #[test]
    fn lines_stay_where_they_are() {
        let source = "one\n\"two\nthree\" /* four\nfive */ six\n";
        let lines: Vec<_> = code(source).lines().map(|line| line.trim().to_owned()).collect();
        assert_eq!(lines, ["one", "", "", "six"]);
    }

    #[test]
    fn what_is_for_tests_only_is_taken_out() {
        let source = "mod a;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[path(x)]\npub mod b {\n fn c() {}\n}\nfn d() {}";
        let (rest, modules) = without_tests(source);
        assert_eq!(rest.split_whitespace().collect::<Vec<_>>(), ["mod", "a;", "fn", "d()", "{}"]);
        assert_eq!(modules, ["tests"]);
        assert_eq!(rest.lines().count(), source.lines().count());
    }

    #[test]
    fn a_function_for_tests_ends_at_its_own_brace() {
        let (rest, modules) = without_tests("#[cfg(test)] fn a(b: [u8; 2]) { if c { d } } fn e() {}");
        assert_eq!(rest.trim(), "fn e() {}");
        assert!(modules.is_empty());
        assert_eq!(without_tests("#[cfg(test)]").0.trim(), "");
    }
}
