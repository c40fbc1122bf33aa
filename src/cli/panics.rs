//! A panic of ours is a bug: one line that says so, and an exit code of its own.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

/// Message and place of the first panic that nothing has caught yet.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the message of a panic for [`caught`] instead of printing it: a panic may be caught on its way, where a
/// dependency panics over damaged input.
pub(crate) fn keep_quiet() {
    panic::set_hook(Box::new(|info| {
        let said = info.payload();
        let text = said.downcast_ref::<&str>().copied().or(said.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("a panic without a message");
        let place = info.location().map(|l| format!(" at {}:{}", l.file(), l.line())).unwrap_or_default();
        let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        *first = Some(format!("{text}{place}"));
    }));
}

/// Runs `work`.
///
/// # Errors
/// If it panics, what the panic said and where it was.
pub(crate) fn caught<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        let said = FIRST.lock().unwrap_or_else(PoisonError::into_inner).take();
        said.unwrap_or_else(|| "a panic without a message".into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In another thread of a pool too, as the work of most commands is.
    #[test]
    fn a_panic_is_returned_with_its_place() {
        let before = panic::take_hook();
        keep_quiet();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let said = caught(|| pool.install(|| -> u8 { panic!("three of {}", 2) })).unwrap_err();
        panic::set_hook(before);
        assert!(said.starts_with("three of 2 at ") && said.contains("panics.rs:"), "{said}");
        assert_eq!(caught(|| 7), Ok(7));
    }
}
