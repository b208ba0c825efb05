//! A machine: a folder with what its image holds, and the processes that run in it.
//! Not here: when something happens to it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::SECOND;
use super::case::{Agent, Case, Image};
use super::stage::AGENT_VERSION;

/// The shipped files.
const BOOT: &str = include_str!("../../../../packer/boot/boot");
const JOB_STARTED: &str = include_str!("../../../../packer/boot/job-started.sh");
const JOB_COMPLETED: &str = include_str!("../../../../packer/boot/job-completed.sh");
/// The first process, and what stands in for the agent.
const MACHINE: &str = include_str!("machine.sh");
pub(super) const AGENT: &str = include_str!("agent.sh");
/// The agent's user, who is on no machine that this runs on.
const USER_ID: u32 = 61_999;
/// How often it is looked whether the machine is off.
const LOOK: Duration = Duration::from_millis(20);
/// The console's size that is read at the end; more is not looked at.
const CONSOLE_BYTES_MAX: usize = 1 << 20;

/// What a machine is given besides its case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    pub(super) user_data: &'a str,
    /// GitHub's address for the agent.
    pub(super) github_url: &'a str,
    /// Another instance, for whoever wants to be it.
    pub(super) sibling: &'a str,
}

/// A machine that is powered on, or was.
#[derive(Debug)]
pub(super) struct Machine {
    folder: TempDir,
    process: Child,
    powered_on: Instant,
}

impl Machine {
    /// Makes the image and powers the machine on.
    ///
    /// # Errors
    /// The system does not let us.
    pub(super) fn power_on(case: &Case, given: Given<'_>) -> Result<Self> {
        let folder = tempfile::tempdir().context("there is no room for a machine")?;
        make_image(folder.path(), case, given)?;
        let process = start(folder.path())?;
        Ok(Self { folder, process, powered_on: Instant::now() })
    }

    /// Waits until it has powered off and tells how long that took; none when the bound was over first.
    pub(super) async fn powered_off(&mut self, within: Duration) -> Option<Duration> {
        let is_off = async {
            while !self.folder.path().join("power").exists() {
                tokio::time::sleep(LOOK).await;
            }
        };
        let left = within.saturating_sub(self.powered_on.elapsed());
        let off = tokio::time::timeout(left, is_off).await.ok().map(|()| self.powered_on.elapsed());
        if off.is_some() {
            // The first process sees it too and ends by itself, after it has kept what was in memory.
            let _ = tokio::time::timeout(Duration::from_secs(5), self.process.wait()).await;
        }
        off
    }

    /// Cuts the power and switches it on again, perhaps with a disk that has forgotten everything.
    ///
    /// # Errors
    /// The system does not let us.
    pub(super) async fn start_again(&mut self, disk: Disk) -> Result<()> {
        self.process.kill().await.context("the machine does not end")?;
        if disk == Disk::Forgets {
            let state = self.folder.path().join("var/jit-runners");
            fs::remove_dir_all(&state).context("nothing was written down")?;
        }
        self.process = start(self.folder.path())?;
        Ok(())
    }

    /// All that it wrote to its console.
    pub(super) fn console(&self) -> String {
        let text = fs::read(self.folder.path().join("console")).unwrap_or_default();
        String::from_utf8_lossy(&text[..text.len().min(CONSOLE_BYTES_MAX)]).into_owned()
    }

    /// The files, in memory too, that hold one of these texts.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(super) fn files_with(&self, secrets: &[String]) -> Result<Vec<PathBuf>> {
        let (mut folders, mut found) = (vec![self.folder.path().to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    let bytes = fs::read(entry.path())?;
                    let text = String::from_utf8_lossy(&bytes);
                    if secrets.iter().any(|secret| text.contains(secret.as_str())) {
                        found.push(entry.path());
                    }
                }
            }
        }
        Ok(found)
    }

    /// Cuts the power.
    pub(super) async fn cut(mut self) {
        let _ = self.process.kill().await;
    }
}

/// What a disk holds after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disk {
    /// What was written.
    Keeps,
    /// What was there at first.
    Forgets,
}

fn start(folder: &Path) -> Result<Child> {
    let console = fs::File::options().create(true).append(true).open(folder.join("console"))?;
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--pid", "--fork", "--kill-child", "--", "sh"])
        .arg(folder.join("machine.sh"))
        .arg(folder)
        // As systemd does.
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .stdout(console.try_clone()?)
        .stderr(console)
        .process_group(0)
        .kill_on_drop(true);
    command.spawn().context("unshare cannot be started")
}

fn make_image(folder: &Path, case: &Case, given: Given<'_>) -> Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    for below in ["opt/world", "var"] {
        fs::create_dir_all(folder.join(below))?;
    }
    let file = |path: &str, text: &str| write(&folder.join(path), text, 0o755);
    file("machine.sh", MACHINE)?;
    file("systemctl", "#!/bin/sh\necho \"$*\" >>\"$(cat /run/machine)/power\"\n")?;
    file("useradd", "#!/bin/sh\necho 'the user is there' >&2\nexit 9\n")?;
    file("date", &format!("#!/bin/sh\nexec /bin/date --date='{}' \"$@\"\n", case.clock_off))?;
    for (name, line) in [
        ("passwd", format!("runner:x:{USER_ID}:{USER_ID}::/run/home:/bin/sh\n")),
        ("group", format!("runner:x:{USER_ID}:\n")),
    ] {
        let there = fs::read_to_string(Path::new("/etc").join(name)).unwrap_or_default();
        write(&folder.join(name), &(there + &line), 0o644)?;
    }
    let script = match case.image {
        Image::Baked => {
            file("opt/jit-runners/boot", BOOT)?;
            file("opt/jit-runners/job-started.sh", JOB_STARTED)?;
            file("opt/jit-runners/job-completed.sh", JOB_COMPLETED)?;
            file("opt/actions-runner/run.sh", AGENT)?;
            let agent = folder.join("opt/actions-runner");
            std::os::unix::fs::chown(&agent, Some(USER_ID), Some(USER_ID))?;
            file("opt/jit-runner-prebaked", &format!("{AGENT_VERSION}\n"))?;
            "/opt/jit-runners/boot".to_owned()
        }
        Image::Stock => {
            write(&folder.join("user-data"), given.user_data, 0o700)?;
            folder.join("user-data").display().to_string()
        }
    };
    let agent = match case.agent {
        Agent::TakesAJob => "takes a job",
        Agent::Exits => "exits",
        Agent::Hangs => "hangs",
        Agent::Rehearses => "rehearses",
    };
    let hundredths = SECOND.as_millis() / 10;
    file(
        "settings",
        &format!(
            "SCRIPT='{script}'\nSHELL_WORDS='{}'\nSECOND={hundredths}\nDISK='{}'\nCLOCK_OFF='{}'\nAGENT_USER=runner\n",
            case.shell, case.disk, case.clock_off
        ),
    )?;
    file("opt/world/settings", &format!("AGENT='{agent}'\nGITHUB_URL='{}'\n", given.github_url))?;
    file("opt/world/sibling", given.sibling)?;
    let sudo = "sudo() { printf '%s\\n' \"$1\" >/run/sudo; }";
    file("opt/world/job.sh", &format!(". /opt/world/settings\n{sudo}\n{}\n", case.job))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    fs::create_dir_all(path.parent().context("no folder")?)?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
}
