//! AnnData rules: shapes agree, pointers ascend, indices are in range, codes have a category.

use super::{Examination, Remedy, Severity};
use crate::anndata::{ElementKind, StoredMatrix, frame_child, frame_names, read_column};
use crate::dataset::{AnnData, Flavour};
use crate::error::{Error, Kind, Result};
use crate::matrix::{Budget, Damage, LostLines, Orientation, Source, WithoutLines, damage, merged};
use crate::observe::{Observer, Phase, Verb};
use crate::table::Column;
use crate::tree::{Array, Node};

/// Maximum number of ranges of lost lines in a report.
const SHOWN: usize = 8;

pub(super) fn examine(
    data: &AnnData,
    report: &mut Examination,
    budget: Budget,
    observer: &dyn Observer,
) -> Result<()> {
    match data.flavour() {
        Flavour::AnnData06 => report.add(
            Severity::Notice,
            "/",
            "written by anndata 0.6 or earlier: anndata 0.12 reads it with a warning, later ones may not",
        ),
        Flavour::AnnData07 => {
            report.add(
                Severity::Notice,
                "/",
                "written by anndata 0.7: other readers may know only the current encoding",
            );
        }
        _ => {}
    }
    let names = match data.matrix_names() {
        Ok(names) => names,
        Err(e) => {
            report.add_error("/", &e);
            Vec::new()
        }
    };
    let mut shapes = Vec::new();
    for name in names {
        match data.matrix(&name) {
            Err(e) if e.kind() == Kind::NotFound => {
                report.add(Severity::Notice, &format!("/{name}"), "not a matrix that could be examined");
            }
            Err(e) => report.add_error(&format!("/{name}"), &e),
            Ok(element) => {
                matrix(&name, &element, report, budget, observer)?;
                shapes.push((name, element.shape()));
            }
        }
    }
    tables(data, &shapes, report, observer)
}

fn matrix(
    name: &str,
    element: &StoredMatrix,
    report: &mut Examination,
    budget: Budget,
    observer: &dyn Observer,
) -> Result<()> {
    let object = format!("/{name}");
    if let StoredMatrix::Sparse(s) = element {
        let [_, indices, indptr] = s.arrays();
        if indices.datatype().size != indptr.datatype().size {
            let text = format!(
                "indices of {} and indptr of {} bytes: scipy copies one of them when it loads",
                indices.datatype().size,
                indptr.datatype().size
            );
            report.add(Severity::Notice, &object, text);
        }
        for d in s.arrays() {
            unwritten(d, report);
        }
        if let Err(e) = s.source() {
            report.add_error(&object, &e);
        }
    }
    let (opened, lost) = match element.source_past(budget, observer) {
        Ok(found) => found,
        Err(e) if matches!(e.kind(), Kind::Cancelled | Kind::Limit) => return Err(e),
        Err(e) => {
            report.add_error(&object, &e);
            return Ok(());
        }
    };
    let source: &dyn Source = &opened;
    let rows = match source.layout().orientation {
        Orientation::Csr => "rows",
        Orientation::Csc => "columns",
    };
    let width = source.layout().entry_bytes();
    let bytes = source.layout().entries.saturating_mul(width);
    observer.phase(&Phase::new(Verb::ExaminingEntries, bytes).of(name));
    let mut found = damage(&WithoutLines::new(source, &lost), budget, observer)?;
    let more = std::mem::take(&mut found.lost);
    let lost = merged(lost.into_iter().chain(more).collect::<Vec<LostLines>>());
    lost_lines(&object, rows, source.layout().lines, &lost, report);
    if matches!(element, StoredMatrix::Sparse(_)) {
        if !found.order.sorted {
            report.add(Severity::Notice, &object, format!("indices do not ascend within {rows}"));
            report.with_remedy(Remedy::Sort);
        }
        if found.order.duplicates == Some(true) {
            let text = format!(
                "the same index comes twice within some of the {rows}: some programs add such entries up, some take one of them"
            );
            report.add(Severity::Contradiction, &object, text);
        }
    }
    values(name, &found, report);
    Ok(())
}

