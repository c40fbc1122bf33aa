//! Decodes datatypes, versions 1 to 5.

use crate::bytes::Cursor;
use crate::dtype::{Class, Datatype, Float, Integer, Member, Order, Padding, Text};
use crate::error::{Error, Result};

/// Nesting depth of a type, and its limit.
#[derive(Clone, Copy)]
struct Depth {
    at: u32,
    most: u32,
}

impl Depth {
    /// The depth of the types nested in one at this depth.
    fn below(self) -> Self {
        Depth { at: self.at.saturating_add(1), ..self }
    }
}

/// Reads a datatype message; types may be nested to `nesting` levels.
///
/// # Errors
/// `Limit` if types are nested deeper; `Unsupported` for unknown versions and classes; `Malformed`.
pub(crate) fn read(src: &mut Cursor<'_>, nesting: u32) -> Result<Datatype> {
    read_nested(src, Depth { at: 0, most: nesting })
}

fn read_nested(src: &mut Cursor<'_>, depth: Depth) -> Result<Datatype> {
    let start = src.offset();
    if depth.at > depth.most {
        return Err(Error::limit(format!("datatype nested deeper than {}", depth.most)).at(start));
    }
    let first = src.read_u8()?;
    let (version, class) = (first.wrapping_shr(4), first & 0x0f);
    let [b0, b1, b2] = src.array()?;
    let bits = u32::from_le_bytes([b0, b1, b2, 0]);
    let size = src.read_u32()?;
    if !(1..=5).contains(&version) {
        return Err(Error::unsupported(format!("datatype version {version}")).at(start));
    }
    if size == 0 && !matches!(class, 3 | 5) {
        return Err(Error::malformed("datatype of 0 bytes").at(start));
    }
    let class = match class {
        0 => Class::Integer(read_integer(src, bits, size)?),
        1 => Class::Float(read_float(src, bits, size)?),
        2 => Class::Time { precision: src.read_u16()? },
        3 => Class::FixedString(read_text(src, bits, bits.wrapping_shr(4))?),
        // IV.A.2.d: bit 3, the sign bit of integers, is reserved here.
        4 => Class::Bitfield(read_integer(src, bits & 7, size)?),
        5 => {
            // IV.A.2.d, ASCII Tag: "It is NUL-padded to a multiple of 8 bytes."
            let mut tag = src.split(usize::from(b0).next_multiple_of(8).min(src.len()))?;
            Class::Opaque { tag: String::from_utf8_lossy(tag.take_c_string()?).into_owned() }
        }
        6 => Class::Compound(read_members(src, version, bits & 0xffff, size, depth)?),
        7 => Class::Reference { kind: b0 & 0x0f },
        8 => read_enum(src, version, bits & 0xffff, depth)?,
        9 => read_variable(src, bits, depth)?,
        10 => read_array(src, version, size, depth)?,
        11 => Class::Complex(Box::new(read_nested(src, depth.below())?)),
        c => return Err(Error::unsupported(format!("datatype class {c}")).at(start)),
    };
    if let Class::Enum { base, .. } = &class
        && base.size != size
    {
        return Err(Error::malformed(format!("enum of {size} bytes over a base of {}", base.size)).at(start));
    }
    if let Class::Complex(base) = &class
        && base.size.checked_mul(2) != Some(size)
    {
        return Err(
            Error::malformed(format!("complex of {size} bytes over a base of {}", base.size)).at(start)
        );
    }
    Ok(Datatype { size, class })
}

fn order(src: &Cursor<'_>, bits: u32) -> Result<Order> {
    // HDF5 File Format 3.0, IV.A.2.d: "These two non-contiguous bits specify the "endianness" of the bytes in
    // the datatype element." Bit 6 exists only for floats; set alone it is reserved.
    match (bits & 1 != 0, bits & 0x40 != 0) {
        (false, false) => Ok(Order::Little),
        (true, false) => Ok(Order::Big),
        (true, true) => Ok(Order::Vax),
        (false, true) => Err(src.malformed("reserved byte order")),
    }
}

