//! Tables as Arrow IPC files (Feather v2), with the metadata by which pandas restores a frame exactly.
//!
//! <https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format>

use crate::error::{Error, Result};
use crate::table::Frame;
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;

/// Encodes the frame as an Arrow IPC file, the index as the first column.
pub(crate) fn encode(frame: &Frame) -> Result<Vec<u8>> {
    let failed = |e: arrow_schema::ArrowError| Error::unsupported(format!("table as Arrow: {e}"));
    let batch = frame.to_record_batch()?;
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).map_err(failed)?;
    writer.write(&batch).map_err(failed)?;
    writer.finish().map_err(failed)?;
    writer.into_inner().map_err(failed)
}

/// Decodes a frame written by [`encode`], or any Arrow file whose columns have the same types.
pub(crate) fn decode(bytes: &[u8]) -> Result<Frame> {
    // The reader of Arrow checks most of what it reads, and panics over the rest.
    let decoded = std::panic::catch_unwind(|| decode_checked(bytes));
    decoded.unwrap_or_else(|_| Err(Error::malformed("table as Arrow: damaged, the reader gave up")))
}

fn decode_checked(bytes: &[u8]) -> Result<Frame> {
    check_blocks(bytes)?;
    let failed = |e: arrow_schema::ArrowError| Error::malformed(format!("table as Arrow: {e}"));
    let reader = FileReader::try_new(std::io::Cursor::new(bytes), None).map_err(failed)?;
    let batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(failed)?;
    let [batch] = &batches[..] else {
        return Err(Error::unsupported(format!("a table in {} pieces (expected 1)", batches.len())));
    };
    Frame::from_record_batch(batch)
}

/// Fails unless the parts that the footer lists are in the file: the reader takes memory for them as they are
/// listed.
fn check_blocks(bytes: &[u8]) -> Result<()> {
    let wrong = || Error::malformed("table as Arrow: expected a footer that describes the file, got another");
    // The length of the footer and the magic `ARROW1` are last.
    let (rest, [a, b, c, d, ..]) = bytes.split_last_chunk::<10>().ok_or_else(wrong)?;
    let length = usize::try_from(i32::from_le_bytes([*a, *b, *c, *d])).map_err(|_| wrong())?;
    let footer = rest.len().checked_sub(length).and_then(|at| rest.get(at..)).ok_or_else(wrong)?;
    let footer = arrow_ipc::root_as_footer(footer).map_err(|_| wrong())?;
    let batches = footer.recordBatches().into_iter().flatten();
    for block in footer.dictionaries().into_iter().flatten().chain(batches) {
        let lengths = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()];
        let end = lengths.iter().try_fold(0u64, |end, n| end.checked_add(u64::try_from(*n).ok()?));
        if end.is_none_or(|end| end > bytes.len() as u64) {
            return Err(wrong());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::strings::Strings;
    use crate::table::{Categorical, Column};

    #[test]
    fn every_kind_of_column_comes_back() {
        let labels = |n: usize| Column::Strings((0..n).map(|i| format!("label {i}")).collect());
        let codes: Vec<i64> = vec![2, -1, 0];
        let columns = vec![
            ("f16".to_owned(), Column::Numbers { dtype: Dtype::Float16, bytes: vec![0, 60, 0, 64, 0, 126] }),
            ("u64".into(), Column::Numbers { dtype: Dtype::Uint64, bytes: vec![255; 24] }),
            ("bool".into(), Column::Numbers { dtype: Dtype::Bool, bytes: vec![1, 0, 1] }),
            ("text".into(), Column::Strings(["a", "", "\u{e9}"].iter().collect())),
            (
                "missing".into(),
                Column::Nullable {
                    dtype: Dtype::Int8,
                    bytes: vec![1, 0, 3],
                    missing: vec![false, true, false],
                },
            ),
            (
                "some".into(),
                Column::NullableStrings {
                    values: ["x", "", "z"].iter().collect(),
                    missing: vec![false, true, false],
                },
            ),
            ("few".into(), Column::Categorical(Categorical::new(&codes, labels(3), true).unwrap())),
            ("many".into(), Column::Categorical(Categorical::new(&codes, labels(40_000), false).unwrap())),
        ];
        let index: Strings = ["r1", "r2", "r3"].iter().collect();
        for name in [None, Some("cell".to_owned())] {
            let frame = Frame::new(name, index.clone(), columns.clone()).unwrap();
            let bytes = encode(&frame).unwrap();
            assert_eq!(decode(&bytes).unwrap(), frame);
        }
        assert!(decode(b"ARROW1 nothing").is_err());
    }

    /// Whatever byte is wrong: an error or a table, and never a panic.
    #[test]
    fn damage_is_an_error() {
        let columns = vec![
            ("few".to_owned(), {
                let labels = Column::Strings(["a", "b"].iter().collect());
                Column::Categorical(Categorical::new(&[1, 0, -1], labels, true).unwrap())
            }),
            ("text".into(), Column::Strings(["x", "yy", "zzz"].iter().collect())),
        ];
        let frame = Frame::new(None, ["r1", "r2", "r3"].iter().collect(), columns).unwrap();
        let good = encode(&frame).unwrap();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        let mut refused = 0;
        for at in 0..good.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= flip;
                refused += usize::from(decode(&bytes).is_err());
            }
        }
        std::panic::set_hook(before);
        assert!(refused > 0);
    }
}
