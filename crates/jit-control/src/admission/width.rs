//! What a workflow file says about one matrix of a run.

use jit_domain::group::{Width, stem};
use jit_github::workflow_file::{self, Job, Setting, WorkflowFile};

/// How many jobs of the matrix whose jobs' names begin so GitHub runs at once. Unknown where the file leaves it open, and where
/// more than one job of the file, or none, could be meant.
pub(super) fn of_group(file: &WorkflowFile, group: &str) -> Width {
    let mut meant = file.jobs.iter().filter(|(key, job)| may_be_of(key, job, group));
    match (meant.next(), meant.next()) {
        (Some((_, job)), None) if job.strategy.matrix.is_some() => of_job(job),
        _ => Width::Unknown,
    }
}

/// Whether jobs of this key may be in the group: those of its matrix, or a single one whose name only looks as if it were of one.
fn may_be_of(key: &str, job: &Job, group: &str) -> bool {
    let name = job.name.as_ref().filter(|name| !name.has_expression).map(|name| name.text.as_str());
    stem_of(key, job) == Some(group) || name.and_then(stem) == Some(group)
}

/// What GitHub puts before the brackets in the names of a job's runs; none where only GitHub can work it out.
fn stem_of<'a>(key: &'a str, job: &'a Job) -> Option<&'a str> {
    match &job.name {
        None => Some(key),
        Some(name) if !name.has_expression => Some(&name.text),
        // A template that writes the brackets itself: `test (${{ matrix.os }})`.
        Some(name) => stem(&name.text).filter(|stem| !stem.contains("${{")),
    }
}

fn of_job(job: &Job) -> Width {
    let is_evaluated = matches!(job.strategy.max_parallel, Some(Setting::Unknown))
        || job
            .concurrency
            .as_ref()
            .is_some_and(|concurrency| concurrency.group.as_ref().is_none_or(|group| group.has_expression));
    match job.width() {
        workflow_file::Width::Known(width) if !is_evaluated || width == 1 => Width::Known(width),
        workflow_file::Width::Known(_) | workflow_file::Width::Unknown => Width::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn width(job: &str, group: &str) -> Width {
        let text = format!("on: push\njobs:\n{job}");
        of_group(&WorkflowFile::parse(text.as_bytes()).expect("a workflow file"), group)
    }

    #[test]
    fn what_the_file_says_is_believed_and_nothing_else_is() {
        let matrix = "    strategy:\n      matrix:\n        n: [1, 2, 3]\n";
        let test = format!("  test:\n    runs-on: x\n{matrix}");
        let limited = format!("{test}      max-parallel: 2\n");
        assert_eq!(width(&limited, "test"), Width::Known(2));
        assert_eq!(width(&test, "test"), Width::Known(3));
        assert_eq!(width(&test, "other"), Width::Unknown);
        let evaluated = format!("{test}      max-parallel: ${{{{ inputs.n }}}}\n");
        assert_eq!(width(&evaluated, "test"), Width::Unknown, "only GitHub can work it out");
        let shared = format!("{test}    concurrency: deploy\n");
        assert_eq!(width(&shared, "test"), Width::Known(1));
        let spread = format!("{test}    concurrency: deploy-${{{{ github.ref }}}}\n");
        assert_eq!(width(&spread, "test"), Width::Unknown, "it may be one group for all");
        let called = "  test:\n    uses: ./.github/workflows/a.yml\n";
        assert_eq!(width(called, "test"), Width::Unknown, "its jobs stand in another file");
    }

    #[test]
    fn a_job_is_found_by_what_github_puts_before_the_brackets() {
        let named = |name: &str| {
            format!(
                "  test:\n    name: {name}\n    runs-on: x\n    strategy:\n      max-parallel: 2\n      matrix:\n        n: [1, 2, 3]\n"
            )
        };
        assert_eq!(width(&named("Run tests"), "Run tests"), Width::Known(2));
        assert_eq!(width(&named("Run tests"), "test"), Width::Unknown);
        assert_eq!(width(&named("Run (${{ matrix.n }})"), "Run"), Width::Known(2));
        assert_eq!(width(&named("${{ matrix.n }} (x)"), "1"), Width::Unknown);
        let single = "  extra:\n    name: Run tests (extra)\n    runs-on: x\n";
        let beside = named("Run tests") + single;
        assert_eq!(width(&beside, "Run tests"), Width::Unknown, "one of the group is not of the matrix");
        let plain = "  a:\n    name: Test\n    runs-on: x\n  b:\n    name: Test (unit)\n    runs-on: x\n";
        assert_eq!(width(plain, "Test"), Width::Unknown, "neither is a matrix");
        let twice = named("same") + &named("same").replace("  test:", "  other:");
        assert_eq!(width(&twice, "same"), Width::Unknown, "either could be meant");
    }
}