/// Reports lines that cannot be read, out of `all`; `rows` is the word for them (rows or columns).
fn lost_lines(object: &str, rows: &str, all: u64, lost: &[LostLines], report: &mut Examination) {
    let count: u64 = lost.iter().map(|l| l.lines.end - l.lines.start).sum();
    if count == 0 {
        return;
    }
    let numbers = |l: &LostLines| range_text(l.lines.start, l.lines.end - 1);
    let shown: Vec<String> = lost.iter().take(SHOWN).map(numbers).collect();
    let more = if lost.len() > shown.len() { ", ..." } else { "" };
    let text = format!("{count} of {all} {rows} cannot be read: {}{more}", shown.join(", "));
    report.add(Severity::Damage, object, text);
    report.with_remedy(Remedy::Salvage);
    for l in lost.iter().take(SHOWN) {
        report.add(Severity::Damage, object, format!("lost {rows} {}: {}", numbers(l), l.reason));
    }
}

/// Reports values that are not counts or are unusual.
fn values(name: &str, found: &Damage, report: &mut Examination) {
    let object = format!("/{name}");
    for (n, what) in [(found.nan, "NaN"), (found.infinite, "infinite")] {
        if n > 0 {
            report.add(Severity::Notice, &object, format!("{n} values are {what}"));
        }
    }
    let counts = name == "X" || name.ends_with("/X") || name == "matrix";
    if counts && found.fractional > 0 {
        report.add(
            Severity::Notice,
            &object,
            format!("{} values are no whole numbers: not counts", found.fractional),
        );
    }
    if counts && found.negative > 0 {
        report.add(Severity::Notice, &object, format!("{} values are below zero", found.negative));
    }
}

/// Reports chunks that were never written, as left by a program that stopped early.
fn unwritten(d: &Array, report: &mut Examination) {
    let Some(all) = d.chunk_count().filter(|_| !d.leaves_out_chunks()) else { return };
    let stored = d.stored_chunks().unwrap_or(0) as u64;
    if stored < all {
        let text = format!("only {stored} of {all} chunks were ever written; the others read as zeros");
        report.add(Severity::Contradiction, d.path(), text);
    }
}

fn range_text(first: u64, last: u64) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// Checks the tables, then everything whose length must agree with them.
fn tables(
    data: &AnnData,
    shapes: &[(String, [u64; 2])],
    report: &mut Examination,
    observer: &dyn Observer,
) -> Result<()> {
    for (name, shape) in shapes {
        observer.check_cancelled()?;
        // Reading the tables compares them with the shape; any mismatch is an error.
        if let Err(e) = data.frames(name, *shape, observer) {
            observer.check_cancelled()?;
            report.add_error(&format!("/{name}"), &e);
        }
    }
    if !matches!(data.flavour(), Flavour::AnnData | Flavour::AnnData07 | Flavour::AnnData06) {
        return Ok(());
    }
    let mut lengths = [None, None];
    for (slot, name) in lengths.iter_mut().zip(["obs", "var"]) {
        if let Ok(Some(object)) = data.root().child(name) {
            *slot = frame(&object, report, observer)?;
        }
    }
    let main = shapes.iter().find(|(n, _)| n == "X").map(|(_, s)| *s);
    let rows = lengths[0].or(main.map(|s| s[0]));
    let columns = lengths[1].or(main.map(|s| s[1]));
    for (name, shape) in shapes {
        let (want, is) = match name.split('/').next().unwrap_or_default() {
            "layers" | "X" => ([rows, columns], *shape),
            "obsp" => ([rows, rows], *shape),
            "varp" => ([columns, columns], *shape),
            "raw" => ([rows, None], *shape),
            _ => continue,
        };
        if want.iter().zip(is).any(|(w, s)| w.is_some_and(|w| w != s)) {
            let wanted = want.map(|w| w.map_or("any".to_owned(), |w| w.to_string()));
            let text = format!("{} × {} where {} × {} is expected", is[0], is[1], wanted[0], wanted[1]);
            report.add(Severity::Contradiction, &format!("/{name}"), text);
        }
    }
    for group in ["layers", "obsm", "varm", "obsp", "varp"] {
        let Ok(Some(object)) = data.root().child(group) else { continue };
        for link in object.links().unwrap_or_default() {
            let Ok(child) = object.open_link(link) else { continue };
            if child.is_group() && ElementKind::of(&child).is_ok_and(|kind| kind == ElementKind::Mapping) {
                let text = "a group of elements, as of a key with '/': anndata does not read it here";
                report.add(Severity::Contradiction, child.path(), text);
            }
        }
    }
    for (group, want) in [("obsm", rows), ("varm", columns)] {
        let Ok(Some(object)) = data.root().child(group) else { continue };
        let Some(want) = want.filter(|_| object.is_group()) else { continue };
        for link in object.links().unwrap_or_default() {
            observer.check_cancelled()?;
            let Ok(child) = object.open_link(link) else { continue };
            if let Some(got) = length(&child).filter(|got| *got != want) {
                let text = format!("{got} rows where {want} are expected");
                report.add(Severity::Contradiction, child.path(), text);
            }
        }
    }
    Ok(())
}

