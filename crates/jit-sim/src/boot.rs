//! The instance's script as it is shipped, run by a real shell: each case boots a machine in namespaces of its own, with a metadata
//! service at 169.254.169.254 and the built components behind the registrar's address, and must see it power off within its bound.
//! Time is real, as a shell knows no other; a second of the configuration lasts [`SECOND`] here.
//! Not here: the script, which is packer/boot; a whole operating system.

mod case;
mod front;
mod machine;
mod metadata;
mod needs;
mod stage;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

pub use self::case::{CASES, Case};
pub use self::needs::missing;
use self::stage::Stage;

/// How long a second of the configuration, and of the script's own waits, lasts.
const SECOND: Duration = Duration::from_millis(100);

/// What is asked of the cases.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// What serves the built components: jit-host, or what takes `up` as Spin does.
    pub program: &'a Path,
    /// Only the cases whose names contain this; all if it is empty.
    pub only: &'a str,
    /// Whether the control plane's log and each machine's console are printed.
    pub is_verbose: bool,
}

/// Runs the cases one after the other, for there is one metadata address, and prints what became of each.
///
/// # Errors
/// A case did not end as it should, or something is left; all cases are run before.
pub async fn run(plan: Plan<'_>) -> Result<()> {
    let chosen = CASES.iter().filter(|case| case.name.contains(plan.only));
    let (cases, skipped): (Vec<&Case>, Vec<&Case>) = chosen.partition(|case| needs::has_shell(case.shell));
    for case in skipped {
        println!("boot: skipped case=\"{}\": there is no {}", case.name, case.shell);
    }
    let mut stage = Stage::set(plan.program, plan.is_verbose).await?;
    let (mut off, mut failed) = (0, Vec::new());
    for case in &cases {
        let played = stage.play(case).await?;
        off += usize::from(played.powered_off.is_some());
        let took = played.powered_off.map_or_else(|| "never".to_owned(), |took| format!("{took:.1?}"));
        let verdict = if played.faults.is_empty() { "right" } else { "WRONG" };
        println!("boot: {verdict} case=\"{}\" powered_off_after={took}", case.name);
        if plan.is_verbose || !played.faults.is_empty() {
            played.console.lines().for_each(|line| println!("  console: {line}"));
            played.seen.iter().for_each(|seen| println!("  registrar: {seen}"));
        }
        played.faults.iter().for_each(|fault| println!("  fault: {fault}"));
        if !played.faults.is_empty() {
            failed.push(case.name);
        }
    }
    let left = stage.end().await?;
    println!(
        "boot: instances_left={} runners_left={} records_open={}",
        left.instances, left.runners, left.records
    );
    println!("boot: cases={} powered_off={off}", cases.len());
    if !failed.is_empty() {
        bail!("cases that went wrong: {}", failed.join(", "));
    }
    if left != stage::Left::default() || off != cases.len() {
        bail!("something is left");
    }
    Ok(())
}
