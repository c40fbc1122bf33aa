//! Joins arrays one after the other: one function for each kind.

use super::form::Json;
use super::{Awkward, AwkwardKind};
use crate::dtype::{Dtype, Policy, cast};
use crate::error::{Error, Result};

impl Awkward {
    /// All arrays one behind the other. If `common`, records keep only the fields that all have.
    ///
    /// # Errors
    /// `Unsupported` if they are of different kinds.
    pub(crate) fn concat(parts: &[&Awkward], common: bool) -> Result<Awkward> {
        let filled: Vec<&Awkward> =
            parts.iter().copied().filter(|p| !matches!(p.kind, AwkwardKind::Empty)).collect();
        let len = parts.iter().map(|p| p.len).sum();
        let Some(first) = filled.first() else {
            return Ok(Awkward { len, kind: AwkwardKind::Empty, parameters: Json::object([]) });
        };
        if filled.iter().any(|p| matches!(p.kind, AwkwardKind::Options { .. })) {
            return options(&filled, len, common);
        }
        if filled.iter().any(|p| p.parameters != first.parameters) {
            return Err(different());
        }
        let kind = match &first.kind {
            AwkwardKind::Empty | AwkwardKind::Options { .. } => return Err(different()),
            AwkwardKind::Numbers { inner, .. } => numbers(&filled, inner)?,
            AwkwardKind::Lists { .. } => lists(&filled)?,
            AwkwardKind::Regular { size, .. } => regular(&filled, *size)?,
            AwkwardKind::Records { names, contents } => {
                records(&filled, names.as_deref(), contents.len(), common)?
            }
        };
        Ok(Awkward { len, kind, parameters: first.parameters.clone() })
    }

    fn field(&self, name: &str) -> Option<&Awkward> {
        let AwkwardKind::Records { names: Some(names), contents } = &self.kind else { return None };
        contents.get(names.iter().position(|n| n == name)?)
    }
}

fn different() -> Error {
    Error::unsupported("awkward arrays of different kinds")
}

/// Arrays of which some have missing elements.
fn options(parts: &[&Awkward], len: usize, common: bool) -> Result<Awkward> {
    let (mut indexes, mut contents): (Vec<i64>, Vec<&Awkward>) = (Vec::new(), Vec::new());
    let mut begin = 0;
    for p in parts {
        let (index, content) = match &p.kind {
            AwkwardKind::Options { index, content } => (index.clone(), &**content),
            _ => ((0..p.len as i64).collect(), *p),
        };
        indexes.extend(index.iter().map(|i| if *i < 0 { -1 } else { i + begin }));
        begin += content.len as i64;
        contents.push(content);
    }
    let content = Box::new(Awkward::concat(&contents, common)?);
    let kind = AwkwardKind::Options { index: indexes, content };
    Ok(Awkward { len, kind, parameters: Json::object([]) })
}

/// Numbers in the type that holds all of them.
fn numbers(parts: &[&Awkward], inner: &[u64]) -> Result<AwkwardKind> {
    let mut common: Option<Dtype> = None;
    for p in parts {
        match &p.kind {
            AwkwardKind::Numbers { dtype, inner: i, .. } if i == inner => {
                common = Some(common.map_or(*dtype, |c| c.promoted(*dtype)));
            }
            _ => return Err(different()),
        }
    }
    let to = common.unwrap_or(Dtype::Float64);
    let mut all = Vec::new();
    for p in parts {
        let AwkwardKind::Numbers { dtype, bytes, .. } = &p.kind else { continue };
        let mut out = vec![0; bytes.len() / dtype.size() * to.size()];
        let _ = cast(*dtype, bytes, to, &mut out, Policy::Round);
        all.extend(out);
    }
    Ok(AwkwardKind::Numbers { dtype: to, inner: inner.to_vec(), bytes: all })
}

fn lists(parts: &[&Awkward]) -> Result<AwkwardKind> {
    let (mut ends, mut contents) = (vec![0i64], Vec::new());
    for p in parts {
        let AwkwardKind::Lists { offsets, content } = &p.kind else { return Err(different()) };
        let begin = ends[ends.len() - 1];
        ends.extend(offsets.iter().skip(1).map(|o| o + begin));
        contents.push(&**content);
    }
    Ok(AwkwardKind::Lists { offsets: ends, content: Box::new(Awkward::concat(&contents, false)?) })
}

fn regular(parts: &[&Awkward], size: usize) -> Result<AwkwardKind> {
    let mut contents = Vec::new();
    for p in parts {
        match &p.kind {
            AwkwardKind::Regular { size: s, content } if *s == size => contents.push(&**content),
            _ => return Err(different()),
        }
    }
    Ok(AwkwardKind::Regular { size, content: Box::new(Awkward::concat(&contents, false)?) })
}