/// Length of an element along its first axis, if metadata gives it.
fn length(object: &Node) -> Option<u64> {
    if object.is_array() {
        return object.array().ok()?.shape().first().copied();
    }
    if let Ok(element) = StoredMatrix::open(object) {
        return Some(element.shape()[0]);
    }
    let index = frame_names(object).ok()?.index?;
    let index = frame_child(object, &index).ok()??;
    index.array().ok()?.shape().first().copied()
}

/// Checks each column of a data frame separately, so that a damaged one hides no other. Returns the number of
/// rows.
fn frame(object: &Node, report: &mut Examination, observer: &dyn Observer) -> Result<Option<u64>> {
    if object.is_array() {
        return Ok(object.array().ok().and_then(|a| a.shape().first().copied()));
    }
    let names = match frame_names(object) {
        Ok(names) => names,
        Err(e) => {
            report.add_error(object.path(), &e);
            return Ok(None);
        }
    };
    let mut rows = None;
    if let Some(name) = &names.index
        && let Some(index) = column(object, name, report)
    {
        rows = Some(index.len() as u64);
        if let Ok(strings) = index.to_strings() {
            let mut all: Vec<&[u8]> = strings.iter().collect();
            all.sort_unstable();
            let twice = all.windows(2).filter(|w| w[0] == w[1]).count();
            if twice > 0 {
                let text = format!("{twice} names come more than once");
                report.add(Severity::Notice, &format!("{}/{name}", object.path()), text);
            }
        }
    }
    for name in names.columns.iter().chain(&names.index).filter(|name| name.contains('/')) {
        let text = "a name with '/': anndata up to 0.12 reads it, later ones may not";
        report.add(Severity::Notice, &format!("{}/{name}", object.path()), text);
    }
    for name in &names.columns {
        observer.check_cancelled()?;
        let Some(column) = column(object, name, report) else { continue };
        match rows {
            Some(rows) if column.len() as u64 != rows => {
                let text = format!("{} values in a table of {rows} rows", column.len());
                report.add(Severity::Contradiction, &format!("{}/{name}", object.path()), text);
            }
            _ => {}
        }
    }
    Ok(rows)
}

fn column(frame: &Node, name: &str, report: &mut Examination) -> Option<Column> {
    let path = format!("{}/{name}", frame.path());
    let read = frame_child(frame, name).and_then(|child| match child {
        Some(child) => read_column(&child),
        None => Err(Error::malformed("a column that is listed and not there")),
    });
    match read {
        Ok(column) => Some(column),
        Err(e) => {
            report.add_error(&path, &e);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::LineOrder;

    #[test]
    fn lost_lines_are_counted_and_the_first_are_named() {
        let mut report = Examination::default();
        lost_lines("/X", "rows", 100, &[], &mut report);
        assert!(report.findings.is_empty());
        let lost: Vec<LostLines> =
            (0..10).map(|i| LostLines { lines: 3 * i..3 * i + 2, reason: "cut".into() }).collect();
        lost_lines("/X", "rows", 100, &lost, &mut report);
        let first = &report.findings[0];
        assert!(first.text.starts_with("20 of 100 rows cannot be read: 0-1, 3-4, "), "{}", first.text);
        assert!(first.text.ends_with(", ...") && first.remedy == Some(Remedy::Salvage));
        assert_eq!(report.findings.len(), 1 + SHOWN);
    }

    #[test]
    fn fractions_are_told_of_counts_only() {
        let order = LineOrder { sorted: true, duplicates: Some(false) };
        let found = Damage { lost: Vec::new(), order, nan: 1, infinite: 0, fractional: 2, negative: 3 };
        let texts = |name: &str| -> Vec<String> {
            let mut report = Examination::default();
            values(name, &found, &mut report);
            report.findings.into_iter().map(|f| f.text).collect()
        };
        assert_eq!(texts("layers/scaled"), ["1 values are NaN"]);
        let counts =
            ["1 values are NaN", "2 values are no whole numbers: not counts", "3 values are below zero"];
        assert_eq!(texts("raw/X"), counts);
    }
}
