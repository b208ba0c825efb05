//! The running program: its output is told on the timeline and kept, and it ends with all that it started.
//! Not here: what it serves.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jit_host::{Log as _, Stream};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;

use crate::timeline::Timeline;

/// Lines kept for whoever looks for the cause of a failure.
const LINES_KEPT: usize = 200;
/// How long the program may take to end after it was told to.
const END_MAX: Duration = Duration::from_secs(15);
/// How often it is looked at meanwhile.
const END_PAUSE: Duration = Duration::from_millis(50);
/// How long it may take to say its version.
const VERSION_MAX: Duration = Duration::from_secs(30);

/// A program in a process group of its own. `spin up` starts a process for each kind of trigger, which outlives it when it is
/// killed, so what is ended is the group.
pub(crate) struct Child {
    process: Mutex<tokio::process::Child>,
    group: u32,
    said: Arc<Mutex<VecDeque<String>>>,
}

impl Child {
    /// Starts the program.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(mut command: Command, timeline: Arc<Timeline>) -> Result<Self> {
        let mut process = command
            // With it, Spin adds forty lines to each error.
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", command.as_std().get_program().display()))?;
        let group = process.id().context("the program has ended already")?;
        let said = Arc::default();
        if let Some(out) = process.stdout.take() {
            tokio::spawn(listen(out, Arc::clone(&said), timeline.clone()));
        }
        if let Some(err) = process.stderr.take() {
            tokio::spawn(listen(err, Arc::clone(&said), timeline));
        }
        Ok(Self { process: Mutex::new(process), group, said })
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// The system does not say.
    pub(crate) fn ended(&self) -> Result<Option<ExitStatus>> {
        Ok(lock(&self.process).try_wait()?)
    }

    /// Tells it to end, as a terminal or a service manager does, and waits.
    ///
    /// # Errors
    /// It does not end in time; dropping it will kill it.
    pub(crate) async fn end(&self) -> Result<()> {
        if self.ended()?.is_some() {
            bail!("the program ended by itself");
        }
        signal("-TERM", self.group);
        let ends = async {
            while self.ended()?.is_none() {
                tokio::time::sleep(END_PAUSE).await;
            }
            Ok(())
        };
        tokio::time::timeout(END_MAX, ends).await.context("the program did not end when told to")?
    }

    /// Its last lines.
    pub(crate) fn last_words(&self) -> Vec<String> {
        lock(&self.said).iter().cloned().collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Only while it has not been waited for is the number certainly its own.
        if matches!(self.ended(), Ok(None)) {
            signal("-KILL", self.group);
        }
    }
}

/// Sends a signal to a process group. One that has ended meanwhile is fine.
fn signal(name: &str, group: u32) {
    let mut kill = std::process::Command::new("kill");
    kill.args([name, "--", &format!("-{group}")]).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = kill.status();
}

/// What a program calls itself: the first line that `--version` prints.
pub(crate) async fn version(program: &Path) -> Result<String> {
    let mut ask = Command::new(program);
    ask.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
    let output =
        tokio::time::timeout(VERSION_MAX, ask.output()).await.context("it does not say its version")?;
    let output = output.with_context(|| format!("cannot start {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map(str::to_owned).with_context(|| format!("{} does not say its version", program.display()))
}

/// Tells what components log, whatever a host puts before it, and keeps every line.
async fn listen(stream: impl AsyncRead + Unpin, said: Arc<Mutex<VecDeque<String>>>, timeline: Arc<Timeline>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some((component, event)) = event(&line) {
            timeline.line(&component, Stream::Stdout, event);
        }
        let mut said = lock(&said);
        if said.len() == LINES_KEPT {
            said.pop_front();
        }
        said.push_back(line);
    }
}

/// The event in a line of output, and the function that logged it.
fn event(line: &str) -> Option<(String, &str)> {
    let event = &line[line.find('{')?..];
    let fields: Value = serde_json::from_str(event).ok()?;
    Some((fields.get("function")?.as_str()?.to_owned(), event))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Detail;

    /// Longer than anything here takes, so that a hang is a failure and not a hang.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Child::start(command, Arc::new(Timeline::new(0, Detail::Silent))).unwrap()
    }

    async fn until_it_said(child: &Child, text: &str) -> String {
        let waits = async {
            loop {
                if let Some(line) = child.last_words().iter().find(|line| line.contains(text)) {
                    return line.clone();
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waits).await.unwrap()
    }

    fn is_alive(process: &str) -> bool {
        std::process::Command::new("kill")
            .args(["-0", process])
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    #[test]
    fn an_event_is_found_behind_whatever_a_host_puts_before_it() {
        let event_of = |line| event(line).map(|(function, _)| function);
        assert_eq!(event_of(r#"scaleup | {"function":"scaleup"}"#), Some("scaleup".to_owned()));
        assert_eq!(event_of(r#"{"function":"webhook","event":"x"}"#), Some("webhook".to_owned()));
        for other in ["Serving http://127.0.0.1:3000", "{", r#"{"level":"info"}"#, ""] {
            assert_eq!(event_of(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn what_it_says_is_kept_up_to_a_number_of_lines() {
        let child = shell("i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; done; echo oops >&2");
        until_it_said(&child, "line 300").await;
        until_it_said(&child, "oops").await;
        assert_eq!(child.last_words().len(), LINES_KEPT);
    }

    #[tokio::test]
    async fn a_program_that_is_told_to_end_ends_with_what_it_started() {
        let child = shell("sleep 1000 & echo child $!; wait");
        let started = until_it_said(&child, "child ").await;
        child.end().await.unwrap();
        assert!(child.ended().unwrap().is_some());
        until_gone(started.strip_prefix("child ").unwrap()).await;
    }

    #[tokio::test]
    async fn a_program_that_does_not_listen_is_killed_with_what_it_started() {
        let child = shell("trap '' TERM; sleep 1000 & echo child $!; wait");
        let started = until_it_said(&child, "child ").await;
        drop(child);
        until_gone(started.strip_prefix("child ").unwrap()).await;
    }

    async fn until_gone(process: &str) {
        let gone = async {
            while is_alive(process) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.unwrap();
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_or_says_nothing_has_no_version() {
        assert!(version(Path::new("/no/such/program")).await.is_err());
        assert!(version(Path::new("true")).await.is_ok_and(|line| !line.is_empty()));
        assert!(version(Path::new("test")).await.is_err());
    }
}
