//! Reads `awkward-array`: one function for each class of node.

use super::form::Json;
use super::{Awkward, AwkwardKind};
use crate::anndata::encoding::text_attribute;
use crate::error::{Error, Place, Result};
use crate::tree::Node;

/// Levels of nodes that are followed at most.
const DEEPEST: u32 = 64;

impl Awkward {
    /// Reads the array of a group.
    ///
    /// # Errors
    /// `Malformed` if the form, the length and the buffers contradict each other; `Unsupported` for a class of node that
    /// is not read; `Limit` if it claims more than the file can hold.
    pub(crate) fn read(group: &Node) -> Result<Awkward> {
        let read = || {
            let form = text_attribute(group, "form")?
                .ok_or_else(|| Error::malformed("awkward array without form"))?;
            let form: Json = serde_json::from_str(&form)
                .map_err(|e| Error::malformed(format!("form of an awkward array: {e}")))?;
            let len =
                group.attribute("length")?.ok_or_else(|| Error::malformed("awkward array without length"))?;
            let len = usize::try_from(len.integer()?)
                .map_err(|_| Error::malformed("awkward array of negative length"))?;
            FormNode { group, form: &form, len, depth: 0 }.read()
        };
        read().in_object(group.path())
    }
}

/// A node of the form, of which `len` elements are to be read.
struct FormNode<'f> {
    group: &'f Node,
    form: &'f Json,
    len: usize,
    depth: u32,
}

impl<'f> FormNode<'f> {
    fn read(&self) -> Result<Awkward> {
        // Nothing bounds the claimed length of a node without buffers.
        let most = self.group.container_bytes().saturating_mul(1100).saturating_add(1 << 20);
        if self.len as u64 > most {
            return Err(Error::limit(format!("an awkward array of {} elements (limit {most})", self.len)));
        }
        if self.depth > DEEPEST {
            return Err(Error::limit(format!("an awkward array of more than {DEEPEST} levels")));
        }
        match self.text("class") {
            "EmptyArray" if self.len == 0 => Ok(self.node(AwkwardKind::Empty)),
            "NumpyArray" => self.numbers(),
            "ListOffsetArray" => self.lists(),
            "RegularArray" => self.regular(),
            "RecordArray" => self.records(),
            "IndexedOptionArray" => self.optional(),
            "IndexedArray" => self.indexed(),
            "ByteMaskedArray" => self.masked(),
            "UnmaskedArray" => self.unmasked(),
            other => Err(Error::unsupported(format!("an awkward array of class '{other}'"))),
        }
    }

