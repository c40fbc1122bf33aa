//! The types of elements as both versions name them, and elements in the form in which they are stored.

use super::ZarrVersion;
use crate::bytes::base64;
use crate::dtype::{Class, Datatype, Dtype, Integer, Member, Numeric, Order};
use crate::error::{Error, Result};
use crate::zarr::json::JsonValue;
use std::borrow::Cow;

/// The type of the elements of an array that is written.
#[derive(Debug, Clone)]
pub(super) struct StoredElement {
    /// The type as stored: without gaps.
    datatype: Datatype,
    /// What becomes of elements on their way; `None` if nothing does.
    change: Option<ElementChange>,
    /// Bytes of an element in memory.
    size: usize,
}

#[derive(Debug, Clone)]
enum ElementChange {
    /// Numbers of unusual layout become plain ones.
    Numbers(Numeric),
    /// The bytes of an element are taken from these places.
    Pieces(Vec<BytePiece>),
}

/// Some bytes of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
struct BytePiece {
    at: usize,
    len: usize,
    reverse: bool,
}

impl StoredElement {
    /// Strings of any length.
    pub(super) fn text() -> Self {
        let datatype = Datatype::string();
        StoredElement { datatype, change: None, size: 1 }
    }

    /// Elements of a type of fixed size.
    ///
    /// # Errors
    /// `Unsupported` if zarr has nothing like it.
    pub(super) fn of(datatype: &Datatype) -> Result<Self> {
        let size = usize::try_from(datatype.size).unwrap_or(usize::MAX);
        if let (Class::Integer(_) | Class::Float(_), None, Some(numeric)) =
            (&datatype.class, plain(datatype), Numeric::of(datatype))
        {
            let change = Some(ElementChange::Numbers(numeric));
            return Ok(StoredElement { datatype: Datatype::of(numeric.dtype), change, size });
        }
        let mut pieces = Vec::new();
        let stored = stored(datatype, 0, false, &mut pieces)?;
        let whole = [BytePiece { at: 0, len: size, reverse: false }];
        let change = (merged(&pieces) != whole).then_some(ElementChange::Pieces(pieces));
        Ok(StoredElement { datatype: stored, change, size })
    }

    /// Whether the elements are strings of any length.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.datatype.class, Class::VarString(_))
    }

    /// Whether the elements are records.
    pub(super) fn is_record(&self) -> bool {
        matches!(self.datatype.class, Class::Compound(_))
    }

    /// Bytes of an element in memory.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Bytes of an element as stored.
    pub(super) fn stored_size(&self) -> usize {
        usize::try_from(self.datatype.size).unwrap_or(usize::MAX)
    }

    /// The byte order of the elements.
    pub(super) fn order(&self) -> Order {
        order_of(&self.datatype)
    }

    /// Elements in the form in which they are stored.
    pub(super) fn stored<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        match &self.change {
            None => Cow::Borrowed(bytes),
            Some(ElementChange::Numbers(numeric)) => {
                let n = bytes.len().checked_div(self.size).unwrap_or(0);
                let mut out = vec![0; n.saturating_mul(numeric.dtype.size())];
                numeric.convert(bytes, &mut out);
                Cow::Owned(out)
            }
            Some(ElementChange::Pieces(pieces)) => {
                let mut out = Vec::with_capacity(bytes.len());
                for element in bytes.chunks_exact(self.size.max(1)) {
                    for BytePiece { at, len, reverse } in pieces {
                        let piece = element.get(*at..).and_then(|e| e.get(..*len)).unwrap_or_default();
                        match reverse {
                            false => out.extend_from_slice(piece),
                            true => out.extend(piece.iter().rev()),
                        }
                    }
                }
                Cow::Owned(out)
            }
        }
    }

    /// The name of the type.
    ///
    /// # Errors
    /// `Unsupported` if this version has none.
    pub(super) fn name(&self, version: ZarrVersion) -> Result<JsonValue> {
        match version {
            ZarrVersion::V2 => version_2(&self.datatype),
            ZarrVersion::V3 => version_3(&self.datatype),
        }
    }

    /// The fill value `bytes`, as stored: one element, or nothing for zero.
    pub(super) fn fill(&self, bytes: &[u8]) -> JsonValue {
        let zero = vec![0; if self.is_text() { 0 } else { self.stored_size() }];
        fill(&self.datatype, if bytes.is_empty() { &zero } else { bytes })
    }
}

