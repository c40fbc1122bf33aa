//! Datatype message (0x0003): what the bytes of an element mean. HDF5 File Format 3.0, IV.A.2.d.

use crate::bytes::Cursor;
use crate::bytes::put::Put;
use crate::dtype::{Class, Datatype, Float, Integer, Member, Order, Padding, Text};
use crate::error::{Error, Result};

/// How deep a type lies in others.
#[derive(Clone, Copy)]
struct Depth {
    at: u32,
    most: u32,
}

impl Depth {
    /// That of the types inside one at this depth.
    fn below(self) -> Self {
        Depth { at: self.at.saturating_add(1), ..self }
    }
}

/// Reads a datatype message with types inside types to `nesting` levels.
///
/// # Errors
/// `Limit` where there are more levels; `Unsupported` for versions and classes that are not known; `Malformed`.
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
        4 => Class::Bitfield(read_integer(src, bits & 7, size)?),
        5 => {
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
    // bit 0 is the low bit of the order everywhere, bit 6 the high one for floats
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

/// Protects the shifts of conversions: the significant bits lie inside the element.
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
            // names are padded to a multiple of eight bytes, the NUL counted
            let used = start.saturating_sub(src.len());
            src.skip(used.next_multiple_of(8).saturating_sub(used))?;
        }
        let offset = match version {
            1 | 2 => src.read_u32()?,
            // the offset is as wide as the compound's size needs
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

/// An array type; its size must be `size` where one is given.
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
    let values = names.iter().map(|_| src.take(width).map(<[u8]>::to_vec)).collect::<Result<Vec<_>>>()?;
    Ok(Class::Enum { base, members: names.into_iter().zip(values).collect() })
}

fn read_variable(src: &mut Cursor<'_>, bits: u32, depth: Depth) -> Result<Class> {
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
        src.skip(usize::from(rank).saturating_mul(4))?; // permutation
    }
    let base = read_nested(src, depth.below())?;
    Ok(array_of(src, dims, base, Some(size))?.class)
}

/// Appends the message of a type, in the oldest version that can say it (as libhdf5 does by default).
///
/// # Errors
/// `Unsupported` for types that are only read.
pub(crate) fn write(t: &Datatype, out: &mut Vec<u8>) -> Result<()> {
    let mut head = |version: u8, class: u8, bits: u32, size: u32| {
        out.put_u8(version.wrapping_shl(4) | class);
        out.put(bits.to_le_bytes().get(..3).unwrap_or_default());
        out.put_u32(size);
    };
    let order_bits = |o: Order| match o {
        Order::Little => 0u32,
        Order::Big => 1,
        Order::Vax => 0x41,
    };
    let text_bits = |t: Text| {
        let padding = match t.padding {
            Padding::NullTerminated => 0u32,
            Padding::NullPadded => 1,
            Padding::Spaces => 2,
        };
        (padding, u32::from(t.utf8))
    };
    match &t.class {
        Class::Integer(i) => {
            head(1, 0, order_bits(i.order) | u32::from(i.signed).wrapping_shl(3), t.size);
            out.put_u16(i.bit_offset);
            out.put_u16(i.precision);
        }
        Class::Bitfield(i) => {
            head(1, 4, order_bits(i.order), t.size);
            out.put_u16(i.bit_offset);
            out.put_u16(i.precision);
        }
        Class::Float(f) => {
            let normalization = u32::from(f.normalization).wrapping_shl(4);
            let bits = order_bits(f.order) | normalization | u32::from(f.sign_at).wrapping_shl(8);
            head(1, 1, bits, t.size);
            out.put_u16(f.bit_offset);
            out.put_u16(f.precision);
            out.put(&[f.exponent_at, f.exponent_bits, f.mantissa_at, f.mantissa_bits]);
            out.put_u32(f.bias);
        }
        Class::FixedString(text) => {
            let (padding, charset) = text_bits(*text);
            head(1, 3, padding | charset.wrapping_shl(4), t.size);
        }
        Class::VarString(text) => {
            let (padding, charset) = text_bits(*text);
            head(1, 9, 1 | padding.wrapping_shl(4) | charset.wrapping_shl(8), t.size);
            // a sequence of bytes
            out.put(&[0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0]);
        }
        Class::VarLen(base) => {
            head(1, 9, 0, t.size);
            write(base, out)?;
        }
        Class::Opaque { tag } => {
            let padded = tag.len().saturating_add(1).next_multiple_of(8);
            let Ok(len) = u8::try_from(padded) else {
                return Err(Error::unsupported("an opaque type with a long tag"));
            };
            head(1, 5, u32::from(len), t.size);
            let start = out.place();
            out.put(tag.as_bytes());
            out.fill_to(start.saturating_add(padded));
        }
        Class::Enum { base, members } => {
            head(1, 8, count_bits(members.len())?, t.size);
            write(base, out)?;
            for (name, _) in members {
                write_padded_name(name, out);
            }
            members.iter().for_each(|(_, value)| out.put(value));
        }
        Class::Compound(members) => {
            // arrays as members are a version younger
            let version =
                if members.iter().any(|m| matches!(m.datatype.class, Class::Array { .. })) { 2 } else { 1 };
            head(version, 6, count_bits(members.len())?, t.size);
            for m in members {
                write_padded_name(&m.name, out);
                out.put_u32(m.offset);
                if version == 1 {
                    out.put(&[0; 28]); // no dimensions of its own
                }
                write(&m.datatype, out)?;
            }
        }
        Class::Array { dims, base } => {
            head(2, 10, 0, t.size);
            let small =
                |n: u64| u32::try_from(n).map_err(|_| Error::unsupported("an array type of that size"));
            let rank =
                u8::try_from(dims.len()).map_err(|_| Error::unsupported("an array type of that rank"))?;
            out.put(&[rank, 0, 0, 0]);
            for d in dims {
                out.put_u32(small(*d)?);
            }
            (0..u32::from(rank)).for_each(|i| out.put_u32(i));
            write(base, out)?;
        }
        Class::Reference { kind } if *kind < 2 => head(1, 7, u32::from(*kind), t.size),
        _ => return Err(Error::unsupported("a type that is not written")),
    }
    Ok(())
}

