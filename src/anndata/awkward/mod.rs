//! `awkward-array`: lists of any length, records and missing values, as buffers that a form describes.
//!
//! The form is JSON as Awkward Array writes it; each node of it has a key, and its buffers are children called by the
//! key: `node0-offsets`. Arrays of unions are not read.

mod write;

use crate::anndata::encoding::text_attribute;
use crate::dtype::{Dtype, Policy, cast};
use crate::error::{Error, Place, Result};
use crate::tree::Node;
use serde_json::{Value as Json, json};

/// Nodes below each other at most.
const DEEPEST: u32 = 64;

/// An array in memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Awkward {
    len: usize,
    kind: Kind,
    /// What a node is besides: strings, names of records.
    parameters: Json,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Empty,
    /// Numbers, each element an array of these inner dimensions.
    Numbers {
        dtype: Dtype,
        inner: Vec<u64>,
        bytes: Vec<u8>,
    },
    /// Lists: where each ends in the content, after a zero.
    Lists {
        offsets: Vec<i64>,
        content: Box<Awkward>,
    },
    /// Lists of one length.
    Regular {
        size: usize,
        content: Box<Awkward>,
    },
    /// Records; tuples where there are no names.
    Records {
        names: Option<Vec<String>>,
        contents: Vec<Awkward>,
    },
    /// Elements of the content by number, missing where negative.
    Options {
        index: Vec<i64>,
        content: Box<Awkward>,
    },
}

