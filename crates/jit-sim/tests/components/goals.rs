//! What a burst may cost, in counts that no machine's speed changes: requests to EC2, points of GitHub. `make bench` prints the
//! same of larger bursts.

use std::path::Path;
use std::time::Duration;

use jit_sim::bench::application::Application;
use jit_sim::bench::burst::{self, Burst};
use jit_sim::timeline::Detail;

/// Single-job runs, the dearest shape for asking GitHub about.
const BURST: Burst = Burst { jobs: 48, wave: 48, pause: Duration::ZERO };

#[test]
fn a_burst_costs_few_launch_requests_and_few_points() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let application =
        Application::derive(&root.join("spin.toml"), &root.join("config/jit-runners.toml")).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let outcome = runtime.block_on(burst::measure(&application, BURST, 1, Detail::Silent)).unwrap();
    assert!(outcome.run_instances() <= 6, "{outcome:?}");
    // A registration is 5 points, its runner is listed for all at once, and truth is asked for little of what events tell.
    assert!(outcome.points_per_job_jit() <= 5.2, "{outcome:?}");
    assert!(outcome.points_per_job_truth() <= 1.0, "{outcome:?}");
    assert_eq!(outcome.refused(), 0, "{outcome:?}");
}
