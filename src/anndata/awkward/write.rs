//! Writes `awkward-array`: the form as an attribute, the buffers as arrays.

use super::form::Json;
use super::{Awkward, AwkwardKind};
use crate::anndata::AnnDataWriter;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::tree::{EncodedValue, Location};

impl AnnDataWriter<'_> {
    /// Writes an awkward array.
    pub(crate) fn awkward(&mut self, at: &Location, array: &Awkward) -> Result<()> {
        let (form, buffers) = array.buffers();
        let mut attributes = self.encoding("awkward-array", "0.1.0")?;
        attributes.push(("form".into(), self.writer.text(&form.to_string())?));
        attributes.push(("length".into(), EncodedValue::integer(array.len() as i64)));
        for (name, dtype, bytes) in buffers {
            let n = (bytes.len() / dtype.size()) as u64;
            self.array(&at.child(&name), &EncodedValue::numbers(dtype, &[n], bytes), "array")?;
        }
        self.writer.group(at, &attributes)
    }
}

/// A buffer: its name, and the numbers in it.
type FormBuffer = (String, Dtype, Vec<u8>);

impl Awkward {
    /// The form, and the buffers.
    fn buffers(&self) -> (Json, Vec<FormBuffer>) {
        let mut out = Vec::new();
        let form = self.form(&mut 0, &mut out);
        (form, out)
    }

    /// The form of the node with number `next` and of all below it, numbered as Awkward Array does: a node before its
    /// contents.
    fn form(&self, next: &mut u32, out: &mut Vec<FormBuffer>) -> Json {
        let key = format!("node{next}");
        *next += 1;
        let mut integers = |what: &str, values: &[i64]| {
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            out.push((format!("{key}-{what}"), Dtype::Int64, bytes));
        };
        let (class, members): (&str, Vec<(&str, Json)>) = match &self.kind {
            AwkwardKind::Empty => ("EmptyArray", vec![]),
            AwkwardKind::Numbers { dtype, inner, bytes } => {
                out.push((format!("{key}-data"), *dtype, bytes.clone()));
                (
                    "NumpyArray",
                    vec![("primitive", dtype.name().into()), ("inner_shape", inner.clone().into())],
                )
            }
            AwkwardKind::Lists { offsets, content } => {
                integers("offsets", offsets);
                ("ListOffsetArray", vec![("offsets", "i64".into()), ("content", content.form(next, out))])
            }
            AwkwardKind::Regular { size, content } => {
                ("RegularArray", vec![("size", (*size as u64).into()), ("content", content.form(next, out))])
            }
            AwkwardKind::Records { names, contents } => {
                let names = names.as_ref().map_or(Json::Null, |names| names.clone().into());
                let contents = Json::List(contents.iter().map(|c| c.form(next, out)).collect());
                ("RecordArray", vec![("fields", names), ("contents", contents)])
            }
            AwkwardKind::Options { index, content } => {
                integers("index", index);
                ("IndexedOptionArray", vec![("index", "i64".into()), ("content", content.form(next, out))])
            }
        };
        let parameters = ("parameters", self.parameters.clone());
        let first = std::iter::once(("class", class.into()));
        Json::object(first.chain(members).chain([parameters, ("form_key", key.into())]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anndata::StorageOptions;
    use crate::anndata::encoding::text_attribute;
    use crate::matrix::Budget;
    use crate::tree::Container;

    /// Lists of records, one of them missing, with a parameter that a file gave: every class that is written.
    fn everything() -> Awkward {
        let of = |len, kind| Awkward { len, kind, parameters: Json::object([]) };
        let numbers = |values: &[u8], inner: &[u64]| {
            let kind =
                AwkwardKind::Numbers { dtype: Dtype::Uint8, inner: inner.to_vec(), bytes: values.to_vec() };
            of(values.len() / inner.iter().product::<u64>() as usize, kind)
        };
        let text: Json = serde_json::from_str(r#"{"__record__":"point","a":[1,null]}"#).unwrap();
        let pairs = AwkwardKind::Regular { size: 2, content: Box::new(numbers(&[1, 2, 3, 4], &[])) };
        let contents = vec![numbers(&[5, 6, 7, 8], &[2]), of(2, pairs)];
        let records = AwkwardKind::Records { names: Some(vec!["x".into(), "y".into()]), contents };
        let records = Awkward { len: 2, kind: records, parameters: text };
        let options = of(3, AwkwardKind::Options { index: vec![1, -1, 0], content: Box::new(records) });
        of(2, AwkwardKind::Lists { offsets: vec![0, 2, 3], content: Box::new(options) })
    }

    /// The form has its keys in the order in which Awkward Array writes them, with `parameters` and `form_key` last.
    #[test]
    fn forms_have_their_keys_in_order() {
        let expected = concat!(
            r#"{"class":"ListOffsetArray","offsets":"i64","content":"#,
            r#"{"class":"IndexedOptionArray","index":"i64","content":"#,
            r#"{"class":"RecordArray","fields":["x","y"],"contents":["#,
            r#"{"class":"NumpyArray","primitive":"uint8","inner_shape":[2],"parameters":{},"form_key":"node3"},"#,
            r#"{"class":"RegularArray","size":2,"content":"#,
            r#"{"class":"NumpyArray","primitive":"uint8","inner_shape":[],"parameters":{},"form_key":"node5"},"#,
            r#""parameters":{},"form_key":"node4"}],"#,
            r#""parameters":{"__record__":"point","a":[1,null]},"form_key":"node2"},"#,
            r#""parameters":{},"form_key":"node1"},"parameters":{},"form_key":"node0"}"#,
        );
        let (form, buffers) = everything().buffers();
        assert_eq!(form.to_string(), expected);
        let names: Vec<&str> = buffers.iter().map(|b| b.0.as_str()).collect();
        assert_eq!(names, ["node0-offsets", "node1-index", "node3-data", "node5-data"]);
    }

    #[test]
    fn what_is_written_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5ad");
        let storage = StorageOptions::default();
        let mut w = AnnDataWriter::create(&path, false, storage, Budget::new(1 << 26), &()).unwrap();
        w.awkward(&Location::from_path("obsm/a"), &everything()).unwrap();
        w.awkward(&Location::from_path("obsm/none"), &Awkward::missing(2)).unwrap();
        w.finish().unwrap();
        let root = Container::open(&path, crate::Limits::default()).unwrap().root().unwrap();
        let node = root.descend("obsm/a").unwrap();
        assert_eq!(text_attribute(&node, "encoding-type").unwrap().as_deref(), Some("awkward-array"));
        assert_eq!(node.attribute("length").unwrap().unwrap().integer().unwrap(), 2);
        assert_eq!(Awkward::read(&node).unwrap(), everything());
        assert_eq!(Awkward::read(&root.descend("obsm/none").unwrap()).unwrap(), Awkward::missing(2));
    }
}