    fn numbers(&self) -> Result<Awkward> {
        let key = self.text("form_key");
        let shape = self.list("inner_shape").unwrap_or_default();
        let inner: Vec<u64> = shape.iter().map(|d| d.as_u64().unwrap_or(0)).collect();
        let (dtype, mut bytes) = self.group.descend(&format!("{key}-data"))?.array()?.read()?.numbers()?;
        let n = inner.iter().try_fold(self.len as u64 * dtype.size() as u64, |a, d| a.checked_mul(*d));
        let n = n.and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= bytes.len());
        let short = || Error::malformed(format!("{key}-data is shorter than {} elements", self.len));
        bytes.truncate(n.ok_or_else(short)?);
        Ok(self.node(AwkwardKind::Numbers { dtype, inner, bytes }))
    }

    fn lists(&self) -> Result<Awkward> {
        let offsets = self.integers("offsets", self.len + 1)?;
        if offsets[0] < 0 || !offsets.is_sorted() {
            return Err(Error::malformed(format!("{}-offsets fall", self.text("form_key"))));
        }
        let (first, last) = (offsets[0] as u64, offsets[self.len] as u64);
        let inside: Vec<Option<u64>> = (first..last).map(Some).collect();
        let content = self.content(last as usize)?;
        let content = if first == 0 { content } else { content.take(&inside) };
        let offsets = offsets.iter().map(|o| o - first as i64).collect();
        Ok(self.node(AwkwardKind::Lists { offsets, content: Box::new(content) }))
    }

    fn regular(&self) -> Result<Awkward> {
        let size = self.form.get("size").and_then(Json::as_u64);
        let size = size.and_then(|s| usize::try_from(s).ok()).unwrap_or(0);
        let n = self.len.checked_mul(size).ok_or_else(|| Error::malformed("a regular array too large"))?;
        Ok(self.node(AwkwardKind::Regular { size, content: Box::new(self.content(n)?) }))
    }

    fn records(&self) -> Result<Awkward> {
        let forms = self.list("contents").unwrap_or_default();
        let contents: Vec<Awkward> =
            forms.iter().map(|form| self.below(form, self.len).read()).collect::<Result<_>>()?;
        let names: Option<Vec<String>> = self
            .list("fields")
            .map(|n| n.iter().map(|f| f.as_str().unwrap_or_default().to_owned()).collect());
        if names.as_ref().is_some_and(|n| n.len() != contents.len()) {
            return Err(Error::malformed("records with more names than contents, or fewer"));
        }
        Ok(self.node(AwkwardKind::Records { names, contents }))
    }

    fn optional(&self) -> Result<Awkward> {
        let index: Vec<i64> = self.integers("index", self.len)?.into_iter().map(|i| i.max(-1)).collect();
        let content = self.content(len_for(&index))?;
        Ok(self.options(index, content))
    }

    fn indexed(&self) -> Result<Awkward> {
        let index = self.integers("index", self.len)?;
        let rows: Option<Vec<Option<u64>>> = index.iter().map(|i| u64::try_from(*i).ok().map(Some)).collect();
        let rows = rows.ok_or_else(|| {
            Error::malformed(format!("{}-index has negative numbers", self.text("form_key")))
        })?;
        Ok(self.content(len_for(&index))?.take(&rows))
    }

    fn masked(&self) -> Result<Awkward> {
        let valid = self.form.get("valid_when").and_then(Json::as_bool).unwrap_or(false);
        let mask = self.integers("mask", self.len)?;
        let index = (0..).zip(mask).map(|(i, m)| if (m != 0) == valid { i } else { -1 }).collect();
        Ok(self.options(index, self.content(self.len)?))
    }

    fn unmasked(&self) -> Result<Awkward> {
        let content = self.content(self.len)?;
        Ok(self.options((0..self.len as i64).collect(), content))
    }

    fn node(&self, kind: AwkwardKind) -> Awkward {
        let parameters = self.form.get("parameters").cloned().unwrap_or_else(|| Json::object([]));
        Awkward { len: self.len, kind, parameters }
    }

    fn options(&self, index: Vec<i64>, content: Awkward) -> Awkward {
        let kind = AwkwardKind::Options { index, content: Box::new(content) };
        Awkward { len: self.len, kind, parameters: Json::object([]) }
    }

    /// `len` elements of the node under the key `content`.
    fn content(&self, len: usize) -> Result<Awkward> {
        self.below(self.form.get("content").unwrap_or(&Json::Null), len).read()
    }

    fn below(&self, form: &'f Json, len: usize) -> FormNode<'f> {
        FormNode { group: self.group, form, len, depth: self.depth + 1 }
    }

    /// The first `n` integers of the buffer `KEY-what`.
    fn integers(&self, what: &str, n: usize) -> Result<Vec<i64>> {
        let key = self.text("form_key");
        let mut all = self.group.descend(&format!("{key}-{what}"))?.array()?.read()?.integers()?;
        if all.len() < n {
            return Err(Error::malformed(format!("{key}-{what} (expected {n} values, got {})", all.len())));
        }
        all.truncate(n);
        Ok(all)
    }

    fn text(&self, name: &str) -> &'f str {
        self.form.get(name).and_then(Json::as_str).unwrap_or_default()
    }

    fn list(&self, name: &str) -> Option<&'f [Json]> {
        self.form.get(name).and_then(Json::as_list)
    }
}

