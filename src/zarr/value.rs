//! Elements with their type, as read from attributes and arrays.

use super::array::ZarrArray;
use super::codecs::CodecWork;
use super::json::JsonValue;
use crate::bytes::Cursor;
use crate::dtype::{Class, Datatype, Dtype, Elements, Order};
use crate::error::{Error, Result};
use crate::strings::Strings;
use std::sync::Arc;

/// Elements in their stored type, with their shape.
#[derive(Debug, Clone)]
pub struct ZarrValue {
    elements: Elements,
    items: Items,
}

/// Where strings and sequences of any length are, which the elements refer to: the number of a chunk, and the
/// position in it.
#[derive(Debug, Clone)]
enum Items {
    /// In memory, as one chunk.
    Memory(Arc<Strings>),
    /// In the chunks of an array.
    Array(ZarrArray),
}

impl ZarrValue {
    /// Elements that were read from `array`.
    pub(super) fn of_array(array: &ZarrArray, shape: &[u64], bytes: Vec<u8>) -> Self {
        let elements = Elements::new(array.datatype().clone(), Some(shape.to_vec()), bytes);
        ZarrValue { elements, items: Items::Array(array.clone()) }
    }

    /// No elements and no shape, which AnnData marks an array for.
    pub(crate) fn null(array: &ZarrArray) -> Self {
        let elements = Elements::new(array.datatype().clone(), None, Vec::new());
        ZarrValue { elements, items: Items::Array(array.clone()) }
    }

    /// An attribute: text, numbers and bools, lists of one of these; anything else as JSON text.
    pub(super) fn of_json(json: &JsonValue) -> Self {
        let texts = |shape: Vec<u64>, strings: Strings| {
            let references = (0..strings.len() as u64).flat_map(|n| [0u64.to_le_bytes(), n.to_le_bytes()]);
            let bytes = references.flatten().collect();
            let elements = Elements::new(Datatype::string(), Some(shape), bytes);
            ZarrValue { elements, items: Items::Memory(Arc::new(strings)) }
        };
        if let Some(text) = json.as_text() {
            return texts(Vec::new(), [text].into_iter().collect());
        }
        let (shape, items) = match json {
            JsonValue::List(items) => (vec![items.len() as u64], items.as_slice()),
            one => (Vec::new(), std::slice::from_ref(one)),
        };
        if let Some((dtype, bytes)) = numbers(items) {
            let elements = Elements::new(Datatype::of(dtype), Some(shape), bytes);
            return ZarrValue { elements, items: Items::Memory(Arc::default()) };
        }
        match items.iter().map(JsonValue::as_text).collect::<Option<Vec<_>>>() {
            Some(all) if matches!(json, JsonValue::List(_)) => texts(shape, all.into_iter().collect()),
            _ => texts(Vec::new(), [json.to_string()].into_iter().collect()),
        }
    }

    /// Type, shape and bytes of the elements.
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// Other elements whose strings are where those of this value are.
    pub(crate) fn with_elements(&self, elements: Elements) -> ZarrValue {
        ZarrValue { elements, items: self.items.clone() }
    }

    /// The elements as byte strings, without padding.
    ///
    /// # Errors
    /// `Unsupported` if they are not text; `Malformed` and other errors of the chunks that hold them.
    pub fn strings(&self) -> Result<Strings> {
        let datatype = self.elements.datatype();
        let mut out = Strings::new();
        match &datatype.class {
            Class::FixedString(text) => self.elements.each(|s| out.push(text.padding.trim(s))),
            Class::Utf32(order) => {
                let mut broken = None;
                self.elements.each(|s| match utf32(s, *order) {
                    Ok(text) => out.push(text.as_bytes()),
                    Err(e) => broken = Some(e),
                });
                return broken.map_or(Ok(out), Err);
            }
            Class::VarString(_) => self.each_item(|text| {
                out.push(text);
                Ok(())
            })?,
            _ => return Err(Error::unsupported(format!("text expected, got {}", datatype.name()))),
        }
        Ok(out)
    }

