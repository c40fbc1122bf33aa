//! Tables as Arrow IPC files (Feather v2), with the metadata by which pandas restores a frame exactly.
//!
//! <https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format>
//!
//! Tables are written as record batches of a number of rows that depends on the number of columns only, and read
//! batch by batch.

use super::array::StoreArray;
use crate::bytes::output::Summary;
use crate::bytes::sequential::SequentialFile;
use crate::error::{Error, Place, Result};
use crate::observe::Observer;
use crate::sync::lock;
use crate::table::arrow::{ArrowFields, ArrowSchema, part_of};
use crate::table::{Column, ColumnRows, Table, TableColumn};
use arrow_array::RecordBatch;
use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::Block;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Maximum number of rows of a record batch.
const MOST_ROWS: u64 = 1 << 14;
/// Number of rows that a batch has at least, however many columns there are.
const LEAST_ROWS: u64 = 1 << 10;
/// Maximum number of values of a record batch, unless it has [`LEAST_ROWS`] rows.
const MOST_VALUES: u64 = 1 << 20;

/// The number of rows of each record batch of a table with `columns` columns: a power of two.
fn batch_rows(columns: usize) -> u64 {
    let rows = MOST_VALUES / (columns as u64 + 1);
    (1 << rows.max(1).ilog2()).clamp(LEAST_ROWS, MOST_ROWS)
}

/// Writes a table as the Arrow IPC file `path`, the index as the first column.
///
/// # Errors
/// `Malformed` if a text is not UTF-8; `Unsupported` if Arrow cannot hold the table; errors of reading it; `Io`;
/// `Cancelled`.
pub(crate) fn write(table: &Table<'_>, path: &Path, observer: &dyn Observer) -> Result<Summary> {
    let schema = ArrowSchema::of(table)?;
    let file = SequentialFile::create(path)?;
    let mut writer = FileWriter::try_new(file, schema.schema()).map_err(failed)?;
    let (rows, each) = (table.rows(), batch_rows(table.columns().len()));
    // a table without rows is one batch, so that readers find its labels
    for first in (0..rows.max(1)).step_by(each as usize) {
        observer.check_cancelled()?;
        let frame = table.read(first..(first + each).min(rows))?;
        for batch in schema.batches(&frame)? {
            writer.write(&batch).map_err(failed)?;
        }
    }
    writer.into_inner().map_err(failed)?.finish()
}

/// An error of writing.
fn failed(e: ArrowError) -> Error {
    match e {
        ArrowError::IoError(_, e) => Error::io("write", e),
        e => Error::unsupported(format!("table as Arrow: {e}")),
    }
}

/// Opens an Arrow IPC file written by [`write`], or any whose columns have the same types.
///
/// # Errors
/// `Malformed` if it is damaged; `Unsupported` if a column has another type; `Io`.
pub(crate) fn open(file: StoreArray) -> Result<Table<'static>> {
    table_of(&Arc::new(ArrowFile::open(file)?))
}

