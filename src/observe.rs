//! Progress, warnings and cancelling through one handle, passed in by the caller.

use crate::error::{Error, Result};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Watches a long piece of work. The library calls it from many threads; it must not block.
///
/// `()` watches nothing and never cancels.
pub trait Observer: Sync {
    /// A phase begins, and the previous one is over.
    fn phase(&self, phase: &Phase<'_>) {
        let _ = phase;
    }

    /// `bytes` more of the current phase are done.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// Something the user should know that does not stop the work.
    fn warn(&self, warning: &Warning) {
        let _ = warning;
    }

    /// Whether to stop; asked once a block of entries, a chunk, a column.
    fn cancelled(&self) -> bool {
        false
    }
}

impl Observer for () {}

impl dyn Observer + '_ {
    /// # Errors
    /// `Cancelled` if the observer says so.
    pub fn check_cancelled(&self) -> Result<()> {
        if self.cancelled() { Err(Error::cancelled()) } else { Ok(()) }
    }
}

/// One phase of a piece of work. As text: what is done, such as `copying`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Phase<'a> {
    /// What is done.
    pub verb: Verb,
    /// The element it is done with, such as `X` or `layers/counts`, if it is a single one.
    pub element: Option<&'a str>,
    /// Bytes that the phase will [`advance`](Observer::advance) by in all; 0 if unknown.
    pub total: u64,
}

impl<'a> Phase<'a> {
    /// A phase of `total` bytes.
    pub fn new(verb: Verb, total: u64) -> Self {
        Phase { verb, element: None, total }
    }

    /// Adds the element by its path, with or without a slash in front.
    #[must_use]
    pub fn of(self, element: &'a str) -> Self {
        Phase { element: Some(element.trim_start_matches('/')), ..self }
    }
}

impl fmt::Display for Phase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verb.fmt(f)
    }
}

/// What a [`Phase`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// Entries of two matrices are compared.
    Comparing,
    /// Entries go into a store in the layout they have.
    Converting,
    /// An element goes into another file.
    Copying,
    /// Values of a dense matrix that are not zero are counted, or entries that a selection keeps.
    Counting,
    /// Explicit zeros are left out, duplicates added up.
    Editing,
    /// Entries of a matrix are read to find damage.
    ExaminingEntries,
    /// Objects of a file are read to find damage.
    ExaminingObjects,
    /// Elements of several files become one.
    Joining,
    /// All entries are read to find the lines that cannot be read.
    LookingForDamage,
    /// Values are read to find the narrowest type that holds them.
    LookingAtValues,
    /// What random data will look like is computed.
    Planning,
    /// Entries are read, from a text or as the first half of transposing.
    Reading,
    /// One matrix goes into several files.
    Splitting,
    /// Duplicates are added up.
    Summing,
    /// Sorted entries are written, the second half of transposing.
    Transposing,
    /// Checksums of the files of a store are verified.
    VerifyingChecksums,
    /// Entries of a store are verified.
    VerifyingEntries,
    /// A matrix is written.
    Writing,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Comparing => "comparing",
            Verb::Converting => "converting",
            Verb::Copying => "copying",
            Verb::Counting => "counting",
            Verb::Editing => "editing",
            Verb::ExaminingEntries => "examining entries",
            Verb::ExaminingObjects => "examining objects",
            Verb::Joining => "joining",
            Verb::LookingForDamage => "looking for damage",
            Verb::LookingAtValues => "looking at values",
            Verb::Planning => "planning",
            Verb::Reading => "reading",
            Verb::Splitting => "splitting",
            Verb::Summing => "summing",
            Verb::Transposing => "transposing",
            Verb::VerifyingChecksums => "checksums",
            Verb::VerifyingEntries => "entries",
            Verb::Writing => "writing",
        })
    }
}

/// Something that does not stop the work. As text: one line for people.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Warning {
    /// A column of a table has a type that tables cannot hold; the rest of the table is read.
    ColumnLeftOut {
        /// The path of the column.
        path: String,
        /// Why it cannot be read.
        reason: Error,
    },
    /// An element is of a kind that cannot be read or written; the others are.
    ElementLeftOut {
        /// The path of the element.
        path: String,
        /// Why it cannot be read or written.
        reason: Error,
    },
    /// The tables of a matrix are damaged, and salvaging goes on without them.
    TablesLeftOut {
        /// Why they cannot be read.
        reason: Error,
    },
    /// Not all of the files that are put together have `raw`, so that the result has none.
    RawLeftOut,
}

impl Warning {
    pub(crate) fn column(path: impl Into<String>, reason: Error) -> Self {
        Warning::ColumnLeftOut { path: path.into(), reason }
    }

    pub(crate) fn element(path: impl Into<String>, reason: Error) -> Self {
        Warning::ElementLeftOut { path: path.into(), reason }
    }

