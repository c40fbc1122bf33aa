//! Filter pipeline message (0x000B): the filters applied to a chunk, in write order. Reading undoes them last
//! to first.
//! HDF5 File Format 3.0, IV.A.2.l.

use crate::bytes::Cursor;
use crate::bytes::put::Put;
use crate::error::Result;

/// The maximum number of filters that libhdf5 allows in a pipeline.
const MAX_FILTERS: u8 = 32;

/// The filters in write order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FilterPipeline {
    pub(crate) filters: Vec<Filter>,
}

/// One filter and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The registered filter number.
    pub id: u16,
    /// The name stored in the file, often empty.
    pub name: String,
    /// Whether a writer may skip the filter for a chunk on which it fails.
    pub optional: bool,
    /// The parameters the writer stored.
    pub values: Vec<u32>,
}

pub(crate) fn read(src: &mut Cursor<'_>) -> Result<FilterPipeline> {
    let version = src.read_u8()?;
    let count = src.read_u8()?;
    if count > MAX_FILTERS {
        return Err(src.malformed(format!("number of filters (expected at most {MAX_FILTERS}, got {count})")));
    }
    match version {
        1 => src.skip(6)?,
        2 => {}
        v => return Err(src.unsupported(format!("filter pipeline version {v}"))),
    }
    let filters = (0..count).map(|_| read_filter(src, version)).collect::<Result<_>>()?;
    Ok(FilterPipeline { filters })
}

fn read_filter(src: &mut Cursor<'_>, version: u8) -> Result<Filter> {
    let id = src.read_u16()?;
    // IV.A.2.l, version 2: "Filters with IDs less than 256 (in other words, filters that are defined in this
    // format documentation) do not store the Name Length or Name fields."
    let name_len = if version == 1 || id >= 256 { usize::from(src.read_u16()?) } else { 0 };
    let flags = src.read_u16()?;
    let count = usize::from(src.read_u16()?);
    let mut name = src.split(if version == 1 { name_len.next_multiple_of(8) } else { name_len })?;
    let name = String::from_utf8_lossy(name.take_c_string()?).into_owned();
    let mut raw = src.split(count.saturating_mul(4))?;
    let values = (0..count).map(|_| raw.read_u32()).collect::<Result<_>>()?;
    if version == 1 && count % 2 == 1 {
        src.skip(4.min(src.len()))?; // padded to a multiple of 8; the last filter may lack its padding
    }
    Ok(Filter { id, name, optional: flags & 1 != 0, values })
}

/// Appends the message of a filter pipeline, version 1.
pub(crate) fn write(filters: &[Filter], out: &mut Vec<u8>) {
    out.put(&[1, u8::try_from(filters.len()).unwrap_or(u8::MAX), 0, 0, 0, 0, 0, 0]);
    for f in filters {
        let name_len = if f.name.is_empty() { 0 } else { f.name.len().saturating_add(1).next_multiple_of(8) };
        out.put_u16(f.id);
        out.put_u16(u16::try_from(name_len).unwrap_or(0));
        out.put_u16(u16::from(f.optional));
        out.put_u16(u16::try_from(f.values.len()).unwrap_or(0));
        let end = out.place().saturating_add(name_len);
        out.put(f.name.as_bytes());
        out.fill_to(end);
        f.values.iter().for_each(|v| out.put_u32(*v));
        if f.values.len() % 2 == 1 {
            out.put_u32(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_pads_names_and_values() {
        let bytes = [
            1, 1, 0, 0, 0, 0, 0, 0, // version, one filter
            1, 0, 8, 0, 1, 0, 1, 0, // deflate, name of 8 bytes, optional, one value
            b'd', b'e', b'f', b'l', b'a', b't', b'e', 0, //
            4, 0, 0, 0, 0, 0, 0, 0, // level 4, padding
        ];
        let mut src = Cursor::new(&bytes, 0);
        let p = read(&mut src).unwrap();
        let want = Filter { id: 1, name: "deflate".into(), optional: true, values: vec![4] };
        assert_eq!(p.filters, [want]);
        assert_eq!(src.len(), 0);
    }

    #[test]
    fn version_2_names_only_registered_filters() {
        let bytes = [
            2, 2, // two filters
            2, 0, 1, 0, 1, 0, 4, 0, 0, 0, // shuffle by 4
            0, 0x7d, 4, 0, 1, 0, 0, 0, b'l', b'z', b'f', 0, // 32000
        ];
        let p = read(&mut Cursor::new(&bytes, 0)).unwrap();
        assert_eq!((p.filters[0].id, p.filters[0].values[0]), (2, 4));
        assert_eq!((p.filters[1].id, p.filters[1].name.as_str()), (32000, "lzf"));
        assert!(read(&mut Cursor::new(&[2, 200], 0)).is_err());
        assert!(read(&mut Cursor::new(&bytes[..9], 0)).is_err());
    }
}
