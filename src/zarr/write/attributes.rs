//! Attributes as JSON.

use super::{ZarrAttributes, ZarrData};
use crate::dtype::Elements;
use crate::error::{Error, Place, Result};
use crate::strings::readable;
use crate::zarr::json::JsonValue;

/// An object of attributes.
///
/// # Errors
/// `Unsupported`, with the name, for values that JSON does not have.
pub(super) fn json(attributes: ZarrAttributes<'_>) -> Result<JsonValue> {
    let one = |(name, value): &(&str, ZarrData<'_>)| {
        Ok(((*name).to_owned(), self::value(*value).in_object(&format!("@{name}"))?))
    };
    Ok(JsonValue::Object(attributes.iter().map(one).collect::<Result<_>>()?))
}

fn value(value: ZarrData<'_>) -> Result<JsonValue> {
    match value {
        ZarrData::Null => Ok(JsonValue::Null),
        ZarrData::Texts(strings, dims) => {
            let texts = strings.iter().map(|text| readable(text).into_owned());
            Ok(shaped(&mut texts.map(JsonValue::Text), dims))
        }
        ZarrData::Elements(datatype, dims, bytes) => {
            let elements = Elements::new(datatype.clone(), Some(dims.to_vec()), bytes.to_vec());
            let (dtype, bytes) = elements.numbers().map_err(|_| {
                Error::unsupported(format!("an attribute of {}, which JSON does not have", datatype.name()))
            })?;
            Ok(shaped(&mut bytes.chunks_exact(dtype.size()).map(|b| JsonValue::number(dtype, b)), dims))
        }
    }
}

/// The next values as lists of shape `dims`.
fn shaped(values: &mut dyn Iterator<Item = JsonValue>, dims: &[u64]) -> JsonValue {
    match dims.split_first() {
        None => values.next().unwrap_or(JsonValue::Null),
        Some((n, [])) => JsonValue::List(values.take(usize::try_from(*n).unwrap_or(usize::MAX)).collect()),
        Some((n, inner)) => JsonValue::List((0..*n).map(|_| shaped(values, inner)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::{Datatype, Dtype};

    #[test]
    fn values_of_every_shape() {
        let (one, strings) = (["x\"y"].into_iter().collect(), ["a", "b"].into_iter().collect());
        let (nan, bool) = (f64::NAN.to_le_bytes(), Datatype::of(Dtype::Bool));
        let (int, float) = (Datatype::of(Dtype::Int16), Datatype::of(Dtype::Float64));
        let numbers: Vec<u8> = (1..=4i16).flat_map(i16::to_le_bytes).collect();
        let attributes = [
            ("text", ZarrData::Texts(&one, &[])),
            ("list", ZarrData::Texts(&strings, &[2])),
            ("none", ZarrData::Null),
            ("empty", ZarrData::Elements(&float, &[0], &[])),
            ("table", ZarrData::Elements(&int, &[2, 2], &numbers)),
            ("nan", ZarrData::Elements(&float, &[], &nan)),
            ("yes", ZarrData::Elements(&bool, &[], &[1])),
        ];
        assert_eq!(
            json(&attributes).unwrap().to_string(),
            r#"{"text": "x\"y", "list": ["a", "b"], "none": null, "empty": [], "table": [[1, 2], [3, 4]], "#
                .to_owned()
                + r#""nan": "NaN", "yes": true}"#
        );
        let class = crate::dtype::Class::Reference { kind: 0 };
        let reference = Datatype { size: 8, class };
        let e = json(&[("r", ZarrData::Elements(&reference, &[], &[0; 8]))]).unwrap_err();
        assert_eq!((e.kind(), e.object()), (crate::Kind::Unsupported, Some("@r")));
    }
}
