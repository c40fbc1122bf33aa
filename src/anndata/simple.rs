//! Writes the small encodings: a string, null, an array of records.

use crate::anndata::AnnDataWriter;
use crate::dtype::{Class, Datatype, Member};
use crate::error::{Error, Result};
use crate::tree::{EncodedValue, Location};

impl AnnDataWriter<'_> {
    /// Writes a string (`string` 0.2.0).
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub fn text(&mut self, at: &Location, text: &str) -> Result<()> {
        let value = self.writer.text(text)?;
        self.array(at, &value, "string")
    }

    /// Writes a null (`null` 0.1.0), which Python reads as `None`.
    ///
    /// # Errors
    /// `Io` if writing fails.
    pub fn null(&mut self, at: &Location) -> Result<()> {
        let attributes = self.encoding("null", "0.1.0")?;
        self.writer.array(at, &EncodedValue::null(), &attributes, &self.storing(None))
    }

    /// Writes an array of records (`rec-array` 0.2.0) from its columns: their names and values, all of one
    /// dimension and of the same length.
    ///
    /// # Errors
    /// `Io` if writing fails; `Usage` for columns of strings of any length.
    pub fn records(&mut self, at: &Location, columns: &[(&str, EncodedValue)]) -> Result<()> {
        let mut members = Vec::new();
        let mut offset = 0;
        for (name, values) in columns {
            let datatype = values.datatype().cloned();
            let datatype = datatype.ok_or_else(|| Error::usage("records of strings of any length"))?;
            let size = datatype.size;
            members.push(Member { name: (*name).to_owned(), offset, datatype });
            offset += size;
        }
        let rows = columns.first().and_then(|(_, v)| v.shape()).map_or(0, |s| s[0]);
        let mut bytes = Vec::new();
        for row in 0..rows as usize {
            for ((_, values), member) in columns.iter().zip(&members) {
                let size = member.datatype.size as usize;
                bytes.extend_from_slice(&values.bytes()[row * size..(row + 1) * size]);
            }
        }
        let records = Datatype { size: offset, class: Class::Compound(members) };
        self.array(at, &EncodedValue::elements(&records, &[rows], bytes), "rec-array")
    }
}

#[cfg(all(test, feature = "write"))]
mod tests {
    use crate::anndata::tests::{at, bytes, ints, written};

    #[test]
    fn texts_and_nothing_read_back() {
        let root = written(|w| w.text(&at("t"), "für").and_then(|()| w.null(&at("n"))));
        let value = root.descend("t").unwrap().array().unwrap().read().unwrap();
        assert_eq!((value.string().unwrap(), value.shape()), ("für".to_owned(), Some(&[][..])));
        let none = root.descend("n").unwrap();
        assert!(none.is_null() && none.is_array());
        let kind = none.attribute("encoding-type").unwrap().unwrap().string().unwrap();
        assert_eq!(kind, "null");
    }

    /// The columns go into the records side by side, each with its own type.
    #[test]
    fn records_read_back_by_their_members() {
        let root = written(|w| w.records(&at("r"), &[("a", ints(&[1, -2])), ("b", bytes(&[2], &[3, 4]))]));
        let value = root.descend("r").unwrap().array().unwrap().read().unwrap();
        assert_eq!((value.shape(), value.member_names()), (Some(&[2][..]), Some(vec!["a", "b"])));
        assert_eq!(value.datatype().size, 9);
        assert_eq!(value.member("a").unwrap().integers().unwrap(), [1, -2]);
        assert_eq!(value.member("b").unwrap().integers().unwrap(), [3, 4]);
        assert!(value.member("c").is_err());
    }
}
