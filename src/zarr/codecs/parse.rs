//! Codecs by their names in metadata.

use super::Codecs;
use super::numbers::Recoding;
use super::sharding::Sharding;
use super::step::{Step, Sum};
use crate::dtype::{Class, Datatype, Dtype, Order};
use crate::error::{Error, Result};
use crate::zarr::json::JsonValue;
use crate::zarr::metadata::datatype::{self, Objects};
use crate::zarr::metadata::named;

impl Codecs {
    /// What the elements of an array of Python objects are, as its filters of version 2 say.
    ///
    /// # Errors
    /// `Unsupported` for sequences of elements that are not read.
    pub(in crate::zarr) fn objects(filters: &[JsonValue]) -> Result<Objects> {
        let first = filters.first().unwrap_or(&JsonValue::Null);
        Ok(match id(first).unwrap_or_default() {
            "vlen-utf8" => Objects::Text,
            "vlen-bytes" => Objects::Bytes,
            "vlen-array" => {
                let name = first.get("dtype").unwrap_or(&JsonValue::Null);
                Objects::Sequences(datatype::of_version_2(name, None)?)
            }
            other => Objects::Unknown(other.to_owned()),
        })
    }

    /// The filters and the compressor of an array of version 2; `columns` is the number of dimensions if they are
    /// stored last to first.
    ///
    /// # Errors
    /// `Unsupported` with its name for a codec that is not read; `Malformed` for wrong parameters.
    pub(in crate::zarr) fn of_version_2(
        filters: &[JsonValue],
        compressor: Option<&JsonValue>,
        datatype: &Datatype,
        columns: Option<usize>,
    ) -> Result<Codecs> {
        let mut codecs = Codecs { steps: Vec::new(), names: Vec::new() };
        if let Some(rank) = columns.filter(|rank| *rank > 1) {
            codecs.push("transpose", Some(Step::Transpose((0..rank).rev().collect())));
        }
        for filter in filters.iter().chain(compressor) {
            let name = id(filter)
                .ok_or_else(|| Error::malformed(format!("a codec without id: {}", filter.brief())))?;
            let step = match name {
                "vlen-utf8" | "vlen-bytes" | "vlen-array" => None,
                _ => numcodecs(name, filter, datatype)?,
            };
            codecs.push(name, step);
        }
        Ok(codecs)
    }

    /// The codecs of an array, or of the inner chunks of a shard, of version 3, and the byte order of numbers.
    /// `chunk` is the shape of the chunks; shards inside shards may be `depth` deep.
    ///
    /// # Errors
    /// As [`of_version_2`](Self::of_version_2).
    pub(in crate::zarr) fn of_version_3(
        list: &[JsonValue],
        datatype: &Datatype,
        chunk: &[u64],
        depth: u32,
    ) -> Result<(Codecs, Order)> {
        let mut codecs = Codecs { steps: Vec::new(), names: Vec::new() };
        let mut order = Order::Little;
        let mut shape = chunk.to_vec();
        let mut is_bytes = false;
        for json in list {
            let (name, configuration) = named(json)?;
            let none = JsonValue::Object(Vec::new());
            let configuration = configuration.unwrap_or(&none);
            let makes_bytes =
                matches!(name, "bytes" | "endian" | "vlen-utf8" | "vlen-bytes" | "sharding_indexed");
            if makes_bytes && is_bytes {
                return Err(Error::malformed(format!("the codec {name} after one that makes bytes")));
            }
            let step = match name {
                "bytes" | "endian" => {
                    order = byte_order(configuration)?;
                    None
                }
                "vlen-utf8" | "vlen-bytes" => match (&datatype.class, name) {
                    (Class::VarString(_), "vlen-utf8") | (Class::VarLen(_), "vlen-bytes") => None,
                    _ => return Err(Error::malformed(format!("the codec {name} of {}", datatype.name()))),
                },
                "transpose" => {
                    let dims = order_of(configuration, shape.len())?;
                    shape = dims.iter().filter_map(|d| shape.get(*d).copied()).collect();
                    Some(Step::Transpose(dims))
                }
                "sharding_indexed" => {
                    let depth =
                        depth.checked_sub(1).ok_or_else(|| Error::limit("shards nested too deeply"))?;
                    let (sharding, inner) = Sharding::read(configuration, datatype, &shape, depth)?;
                    order = inner;
                    Some(Step::Sharding(Box::new(sharding)))
                }
                _ => match name.strip_prefix("numcodecs.") {
                    Some(name) => numcodecs(name, configuration, datatype)?,
                    None => bytes_to_bytes(name)?,
                },
            };
            is_bytes |= makes_bytes;
            codecs.push(name, step);
        }
        if !is_bytes {
            return Err(Error::malformed("codecs without one that makes bytes of an array"));
        }
        if matches!(datatype.class, Class::VarString(_) | Class::VarLen(_))
            && !list.iter().any(|c| {
                named(c)
                    .is_ok_and(|(name, _)| matches!(name, "vlen-utf8" | "vlen-bytes" | "sharding_indexed"))
            })
        {
            return Err(Error::malformed(format!("no codec for elements of {}", datatype.name())));
        }
        Ok((codecs, order))
    }

    fn push(&mut self, name: &str, step: Option<Step>) {
        self.names.push(name.to_owned());
        self.steps.extend(step);
    }
}

fn id(codec: &JsonValue) -> Option<&str> {
    codec.get("id").and_then(JsonValue::as_text)
}

