//! Examines a file: reads everything, decodes every chunk, checks the rules of AnnData.
//!
//! Damage does not end the examination. Each [`Problem`] has a place, a description and a severity:
//! [`Severity::Damage`] for bytes that cannot be what was written, [`Severity::Contradiction`] for a readable
//! file that breaks a rule, [`Severity::Notice`] for what may cause trouble in other programs.

mod anndata;
mod cycles;
mod nodes;
mod objects;

use crate::bytes::ReadAt;
use crate::dataset::AnnData;
#[cfg(feature = "text")]
use crate::dataset::Dataset;
use crate::error::{Error, Kind, Result};
use crate::limits::Limits;
use crate::matrix::Budget;
use crate::observe::Observer;
use crate::tree::Container;
use std::path::Path;

/// Severity of a problem, ordered from mildest to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Severity {
    /// Valid but unusual; other readers may refuse or misread it.
    Notice,
    /// Readable, but breaks a rule that programs rely on.
    Contradiction,
    /// Cannot be read.
    Damage,
}

impl Severity {
    /// Name of the severity, in text output and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Notice => "notice",
            Severity::Contradiction => "contradiction",
            Severity::Damage => "damage",
        }
    }
}

/// A problem found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Problem {
    /// Severity of the problem.
    pub weight: Severity,
    /// Path of the object concerned, or `/`.
    pub object: String,
    /// Offset in the file, in bytes, if known.
    #[cfg_attr(feature = "serde", serde(rename = "byte"))]
    pub offset: Option<u64>,
    /// Description of the problem.
    pub text: String,
    /// Remedy, if this crate has one.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub remedy: Option<Remedy>,
}

/// Remedies for a [`Problem`] in this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// Converting with [`salvage`](crate::convert::ConvertOptions::salvage) keeps what can be read.
    Salvage,
    /// Converting with [`sort`](crate::matrix::Edit::sort) sorts the indices.
    Sort,
}

/// Result of an examination.
#[derive(Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Examination {
    /// Kind of file, as text; `None` if unknown.
    #[cfg_attr(feature = "serde", serde(rename = "kind"))]
    pub flavour: Option<&'static str>,
    /// Number of objects examined.
    pub objects: u64,
    /// Number of chunks decoded.
    pub chunks: u64,
    /// All problems, in file order.
    pub findings: Vec<Problem>,
}

impl Examination {
    /// Whether nothing is wrong, apart from notices.
    pub fn is_healthy(&self) -> bool {
        self.findings.iter().all(|f| f.weight == Severity::Notice)
    }

    fn add(&mut self, weight: Severity, object: &str, text: impl Into<String>) {
        let (object, text) = (object.to_owned(), text.into());
        self.findings.push(Problem { weight, object, offset: None, text, remedy: None });
    }

    /// Sets the remedy of the problem added last.
    fn with_remedy(&mut self, remedy: Remedy) {
        if let Some(last) = self.findings.last_mut() {
            last.remedy = Some(remedy);
        }
    }

    /// Adds a finding for an error. Unsupported features and exceeded limits are notices; errors without an
    /// offset are contradictions between readable parts.
    fn add_error(&mut self, object: &str, e: &Error) {
        let weight = match e.kind() {
            Kind::Unsupported | Kind::Limit => Severity::Notice,
            Kind::Malformed if e.offset().is_none() => Severity::Contradiction,
            _ => Severity::Damage,
        };
        self.add_weighed(weight, object, e);
    }

    /// Adds a finding for an error in the structure of an object. An unknown version counts as damage, which
    /// is more likely than a new version of the format.
    fn add_structure_error(&mut self, object: &str, e: &Error) {
        match e.kind() {
            Kind::Unsupported => self.add_weighed(Severity::Damage, object, e),
            _ => self.add_error(object, e),
        }
    }

    fn add_weighed(&mut self, weight: Severity, object: &str, e: &Error) {
        let finding = Problem {
            weight,
            object: e.object().unwrap_or(object).to_owned(),
            offset: e.offset(),
            text: e.without_place(),
            remedy: None,
        };
        let known = |f: &Problem| f.object == finding.object && f.text == finding.text;
        if !self.findings.iter().any(known) {
            self.findings.push(finding);
        }
    }
}

