//! The job that is cut into batches, and its items as JSON.
//!
//! Not here: how many make a batch.

use jit_github::workflow_file::yaml::Value;
use jit_github::workflow_file::{Combination, Job, Matrix, Setting, WorkflowFile};
use serde_json::Value as Json;

use super::fault::Wrong;
use super::quote;

/// The key under which an item carries its number; it names the item's job, so that its end can be found again.
pub(crate) const NUMBER: &str = "jitr_item";
/// Bytes of all items: below what one variable of a process may hold on Linux (128 KiB), with room for what goes around them.
const BYTES_MAX: usize = 100_000;

/// The sequential job.
pub(crate) struct Sequential<'a> {
    /// Its key.
    pub(crate) key: String,
    /// What stands there.
    pub(crate) job: &'a Job,
    /// How many of its items run side by side.
    pub(crate) parallel: u32,
    /// Each item as JSON on one line.
    pub(crate) items: Vec<String>,
    /// The keys that name an item, in order.
    pub(crate) keys: Vec<String>,
}

impl<'a> Sequential<'a> {
    /// Finds the job: the one that is named, else the only one whose matrix is paced.
    pub(crate) fn find(workflow: &'a WorkflowFile, named: Option<&str>) -> Result<Self, Wrong> {
        let paced = |job: &&Job| job.strategy.matrix.is_some() && job.strategy.max_parallel.is_some();
        let job = match named {
            Some(key) => workflow.jobs.get(key).ok_or_else(|| {
                let known: Vec<_> = workflow.jobs.keys().map(String::as_str).collect();
                Wrong::anywhere(
                    format!("there is no job `{key}`"),
                    format!("name one of: {}", known.join(", ")),
                )
            })?,
            None => {
                let found: Vec<&Job> = workflow.jobs.values().filter(paced).collect();
                match *found.as_slice() {
                    [job] => job,
                    [] => {
                        return Err(Wrong::anywhere(
                            "no job has a matrix and `max-parallel`",
                            "name the job that takes too long with `--job`",
                        ));
                    }
                    ref many => {
                        let keys: Vec<_> = many.iter().filter_map(|job| job.key.text()).collect();
                        let what =
                            format!("more than one job has a matrix and `max-parallel`: {}", keys.join(", "));
                        return Err(Wrong::anywhere(what, "name one with `--job`"));
                    }
                }
            }
        };
        Self::of(job)
    }

    fn of(job: &'a Job) -> Result<Self, Wrong> {
        let key = job.key.text().unwrap_or_default().to_owned();
        let parallel = match job.strategy.max_parallel {
            Some(Setting::Literal(parallel)) => parallel,
            Some(Setting::Unknown) => {
                let at =
                    job.node.get("strategy").and_then(|s| s.get("max-parallel")).map_or(job.key.at, |n| n.at);
                return Err(Wrong::at(at, "`max-parallel` is no number above 0", "write the number"));
            }
            None => {
                let what = format!("the items of `{key}` run all at once, which leaves nothing to cut");
                return Err(Wrong::at(
                    job.key.at,
                    what,
                    "set `max-parallel`, or name another job with `--job`",
                ));
            }
        };
        let combinations = match &job.strategy.matrix {
            Some(Matrix::Known(all)) if !all.is_empty() => all,
            Some(Matrix::Unknown { at, why }) => {
                let what = format!("the matrix of `{key}` cannot be cut: {why}");
                return Err(Wrong::at(*at, what, "write its values out as lists"));
            }
            Some(Matrix::Known(_)) | None => {
                let what = format!("`{key}` has no matrix with items");
                return Err(Wrong::at(job.key.at, what, "name another job with `--job`"));
            }
        };
        let items = combinations.iter().map(json).collect::<Result<Vec<_>, _>>()?;
        if items.iter().map(|item| item.len() + 1).sum::<usize>() > BYTES_MAX {
            let what = format!("the items of `{key}` have more than {BYTES_MAX} bytes as JSON");
            return Err(Wrong::at(
                job.key.at,
                what,
                "keep what is long in files, and their names in the matrix",
            ));
        }
        Ok(Self { keys: naming(&combinations[0]), key, job, parallel, items })
    }
}

