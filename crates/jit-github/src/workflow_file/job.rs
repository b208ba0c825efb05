//! One job of a workflow file.
//!
//! Not here: steps, permissions and whatever else does not bear on when and where the job runs.

use super::matrix::Matrix;
use super::yaml::{Node, Value};

/// A value that stands in the file, or that only GitHub can work out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting<T> {
    /// It stands in the file.
    Literal(T),
    /// It is an expression, or nothing that can be read.
    Unknown,
}

/// A text of the file, such as a job's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// As it is written.
    pub text: String,
    /// Whether expressions stand in it, so that it is a template.
    pub has_expression: bool,
}

impl Text {
    fn read(node: &Node) -> Option<Self> {
        let text = node.text().filter(|_| !node.is_null())?;
        Some(Self { text: text.to_owned(), has_expression: node.has_expression() })
    }
}

/// How many jobs of a key GitHub runs at once at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// So many; at least 1.
    Known(u32),
    /// The file does not say.
    Unknown,
}

/// A limit on what runs at the same time under one name.
///
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#concurrency>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// The name; none if it cannot be read.
    pub group: Option<Text>,
    /// Whether a newcomer ends who runs.
    pub cancel_in_progress: Setting<bool>,
}

impl Concurrency {
    pub(super) fn read(node: &Node) -> Self {
        let cancel = node.get("cancel-in-progress");
        Self {
            group: Text::read(node.get("group").unwrap_or(node)),
            cancel_in_progress: cancel.map_or(Setting::Literal(false), boolean),
        }
    }
}

/// Where a job runs.
///
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idruns-on>
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunsOn {
    /// On a runner with all of these labels, in this group if one is named.
    Runner {
        /// The labels.
        labels: Vec<Text>,
        /// The runner group.
        group: Option<Text>,
    },
    /// The file does not say, or says it in a shape that cannot be read.
    Unknown,
}

impl RunsOn {
    fn read(node: &Node) -> Self {
        let labels = |node: &Node| match &node.value {
            Value::Scalar { .. } => Text::read(node).map(|label| vec![label]),
            Value::Sequence(items) => items.iter().map(Text::read).collect(),
            Value::Mapping(_) => None,
        };
        let read = if node.entries().is_some() {
            let named = node.get("labels").map_or(Some(Vec::new()), labels);
            named.map(|labels| (labels, node.get("group").and_then(Text::read)))
        } else {
            labels(node).map(|labels| (labels, None))
        };
        match read {
            Some((labels, group)) if !labels.is_empty() || group.is_some() => Self::Runner { labels, group },
            Some(_) | None => Self::Unknown,
        }
    }
}

/// How the jobs of a key are spread and paced.
///
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstrategy>
#[derive(Clone, Debug, PartialEq)]
pub struct Strategy {
    /// What is spread; none if the job is a single one.
    pub matrix: Option<Matrix>,
    /// How many run at once at most; none if the file sets no limit.
    pub max_parallel: Option<Setting<u32>>,
    /// Whether a failed job ends the others; GitHub's default is yes.
    pub fail_fast: Setting<bool>,
}

impl Strategy {
    fn read(node: Option<&Node>) -> Self {
        let Some(node) = node.filter(|node| !node.is_null()) else {
            return Self { matrix: None, max_parallel: None, fail_fast: Setting::Literal(true) };
        };
        if node.entries().is_none() {
            // The whole strategy is an expression.
            let matrix = Some(Matrix::unknown(node));
            return Self { matrix, max_parallel: Some(Setting::Unknown), fail_fast: Setting::Unknown };
        }
        let value = |key| node.get(key).filter(|node| !node.is_null());
        Self {
            matrix: value("matrix").map(Matrix::read),
            max_parallel: value("max-parallel").map(number),
            fail_fast: value("fail-fast").map_or(Setting::Literal(true), boolean),
        }
    }
}

/// A job of a workflow file, by which one or, with a matrix, many jobs of a run are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The key under which it stands in `jobs`.
    pub key: Node,
    /// What stands there.
    pub node: Node,
    /// The template of its jobs' names; GitHub uses the key, and the matrix values in brackets, if there is none.
    pub name: Option<Text>,
    /// The keys of the jobs that must end before.
    pub needs: Vec<String>,
    /// How its jobs are spread and paced.
    pub strategy: Strategy,
    /// The limit on what runs beside it, also in other runs.
    pub concurrency: Option<Concurrency>,
    /// Where it runs.
    pub runs_on: RunsOn,
    /// The workflow that it calls, if it has no steps of its own.
    pub calls: Option<Text>,
}

impl Job {
    pub(super) fn read(key: &Node, node: &Node) -> Self {
        let needs = match node.get("needs").filter(|needs| !needs.is_null()) {
            Some(one) if one.text().is_some() => one.text().map(str::to_owned).into_iter().collect(),
            Some(many) => {
                many.items().unwrap_or_default().iter().filter_map(|n| n.text().map(str::to_owned)).collect()
            }
            None => Vec::new(),
        };
        Self {
            key: key.clone(),
            name: node.get("name").and_then(Text::read),
            needs,
            strategy: Strategy::read(node.get("strategy")),
            concurrency: node.get("concurrency").map(Concurrency::read),
            runs_on: node.get("runs-on").map_or(RunsOn::Unknown, RunsOn::read),
            calls: node.get("uses").and_then(Text::read),
            node: node.clone(),
        }
    }

    /// How many jobs of this key GitHub runs at once at most in one run.
    ///
    /// It is the least of what is known: the number of combinations, `max-parallel`, and 1 for a concurrency group that all of them
    /// share. A called workflow has jobs that stand in another file, and is therefore unknown.
    #[must_use]
    pub fn width(&self) -> Width {
        if self.calls.is_some() {
            return Width::Unknown;
        }
        let combinations = match &self.strategy.matrix {
            None => Some(1),
            // A matrix without a combination is no job at all; 1 is the least that a width can be.
            Some(Matrix::Known(all)) => Some(u32::try_from(all.len()).unwrap_or(u32::MAX).max(1)),
            Some(Matrix::Unknown { .. }) => None,
        };
        let max_parallel = match self.strategy.max_parallel {
            Some(Setting::Literal(n)) => Some(n),
            Some(Setting::Unknown) | None => None,
        };
        let group = self.concurrency.as_ref().and_then(|concurrency| concurrency.group.as_ref());
        let shared = group.filter(|group| !group.has_expression).map(|_| 1);
        [combinations, max_parallel, shared].into_iter().flatten().min().map_or(Width::Unknown, Width::Known)
    }
}

fn boolean(node: &Node) -> Setting<bool> {
    match node.value {
        Value::Scalar { ref text, is_plain: true } => match text.as_str() {
            "true" | "True" | "TRUE" => Setting::Literal(true),
            "false" | "False" | "FALSE" => Setting::Literal(false),
            _ => Setting::Unknown,
        },
        Value::Scalar { .. } | Value::Sequence(_) | Value::Mapping(_) => Setting::Unknown,
    }
}

/// A whole number above 0.
fn number(node: &Node) -> Setting<u32> {
    let number = node.text().and_then(|text| text.parse().ok()).filter(|n| *n > 0);
    number.map_or(Setting::Unknown, Setting::Literal)
}
