//! Progress and cancelling through one handle, passed in by the caller.

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