/// The keys whose values are single: GitHub names a job by such values too.
fn naming(combination: &Combination) -> Vec<String> {
    let single =
        combination.entries().iter().filter(|(_, value)| matches!(value.value, Value::Scalar { .. }));
    single.map(|(key, _)| key.clone()).collect()
}

/// A combination as JSON, its keys in their order.
fn json(combination: &Combination) -> Result<String, Wrong> {
    let mut entries = Vec::new();
    for (key, value) in combination.entries() {
        if key == NUMBER {
            return Err(Wrong::at(
                value.at,
                format!("the matrix has a key `{NUMBER}`"),
                "give it another name",
            ));
        }
        let json = value.to_json().ok_or_else(|| {
            Wrong::at(value.at, "a number here is infinite or none", "write it as a text, in quotes")
        })?;
        entries.push(format!("{}:{}", quote::json(&Json::String(key.clone())), quote::json(&json)));
    }
    Ok(format!("{{{}}}", entries.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(jobs: &str, named: Option<&str>) -> Result<(String, Vec<String>, Vec<String>), String> {
        let workflow = WorkflowFile::parse(format!("jobs:\n{jobs}").as_bytes()).unwrap();
        let found = Sequential::find(&workflow, named).map_err(|wrong| wrong.in_file("a.yml"))?;
        Ok((found.key, found.items, found.keys))
    }

    #[test]
    fn items_keep_their_values_types_and_order() {
        let job = "  a:\n    strategy:\n      max-parallel: 1\n      matrix:\n        zone: [b, '1']\n        n: [3.10]\n        include: [{zone: b, o: {x: [~]}}]\n";
        let (key, items, keys) = found(job, None).unwrap();
        assert_eq!(key, "a");
        assert_eq!(items, [r#"{"zone":"b","n":3.1,"o":{"x":[null]}}"#, r#"{"zone":"1","n":3.1}"#]);
        assert_eq!(keys, ["zone", "n"]);
    }

    #[test]
    fn what_cannot_be_cut_says_where_and_what_to_do() {
        let job = |key: &str, strategy: &str| format!("  {key}:\n    strategy: {{{strategy}}}\n");
        let two =
            job("a", "max-parallel: 1, matrix: {x: [1]}") + &job("b", "max-parallel: 1, matrix: {x: [1]}");
        for (jobs, named, expected) in [
            (
                &two,
                None,
                "a.yml: more than one job has a matrix and `max-parallel`: a, b; name one with `--job`",
            ),
            (&two, Some("c"), "a.yml: there is no job `c`; name one of: a, b"),
            (&job("a", "matrix: {x: [1]}"), None, "a.yml: no job has a matrix and `max-parallel`; name"),
            (&job("a", "matrix: {x: [1]}"), Some("a"), "a.yml:2:3: the items of `a` run all at once"),
            (&job("a", "max-parallel: 1"), Some("a"), "a.yml:2:3: `a` has no matrix with items"),
            (
                &job("a", "max-parallel: 1, matrix: '${{ fromJSON(x) }}'"),
                None,
                "a.yml:3:41: the matrix of `a` cannot be cut: an expression stands in it",
            ),
            (
                &job("a", "max-parallel: '${{ x }}', matrix: {x: [1]}"),
                None,
                "a.yml:3:30: `max-parallel` is no number above 0; write the number",
            ),
            (
                &job("a", "max-parallel: 1, matrix: {x: [.nan]}"),
                None,
                "a.yml:3:46: a number here is infinite",
            ),
            (
                &job("a", "max-parallel: 1, matrix: {jitr_item: [1]}"),
                None,
                "a.yml:3:54: the matrix has a key",
            ),
        ] {
            let wrong = found(jobs, named).unwrap_err();
            assert!(wrong.starts_with(expected), "{wrong}");
        }
        let long = format!("max-parallel: 1, matrix: {{x: [{}], y: [1, 2, 3, 4, 5]}}", "x".repeat(30_000));
        assert!(found(&job("a", &long), None).unwrap_err().contains("more than 100000 bytes as JSON"));
    }
}
