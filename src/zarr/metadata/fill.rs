//! The fill value: what the elements of chunks that are not stored have.

use crate::bytes::base64;
use crate::dtype::{Class, Datatype, Order};
use crate::error::{Error, Result};
use crate::zarr::json::JsonValue;

/// The fill value `json` as the bytes of one element; for strings and sequences of any length, as the bytes of
/// the element itself. Empty for zero, which `null` stands for as well.
///
/// # Errors
/// `Malformed` if it is no value of that type.
pub(super) fn bytes(json: &JsonValue, datatype: &Datatype) -> Result<Vec<u8>> {
    if *json == JsonValue::Null || is_zero(json) {
        return Ok(Vec::new());
    }
    let wrong = || {
        Error::malformed(format!(
            "fill value (expected a value of {}, got {})",
            datatype.name(),
            json.brief()
        ))
    };
    let size = usize::try_from(datatype.size).unwrap_or(usize::MAX);
    let mut out = match &datatype.class {
        Class::VarString(_) => return json.as_text().map(|t| t.as_bytes().to_vec()).ok_or_else(wrong),
        Class::VarLen(_) => return json.as_text().and_then(base64::decode).ok_or_else(wrong),
        Class::Utf32(order) => {
            let text = json.as_text().ok_or_else(wrong)?;
            text.chars().flat_map(|c| in_order(u32::from(c).to_le_bytes().to_vec(), *order)).collect()
        }
        Class::Enum { .. } => match json {
            JsonValue::Bool(b) => vec![u8::from(*b)],
            JsonValue::Integer(1) => vec![1],
            _ => return Err(wrong()),
        },
        Class::Complex(base) => match json.as_list() {
            Some([real, imaginary]) => {
                let mut both = number(real, base).ok_or_else(wrong)?;
                both.extend(number(imaginary, base).ok_or_else(wrong)?);
                both
            }
            _ => return Err(wrong()),
        },
        Class::Integer(_) | Class::Float(_) => number(json, datatype).ok_or_else(wrong)?,
        Class::Compound(members) if matches!(json, JsonValue::Object(_)) => {
            let mut out = Vec::new();
            for member in members {
                let mut one = bytes(json.get(&member.name).ok_or_else(wrong)?, &member.datatype)?;
                one.resize(usize::try_from(member.datatype.size).unwrap_or(0), 0);
                out.append(&mut one);
            }
            out
        }
        // base64 in version 2, a list of bytes for the raw types of version 3
        _ => match json {
            JsonValue::List(items) => {
                let byte = |item: &JsonValue| item.as_u64().and_then(|n| u8::try_from(n).ok());
                items.iter().map(byte).collect::<Option<Vec<u8>>>().ok_or_else(wrong)?
            }
            _ => json.as_text().and_then(base64::decode).ok_or_else(wrong)?,
        },
    };
    if out.len() > size {
        return Err(wrong());
    }
    out.resize(size, 0);
    Ok(out)
}

fn is_zero(json: &JsonValue) -> bool {
    match json {
        JsonValue::Integer(0) | JsonValue::Bool(false) => true,
        JsonValue::Float(f) => f.to_bits() == 0,
        JsonValue::Text(text) => text.is_empty(),
        _ => false,
    }
}

