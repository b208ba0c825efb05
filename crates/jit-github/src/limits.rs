//! Every bound of this crate, with its unit and its reason.
//!
//! Not here: budgets and time-outs, which belong to who sends.

use std::time::Duration;

/// Items on one page: the most that GitHub gives.
///
/// <https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api>
pub const PER_PAGE_MAX: u32 = 100;

/// Pages that a caller should follow before it gives up: 10,000 items, which is as many runners as one group may hold.
///
/// <https://docs.github.com/en/actions/reference/limits>
pub const PAGES_MAX: u32 = 100;

/// Workflow runs that a listing with a `status` filter shows at most, however many there are.
///
/// <https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository>
pub const RUNS_PER_SEARCH_MAX: u64 = 1_000;

/// Labels of one runner.
///
/// <https://docs.github.com/en/rest/actions/self-hosted-runners#create-configuration-for-a-just-in-time-runner-for-an-organization>
pub const LABELS_MAX: usize = 100;

/// Characters of one label: the agent refuses more.
///
/// <https://github.com/actions/runner/blob/main/src/Runner.Listener/Configuration/Validators.cs>
pub const LABEL_CHARACTERS_MAX: usize = 256;

/// Characters of a runner's name; GitHub documents none, users report that it refuses more.
///
/// <https://github.com/myoung34/docker-github-actions-runner/pull/465>
pub const RUNNER_NAME_CHARACTERS_MAX: usize = 64;

/// Characters of an account's login or of a repository's name; GitHub allows 39 and 100, enterprise accounts add a suffix.
pub const NAME_CHARACTERS_MAX: usize = 100;

/// Bytes of a file's path inside a repository and of a git reference; keeps a request's target below what HTTP libraries take.
pub const PATH_BYTES_MAX: usize = 1_024;

/// Bytes of the base address and of a paging cursor, for the same reason.
pub const ADDRESS_BYTES_MAX: usize = 2_048;

/// Repositories that one installation token may be narrowed to.
///
/// <https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app>
pub const TOKEN_REPOSITORIES_MAX: usize = 500;

/// Characters of GitHub's `message` that an error repeats; enough for every documented text, too few to carry a body.
pub const ERROR_MESSAGE_CHARACTERS_MAX: usize = 200;

/// How far an App token's `iat` lies before now, against clock drift, as GitHub recommends.
///
/// <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>
pub const APP_TOKEN_BACKDATE: Duration = Duration::from_secs(60);

/// How far an App token's `exp` lies after now; GitHub refuses more than 10 minutes, so one minute is left for drift.
pub const APP_TOKEN_LIFE: Duration = Duration::from_secs(9 * 60);

/// The wait after a rate limit whose reply states none: GitHub asks for at least one minute.
///
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>
pub const RATE_LIMIT_WAIT_DEFAULT: Duration = Duration::from_secs(60);

/// The longest wait that a reply can ask for; a garbled header must not stop the client for ever.
pub const RATE_LIMIT_WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes of a workflow file that are read: GitHub's contents API gives no content above 1 MB.
///
/// <https://docs.github.com/en/rest/repos/contents#get-repository-content>
pub const WORKFLOW_FILE_BYTES_MAX: usize = 1_000_000;

/// Values of a workflow file, what aliases stand for counted each time: some 50 times as many as the largest files have, and read in
/// a fraction of a second.
pub const WORKFLOW_FILE_NODES_MAX: usize = 50_000;

/// Lists and mappings in one another in a workflow file; GitHub's own syntax needs about ten, a nested matrix value some more.
pub const WORKFLOW_FILE_DEPTH_MAX: usize = 50;

/// Jobs that a matrix may make.
///
/// <https://docs.github.com/en/actions/reference/limits>
pub const MATRIX_JOBS_MAX: usize = 256;

/// Combinations of a matrix before `exclude`, and entries of `include` and `exclude`, that are worked out: four times the jobs that a
/// matrix may make, as few leave out more than they keep.
pub const MATRIX_PRODUCT_MAX: usize = 4 * MATRIX_JOBS_MAX;