fn read_integer(src: &mut Cursor<'_>, bits: u32, size: u32) -> Result<Integer> {
    let order = order(src, bits & 1)?;
    let (bit_offset, precision) = (src.read_u16()?, src.read_u16()?);
    check_bits(src, bit_offset, precision, size)?;
    Ok(Integer { order, signed: bits & 8 != 0, bit_offset, precision })
}

/// Checks that the significant bits are inside the element, so that conversions can shift safely.
fn check_bits(src: &Cursor<'_>, bit_offset: u16, precision: u16, size: u32) -> Result<()> {
    let end = u64::from(bit_offset).saturating_add(u64::from(precision));
    if precision == 0 || end > u64::from(size).saturating_mul(8) {
        return Err(
            src.malformed(format!("{precision} bits at bit {bit_offset} of an element of {size} bytes"))
        );
    }
    Ok(())
}

fn read_float(src: &mut Cursor<'_>, bits: u32, size: u32) -> Result<Float> {
    let order = order(src, bits)?;
    let (bit_offset, precision) = (src.read_u16()?, src.read_u16()?);
    check_bits(src, bit_offset, precision, size)?;
    let f = Float {
        order,
        bit_offset,
        precision,
        sign_at: u8::try_from(bits.wrapping_shr(8) & 0xff).unwrap_or(0),
        exponent_at: src.read_u8()?,
        exponent_bits: src.read_u8()?,
        mantissa_at: src.read_u8()?,
        mantissa_bits: src.read_u8()?,
        bias: src.read_u32()?,
        // IV.A.2.d, 2: "The most significant bit of the mantissa is not stored, but is implied to be set."
        normalization: u8::try_from(bits.wrapping_shr(4) & 3).unwrap_or(0),
    };
    let inside =
        |at: u8, n: u8| u64::from(at).saturating_add(u64::from(n)) <= u64::from(size).saturating_mul(8);
    if f.exponent_bits == 0
        || f.mantissa_bits == 0
        || f.normalization == 3
        || !inside(f.sign_at, 1)
        || !inside(f.exponent_at, f.exponent_bits)
        || !inside(f.mantissa_at, f.mantissa_bits)
    {
        return Err(src.malformed("float whose parts lie outside its bytes"));
    }
    Ok(f)
}

fn read_text(src: &Cursor<'_>, padding: u32, charset: u32) -> Result<Text> {
    let padding = match padding & 0x0f {
        0 => Padding::NullTerminated,
        1 => Padding::NullPadded,
        2 => Padding::Spaces,
        p => return Err(src.malformed(format!("string padding (expected 0 to 2, got {p})"))),
    };
    match charset & 0x0f {
        0 => Ok(Text { padding, utf8: false }),
        1 => Ok(Text { padding, utf8: true }),
        c => Err(src.malformed(format!("string character set (expected 0 or 1, got {c})"))),
    }
}

