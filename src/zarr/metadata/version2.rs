//! Metadata of version 2: `.zarray`, `.zgroup`, `.zattrs`. Zarr storage specification version 2.

use super::{ArrayMetadata, ChunkKeys, NodeMetadata, attributes, check_shape, datatype, fill};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::zarr::codecs::Codecs;
use crate::zarr::json::JsonValue;

pub(super) fn read_group(json: &JsonValue, zattrs: Option<JsonValue>) -> Result<NodeMetadata> {
    check_format(json)?;
    Ok(NodeMetadata { attributes: attributes(zattrs)?, array: None })
}

pub(super) fn read_array(
    json: &JsonValue,
    zattrs: Option<JsonValue>,
    limits: &Limits,
) -> Result<NodeMetadata> {
    check_format(json)?;
    Ok(NodeMetadata { attributes: attributes(zattrs)?, array: Some(array(json, limits)) })
}

fn check_format(json: &JsonValue) -> Result<()> {
    let format = json.require("zarr_format")?;
    match format.as_u64() {
        Some(2) => Ok(()),
        _ => Err(Error::unsupported(format!("zarr_format (expected 2, got {})", format.brief()))),
    }
}

fn array(json: &JsonValue, limits: &Limits) -> Result<ArrayMetadata> {
    let shape = json.require("shape")?.sizes("shape")?;
    let mut chunk = json.require("chunks")?.sizes("chunks")?;
    let filters = match json.get_some("filters") {
        None => &[],
        Some(list) => list.as_list().ok_or_else(|| Error::malformed("filters (expected a list)"))?,
    };
    let objects = Codecs::objects(filters)?;
    let datatype = datatype::of_version_2(json.require("dtype")?, Some(&objects))?;
    let fortran = match json.get_some("order").map(JsonValue::as_text) {
        None | Some(Some("C")) => false,
        Some(Some("F")) => true,
        Some(_) => return Err(Error::malformed("order (expected \"C\" or \"F\")")),
    };
    let separator = match json.get_some("dimension_separator").map(JsonValue::as_text) {
        None | Some(Some(".")) => '.',
        Some(Some("/")) => '/',
        Some(_) => return Err(Error::malformed("dimension_separator (expected \".\" or \"/\")")),
    };
    check_shape(&shape, &mut chunk, &datatype, limits)?;
    let codecs = Codecs::of_version_2(
        filters,
        json.get_some("compressor"),
        &datatype,
        fortran.then_some(shape.len()),
    )?;
    let value = json.get("fill_value").unwrap_or(&JsonValue::Null);
    let fill = fill::bytes(value, &datatype)?;
    ArrayMetadata { shape, chunk, datatype, fill, codecs, keys: ChunkKeys::Version2(separator) }
        .checked(limits)
}