    /// An element that cannot even be opened: the child `name` of the group at `path`.
    pub(crate) fn child(path: &str, name: &str, reason: Error) -> Self {
        Warning::element(format!("{}/{name}", path.trim_end_matches('/')), reason)
    }

    /// What the output lacks because of this.
    pub fn left_out(&self) -> Vec<LeftOut> {
        let one = |path: &str, reason: String| LeftOut { path: path.to_owned(), reason };
        match self {
            Warning::ColumnLeftOut { path, reason } | Warning::ElementLeftOut { path, reason } => {
                vec![one(path, reason.without_file())]
            }
            Warning::TablesLeftOut { reason } => {
                ["/obs", "/var"].map(|path| one(path, reason.without_file())).into()
            }
            Warning::RawLeftOut => vec![one("/raw", ONLY_SOME.to_owned())],
        }
    }
}

const ONLY_SOME: &str = "only some of the parts have raw";

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::ColumnLeftOut { reason, .. } => write!(f, "column left out: {}", reason.without_file()),
            Warning::ElementLeftOut { reason, .. } => write!(f, "left out: {}", reason.without_file()),
            Warning::TablesLeftOut { reason } => write!(f, "tables left out: {reason}"),
            Warning::RawLeftOut => write!(f, "{ONLY_SOME}: it is left out"),
        }
    }
}

/// An element or a column of the input that the output lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LeftOut {
    /// Its path in the input.
    pub path: String,
    /// Why, for people.
    pub reason: String,
}

/// An observer whose work can also be stopped by what runs beside it.
pub(crate) struct Stoppable<'a> {
    observer: &'a dyn Observer,
    stopped: AtomicBool,
}

impl<'a> Stoppable<'a> {
    pub(crate) fn new(observer: &'a dyn Observer) -> Self {
        Stoppable { observer, stopped: AtomicBool::new(false) }
    }

    /// Passes on what came of the work beside; if it failed, the rest is to stop.
    pub(crate) fn noted<T>(&self, done: Result<T>) -> Result<T> {
        if done.is_err() {
            self.stopped.store(true, Ordering::Relaxed);
        }
        done
    }
}

impl Observer for Stoppable<'_> {
    fn phase(&self, phase: &Phase<'_>) {
        self.observer.phase(phase);
    }

    fn advance(&self, bytes: u64) {
        self.observer.advance(bytes);
    }

    fn warn(&self, warning: &Warning) {
        self.observer.warn(warning);
    }

    fn cancelled(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.observer.cancelled()
    }
}

/// An observer that keeps what the warnings say is left out, for the report of a verb.
pub(crate) struct Recorder<'a> {
    observer: &'a dyn Observer,
    left_out: Mutex<Vec<LeftOut>>,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(observer: &'a dyn Observer) -> Self {
        Recorder { observer, left_out: Mutex::default() }
    }

    /// What was left out, in the order of the warnings; the same column or element comes once.
    pub(crate) fn finish(self) -> Vec<LeftOut> {
        let mut out: Vec<LeftOut> = Vec::new();
        for l in self.left_out.into_inner().unwrap_or_else(PoisonError::into_inner) {
            if !out.contains(&l) {
                out.push(l);
            }
        }
        out
    }
}

impl Observer for Recorder<'_> {
    fn phase(&self, phase: &Phase<'_>) {
        self.observer.phase(phase);
    }

    fn advance(&self, bytes: u64) {
        self.observer.advance(bytes);
    }

    fn warn(&self, warning: &Warning) {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner).extend(warning.left_out());
        self.observer.warn(warning);
    }

    fn cancelled(&self) -> bool {
        self.observer.cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_beside_stops_the_rest() {
        let observer = Stoppable::new(&());
        assert!(observer.noted(Ok(1)).is_ok() && !observer.cancelled());
        assert!(observer.noted::<()>(Err(Error::cancelled())).is_err() && observer.cancelled());
        let e = (&observer as &dyn Observer).check_cancelled().unwrap_err();
        assert_eq!(e.kind(), crate::Kind::Cancelled);
    }

    #[test]
    fn warnings_are_lines_for_people_and_lists_for_programs() {
        let reason = Error::unsupported("a column of more than one dimension").in_object("/obs/x");
        let recorder = Recorder::new(&());
        let warning = Warning::column("/obs/x", reason);
        assert_eq!(warning.to_string(), "column left out: /obs/x: a column of more than one dimension",);
        recorder.warn(&warning);
        recorder.warn(&warning);
        recorder.warn(&Warning::RawLeftOut);
        let left_out = recorder.finish();
        let paths: Vec<&str> = left_out.iter().map(|l| l.path.as_str()).collect();
        assert_eq!(paths, ["/obs/x", "/raw"]);
        assert_eq!(Warning::RawLeftOut.to_string(), "only some of the parts have raw: it is left out");
    }
}