/// Pieces that follow each other, as one.
fn merged(pieces: &[BytePiece]) -> Vec<BytePiece> {
    let mut out: Vec<BytePiece> = Vec::new();
    for piece in pieces {
        match out.last_mut() {
            Some(last) if last.at.saturating_add(last.len) == piece.at && !last.reverse && !piece.reverse => {
                last.len = last.len.saturating_add(piece.len);
            }
            _ => out.push(piece.clone()),
        }
    }
    out
}

/// The plain number that this is, in whichever byte order.
fn plain(datatype: &Datatype) -> Option<Dtype> {
    let dtype = Numeric::of(datatype)?.dtype;
    let native = match order_of(datatype) {
        Order::Big => crate::zarr::metadata::datatype::ordered(Datatype::of(dtype), Order::Big),
        _ => Datatype::of(dtype),
    };
    (native == *datatype || (dtype == Dtype::Bool && datatype.is_bool())).then_some(dtype)
}

fn order_of(datatype: &Datatype) -> Order {
    match &datatype.class {
        Class::Integer(integer) => integer.order,
        Class::Float(float) => float.order,
        Class::Utf32(order) => *order,
        Class::Complex(base) => order_of(base),
        _ => Order::Little,
    }
}

/// The type as stored of elements at `at`, whose bytes are added to `pieces`. Inside of a compound, `little` makes
/// numbers of the other byte order little-endian.
fn stored(datatype: &Datatype, at: usize, little: bool, pieces: &mut Vec<BytePiece>) -> Result<Datatype> {
    let len = usize::try_from(datatype.size).unwrap_or(usize::MAX);
    let unsupported = || Error::unsupported(format!("zarr has no elements of {}", datatype.name()));
    let turned = little && order_of(datatype) == Order::Big;
    let out = match &datatype.class {
        Class::Integer(_) | Class::Float(_) => {
            let dtype = plain(datatype).ok_or_else(unsupported)?;
            pieces.push(BytePiece { at, len, reverse: turned });
            return Ok(if turned { Datatype::of(dtype) } else { datatype.clone() });
        }
        Class::Enum { .. } if datatype.is_bool() => Datatype::of(Dtype::Bool),
        Class::Enum { base, .. } => return stored(base, at, little, pieces),
        Class::Bitfield(integer) => {
            let class = Class::Integer(Integer { signed: false, ..*integer });
            return stored(&Datatype { size: datatype.size, class }, at, little, pieces);
        }
        Class::Complex(base) => {
            let half = len / 2;
            let part = stored(base, at, little, pieces)?;
            stored(base, at.saturating_add(half), little, pieces)?;
            if !matches!(plain(&part), Some(Dtype::Float32 | Dtype::Float64)) {
                return Err(unsupported());
            }
            return Ok(Datatype { size: datatype.size, class: Class::Complex(Box::new(part)) });
        }
        Class::FixedString(_) | Class::Opaque { .. } if len > 0 => datatype.clone(),
        Class::Utf32(_) if len > 0 && !turned => datatype.clone(),
        // complex numbers as h5py writes them
        Class::Compound(members)
            if complex_part(members).is_some_and(|part| part.size == datatype.size / 2) =>
        {
            let part = complex_part(members).cloned().unwrap_or_else(|| datatype.clone());
            let complex = Datatype { size: datatype.size, class: Class::Complex(Box::new(part)) };
            return stored(&complex, at, little, pieces);
        }
        Class::Compound(members) if !members.is_empty() => {
            let (mut packed, mut offset) = (Vec::new(), 0u32);
            for member in members {
                let from = at.saturating_add(usize::try_from(member.offset).unwrap_or(usize::MAX));
                let inner = stored(&member.datatype, from, true, pieces)?;
                let next = offset.saturating_add(inner.size);
                packed.push(Member { name: member.name.clone(), offset, datatype: inner });
                offset = next;
            }
            return Ok(Datatype { size: offset, class: Class::Compound(packed) });
        }
        _ => return Err(unsupported()),
    };
    pieces.push(BytePiece { at, len, reverse: false });
    Ok(out)
}

