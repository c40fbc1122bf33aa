//! CRC-32 of the canonical bytes of values, so that two readers can be compared.

use super::array::ZarrArray;
use super::read::ChunkScratch;
use super::value::ZarrValue;
use crate::bytes::checked;
use crate::dtype::{Class, Datatype, Numeric};
use crate::error::{Place, Result};

/// Bytes of elements per read.
const WINDOW: u64 = 8 << 20;

impl ZarrValue {
    /// CRC-32 of the canonical bytes; 0 if there are no elements.
    ///
    /// # Errors
    /// Errors of the chunks that hold strings.
    pub fn canonical_crc(&self) -> Result<u32> {
        let mut crc = crc32fast::Hasher::new();
        update(self, &mut crc)?;
        Ok(crc.finalize())
    }
}

impl ZarrArray {
    /// CRC-32 of the canonical bytes of all elements, read a window at a time; 0 if there are no elements.
    ///
    /// # Errors
    /// As for any read.
    pub fn canonical_crc(&self) -> Result<u32> {
        let mut crc = crc32fast::Hasher::new();
        let shape = self.shape().to_vec();
        let Some((&rows, inner)) = shape.split_first() else {
            update(&self.read()?, &mut crc)?;
            return Ok(crc.finalize());
        };
        if self.elements() == 0 {
            return Ok(0);
        }
        self.check_holes()?;
        let row_bytes = checked::mul(checked::product(inner)?, u64::from(self.datatype().size))?;
        // whole chunks at a time, so that each is decoded once
        let step = self.chunk_shape().first().copied().unwrap_or(1).max(1);
        let fit = WINDOW.checked_div(row_bytes.max(1)).unwrap_or(1);
        let window = fit.checked_next_multiple_of(step).unwrap_or(step).max(step).min(rows);
        let mut scratch = ChunkScratch::default();
        let (mut start, mut count) = (vec![0; shape.len()], shape.clone());
        let mut at = 0u64;
        while at < rows {
            let n = window.min(rows.saturating_sub(at));
            if let (Some(s), Some(c)) = (start.first_mut(), count.first_mut()) {
                (*s, *c) = (at, n);
            }
            let mut buffer = crate::limits::zeroed(checked::size(checked::mul(n, row_bytes)?)?)?;
            self.read_box(&start, &count, &mut buffer, &mut scratch)?;
            update(&ZarrValue::of_array(self, &count, buffer), &mut crc).in_object(self.object().path())?;
            at = at.saturating_add(n);
        }
        Ok(crc.finalize())
    }
}

fn update(value: &ZarrValue, crc: &mut crc32fast::Hasher) -> Result<()> {
    let elements = value.elements();
    let datatype = elements.datatype();
    match &datatype.class {
        Class::VarString(_) => value.each_item(|text| {
            crc.update(text);
            crc.update(&[0]);
            Ok(())
        }),
        Class::VarLen(base) => value.each_item(|bytes| sequence(base, bytes, crc)),
        _ if Numeric::of(datatype).is_some_and(|n| n.is_native()) => {
            crc.update(elements.bytes());
            Ok(())
        }
        _ => each(datatype, elements.bytes(), crc),
    }
}

/// A sequence: its length, then its elements.
fn sequence(base: &Datatype, bytes: &[u8], crc: &mut crc32fast::Hasher) -> Result<()> {
    let count = (bytes.len() as u64).checked_div(u64::from(base.size)).unwrap_or(0);
    crc.update(&count.to_le_bytes());
    each(base, bytes, crc)
}

fn each(datatype: &Datatype, bytes: &[u8], crc: &mut crc32fast::Hasher) -> Result<()> {
    let width = usize::try_from(datatype.size).unwrap_or(usize::MAX).max(1);
    let mut out = Vec::new();
    for element in bytes.chunks_exact(width) {
        datatype.canonical(element, &mut out)?;
        if out.len() > 1 << 16 {
            crc.update(&out);
            out.clear();
        }
    }
    crc.update(&out);
    Ok(())
}