impl Awkward {
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
            node(group, &form, len, 0)
        };
        read().in_object(group.path())
    }

    /// Lists of integers: where each ends in `values`, after a zero.
    pub(crate) fn lists(offsets: &[i64], values: &[i64]) -> Awkward {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let kind = Kind::Numbers { dtype: Dtype::Int64, inner: Vec::new(), bytes };
        let content = Box::new(Awkward { len: values.len(), kind, parameters: json!({}) });
        let kind = Kind::Lists { offsets: offsets.to_vec(), content };
        Awkward { len: offsets.len().saturating_sub(1), kind, parameters: json!({}) }
    }

    /// `len` elements, all missing.
    pub(crate) fn missing(len: usize) -> Awkward {
        Awkward { len: 0, kind: Kind::Empty, parameters: json!({}) }.take(&vec![None; len])
    }

    /// Elements.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The elements `rows`, missing where a row is `None`; each is one that the array has.
    pub(crate) fn take(&self, rows: &[Option<u64>]) -> Awkward {
        if rows.contains(&None) && !matches!(self.kind, Kind::Options { .. }) {
            let index = rows.iter().map(|r| r.map_or(-1, |r| r as i64)).collect();
            return self.with(
                rows.len(),
                Kind::Options { index, content: Box::new(self.clone()) },
                json!({}),
            );
        }
        let there = || rows.iter().flatten().map(|r| *r as usize);
        let kind = match &self.kind {
            Kind::Empty => Kind::Empty,
            Kind::Numbers { dtype, inner, bytes } => {
                let size = inner.iter().product::<u64>() as usize * dtype.size();
                let bytes = there().flat_map(|r| bytes[r * size..(r + 1) * size].iter().copied()).collect();
                Kind::Numbers { dtype: *dtype, inner: inner.clone(), bytes }
            }
            Kind::Lists { offsets, content } => {
                let mut ends = vec![0];
                let mut inside = Vec::new();
                for r in there() {
                    inside.extend((offsets[r] as u64..offsets[r + 1] as u64).map(Some));
                    ends.push(inside.len() as i64);
                }
                Kind::Lists { offsets: ends, content: Box::new(content.take(&inside)) }
            }
            Kind::Regular { size, content } => {
                let inside: Vec<_> =
                    there().flat_map(|r| (r * size..(r + 1) * size).map(|i| Some(i as u64))).collect();
                Kind::Regular { size: *size, content: Box::new(content.take(&inside)) }
            }
            Kind::Records { names, contents } => Kind::Records {
                names: names.clone(),
                contents: contents.iter().map(|c| c.take(rows)).collect(),
            },
            Kind::Options { index, content } => {
                // what nobody refers to any more is left behind
                let mut inside = Vec::new();
                let mut one = |r: &Option<u64>| match r.map(|r| index[r as usize]) {
                    Some(i) if i >= 0 => {
                        inside.push(Some(i as u64));
                        inside.len() as i64 - 1
                    }
                    _ => -1,
                };
                let index = rows.iter().map(&mut one).collect();
                Kind::Options { index, content: Box::new(content.take(&inside)) }
            }
        };
        self.with(rows.len(), kind, self.parameters.clone())
    }

    fn with(&self, len: usize, kind: Kind, parameters: Json) -> Awkward {
        Awkward { len, kind, parameters }
    }

    /// All arrays one behind the other; `common` keeps of records the fields that all have.
    ///
    /// # Errors
    /// `Unsupported` where they are of different kinds.
    pub(crate) fn concat(parts: &[&Awkward], common: bool) -> Result<Awkward> {
        let other = || Error::unsupported("awkward arrays of different kinds");
        let filled: Vec<&Awkward> =
            parts.iter().copied().filter(|p| !matches!(p.kind, Kind::Empty)).collect();
        let len = parts.iter().map(|p| p.len).sum();
        let Some(first) = filled.first() else {
            return Ok(Awkward { len, kind: Kind::Empty, parameters: json!({}) });
        };
        if filled.iter().any(|p| matches!(p.kind, Kind::Options { .. })) {
            let (mut indexes, mut contents): (Vec<i64>, Vec<&Awkward>) = (Vec::new(), Vec::new());
            let mut begin = 0;
            for p in &filled {
                let (index, content) = match &p.kind {
                    Kind::Options { index, content } => (index.clone(), &**content),
                    _ => ((0..p.len as i64).collect(), *p),
                };
                indexes.extend(index.iter().map(|i| if *i < 0 { -1 } else { i + begin }));
                begin += content.len as i64;
                contents.push(content);
            }
            let content = Box::new(Self::concat(&contents, common)?);
            return Ok(first.with(len, Kind::Options { index: indexes, content }, json!({})));
        }
        if filled.iter().any(|p| p.parameters != first.parameters) {
            return Err(other());
        }
        let kind = match &first.kind {
            Kind::Empty | Kind::Options { .. } => return Err(other()),
            Kind::Numbers { inner, .. } => {
                let mut dtype: Option<Dtype> = None;
                for p in &filled {
                    match &p.kind {
                        Kind::Numbers { dtype: d, inner: i, .. } if i == inner => {
                            dtype = Some(dtype.map_or(*d, |x| x.promoted(*d)));
                        }
                        _ => return Err(other()),
                    }
                }
                let to = dtype.unwrap_or(Dtype::Float64);
                let mut all = Vec::new();
                for p in &filled {
                    let Kind::Numbers { dtype, bytes, .. } = &p.kind else { continue };
                    let mut out = vec![0; bytes.len() / dtype.size() * to.size()];
                    let _ = cast(*dtype, bytes, to, &mut out, Policy::Round);
                    all.extend(out);
                }
                Kind::Numbers { dtype: to, inner: inner.clone(), bytes: all }
            }
            Kind::Lists { .. } => {
                let (mut ends, mut contents) = (vec![0i64], Vec::new());
                for p in &filled {
                    let Kind::Lists { offsets, content } = &p.kind else { return Err(other()) };
                    let begin = ends[ends.len() - 1];
                    ends.extend(offsets.iter().skip(1).map(|o| o + begin));
                    contents.push(&**content);
                }
                Kind::Lists { offsets: ends, content: Box::new(Self::concat(&contents, false)?) }
            }
            Kind::Regular { size, .. } => {
                let mut contents = Vec::new();
                for p in &filled {
                    match &p.kind {
                        Kind::Regular { size: s, content } if s == size => contents.push(&**content),
                        _ => return Err(other()),
                    }
                }
                Kind::Regular { size: *size, content: Box::new(Self::concat(&contents, false)?) }
            }
            Kind::Records { names, contents } => {
                let Some(names) = names else { return Err(other()) };
                let mut fields = Vec::new();
                for name in names {
                    let found: Vec<&Awkward> = filled.iter().filter_map(|p| p.field(name)).collect();
                    match found.len() == filled.len() {
                        true => fields.push((name.clone(), Self::concat(&found, false)?)),
                        false if common => {}
                        false => return Err(other()),
                    }
                }
                let more = |p: &&Awkward| matches!(&p.kind, Kind::Records { contents: c, .. } if c.len() == contents.len());
                if !common && !filled.iter().all(more) {
                    return Err(other());
                }
                let (names, contents) = fields.into_iter().unzip();
                Kind::Records { names: Some(names), contents }
            }
        };
        Ok(first.with(len, kind, first.parameters.clone()))
    }

    fn field(&self, name: &str) -> Option<&Awkward> {
        let Kind::Records { names: Some(names), contents } = &self.kind else { return None };
        contents.get(names.iter().position(|n| n == name)?)
    }

    /// The form, and the buffers by name.
    pub(crate) fn buffers(&self) -> (Json, Vec<(String, Dtype, Vec<u8>)>) {
        let mut out = Vec::new();
        let mut next = 0;
        let form = self.form(&mut next, &mut out);
        (form, out)
    }

    fn form(&self, next: &mut u32, out: &mut Vec<(String, Dtype, Vec<u8>)>) -> Json {
        let key = format!("node{next}");
        *next += 1;
        let mut numbers = |what: &str, values: &[i64]| {
            out.push((
                format!("{key}-{what}"),
                Dtype::Int64,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ));
        };
        let mut form = match &self.kind {
            Kind::Empty => json!({"class": "EmptyArray"}),
            Kind::Numbers { dtype, inner, bytes } => {
                out.push((format!("{key}-data"), *dtype, bytes.clone()));
                json!({"class": "NumpyArray", "primitive": dtype.name(), "inner_shape": inner})
            }
            Kind::Lists { offsets, content } => {
                numbers("offsets", offsets);
                json!({"class": "ListOffsetArray", "offsets": "i64", "content": content.form(next, out)})
            }
            Kind::Regular { size, content } => {
                json!({"class": "RegularArray", "size": size, "content": content.form(next, out)})
            }
            Kind::Records { names, contents } => {
                let contents: Vec<Json> = contents.iter().map(|c| c.form(next, out)).collect();
                json!({"class": "RecordArray", "fields": names, "contents": contents})
            }
            Kind::Options { index, content } => {
                numbers("index", index);
                json!({"class": "IndexedOptionArray", "index": "i64", "content": content.form(next, out)})
            }
        };
        form["parameters"] = self.parameters.clone();
        form["form_key"] = json!(key);
        form
    }
}

