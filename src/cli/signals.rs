//! Signals: the first asks the work to stop; a second one, or work that does not stop, ends the process after its
//! temporary files are removed.
//!
//! On Unix the signals are blocked in all threads and one thread waits for them, so nothing runs in a handler. A
//! signal that the parent process ignores (`nohup`, a job in the background) stays ignored.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Exit code of an interrupted run.
pub(crate) const INTERRUPTED: u8 = 130;

/// How long the work may take to stop by itself. Most of it asks once per block; what does not is ended.
const PATIENCE: Duration = Duration::from_millis(100);

static ASKED: AtomicBool = AtomicBool::new(false);

/// Whether a signal has asked to stop.
pub(crate) fn interrupted() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Fails if a signal has asked to stop.
pub(crate) fn check() -> annmap::Result<()> {
    if interrupted() { Err(annmap::Error::new(annmap::Kind::Cancelled, "interrupted")) } else { Ok(()) }
}

/// Asks the work to stop at the first signal, ends the process at the second or if it does not stop.
fn arrived() {
    if ASKED.swap(true, Ordering::SeqCst) {
        end();
    }
    let waiting = std::thread::Builder::new().name("interrupted".into()).stack_size(64 << 10);
    let late = || {
        std::thread::sleep(PATIENCE);
        end()
    };
    if waiting.spawn(late).is_err() {
        end();
    }
}

/// Removes what is being written and ends the process.
fn end() -> ! {
    annmap::remove_temporaries(|| {
        // A progress bar may stand in this line.
        let clean = if io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
        let _ = write!(io::stderr(), "{clean}");
        super::report::failure(&annmap::Error::new(annmap::Kind::Cancelled, "interrupted"));
        std::process::exit(INTERRUPTED.into())
    })
}

/// Listens for signals from now on. Must be called before any other thread is started.
#[cfg(unix)]
pub(crate) fn listen() {
    use nix::sys::signal::{SigSet, Signal};
    // A write past the limit of `ulimit -f` is an error, EFBIG, if its signal is not delivered.
    let mut file_size = SigSet::empty();
    file_size.add(Signal::SIGXFSZ);
    let _ = file_size.thread_block();
    let ignored = ignored();
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        if ignored >> (signal as i32 - 1) & 1 == 0 {
            signals.add(signal);
        }
    }
    // Other threads inherit the mask, so all signals go to the one that waits.
    if signals.thread_block().is_err() {
        return;
    }
    let listening = std::thread::Builder::new().name("signals".into()).stack_size(256 << 10);
    let wait = move || {
        loop {
            if signals.wait().is_ok() {
                arrived();
            }
        }
    };
    if listening.spawn(wait).is_err() {
        // Without the thread a signal ends the process at once; the next run removes what it left.
        let _ = signals.thread_unblock();
    }
}

/// Bits of the signals that this process was told to ignore, the first signal lowest.
#[cfg(unix)]
fn ignored() -> u64 {
    // Elsewhere than on Linux a blocked signal that is ignored is never waited for.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|l| l.strip_prefix("SigIgn:"));
    bits.and_then(|b| u64::from_str_radix(b.trim(), 16).ok()).unwrap_or(0)
}

/// Listens for signals from now on.
#[cfg(not(unix))]
pub(crate) fn listen() {
    let _ = ctrlc::set_handler(arrived);
}
