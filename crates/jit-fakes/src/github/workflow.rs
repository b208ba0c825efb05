//! What a caller asks to run: workflows, jobs, matrices, gates. Not in it: what became of it.

use std::fmt::Write as _;

/// One run of one workflow: its jobs and the circumstances that started it.
#[derive(Clone, Debug)]
pub struct WorkflowSpec {
    /// Name of the workflow.
    pub name: String,
    /// Path of its file in the repository.
    pub path: String,
    /// Event that starts the run, such as `push`.
    pub event: String,
    /// Login of who caused it.
    pub actor: String,
    /// Branch it runs on.
    pub head_branch: String,
    /// Where the commit comes from.
    pub head: Head,
    /// Concurrency group of the whole run.
    pub concurrency: Option<Concurrency>,
    /// Its jobs; `needs` may only name jobs of this list.
    pub jobs: Vec<JobSpec>,
}

impl WorkflowSpec {
    /// A push to `main` by `octocat`.
    pub fn new(name: &str, jobs: Vec<JobSpec>) -> Self {
        Self {
            name: name.to_owned(),
            path: format!(".github/workflows/{}.yml", name.to_lowercase().replace(' ', "-")),
            event: "push".to_owned(),
            actor: "octocat".to_owned(),
            head_branch: "main".to_owned(),
            head: Head::SameRepository,
            concurrency: None,
            jobs,
        }
    }

    /// Puts the whole run into a concurrency group.
    #[must_use]
    pub fn in_concurrency_group(mut self, group: &str, others: Others) -> Self {
        self.concurrency = Some(Concurrency { group: group.to_owned(), others });
        self
    }

    /// Makes it a pull request of `actor` from a fork.
    #[must_use]
    pub fn from_fork_of(mut self, actor: &str) -> Self {
        self.event = "pull_request".to_owned();
        self.actor = actor.to_owned();
        self.head = Head::Fork;
        self
    }

    /// The workflow file that would give these jobs, as YAML (each text is quoted as JSON, which YAML contains).
    pub fn to_yaml(&self) -> String {
        let mut text = format!("name: {}\non: [{}]\n", quoted(&self.name), quoted(&self.event));
        if let Some(concurrency) = &self.concurrency {
            text.push_str(&concurrency.to_yaml(""));
        }
        text.push_str("jobs:\n");
        for job in &self.jobs {
            job.write_yaml(&mut text);
        }
        text
    }
}

/// Where the commit of a run comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// The repository itself.
    SameRepository,
    /// A fork of it.
    Fork,
}

/// A concurrency group: at most one member runs and one waits.
///
/// <https://docs.github.com/en/actions/concepts/workflows-and-actions/concurrency>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// Name, unique within the repository without regard to case.
    pub group: String,
    /// What a new member does to the one that runs.
    pub others: Others,
}

impl Concurrency {
    fn to_yaml(&self, indent: &str) -> String {
        let cancel = self.others == Others::Cancelled;
        format!(
            "{indent}concurrency:\n{indent}  group: {}\n{indent}  cancel-in-progress: {cancel}\n",
            quoted(&self.group)
        )
    }
}

/// `cancel-in-progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// The one that runs goes on; the new one waits.
    Finish,
    /// The one that runs is cancelled.
    Cancelled,
}

/// One job key of a workflow: a single job, or a matrix of legs.
#[derive(Clone, Debug)]
pub struct JobSpec {
    /// Key in the workflow file.
    pub key: String,
    /// `runs-on` labels; may be empty when a group is named.
    pub labels: Vec<String>,
    /// `runs-on: {group}`.
    pub runner_group: Option<String>,
    /// Keys of jobs that must succeed before.
    pub needs: Vec<String>,
    /// Number of legs; 1 is a job without a matrix.
    pub legs: u32,
    /// `max-parallel`; `None` lets all legs run.
    pub max_parallel: Option<u32>,
    /// Whether a failing leg cancels the other legs.
    pub fail_fast: FailFast,
    /// Concurrency group of each leg.
    pub concurrency: Option<Concurrency>,
    /// Environment whose rules must pass before the job is queued.
    pub environment: Option<Environment>,
    /// How long the agent works on it, in seconds.
    pub duration_s: u64,
    /// The same of the first legs, where they differ.
    pub leg_durations_s: Vec<u64>,
    /// How it ends if nobody interferes.
    pub conclusion: Conclusion,
    /// `timeout-minutes`, in seconds: a running job ends after it. GitHub's default is 6 h, its maximum 5 days.
    pub timeout_s: u64,
}