/// The type of both parts, if these are the members of a complex number.
fn complex_part(members: &[Member]) -> Option<&Datatype> {
    let [real, imaginary] = members else { return None };
    let parts = real.name == "r" && imaginary.name == "i" && real.datatype == imaginary.datatype;
    let beside = real.offset == 0 && imaginary.offset == real.datatype.size;
    let plain = matches!(plain(&real.datatype), Some(Dtype::Float32 | Dtype::Float64));
    (parts && beside && plain).then_some(&real.datatype)
}

fn text(text: impl Into<String>) -> JsonValue {
    JsonValue::Text(text.into())
}

/// As numpy's array protocol says it.
fn version_2(datatype: &Datatype) -> Result<JsonValue> {
    let size = datatype.size;
    let order = match order_of(datatype) {
        Order::Big => '>',
        _ if size == 1 => '|',
        _ => '<',
    };
    Ok(match &datatype.class {
        Class::VarString(_) => text("|O"),
        Class::Utf32(_) => text(format!("{order}U{}", size / 4)),
        Class::FixedString(_) => text(format!("|S{size}")),
        Class::Opaque { .. } => text(format!("|V{size}")),
        Class::Complex(_) => text(format!("{order}c{size}")),
        Class::Compound(members) => {
            let field = |m: &Member| Ok(JsonValue::List(vec![text(&*m.name), version_2(&m.datatype)?]));
            JsonValue::List(members.iter().map(field).collect::<Result<_>>()?)
        }
        _ => match plain(datatype) {
            Some(Dtype::Bool) => text("|b1"),
            Some(dtype) if dtype.is_float() => text(format!("{order}f{size}")),
            Some(dtype) if dtype.is_unsigned() => text(format!("{order}u{size}")),
            _ => text(format!("{order}i{size}")),
        },
    })
}

fn version_3(datatype: &Datatype) -> Result<JsonValue> {
    let sized = |name: &str| {
        let length = JsonValue::Integer(i128::from(datatype.size));
        named(name, [("length_bytes", length)])
    };
    Ok(match &datatype.class {
        Class::VarString(_) => text("string"),
        Class::Utf32(_) => sized("fixed_length_utf32"),
        Class::FixedString(_) => sized("null_terminated_bytes"),
        Class::Opaque { .. } => sized("raw_bytes"),
        Class::Complex(_) => text(format!("complex{}", datatype.size.saturating_mul(8))),
        Class::Compound(members) => {
            let field = |m: &Member| Ok(JsonValue::List(vec![text(&*m.name), version_3(&m.datatype)?]));
            let fields = members.iter().map(field).collect::<Result<_>>()?;
            named("structured", [("fields", JsonValue::List(fields))])
        }
        _ => match plain(datatype) {
            Some(dtype) => text(dtype.name()),
            None => return Err(Error::unsupported(format!("zarr has no elements of {}", datatype.name()))),
        },
    })
}

/// A name with a configuration.
pub(super) fn named<const N: usize>(name: &str, configuration: [(&str, JsonValue); N]) -> JsonValue {
    JsonValue::object([("name", text(name)), ("configuration", JsonValue::object(configuration))])
}

