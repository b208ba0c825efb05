//! What components and the host say, line by line.
//!
//! Not in here: where the lines go; that is up to who implements [`Log`].

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::limits::LOG_LINE_BYTES_MAX;

/// Takes the lines of components.
pub trait Log: Send + Sync {
    /// Takes one line without its line end.
    fn line(&self, component: &str, stream: Stream, line: &str);

    /// Takes the account of an invocation that has ended.
    fn ended(&self, invocation: &Invocation) {
        let _ = invocation;
    }
}

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// The component's standard output.
    Stdout,
    /// The component's standard error.
    Stderr,
    /// The host, about the component.
    Host,
}

/// The account of one invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The component's name.
    pub component: String,
    /// Its number in this host, from 0, in the order of starting.
    pub number: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Most bytes of linear memory that it held.
    pub memory_bytes_peak: usize,
    /// Real time that making its instance took.
    pub instantiate_duration: Duration,
    /// WebAssembly operations that it used, roughly; none where the clock is real.
    pub fuel: Option<u64>,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It returned.
    Completed,
    /// Its handler returned an error, in its own words; cron only.
    Refused(String),
    /// It trapped: a panic, an exhausted memory, an illegal operation; the text says which.
    Trapped(String),
    /// It used up its time.
    TimedOut,
    /// It used up its operations.
    OutOfFuel,
    /// An effect ended it, as [`KeyValueError::Crash`](crate::KeyValueError::Crash) asks.
    Crashed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => out.write_str("completed"),
            Self::Refused(text) => write!(out, "refused: {text}"),
            Self::Trapped(text) => write!(out, "trapped: {text}"),
            Self::TimedOut => out.write_str("used up its time"),
            Self::OutOfFuel => out.write_str("used up its operations"),
            Self::Crashed => out.write_str("crashed on purpose"),
        }
    }
}

/// A log that drops everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Log for Silent {
    fn line(&self, _: &str, _: Stream, _: &str) {}
}

/// A log that keeps everything, for tests.
#[derive(Debug, Default)]
pub struct Recorded {
    lines: Mutex<Vec<(String, Stream, String)>>,
    invocations: Mutex<Vec<Invocation>>,
}

impl Recorded {
    /// The lines so far, each with its component and stream.
    pub fn lines(&self) -> Vec<(String, Stream, String)> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The invocations that have ended so far.
    pub fn invocations(&self) -> Vec<Invocation> {
        self.invocations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Log for Recorded {
    fn line(&self, component: &str, stream: Stream, line: &str) {
        let line = (component.to_owned(), stream, line.to_owned());
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn ended(&self, invocation: &Invocation) {
        self.invocations.lock().unwrap_or_else(PoisonError::into_inner).push(invocation.clone());
    }
}

/// Cuts a stream of bytes into lines. What is left when it is dropped is the last line.
pub(crate) struct Lines {
    component: Arc<str>,
    stream: Stream,
    log: Arc<dyn Log>,
    rest: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(component: Arc<str>, stream: Stream, log: Arc<dyn Log>) -> Self {
        Self { component, stream, log, rest: Vec::new() }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte != b'\n' {
                self.rest.push(byte);
            }
            if byte == b'\n' || self.rest.len() == LOG_LINE_BYTES_MAX {
                self.emit();
            }
        }
    }

    fn emit(&mut self) {
        let line = String::from_utf8_lossy(&self.rest);
        self.log.line(&self.component, self.stream, line.trim_end_matches('\r'));
        self.rest.clear();
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if !self.rest.is_empty() {
            self.emit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(writes: &[&[u8]]) -> Vec<String> {
        let log = Arc::new(Recorded::default());
        let mut lines = Lines::new("c".into(), Stream::Stdout, log.clone());
        for bytes in writes {
            lines.write(bytes);
        }
        drop(lines);
        log.lines().into_iter().map(|(_, _, line)| line).collect()
    }

    #[test]
    fn a_line_may_come_in_pieces() {
        assert_eq!(lines_of(&[b"a", b"b\nc", b"\n\nd"]), ["ab", "c", "", "d"]);
    }

    #[test]
    fn a_long_line_is_cut() {
        let long = vec![b'x'; LOG_LINE_BYTES_MAX + 1];
        assert_eq!(lines_of(&[&long]).iter().map(String::len).collect::<Vec<_>>(), [LOG_LINE_BYTES_MAX, 1]);
    }
}
