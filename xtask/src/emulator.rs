//! An emulator of AWS that serves while something runs against it, moto or ministack.
//! Not here: what runs against it; the tests of ministack's refusals start one for each of themselves.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// It starts in half a second; a busy machine is given much more.
const START_MAX: Duration = Duration::from_secs(60);
const START_PAUSE: Duration = Duration::from_millis(100);
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// The emulator; ended when dropped.
pub(crate) struct Emulator {
    child: Child,
    address: SocketAddr,
}

impl Emulator {
    /// Starts one on loopback and waits until it takes connections.
    ///
    /// # Errors
    /// It does not start, or ends before it serves.
    pub(crate) fn start(serving_at: impl FnOnce(u16) -> Command) -> Result<Self> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on loopback")?;
        let address = free.local_addr()?;
        drop(free);
        let mut command = serving_at(address.port());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let mut emulator = Self { child, address };
        emulator.wait()?;
        Ok(emulator)
    }

    fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            thread::sleep(START_PAUSE);
            if let Some(status) = self.child.try_wait()? {
                bail!("the emulator ended before it served: {status}");
            }
            if self.serves() {
                return Ok(());
            }
            if began.elapsed() > START_MAX {
                bail!("the emulator does not serve after {} s", START_MAX.as_secs());
            }
        }
    }

    /// Whether somebody takes a connection. One from a port of loopback to itself succeeds where nobody listens, and shows nothing.
    fn serves(&self) -> bool {
        let ours =
            TcpStream::connect_timeout(&self.address, CONNECT_MAX).and_then(|stream| stream.local_addr());
        ours.is_ok_and(|ours| ours != self.address)
    }

    /// Its address, as `JIT_AWS_ENDPOINT` takes it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // One that has ended by itself cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_before_it_serves_is_an_error_at_once() {
        let began = Instant::now();
        let error = Emulator::start(|_| Command::new("false")).map(|e| e.url()).unwrap_err();
        assert!(error.to_string().contains("ended before it served"), "{error}");
        assert!(began.elapsed() < START_MAX);
    }
}
