//! Wakes components by their schedules.
//!
//! Not in here: what a schedule is (`schedule`); clouds whose own scheduler calls an HTTP route.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::host::Host;
use crate::log::Stream;
use crate::manifest::CronTrigger;

/// Carries out the schedules of an application until it is dropped.
///
/// As in Spin's cron trigger, a tick starts whether or not the last one has ended, and missed ticks are not made up.
/// A tick that is refused for too many instances is logged.
pub async fn run_schedules(host: Host) {
    let mut schedules = JoinSet::new();
    for trigger in host.cron_triggers().iter().cloned() {
        schedules.spawn(run(host.clone(), trigger));
    }
    while schedules.join_next().await.is_some() {}
    // No schedule is left that will ever be due again.
    std::future::pending().await
}

async fn run(host: Host, trigger: CronTrigger) {
    while let Some(due) = trigger.schedule.next_after(host.now().as_secs()) {
        wait_until(&host, due).await;
        let (host, component) = (host.clone(), trigger.component.clone());
        tokio::spawn(async move {
            if let Err(error) = host.tick(&component, due).await {
                let line = format!("tick {due}: {error}");
                host.options().log.line(&component, Stream::Host, &line);
            }
        });
    }
}

/// Waits until the host's clock has reached a second. The clock may be set while we wait, so it is looked at again.
async fn wait_until(host: &Host, second: u64) {
    while let Some(left) = Duration::from_secs(second).checked_sub(host.now()).filter(|left| !left.is_zero())
    {
        // At least a millisecond: tokio's timers are no finer.
        tokio::time::sleep(left.clamp(Duration::from_millis(1), Duration::from_secs(60))).await;
    }
}