fn read_members(
    src: &mut Cursor<'_>,
    version: u8,
    count: u32,
    size: u32,
    depth: Depth,
) -> Result<Vec<Member>> {
    let mut out = Vec::new();
    for _ in 0..count {
        let start = src.len();
        let name = String::from_utf8_lossy(src.take_c_string()?).into_owned();
        if version < 3 {
            // IV.A.2.d, version 3: "It is not NUL-padded to a multiple of 8 bytes." Before, the name is, with
            // its NUL.
            let used = start.saturating_sub(src.len());
            src.skip(used.next_multiple_of(8).saturating_sub(used))?;
        }
        let offset = match version {
            1 | 2 => src.read_u32()?,
            // IV.A.2.d, version 3: "The field size is the minimum number of bytes necessary, based on the
            // size of the datatype element."
            _ => u32::try_from(src.read_uint(crate::bytes::checked::bytes_for(u64::from(size)))?)
                .unwrap_or(u32::MAX),
        };
        let mut dims = Vec::new();
        if version == 1 {
            let rank = src.read_u8()?;
            src.skip(11)?; // reserved, permutation, reserved
            let all = (0..4).map(|_| src.read_u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
            dims = all.into_iter().take(usize::from(rank)).collect();
        }
        let mut datatype = read_nested(src, depth.below())?;
        // IV.A.2.d, Dimensionality: "If set to a value greater than zero, this field indicates that the
        // member is an array of values."
        if !dims.is_empty() {
            datatype = array_of(src, dims, datatype, None)?;
        }
        let end = u64::from(offset).saturating_add(u64::from(datatype.size));
        if end > u64::from(size) {
            let text = format!("member '{name}' ends at byte {end} of a compound of {size} bytes");
            return Err(src.malformed(text));
        }
        out.push(Member { name, offset, datatype });
    }
    Ok(out)
}

/// Builds an array type; if `size` is given, the array must have that size.
fn array_of(src: &Cursor<'_>, dims: Vec<u64>, base: Datatype, size: Option<u32>) -> Result<Datatype> {
    let bytes = dims.iter().try_fold(u64::from(base.size), |a, &d| a.checked_mul(d));
    let bytes = bytes.and_then(|b| u32::try_from(b).ok()).filter(|b| size.is_none_or(|s| s == *b));
    let Some(bytes) = bytes else {
        return Err(src.malformed(format!(
            "array type {dims:?} of {} bytes an element does not fit its size",
            base.size
        )));
    };
    Ok(Datatype { size: bytes, class: Class::Array { dims, base: Box::new(base) } })
}

fn read_enum(src: &mut Cursor<'_>, version: u8, count: u32, depth: Depth) -> Result<Class> {
    let base = Box::new(read_nested(src, depth.below())?);
    if !matches!(base.class, Class::Integer(_)) {
        return Err(src.malformed("enum over something other than integers"));
    }
    // IV.A.2.d, version 3: "Each name is stored as a null terminated ASCII string, not padded to a multiple
    // of eight bytes." Earlier versions pad them.
    let mut names = Vec::new();
    for _ in 0..count {
        let start = src.len();
        names.push(String::from_utf8_lossy(src.take_c_string()?).into_owned());
        if version < 3 {
            let used = start.saturating_sub(src.len());
            src.skip(used.next_multiple_of(8).saturating_sub(used))?;
        }
    }
    let width = usize::try_from(base.size).unwrap_or(usize::MAX);
    // IV.A.2.d: "The values are packed (no inter-value padding) and the size of each value is determined by
    // the parent type."
    let values = names.iter().map(|_| src.take(width).map(<[u8]>::to_vec)).collect::<Result<Vec<_>>>()?;
    Ok(Class::Enum { base, members: names.into_iter().zip(values).collect() })
}

fn read_variable(src: &mut Cursor<'_>, bits: u32, depth: Depth) -> Result<Class> {
    // IV.A.2.d: "Variable-length strings are considered to have the parent type `H5T_NATIVE_UCHAR`"; it is
    // stored but carries no information.
    let base = read_nested(src, depth.below())?;
    match bits & 0x0f {
        0 => Ok(Class::VarLen(Box::new(base))),
        1 => Ok(Class::VarString(read_text(src, bits.wrapping_shr(4), bits.wrapping_shr(8))?)),
        k => Err(src.malformed(format!("variable-length kind (expected 0 or 1, got {k})"))),
    }
}

fn read_array(src: &mut Cursor<'_>, version: u8, size: u32, depth: Depth) -> Result<Class> {
    let rank = src.read_u8()?;
    if version < 3 {
        src.skip(3)?;
    }
    let dims = (0..rank).map(|_| src.read_u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
    if version < 3 {
        // IV.A.2.d: "Currently, dimension permutations are not supported"
        src.skip(usize::from(rank).saturating_mul(4))?;
    }
    let base = read_nested(src, depth.below())?;
    Ok(array_of(src, dims, base, Some(size))?.class)
}
