//! Metadata of version 3: `zarr.json`. Zarr core specification version 3.

use super::{ArrayMetadata, ChunkKeys, NodeMetadata, attributes, check_shape, datatype, fill};
use crate::dtype::Order;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::zarr::codecs::Codecs;
use crate::zarr::json::JsonValue;

/// Members that an array may have; others must say that they need not be understood.
const KNOWN: [&str; 12] = [
    "zarr_format",
    "node_type",
    "shape",
    "data_type",
    "chunk_grid",
    "chunk_key_encoding",
    "fill_value",
    "codecs",
    "attributes",
    "storage_transformers",
    "dimension_names",
    "consolidated_metadata",
];

pub(super) fn read(json: &JsonValue, limits: &Limits) -> Result<NodeMetadata> {
    let format = json.require("zarr_format")?;
    if format.as_u64() != Some(3) {
        return Err(Error::unsupported(format!("zarr_format (expected 3, got {})", format.brief())));
    }
    let node = json.require("node_type")?;
    let array = match node.as_text() {
        Some("group") => None,
        Some("array") => Some(array(json, limits)),
        _ => {
            let text = format!("node_type (expected \"group\" or \"array\", got {})", node.brief());
            return Err(Error::malformed(text));
        }
    };
    Ok(NodeMetadata { attributes: attributes(json.get("attributes").cloned())?, array })
}

fn array(json: &JsonValue, limits: &Limits) -> Result<ArrayMetadata> {
    if let JsonValue::Object(members) = json {
        let unknown = members.iter().find(|(name, value)| {
            let optional = value.get("must_understand").and_then(JsonValue::as_bool) == Some(false);
            !KNOWN.contains(&name.as_str()) && !optional
        });
        if let Some((name, _)) = unknown {
            return Err(Error::unsupported(format!("the extension '{name}'")).of_feature(name.as_str()));
        }
    }
    if json.get_some("storage_transformers").is_some_and(|list| !list.as_list().is_some_and(<[_]>::is_empty))
    {
        return Err(Error::unsupported("storage transformers").of_feature("storage transformers"));
    }
    let shape = json.require("shape")?.sizes("shape")?;
    if json
        .get_some("dimension_names")
        .is_some_and(|names| names.as_list().map(<[_]>::len) != Some(shape.len()))
    {
        return Err(Error::malformed(format!(
            "dimension_names (expected {}, one for each dimension)",
            shape.len()
        )));
    }
    let datatype = datatype::of_version_3(json.require("data_type")?)?;
    let grid = json.require("chunk_grid")?;
    let (name, configuration) = named(grid)?;
    if name != "regular" {
        return Err(Error::unsupported(format!("the chunk grid '{name}'")).of_feature(name));
    }
    let mut chunk = configuration.unwrap_or(&JsonValue::Null).require("chunk_shape")?.sizes("chunk_shape")?;
    let keys = keys(json.require("chunk_key_encoding")?)?;
    check_shape(&shape, &mut chunk, &datatype, limits)?;
    let steps = json.require("codecs")?;
    let steps = steps.as_list().ok_or_else(|| Error::malformed("codecs (expected a list)"))?;
    let (codecs, order) = Codecs::of_version_3(steps, &datatype, &chunk, limits.nesting)?;
    let datatype = if order == Order::Big { datatype::ordered(datatype, order) } else { datatype };
    let fill = fill::bytes(json.require("fill_value")?, &datatype)?;
    ArrayMetadata { shape, chunk, datatype, fill, codecs, keys }.checked(limits)
}

fn keys(json: &JsonValue) -> Result<ChunkKeys> {
    let (name, configuration) = named(json)?;
    let separator = match configuration.and_then(|c| c.get_some("separator")).map(JsonValue::as_text) {
        None => None,
        Some(Some("/")) => Some('/'),
        Some(Some(".")) => Some('.'),
        Some(_) => return Err(Error::malformed("separator of chunk keys (expected \"/\" or \".\")")),
    };
    match name {
        "default" => Ok(ChunkKeys::Default(separator.unwrap_or('/'))),
        "v2" => Ok(ChunkKeys::Version2(separator.unwrap_or('.'))),
        _ => Err(Error::unsupported(format!("the chunk key encoding '{name}'")).of_feature(name)),
    }
}

/// Name and configuration of an extension point: an object, or the name alone.
pub(in crate::zarr) fn named(json: &JsonValue) -> Result<(&str, Option<&JsonValue>)> {
    let name = json.as_text().or_else(|| json.get("name").and_then(JsonValue::as_text));
    let name = name.ok_or_else(|| Error::malformed(format!("expected a name, got {}", json.brief())))?;
    let configuration = json.get_some("configuration");
    if configuration.is_some_and(|c| !matches!(c, JsonValue::Object(_))) {
        return Err(Error::malformed(format!("configuration of {name} (expected an object)")));
    }
    Ok((name, configuration))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(more: &str) -> Result<ArrayMetadata> {
        let text = format!(
            r#"{{"zarr_format": 3, "node_type": "array", "shape": [4], "data_type": "int8", "fill_value": 0,
                "chunk_grid": {{"name": "regular", "configuration": {{"chunk_shape": [2]}}}},
                "chunk_key_encoding": "default", "codecs": ["bytes"]{more}}}"#
        );
        read(&JsonValue::parse(text.as_bytes(), None)?, &Limits::default())?.array.unwrap()
    }

    #[test]
    fn what_must_be_understood_is_refused() {
        let sound =
            r#", "storage_transformers": [], "dimension_names": ["x"], "more": {"must_understand": false}"#;
        assert_eq!(metadata(sound).unwrap().chunk, [2]);
        for (more, kind) in [
            (r#", "storage_transformers": ["x"]"#, crate::Kind::Unsupported),
            (r#", "storage_transformers": "x""#, crate::Kind::Unsupported),
            (r#", "more": {"name": "x"}"#, crate::Kind::Unsupported),
            (r#", "dimension_names": ["x", "y"]"#, crate::Kind::Malformed),
            (r#", "codecs": [{"name": "bytes", "configuration": 3}]"#, crate::Kind::Malformed),
            (r#", "codecs": ["bytes", "lzma"]"#, crate::Kind::Unsupported),
        ] {
            assert_eq!(metadata(more).unwrap_err().kind(), kind, "{more}");
        }
    }
}