/// The table of a file whose structures were read.
fn table_of(file: &Arc<ArrowFile>) -> Result<Table<'static>> {
    let fields = ArrowFields::of(&file.schema);
    let first = match file.blocks.is_empty() {
        true => RecordBatch::new_empty(Arc::clone(&file.schema)),
        false => file.batch(0)?,
    };
    let (mut index, mut columns) = (None, Vec::new());
    for (n, field) in file.schema.fields().iter().enumerate() {
        let missing = file.nulls.get(n).is_some_and(|nulls| *nulls > 0);
        let head = fields.head(n, &first.column(n).slice(0, 0), missing).in_object(field.name())?;
        let column = ArrowColumn { file: Arc::clone(file), column: n, head };
        if fields.is_index(n) && index.is_none() {
            index = Some(Arc::new(column) as TableColumn<'static>);
        } else {
            columns.push((field.name().clone(), Arc::new(column) as TableColumn<'static>));
        }
    }
    let rows = file.ends.last().copied().unwrap_or(0);
    Table::new(fields.index_name(), index.unwrap_or_else(|| Table::numbered(rows)), columns)
}

/// An Arrow IPC file, read at positions.
struct ArrowFile {
    file: StoreArray,
    schema: SchemaRef,
    decoder: FileDecoder,
    blocks: Vec<Block>,
    /// The number of rows up to the end of each record batch.
    ends: Vec<u64>,
    /// The number of missing values of each column.
    nulls: Vec<i64>,
    /// The batch read last, and its number.
    last: Mutex<Option<(usize, RecordBatch)>>,
}

/// Calls the parser of Arrow, which checks most of what it reads, and panics over the rest.
fn parsed<T>(parse: impl FnOnce() -> std::result::Result<T, ArrowError>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(parse)) {
        Ok(done) => done.map_err(|e| Error::malformed(format!("table as Arrow: {e}"))),
        Err(_) => Err(Error::malformed("table as Arrow: damaged, the reader gave up")),
    }
}

fn wrong(text: &str) -> Error {
    Error::malformed(format!("table as Arrow: expected {text}"))
}

/// The `len` bytes from `at` of the file; a length that the file does not have is refused before memory is taken.
fn bytes_of(file: &StoreArray, at: u64, len: u64) -> Result<Buffer> {
    let inside = at.checked_add(len).is_some_and(|end| end <= file.len());
    let size = usize::try_from(len).ok().filter(|_| inside);
    let size = size.ok_or_else(|| wrong("a footer that describes the file, got another"))?;
    let mut out = MutableBuffer::from_len_zeroed(size);
    file.read(&mut out, at)?;
    Ok(out.into())
}

/// The place of a block: where it begins, the length of its message, and that of both message and body.
fn place_of(block: &Block) -> Result<(u64, u64, u64)> {
    let size = |n: i64| u64::try_from(n).map_err(|_| wrong("a length, got a negative number"));
    let (at, message) = (size(block.offset())?, size(i64::from(block.metaDataLength()))?);
    let all = size(block.bodyLength())?.saturating_add(message);
    if message < 8 {
        return Err(wrong("a message of 8 bytes or more, got less"));
    }
    Ok((at, message, all))
}

/// The footer of a file, which describes it.
fn footer_of(file: &StoreArray) -> Result<Buffer> {
    let short = || wrong("a file of 10 bytes or more, got less");
    let end = file.len().checked_sub(10).ok_or_else(short)?;
    let tail = bytes_of(file, end, 10)?;
    let len = parsed(|| {
        let tail = tail.as_slice().try_into().map_err(|_| ArrowError::ParseError("too short".into()))?;
        read_footer_length(tail)
    })?;
    let start =
        end.checked_sub(len as u64).ok_or_else(|| wrong("a footer inside the file, got a longer one"))?;
    bytes_of(file, start, len as u64)
}

impl ArrowFile {
    fn open(file: StoreArray) -> Result<Self> {
        let footer = footer_of(&file)?;
        let invalid = |e| ArrowError::ParseError(format!("{e:?}"));
        let (schema, version, dictionaries, blocks) = parsed(|| {
            let footer = arrow_ipc::root_as_footer(&footer).map_err(invalid)?;
            let schema = footer.schema().ok_or_else(|| ArrowError::ParseError("no schema".into()))?;
            let schema = Arc::new(arrow_ipc::convert::try_fb_to_schema(schema)?);
            let dictionaries: Vec<Block> = footer.dictionaries().iter().flatten().copied().collect();
            let blocks: Vec<Block> = footer.recordBatches().iter().flatten().copied().collect();
            Ok((schema, footer.version(), dictionaries, blocks))
        })?;
        let mut decoder = FileDecoder::new(Arc::clone(&schema), version);
        for block in &dictionaries {
            let (at, _, all) = place_of(block)?;
            let bytes = bytes_of(&file, at, all)?;
            parsed(|| decoder.read_dictionary(block, &bytes))?;
        }
        let (mut ends, mut nulls) = (Vec::with_capacity(blocks.len()), vec![0i64; schema.fields().len()]);
        let mut rows = 0u64;
        for block in &blocks {
            let (at, message, _) = place_of(block)?;
            let bytes = bytes_of(&file, at, message)?;
            let skip = if bytes.starts_with(&[0xff; 4]) { 8 } else { 4 };
            let length = parsed(|| {
                let message = arrow_ipc::root_as_message(&bytes[skip..]).map_err(invalid)?;
                let batch = message.header_as_record_batch();
                let batch = batch.ok_or_else(|| ArrowError::ParseError("no record batch".into()))?;
                // columns of the types that are supported have one node each
                for (n, node) in nulls.iter_mut().zip(batch.nodes().iter().flatten()) {
                    *n = n.saturating_add(node.null_count());
                }
                Ok(batch.length())
            })?;
            let length = u64::try_from(length).ok();
            rows = length.and_then(|n| rows.checked_add(n)).ok_or_else(|| wrong("a number of rows"))?;
            ends.push(rows);
        }
        Ok(ArrowFile { file, schema, decoder, blocks, ends, nulls, last: Mutex::default() })
    }

    /// Record batch number `n`.
    fn batch(&self, n: usize) -> Result<RecordBatch> {
        let mut last = lock(&self.last);
        if let Some((read, batch)) = &*last
            && *read == n
        {
            return Ok(batch.clone());
        }
        let block = &self.blocks[n];
        let (at, _, all) = place_of(block)?;
        let bytes = bytes_of(&self.file, at, all)?;
        let batch = parsed(|| self.decoder.read_record_batch(block, &bytes))?;
        let before = n.checked_sub(1).map_or(0, |n| self.ends[n]);
        let expected = self.ends[n] - before;
        let batch = batch.filter(|batch| batch.num_rows() as u64 == expected);
        let batch = batch.ok_or_else(|| wrong(&format!("a batch of {expected} rows, got another")))?;
        *last = Some((n, batch.clone()));
        Ok(batch)
    }
}

/// A column of a file.
struct ArrowColumn {
    file: Arc<ArrowFile>,
    column: usize,
    head: Column,
}

impl ArrowColumn {
    fn read_inner(&self, range: Range<u64>) -> Result<Column> {
        let mut out = self.head.clone();
        let mut at = range.start;
        while at < range.end {
            let n = self.file.ends.partition_point(|end| *end <= at);
            let Some(end) = self.file.ends.get(n) else {
                return Err(Error::usage(format!("there is no row {at} in the column")));
            };
            let before = n.checked_sub(1).map_or(0, |n| self.file.ends[n]);
            let to = range.end.min(*end);
            let array =
                self.file.batch(n)?.column(self.column).slice((at - before) as usize, (to - at) as usize);
            out.append(part_of(&array, &self.head, at)?);
            at = to;
        }
        Ok(out)
    }
}

impl ColumnRows for ArrowColumn {
    fn head(&self) -> &Column {
        &self.head
    }

    fn rows(&self) -> u64 {
        self.file.ends.last().copied().unwrap_or(0)
    }

    fn read(&self, range: Range<u64>) -> Result<Column> {
        let name = self.file.schema.field(self.column).name();
        self.read_inner(range).in_object(name).in_file(self.file.file.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::error::Kind;
    use crate::strings::Strings;
    use crate::table::{Categorical, Frame};

    fn every_kind_of_column() -> Vec<(String, Column)> {
        let labels = |n: usize| Column::Strings((0..n).map(|i| format!("label {i}")).collect());
        let codes: Vec<i64> = vec![2, -1, 0];
        let numbers = |dtype, bytes| Column::Numbers { dtype, bytes };
        let missing = || vec![false, true, false];
        let columns = [
            ("f16", numbers(Dtype::Float16, vec![0, 60, 0, 64, 0, 126])),
            ("u64", numbers(Dtype::Uint64, vec![255; 24])),
            ("bool", numbers(Dtype::Bool, vec![1, 0, 1])),
            ("text", Column::Strings(["a", "", "\u{e9}"].iter().collect())),
            ("gaps", Column::Nullable { dtype: Dtype::Int8, bytes: vec![1, 0, 3], missing: missing() }),
            ("none", Column::Nullable { dtype: Dtype::Bool, bytes: vec![1, 0, 1], missing: vec![false; 3] }),
            ("some", Column::NullableStrings { values: ["x", "", "z"].iter().collect(), missing: missing() }),
            ("few", Column::Categorical(Categorical::new(&codes, labels(3), true).unwrap())),
            ("many", Column::Categorical(Categorical::new(&codes, labels(40_000), false).unwrap())),
        ];
        columns.into_iter().map(|(name, c)| (name.to_owned(), c)).collect()
    }

    fn opened(path: &Path) -> Result<Table<'static>> {
        open(StoreArray::open(path, None)?)
    }

    fn written(frame: &Frame) -> (tempfile::TempDir, std::path::PathBuf, Summary) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("obs.arrow");
        let done = write(&Table::of(frame), &path, &()).unwrap();
        (dir, path, done)
    }

    #[test]
    fn every_kind_of_column_comes_back() {
        let index: Strings = ["r1", "r2", "r3"].iter().collect();
        for name in [None, Some("cell".to_owned())] {
            let frame = Frame::new(name, index.clone(), every_kind_of_column()).unwrap();
            let (_dir, path, done) = written(&frame);
            assert_eq!(done.crc, StoreArray::open(&path, None).unwrap().checksum(&()).unwrap());
            assert_eq!(opened(&path).unwrap().read(0..3).unwrap(), frame);
            let none = frame.select(&[]).unwrap();
            let (_dir, path, _) = written(&none);
            assert_eq!(opened(&path).unwrap().read(0..0).unwrap(), none, "labels without rows");
        }
    }

    /// A table is written in batches, and read in ranges that do not begin where batches do.
    #[test]
    fn batches_of_many_rows() {
        let rows = 2 * MOST_ROWS + 100;
        let numbers: Vec<u8> = (0..rows as u32).flat_map(u32::to_le_bytes).collect();
        let codes: Vec<i64> = (0..rows as i64).map(|i| i % 4 - 1).collect();
        let labels = Column::Strings(["a", "b", "c"].iter().collect());
        let columns = vec![
            ("n".to_owned(), Column::Numbers { dtype: Dtype::Uint32, bytes: numbers }),
            ("c".to_owned(), Column::Categorical(Categorical::new(&codes, labels, false).unwrap())),
        ];
        let frame = Frame::new(None, (0..rows).map(|i| format!("cell {i}")).collect(), columns).unwrap();
        let (_dir, path, _) = written(&frame);
        let table = opened(&path).unwrap();
        assert_eq!(table.read(0..rows).unwrap(), frame);
        let middle: Vec<u64> = (MOST_ROWS - 2..MOST_ROWS + 2).collect();
        assert_eq!(table.read(MOST_ROWS - 2..MOST_ROWS + 2).unwrap(), frame.select(&middle).unwrap());
        assert_eq!([1, 63, 64, 200, 100_000].map(batch_rows), [1 << 14, 1 << 14, 1 << 13, 1 << 12, 1 << 10]);
    }

    /// One batch of the whole table, as earlier versions wrote it.
    #[test]
    fn a_table_of_one_batch() {
        let rows = MOST_ROWS + 10;
        let frame = Frame::new(None, (0..rows).map(|i| i.to_string()).collect(), Vec::new()).unwrap();
        let batch = frame.to_record_batch().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("var.arrow");
        let mut writer = FileWriter::try_new(std::fs::File::create(&path).unwrap(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        assert_eq!(opened(&path).unwrap().read(0..rows).unwrap(), frame);
    }

    /// Whatever byte is changed: an error or a table, and never a panic.
    #[test]
    fn damage_is_an_error() {
        let index: Strings = ["r1", "r2", "r3"].iter().collect();
        let (_dir, path, _) = written(&Frame::new(None, index, every_kind_of_column()).unwrap());
        let good = std::fs::read(&path).unwrap();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        let mut refused = 0;
        let step = good.len() / 500 + 1;
        for at in (0..good.len()).step_by(step).chain(good.len() - 200..good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            std::fs::write(&path, &bad).unwrap();
            let read = opened(&path).and_then(|table| table.read(0..table.rows().min(10)));
            let known = [Kind::Malformed, Kind::Unsupported];
            assert!(read.as_ref().err().is_none_or(|e| known.contains(&e.kind())), "byte {at}: {read:?}");
            refused += usize::from(read.is_err());
        }
        std::panic::set_hook(before);
        assert!(refused > 0);
        for len in [0, 5, 9, 10, 11, good.len() / 2] {
            std::fs::write(&path, &good[..len]).unwrap();
            assert_eq!(opened(&path).unwrap_err().kind(), Kind::Malformed);
        }
    }
}