/// How many elements a content has at least, to which this index refers.
fn len_for(index: &[i64]) -> usize {
    index.iter().max().map_or(0, |m| usize::try_from(*m).map_or(0, |m| m.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;

    /// The array of a file with this form, length and buffers.
    fn read(form: &str, len: i64, buffers: &[(&str, &[i64])]) -> Result<Awkward> {
        use crate::tree::{ArrayStorage, Container, EncodedValue, Location, OutputFormat, TreeWriter};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let mut w = TreeWriter::create(&path, true, OutputFormat::default())?;
        let at = Location::root().child("array");
        for (name, values) in buffers {
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let value = EncodedValue::numbers(Dtype::Int64, &[values.len() as u64], bytes);
            w.array(&at.child(name), &value, &[], &ArrayStorage::default())?;
        }
        let form = ("form".to_owned(), w.text(form)?);
        w.group(&at, &[form, ("length".to_owned(), EncodedValue::integer(len))])?;
        w.finish(&[])?;
        Awkward::read(&Container::open(&path, crate::Limits::default())?.root()?.descend("array")?)
    }

    const NUMBERS: &str = r#"{"class": "NumpyArray", "inner_shape": [], "form_key": "n"}"#;
    const DATA: (&str, &[i64]) = ("n-data", &[7, 8, 9]);

    /// The form of a node of this class over [`NUMBERS`].
    fn over_numbers(class: &str) -> String {
        format!(r#"{{"class": "{class}", "valid_when": true, "content": {NUMBERS}, "form_key": "k"}}"#)
    }

    fn numbers(values: &[i64]) -> Awkward {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let kind = AwkwardKind::Numbers { dtype: Dtype::Int64, inner: vec![], bytes };
        Awkward { len: values.len(), kind, parameters: Json::object([]) }
    }

    fn optional(index: &[i64], content: &[i64]) -> Awkward {
        let kind = AwkwardKind::Options { index: index.to_vec(), content: Box::new(numbers(content)) };
        Awkward { len: index.len(), kind, parameters: Json::object([]) }
    }

    /// Classes that Awkward Array writes and we do not: each becomes one of those that we write.
    #[test]
    fn every_class_becomes_one_that_is_written() {
        let got = |class: &str, len, buffer| read(&over_numbers(class), len, &[DATA, buffer]).unwrap();
        let lists = got("ListOffsetArray", 2, ("k-offsets", &[1, 2, 3]));
        assert_eq!(
            lists,
            Awkward::lists(&[0, 1, 2], &[8, 9]),
            "what comes before the first list is left out"
        );
        assert_eq!(got("IndexedArray", 2, ("k-index", &[2, 0])), numbers(&[9, 7]));
        assert_eq!(got("IndexedOptionArray", 2, ("k-index", &[1, -7])), optional(&[1, -1], &[7, 8]));
        assert_eq!(got("ByteMaskedArray", 3, ("k-mask", &[1, 0, 1])), optional(&[0, -1, 2], &[7, 8, 9]));
        assert_eq!(got("UnmaskedArray", 2, ("k-none", &[])), optional(&[0, 1], &[7, 8]));
    }

    #[test]
    fn forms_that_lie_are_refused() {
        use crate::error::Kind::{Limit, Malformed, NotFound, Unsupported};
        let of = over_numbers;
        let offsets = || of("ListOffsetArray");
        let records = r#"{"class": "RecordArray", "fields": [], "contents": []}"#;
        let unmasked = format!(r#"{{"class": "UnmaskedArray", "content": {records}}}"#);
        let regular = |size: u64| {
            format!(r#"{{"class": "RegularArray", "size": {size}, "content": {{"class": "EmptyArray"}}}}"#)
        };
        let deep = r#"{"class": "UnmaskedArray", "content": "#;
        let deep = format!("{}{NUMBERS}{}", deep.repeat(66), "}".repeat(66));
        let names = r#"{"class": "RecordArray", "fields": ["a", "b"], "contents": []}"#;
        type Case<'a> = (String, i64, (&'a str, &'a [i64]), crate::error::Kind);
        let cases: &[Case<'_>] = &[
            (NUMBERS.into(), 4, ("-", &[]), Malformed),
            (NUMBERS.into(), -1, ("-", &[]), Malformed),
            (offsets(), 2, ("k-offsets", &[0, 2, 1]), Malformed),
            (offsets(), 2, ("k-offsets", &[-1, 0, 1]), Malformed),
            (offsets(), 2, ("k-offsets", &[0, 2, 9]), Malformed),
            (offsets(), 9, ("k-offsets", &[0, 2, 3]), Malformed),
            (offsets(), 1, ("-", &[]), NotFound),
            (of("IndexedArray"), 1, ("k-index", &[-1]), Malformed),
            (of("IndexedArray"), 1, ("k-index", &[3]), Malformed),
            (of("IndexedArray"), 1, ("k-index", &[i64::MAX]), Limit),
            (of("IndexedOptionArray"), 1, ("k-index", &[i64::MAX]), Limit),
            (unmasked, 1 << 60, ("-", &[]), Limit),
            (regular(1 << 62), 4, ("-", &[]), Malformed),
            (regular(1), 1, ("-", &[]), Unsupported),
            (deep, 1, ("-", &[]), Limit),
            (names.into(), 1, ("-", &[]), Malformed),
            ("{".into(), 1, ("-", &[]), Malformed),
            (r#"{"class": "UnionArray"}"#.into(), 1, ("-", &[]), Unsupported),
        ];
        for (form, len, buffer, kind) in cases {
            let buffers: Vec<_> = [DATA].into_iter().chain((buffer.0 != "-").then_some(*buffer)).collect();
            let error = read(form, *len, &buffers).unwrap_err();
            assert_eq!(error.kind(), *kind, "{form} of {len}: {error}");
            assert_eq!(error.object(), Some("/array"), "{error}");
        }
    }
}
