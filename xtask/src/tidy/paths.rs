//! The paths that code names, with groups such as `use a::{b, c}` written out.
//! Not here: what a path means; a name that is imported under another one is seen where it is imported.

/// A path and the line where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Its line, from 1.
    pub(super) line: usize,
    /// Its names; a macro's has its `!`.
    pub(super) names: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Colons,
    Mark(char),
}

/// All paths of code that has neither comments nor quoted text, a single name being a path too.
pub(super) fn paths(code: &str) -> Vec<Named> {
    let mut reader = Reader { tokens: tokens(code), at: 0, found: Vec::new() };
    while reader.at < reader.tokens.len() {
        if matches!(reader.token(), Some(Token::Word(_))) {
            reader.path(&[]);
        } else {
            reader.at += 1;
        }
    }
    reader.found
}

struct Reader {
    tokens: Vec<(usize, Token)>,
    at: usize,
    found: Vec<Named>,
}

impl Reader {
    fn token(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    /// Reads a path that begins with a name, after the names of the groups around it.
    fn path(&mut self, around: &[String]) {
        let line = self.tokens.get(self.at).map_or(0, |(line, _)| *line);
        let mut names = around.to_vec();
        while let Some(Token::Word(word)) = self.token() {
            // `a::{self}` names a.
            if word != "self" || names.is_empty() {
                names.push(word.clone());
            }
            self.at += 1;
            if self.token() != Some(&Token::Colons) {
                break;
            }
            self.at += 1;
            match self.token() {
                Some(Token::Mark('{')) => return self.group(&names),
                Some(Token::Mark('*')) => {
                    names.push("*".to_owned());
                    self.at += 1;
                }
                Some(Token::Word(_) | Token::Colons | Token::Mark(_)) | None => {}
            }
        }
        if self.token() == Some(&Token::Mark('!'))
            && let Some(last) = names.last_mut()
        {
            last.push('!');
        }
        self.found.push(Named { line, names });
    }

    fn group(&mut self, names: &[String]) {
        self.at += 1;
        while let Some(token) = self.token() {
            match token {
                Token::Mark('}') => {
                    self.at += 1;
                    return;
                }
                Token::Mark('*') => {
                    let line = self.tokens.get(self.at).map_or(0, |(line, _)| *line);
                    let all = names.iter().cloned().chain(["*".to_owned()]).collect();
                    self.found.push(Named { line, names: all });
                    self.at += 1;
                }
                Token::Word(_) => self.path(names),
                Token::Colons | Token::Mark(_) => self.at += 1,
            }
        }
    }
}

fn tokens(code: &str) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    let mut rest = code;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let width = if is_word(first) {
            let width = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            tokens.push((line, Token::Word(rest[..width].to_owned())));
            width
        } else if rest.starts_with("::") {
            tokens.push((line, Token::Colons));
            2
        } else if rest.starts_with("!=") {
            2
        } else {
            line += usize::from(first == '\n');
            if !first.is_whitespace() {
                tokens.push((line, Token::Mark(first)));
            }
            first.len_utf8()
        };
        rest = &rest[width..];
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: &str) -> Vec<String> {
        paths(code).into_iter().map(|path| path.names.join("::")).collect()
    }

    #[test]
    fn groups_are_written_out() {
        let found = shown("use std::{fmt, time::{self, Duration}, io::*};");
        assert_eq!(found, ["use", "std::fmt", "std::time", "std::time::Duration", "std::io::*"]);
    }

    #[test]
    fn calls_macros_and_comparisons_are_told_apart() {
        assert_eq!(shown("std::fs::read(a)"), ["std::fs::read", "a"]);
        assert_eq!(shown("println!(b) + a != c"), ["println!", "b", "a", "c"]);
        assert_eq!(shown("a.await"), ["a", "await"]);
        assert_eq!(shown("Vec::<u8>::new()"), ["Vec", "u8", "new"]);
    }

    #[test]
    fn a_path_has_the_line_where_it_begins() {
        let lines: Vec<_> = paths("a\n\nb::\nc").into_iter().map(|path| path.line).collect();
        assert_eq!(lines, [1, 3]);
    }

    #[test]
    fn what_is_cut_off_ends() {
        for code in ["use std::{", "a::", "use a::{b::{c", "::", "}", "a::*::"] {
            paths(code);
        }
    }
}
