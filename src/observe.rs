//! Progress, warnings and cancellation through one handle that the caller passes in.

use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::sync::{into_inner, lock};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Observes a long operation. The library calls it from several threads; it must not block.
///
/// `()` ignores everything and never cancels.
pub trait Observer: Sync {
    /// Called when a phase begins; the previous phase is then over.
    fn phase(&self, phase: &Phase<'_>) {
        let _ = phase;
    }

    /// Called when another `bytes` bytes of the current phase are done.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// Called with a problem that the user should know but that does not stop the operation.
    fn warn(&self, warning: &Warning) {
        let _ = warning;
    }

    /// Whether to stop; asked once per block of entries, chunk or column.
    fn cancelled(&self) -> bool {
        false
    }
}

impl Observer for () {}

impl dyn Observer + '_ {
    /// # Errors
    /// `Cancelled` if the observer cancels.
    pub fn check_cancelled(&self) -> Result<()> {
        if self.cancelled() { Err(Error::cancelled()) } else { Ok(()) }
    }
}

/// One phase of an operation. Displays as the activity, such as `copying`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Phase<'a> {
    /// The activity.
    pub verb: Verb,
    /// The element being processed, such as `X` or `layers/counts`; `None` if there is not exactly one.
    pub element: Option<&'a str>,
    /// Total number of bytes that the phase will [`advance`](Observer::advance) by; 0 if unknown.
    pub total: u64,
}

impl<'a> Phase<'a> {
    /// A phase of `total` bytes without an element.
    pub fn new(verb: Verb, total: u64) -> Self {
        Phase { verb, element: None, total }
    }

    /// Sets the element, given by its path with or without a leading slash.
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

/// The activity of a [`Phase`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// Comparing the entries of two matrices.
    Comparing,
    /// Writing entries to a store in their existing layout.
    Converting,
    /// Copying an element to another file.
    Copying,
    /// Counting the non-zero values of a dense matrix, or the entries that a selection keeps.
    Counting,
    /// Removing explicit zeros and adding up duplicates.
    Editing,
    /// Reading the entries of a matrix to find damage.
    ExaminingEntries,
    /// Reading the objects of a file to find damage.
    ExaminingObjects,
    /// Joining elements of several files.
    Joining,
    /// Reading all entries to find the lines that cannot be read.
    LookingForDamage,
    /// Reading values to find the narrowest type that holds them.
    LookingAtValues,
    /// Computing the layout of random data.
    Planning,
    /// Reading entries, from a text file or as the first half of transposing.
    Reading,
    /// Splitting one matrix into several files.
    Splitting,
    /// Adding up duplicates.
    Summing,
    /// Writing sorted entries, the second half of transposing.
    Transposing,
    /// Verifying the checksums of the files of a store.
    VerifyingChecksums,
    /// Verifying the entries of a store.
    VerifyingEntries,
    /// Writing a matrix.
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

/// A problem that does not stop the operation. Displays as one line.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Warning {
    /// A column has a type that tables cannot hold; the rest of the table is read.
    ColumnLeftOut {
        /// Path of the column.
        path: String,
        /// Why the column cannot be read.
        reason: Error,
    },
    /// An element is of a kind that cannot be read or written; the other elements are processed.
    ElementLeftOut {
        /// Path of the element.
        path: String,
        /// Why the element cannot be read or written.
        reason: Error,
    },
    /// The tables of a matrix are damaged; salvaging continues without them.
    TablesLeftOut {
        /// Why the tables cannot be read.
        reason: Error,
    },
    /// Some of the input files lack `raw`, so the result has none.
    RawLeftOut,
    /// A matrix is written with a wider type, because readers of the file do not know its own.
    Widened(Widened),
    /// Something is written in another way than in the input, because the program that is to read it does not
    /// know that.
    Changed(Changed),
}

/// Something that is written in another way than in the input.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Changed {
    /// Path in the output.
    pub path: String,
    /// What it is written as, and why, as text.
    pub text: String,
}

/// A matrix that has a wider type in the output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Widened {
    /// Path in the output.
    pub path: String,
    /// Type of the values in the input.
    pub from: Dtype,
    /// Type of the values in the output.
    pub to: Dtype,
}

impl Warning {
    pub(crate) fn column(path: impl Into<String>, reason: Error) -> Self {
        Warning::ColumnLeftOut { path: path.into(), reason }
    }

    pub(crate) fn element(path: impl Into<String>, reason: Error) -> Self {
        Warning::ElementLeftOut { path: path.into(), reason }
    }

    /// The error behind the problem, with its place; `None` if nothing failed.
    pub fn reason(&self) -> Option<&Error> {
        match self {
            Warning::ColumnLeftOut { reason, .. }
            | Warning::ElementLeftOut { reason, .. }
            | Warning::TablesLeftOut { reason } => Some(reason),
            Warning::RawLeftOut | Warning::Widened(_) | Warning::Changed(_) => None,
        }
    }

    /// The elements and columns that the output lacks because of this problem.
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
            Warning::Widened(_) | Warning::Changed(_) => Vec::new(),
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
            Warning::Widened(Widened { path, from, to }) => {
                write!(f, "{path}: written as {to}, because scipy has no matrices of {from}")
            }
            Warning::Changed(Changed { path, text }) => write!(f, "{path}: {text}"),
        }
    }
}

/// An element or a column of the input that is missing from the output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LeftOut {
    /// Path in the input.
    pub path: String,
    /// The reason, as text.
    pub reason: String,
}

/// An observer that also cancels when a parallel task fails.
pub(crate) struct Stoppable<'a> {
    observer: &'a dyn Observer,
    stopped: AtomicBool,
}

impl<'a> Stoppable<'a> {
    pub(crate) fn new(observer: &'a dyn Observer) -> Self {
        Stoppable { observer, stopped: AtomicBool::new(false) }
    }

    /// Returns `done` unchanged; if it is an error, the observer cancels from then on.
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

/// An observer that records what the warnings report, for the report of an operation, and passes everything on.
pub struct Recorder<'a> {
    observer: &'a dyn Observer,
    recorded: Mutex<Recorded>,
}

/// What the warnings of an operation report, in their order and without duplicates.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Recorded {
    /// Elements and columns that the output lacks.
    pub left_out: Vec<LeftOut>,
    /// Matrices that have a wider type in the output.
    pub widened: Vec<Widened>,
    /// What is written in another way than in the input.
    pub changed: Vec<Changed>,
}

impl fmt::Debug for Recorder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

impl<'a> Recorder<'a> {
    /// Records, and passes everything on to `observer`.
    pub fn new(observer: &'a dyn Observer) -> Self {
        Recorder { observer, recorded: Mutex::default() }
    }

    /// What was recorded.
    pub fn finish(self) -> Recorded {
        into_inner(self.recorded)
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
        let mut recorded = lock(&self.recorded);
        for one in warning.left_out() {
            if !recorded.left_out.contains(&one) {
                recorded.left_out.push(one);
            }
        }
        if let Warning::Widened(one) = warning
            && !recorded.widened.contains(one)
        {
            recorded.widened.push(one.clone());
        }
        if let Warning::Changed(one) = warning
            && !recorded.changed.contains(one)
        {
            recorded.changed.push(one.clone());
        }
        drop(recorded);
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
        let left_out = recorder.finish().left_out;
        let paths: Vec<&str> = left_out.iter().map(|l| l.path.as_str()).collect();
        assert_eq!(paths, ["/obs/x", "/raw"]);
        assert_eq!(Warning::RawLeftOut.to_string(), "only some of the parts have raw: it is left out");
    }
}
