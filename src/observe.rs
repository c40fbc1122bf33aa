//! Progress and cancelling through one handle, passed in by the caller.

use crate::error::Result;
use std::sync::atomic::{AtomicBool, Ordering};

/// Watches a long piece of work. The library calls it from many threads; it must not block.
///
/// `()` watches nothing and never cancels.
pub trait Observer: Sync {
    /// A phase begins; `total` is how many bytes of output it will [`advance`](Self::advance) by.
    fn phase(&self, name: &str, total: u64) {
        let _ = (name, total);
    }

    /// `bytes` more of the current phase are done.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// Something the user should know that does not stop the work.
    fn warn(&self, message: &str) {
        let _ = message;
    }

    /// Whether to stop at the next occasion; asked once a block.
    fn cancelled(&self) -> bool {
        false
    }
}

impl Observer for () {}

/// An observer whose work can also be stopped by what runs beside it.
pub(crate) struct Stoppable<'a> {
    observer: &'a dyn Observer,
    stopped: AtomicBool,
}

impl<'a> Stoppable<'a> {
    pub(crate) fn new(observer: &'a dyn Observer) -> Self {
        Stoppable { observer, stopped: AtomicBool::new(false) }
    }

    /// Passes on what came of the work beside; where it failed, the rest is to stop.
    pub(crate) fn noted<T>(&self, done: Result<T>) -> Result<T> {
        if done.is_err() {
            self.stopped.store(true, Ordering::Relaxed);
        }
        done
    }
}

impl Observer for Stoppable<'_> {
    fn phase(&self, name: &str, total: u64) {
        self.observer.phase(name, total);
    }

    fn advance(&self, bytes: u64) {
        self.observer.advance(bytes);
    }

    fn warn(&self, message: &str) {
        self.observer.warn(message);
    }

    fn cancelled(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.observer.cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_beside_stops_the_rest() {
        let observer = Stoppable::new(&());
        assert!(observer.noted(Ok(1)).is_ok() && !observer.cancelled());
        assert!(observer.noted::<()>(Err(crate::Error::cancelled())).is_err() && observer.cancelled());
    }
}
