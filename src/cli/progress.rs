//! Progress on stderr: a bar on a terminal, one JSON line per second for programs, or nothing.

use super::{report, signals};
use annmap::{Observer, Phase, Warning};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Value of `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ProgressArg {
    /// A bar on a terminal, otherwise nothing
    Auto,
    /// A bar
    Bar,
    /// One JSON object per line, once a second
    Json,
    /// Nothing
    None,
}

/// Observer that shows the progress reported by the library.
#[derive(Debug)]
pub(crate) struct Progress {
    show: Show,
    quiet: bool,
}

#[derive(Debug)]
enum Show {
    Nothing,
    Bar(ProgressBar),
    Json(ProgressLines),
}

#[derive(Debug)]
struct ProgressLines {
    done: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: String,
    element: Option<String>,
    total: u64,
    began: Instant,
    printed: Instant,
}

const SECOND: Duration = Duration::from_secs(1);

impl Progress {
    pub(crate) fn new(style: ProgressArg, quiet: bool) -> Self {
        let bar = || {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(8));
            let style = "{msg:<12} [{bar:30}] {percent:>3}%  {bytes_per_sec}  ETA {eta}";
            bar.set_style(
                ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            Show::Bar(bar)
        };
        let show = match style {
            _ if quiet => Show::Nothing,
            ProgressArg::None => Show::Nothing,
            ProgressArg::Bar => bar(),
            ProgressArg::Auto if io::stderr().is_terminal() => bar(),
            ProgressArg::Auto => Show::Nothing,
            ProgressArg::Json => {
                let now = Instant::now();
                let state = State { phase: String::new(), element: None, total: 0, began: now, printed: now };
                Show::Json(ProgressLines { done: AtomicU64::new(0), state: Mutex::new(state) })
            }
        };
        Progress { show, quiet }
    }

    /// Removes the bar, which leaves the terminal clean for later output.
    pub(crate) fn end(&self) {
        match &self.show {
            Show::Bar(bar) => bar.finish_and_clear(),
            Show::Json(lines) => lines.print(&lines.lock(), true),
            Show::Nothing => {}
        }
    }
}

/// One line of `--progress json`.
#[derive(Debug, Serialize)]
struct ProgressLine<'a> {
    phase: &'a str,
    bytes: u64,
    total: u64,
    seconds: f64,
    bytes_per_second: f64,
    eta_seconds: Option<f64>,
    last: bool,
    element: Option<&'a str>,
}

impl ProgressLines {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, state: &State, last: bool) {
        if state.phase.is_empty() {
            return;
        }
        let done = self.done.load(Ordering::Relaxed).min(state.total);
        let seconds = state.began.elapsed().as_secs_f64();
        let rate = if seconds > 0.0 { done as f64 / seconds } else { 0.0 };
        let eta = if rate > 0.0 { Some(((state.total - done) as f64 / rate).round()) } else { None };
        let line = ProgressLine {
            phase: &state.phase,
            bytes: done,
            total: state.total,
            seconds: (seconds * 1000.0).round() / 1000.0,
            bytes_per_second: rate.round(),
            eta_seconds: eta,
            last,
            element: state.element.as_deref(),
        };
        let line = serde_json::to_string(&line).unwrap_or_default();
        let _ = writeln!(io::stderr(), "{line}");
    }
}

impl Observer for Progress {
    fn phase(&self, phase: &Phase<'_>) {
        match &self.show {
            Show::Bar(bar) => {
                bar.reset();
                bar.set_length(phase.total);
                bar.set_message(match phase.element {
                    Some(element) => format!("{phase} {}", report::printable(element)),
                    None => phase.to_string(),
                });
            }
            Show::Json(lines) => {
                let mut state = lines.lock();
                if !state.phase.is_empty() {
                    lines.print(&state, true);
                }
                lines.done.store(0, Ordering::Relaxed);
                let now = Instant::now();
                *state = State {
                    phase: phase.to_string(),
                    element: phase.element.map(str::to_owned),
                    total: phase.total,
                    began: now,
                    printed: now,
                };
            }
            Show::Nothing => {}
        }
    }

    fn advance(&self, bytes: u64) {
        match &self.show {
            Show::Bar(bar) => bar.inc(bytes),
            Show::Json(lines) => {
                lines.done.fetch_add(bytes, Ordering::Relaxed);
                // A thread that finds the state locked leaves the printing to the lock's holder.
                if let Ok(mut state) = lines.state.try_lock()
                    && state.printed.elapsed() >= SECOND
                {
                    state.printed = Instant::now();
                    lines.print(&state, false);
                }
            }
            Show::Nothing => {}
        }
    }

    fn warn(&self, warning: &Warning) {
        if self.quiet {
            return;
        }
        let say = || report::warning(warning);
        match &self.show {
            Show::Bar(bar) => bar.suspend(say),
            _ => say(),
        }
    }

    fn cancelled(&self) -> bool {
        signals::interrupted()
    }
}