/// The order in `bytes`; little-endian if it is not there, as elements of one byte leave it out.
fn byte_order(configuration: &JsonValue) -> Result<Order> {
    match configuration.get_some("endian").map(JsonValue::as_text) {
        None | Some(Some("little")) => Ok(Order::Little),
        Some(Some("big")) => Ok(Order::Big),
        _ => Err(Error::malformed("bytes (expected an endian of \"little\" or \"big\")")),
    }
}

/// A permutation, or one of the two names that early stores use.
fn order_of(configuration: &JsonValue, rank: usize) -> Result<Vec<usize>> {
    let order = configuration.require("order")?;
    let dims: Vec<usize> = match order.as_text() {
        Some("C") => (0..rank).collect(),
        Some("F") => (0..rank).rev().collect(),
        _ => order.sizes("order")?.into_iter().filter_map(|d| usize::try_from(d).ok()).collect(),
    };
    let mut sorted = dims.clone();
    sorted.sort_unstable();
    if sorted != (0..rank).collect::<Vec<_>>() {
        return Err(Error::malformed(format!(
            "transpose (expected an order of {rank} dimensions, got {})",
            order.brief()
        )));
    }
    Ok(dims)
}

/// Codecs with names of their own in version 3.
fn bytes_to_bytes(name: &str) -> Result<Option<Step>> {
    Ok(Some(match name {
        "gzip" => Step::Gzip,
        "zstd" => Step::Zstd,
        "blosc" => Step::Blosc,
        "crc32c" => Step::Checksum { sum: Sum::Crc32c, in_front: false },
        _ => return Err(unknown(name)),
    }))
}

fn unknown(name: &str) -> Error {
    Error::unsupported(format!("the codec {name}")).of_feature(format!("codec {name}"))
}

/// Codecs of numcodecs; `None` for those whose output needs nothing undone.
fn numcodecs(name: &str, parameters: &JsonValue, datatype: &Datatype) -> Result<Option<Step>> {
    let typed = |key: &str| -> Result<Datatype> {
        match parameters.get_some(key) {
            None => Ok(datatype.clone()),
            Some(JsonValue::Text(text)) => numpy_type(text),
            Some(other) => Err(Error::malformed(format!("{name} (expected a type, got {})", other.brief()))),
        }
    };
    let number = |key: &str, default: f64| -> Result<f64> {
        match parameters.get_some(key) {
            None => Ok(default),
            Some(JsonValue::Float(f)) => Ok(*f),
            #[allow(clippy::cast_precision_loss)] // parameters are small
            Some(JsonValue::Integer(n)) => Ok(*n as f64),
            Some(other) => {
                Err(Error::malformed(format!("{name} (expected a number, got {})", other.brief())))
            }
        }
    };
    Ok(Some(match name {
        "gzip" => Step::Gzip,
        "zlib" => Step::Zlib,
        "zstd" => Step::Zstd,
        "blosc" => Step::Blosc,
        "lz4" => Step::Lz4,
        "bz2" => Step::Bzip2,
        "crc32c" => checksum(Sum::Crc32c, parameters, false)?,
        "crc32" => checksum(Sum::Crc32, parameters, true)?,
        "adler32" => checksum(Sum::Adler32, parameters, true)?,
        "fletcher32" => Step::Fletcher32,
        "shuffle" => {
            let width = parameters.get_some("elementsize").and_then(JsonValue::as_u64).unwrap_or(4);
            Step::Shuffle(usize::try_from(width).unwrap_or(usize::MAX))
        }
        "delta" => {
            let of = typed("dtype")?;
            let stored = if parameters.get_some("astype").is_some() { typed("astype")? } else { of.clone() };
            Step::Recode(Recoding::Delta { of, stored })
        }
        "fixedscaleoffset" => {
            let of = typed("dtype")?;
            let stored = if parameters.get_some("astype").is_some() { typed("astype")? } else { of.clone() };
            let (scale, offset) = (number("scale", 1.0)?, number("offset", 0.0)?);
            Step::Recode(Recoding::FixedScaleOffset { of, stored, scale, offset })
        }
        "astype" => {
            Step::Recode(Recoding::AsType { of: typed("decode_dtype")?, stored: typed("encode_dtype")? })
        }
        "quantize" => Step::Recode(Recoding::AsType { of: typed("dtype")?, stored: typed("astype")? }),
        "packbits" => Step::Recode(Recoding::PackBits),
        // numbers with fewer bits that are not zero
        "bitround" => return Ok(None),
        _ => return Err(unknown(name)),
    }))
}

/// A checksum, which is in front of the bytes if nothing else is said and `in_front` is set.
fn checksum(sum: Sum, parameters: &JsonValue, in_front: bool) -> Result<Step> {
    let in_front = match parameters.get_some("location").map(JsonValue::as_text) {
        None => in_front,
        Some(Some("start")) => true,
        Some(Some("end")) => false,
        Some(_) => return Err(Error::malformed("location of a checksum (expected \"start\" or \"end\")")),
    };
    Ok(Step::Checksum { sum, in_front })
}

/// A type of numpy: `<f4`, or `float32`, which numcodecs accepts too.
fn numpy_type(text: &str) -> Result<Datatype> {
    match text.parse::<Dtype>() {
        Ok(dtype) => Ok(Datatype::of(dtype)),
        Err(_) => datatype::of_version_2(&JsonValue::Text(text.to_owned()), None),
    }
}
