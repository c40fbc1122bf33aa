//! Encodes datatypes: each class in the oldest version that supports it, as libhdf5 does by default.

use crate::bytes::put::Put;
use crate::dtype::{Class, Datatype, Float, Integer, Member, Order, Padding, Text};
use crate::error::{Error, Result};

/// Appends the message of a datatype.
///
/// # Errors
/// `Unsupported` for types that can only be read.
pub(crate) fn write(t: &Datatype, out: &mut Vec<u8>) -> Result<()> {
    let size = t.size;
    match &t.class {
        Class::Integer(i) => {
            head(out, 1, 0, order_bits(i.order) | u32::from(i.signed).wrapping_shl(3), size);
            write_bits(i, out);
        }
        Class::Bitfield(i) => {
            head(out, 1, 4, order_bits(i.order), size);
            write_bits(i, out);
        }
        Class::Float(f) => write_float(f, size, out),
        Class::FixedString(text) => {
            let (padding, charset) = text_bits(*text);
            head(out, 1, 3, padding | charset.wrapping_shl(4), size);
        }
        Class::VarString(text) => {
            let (padding, charset) = text_bits(*text);
            head(out, 1, 9, 1 | padding.wrapping_shl(4) | charset.wrapping_shl(8), size);
            // the parent type: unsigned bytes
            out.put(&[0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0]);
        }
        Class::VarLen(base) => {
            head(out, 1, 9, 0, size);
            write(base, out)?;
        }
        Class::Opaque { tag } => write_opaque(tag, size, out)?,
        Class::Enum { base, members } => {
            head(out, 1, 8, count_bits(members.len())?, size);
            write(base, out)?;
            members.iter().for_each(|(name, _)| write_padded_name(name, out));
            members.iter().for_each(|(_, value)| out.put(value));
        }
        Class::Compound(members) => write_compound(members, size, out)?,
        // as h5py writes it, which all versions of HDF5 read
        Class::Complex(base) => write_compound(&Member::of_complex(base), size, out)?,
        Class::Array { dims, base } => write_array(dims, base, size, out)?,
        Class::Reference { kind } if *kind < 2 => head(out, 1, 7, u32::from(*kind), size),
        _ => return Err(Error::unsupported("a type that is not written")),
    }
    Ok(())
}

/// Appends the header common to all classes.
fn head(out: &mut Vec<u8>, version: u8, class: u8, bits: u32, size: u32) {
    out.put_u8(version.wrapping_shl(4) | class);
    out.put(bits.to_le_bytes().get(..3).unwrap_or_default());
    out.put_u32(size);
}

fn order_bits(order: Order) -> u32 {
    match order {
        Order::Little => 0,
        Order::Big => 1,
        Order::Vax => 0x41,
    }
}

/// Class bits for padding and character set.
fn text_bits(text: Text) -> (u32, u32) {
    let padding = match text.padding {
        Padding::NullTerminated => 0,
        Padding::NullPadded => 1,
        Padding::Spaces => 2,
    };
    (padding, u32::from(text.utf8))
}

fn count_bits(n: usize) -> Result<u32> {
    u16::try_from(n).map(u32::from).map_err(|_| Error::unsupported(format!("a type of {n} members")))
}

fn write_bits(i: &Integer, out: &mut Vec<u8>) {
    out.put_u16(i.bit_offset);
    out.put_u16(i.precision);
}

fn write_float(f: &Float, size: u32, out: &mut Vec<u8>) {
    let normalization = u32::from(f.normalization).wrapping_shl(4);
    let bits = order_bits(f.order) | normalization | u32::from(f.sign_at).wrapping_shl(8);
    head(out, 1, 1, bits, size);
    out.put_u16(f.bit_offset);
    out.put_u16(f.precision);
    out.put(&[f.exponent_at, f.exponent_bits, f.mantissa_at, f.mantissa_bits]);
    out.put_u32(f.bias);
}

fn write_opaque(tag: &str, size: u32, out: &mut Vec<u8>) -> Result<()> {
    let padded = tag.len().saturating_add(1).next_multiple_of(8);
    let len = u8::try_from(padded).map_err(|_| Error::unsupported("an opaque type with a long tag"))?;
    head(out, 1, 5, u32::from(len), size);
    let start = out.place();
    out.put(tag.as_bytes());
    out.fill_to(start.saturating_add(padded));
    Ok(())
}

fn write_compound(members: &[Member], size: u32, out: &mut Vec<u8>) -> Result<()> {
    // Array members need the next version.
    let arrays = members.iter().any(|m| matches!(m.datatype.class, Class::Array { .. }));
    let version = if arrays { 2 } else { 1 };
    head(out, version, 6, count_bits(members.len())?, size);
    for m in members {
        write_padded_name(&m.name, out);
        out.put_u32(m.offset);
        if version == 1 {
            out.put(&[0; 28]); // no dimensions of its own
        }
        write(&m.datatype, out)?;
    }
    Ok(())
}

fn write_array(dims: &[u64], base: &Datatype, size: u32, out: &mut Vec<u8>) -> Result<()> {
    head(out, 2, 10, 0, size);
    let rank = u8::try_from(dims.len()).map_err(|_| Error::unsupported("an array type of that rank"))?;
    out.put(&[rank, 0, 0, 0]);
    for d in dims {
        out.put_u32(u32::try_from(*d).map_err(|_| Error::unsupported("an array type of that size"))?);
    }
    (0..u32::from(rank)).for_each(|i| out.put_u32(i));
    write(base, out)
}

fn write_padded_name(name: &str, out: &mut Vec<u8>) {
    let end = out.place().saturating_add(name.len().saturating_add(1).next_multiple_of(8));
    out.put(name.as_bytes());
    out.fill_to(end);
}