impl JobSpec {
    /// One successful job of 60 s for the given labels.
    pub fn new(key: &str, labels: &[&str]) -> Self {
        Self {
            key: key.to_owned(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            runner_group: None,
            needs: Vec::new(),
            legs: 1,
            max_parallel: None,
            fail_fast: FailFast::On,
            concurrency: None,
            environment: None,
            duration_s: 60,
            leg_durations_s: Vec::new(),
            conclusion: Conclusion::Success,
            timeout_s: 6 * 3600,
        }
    }

    /// Makes it a matrix; 256 is GitHub's maximum and is not exceeded.
    #[must_use]
    pub fn matrix(mut self, legs: u32, max_parallel: Option<u32>) -> Self {
        self.legs = legs.clamp(1, 256);
        self.max_parallel = max_parallel.map(|width| width.max(1));
        self
    }

    /// Lets the other legs go on when one fails.
    #[must_use]
    pub fn without_fail_fast(mut self) -> Self {
        self.fail_fast = FailFast::Off;
        self
    }

    /// Names jobs that must succeed before.
    #[must_use]
    pub fn after(mut self, needs: &[&str]) -> Self {
        self.needs = needs.iter().map(|key| (*key).to_owned()).collect();
        self
    }

    /// Asks for a runner group.
    #[must_use]
    pub fn on_group(mut self, group: &str) -> Self {
        self.runner_group = Some(group.to_owned());
        self
    }

    /// Puts each leg into a concurrency group.
    #[must_use]
    pub fn in_concurrency_group(mut self, group: &str, others: Others) -> Self {
        self.concurrency = Some(Concurrency { group: group.to_owned(), others });
        self
    }

    /// Puts an environment before it.
    #[must_use]
    pub fn behind(mut self, environment: &str, gate: Gate) -> Self {
        self.environment = Some(Environment { name: environment.to_owned(), gate });
        self
    }

    /// Sets duration and end.
    #[must_use]
    pub fn lasting(mut self, duration_s: u64, conclusion: Conclusion) -> Self {
        self.duration_s = duration_s;
        self.conclusion = conclusion;
        self
    }

    /// Sets the durations of single legs.
    #[must_use]
    pub fn lasting_each(mut self, leg_durations_s: Vec<u64>) -> Self {
        self.leg_durations_s = leg_durations_s;
        self
    }

    /// How long the agent works on one leg, in seconds.
    pub fn leg_duration_s(&self, leg: u32) -> u64 {
        let own = usize::try_from(leg).ok().and_then(|leg| self.leg_durations_s.get(leg));
        own.copied().unwrap_or(self.duration_s)
    }

    /// Name of one leg as GitHub shows it: the key, and the matrix values in brackets.
    pub(super) fn leg_name(&self, leg: u32) -> String {
        if self.legs > 1 { format!("{} ({leg})", self.key) } else { self.key.clone() }
    }

    fn write_yaml(&self, text: &mut String) {
        let labels = self.labels.iter().map(|label| quoted(label)).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "  {}:", self.key);
        match &self.runner_group {
            Some(group) => {
                let _ = writeln!(text, "    runs-on: {{group: {}, labels: [{labels}]}}", quoted(group));
            }
            None => {
                let _ = writeln!(text, "    runs-on: [{labels}]");
            }
        }
        if !self.needs.is_empty() {
            let _ = writeln!(text, "    needs: [{}]", self.needs.join(", "));
        }
        if let Some(environment) = &self.environment {
            let _ = writeln!(text, "    environment: {}", quoted(&environment.name));
        }
        if let Some(concurrency) = &self.concurrency {
            text.push_str(&concurrency.to_yaml("    "));
        }
        if self.legs > 1 {
            let legs = (0..self.legs).map(|leg| leg.to_string()).collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "    strategy:\n      fail-fast: {}", self.fail_fast == FailFast::On);
            if let Some(width) = self.max_parallel {
                let _ = writeln!(text, "      max-parallel: {width}");
            }
            let _ = writeln!(text, "      matrix:\n        leg: [{legs}]");
        }
        let _ = writeln!(text, "    timeout-minutes: {}", self.timeout_s.div_ceil(60));
        let _ = writeln!(text, "    steps:\n      - run: sleep {}", self.duration_s);
    }
}