fn count_bits(n: usize) -> Result<u32> {
    u16::try_from(n).map(u32::from).map_err(|_| Error::unsupported(format!("a type of {n} members")))
}

fn write_padded_name(name: &str, out: &mut Vec<u8>) {
    let end = out.place().saturating_add(name.len().saturating_add(1).next_multiple_of(8));
    out.put(name.as_bytes());
    out.fill_to(end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;

    fn read(bytes: &[u8]) -> Result<Datatype> {
        super::read(&mut Cursor::new(bytes, 0), 32)
    }

    const INT32: [u8; 12] = [0x10, 0x08, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0]; // signed, 4 bytes, 32 bits at 0
    const FLOAT32: [u8; 20] = [
        0x11, 0x20, 31, 0, 4, 0, 0, 0, // little-endian, implied bit, sign at 31
        0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0,
        0, // exponent 8 bits at 23, mantissa 23 bits at 0, bias 127
    ];

    #[test]
    fn numbers() {
        let Class::Integer(i) = read(&INT32).unwrap().class else { panic!() };
        assert_eq!(i, Integer { order: Order::Little, signed: true, bit_offset: 0, precision: 32 });
        let Class::Float(f) = read(&FLOAT32).unwrap().class else { panic!() };
        assert_eq!((f.sign_at, f.exponent_at, f.exponent_bits, f.bias, f.normalization), (31, 23, 8, 127, 2));
        let mut wide = INT32;
        wide[10] = 33;
        assert!(read(&wide).is_err(), "33 bits in 4 bytes");
    }

    #[test]
    fn what_is_written_is_read() {
        for dtype in Dtype::ALL {
            let t = Datatype::of(dtype);
            let mut bytes = Vec::new();
            write(&t, &mut bytes).unwrap();
            assert_eq!(read(&bytes).unwrap(), t, "{dtype}");
        }
        let text = Text { padding: Padding::NullPadded, utf8: true };
        let member = |name: &str, offset, datatype| Member { name: name.into(), offset, datatype };
        let array = Class::Array { dims: vec![2, 3], base: Box::new(Datatype::of(Dtype::Int16)) };
        let t = Datatype {
            size: 60,
            class: Class::Compound(vec![
                member("a", 0, Datatype::of(Dtype::Float64)),
                member("a longer name", 8, Datatype { size: 12, class: array }),
                member("text", 20, Datatype { size: 24, class: Class::FixedString(text) }),
                member("any", 44, Datatype::string()),
            ]),
        };
        let mut bytes = Vec::new();
        write(&t, &mut bytes).unwrap();
        assert_eq!(read(&bytes).unwrap(), t);
        // as h5py writes a float64
        bytes.clear();
        write(&Datatype::of(Dtype::Float64), &mut bytes).unwrap();
        assert_eq!(
            bytes,
            [0x11, 0x20, 0x3f, 0, 8, 0, 0, 0, 0, 0, 0x40, 0, 0x34, 0x0b, 0, 0x34, 0xff, 3, 0, 0]
        );
    }

    #[test]
    fn a_bool_is_an_enum() {
        let mut b = vec![0x38, 2, 0, 0, 1, 0, 0, 0]; // version 3 enum of two, one byte
        b.extend([0x10, 0x08, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0]); // int8
        b.extend(b"FALSE\0TRUE\0\x00\x01");
        assert!(read(&b).unwrap().is_bool());
    }

    #[test]
    fn compounds_of_versions_1_and_3() {
        let mut v1 = vec![0x16, 1, 0, 0, 8, 0, 0, 0]; // one member, 8 bytes
        v1.extend(b"ab\0\0\0\0\0\0");
        v1.extend([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // offset 0, one dimension
        v1.extend([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // of 2
        v1.extend(INT32);
        let Class::Compound(m) = read(&v1).unwrap().class else { panic!() };
        assert!(matches!(&m[0].datatype.class, Class::Array { dims, .. } if dims == &[2]));
        let mut v3 = vec![0x36, 1, 0, 0, 8, 0, 0, 0];
        v3.extend(b"ab\0\x04");
        v3.extend(INT32);
        let Class::Compound(m) = read(&v3).unwrap().class else { panic!() };
        assert_eq!((m[0].name.as_str(), m[0].offset), ("ab", 4));
        v3[11] = 5;
        assert!(read(&v3).is_err(), "member past the end");
    }

    #[test]
    fn a_type_nested_without_end_is_refused() {
        let mut b = Vec::new();
        for _ in 0..100 {
            b.extend([0x19, 0, 0, 0, 16, 0, 0, 0]); // variable length of ...
        }
        assert_eq!(read(&b).unwrap_err().kind(), crate::Kind::Limit);
    }
}