fn fill(datatype: &Datatype, bytes: &[u8]) -> JsonValue {
    match &datatype.class {
        Class::VarString(_) => text(String::from_utf8_lossy(bytes)),
        Class::Utf32(_) if bytes.iter().all(|b| *b == 0) => text(""),
        Class::Complex(base) => {
            let (real, imaginary) = bytes.split_at(bytes.len() / 2);
            JsonValue::List(vec![fill(base, real), fill(base, imaginary)])
        }
        Class::Integer(_) | Class::Float(_) | Class::Enum { .. } => {
            let number = Numeric::of(datatype).map(|numeric| {
                let mut out = vec![0; numeric.dtype.size()];
                numeric.convert(bytes, &mut out);
                JsonValue::number(numeric.dtype, &out)
            });
            number.unwrap_or(JsonValue::Null)
        }
        _ => text(base64::encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::{Padding, Text};

    fn both(datatype: &Datatype) -> (String, String) {
        let element = StoredElement::of(datatype).unwrap();
        let name = |version| element.name(version).unwrap().to_string();
        (name(ZarrVersion::V2), name(ZarrVersion::V3))
    }

    #[test]
    fn names_in_both_versions() {
        let of = |dtype| both(&Datatype::of(dtype));
        assert_eq!(of(Dtype::Bool), ("\"|b1\"".into(), "\"bool\"".into()));
        assert_eq!(of(Dtype::Uint16), ("\"<u2\"".into(), "\"uint16\"".into()));
        assert_eq!(of(Dtype::Float16), ("\"<f2\"".into(), "\"float16\"".into()));
        let big = crate::zarr::metadata::datatype::ordered(Datatype::of(Dtype::Int32), Order::Big);
        assert_eq!(both(&big), ("\">i4\"".into(), "\"int32\"".into()));
        let complex = Datatype { size: 16, class: Class::Complex(Box::new(Datatype::of(Dtype::Float64))) };
        let names = ("\"<c16\"".to_owned(), "\"complex128\"".to_owned());
        assert_eq!(both(&complex), names);
        let members = Member::of_complex(&Datatype::of(Dtype::Float64));
        assert_eq!(both(&Datatype { size: 16, class: Class::Compound(members) }), names);
    }

    /// Gaps go, numbers of the other byte order turn, and enumerations are their numbers.
    #[test]
    fn compounds_are_packed() {
        let big = crate::zarr::metadata::datatype::ordered(Datatype::of(Dtype::Int16), Order::Big);
        let padding = Text { padding: Padding::NullPadded, utf8: false };
        let fixed = Datatype { size: 2, class: Class::FixedString(padding) };
        let member = |name: &str, offset, datatype| Member { name: name.into(), offset, datatype };
        let members = vec![member("a", 0, big), member("b", 4, fixed)];
        let datatype = Datatype { size: 8, class: Class::Compound(members) };
        let element = StoredElement::of(&datatype).unwrap();
        assert_eq!(both(&datatype).0, r#"[["a", "<i2"], ["b", "|S2"]]"#);
        assert_eq!(element.stored(&[1, 2, 9, 9, b'x', b'y', 9, 9]).as_ref(), [2, 1, b'x', b'y']);
        assert_eq!((element.size(), element.stored_size()), (8, 4));
        assert_eq!(element.fill(&[]), JsonValue::Text("AAAAAA==".into()));
    }

    #[test]
    fn what_zarr_does_not_have_is_refused() {
        for class in [Class::Reference { kind: 0 }, Class::Time { precision: 32 }] {
            let e = StoredElement::of(&Datatype { size: 8, class }).unwrap_err();
            assert!(
                e.kind() == crate::Kind::Unsupported && e.message().contains("zarr has no elements"),
                "{e}"
            );
        }
    }

    #[test]
    fn fill_values_read_back() {
        for (dtype, bytes, json) in [
            (Dtype::Float32, f32::NAN.to_le_bytes().to_vec(), "\"NaN\""),
            (Dtype::Float32, 1.5f32.to_le_bytes().to_vec(), "1.5"),
            (Dtype::Float64, vec![], "0.0"),
            (Dtype::Int8, vec![0xff], "-1"),
            (Dtype::Bool, vec![1], "true"),
            (Dtype::Uint64, vec![0xff; 8], "18446744073709551615"),
        ] {
            let element = StoredElement::of(&Datatype::of(dtype)).unwrap();
            assert_eq!(element.fill(&bytes).to_string(), json);
        }
    }
}
