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
    let failed = |e: arrow_schema::ArrowError| Error::malformed(format!("table as Arrow: {e}"));
    let reader = FileReader::try_new(std::io::Cursor::new(bytes), None).map_err(failed)?;
    let batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(failed)?;
    let [batch] = &batches[..] else {
        return Err(Error::unsupported(format!("a table in {} pieces (expected 1)", batches.len())));
    };
    Frame::from_record_batch(batch)
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
}
