//! Examines the container itself where it has no damage of its own to find: every node of a zarr store, every chunk.

use super::{Examination, Severity};
use crate::error::{Error, Kind, Result};
use crate::observe::Observer;
use crate::tree::{Array, ArrayScratch, Container};
use rayon::prelude::*;

/// Bytes of elements that are read at once.
const WINDOW: u64 = 8 << 20;

/// Opens every node and reads every array.
///
/// # Errors
/// `Cancelled`.
pub(super) fn examine(
    container: &Container,
    report: &mut Examination,
    observer: &dyn Observer,
) -> Result<()> {
    for (name, e) in container.broken() {
        report.add_error(&format!("/{name}"), e);
    }
    let root = match container.root() {
        Ok(root) => root,
        Err(e) => {
            report.add_error("/", &e);
            return Ok(());
        }
    };
    // of which other programs read the copies alone
    let copies = container.consolidated().unwrap_or_else(|e| {
        report.add(Severity::Notice, "/", format!("consolidated metadata: {}", e.without_place()));
        None
    });
    for (path, problem) in copies.iter().flatten() {
        if let Some(problem) = problem {
            report.add(
                Severity::Notice,
                path,
                format!("{problem}: programs that read those see something else"),
            );
        }
    }
    for entry in root.walk() {
        observer.check_cancelled()?;
        let opened = entry.node().cloned().map_err(Clone::clone);
        if let Some(first) = entry.seen_as() {
            report.add(Severity::Notice, entry.path(), format!("a link to {first}"));
            continue;
        }
        report.objects += 1;
        if copies.as_ref().is_some_and(|copies| entry.path() != "/" && !copies.contains_key(entry.path())) {
            let text = "not in the consolidated metadata: programs that read those do not see it";
            report.add(Severity::Notice, entry.path(), text);
        }
        match opened.and_then(|node| if node.is_array() { node.array().map(Some) } else { Ok(None) }) {
            Ok(Some(array)) => read(&array, report, observer)?,
            Ok(None) => {}
            Err(e) => report.add_error(entry.path(), &e),
        }
    }
    Ok(())
}

/// Reads all elements of an array, windows of rows on all threads.
fn read(array: &Array, report: &mut Examination, observer: &dyn Observer) -> Result<()> {
    let path = array.path();
    match array.stored_chunks() {
        Ok(n) => report.chunks += n as u64,
        Err(e) => report.add_error(path, &e),
    }
    let is_fixed = !array.datatype().has_references();
    let rows = match array.shape() {
        [rows, ..] if is_fixed && array.check_holes().is_ok() => *rows,
        // scalars, and elements that are stored outside the array
        _ => {
            if let Err(e) = array.canonical_crc() {
                report.add_error(path, &e);
            }
            return Ok(());
        }
    };
    let row = array.byte_len().checked_div(rows).unwrap_or(0).max(1);
    let step = (WINDOW / row).max(1).next_multiple_of(array.rows_of_chunk().max(1));
    let failed: Vec<Error> = (0..rows.div_ceil(step))
        .into_par_iter()
        .map_init(ArrayScratch::default, |scratch, n| {
            if observer.cancelled() {
                return None;
            }
            read_rows(array, n * step, step.min(rows - n * step), scratch).err()
        })
        .flatten()
        .collect();
    observer.check_cancelled()?;
    for e in failed.iter().filter(|e| e.kind() != Kind::Cancelled) {
        report.add_error(path, e);
    }
    Ok(())
}

fn read_rows(array: &Array, from: u64, rows: u64, scratch: &mut ArrayScratch) -> Result<()> {
    let (mut start, mut count) = (vec![0; array.shape().len()], array.shape().to_vec());
    if let (Some(start), Some(count)) = (start.first_mut(), count.first_mut()) {
        (*start, *count) = (from, rows);
    }
    let elements = count.iter().fold(1u64, |n, d| n.saturating_mul(*d));
    let bytes = elements.saturating_mul(u64::from(array.datatype().size));
    let bytes = usize::try_from(bytes).map_err(|_| Error::limit(format!("{bytes} bytes at once")))?;
    let mut out = crate::limits::zeroed(bytes)?;
    array.read_box(&start, &count, &mut out, scratch)
}
