//! Counts steps: a heading for each, the first failure ends the run, what is skipped is said. `JIT_MUST_RUN` names steps, with
//! commas between them, that may not be skipped: where everything can be had, a proof must not vanish unseen.
//! Not here: the steps themselves; they are in `checks.rs`.

use std::env;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

/// Names the steps that may not be skipped.
const MUST_RUN: &str = "JIT_MUST_RUN";

/// What became of a step that did not fail.
pub(crate) enum Outcome {
    /// It ran and held.
    Passed,
    /// It did not run, for this reason.
    Skipped(String),
}

/// A run of steps.
#[derive(Debug)]
pub(crate) struct Steps {
    name: &'static str,
    steps: usize,
    passed: usize,
    skipped: Vec<&'static str>,
    must_run: Vec<String>,
}

impl Steps {
    /// Starts a run under a name.
    pub(crate) fn new(name: &'static str) -> Self {
        let named = env::var(MUST_RUN).unwrap_or_default();
        Self::with(name, named.split(',').map(|step| step.trim().to_owned()).collect())
    }

    const fn with(name: &'static str, must_run: Vec<String>) -> Self {
        Self { name, steps: 0, passed: 0, skipped: Vec::new(), must_run }
    }

    /// Runs a step under a heading; a failure names the step.
    pub(crate) fn run(&mut self, step: &'static str, body: impl FnOnce() -> Result<Outcome>) -> Result<()> {
        self.steps += 1;
        println!("\n== {} {}: {step}", self.name, self.steps);
        let started = Instant::now();
        let outcome =
            body().with_context(|| format!("{} failed at step {}, {step}", self.name, self.steps))?;
        match outcome {
            Outcome::Passed => {
                self.passed += 1;
                println!("passed: {step}: {} s", started.elapsed().as_secs());
            }
            Outcome::Skipped(why) if self.must_run.iter().any(|must| must == step) => {
                bail!(
                    "{} failed at step {}, {step}: {MUST_RUN} names it, and it was skipped: {why}",
                    self.name,
                    self.steps
                );
            }
            Outcome::Skipped(why) => {
                self.skipped.push(step);
                println!("skipped: {step}: {why}");
            }
        }
        Ok(())
    }

    /// Runs a step that is never skipped.
    pub(crate) fn must(&mut self, step: &'static str, body: impl FnOnce() -> Result<()>) -> Result<()> {
        self.run(step, || body().map(|()| Outcome::Passed))
    }

    /// The line that ends a run without failure.
    pub(crate) fn summary(&self) -> String {
        let skipped = if self.skipped.is_empty() { "none".to_owned() } else { self.skipped.join(",") };
        format!("{}: steps={} passed={} skipped={skipped}", self.name, self.steps, self.passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_and_names_what_was_skipped() {
        let mut steps = Steps::with("test", vec![String::new()]);
        steps.must("one", || Ok(())).unwrap();
        assert_eq!(steps.summary(), "test: steps=1 passed=1 skipped=none");
        steps.run("two", || Ok(Outcome::Skipped("no tool".to_owned()))).unwrap();
        steps.run("three", || Ok(Outcome::Skipped("no tool".to_owned()))).unwrap();
        assert_eq!(steps.summary(), "test: steps=3 passed=1 skipped=two,three");
    }

    #[test]
    fn a_failure_names_its_step_and_is_not_counted_as_passed() {
        let mut steps = Steps::with("test", Vec::new());
        let error = steps.must("one", || anyhow::bail!("broken")).unwrap_err();
        assert_eq!(format!("{error:#}"), "test failed at step 1, one: broken");
        assert_eq!(steps.summary(), "test: steps=1 passed=0 skipped=none");
    }

    #[test]
    fn what_must_run_may_not_be_skipped() {
        let mut steps = Steps::with("test", vec!["moto".to_owned()]);
        steps.run("spin", || Ok(Outcome::Skipped("no spin".to_owned()))).unwrap();
        let error = steps.run("moto", || Ok(Outcome::Skipped("no python".to_owned()))).unwrap_err();
        let told = "test failed at step 2, moto: JIT_MUST_RUN names it, and it was skipped: no python";
        assert_eq!(format!("{error:#}"), told);
        steps.run("moto", || Ok(Outcome::Passed)).unwrap();
    }
}