/// Examines the file at `path`, on all threads of the current rayon pool.
///
/// # Errors
/// `NotHdf5` for a file that is Matrix Market or a table of text; `Io` if the file cannot be opened or read,
/// `Unsupported` if it is one part of a multi-file container, `Cancelled`, and `Limit` if the budget is too small.
/// Problems of the file itself are in the result.
pub fn examine(
    path: impl AsRef<Path>,
    limits: Limits,
    budget: Budget,
    observer: &dyn Observer,
) -> Result<Examination> {
    let path = path.as_ref();
    match Container::open(path, limits) {
        Err(e) if e.kind() == Kind::NotHdf5 && is_text(path) => Err(e),
        opened => examine_opened(opened, budget, observer),
    }
}

/// Examines what `source` holds: bytes in memory, ranges of an object store, anything that can be read at any
/// position.
///
/// # Errors
/// As [`examine`].
pub fn examine_source(
    source: impl ReadAt + 'static,
    limits: Limits,
    budget: Budget,
    observer: &dyn Observer,
) -> Result<Examination> {
    examine_opened(Container::from_source(Box::new(source), limits), budget, observer)
}

fn examine_opened(opened: Result<Container>, budget: Budget, observer: &dyn Observer) -> Result<Examination> {
    let mut report = Examination::default();
    let container = match opened {
        Err(e) if matches!(e.kind(), Kind::Io | Kind::Usage | Kind::Unsupported) => return Err(e),
        Err(e) => {
            report.add_error("/", &e);
            return Ok(report);
        }
        Ok(container) => container,
    };
    match container.as_hdf5() {
        Some(file) => objects::examine(file, &mut report, budget, observer)?,
        None => nodes::examine(&container, &mut report, observer)?,
    }
    match AnnData::from_container(&container) {
        Ok(data) => {
            report.flavour = Some(data.flavour().name());
            anndata::examine(&data, &mut report, budget, observer)?;
        }
        Err(e) if e.kind() == Kind::Unsupported => {
            report.add(Severity::Notice, "/", format!("{}; nothing else was examined", e.without_place()));
        }
        Err(e) => report.add_error("/", &e),
    }
    Ok(report)
}

/// Whether the file at `path` is Matrix Market or a table of text, which is not damaged because it is no HDF5.
#[cfg(feature = "text")]
fn is_text(path: &Path) -> bool {
    Dataset::open(path).is_ok_and(|d| d.anndata().is_none())
}

#[cfg(not(feature = "text"))]
fn is_text(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes in memory are examined as a file is.
    #[test]
    fn a_source_is_examined_like_a_file() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/wrapped.h5ad");
        let budget = Budget::new(64 << 20);
        let of = |found: Examination| found.findings.iter().map(|f| f.text.clone()).collect::<Vec<_>>();
        let bytes = std::fs::read(&path).unwrap();
        let file = of(examine(&path, Limits::default(), budget, &()).unwrap());
        assert!(!file.is_empty());
        assert_eq!(of(examine_source(bytes, Limits::default(), budget, &()).unwrap()), file);
        let cut = examine_source(b"no file".to_vec(), Limits::default(), budget, &()).unwrap();
        assert!(!cut.is_healthy());
    }

    #[test]
    fn an_error_weighs_by_its_kind_and_place() {
        let mut report = Examination::default();
        report.add_error("/X", &Error::unsupported("filter 9").at(4));
        assert!(report.is_healthy());
        report.add_error("/X", &Error::malformed("lengths differ"));
        report.add_error("/X", &Error::malformed("cut short").at(16).in_object("/X/data"));
        report.add_structure_error("/obs", &Error::unsupported("object header version 9").at(8));
        let found: Vec<_> = report.findings.iter().map(|f| (f.weight, f.object.as_str(), f.offset)).collect();
        assert_eq!(
            found,
            [
                (Severity::Notice, "/X", Some(4)),
                (Severity::Contradiction, "/X", None),
                (Severity::Damage, "/X/data", Some(16)),
                (Severity::Damage, "/obs", Some(8)),
            ]
        );
        assert!(!report.is_healthy());
    }

    #[test]
    fn what_is_found_twice_is_told_once() {
        let mut report = Examination::default();
        let e = Error::checksum("expected 1, got 2").at(16).in_object("/X/data");
        report.add_error("/X", &e);
        report.add_error("/X", &e);
        assert_eq!(report.findings.len(), 1);
        report.with_remedy(Remedy::Salvage);
        assert_eq!(report.findings[0].remedy, Some(Remedy::Salvage));
    }
}
