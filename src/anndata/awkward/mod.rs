//! `awkward-array`: lists of any length, records and missing values, as buffers that a form describes.
//!
//! The form is JSON as Awkward Array writes it; each node of it has a key, and its buffers are children called by the
//! key: `node0-offsets`. Arrays of unions are not read.

mod form;
mod join;
mod read;
mod write;

use crate::dtype::Dtype;
use form::Json;

/// An array in memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Awkward {
    len: usize,
    kind: AwkwardKind,
    /// What a node is besides: strings, names of records.
    parameters: Json,
}

#[derive(Debug, Clone, PartialEq)]
enum AwkwardKind {
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
    /// Lists of integers: where each ends in `values`, after a zero.
    pub(crate) fn lists(offsets: &[i64], values: &[i64]) -> Awkward {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let kind = AwkwardKind::Numbers { dtype: Dtype::Int64, inner: Vec::new(), bytes };
        let content = Box::new(Awkward { len: values.len(), kind, parameters: Json::object([]) });
        let kind = AwkwardKind::Lists { offsets: offsets.to_vec(), content };
        Awkward { len: offsets.len().saturating_sub(1), kind, parameters: Json::object([]) }
    }

    /// `len` elements, all missing.
    pub(crate) fn missing(len: usize) -> Awkward {
        Awkward { len: 0, kind: AwkwardKind::Empty, parameters: Json::object([]) }.take(&vec![None; len])
    }

    /// Elements.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The elements `rows`, missing where a row is `None`; each is one that the array has.
    pub(crate) fn take(&self, rows: &[Option<u64>]) -> Awkward {
        if rows.contains(&None) && !matches!(self.kind, AwkwardKind::Options { .. }) {
            let index = rows.iter().map(|r| r.map_or(-1, |r| r as i64)).collect();
            let kind = AwkwardKind::Options { index, content: Box::new(self.clone()) };
            return Awkward { len: rows.len(), kind, parameters: Json::object([]) };
        }
        let there = || rows.iter().flatten().map(|r| *r as usize);
        let kind = match &self.kind {
            AwkwardKind::Empty => AwkwardKind::Empty,
            AwkwardKind::Numbers { dtype, inner, bytes } => {
                let size = inner.iter().product::<u64>() as usize * dtype.size();
                let bytes = there().flat_map(|r| bytes[r * size..(r + 1) * size].iter().copied()).collect();
                AwkwardKind::Numbers { dtype: *dtype, inner: inner.clone(), bytes }
            }
            AwkwardKind::Lists { offsets, content } => {
                let mut ends = vec![0];
                let mut inside = Vec::new();
                for r in there() {
                    inside.extend((offsets[r] as u64..offsets[r + 1] as u64).map(Some));
                    ends.push(inside.len() as i64);
                }
                AwkwardKind::Lists { offsets: ends, content: Box::new(content.take(&inside)) }
            }
            AwkwardKind::Regular { size, content } => {
                let inside: Vec<_> =
                    there().flat_map(|r| (r * size..(r + 1) * size).map(|i| Some(i as u64))).collect();
                AwkwardKind::Regular { size: *size, content: Box::new(content.take(&inside)) }
            }
            AwkwardKind::Records { names, contents } => AwkwardKind::Records {
                names: names.clone(),
                contents: contents.iter().map(|c| c.take(rows)).collect(),
            },
            AwkwardKind::Options { index, content } => {
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
                AwkwardKind::Options { index, content: Box::new(content.take(&inside)) }
            }
        };
        Awkward { len: rows.len(), kind, parameters: self.parameters.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[i16]) -> Awkward {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let kind = AwkwardKind::Numbers { dtype: Dtype::Int16, inner: vec![], bytes };
        Awkward { len: values.len(), kind, parameters: Json::object([]) }
    }

    fn of(len: usize, kind: AwkwardKind) -> Awkward {
        Awkward { len, kind, parameters: Json::object([]) }
    }

    /// Rows in another order take with them what belongs to them, and leave the rest of the content behind.
    #[test]
    fn rows_take_their_content_along() {
        let a = Awkward::lists(&[0, 2, 2, 3], &[7, 8, 9]);
        assert_eq!(a.len(), 3);
        assert_eq!(a.take(&[Some(2), Some(0)]), Awkward::lists(&[0, 1, 3], &[9, 7, 8]));
        let pairs = |content: &[i16]| {
            of(content.len() / 2, AwkwardKind::Regular { size: 2, content: Box::new(numbers(content)) })
        };
        assert_eq!(pairs(&[1, 2, 3, 4]).take(&[Some(1), Some(1)]), pairs(&[3, 4, 3, 4]));
        let records = |a: &[i16], b: &[i16]| {
            let names = Some(vec!["a".to_owned(), "b".to_owned()]);
            of(a.len(), AwkwardKind::Records { names, contents: vec![numbers(a), numbers(b)] })
        };
        assert_eq!(records(&[1, 2], &[3, 4]).take(&[Some(1)]), records(&[2], &[4]));
    }

    /// A row that is not there is missing, in an array that had none missing and in one that had.
    #[test]
    fn rows_that_are_not_there_are_missing() {
        let optional = |index: &[i64], content: Awkward| {
            of(index.len(), AwkwardKind::Options { index: index.to_vec(), content: Box::new(content) })
        };
        let a = Awkward::lists(&[0, 2, 3], &[7, 8, 9]);
        let gaps = a.take(&[None, Some(1)]);
        assert_eq!(gaps, optional(&[-1, 1], a));
        let moved = gaps.take(&[Some(1), Some(0), None]);
        assert_eq!(moved, optional(&[0, -1, -1], Awkward::lists(&[0, 1], &[9])));
        assert_eq!(Awkward::missing(2), optional(&[-1, -1], of(0, AwkwardKind::Empty)));
    }
}
