//! Types of elements by their names in metadata: numpy's in version 2, zarr's own in version 3.

use crate::dtype::{Class, Datatype, Dtype, Member, Order, Padding, Text};
use crate::error::{Error, Result};
use crate::zarr::json::JsonValue;

/// How the elements of an object array of version 2 are encoded, as the first of its filters says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Objects {
    /// UTF-8 strings.
    Text,
    /// Byte strings.
    Bytes,
    /// Sequences of numbers.
    Sequences(Datatype),
    /// By a filter that is not read, such as `pickle`; nothing if there is none.
    Unknown(String),
}

impl Objects {
    /// The type of the elements in memory.
    ///
    /// # Errors
    /// `Unsupported` with the name of a filter that is not read.
    fn datatype(&self) -> Result<Datatype> {
        match self {
            Objects::Text => Ok(Datatype::string()),
            Objects::Bytes => Ok(bytes()),
            Objects::Sequences(base) => Ok(sequence(base.clone())),
            Objects::Unknown(name) if name.is_empty() => {
                let text = "Python objects without a filter that makes bytes of them";
                Err(Error::unsupported(text).of_feature("Python objects"))
            }
            Objects::Unknown(name) => {
                let feature = format!("codec {name}");
                Err(Error::unsupported(format!("Python objects in the codec {name}")).of_feature(feature))
            }
        }
    }
}

fn bytes() -> Datatype {
    sequence(Datatype::of(Dtype::Uint8))
}

fn sequence(base: Datatype) -> Datatype {
    Datatype { size: 16, class: Class::VarLen(Box::new(base)) }
}

/// The type called `name` in version 2, a string of numpy's array protocol or a list of fields. `objects` says
/// what an array of objects holds.
///
/// # Errors
/// `Unsupported` with the name for types that are not read, such as dates.
pub(in crate::zarr) fn of_version_2(name: &JsonValue, objects: Option<&Objects>) -> Result<Datatype> {
    if let Some(fields) = name.as_list() {
        return structure(fields.iter().map(|field| of_field(field, objects)));
    }
    let text = name.as_text().ok_or_else(|| unknown(&name.brief()))?;
    let mut chars = text.chars();
    let order = match chars.next() {
        Some('>') => Order::Big,
        Some('<' | '|' | '=') => Order::Little,
        _ => return Err(unknown(text)),
    };
    let kind = chars.next().unwrap_or_default();
    let digits: String = chars.as_str().chars().take_while(char::is_ascii_digit).collect();
    let size = digits.parse::<u32>().unwrap_or(0);
    if matches!(kind, 'M' | 'm') {
        return Err(dates(text));
    }
    if digits.len() != chars.as_str().len() {
        return Err(unknown(text));
    }
    let numbers = match (kind, size) {
        ('b', 1) => "bool".to_owned(),
        ('i', _) => format!("int{}", size.saturating_mul(8)),
        ('u', _) => format!("uint{}", size.saturating_mul(8)),
        ('f', _) => format!("float{}", size.saturating_mul(8)),
        ('c', _) => format!("complex{}", size.saturating_mul(8)),
        ('U', _) => return Ok(utf32(size.checked_mul(4).ok_or_else(|| unknown(text))?, order)),
        ('S', _) => return Ok(fixed_string(size)),
        ('V', _) => return Ok(opaque(size)),
        ('O', _) => {
            return objects.unwrap_or(&Objects::Unknown(String::new())).datatype();
        }
        _ => return Err(unknown(text)),
    };
    number(&numbers).map(|datatype| ordered(datatype, order)).ok_or_else(|| unknown(text))
}

fn of_field(field: &JsonValue, objects: Option<&Objects>) -> Result<(String, Datatype)> {
    let parts = field.as_list().unwrap_or_default();
    let (Some(name), Some(datatype)) = (parts.first().and_then(JsonValue::as_text), parts.get(1)) else {
        return Err(unknown(&field.brief()));
    };
    let base = of_version_2(datatype, objects)?;
    if base.has_references() {
        return Err(unknown(&field.brief()));
    }
    let datatype = match parts.get(2) {
        None => base,
        Some(dims) => {
            let dims = match dims.as_u64() {
                Some(n) => vec![n],
                None => dims.sizes("shape of a field")?,
            };
            Datatype { size: base.size, class: Class::Array { dims, base: Box::new(base) } }.packed()?
        }
    };
    Ok((name.to_owned(), datatype))
}

/// The type of `data_type` in version 3: a name, or an object with a name and a configuration.
///
/// # Errors
/// As [`of_version_2`].
pub(super) fn of_version_3(data_type: &JsonValue) -> Result<Datatype> {
    let configuration = data_type.get("configuration");
    let name = data_type.as_text().or_else(|| data_type.get("name").and_then(JsonValue::as_text));
    let name = name.ok_or_else(|| unknown(&data_type.brief()))?;
    let length = || -> Result<u32> {
        let n = configuration.and_then(|c| c.get("length_bytes")).and_then(JsonValue::as_u64);
        n.and_then(|n| u32::try_from(n).ok()).ok_or_else(|| unknown(&data_type.brief()))
    };
    match name {
        "string" => Ok(Datatype::string()),
        "bytes" | "variable_length_bytes" => Ok(bytes()),
        "fixed_length_utf32" => Ok(utf32(length()?, Order::Little)),
        "null_terminated_bytes" => Ok(fixed_string(length()?)),
        "raw_bytes" => Ok(opaque(length()?)),
        "structured" | "struct" => {
            let fields = configuration.and_then(|c| c.get("fields")).and_then(JsonValue::as_list);
            structure(fields.unwrap_or_default().iter().map(|field| {
                // a pair, or an object with a name and a type
                let parts = field.as_list().unwrap_or_default();
                let name = parts.first().or_else(|| field.get("name")).and_then(JsonValue::as_text);
                let datatype = parts.get(1).or_else(|| field.get("data_type"));
                let (Some(name), Some(datatype)) = (name, datatype) else {
                    return Err(unknown(&field.brief()));
                };
                Ok((name.to_owned(), of_version_3(datatype)?))
            }))
        }
        "numpy.datetime64" | "numpy.timedelta64" => Err(dates(name)),
        _ => match name.strip_prefix('r').and_then(|bits| bits.parse::<u32>().ok()) {
            Some(bits) if bits.is_multiple_of(8) => Ok(opaque(bits / 8)),
            _ => number(name).ok_or_else(|| unknown(name)),
        },
    }
}

