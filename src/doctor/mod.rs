//! What is wrong with a file: everything is read, every chunk decoded, the rules of AnnData checked.
//!
//! Damage does not end the examination. Each [`Problem`] says where it is, what is wrong in plain words, and how
//! much it weighs: [`Severity::Damage`] is bytes that cannot be what was written, [`Severity::Contradiction`] a file
//! that can be read but breaks a rule of its own, [`Severity::Notice`] something others may stumble over.

mod anndata;
mod objects;

use crate::dataset::AnnData;
use crate::error::{Error, Kind, Result};
use crate::hdf5::File;
use crate::limits::Limits;
use crate::matrix::Budget;
use crate::observe::Observer;
use crate::tree::Container;
use std::path::Path;

/// How much a problem weighs, the lightest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Severity {
    /// Valid, but other readers may refuse or misread it, or people may not expect it.
    Notice,
    /// Readable, but it breaks a rule that programs rely on.
    Contradiction,
    /// Something that cannot be read.
    Damage,
}

impl Severity {
    /// One word for people and for JSON.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Notice => "notice",
            Severity::Contradiction => "contradiction",
            Severity::Damage => "damage",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Problem {
    /// How much it weighs.
    pub weight: Severity,
    /// The object it is about, or `/`.
    pub object: String,
    /// The offset in the file, in bytes, if that is known.
    #[cfg_attr(feature = "serde", serde(rename = "byte"))]
    pub offset: Option<u64>,
    /// What is wrong.
    pub text: String,
    /// What helps.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub remedy: Option<Remedy>,
}

/// What of this crate helps against a [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// Converting with [`salvage`](crate::convert::ConvertOptions::salvage) keeps what can be read.
    Salvage,
    /// Converting with [`sort`](crate::matrix::Edit::sort) puts indices into order.
    Sort,
}

/// What an examination found.
#[derive(Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Examination {
    /// What kind of file it is, for people; `None` where that cannot be told.
    #[cfg_attr(feature = "serde", serde(rename = "kind"))]
    pub flavour: Option<&'static str>,
    /// Objects that were looked at.
    pub objects: u64,
    /// Chunks that were decoded.
    pub chunks: u64,
    /// All findings, in the order of the file.
    pub findings: Vec<Problem>,
}

impl Examination {
    /// Whether nothing is wrong; notices do not count.
    pub fn is_healthy(&self) -> bool {
        self.findings.iter().all(|f| f.weight == Severity::Notice)
    }

    fn add(&mut self, weight: Severity, object: &str, text: impl Into<String>) {
        let (object, text) = (object.to_owned(), text.into());
        self.findings.push(Problem { weight, object, offset: None, text, remedy: None });
    }

    /// Says what helps against the problem added last.
    fn with_remedy(&mut self, remedy: Remedy) {
        if let Some(last) = self.findings.last_mut() {
            last.remedy = Some(remedy);
        }
    }

    /// A finding of an error. What we merely do not support is a notice; what has no place among the bytes is a
    /// contradiction between things that could be read.
    fn add_error(&mut self, object: &str, e: &Error) {
        let weight = match e.kind() {
            Kind::Unsupported | Kind::Limit => Severity::Notice,
            Kind::Malformed if e.offset().is_none() => Severity::Contradiction,
            _ => Severity::Damage,
        };
        self.add_weighed(weight, object, e);
    }

    /// A finding of an error in the structure of an object. A version that nobody has written yet is more likely
    /// damage.
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
/// `Io` where the file cannot be opened or read, `Unsupported` where it is one of several files, `Cancelled`, and `Limit`
/// where the budget is too small. Whatever is wrong with the file itself is in the report.
pub fn examine(path: &Path, limits: Limits, budget: Budget, observer: &dyn Observer) -> Result<Examination> {
    let mut report = Examination::default();
    let file = match File::open_with(path, limits) {
        Err(e) if matches!(e.kind(), Kind::Io | Kind::Usage | Kind::Unsupported) => return Err(e),
        Err(e) => {
            report.add_error("/", &e);
            return Ok(report);
        }
        Ok(file) => file,
    };
    objects::examine(&file, &mut report, observer)?;
    match AnnData::from_container(&Container::from(file)) {
        Ok(data) => {
            report.flavour = Some(data.flavour().name());
            anndata::examine(&data, &mut report, budget, observer)?;
        }
        Err(e) if e.kind() == Kind::Unsupported => {
            report.add(Severity::Notice, "/", format!("{}; only its HDF5 was examined", e.without_place()));
        }
        Err(e) => report.add_error("/", &e),
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

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
