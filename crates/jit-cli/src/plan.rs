//! `jitr plan`: cuts a sequential matrix that takes longer than a run should into batches, and writes the workflow that runs them:
//! a chain of runs, or one that is started by the clock until all is done.
//!
//! Here: the arguments, what is printed, and where it goes.
//! Not here: how the workflow is made; each part has a file below `plan/`.

mod chain;
mod edit;
mod fault;
mod items;
mod jobs;
mod pace;
mod quote;
mod recheck;
mod remarks;
mod source;
mod write;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;

use self::fault::Wrong;
use self::items::Sequential;
use self::pace::Times;
use self::recheck::Schedule;
use self::source::Source;
use self::write::{Input, MARK};

/// The longest time that an argument may name: a job runs 5 days at most, and a workflow 35.
const DURATION_MAX: Duration = Duration::from_secs(35 * 24 * 60 * 60);
/// The part of the limit that is the reserve if none is named.
const RESERVE_PART: u32 = 10;

/// What to cut, and how.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The workflow file
    #[arg(value_name = "WORKFLOW.yml")]
    workflow: PathBuf,
    /// Minutes that one item takes, at most
    #[arg(long, value_name = "MINUTES", value_parser = minutes)]
    job_minutes: Duration,
    /// The longest that one run may take, such as `60m` or `1h 30m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    limit: Duration,
    /// What of the limit stays free for starts and slow items; a tenth of it if not named
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    reserve: Option<Duration>,
    /// The job to cut; the only one with a matrix and `max-parallel` if not named
    #[arg(long, value_name = "KEY")]
    job: Option<String>,
    /// Labels of the runner for the added jobs, separated by commas; they use bash, git and GitHub's `gh`
    #[arg(long, value_name = "LABELS", default_value = "ubuntu-latest")]
    runs_on: String,
    /// Writes one workflow that runs by the clock and takes what is not done, instead of a chain
    #[arg(long)]
    recheck: bool,
    /// When the recheck runs, in UTC
    #[arg(long, value_name = "CRON", default_value = "17 */2 * * *", value_parser = cron, requires = "recheck")]
    cron: String,
    /// How often the recheck runs an item that fails
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100), requires = "recheck")]
    tries: u32,
    /// Writes the file into this folder instead of printing it
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What is printed.
pub(crate) struct Report {
    /// For standard output.
    pub(crate) out: String,
    /// For standard error.
    pub(crate) err: String,
}

/// Does it.
///
/// # Errors
/// The line that says what is wrong.
pub(crate) fn run(arguments: &Arguments) -> Result<Report, String> {
    let name = arguments.workflow.display().to_string();
    let bytes = fs::read(&arguments.workflow)
        .map_err(|error| format!("{name}: cannot be read: {error}; name a workflow file"))?;
    let file_name = arguments.workflow.file_name().unwrap_or_default().to_string_lossy();
    let written = plan(arguments, &file_name, &bytes).map_err(|wrong| wrong.in_file(&name))?;
    let Some(folder) = &arguments.out else {
        return Ok(Report { out: written.text, err: written.remarks });
    };
    let path = folder.join(&written.file_name);
    put(&path, &written.text)?;
    Ok(Report { out: format!("{}written: {}\n", written.remarks, path.display()), err: String::new() })
}

/// A workflow that was made.
struct Written {
    file_name: String,
    text: String,
    /// The arithmetic and what to know, a line each.
    remarks: String,
}

fn plan(arguments: &Arguments, file_name: &str, bytes: &[u8]) -> Result<Written, Wrong> {
    let source = Source::read(file_name, bytes)?;
    let sequential = Sequential::find(&source.workflow, arguments.job.as_deref())?;
    let reserve = arguments.reserve.unwrap_or(arguments.limit / RESERVE_PART);
    let times = Times { item: arguments.job_minutes, limit: arguments.limit, reserve };
    let pace = times.pace(sequential.items.len(), sequential.parallel)?;
    let input = Input { source: &source, sequential: &sequential, pace: &pace, runs_on: &arguments.runs_on };
    let (ending, text) = if arguments.recheck {
        ("recheck", recheck::write(&input, &Schedule { cron: &arguments.cron, tries: arguments.tries })?)
    } else {
        ("batches", chain::write(&input)?)
    };
    let remarks = remarks::all(&input, arguments.recheck);
    Ok(Written { file_name: format!("{}-{ending}.yml", source.stem()), text, remarks })
}

/// Writes a file, but over none that a person wrote.
fn put(path: &Path, text: &str) -> Result<(), String> {
    let shown = path.display();
    if fs::read_to_string(path).is_ok_and(|old| !old.starts_with(MARK)) {
        return Err(format!(
            "{shown}: is there, and `jitr plan` did not write it; name another folder with `--out`"
        ));
    }
    let folder = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, text));
    written.map_err(|error| format!("{shown}: cannot be written: {error}; name another folder with `--out`"))
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text.parse().map_err(|_| "it is no number, such as 6".to_owned())?;
    let seconds = Duration::try_from_secs_f64((minutes * 60.0).ceil()).map_err(|error| error.to_string())?;
    within(seconds)
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration =
        text.parse().map_err(|_| "it is no duration with units, such as `60m` or `1h 30m`".to_owned())?;
    within(Duration::try_from(duration).map_err(|_| "it is below 0".to_owned())?)
}

fn within(duration: Duration) -> Result<Duration, String> {
    if duration > DURATION_MAX {
        return Err("it is longer than GitHub keeps a run, which is 35 days".to_owned());
    }
    Ok(duration)
}

fn cron(text: &str) -> Result<String, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let is_cron = |field: &&str| field.chars().all(|c| c.is_ascii_alphanumeric() || "*/,-".contains(c));
    if fields.len() != 5 || !fields.iter().all(is_cron) {
        return Err("it has not the five fields of cron, such as `17 */2 * * *`".to_owned());
    }
    Ok(fields.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_or_refused() {
        assert_eq!(minutes("6"), Ok(Duration::from_secs(360)));
        assert_eq!(minutes("0.51"), Ok(Duration::from_secs(31)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "x", "-1", "NaN", "inf", "1e300", "60000"] {
            assert!(minutes(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "60", "-60m", "99999h", "1 month"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(cron(" 17  */2 * * 1-5 "), Ok("17 */2 * * 1-5".to_owned()));
        for wrong in ["", "@daily", "* * * *", "* * * * * *", "* * * * \""] {
            assert!(cron(wrong).is_err(), "{wrong}");
        }
    }
}