/// A number or bool by the name that numpy and version 3 share, little-endian.
fn number(name: &str) -> Option<Datatype> {
    let part = match name {
        "complex64" => Dtype::Float32,
        "complex128" => Dtype::Float64,
        _ => return name.parse::<Dtype>().ok().map(Datatype::of),
    };
    let base = Datatype::of(part);
    Some(Datatype { size: base.size.saturating_mul(2), class: Class::Complex(Box::new(base)) })
}

/// The same type in another byte order.
pub(crate) fn ordered(mut datatype: Datatype, order: Order) -> Datatype {
    match &mut datatype.class {
        Class::Integer(integer) => integer.order = order,
        Class::Float(float) => float.order = order,
        Class::Utf32(old) => *old = order,
        Class::Complex(base) | Class::Array { base, .. } => **base = ordered((**base).clone(), order),
        Class::Compound(members) => {
            for member in members {
                member.datatype = ordered(member.datatype.clone(), order);
            }
        }
        _ => {}
    }
    datatype
}

fn utf32(size: u32, order: Order) -> Datatype {
    Datatype { size, class: Class::Utf32(order) }
}

fn fixed_string(size: u32) -> Datatype {
    Datatype { size, class: Class::FixedString(Text { padding: Padding::NullPadded, utf8: false }) }
}

fn opaque(size: u32) -> Datatype {
    Datatype { size, class: Class::Opaque { tag: String::new() } }
}

/// A compound of fields without gaps, as numpy packs them.
fn structure(fields: impl Iterator<Item = Result<(String, Datatype)>>) -> Result<Datatype> {
    let (mut members, mut offset) = (Vec::new(), 0u32);
    for field in fields {
        let (name, datatype) = field?;
        let next = offset.checked_add(datatype.size).ok_or_else(|| unknown("a structure of 4 GiB"))?;
        members.push(Member { name, offset, datatype });
        offset = next;
    }
    if members.is_empty() {
        return Err(unknown("a structure without fields"));
    }
    Ok(Datatype { size: offset, class: Class::Compound(members) })
}

fn unknown(name: &str) -> Error {
    Error::unsupported(format!("the element type {name}")).of_feature(format!("element type {name}"))
}

fn dates(name: &str) -> Error {
    Error::unsupported(format!("dates and times ({name})")).of_feature("dates and times")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(text: &str) -> Result<Datatype> {
        of_version_2(&JsonValue::parse(text.as_bytes(), None).unwrap(), Some(&Objects::Text))
    }

    fn v3(text: &str) -> Result<Datatype> {
        of_version_3(&JsonValue::parse(text.as_bytes(), None).unwrap())
    }

    #[test]
    fn numpys_names() {
        for (text, name, size) in [
            ("\"<f4\"", "float32", 4),
            ("\">i8\"", "int64", 8),
            ("\"|b1\"", "bool", 1),
            ("\"|u1\"", "uint8", 1),
            ("\"<c16\"", "complex128", 16),
            ("\"<U10\"", "utf32[10]", 40),
            ("\"|S5\"", "string[5]", 5),
            ("\"|V3\"", "opaque[3]", 3),
            ("\"|O\"", "string", 16),
            (r#"[["a", "<i4"], ["b", "<f8", [2]]]"#, "compound{a:int32,b:array<float64;2>}", 20),
        ] {
            let datatype = v2(text).unwrap();
            assert_eq!((datatype.name().as_str(), datatype.size), (name, size), "{text}");
        }
        let Class::Integer(integer) = v2("\">i8\"").unwrap().class else { panic!() };
        assert_eq!(integer.order, Order::Big);
        for text in ["\"<M8[ns]\"", "\"<f16\"", "\"i4\"", "\"<i3\"", "3", "[]", "[[\"a\"]]", "\"<i4x\""] {
            assert_eq!(v2(text).unwrap_err().kind(), crate::Kind::Unsupported, "{text}");
        }
    }

    #[test]
    fn names_of_version_3() {
        for (text, name) in [
            ("\"int16\"", "int16"),
            ("\"bool\"", "bool"),
            ("\"r24\"", "opaque[3]"),
            ("\"string\"", "string"),
            ("\"variable_length_bytes\"", "vlen<uint8>"),
            (r#"{"name": "fixed_length_utf32", "configuration": {"length_bytes": 8}}"#, "utf32[2]"),
            (
                r#"{"name": "structured", "configuration": {"fields": [["a", "int8"], ["b", "float32"]]}}"#,
                "compound{a:int8,b:float32}",
            ),
        ] {
            assert_eq!(v3(text).unwrap().name(), name, "{text}");
        }
        for text in ["\"bfloat16\"", "\"r3\"", "{}", "\"numpy.datetime64\""] {
            assert_eq!(v3(text).unwrap_err().kind(), crate::Kind::Unsupported, "{text}");
        }
    }
}