/// Records with the fields `names` of the first, which has `count` fields. Tuples are not joined.
fn records(parts: &[&Awkward], names: Option<&[String]>, count: usize, common: bool) -> Result<AwkwardKind> {
    let names = names.ok_or_else(different)?;
    let mut fields = Vec::new();
    for name in names {
        let found: Vec<&Awkward> = parts.iter().filter_map(|p| p.field(name)).collect();
        match found.len() == parts.len() {
            true => fields.push((name.clone(), Awkward::concat(&found, false)?)),
            false if common => {}
            false => return Err(different()),
        }
    }
    let same_count =
        |p: &&Awkward| matches!(&p.kind, AwkwardKind::Records { contents, .. } if contents.len() == count);
    if !common && !parts.iter().all(same_count) {
        return Err(different());
    }
    let (names, contents) = fields.into_iter().unzip();
    Ok(AwkwardKind::Records { names: Some(names), contents })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(len: usize, kind: AwkwardKind) -> Awkward {
        Awkward { len, kind, parameters: Json::object([]) }
    }

    fn bytes(values: &[u8]) -> Awkward {
        of(values.len(), AwkwardKind::Numbers { dtype: Dtype::Uint8, inner: vec![], bytes: values.to_vec() })
    }

    fn shorts(values: &[i16]) -> Awkward {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        of(values.len(), AwkwardKind::Numbers { dtype: Dtype::Int16, inner: vec![], bytes })
    }

    fn record(fields: &[(&str, Awkward)]) -> Awkward {
        let names = Some(fields.iter().map(|(n, _)| (*n).to_owned()).collect());
        let contents: Vec<Awkward> = fields.iter().map(|(_, c)| c.clone()).collect();
        of(contents[0].len, AwkwardKind::Records { names, contents })
    }

    fn refused(parts: [&Awkward; 2], common: bool) {
        let error = Awkward::concat(&parts, common).unwrap_err();
        assert_eq!(error.kind(), crate::Kind::Unsupported, "{error}");
    }

    #[test]
    fn lists_follow_each_other_and_an_empty_array_adds_nothing() {
        let (a, b) = (Awkward::lists(&[0, 2, 2, 3], &[7, 8, 9]), Awkward::lists(&[0, 1], &[5]));
        let both = Awkward::lists(&[0, 2, 2, 3, 4], &[7, 8, 9, 5]);
        let empty = of(0, AwkwardKind::Empty);
        assert_eq!(Awkward::concat(&[&a, &empty, &b], true).unwrap(), both);
        assert_eq!(Awkward::concat(&[&empty], true).unwrap(), empty);
        refused([&a, &shorts(&[1])], true);
    }

    #[test]
    fn numbers_meet_in_a_type_that_holds_both() {
        assert_eq!(Awkward::concat(&[&bytes(&[200]), &shorts(&[-1])], true).unwrap(), shorts(&[200, -1]));
        let pairs = of(1, AwkwardKind::Numbers { dtype: Dtype::Uint8, inner: vec![2], bytes: vec![1, 2] });
        refused([&bytes(&[1]), &pairs], true);
    }

    #[test]
    fn missing_elements_stay_missing_behind_others() {
        let gaps = shorts(&[3, 4]).take(&[Some(1), None]);
        let joined = Awkward::concat(&[&shorts(&[1, 2]), &gaps], true).unwrap();
        let content = Box::new(shorts(&[1, 2, 3, 4]));
        assert_eq!(joined, of(4, AwkwardKind::Options { index: vec![0, 1, 3, -1], content }));
    }

    #[test]
    fn lists_of_one_length_need_the_same_length() {
        let of_size = |size, content: &[i16]| {
            of(content.len() / size, AwkwardKind::Regular { size, content: Box::new(shorts(content)) })
        };
        let both = Awkward::concat(&[&of_size(2, &[1, 2]), &of_size(2, &[3, 4])], true).unwrap();
        assert_eq!(both, of_size(2, &[1, 2, 3, 4]));
        refused([&of_size(2, &[1, 2]), &of_size(1, &[3])], true);
    }

    /// `common` keeps the fields that all have; without it all must have the same. Tuples and different names of the
    /// records (`parameters`) are refused.
    #[test]
    fn records_by_the_names_of_their_fields() {
        let a = record(&[("x", shorts(&[1])), ("y", shorts(&[2]))]);
        let b = record(&[("y", shorts(&[3])), ("z", shorts(&[4]))]);
        assert_eq!(Awkward::concat(&[&a, &b], true).unwrap(), record(&[("y", shorts(&[2, 3]))]));
        refused([&a, &b], false);
        refused([&record(&[("y", shorts(&[3]))]), &b], false);
        let turned = record(&[("y", shorts(&[4])), ("x", shorts(&[3]))]);
        let both = record(&[("x", shorts(&[1, 3])), ("y", shorts(&[2, 4]))]);
        assert_eq!(Awkward::concat(&[&a, &turned], false).unwrap(), both);
        let tuple = of(1, AwkwardKind::Records { names: None, contents: vec![shorts(&[1])] });
        refused([&tuple, &tuple.clone()], true);
        let named = Awkward { parameters: Json::object([("__record__", "point".into())]), ..a.clone() };
        refused([&a, &named], true);
    }
}
