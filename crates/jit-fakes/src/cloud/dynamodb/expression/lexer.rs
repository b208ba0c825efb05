//! Cuts an expression into words and signs.
//! Not in it: grammar.

/// One piece of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword, function or attribute written out.
    Word(String),
    /// A name with its `#`.
    Name(String),
    /// A value with its `:`.
    Value(String),
    /// A sign, such as `(` or `<=`.
    Sign(&'static str),
}

/// Longer signs first, so that `<=` is not read as `<`.
const SIGNS: [&str; 12] = ["<>", "<=", ">=", "<", ">", "=", "(", ")", ",", "+", "-", "."];

/// Cuts the text; the error is what it stumbled over.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
        let length = if let Some(sign) = sign {
            tokens.push(Token::Sign(sign));
            sign.len()
        } else {
            let prefix = usize::from(matches!(first, '#' | ':'));
            let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
            let end = rest[prefix..].find(|char| !is_part(char)).map_or(rest.len(), |at| at + prefix);
            if end == prefix {
                return Err(first.to_string());
            }
            let word = rest[..end].to_owned();
            tokens.push(match first {
                '#' => Token::Name(word),
                ':' => Token::Value(word),
                _ => Token::Word(word),
            });
            end
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}