/// Reads a node of `len` elements.
fn node(group: &Node, form: &Json, len: usize, depth: u32) -> Result<Awkward> {
    // a node without buffers has only its word for its length
    let most = group.container_bytes().saturating_mul(1100).saturating_add(1 << 20);
    if len as u64 > most {
        return Err(Error::limit(format!("an awkward array of {len} elements (limit {most})")));
    }
    if depth > DEEPEST {
        return Err(Error::limit(format!("an awkward array of more than {DEEPEST} levels")));
    }
    let text = |name: &str| form.get(name).and_then(Json::as_str).unwrap_or_default();
    let key = text("form_key");
    let integers = |what: &str, n: usize| -> Result<Vec<i64>> {
        let mut all = group.descend(&format!("{key}-{what}"))?.array()?.read()?.integers()?;
        if all.len() < n {
            return Err(Error::malformed(format!("{key}-{what} (expected {n} values, got {})", all.len())));
        }
        all.truncate(n);
        Ok(all)
    };
    let content = |n: usize| node(group, form.get("content").unwrap_or(&Json::Null), n, depth + 1);
    let parameters = form.get("parameters").cloned().unwrap_or_else(|| json!({}));
    let made = |kind: Kind| Ok(Awkward { len, kind, parameters: parameters.clone() });
    // an index of which each is below what the content must then have
    let size_of = |index: &[i64]| index.iter().max().map_or(0, |m| usize::try_from(m + 1).unwrap_or(0));
    let options = |index: Vec<i64>, content: Awkward| Awkward {
        len,
        kind: Kind::Options { index, content: Box::new(content) },
        parameters: json!({}),
    };
    match text("class") {
        "EmptyArray" if len == 0 => made(Kind::Empty),
        "NumpyArray" => {
            let shape =
                form.get("inner_shape").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            let inner: Vec<u64> = shape.iter().map(|d| d.as_u64().unwrap_or(0)).collect();
            let (dtype, mut bytes) = group.descend(&format!("{key}-data"))?.array()?.read()?.numbers()?;
            let n = inner.iter().try_fold(len as u64 * dtype.size() as u64, |a, d| a.checked_mul(*d));
            let n = n.and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= bytes.len());
            let n =
                n.ok_or_else(|| Error::malformed(format!("{key}-data is shorter than {len} elements")))?;
            bytes.truncate(n);
            made(Kind::Numbers { dtype, inner, bytes })
        }
        "ListOffsetArray" => {
            let offsets = integers("offsets", len + 1)?;
            if offsets[0] < 0 || !offsets.is_sorted() {
                return Err(Error::malformed(format!("{key}-offsets fall")));
            }
            let (first, last) = (offsets[0] as u64, offsets[len] as u64);
            let inside: Vec<Option<u64>> = (first..last).map(Some).collect();
            let content = content(last as usize)?;
            let content = if first == 0 { content } else { content.take(&inside) };
            let offsets = offsets.iter().map(|o| o - first as i64).collect();
            made(Kind::Lists { offsets, content: Box::new(content) })
        }
        "RegularArray" => {
            let size =
                form.get("size").and_then(Json::as_u64).and_then(|s| usize::try_from(s).ok()).unwrap_or(0);
            let n = len.checked_mul(size).ok_or_else(|| Error::malformed("a regular array too large"))?;
            made(Kind::Regular { size, content: Box::new(content(n)?) })
        }
        "RecordArray" => {
            let forms = form.get("contents").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            let contents =
                forms.iter().map(|f| node(group, f, len, depth + 1)).collect::<Result<Vec<_>>>()?;
            let names = form.get("fields").and_then(Json::as_array);
            let names: Option<Vec<String>> =
                names.map(|n| n.iter().map(|f| f.as_str().unwrap_or_default().to_owned()).collect());
            if names.as_ref().is_some_and(|n| n.len() != contents.len()) {
                return Err(Error::malformed("records with more names than contents, or fewer"));
            }
            made(Kind::Records { names, contents })
        }
        "IndexedOptionArray" => {
            let index: Vec<i64> = integers("index", len)?.into_iter().map(|i| i.max(-1)).collect();
            let content = content(size_of(&index))?;
            Ok(options(index, content))
        }
        "IndexedArray" => {
            let index = integers("index", len)?;
            let rows: Option<Vec<Option<u64>>> =
                index.iter().map(|i| u64::try_from(*i).ok().map(Some)).collect();
            let rows = rows.ok_or_else(|| Error::malformed(format!("{key}-index has negative numbers")))?;
            Ok(content(size_of(&index))?.take(&rows))
        }
        "ByteMaskedArray" => {
            let valid = form.get("valid_when").and_then(Json::as_bool).unwrap_or(false);
            let index = (0..)
                .zip(integers("mask", len)?)
                .map(|(i, m)| if (m != 0) == valid { i } else { -1 })
                .collect();
            Ok(options(index, content(len)?))
        }
        "UnmaskedArray" => {
            let content = content(len)?;
            Ok(options((0..len as i64).collect(), content))
        }
        other => Err(Error::unsupported(format!("an awkward array of class '{other}'"))),
    }
}