    /// Calls `f` with the bytes of each string or sequence, in the order of the elements. Each chunk is decoded
    /// once as long as its elements follow each other.
    ///
    /// # Errors
    /// Errors of the chunks and of `f`.
    pub(crate) fn each_item(&self, mut f: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut work = CodecWork::default();
        let mut chunk: Option<(u64, Option<Strings>)> = None;
        for reference in self.elements.bytes().chunks_exact(16) {
            let mut src = Cursor::new(reference, 0);
            let (number, n) = (src.read_u64()?, usize::try_from(src.read_u64()?).unwrap_or(usize::MAX));
            let missing = || Error::malformed("a reference to a string that is not there");
            match &self.items {
                Items::Memory(strings) => f(strings.bytes(n).ok_or_else(missing)?)?,
                Items::Array(array) => {
                    if chunk.as_ref().is_none_or(|(kept, _)| *kept != number) {
                        chunk = Some((number, array.items(number, &mut work)?));
                    }
                    match &chunk {
                        Some((_, Some(strings))) => f(strings.bytes(n).ok_or_else(missing)?)?,
                        _ => f(array.fill_item())?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// The items as numbers of one type, if they are: bools, integers or floats.
fn numbers(items: &[JsonValue]) -> Option<(Dtype, Vec<u8>)> {
    if items.is_empty() {
        return None;
    }
    let bools: Option<Vec<u8>> = items.iter().map(|j| j.as_bool().map(u8::from)).collect();
    if let Some(bytes) = bools {
        return Some((Dtype::Bool, bytes));
    }
    let integers = items.iter().map(|j| match j {
        JsonValue::Integer(n) => Some(*n),
        _ => None,
    });
    if let Some(all) = integers.collect::<Option<Vec<i128>>>() {
        let signed: Option<Vec<[u8; 8]>> =
            all.iter().map(|n| i64::try_from(*n).ok().map(i64::to_le_bytes)).collect();
        if let Some(bytes) = signed {
            return Some((Dtype::Int64, bytes.concat()));
        }
        let unsigned: Option<Vec<[u8; 8]>> =
            all.iter().map(|n| u64::try_from(*n).ok().map(u64::to_le_bytes)).collect();
        return unsigned.map(|bytes| (Dtype::Uint64, bytes.concat()));
    }
    let floats = items.iter().map(|j| match j {
        JsonValue::Float(f) => Some(f.to_le_bytes()),
        #[allow(clippy::cast_precision_loss)] // as Python converts them
        JsonValue::Integer(n) => Some((*n as f64).to_le_bytes()),
        _ => None,
    });
    floats.collect::<Option<Vec<_>>>().map(|bytes| (Dtype::Float64, bytes.concat()))
}

/// Code points up to the padding of zeros.
fn utf32(bytes: &[u8], order: Order) -> Result<String> {
    let codes: Vec<u32> = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|c| if order == Order::Big { u32::from_be_bytes(*c) } else { u32::from_le_bytes(*c) })
        .collect();
    let end = codes.iter().rposition(|c| *c != 0).map_or(0, |n| n.saturating_add(1));
    let chars = codes
        .iter()
        .take(end)
        .map(|c| char::from_u32(*c).ok_or_else(|| Error::malformed(format!("{c:#x} is not a character"))));
    chars.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(text: &str) -> ZarrValue {
        ZarrValue::of_json(&JsonValue::parse(text.as_bytes(), None).unwrap())
    }

    #[test]
    fn attributes_have_the_types_of_their_json() {
        for (text, name, shape) in [
            ("\"csr_matrix\"", "string", Some(vec![])),
            ("[3, 4]", "int64", Some(vec![2])),
            ("true", "bool", Some(vec![])),
            ("[1, 2.5]", "float64", Some(vec![2])),
            ("18446744073709551615", "uint64", Some(vec![])),
            ("[\"a\", \"b\"]", "string", Some(vec![2])),
            ("[]", "string", Some(vec![0])),
            ("{\"a\": 1}", "string", Some(vec![])),
            ("null", "string", Some(vec![])),
        ] {
            let value = attribute(text);
            let elements = value.elements();
            assert_eq!(
                (elements.datatype().name().as_str(), elements.shape().map(<[u64]>::to_vec)),
                (name, shape),
                "{text}"
            );
        }
        let strings = attribute("[\"a\", \"\", \"c\"]").strings().unwrap();
        assert_eq!(strings.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"c"]);
        assert_eq!(attribute("{\"a\": [1]}").strings().unwrap().utf8(0).unwrap(), "{\"a\": [1]}");
    }

    #[test]
    fn text_of_code_points() {
        let bytes: Vec<u8> = ['é', 'x', '\0'].iter().flat_map(|c| u32::from(*c).to_be_bytes()).collect();
        assert_eq!(utf32(&bytes, Order::Big).unwrap(), "éx");
        assert!(utf32(&[0, 0xd8, 0, 0], Order::Little).is_err());
    }
}
