//! Checks a store against its own metadata: lengths, checksums and invariants.

use super::array::StoreArray;
use super::manifest::FileRecord;
use super::reader::Store;
use super::{DATA, INDICES, INDPTR};
use crate::error::{Error, Kind, Result};
use crate::matrix::{Budget, LineOrder, OrderCheck, pump};
use crate::observe::{Observer, Phase, Verb};
use std::path::Path;

/// The result of a check.
#[derive(Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// The problems found; empty if the store is sound.
    pub findings: Vec<CheckFinding>,
    /// Number of files whose checksum was compared.
    pub checksums: usize,
    /// Number of entries examined.
    pub entries: u64,
    /// Order of the entries within lines; `None` if it could not be determined.
    pub order: Option<LineOrder>,
}

/// One problem in a store.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CheckFinding {
    /// Name of the affected file.
    pub file: String,
    /// Description of the problem.
    pub problem: String,
}

impl Store {
    /// Checks the store at `path`: length and checksum of every file, that pointers do not decrease, that
    /// indices are within the matrix, and that order and duplicates are as recorded.
    ///
    /// # Errors
    /// `Io` if a file cannot be read at all; `Cancelled`. Problems of the store itself are in the report.
    pub fn check(path: impl AsRef<Path>, budget: Budget, observer: &dyn Observer) -> Result<CheckReport> {
        let path = path.as_ref();
        let mut report = CheckReport::default();
        let manifest = match Self::read_manifest(path) {
            Ok(m) => m,
            Err(e) => return report.or_fail(e).map(|()| report),
        };
        let total: u64 = manifest.files.iter().map(|f| f.len).sum();
        observer.phase(&Phase::new(Verb::VerifyingChecksums, total));
        for file in &manifest.files {
            report.check_file(path, file, observer)?;
        }
        for name in [DATA, INDICES, INDPTR] {
            if !manifest.files.is_empty() && !manifest.files.iter().any(|f| f.name == name) {
                report.add(name, "the metadata has no checksum of it".into());
            }
        }
        let store = match Store::open(path) {
            Ok(s) => s,
            Err(e) => return report.or_fail(e).map(|()| report),
        };
        let layout = manifest.layout;
        observer.phase(&Phase::new(Verb::VerifyingEntries, layout.bytes()));
        let order = match pump(&store, OrderCheck::new(), budget, observer) {
            Ok(order) => order,
            Err(e) => return report.or_fail(e).map(|()| report),
        };
        report.entries = layout.entries;
        report.order = Some(order);
        let recorded = [
            ("sorted_indices", manifest.sorted, Some(order.sorted)),
            ("has_duplicates", manifest.duplicates, order.duplicates),
        ];
        for (key, says, is) in recorded {
            if let (Some(says), Some(is)) = (says, is)
                && says != is
            {
                report.add(super::METADATA, format!("{key} (expected {says}, got {is})"));
            }
        }
        Ok(report)
    }
}

impl CheckReport {
    fn add(&mut self, file: &str, problem: String) {
        let finding = CheckFinding { file: file.to_owned(), problem };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Records an error about the contents as a finding; returns any other error.
    fn or_fail(&mut self, e: Error) -> Result<()> {
        if matches!(e.kind(), Kind::Malformed | Kind::Checksum) {
            let file = e.file().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
            self.add(&file.unwrap_or_default(), e.message().to_owned());
            return Ok(());
        }
        Err(e)
    }

    fn check_file(&mut self, path: &Path, record: &FileRecord, observer: &dyn Observer) -> Result<()> {
        // A name that leads out of the directory is not valid for a file of a store.
        if record.name.contains(['/', '\\']) || record.name.starts_with('.') {
            self.add(super::METADATA, format!("'{}' is no name of a file in a store", record.name));
            return Ok(());
        }
        let file = StoreArray::open(&path.join(&record.name), None)?;
        if file.len() != record.len {
            self.add(
                &record.name,
                format!("file length (expected {} bytes, got {})", record.len, file.len()),
            );
            return Ok(());
        }
        let crc = file.checksum(observer)?;
        if crc != record.crc {
            self.add(&record.name, format!("checksum (expected {:08x}, got {crc:08x})", record.crc));
        }
        self.checksums += 1;
        Ok(())
    }
}