#[cfg(test)]
mod tests {
    use super::Awkward as A;
    use super::*;

    fn ints(values: &[i64]) -> Awkward {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let kind = Kind::Numbers { dtype: Dtype::Int64, inner: vec![], bytes };
        Awkward { len: values.len(), kind, parameters: json!({}) }
    }

    /// The array of a file with this form, length and buffers.
    fn read(form: &str, len: i64, buffers: &[(&str, &[i64])]) -> Result<Awkward> {
        use crate::tree::{ArrayStorage, Container, EncodedValue, Libver, Location, TreeWriter};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let mut w = TreeWriter::create(&path, true, Libver::Earliest)?;
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

    #[test]
    fn forms_of_other_writers_and_forms_that_lie() {
        let numbers = r#"{"class": "NumpyArray", "primitive": "int64", "inner_shape": [], "form_key": "n"}"#;
        let n: (&str, &[i64]) = ("n-data", &[7, 8, 9]);
        let of = |outer: &str| outer.replace("@", numbers);
        let offsets = of(r#"{"class": "ListOffsetArray", "content": @, "form_key": "l"}"#);
        let got = read(&offsets, 2, &[n, ("l-offsets", &[1, 2, 3])]).unwrap();
        assert_eq!(got, A::lists(&[0, 1, 2], &[8, 9]));
        let indexed = of(r#"{"class": "IndexedArray", "content": @, "form_key": "i"}"#);
        assert_eq!(read(&indexed, 2, &[n, ("i-index", &[2, 0])]).unwrap().len(), 2);
        let masked = of(r#"{"class": "ByteMaskedArray", "valid_when": true, "content": @, "form_key": "b"}"#);
        let Kind::Options { index, .. } = read(&masked, 3, &[n, ("b-mask", &[1, 0, 1])]).unwrap().kind else {
            panic!()
        };
        assert_eq!(index, [0, -1, 2]);
        for (form, len, buffers) in [
            (numbers.to_owned(), 4, vec![n]),
            (numbers.to_owned(), -1, vec![n]),
            (offsets.clone(), 2, vec![n, ("l-offsets", &[0, 2, 1][..])]),
            (offsets.clone(), 2, vec![n, ("l-offsets", &[-1, 0, 1][..])]),
            (offsets.clone(), 2, vec![n, ("l-offsets", &[0, 2, 9][..])]),
            (offsets, 9, vec![n, ("l-offsets", &[0, 2, 3][..])]),
            (indexed, 1, vec![n, ("i-index", &[-1][..])]),
            (r#"{"class": "UnmaskedArray", "content": {"class": "RecordArray", "fields": [], "contents": []}}"#.into(), 1 << 60, vec![]),
            (r#"{"class": "RegularArray", "size": 4611686018427387904, "content": {"class": "EmptyArray"}}"#.into(), 4, vec![]),
            ("{".into(), 1, vec![]),
            (r#"{"class": "UnionArray"}"#.into(), 1, vec![]),
        ] {
            assert!(read(&form, len, &buffers).is_err(), "{form} {len}");
        }
    }

    #[test]
    fn rows_and_arrays_behind_each_other() {
        let a = A::lists(&[0, 2, 2, 3], &[7, 8, 9]);
        assert_eq!(a.take(&[Some(2), Some(0)]), A::lists(&[0, 1, 3], &[9, 7, 8]));
        let both = Awkward::concat(&[&a, &A::lists(&[0, 1], &[5])], true).unwrap();
        assert_eq!(both, A::lists(&[0, 2, 2, 3, 4], &[7, 8, 9, 5]));
        let gaps = a.take(&[None, Some(0)]);
        let Kind::Options { index, .. } = &gaps.kind else { panic!() };
        assert_eq!((gaps.len(), &index[..]), (2, &[-1, 0][..]));
        assert!(Awkward::concat(&[&a, &ints(&[1])], true).is_err());
        let (form, buffers) = both.buffers();
        assert_eq!(form["content"]["form_key"], "node1");
        assert_eq!(buffers.iter().map(|b| b.0.as_str()).collect::<Vec<_>>(), ["node0-offsets", "node1-data"]);
    }
}