/// A number in the bytes of `datatype`.
fn number(json: &JsonValue, datatype: &Datatype) -> Option<Vec<u8>> {
    let size = usize::try_from(datatype.size).ok()?;
    match &datatype.class {
        Class::Integer(integer) => {
            let value = match json {
                JsonValue::Integer(n) => *n,
                #[allow(clippy::cast_possible_truncation)] // a whole number, and far inside
                JsonValue::Float(f) if f.fract() == 0.0 && f.abs() < 1e18 => *f as i128,
                JsonValue::Text(text) => text.parse().ok()?,
                _ => return None,
            };
            let bits = datatype.size.saturating_mul(8).min(64);
            let span = 1i128.checked_shl(bits)?;
            let (least, most) = if integer.signed {
                ((span / 2).checked_neg()?, (span / 2).checked_sub(1)?)
            } else {
                (0, span.checked_sub(1)?)
            };
            let value = Some(value).filter(|n| (least..=most).contains(n))?;
            Some(in_order(value.to_le_bytes().get(..size)?.to_vec(), integer.order))
        }
        Class::Float(float) => {
            let value = match json {
                JsonValue::Float(f) => *f,
                #[allow(clippy::cast_precision_loss)] // rounded as Python rounds it
                JsonValue::Integer(n) => *n as f64,
                JsonValue::Text(text) => match text.as_str() {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    // the bits of the number
                    hex => {
                        let bits = u64::from_str_radix(hex.strip_prefix("0x")?, 16).ok()?;
                        return Some(in_order(bits.to_le_bytes().get(..size)?.to_vec(), float.order));
                    }
                },
                _ => return None,
            };
            #[allow(clippy::cast_possible_truncation)] // rounded, as in numpy
            let bytes = match size {
                2 => half::f16::from_f64(value).to_le_bytes().to_vec(),
                4 => (value as f32).to_le_bytes().to_vec(),
                8 => value.to_le_bytes().to_vec(),
                _ => return None,
            };
            Some(in_order(bytes, float.order))
        }
        _ => None,
    }
}

fn in_order(mut little: Vec<u8>, order: Order) -> Vec<u8> {
    if order == Order::Big {
        little.reverse();
    }
    little
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::zarr::metadata::datatype::{of_version_2, ordered};

    fn fill(json: &str, datatype: &Datatype) -> Result<Vec<u8>> {
        bytes(&JsonValue::parse(json.as_bytes(), None).unwrap(), datatype)
    }

    #[test]
    fn numbers_in_their_own_bytes() {
        let f4 = Datatype::of(Dtype::Float32);
        assert_eq!(fill("1.5", &f4).unwrap(), 1.5f32.to_le_bytes());
        assert_eq!(fill("\"NaN\"", &f4).unwrap(), f32::NAN.to_le_bytes());
        assert_eq!(fill("NaN", &f4).unwrap(), f32::NAN.to_le_bytes());
        assert_eq!(fill("\"0x7fc00001\"", &f4).unwrap(), 0x7fc0_0001u32.to_le_bytes());
        assert_eq!(fill("-0.0", &f4).unwrap(), (-0.0f32).to_le_bytes());
        let big = ordered(Datatype::of(Dtype::Int16), Order::Big);
        assert_eq!(fill("-2", &big).unwrap(), [0xff, 0xfe]);
        assert_eq!(fill("0", &big).unwrap(), [0u8; 0]);
        for wrong in ["32768", "1.5", "\"x\"", "[1]", "true"] {
            assert_eq!(fill(wrong, &big).unwrap_err().kind(), crate::Kind::Malformed, "{wrong}");
        }
        assert_eq!(fill("18446744073709551615", &Datatype::of(Dtype::Uint64)).unwrap(), [255; 8]);
        assert_eq!(fill("true", &Datatype::of(Dtype::Bool)).unwrap(), [1]);
    }

    #[test]
    fn texts_and_bytes() {
        assert_eq!(fill("\"ab\"", &Datatype::string()).unwrap(), b"ab");
        let v2 = |name: &str| of_version_2(&JsonValue::Text(name.into()), None).unwrap();
        assert_eq!(fill("\"é\"", &v2("<U2")).unwrap(), [0xe9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(fill("\"YWI=\"", &v2("|S3")).unwrap(), b"ab\0");
        assert_eq!(fill("[1, 2]", &v2("|V2")).unwrap(), [1, 2]);
        let both =
            of_version_2(&JsonValue::parse(br#"[["a", ">i2"], ["b", "|S2"]]"#, None).unwrap(), None).unwrap();
        assert_eq!(fill(r#"{"b": "eg==", "a": 3}"#, &both).unwrap(), [0, 3, b'z', 0]);
        assert!(fill(r#"{"a": 3}"#, &both).is_err());
        assert!(fill("\"YWJjZA==\"", &v2("|S3")).is_err(), "too long");
    }
}
