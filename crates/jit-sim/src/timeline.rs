//! The control plane's log as a timeline for people: one line for each event that changes something.

use std::sync::Mutex;

#[cfg(feature = "components")]
use jit_host::{Log, Stream};
use serde_json::Value;

/// Prints events as they come, with the time since the beginning.
#[derive(Debug)]
pub struct Timeline {
    started_ms: u64,
    errors: Mutex<Vec<String>>,
    detail: Detail,
}

/// How much is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    Silent,
    /// What changes something.
    Changes,
    /// Every line.
    Everything,
}

impl Timeline {
    /// A timeline that begins at a time.
    pub fn new(started_ms: u64, detail: Detail) -> Self {
        Self { started_ms, errors: Mutex::new(Vec::new()), detail }
    }

    /// Writes a line of the play itself.
    pub fn say(&self, now_ms: u64, who: &str, what: &str) {
        if self.detail != Detail::Silent {
            println!("{} {who:<10} {what}", self.stamp(now_ms));
        }
    }

    /// Whether nothing is printed.
    pub fn is_silent(&self) -> bool {
        self.detail == Detail::Silent
    }

    /// Notes something that must not happen; the end tells it.
    pub fn fault(&self, what: &str) {
        if let Ok(mut errors) = self.errors.lock() {
            errors.push(what.to_owned());
        }
    }

    /// What the host said of components that ended badly, and what else was noted.
    pub fn faults(&self) -> Vec<String> {
        self.errors.lock().map(|errors| errors.clone()).unwrap_or_default()
    }

    fn stamp(&self, now_ms: u64) -> String {
        let ms = now_ms.saturating_sub(self.started_ms);
        format!("{:>3}:{:02}.{:01}", ms / 60_000, ms / 1000 % 60, ms / 100 % 10)
    }
}

/// Events that only say that a function ran.
const ROUTINE: [&str; 5] =
    ["drained the jobs queue", "drained the lifecycle queue", "rebalanced", "swept", "jobs of a class wait"];

#[cfg(feature = "components")]
impl Log for Timeline {
    fn line(&self, component: &str, stream: Stream, line: &str) {
        if !self.event(component, line) {
            if stream == Stream::Host
                && let Ok(mut errors) = self.errors.lock()
            {
                errors.push(format!("{component}: {line}"));
            }
            if self.detail == Detail::Everything || stream != Stream::Stdout {
                println!("        {component:<10} {line}");
            }
        }
    }
}

impl Timeline {
    /// Tells an event of the control plane. Whether the line was one.
    pub fn event(&self, component: &str, line: &str) -> bool {
        let Ok(Value::Object(mut event)) = serde_json::from_str::<Value>(line) else { return false };
        let time = event.remove("time_ms").and_then(|t| t.as_u64()).unwrap_or(self.started_ms);
        let text = event.remove("event").and_then(|e| e.as_str().map(str::to_owned)).unwrap_or_default();
        let level = event.remove("level");
        event.remove("function");
        let is_routine = ROUTINE.contains(&text.as_str());
        if self.detail == Detail::Silent || is_routine && self.detail != Detail::Everything {
            return true;
        }
        let fields: Vec<String> = event
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect();
        let mark = if level.as_ref().and_then(Value::as_str) == Some("info") { "" } else { "! " };
        println!("{} {component:<10} {mark}{text}  {}", self.stamp(time), fields.join(" "));
        true
    }
}