/// `fail-fast` of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailFast {
    /// A failing leg cancels the others.
    On,
    /// Every leg goes its own way.
    Off,
}

/// An environment with a protection rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// Its rule.
    pub gate: Gate,
}

/// What lets a job through to its environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Somebody approves it ([`super::GitHub::approve`]).
    Approval,
    /// The wait timer, in seconds, runs out.
    WaitTimer(u64),
}

/// How a job or a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conclusion {
    /// All went well.
    Success,
    /// A step failed, or the agent was lost.
    Failure,
    /// Somebody or something cancelled it.
    Cancelled,
    /// It was not run, because of what came before.
    Skipped,
    /// It ran longer than it may.
    TimedOut,
}

impl Conclusion {
    /// GitHub's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::TimedOut => "timed_out",
        }
    }

    /// Reads GitHub's word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Success, Self::Failure, Self::Cancelled, Self::Skipped, Self::TimedOut]
            .into_iter()
            .find(|conclusion| conclusion.as_str() == text)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use jit_github::workflow_file::{Width, WorkflowFile};

    use super::*;

    #[test]
    fn the_workflow_file_shows_the_width_and_the_needs() {
        let yaml = WorkflowSpec::new(
            "CI",
            vec![
                JobSpec::new("build", &["linux"]).matrix(3, Some(2)),
                JobSpec::new("ship", &["linux"]).after(&["build"]),
            ],
        )
        .to_yaml();
        assert!(yaml.contains("      max-parallel: 2\n"), "{yaml}");
        assert!(yaml.contains("        leg: [0, 1, 2]\n"), "{yaml}");
        assert!(yaml.contains("    needs: [build]\n"), "{yaml}");
    }

    #[test]
    fn the_workflow_file_is_read_as_the_width_that_the_model_keeps() {
        let jobs = [("one", 37, Some(1)), ("four", 256, Some(4)), ("all", 5, None), ("single", 1, None)];
        let spec = WorkflowSpec::new(
            "Widths",
            jobs.map(|(key, legs, width)| JobSpec::new(key, &["linux"]).matrix(legs, width)).into(),
        );
        let file = WorkflowFile::parse(spec.to_yaml().as_bytes()).unwrap();
        for (key, legs, width) in jobs {
            assert_eq!(file.jobs[key].width(), Width::Known(width.unwrap_or(legs)), "{key}");
        }
    }

    #[test]
    fn a_leg_lasts_its_own_time_or_that_of_all() {
        let job = JobSpec::new("build", &["linux"]).matrix(3, None).lasting(60, Conclusion::Success);
        let job = job.lasting_each(vec![50, 70]);
        assert_eq!([0, 1, 2].map(|leg| job.leg_duration_s(leg)), [50, 70, 60]);
    }

    #[test]
    fn every_conclusion_reads_back_and_other_words_do_not() {
        for word in ["success", "failure", "cancelled", "skipped", "timed_out"] {
            assert_eq!(Conclusion::parse(word).map(Conclusion::as_str), Some(word));
        }
        assert_eq!(Conclusion::parse("neutral"), None);
    }
}
