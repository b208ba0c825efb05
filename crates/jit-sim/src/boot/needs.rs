//! What the cases need of the machine that they run on.
//! Not here: the cases.

use std::path::Path;
use std::process::{Command, Stdio};

/// Programs that the script, the agent's stand-in and the machines use.
const PROGRAMS: [&str; 10] =
    ["curl", "dash", "ip", "mount", "openssl", "runuser", "setsid", "tar", "timeout", "unshare"];

/// Why the cases cannot be run here; none if they can.
pub fn missing() -> Option<String> {
    for program in PROGRAMS {
        if !succeeds(Command::new("sh").args(["-c", &format!("command -v {program}")])) {
            return Some(format!("{program} is not installed"));
        }
    }
    let mut namespaces = Command::new("unshare");
    namespaces.args(["--net", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/run"]);
    (!succeeds(&mut namespaces)).then(|| "no right to make namespaces: run it as root".to_owned())
}

/// Whether a shell of a case is there, where a machine looks for it.
pub(super) fn has_shell(words: &str) -> bool {
    let program = words.split(' ').next().unwrap_or_default();
    ["/usr/local/bin", "/usr/bin", "/bin"].iter().any(|folder| Path::new(folder).join(program).exists())
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
